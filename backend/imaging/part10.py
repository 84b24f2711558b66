"""DICOM Part 10 files as bytes: where every element lies, and nothing believed that the bytes do not bear out.

Our own walk over the file and not pydicom's, because here silence must be a verdict: pydicom keeps one of two
conflicting values without a word and accepts a third of malformed files. Standard library only, so that the import
child starts in 30 ms. Values are not decoded here but in `DataSet`'s readers, on demand.

Fails closed on anything that runs past its container, on lengths, nesting and repeated elements; open on what follows
the pixel data (reported as trailing bytes) and on sequences nobody here reads (skipped whole).
"""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from backend.imaging.refusal import Refusal

Buffer: TypeAlias = "bytes | memoryview"

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"

PIXEL_DATA = 0x7FE00010
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
TRAILING_PADDING = 0xFFFCFFFC
UNDEFINED = 0xFFFFFFFF
MAX_DEPTH = 64
MAX_ELEMENTS = 50_000

LONG_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
SHORT_VRS = (
    "AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN", "SH", "SL", "SS", "ST", "TM", "UI",
    "UL", "US",
)  # fmt: skip
VRS = LONG_VRS.union(SHORT_VRS)
# Sequences that somebody here reads: only these are walked when their length is known (implicit VR has no other sign).
SEQUENCES = frozenset(
    {
        0x52009229, 0x52009230, 0x00209113, 0x00209116, 0x00289110, 0x00289145, 0x00289132, 0x00209111, 0x00189117,
        0x00189114, 0x00283000, 0x00283010,
    }
)  # fmt: skip


class Element(NamedTuple):
    """One element: its value lies at `offset`, `length` bytes. Sequences have `items`, packed pixels `fragments`."""

    tag: int
    vr: str
    offset: int
    length: int
    items: "tuple[DataSet, ...] | None" = None
    fragments: tuple[tuple[int, int], ...] | None = None


@dataclass
class DataSet:
    """Elements by tag, with the readers that turn their bytes into values."""

    data: Buffer
    big_endian: bool
    elements: dict[int, Element] = field(default_factory=dict)
    repeated: set[int] = field(default_factory=set)

    def raw(self, tag: int) -> bytes | None:
        """The value's bytes, None when the element is missing or empty."""
        element = self.elements.get(tag)
        if element is None or element.length in (0, UNDEFINED):
            return None
        return bytes(self.data[element.offset : element.offset + element.length])

    def text(self, tag: int) -> str | None:
        """The value as Latin-1 without padding; for codes, numbers and UIDs, not for names of people."""
        raw = self.raw(tag)
        return raw.decode("latin-1").strip(" \0\t\r\n") or None if raw is not None else None

    def numbers(self, tag: int, vr: str) -> list[float] | None:
        """All values of a number element; `vr` says how to read it where the file does not (implicit, UN).

        Raises ValueError when they are not numbers; None when missing or empty.
        """
        raw = self.raw(tag)
        if raw is None:
            return None
        kind = self.elements[tag].vr
        kind = vr if kind in ("UN", "", "OB", "OW") else kind
        if kind in BINARY:
            code, size = BINARY[kind]
            count = len(raw) // size
            if count * size != len(raw):
                raise ValueError(f"{len(raw)} bytes are no whole {kind} values")
            return [float(value) for value in struct.unpack((">" if self.big_endian else "<") + code * count, raw)]
        text = raw.decode("ascii", "strict").strip(" \0")
        return [float(part) for part in text.split("\\") if part.strip()] or None if text else None

    def number(self, tag: int, vr: str) -> float | None:
        """The first value, None when missing. Raises ValueError when it is not a number."""
        values = self.numbers(tag, vr)
        return values[0] if values else None

    def items(self, tag: int) -> "tuple[DataSet, ...]":
        """The items of a sequence; none when it is missing or empty."""
        element = self.elements.get(tag)
        return element.items or () if element else ()


BINARY = {"US": ("H", 2), "SS": ("h", 2), "UL": ("I", 4), "SL": ("i", 4), "FL": ("f", 4), "FD": ("d", 8)}


@dataclass(frozen=True)
class Part10:
    """A whole file: its meta elements, its data set, and what was odd about the container."""

    syntax: str
    meta: DataSet
    dataset: DataSet
    data: Buffer
    warnings: tuple[str, ...]


def looks_like(head: bytes) -> bool:
    """Whether the file has the Part 10 prefix."""
    return head[128:132] == b"DICM"


