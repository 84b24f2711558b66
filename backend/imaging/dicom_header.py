"""What one DICOM file says about itself, checked: who it is, what its pixels are, where its frames lie.

Runs in the import child (standard library only) and answers with plain data; `backend.studies.ingest` validates that
answer against these very classes before it believes it. Refused: what would make a wrong picture (pixel description,
identity, impossible geometry). Accepted with a warning: odd text, dates, windows. Missing geometry is None, not a guess.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from backend.imaging import part10
from backend.imaging.part10 import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, PIXEL_DATA, DataSet, Part10, name
from backend.imaging.refusal import Refusal

NATIVE = frozenset({IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED})
JPEG = "1.2.840.10008.1.2.4."
RLE = "1.2.840.10008.1.2.5"
PACKED = frozenset({RLE, *(JPEG + last for last in "50 51 53 55 57 70 80 81 90 91 201 202 203".split())})  # noqa: SIM905
COLOURS = frozenset({"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"})
UID = re.compile(r"[0-9]+(\.[0-9]+)*")
CHARSETS = {
    "": "latin-1", "ISO_IR 6": "latin-1", "ISO_IR 100": "latin-1", "ISO_IR 101": "iso8859_2", "ISO_IR 109": "iso8859_3",
    "ISO_IR 110": "iso8859_4", "ISO_IR 144": "iso8859_5", "ISO_IR 127": "iso8859_6", "ISO_IR 126": "iso8859_7",
    "ISO_IR 138": "iso8859_8", "ISO_IR 148": "iso8859_9", "ISO_IR 166": "tis_620", "ISO_IR 13": "shift_jis",
    "ISO_IR 192": "utf-8", "GB18030": "gb18030", "GBK": "gbk",
}  # fmt: skip
# Objects with pixels that are no images to annotate, by class UID prefix.
NO_IMAGES = {
    "1.2.840.10008.5.1.4.1.1.66.4": "a segmentation (DICOM SEG)",
    "1.2.840.10008.5.1.4.1.1.66.7": "a label map segmentation (DICOM SEG)",
    "1.2.840.10008.5.1.4.1.1.481.2": "a radiotherapy dose",
    "1.2.840.10008.5.1.4.1.1.481.3": "a radiotherapy structure set (RTSTRUCT)",
    "1.2.840.10008.5.1.4.1.1.77.1.6": "a tiled whole slide image",
    "1.2.840.10008.1.3.10": "a DICOMDIR index",
}
IDENTITY = (0x00080016, 0x00080018, 0x0020000D, 0x0020000E, 0x00100020)
PIXEL_TAGS = (
    0x00280002, 0x00280004, 0x00280006, 0x00280008, 0x00280010, 0x00280011, 0x00280100, 0x00280101, 0x00280102,
    0x00280103, 0x00281052, 0x00281053, PIXEL_DATA, 0x7FE00008, 0x7FE00009, 0x00200032, 0x00200037, 0x00280030,
)  # fmt: skip
MAX_TEXT = 200


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


@dataclass(frozen=True)
class DicomFile:
    """One accepted DICOM image object."""

    sop_class: str
    sop_uid: str
    study_uid: str
    series_uid: str
    frame_of_reference: str
    modality: str
    series_number: int | None
    series_description: str
    study_description: str
    study_date: str
    patient_name: str
    patient_id: str
    patient_birth_date: str
    unit: str
    windows: tuple[tuple[str, float, float], ...]  # name, centre, width, in displayed values
    pixels: PixelLayout
    frames: tuple[FrameInfo, ...]
    warnings: tuple[str, ...]


def describe(data: part10.Buffer, *, unpacked_bytes: int) -> DicomFile:
    """Read and judge one file's header. Raises Refusal with the code of SAFETY section 2 and a plain sentence."""
    file = part10.read_part10(data, unpacked_bytes)
    dataset = file.dataset
    if file.syntax not in NATIVE | PACKED:
        raise Refusal("transfer_syntax", f"no decoder for transfer syntax {file.syntax}; send it uncompressed")
    sop_class = _uid(dataset, 0x00080016, "SOP class")
    _refuse_other_objects(sop_class, dataset)
    warnings = [*file.warnings, *_check_repeats(dataset)]
    sop, study, series = (
        _uid(dataset, tag, what)
        for tag, what in ((0x00080018, "SOP instance"), (0x0020000D, "study"), (0x0020000E, "series"))
    )
    if any(part != "0" and part.startswith("0") for uid in (sop, study, series) for part in uid.split(".")):
        warnings.append("uid_leading_zero: a UID part begins with 0")
    layout = _layout(dataset, file.syntax)
    frames = _frames(dataset, file, layout, warnings)
    text = _TextReader(dataset, warnings)
    return DicomFile(
        sop_class=sop_class,
        sop_uid=sop,
        study_uid=study,
        series_uid=series,
        frame_of_reference=dataset.text(0x00200052) or "",
        modality=(dataset.text(0x00080060) or "OT")[:16],
        series_number=_series_number(dataset),
        series_description=text.read(0x0008103E),
        study_description=text.read(0x00081030),
        study_date=_date(dataset, 0x00080020, warnings),
        patient_name=text.read(0x00100010),
        patient_id=text.read(0x00100020),
        patient_birth_date=_date(dataset, 0x00100030, warnings),
        unit=_unit(dataset),
        windows=_windows(dataset, warnings),
        pixels=layout,
        frames=frames,
        warnings=tuple(warnings),
    )


