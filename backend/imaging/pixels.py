"""DICOM frames as numbers: every transfer syntax we accept, each by one decoder that is given only the frame's bytes.

All packed syntaxes go through imagecodecs (libjpeg-turbo with 12 bit, jpegsof3, CharLS, OpenJPEG, its own RLE). GDCM
and SimpleITK are not used: GDCM has an open memory defect (CVE-2026-3650) and answers with rescaled values. The size a
codestream claims is compared with the header *before* the decoder sees it, because decoders allocate what it claims.
Runs in the import child only. Returned arrays are [y, x], or uint8 [y, x, 3] in RGB.
"""

import mmap
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import imagecodecs
import numpy as np
import numpy.typing as npt

from backend.imaging.dicom_frames import JPEG, NATIVE, RLE, PixelLayout
from backend.imaging.part10 import BIG_ENDIAN, DEFLATED, read_part10
from backend.imaging.refusal import Refusal

PixelArray: TypeAlias = npt.NDArray[Any]

DECODERS = 2
AHEAD = 4
NO_SIZE_MARKERS = {0xC4, 0xC8, 0xCC}  # Huffman tables, reserved, arithmetic conditioning: not frame headers
LOSSY_JPEG = {JPEG + last for last in ("50", "51", "53", "55")}
LOSSLESS_JPEG = {JPEG + "57", JPEG + "70"}
JPEG_LS = {JPEG + "80", JPEG + "81"}


class PlacedFrame(NamedTuple):
    """One frame of one file: where its bytes are and how its values become displayed values."""

    path: Path
    spans: tuple[tuple[int, int], ...]
    slope: float
    intercept: float


def decode_frame(data: bytes, layout: PixelLayout) -> PixelArray:
    """One frame's stored values: whole or floating numbers [y, x]; colour as uint8 RGB [y, x, 3]; palette indices as is.

    Raises Refusal `corrupt`, `truncated` or `pixel_description`.
    """
    array = _native(data, layout) if layout.syntax in NATIVE else _packed(data, layout)
    expected = (layout.rows, layout.columns) + ((3,) if layout.samples == 3 else ())
    if array.shape != expected:
        raise Refusal("pixel_description", f"the pixel data decodes to {array.shape}, the header describes {expected}")
    return array if layout.kind != "integer" or layout.samples == 3 else _stored_bits(array, layout)


def _native(data: bytes, layout: PixelLayout) -> PixelArray:
    order = ">" if layout.syntax == BIG_ENDIAN else "<"
    kind = {"float": "f4", "double": "f8"}.get(layout.kind, f"u{layout.bits_allocated // 8}")
    if layout.swapped_bytes:
        data = np.frombuffer(data, "<u2").byteswap().tobytes()
    flat: PixelArray = np.frombuffer(data, order + kind)
    if layout.photometric == "YBR_FULL_422":
        return _ybr_to_rgb(_spread_422(flat, layout))
    if layout.samples == 1:
        return flat.reshape(layout.rows, layout.columns)
    if layout.planar == 1:
        planes = flat.reshape(3, layout.rows, layout.columns).transpose(1, 2, 0)
    else:
        planes = flat.reshape(layout.rows, layout.columns, 3)
    return _ybr_to_rgb(planes) if layout.photometric == "YBR_FULL" else np.ascontiguousarray(planes)


def _spread_422(flat: PixelArray, layout: PixelLayout) -> PixelArray:
    """Y1 Y2 Cb Cr -> one (Y, Cb, Cr) per pixel; the chroma of a pair is shared."""
    pairs = flat.reshape(-1, 4)
    spread = np.empty((pairs.shape[0], 2, 3), np.uint8)
    spread[:, 0, 0], spread[:, 1, 0] = pairs[:, 0], pairs[:, 1]
    spread[:, :, 1:] = pairs[:, None, 2:]
    return spread.reshape(layout.rows, layout.columns, 3)


def _ybr_to_rgb(ybr: PixelArray) -> PixelArray:
    """Full-range YCbCr to RGB, PS3.3 C.7.6.3.1.2."""
    y, cb, cr = (ybr[..., k].astype(np.float32) for k in range(3))
    red = y + 1.402 * (cr - 128)
    green = y - 0.114 * 1.772 / 0.587 * (cb - 128) - 0.299 * 1.402 / 0.587 * (cr - 128)
    blue = y + 1.772 * (cb - 128)
    rgb = np.stack([red, green, blue], axis=-1)
    return np.asarray(np.clip(np.floor(rgb + 0.5), 0, 255), dtype=np.uint8)


