"""Voxels and label maps as learning wants them, from blobs. Axis legend: C channels, D H W = z y x."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from backend.blobs import Blobs
from backend.errors import Invalid
from backend.imaging import geometry, slabs
from backend.jobs import rules
from backend.segmentations import rules as segmentations

ImageArray = npt.NDArray[np.float32]
LabelArray = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Volume:
    """One image on its own grid. image_CDHW: displayed values, float32; spacing_mm is (z, y, x)."""

    image_id: UUID
    image_CDHW: ImageArray
    spacing_mm: tuple[float, float, float]

    @property
    def size_bytes(self) -> int:
        """What it takes in memory."""
        return self.image_CDHW.nbytes


def read_volume(blobs: Blobs, image: rules.ImageFacts) -> Volume:
    """The image's voxels with slope and intercept applied; colours as three channels 0..255. Raises CorruptBlob."""
    packed = (blobs.read(sha256) for sha256 in image.slab_sha256s)
    stored: npt.NDArray[Any] = slabs.decode_volume(packed, image.nz, image.ny, image.nx, image.channels)
    values = stored.astype(np.float32)
    if image.channels == 1:
        values = (values * np.float32(image.slope) + np.float32(image.intercept))[None]
    x_mm, y_mm, z_mm = geometry.spacing_mm(geometry.from_rows(image.affine))
    return Volume(image.image_id, np.ascontiguousarray(values), (z_mm, y_mm, x_mm))


def with_channels(volume: Volume, channels: int) -> Volume:
    """As a network of so many channels takes it: a grey image has the same values in each. Raises Invalid for colours where it takes one."""
    if volume.image_CDHW.shape[0] == channels:
        return volume
    if volume.image_CDHW.shape[0] != 1:
        failure = rules.IN_COLOUR
        raise Invalid(f"{failure.message} {failure.remedy}")
    return Volume(volume.image_id, volume.image_CDHW.repeat(channels, axis=0), volume.spacing_mm)


def read_labels(blobs: Blobs, sha256: str, shape_zyx: tuple[int, int, int], dtype: str) -> LabelArray:
    """A revision's label map as uint8; a project's label values end at 255. Raises CorruptBlob."""
    return segmentations.read_labels(blobs, sha256, dtype, shape_zyx).astype(np.uint8)
