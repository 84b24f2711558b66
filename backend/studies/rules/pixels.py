"""How an image's bytes are served: slabs as they were kept, and a thumbnail made from them.

Nothing here parses an original: that is `ingest`, in a child process. Slabs are gzip since the import, so a slab
costs one file read; only a client that refuses gzip makes us inflate. Fails closed: a damaged blob raises
CorruptBlob and no pixel is shown.
"""

import contextlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from backend.blobs import Blobs
from backend.errors import CorruptBlob, NotFound
from backend.imaging import geometry, slabs
from backend.imaging.refusal import Refusal
from backend.studies import store

THUMBNAIL_PIXELS = 96


@dataclass(frozen=True)
class Slab:
    """A run of slices as kept: gzip of int16 planes (all low bytes, then all high bytes) or of R, G, B planes."""

    gzipped: bytes
    encoding: slabs.SlabEncoding
    size_bytes: int

    def inflated(self) -> bytes:
        """The planes themselves. Raises CorruptBlob unless they are exactly as long as the image's row says."""
        with corrupt_blobs():
            return slabs.unpack_slab(self.gzipped, self.size_bytes)


@contextlib.contextmanager
def corrupt_blobs() -> Iterator[None]:
    """Turn imaging's refusal of stored bytes into the error a client reads."""
    try:
        yield
    except Refusal as refusal:
        raise CorruptBlob(f"{refusal.reason}; restore it from a backup.") from refusal


def load_slab(blobs: Blobs, image: store.Image, slab: int) -> Slab:
    """Slab k of an image. Raises NotFound beyond the last one, CorruptBlob where its bytes are damaged."""
    if not 0 <= slab < len(image.slab_sha256s):
        raise NotFound(f"The image has {len(image.slab_sha256s)} slabs, counted from 0; there is no slab {slab}.")
    size_bytes = slabs.slab_bytes(slab, image.nz, image.ny, image.nx, image.channels)
    return Slab(blobs.read(image.slab_sha256s[slab]), slabs.slab_encoding(image.channels), size_bytes)


def read_slice(blobs: Blobs, image: store.Image, z: int) -> slabs.Int16Array | slabs.UInt8Array:
    """Slice z of an image: stored values `slice_yx` int16, or colours `slice_yxc` uint8."""
    slab, within = divmod(z, slabs.SLAB_DEPTH)
    packed = load_slab(blobs, image, slab).gzipped
    with corrupt_blobs():
        depth = len(slabs.slab_slices(slab, image.nz))
        voxels = slabs.decode_slab(packed, depth, image.ny, image.nx, image.channels)
    return voxels[within] if image.channels == 1 else voxels[:, within].transpose(1, 2, 0)


def as_viewed(plane: slabs.UInt8Array | slabs.Int16Array, image: store.Image) -> slabs.UInt8Array | slabs.Int16Array:
    """A stored slice [y, x, …] with rows and columns flipped to run down and to the right as the viewer shows them."""
    if geometry.sides_of(image.geometry, image.warnings) == "unknown":
        return plane
    along_x, along_y = (np.asarray(image.affine, float).reshape(3, 4)[:, axis] for axis in (0, 1))
    right, down = along_x[np.abs(along_x).argmax()], along_y[np.abs(along_y).argmax()]
    # RAS grows to the right, the front and the head, all of which the screen shows at its left or its top.
    return plane[:: -1 if down > 0 else 1, :: -1 if right > 0 else 1]


def display_window(image: store.Image) -> tuple[float, float]:
    """The window an image opens with, in displayed values: the kept one, or the image's whole range where all its values lie outside that."""
    ends = sorted(stored * image.slope + image.intercept for stored in (image.low, image.high))
    is_seen = ends[0] < image.window_high and ends[1] > image.window_low
    return (image.window_low, image.window_high) if is_seen else (ends[0], ends[1])


def make_thumbnail(blobs: Blobs, image: store.Image) -> bytes:
    """The middle slice in the default window as a small PNG: 8-bit grey or colour, longest side 96 pixels.

    Pixels are picked, not averaged: a thumbnail helps to find a case, nobody reads it. Its sides are the viewer's
    (anterior or head up, patient right or anterior at the left), as far as flipping the stored slice can make them.
    """
    plane = as_viewed(read_slice(blobs, image, image.nz // 2), image)
    step = max(1, -(-max(plane.shape[0], plane.shape[1]) // THUMBNAIL_PIXELS))
    small = plane[step // 2 :: step, step // 2 :: step]
    if image.channels == 1:
        low, high = display_window(image)
        width = max(high - low, 1e-12)  # a constant image has no width to divide by
        shown = small.astype(np.float64) * image.slope + image.intercept
        small = np.rint(np.clip((shown - low) / width, 0, 1) * 255)
    return write_png(np.ascontiguousarray(small, dtype=np.uint8))


def write_png(pixels: slabs.UInt8Array) -> bytes:
    """A PNG of `grey_yx` or `colour_yxc` uint8 (PNG specification, third edition, sections 5 and 11.2)."""
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8, 0 if pixels.ndim == 2 else 2, 0, 0, 0)
    rows = pixels.reshape(height, -1)
    unfiltered = np.concatenate([np.zeros((height, 1), dtype=np.uint8), rows], axis=1)  # filter type 0 before each row
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(unfiltered.tobytes(), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
