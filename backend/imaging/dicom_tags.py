"""What a DICOM header says about how an image was made, as people read it: acquisition, geometry, display.

An allow-list, because a header is full of people: names, ids, dates, places, serial numbers, free text and private
elements are nowhere in it, so no caller can ask for them (PS3.15 Annex E, basic profile; SAFETY section 11). Values of
the first file of a series; what changes from slice to slice (position, time) is left out too.
"""

from typing import NamedTuple

from backend.imaging import part10
from backend.imaging.part10 import BINARY, DataSet, name

LONGEST_VALUE = 120


class Tag(NamedTuple):
    """One element as shown: "(0018,0050)", "Slice Thickness", "1.25 mm"."""

    tag: str
    name: str
    value: str


# tag: (name of PS3.6, type where the file does not say it, unit)
SHOWN: dict[int, tuple[str, str, str]] = {
    0x00080060: ("Modality", "CS", ""),
    0x00080008: ("Image Type", "CS", ""),
    0x00080070: ("Manufacturer", "LO", ""),
    0x00081090: ("Manufacturer's Model Name", "LO", ""),
    0x00180015: ("Body Part Examined", "CS", ""),
    0x00185100: ("Patient Position", "CS", ""),
    0x00180020: ("Scanning Sequence", "CS", ""),
    0x00180021: ("Sequence Variant", "CS", ""),
    0x00180022: ("Scan Options", "CS", ""),
    0x00180023: ("MR Acquisition Type", "CS", ""),
    0x00180087: ("Magnetic Field Strength", "DS", "T"),
    0x00180080: ("Repetition Time", "DS", "ms"),
    0x00180081: ("Echo Time", "DS", "ms"),
    0x00180082: ("Inversion Time", "DS", "ms"),
    0x00181314: ("Flip Angle", "DS", "°"),
    0x00180083: ("Number of Averages", "DS", ""),
    0x00180091: ("Echo Train Length", "IS", ""),
    0x00180095: ("Pixel Bandwidth", "DS", "Hz"),
    0x00189087: ("Diffusion b-value", "FD", "s/mm²"),
    0x00180060: ("KVP", "DS", "kV"),
    0x00181151: ("X-Ray Tube Current", "IS", "mA"),
    0x00181152: ("Exposure", "IS", "mAs"),
    0x00181210: ("Convolution Kernel", "SH", ""),
    0x00181120: ("Gantry/Detector Tilt", "DS", "°"),
    0x00189311: ("Spiral Pitch Factor", "FD", ""),
    0x00180050: ("Slice Thickness", "DS", "mm"),
    0x00180088: ("Spacing Between Slices", "DS", "mm"),
    0x00280030: ("Pixel Spacing", "DS", "mm"),
    0x00181164: ("Imager Pixel Spacing", "DS", "mm"),
    0x00200037: ("Image Orientation (Patient)", "DS", ""),
    0x00280010: ("Rows", "US", ""),
    0x00280011: ("Columns", "US", ""),
    0x00280008: ("Number of Frames", "IS", ""),
    0x00280004: ("Photometric Interpretation", "CS", ""),
    0x00280101: ("Bits Stored", "US", ""),
    0x00281050: ("Window Center", "DS", ""),
    0x00281051: ("Window Width", "DS", ""),
    0x00281052: ("Rescale Intercept", "DS", ""),
    0x00281053: ("Rescale Slope", "DS", ""),
    0x00281054: ("Rescale Type", "LO", ""),
    0x00282110: ("Lossy Image Compression", "CS", ""),
}


def read_tags(data: part10.Buffer, *, unpacked_bytes: int) -> list[Tag]:
    """The elements of `SHOWN` that the file holds, in that order. Raises Refusal where the file cannot be walked."""
    dataset = part10.read_part10(data, unpacked_bytes).dataset
    found = []
    for tag, (title, vr, unit) in SHOWN.items():
        value = _value(dataset, tag, vr)
        if value:
            found.append(Tag(name(tag), title, f"{value} {unit}" if unit else value))
    return found


def _value(dataset: DataSet, tag: int, vr: str) -> str:
    if vr in BINARY:
        try:
            values = dataset.numbers(tag, vr) or []
        except ValueError:
            return ""
        return " \\ ".join(f"{value:.10g}" for value in values)
    text = " \\ ".join(part.strip() for part in (dataset.text(tag) or "").split("\\"))
    return "".join(c if c.isprintable() else " " for c in text)[:LONGEST_VALUE]