def recheck(file: DicomFile, size_bytes: int, unpacked_bytes: int) -> None:
    """The same rules again on an answer of the import child, which may lie: raises Refusal when they do not hold."""
    for uid in (file.sop_class, file.sop_uid, file.study_uid, file.series_uid):
        if len(uid) > 64 or not UID.fullmatch(uid):
            raise Refusal("identity", "the file holds a UID that is none")
    texts = (file.series_description, file.study_description, file.patient_name, file.patient_id)
    if any(len(text) > MAX_TEXT or not text.isprintable() for text in texts):
        raise Refusal("corrupt", "the file holds a text that cannot be shown")
    if not 1 <= file.pixels.rows <= 65535 or not 1 <= file.pixels.columns <= 65535 or not file.frames:
        raise Refusal("pixel_description", "the image has no pixels")
    reach = unpacked_bytes if file.pixels.syntax == DEFLATED else size_bytes
    for frame in file.frames:
        if any(at < 0 or length < 0 or at + length > reach for at, length in frame.spans):
            raise Refusal("truncated", "the pixel data does not lie inside the file")
        if frame.position_mm and not all(abs(value) <= 1e5 for value in frame.position_mm):
            raise Refusal("geometry", "an image position is not finite or too far away")
        if frame.orientation:
            _unit_vectors(frame.orientation)
        if frame.spacing_mm:
            _positive(frame.spacing_mm)
        if not (0 < frame.slope < math.inf and math.isfinite(frame.intercept)):
            raise Refusal("pixel_description", "the rescale slope or intercept is not finite or not above 0")


# ------------------------------------------------------------------------------------------------------------ identity


def _refuse_other_objects(sop_class: str, dataset: DataSet) -> None:
    for prefix, what in NO_IMAGES.items():
        if sop_class == prefix or sop_class.startswith(prefix + "."):
            raise Refusal("not_an_image", f"this file is {what}, not an image; it cannot be imported here")
    if not any(tag in dataset.elements for tag in (PIXEL_DATA, 0x7FE00008, 0x7FE00009)):
        if 0x00280010 in dataset.elements:
            raise Refusal("truncated", "the file describes an image but holds no pixel data")
        from pydicom.uid import UID as NamedUID  # noqa: PLC0415, N811 -- 0.3 s of import that images do not pay

        raise Refusal("not_an_image", f"this file is no image ({NamedUID(sop_class).name}); it cannot be imported here")


def _check_repeats(dataset: DataSet) -> list[str]:
    for tag in dataset.repeated:
        if tag in IDENTITY:
            raise Refusal("identity", f"element {name(tag)} appears twice")
        if tag in PIXEL_TAGS:
            raise Refusal("pixel_description", f"element {name(tag)} appears twice")
    return ["repeated_elements: an element appears twice; the first is used"] if dataset.repeated else []


def _uid(dataset: DataSet, tag: int, what: str) -> str:
    uid = dataset.text(tag)
    if uid is None:
        raise Refusal("identity", f"the {what} UID {name(tag)} is missing")
    if len(uid) > 64 or not UID.fullmatch(uid):
        raise Refusal("identity", f"the {what} UID {name(tag)} is not a UID: digits and dots, at most 64")
    return uid