def _packed(data: bytes, layout: PixelLayout) -> PixelArray:
    if layout.syntax != RLE:
        _check_codestream(data, layout)
    try:
        return _decode(data, layout)
    except Refusal:
        raise
    except MemoryError as error:
        raise Refusal("too_large", "decoding the pixel data takes more memory than allowed") from error
    except Exception as error:  # the ingest boundary: each codec has exceptions of its own
        raise Refusal("corrupt", f"the pixel data cannot be decoded as {layout.syntax}") from error


def _decode(data: bytes, layout: PixelLayout) -> PixelArray:
    if layout.syntax == RLE:
        return _rle(data, layout)
    if layout.syntax in LOSSY_JPEG:
        if layout.samples == 1:
            return np.asarray(imagecodecs.jpeg8_decode(data))
        source = "RGB" if layout.photometric == "RGB" else "YCBCR"
        return np.asarray(imagecodecs.jpeg8_decode(data, colorspace=source, outcolorspace="RGB"))
    if layout.syntax in LOSSLESS_JPEG:
        array = np.asarray(imagecodecs.jpegsof3_decode(data))
    elif layout.syntax in JPEG_LS:
        array = np.asarray(imagecodecs.jpegls_decode(data))
    else:
        array = np.asarray(imagecodecs.jpeg2k_decode(data))
    converted = layout.samples == 3 and layout.photometric.startswith("YBR_FULL")
    return _ybr_to_rgb(array) if converted else np.ascontiguousarray(array)


def _rle(data: bytes, layout: PixelLayout) -> PixelArray:
    """PackBits segments, one per byte plane, most significant first (PS3.5 annex G)."""
    width = layout.bits_allocated // 8
    planes = layout.samples * width
    size = layout.rows * layout.columns
    if len(data) < 64 or int.from_bytes(data[:4], "little") != planes:
        raise Refusal("pixel_description", f"the run-length data does not hold the {planes} byte planes described")
    raw = np.frombuffer(imagecodecs.dicomrle_decode(data, dtype=f">u{width}"), np.uint8)
    if raw.size != size * planes:
        raise Refusal("truncated", f"the run-length data unpacks to {raw.size} of {size * planes} bytes")
    if layout.samples == 1:
        return raw.view(f">u{width}").reshape(layout.rows, layout.columns)
    colours = raw.reshape(3, layout.rows, layout.columns).transpose(1, 2, 0)
    return _ybr_to_rgb(colours) if layout.photometric.startswith("YBR_FULL") else np.ascontiguousarray(colours)


def _stored_bits(array: PixelArray, layout: PixelLayout) -> PixelArray:
    """Only the stored bits, sign-extended: what lies above them in a cell is overlay or rubbish, never value."""
    if array.dtype.kind not in "iu" or array.dtype.itemsize * 8 > max(layout.bits_allocated, 8):
        raise Refusal(
            "pixel_description", f"the pixel data decodes to {array.dtype}, the header says {layout.bits_stored} bits"
        )
    bits = array.dtype.itemsize * 8
    unsigned = array.astype(f"u{array.dtype.itemsize}", copy=False)
    spare = bits - layout.bits_stored
    if not layout.signed:
        if spare <= 0:
            return unsigned
        return np.asarray(unsigned & unsigned.dtype.type((1 << layout.bits_stored) - 1))
    if spare < 0:  # a codec answers in bytes where the header allows two: the value is complete as it is
        return unsigned.view(f"i{array.dtype.itemsize}")
    signed: PixelArray = unsigned.view(f"i{array.dtype.itemsize}")
    return np.asarray((signed << spare) >> spare) if spare else signed


# --------------------------------------------------------------------------------------------------------- codestreams


def _check_codestream(data: bytes, layout: PixelLayout) -> None:
    """Refuse a codestream whose own size is not the header's, or that is another format than the syntax says."""
    two_thousand = layout.syntax not in LOSSY_JPEG | LOSSLESS_JPEG | JPEG_LS
    found = _size_2000(data) if two_thousand else jpeg_size(data)
    if found is None:
        raise Refusal("transfer_syntax", f"the pixel data is not what transfer syntax {layout.syntax} means")
    if found != (layout.columns, layout.rows, layout.samples):
        width, height, samples = found
        raise Refusal(
            "pixel_description",
            f"the packed image is {width} x {height} x {samples}, the header says "
            f"{layout.columns} x {layout.rows} x {layout.samples}",
        )


