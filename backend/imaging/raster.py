"""PNG and JPEG pictures as 2D images: 8-bit grey or colour, 16-bit grey. No metadata is trusted, none is kept.

Sizes are read from the header before the codec sees the file. Runs in the import child only.
"""

import zlib
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt

from backend.imaging.pixels import jpeg_size
from backend.imaging.refusal import Refusal

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True)
class Picture:
    """One picture as a `volume.Source` of one slice: whole numbers [y, x], or uint8 RGB [y, x, 3]."""

    pixels: npt.NDArray[Any]
    warnings: tuple[str, ...] = ()
    count: int = 1
    slope: float = 1.0
    intercept: float = 0.0
    stored_range: tuple[int, int] | None = None

    @property
    def channels(self) -> int:
        return 3 if self.pixels.ndim == 3 else 1

    def read(self, _z: int) -> npt.NDArray[Any]:
        return self.pixels


def picture_size(data: bytes) -> tuple[int, int]:
    """(width, height) as the header says. Raises Refusal when it says nothing."""
    if data.startswith(PNG) and data[12:16] == b"IHDR":
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    size = jpeg_size(data)
    if size is None:
        raise Refusal("corrupt", "the picture has no readable header")
    return size[0], size[1]


def read_picture(data: bytes) -> Picture:
    """Decode a PNG or JPEG. Transparency is refused unless the picture is opaque; checksums are verified for PNG."""
    warnings: tuple[str, ...] = ()
    try:
        if data.startswith(PNG):
            warnings = _check_png(data)
            pixels = np.asarray(imagecodecs.png_decode(data))
        else:
            if b"\xff\xd9" not in data[-64:]:
                raise Refusal("truncated", "the JPEG ends before its end marker")
            pixels = np.asarray(imagecodecs.jpeg8_decode(data))
    except (Refusal, MemoryError):
        raise
    except Exception as error:  # the ingest boundary: each codec has exceptions of its own
        raise Refusal("corrupt", "the picture cannot be decoded") from error
    return Picture(np.ascontiguousarray(_plain(pixels)), warnings)


def _plain(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Grey or RGB without an alpha channel; a colour picture whose channels are equal stays colour."""
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        if (pixels[..., -1] != np.iinfo(pixels.dtype).max).any():
            raise Refusal("unsupported", "transparent pictures are not supported; save it without transparency")
        pixels = pixels[..., :-1]
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim == 3 and (pixels.shape[2] != 3 or pixels.dtype != np.uint8):
        raise Refusal("unsupported", "colour pictures must have 8 bits per channel")
    if pixels.ndim not in (2, 3) or pixels.dtype.kind not in "iu":
        raise Refusal("unsupported", f"pictures of {pixels.dtype} with {pixels.ndim} axes are not supported")
    return pixels


def _check_png(data: bytes) -> tuple[str, ...]:
    """Every chunk whole and with its checksum, up to IEND; libpng would repair some of them silently."""
    at = len(PNG)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        end = at + 12 + length
        if end > len(data):
            break
        if zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            raise Refusal("corrupt", "a part of the PNG does not match its checksum")
        if data[at + 4 : at + 8] == b"IEND":
            return ("trailing_bytes: bytes follow the picture; they are ignored",) if end < len(data) else ()
        at = end
    raise Refusal("truncated", "the PNG ends before its last part")