class _TextReader:
    """Free text in the file's character set, cleaned: no control characters, bounded, never an error."""

    def __init__(self, dataset: DataSet, warnings: list[str]) -> None:
        self.dataset = dataset
        self.warnings = warnings
        self.charset = dataset.text(0x00080005) or ""

    def read(self, tag: int) -> str:
        raw = self.dataset.raw(tag)
        if raw is None:
            return ""
        text = "".join(c if c.isprintable() else " " for c in self._decode(raw)).strip(" ")
        if len(text) > MAX_TEXT:
            self.warnings.append(f"long_text: element {name(tag)} is cut to {MAX_TEXT} characters")
        return text[:MAX_TEXT]

    def _decode(self, raw: bytes) -> str:
        if raw.isascii() and b"\x1b" not in raw:
            return raw.decode("ascii")
        first = self.charset.split("\\")[0].strip()
        if "\\" not in self.charset and first in CHARSETS:
            return raw.decode(CHARSETS[first], "replace")
        from pydicom import charset  # noqa: PLC0415 -- only for texts that switch character sets midway

        try:
            encodings = charset.convert_encodings(self.charset.split("\\"))
            return str(charset.decode_bytes(raw, encodings, set()))
        except (LookupError, UnicodeError, ValueError):
            self.warnings.append("text: a text cannot be read in the character set the file names")
            return raw.decode("latin-1")


def _date(dataset: DataSet, tag: int, warnings: list[str]) -> str:
    """YYYYMMDD, or empty with a warning."""
    text = dataset.text(tag)
    if text is None:
        return ""
    digits = text.replace(".", "")[:8]
    if not re.fullmatch(r"(1[89]|20|21)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", digits, re.ASCII):
        warnings.append(f"date: element {name(tag)} is no date and is left out")
        return ""
    return digits


def _series_number(dataset: DataSet) -> int | None:
    try:
        number = dataset.number(0x00200011, "IS")
    except ValueError:
        return None
    return int(number) if number is not None and abs(number) < 1 << 31 else None


def _unit(dataset: DataSet) -> str:
    kind = dataset.text(0x00281054) or ""
    if dataset.text(0x00080060) == "CT":
        return "HU" if kind in ("", "HU", "US") else kind[:16]
    units = dataset.text(0x00541001) or ""  # PET: BQML, CNTS …
    return (units or (kind if kind not in ("US", "UNSPECIFIED") else ""))[:16]


def _windows(dataset: DataSet, warnings: list[str]) -> tuple[tuple[str, float, float], ...]:
    """The file's own windows; senseless ones are left out with a warning."""
    groups = [dataset]
    for tag in (0x52009229, 0x52009230):
        for item in dataset.items(tag)[:1]:
            groups += item.items(0x00289132)[:1]
    for group in groups:
        try:
            centres, widths = group.numbers(0x00281050, "DS") or [], group.numbers(0x00281051, "DS") or []
        except ValueError:
            warnings.append("window: the file's window is no number and is ignored")
            continue
        names = [part.strip() for part in (group.text(0x00281055) or "").split("\\")]
        found = []
        for number, (centre, width) in enumerate(zip(centres, widths, strict=False)):
            if not (math.isfinite(centre) and math.isfinite(width) and width >= 1e-6 and abs(centre) < 1e9):
                warnings.append("window: a senseless window of the file is ignored")
                continue
            title = names[number] if number < len(names) and names[number] else f"Window {number + 1}"
            found.append((title[:32], centre, width))
        if found:
            return tuple(found[:8])
    return ()


# --------------------------------------------------------------------------------------------------- pixel description


def _whole(dataset: DataSet, tag: int, vr: str, what: str) -> int:
    try:
        number = dataset.number(tag, vr)
    except ValueError:
        number = math.nan
    if number is None:
        raise Refusal("pixel_description", f"{what} {name(tag)} is missing")
    if not math.isfinite(number) or number != int(number) or number < 0:
        raise Refusal("pixel_description", f"{what} {name(tag)} is not a whole number")
    return int(number)