def read_part10(data: Buffer, inflate_limit: int) -> Part10:
    """Walk a whole file held or mapped in memory. Raises Refusal `truncated`, `corrupt` or `transfer_syntax`."""
    if len(data) < 140 or not looks_like(bytes(data[:132])):
        raise Refusal("unsupported", "the file lacks the DICOM Part 10 prefix and file meta; export it again")
    warnings = []
    preamble = bytes(data[:128])
    if preamble[:2] == b"MZ" or preamble[:4] == b"\x7fELF" or preamble[:2] == b"#!":
        warnings.append("preamble: the first 128 bytes look like a program; they are zeroed on download")
    meta_walk = _Walk(data, len(data), explicit=True, big_endian=False)
    meta, start = meta_walk.file_meta(132)
    syntax = (meta.text(0x00020010) or "").strip()
    if not syntax:
        raise Refusal("transfer_syntax", "the file meta does not name a transfer syntax (0002,0010)")
    if syntax == DEFLATED:
        data, start = _inflate(data, start, inflate_limit), 0
    walk = _Walk(data, len(data), explicit=syntax != IMPLICIT, big_endian=syntax == BIG_ENDIAN)
    try:
        dataset = walk.top(start)
    except Refusal as refusal:
        if syntax not in (IMPLICIT, EXPLICIT) or refusal.code != "corrupt" or not _other_vr(data, start, syntax):
            raise
        raise Refusal("transfer_syntax", "the data set is not written in the transfer syntax it declares") from refusal
    return Part10(syntax, meta, dataset, data, tuple(warnings + walk.warnings))


def _other_vr(data: Buffer, start: int, syntax: str) -> bool:
    """Whether the data set reads as explicit although it says implicit, or the other way round."""
    vr = bytes(data[start + 4 : start + 6]).decode("latin-1")
    return (vr in VRS) == (syntax == IMPLICIT)


def _inflate(data: Buffer, start: int, limit: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=-15)
    try:
        plain = unpacker.decompress(data[start:], limit)
    except zlib.error as error:
        raise Refusal("corrupt", "the deflated data set is damaged") from error
    if not unpacker.eof:
        raise Refusal(*(("too_large", "the deflated data set unpacks beyond the limit") if unpacker.unconsumed_tail
                        else ("truncated", "the deflated data set ends too soon")))  # fmt: skip
    return plain