def jpeg_size(data: bytes) -> tuple[int, int, int] | None:
    """(width, height, samples) a JPEG or JPEG-LS codestream declares; None when there is no frame header."""
    if data[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 < len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if (0xC0 <= marker <= 0xCF and marker not in NO_SIZE_MARKERS) or marker == 0xF7:
            height, width = int.from_bytes(data[at + 5 : at + 7], "big"), int.from_bytes(data[at + 7 : at + 9], "big")
            return width, height, data[at + 9]
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def _size_2000(data: bytes) -> tuple[int, int, int] | None:
    """The same for JPEG 2000 and HTJ2K, bare or in a JP2 box: the SIZ marker always comes first."""
    start = data[:4096].find(b"\xff\x4f\xff\x51")
    siz = data[start : start + 42]
    if start < 0 or len(siz) < 42:
        return None
    right, bottom, left, top = (int.from_bytes(siz[8 + 4 * k : 12 + 4 * k], "big") for k in range(4))
    return right - left, bottom - top, int.from_bytes(siz[40:42], "big")


# -------------------------------------------------------------------------------------------------------------- source


class DicomSource:
    """The frames of one image in z order, as a `volume.Source`.

    Packed frames are decoded by two threads a few slices ahead. Where rescaling differs between frames, displayed
    values are handed out instead of stored ones. A frame that cannot be decoded raises `BadFrame`.
    """

    def __init__(self, frames: Sequence[PlacedFrame], layout: PixelLayout, unpacked_bytes: int) -> None:
        self.frames = frames
        self.layout = layout
        self.unpacked_bytes = unpacked_bytes
        self.count = len(frames)
        self.channels = 3 if layout.samples == 3 or layout.palette is not None else 1
        self.rescaled = len({(frame.slope, frame.intercept) for frame in frames}) > 1
        self.slope, self.intercept = (1.0, 0.0) if self.rescaled else (frames[0].slope, frames[0].intercept)
        self.stored_range = self._stored_range()
        self.threads = ThreadPoolExecutor(DECODERS)
        self.coming: OrderedDict[int, Future[PixelArray]] = OrderedDict()
        self.inflated: tuple[Path, bytes] | None = None

    def _stored_range(self) -> tuple[int, int] | None:
        bits = self.layout.bits_stored
        if self.rescaled or self.layout.kind != "integer" or bits > 16:
            return None
        return (-(1 << bits - 1), (1 << bits - 1) - 1) if self.layout.signed else (0, (1 << bits) - 1)

    def read(self, z: int) -> PixelArray:
        if self.layout.syntax in NATIVE:
            return self._frame(z)
        for coming in range(z, min(z + AHEAD, self.count)):
            if coming not in self.coming:
                self.coming[coming] = self.threads.submit(self._frame, coming)
        return self.coming.pop(z).result()

    def close(self) -> None:
        self.threads.shutdown(cancel_futures=True)

    def _frame(self, z: int) -> PixelArray:
        frame = self.frames[z]
        try:
            array = decode_frame(self._bytes(frame), self.layout)
            if self.layout.palette is not None:
                return self._coloured(array, frame)
        except Refusal as refusal:
            raise BadFrame(z, refusal) from refusal
        return array * frame.slope + frame.intercept if self.rescaled else array

    def _bytes(self, frame: PlacedFrame) -> bytes:
        return self._pieces(frame.path, frame.spans)

    def _pieces(self, path: Path, spans: Sequence[tuple[int, int]]) -> bytes:
        if self.layout.syntax == DEFLATED:
            if self.inflated is None or self.inflated[0] != path:
                part10 = read_part10(path.read_bytes(), self.unpacked_bytes)
                self.inflated = (path, bytes(part10.data))
            return b"".join(self.inflated[1][at : at + length] for at, length in spans)
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return b"".join(mapped[at : at + length] for at, length in spans)

    def _coloured(self, indices: PixelArray, frame: PlacedFrame) -> PixelArray:
        """Palette indices as RGB, 16-bit tables by their high byte; indices outside the table take its end (PS3.3 C.7.6.3)."""
        if self.layout.palette is None:
            raise ValueError("the layout has no palette")
        planes = []
        for offset, length, entries, first, bits in self.layout.palette:
            raw = self._pieces(frame.path, ((offset, length),))
            order = ">" if self.layout.syntax == BIG_ENDIAN else "<"
            table: PixelArray = np.frombuffer(raw, np.uint8 if length < entries * 2 else order + "u2")[:entries]
            if bits == 16:
                table = table >> 8
            places = np.clip(indices.astype(np.int64) - first, 0, entries - 1)
            planes.append(table[places].astype(np.uint8))
        return np.stack(planes, axis=-1)


class BadFrame(Exception):
    """Frame `z` of a source cannot be decoded; `refusal` says why."""

    def __init__(self, z: int, refusal: Refusal) -> None:
        super().__init__(f"frame {z}: {refusal}")
        self.z = z
        self.refusal = refusal