def _layout(dataset: DataSet, syntax: str) -> PixelLayout:
    rows, columns = _whole(dataset, 0x00280010, "US", "Rows"), _whole(dataset, 0x00280011, "US", "Columns")
    samples = _whole(dataset, 0x00280002, "US", "Samples per Pixel")
    photometric = dataset.text(0x00280004) or ""
    allocated = _whole(dataset, 0x00280100, "US", "Bits Allocated")
    if rows == 0 or columns == 0:
        raise Refusal("pixel_description", f"the image has {columns} x {rows} pixels")
    if photometric in ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"):
        wanted_samples = 1
    elif photometric in COLOURS:
        wanted_samples = 3
    else:
        shown = photometric[:16] or "missing"
        raise Refusal("pixel_description", f"Photometric Interpretation (0028,0004) is {shown}, which is not supported")
    if samples != wanted_samples:
        raise Refusal(
            "pixel_description", f"{photometric} takes {wanted_samples} samples per pixel, the file says {samples}"
        )
    kinds = [kind for tag, kind in ((PIXEL_DATA, "integer"), (0x7FE00008, "float"), (0x7FE00009, "double"))
             if tag in dataset.elements]  # fmt: skip
    if len(kinds) != 1:
        raise Refusal("pixel_description", "the file holds pixel data of two kinds")
    stored, signed = allocated, False
    if kinds == ["integer"]:
        stored, signed = _bits(dataset, allocated, samples)
    elif allocated != (32 if kinds == ["float"] else 64):
        raise Refusal("pixel_description", f"floating-point pixels do not take {allocated} bits")
    planar = (
        _whole(dataset, 0x00280006, "US", "Planar Configuration")
        if samples == 3 and 0x00280006 in dataset.elements
        else 0
    )
    if planar > 1:
        raise Refusal("pixel_description", f"Planar Configuration (0028,0006) is {planar}; it must be 0 or 1")
    palette = _palette(dataset) if photometric == "PALETTE COLOR" else None
    vr = next(dataset.elements[tag].vr for tag in (PIXEL_DATA, 0x7FE00008, 0x7FE00009) if tag in dataset.elements)
    swapped = syntax == BIG_ENDIAN and vr == "OW" and allocated == 8
    return PixelLayout(
        syntax, rows, columns, samples, photometric, planar, kinds[0], allocated, stored, signed, swapped, palette
    )


def _bits(dataset: DataSet, allocated: int, samples: int) -> tuple[int, bool]:
    if allocated not in (8, 16, 32):
        raise Refusal("pixel_description", f"Bits Allocated (0028,0100) is {allocated}; 8, 16 and 32 are supported")
    stored = _whole(dataset, 0x00280101, "US", "Bits Stored")
    if not 1 <= stored <= allocated:
        raise Refusal("pixel_description", f"Bits Stored (0028,0101) is {stored} of {allocated} allocated")
    high = _whole(dataset, 0x00280102, "US", "High Bit")
    if high != stored - 1:
        raise Refusal(
            "pixel_description", f"High Bit (0028,0102) is {high}; with {stored} bits stored it must be {stored - 1}"
        )
    representation = _whole(dataset, 0x00280103, "US", "Pixel Representation")
    if representation > 1:
        raise Refusal("pixel_description", f"Pixel Representation (0028,0103) is {representation}; it must be 0 or 1")
    if samples == 3 and (allocated != 8 or stored != 8):
        raise Refusal("unsupported", f"colour images with {stored} bits per sample are not supported; 8 are")
    return stored, representation == 1


def _palette(dataset: DataSet) -> tuple[tuple[int, int, int, int, int], ...]:
    tables = []
    for colour in range(3):
        descriptor = dataset.numbers(0x00281101 + colour, "US")
        table = dataset.elements.get(0x00281201 + colour)
        if descriptor is None or len(descriptor) != 3 or table is None:
            raise Refusal("pixel_description", "the colour palette is missing or is segmented, which is not supported")
        entries, first, bits = int(descriptor[0]) & 0xFFFF or 65536, int(descriptor[1]), int(descriptor[2])
        if bits not in (8, 16):
            raise Refusal("pixel_description", f"the colour palette has {bits} bits per entry; 8 and 16 are supported")
        if table.length not in (entries * 2, entries * bits // 8, entries * bits // 8 + entries % 2):
            raise Refusal("pixel_description", f"the colour palette holds {table.length} bytes for {entries} entries")
        tables.append((table.offset, table.length, entries, first, bits))
    return tuple(tables)


# -------------------------------------------------------------------------------------------------------------- frames


def _frames(dataset: DataSet, file: Part10, layout: PixelLayout, warnings: list[str]) -> tuple[FrameInfo, ...]:
    count = 1
    if 0x00280008 in dataset.elements and dataset.raw(0x00280008) is not None:
        count = _whole(dataset, 0x00280008, "IS", "Number of Frames")
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
        _unit_vectors(orientation) if orientation else None,
        _positive(spacing) if spacing else None,
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


def _unit_vectors(values: Sequence[float]) -> tuple[float, float, float, float, float, float]:
    row, column = values[:3], values[3:]
    for vector in (row, column):
        if abs(math.hypot(*vector) - 1) > 0.01:
            raise Refusal("geometry", "Image Orientation (0020,0037) does not hold unit vectors")
    if abs(sum(a * b for a, b in zip(row, column, strict=True))) > 1e-3:
        raise Refusal("geometry", "Image Orientation (0020,0037): rows and columns are not perpendicular")
    a, b = ([value / math.hypot(*vector) for value in vector] for vector in (row, column))
    return a[0], a[1], a[2], b[0], b[1], b[2]


def _positive(spacing: Sequence[float]) -> tuple[float, float]:
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