class _Walk:
    """One pass over a data set. Positions are absolute; `end` of a container is never crossed."""

    def __init__(self, data: Buffer, end: int, *, explicit: bool, big_endian: bool) -> None:
        self.data = data
        self.end = end
        self.explicit = explicit
        self.big_endian = big_endian
        self.short: Callable[[Buffer, int], tuple[int, ...]] = struct.Struct(">H" if big_endian else "<H").unpack_from
        self.long: Callable[[Buffer, int], tuple[int, ...]] = struct.Struct(">I" if big_endian else "<I").unpack_from
        self.tag: Callable[[Buffer, int], tuple[int, ...]] = struct.Struct(">HH" if big_endian else "<HH").unpack_from
        self.count = 0
        self.warnings: list[str] = []

    def file_meta(self, at: int) -> tuple[DataSet, int]:
        """The group 0002 elements and where the data set begins."""
        meta = DataSet(self.data, big_endian=False)
        while at + 8 <= self.end and self.short(self.data, at)[0] == 2:
            at = self._element(meta, at, self.end, 0)
        for tag in (0x00020002, 0x00020003, 0x00020010):
            if tag in meta.repeated:
                raise Refusal("identity", f"the file meta holds {name(tag)} twice")
        return meta, at

    def top(self, at: int) -> DataSet:
        """The whole data set. What follows the pixel data and is no proper element is trailing bytes."""
        dataset = DataSet(self.data, self.big_endian)
        last = 0
        while at < self.end:
            begins = at
            try:
                group, element = self.tag(self.data, at) if at + 8 <= self.end else (0, 0)
                tag = group << 16 | element
                if (last >= PIXEL_DATA and tag <= last) or at + 8 > self.end:
                    raise Refusal("truncated", "the file ends inside an element")
                at = self._element(dataset, at, self.end, 0)
            except Refusal:
                if last < PIXEL_DATA:
                    raise
                self.warnings.append(f"trailing_bytes: {self.end - begins} bytes follow the object; they are ignored")
                break
            if tag == TRAILING_PADDING:
                break
            last = max(last, tag)
        return dataset

    def _element(self, dataset: DataSet, at: int, end: int, depth: int) -> int:
        """Read one element into `dataset`; returns where the next begins."""
        self.count += 1
        if self.count > MAX_ELEMENTS:
            raise Refusal("too_large", f"the file holds more than {MAX_ELEMENTS} elements")
        if at + 8 > end:
            raise Refusal("truncated", "the file ends inside an element")
        group, number = self.tag(self.data, at)
        tag = group << 16 | number
        vr, length, value = self._length(at, end, tag)
        items: tuple[DataSet, ...] | None = None
        fragments: tuple[tuple[int, int], ...] | None = None
        if length == UNDEFINED:
            if tag == PIXEL_DATA or vr in ("OB", "OW"):
                fragments, after = self._fragments(value, end)
            elif vr in ("SQ", "UN", ""):
                items, after = self._sequence(value, end, None, depth, unknown=vr == "UN")
            else:
                raise Refusal("corrupt", f"element {name(tag)} of type {vr} has no length")
        else:
            after = value + length
            if after > end:
                missing = after - end
                raise Refusal("truncated", f"element {name(tag)} needs {missing} bytes more than there are")
            if tag in SEQUENCES and vr in ("SQ", "UN", "") and length:
                items, _ = self._sequence(value, end, after, depth, unknown=vr == "UN")
        if tag in dataset.elements:
            dataset.repeated.add(tag)
        else:
            dataset.elements[tag] = Element(tag, vr, value, length, items, fragments)
        return after

    def _length(self, at: int, end: int, tag: int) -> tuple[str, int, int]:
        """(VR or "" if implicit, length, where the value begins)."""
        if not self.explicit or tag in (ITEM, ITEM_END, SEQUENCE_END):
            return "", self.long(self.data, at + 4)[0], at + 8
        vr = bytes(self.data[at + 4 : at + 6]).decode("latin-1")
        if vr not in VRS:
            raise Refusal("corrupt", f"element {name(tag)} has no known value representation")
        if vr not in LONG_VRS:
            return vr, self.short(self.data, at + 6)[0], at + 8
        if at + 12 > end:
            raise Refusal("truncated", "the file ends inside an element")
        return vr, self.long(self.data, at + 8)[0], at + 12

    def _sequence(
        self, at: int, end: int, stop: int | None, depth: int, *, unknown: bool
    ) -> tuple[tuple[DataSet, ...], int]:
        """Items up to `stop`, or up to the delimiter where the length is undefined."""
        if depth >= MAX_DEPTH:
            raise Refusal("too_large", f"sequences are nested deeper than {MAX_DEPTH} levels")
        walk = self if not unknown else self._as_implicit()
        items: list[DataSet] = []
        limit = end if stop is None else stop
        while stop is None or at < stop:
            if at + 8 > limit:
                raise Refusal("truncated", "the file ends inside a sequence")
            group, number = walk.tag(self.data, at)
            length = walk.long(self.data, at + 4)[0]
            tag = group << 16 | number
            at += 8
            if tag == SEQUENCE_END and stop is None:
                break
            if tag != ITEM:
                raise Refusal("corrupt", f"a sequence holds {name(tag)} where an item should begin")
            if length != UNDEFINED and at + length > limit:
                raise Refusal("truncated", "an item is longer than its sequence")
            item, at = walk._item(at, limit if length == UNDEFINED else at + length, length == UNDEFINED, depth + 1)
            items.append(item)
        if walk is not self:
            self.count = walk.count
        return tuple(items), at

    def _item(self, at: int, end: int, undefined: bool, depth: int) -> tuple[DataSet, int]:
        item = DataSet(self.data, self.big_endian)
        while undefined or at < end:
            if undefined and at + 8 <= end and self.tag(self.data, at) == (0xFFFE, 0xE00D):
                return item, at + 8
            at = self._element(item, at, end, depth)
        return item, at

    def _as_implicit(self) -> "_Walk":
        """Unknown (UN) sequences are written in implicit VR little endian, whatever the file's syntax (PS3.5 6.2.2)."""
        walk = _Walk(self.data, self.end, explicit=False, big_endian=False)
        walk.count = self.count
        return walk

    def _fragments(self, at: int, end: int) -> tuple[tuple[tuple[int, int], ...], int]:
        """(offset, length) of each item of encapsulated pixel data, the offset table first."""
        found: list[tuple[int, int]] = []
        while True:
            if at + 8 > end:
                raise Refusal("truncated", "the file ends inside its pixel data")
            group, number = self.tag(self.data, at)
            length = self.long(self.data, at + 4)[0]
            tag = group << 16 | number
            at += 8
            if tag == SEQUENCE_END:
                return tuple(found), at
            if tag != ITEM or length == UNDEFINED:
                raise Refusal("corrupt", "the packed pixel data is no row of fragments")
            if at + length > end:
                raise Refusal("truncated", f"the pixel data ends {at + length - end} bytes too soon")
            found.append((at, length))
            self.count += 1
            if self.count > MAX_ELEMENTS:
                raise Refusal("too_large", f"the file holds more than {MAX_ELEMENTS} elements")
            at += length


def name(tag: int) -> str:
    """A tag as people write it: (0028,0010)."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
