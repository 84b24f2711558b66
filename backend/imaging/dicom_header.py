"""What one DICOM file says about itself, checked: who it is, what its pixels are, where its frames lie.

Runs in the import child (standard library only) and answers with plain data; `backend.studies.ingest` validates that
answer against these very classes before it believes it. Refused: what would make a wrong picture (pixel description,
identity, impossible geometry). Accepted with a warning: odd text, dates, windows. Missing geometry is None, not a guess.
"""

import math
import re
from dataclasses import dataclass

from backend.imaging import part10
from backend.imaging.dicom_frames import (
    NATIVE,
    PACKED,
    FrameInfo,
    PixelLayout,
    check_spacing,
    read_frames,
    unit_vectors,
    whole_number,
)
from backend.imaging.part10 import BIG_ENDIAN, DEFLATED, PIXEL_DATA, DataSet, name
from backend.imaging.refusal import Refusal

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
    frames = read_frames(dataset, file, layout, warnings)
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
            unit_vectors(frame.orientation)
        if frame.spacing_mm:
            check_spacing(frame.spacing_mm)
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


def _layout(dataset: DataSet, syntax: str) -> PixelLayout:
    rows, columns = whole_number(dataset, 0x00280010, "US", "Rows"), whole_number(dataset, 0x00280011, "US", "Columns")
    samples = whole_number(dataset, 0x00280002, "US", "Samples per Pixel")
    photometric = dataset.text(0x00280004) or ""
    allocated = whole_number(dataset, 0x00280100, "US", "Bits Allocated")
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
        whole_number(dataset, 0x00280006, "US", "Planar Configuration")
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
    stored = whole_number(dataset, 0x00280101, "US", "Bits Stored")
    if not 1 <= stored <= allocated:
        raise Refusal("pixel_description", f"Bits Stored (0028,0101) is {stored} of {allocated} allocated")
    high = whole_number(dataset, 0x00280102, "US", "High Bit")
    if high != stored - 1:
        raise Refusal(
            "pixel_description", f"High Bit (0028,0102) is {high}; with {stored} bits stored it must be {stored - 1}"
        )
    representation = whole_number(dataset, 0x00280103, "US", "Pixel Representation")
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
