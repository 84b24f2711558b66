"""Slabs: the pieces in which an image is kept and served, eight slices each.

Grey images: int16, x fastest, all low bytes then all high bytes (the split matters more than the codec), gzip.
Colour images: three uint8 planes R, G, B, each [z, y, x], gzip. Compressed once, at import, with libdeflate's level 4:
on CT it packs 170 MB/s to 38 % of the size; level 1 saves a tenth of the time, level 9 gains 3 % for four times of it.
Every browser unpacks gzip itself (`Content-Encoding: gzip`), while zstd and brotli need HTTPS. imagecodecs loads each
codec at its first use, so importing this file costs the API nothing.

Label slabs are raw uint8 or uint16 of the same slices, made from the label map when asked for.
"""

import gzip
import hashlib
import zlib
from collections.abc import Iterable
from typing import Literal, TypeAlias

import imagecodecs
import numpy as np
import numpy.typing as npt

from backend.imaging.refusal import Refusal

SLAB_DEPTH = 8
GZIP_LEVEL = 4

Int16Array: TypeAlias = npt.NDArray[np.int16]
UInt8Array: TypeAlias = npt.NDArray[np.uint8]
SlabEncoding: TypeAlias = Literal["int16-planes", "rgb8"]


def slab_count(nz: int) -> int:
    """How many slabs hold nz slices."""
    return -(-nz // SLAB_DEPTH)


def slab_slices(k: int, nz: int) -> range:
    """The slices of slab k; the last slab may be thinner. Raises IndexError beyond the image."""
    if not 0 <= k < slab_count(nz):
        raise IndexError(f"slab {k} of {slab_count(nz)}")
    return range(k * SLAB_DEPTH, min((k + 1) * SLAB_DEPTH, nz))


def slab_bytes(k: int, nz: int, ny: int, nx: int, channels: int) -> int:
    """The unpacked size of slab k."""
    return len(slab_slices(k, nz)) * ny * nx * (2 if channels == 1 else 3)


def slab_encoding(channels: int) -> SlabEncoding:
    """The value of the header `X-Slab-Encoding`."""
    return "int16-planes" if channels == 1 else "rgb8"


def encode_slab(voxels: Int16Array | UInt8Array) -> bytes:
    """Pack one slab. voxels: int16 [d, y, x], or uint8 [3, d, y, x]."""
    if voxels.dtype == np.int16:
        low_high = np.ascontiguousarray(voxels, dtype="<i2").reshape(-1).view(np.uint8).reshape(-1, 2)
        data = low_high.T.tobytes()
    elif voxels.dtype == np.uint8 and voxels.ndim == 4 and voxels.shape[0] == 3:
        data = voxels.tobytes()
    else:
        raise ValueError(f"a slab is int16 [d, y, x] or uint8 [3, d, y, x], not {voxels.dtype}{voxels.shape}")
    return bytes(imagecodecs.gzip_encode(data, level=GZIP_LEVEL))


def unpack_slab(packed: bytes, size: int) -> bytes:
    """The bytes inside a packed slab, for a client that takes no gzip and for our own readers.

    Raises Refusal `corrupt` unless they are exactly `size`; never unpacks further than that.
    """
    unpacker = zlib.decompressobj(wbits=31)
    try:
        data = unpacker.decompress(packed, size + 1)
    except zlib.error as error:
        raise Refusal("corrupt", "a stored slab does not unpack") from error
    if len(data) != size or not unpacker.eof or unpacker.unused_data:
        raise Refusal("corrupt", f"a stored slab does not unpack to its {size} bytes")
    return data


def decode_slab(packed: bytes, depth: int, ny: int, nx: int, channels: int) -> Int16Array | UInt8Array:
    """The voxels of one slab: int16 [d, y, x] (stored values), or uint8 [3, d, y, x]."""
    voxels = depth * ny * nx
    if channels == 3:
        return np.frombuffer(unpack_slab(packed, voxels * 3), np.uint8).reshape(3, depth, ny, nx)
    planes = np.frombuffer(unpack_slab(packed, voxels * 2), np.uint8).reshape(2, voxels)
    joined = np.empty((voxels, 2), np.uint8)
    joined[:, 0], joined[:, 1] = planes[0], planes[1]
    return joined.view("<i2").reshape(depth, ny, nx)


def decode_volume(packed_slabs: Iterable[bytes], nz: int, ny: int, nx: int, channels: int) -> Int16Array | UInt8Array:
    """A whole image from its slabs in order: int16 [z, y, x] (stored values), or uint8 [3, z, y, x]."""
    volume = np.empty((nz, ny, nx), np.int16) if channels == 1 else np.empty((3, nz, ny, nx), np.uint8)
    k = -1
    for k, packed in enumerate(packed_slabs):
        slices = slab_slices(k, nz)
        volume[..., slices.start : slices.stop, :, :] = decode_slab(packed, len(slices), ny, nx, channels)
    if k + 1 != slab_count(nz):
        raise Refusal("corrupt", f"the image has {k + 1} of its {slab_count(nz)} slabs")
    return volume


def image_sha256(slab_sha256s: Iterable[str]) -> str:
    """The hash that names an image's pixels (`v` in the slab's address): over its slabs' hashes in order."""
    return hashlib.sha256("".join(slab_sha256s).encode()).hexdigest()


def label_slab(labels_zyx: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], k: int) -> bytes:
    """Slab k of a label map: raw little-endian bytes, x fastest, not packed."""
    slices = slab_slices(k, labels_zyx.shape[0])
    part = labels_zyx[slices.start : slices.stop]
    return np.ascontiguousarray(part, dtype=part.dtype.newbyteorder("<")).tobytes()


def pack_label_slab(raw: bytes) -> bytes:
    """gzip a label slab on its way out: level 1, as it is done anew for every reader."""
    return gzip.compress(raw, compresslevel=1, mtime=0)
