"""The frames of a DICOM object: how their bytes become numbers, where they are in the file, where in the patient.

Enhanced objects are read from their functional groups, single-frame objects from their top level, by the same lookups.
Part of the import child's first look (standard library only); raises Refusal for what would make a wrong picture.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from backend.imaging import part10
from backend.imaging.part10 import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, PIXEL_DATA, DataSet, Part10, name
from backend.imaging.refusal import Refusal

NATIVE = frozenset({IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED})
JPEG = "1.2.840.10008.1.2.4."
RLE = "1.2.840.10008.1.2.5"
PACKED = frozenset({RLE, *(f"{JPEG}{last}" for last in (50, 51, 53, 55, 57, 70, 80, 81, 90, 91, 201, 202, 203))})


@dataclass(frozen=True)
class PixelLayout:
    """How a frame's bytes become numbers. `kind` integer, float or double; palette: (offset, bytes, entries, first,
    bits) of the red, green and blue tables."""

    syntax: str
    rows: int
    columns: int
    samples: int
    photometric: str
    planar: int
    kind: str
    bits_allocated: int
    bits_stored: int
    signed: bool
    swapped_bytes: bool
    palette: tuple[tuple[int, int, int, int, int], ...] | None


@dataclass(frozen=True)
class FrameInfo:
    """One frame: where its bytes are, where it lies in the patient (LPS, mm), and what tells it from its neighbours.

    spans: (offset, length) pieces in the file, or in the inflated data set of a deflated file. spacing_mm: (between
    rows, between columns), as DICOM orders it. orientation: row vector then column vector. keys: values that split a
    series into images where positions repeat (acquisition, echo, time, b-value …).
    """

    spans: tuple[tuple[int, int], ...]
    position_mm: tuple[float, float, float] | None
    orientation: tuple[float, float, float, float, float, float] | None
    spacing_mm: tuple[float, float] | None
    thickness_mm: float | None
    slope: float
    intercept: float
    keys: tuple[str, ...]


def whole_number(dataset: DataSet, tag: int, vr: str, what: str) -> int:
    try:
        number = dataset.number(tag, vr)
    except ValueError:
        number = math.nan
    if number is None:
        raise Refusal("pixel_description", f"{what} {name(tag)} is missing")
    if not math.isfinite(number) or number != int(number) or number < 0:
        raise Refusal("pixel_description", f"{what} {name(tag)} is not a whole number")
    return int(number)


def read_frames(dataset: DataSet, file: Part10, layout: PixelLayout, warnings: list[str]) -> tuple[FrameInfo, ...]:
    count = 1
    if 0x00280008 in dataset.elements and dataset.raw(0x00280008) is not None:
        count = whole_number(dataset, 0x00280008, "IS", "Number of Frames")
    if not 1 <= count <= 1 << 20:
        raise Refusal("pixel_description", f"Number of Frames (0028,0008) is {count}")
    tag = {"integer": PIXEL_DATA, "float": 0x7FE00008, "double": 0x7FE00009}[layout.kind]
    element = dataset.elements[tag]
    packed = element.fragments is not None
    if packed != (file.syntax in PACKED):
        found = "packed" if packed else "unpacked"
        raise Refusal("transfer_syntax", f"the pixel data is {found}, which is not what {file.syntax} means")
    spans = _packed_spans(dataset, element, count, file) if packed else _native_spans(element, layout, count)
    shared = dataset.items(0x52009229)
    each = dataset.items(0x52009230)
    if each and len(each) != count:
        raise Refusal("pixel_description", f"the file describes {len(each)} frames and says it holds {count}")
    groups: list[list[DataSet]] = [[*(each[k : k + 1]), *shared[:1], dataset] for k in range(count)]
    if 0x00283000 in dataset.elements:
        warnings.append("modality_lut: the file's lookup table is not applied; stored values are shown")
    return tuple(_frame(span, group) for span, group in zip(spans, groups, strict=True))


def _native_spans(element: part10.Element, layout: PixelLayout, count: int) -> list[tuple[tuple[int, int], ...]]:
    samples = 2 if layout.photometric == "YBR_FULL_422" else layout.samples
    size = layout.rows * layout.columns * samples * layout.bits_allocated // 8
    total = size * count
    if element.length != total and element.length != total + total % 2:
        code = "truncated" if element.length < total else "pixel_description"
        raise Refusal(code, f"the image needs {total} bytes of pixel data, the file holds {element.length}")
    return [((element.offset + k * size, size),) for k in range(count)]


def _packed_spans(
    dataset: DataSet, element: part10.Element, count: int, file: Part10
) -> list[tuple[tuple[int, int], ...]]:
    """The fragments of each frame: one each, all for a single frame, or by the offset table, or by their beginnings."""
    fragments = element.fragments or ()
    if not fragments:
        raise Refusal("corrupt", "the packed pixel data lacks its offset table")
    table, pieces = fragments[0], fragments[1:]
    if count == 1 and pieces:
        return [pieces]
    if len(pieces) == count:
        return [(piece,) for piece in pieces]
    starts = _table_starts(dataset, file, table, pieces) or _marked_starts(file.data, pieces)
    if len(starts) != count:
        raise Refusal("truncated", f"the pixel data holds {len(starts) or len(pieces)} of {count} frames")
    return [pieces[first:last] for first, last in zip(starts, [*starts[1:], len(pieces)], strict=True)]


def _table_starts(
    dataset: DataSet, file: Part10, table: tuple[int, int], pieces: Sequence[tuple[int, int]]
) -> list[int]:
    """The fragment each frame begins with, by the basic or the extended offset table; empty when it does not fit."""
    extended = dataset.raw(0x7FE00001)
    raw, width = (extended, 8) if extended else (bytes(file.data[table[0] : table[0] + table[1]]), 4)
    if not raw or not pieces:
        return []
    offsets = [int.from_bytes(raw[at : at + width], "little") for at in range(0, len(raw) - width + 1, width)]
    place = {offset - pieces[0][0]: number for number, (offset, _) in enumerate(pieces)}
    starts = [place.get(offset, -1) for offset in offsets]
    return starts if starts[0] == 0 and all(a < b for a, b in zip(starts, starts[1:], strict=False)) else []


def _marked_starts(data: part10.Buffer, pieces: Sequence[tuple[int, int]]) -> list[int]:
    """Fragments that begin a JPEG, JPEG-LS or JPEG 2000 codestream."""
    begins = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  ")
    return [k for k, (at, _) in enumerate(pieces) if bytes(data[at : at + 8]).startswith(begins)]


def _frame(spans: tuple[tuple[int, int], ...], groups: Sequence[DataSet]) -> FrameInfo:
    """One frame's facts: from its own functional groups, then the shared ones, then the file's top level."""
    position = _triple(groups, 0x00209113, 0x00200032, 3, "Image Position")
    orientation = _triple(groups, 0x00209116, 0x00200037, 6, "Image Orientation")
    spacing = _triple(groups, 0x00289110, 0x00280030, 2, "Pixel Spacing")
    for tag in (0x00181164, 0x00182010):  # on the detector: good for the aspect ratio
        spacing = spacing or _triple(groups[-1:], 0, tag, 2, "Imager Pixel Spacing")
    slope = _rescale(groups, 0x00281053, 1.0)
    if not math.isfinite(slope) or slope <= 0:
        raise Refusal("pixel_description", f"Rescale Slope (0028,1053) is {slope:g}; it must be greater than 0")
    intercept = _rescale(groups, 0x00281052, 0.0)
    if not math.isfinite(intercept):
        raise Refusal("pixel_description", "Rescale Intercept (0028,1052) is not finite")
    return FrameInfo(
        spans,
        (position[0], position[1], position[2]) if position else None,
        unit_vectors(orientation) if orientation else None,
        check_spacing(spacing) if spacing else None,
        _thickness(groups),
        slope,
        intercept,
        _keys(groups),
    )


def _lookup(groups: Sequence[DataSet], sequence: int, tag: int, vr: str) -> list[float] | None:
    for group in groups:
        places = [group] if sequence == 0 or group is groups[-1] else group.items(sequence)[:1]
        for place in places:
            values = place.numbers(tag, vr)
            if values is not None:
                return values
    return None


def _triple(groups: Sequence[DataSet], sequence: int, tag: int, count: int, what: str) -> list[float] | None:
    try:
        values = _lookup(groups, sequence, tag, "DS")
    except ValueError:
        values = [math.nan]
    if values is None:
        return None
    if len(values) != count or not all(math.isfinite(value) for value in values):
        raise Refusal("geometry", f"{what} {name(tag)} must be {count} finite numbers")
    if count == 3 and max(abs(value) for value in values) > 1e5:
        raise Refusal("geometry", f"{what} {name(tag)} lies more than 100 m away")
    return values


def unit_vectors(values: Sequence[float]) -> tuple[float, float, float, float, float, float]:
    row, column = values[:3], values[3:]
    for vector in (row, column):
        if abs(math.hypot(*vector) - 1) > 0.01:
            raise Refusal("geometry", "Image Orientation (0020,0037) does not hold unit vectors")
    if abs(sum(a * b for a, b in zip(row, column, strict=True))) > 1e-3:
        raise Refusal("geometry", "Image Orientation (0020,0037): rows and columns are not perpendicular")
    a, b = ([value / math.hypot(*vector) for value in vector] for vector in (row, column))
    return a[0], a[1], a[2], b[0], b[1], b[2]


def check_spacing(spacing: Sequence[float]) -> tuple[float, float]:
    if not all(1e-5 <= value <= 1e3 for value in spacing):
        raise Refusal(
            "geometry",
            f"Pixel Spacing (0028,0030) is {spacing[0]:g} x {spacing[1]:g} mm; it must be between 0.00001 and 1000",
        )
    return spacing[0], spacing[1]


def _thickness(groups: Sequence[DataSet]) -> float | None:
    """Only used for a single slice, so a senseless one is simply unknown."""
    try:
        values = _lookup(groups, 0x00289110, 0x00180050, "DS")
    except ValueError:
        return None
    return values[0] if values and 1e-5 <= values[0] <= 1e3 else None


def _rescale(groups: Sequence[DataSet], tag: int, default: float) -> float:
    try:
        values = _lookup(groups, 0x00289145, tag, "DS")
    except ValueError:
        return math.nan
    return values[0] if values else default


def _keys(groups: Sequence[DataSet]) -> tuple[str, ...]:
    """What may tell two images at one position apart, in the order in which it is tried."""
    top = groups[-1]
    places = (
        (0x00209111, 0x00209156, 0x00200012),  # acquisition
        (0x00189114, 0x00189082, 0x00180081),  # echo time
        (0, 0, 0x00180086),  # echo number
        (0x00209111, 0x00209128, 0x00200100),  # time
        (0, 0, 0x00181060),  # trigger time
        (0x00189117, 0x00189087, 0x00189087),  # b-value
    )
    keys = []
    for sequence, inner, outer in places:
        value = None
        for group in groups[:-1]:
            for place in group.items(sequence)[:1]:
                value = value or place.raw(inner)
        value = value or top.raw(outer)
        keys.append(value.hex() if value else "")
    keys.append(top.text(0x00080008) or "")
    return tuple(keys)
