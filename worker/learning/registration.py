"""2D registration of neighbouring slices of an image, and what is carried along it (LEARNING.md section 4).

Fast symmetric forces demons of SimpleITK. Levels and sigma were chosen on eight training hippocampi, for accuracy at half the time of what LEARNING
names (docs/interactive.md). Pure arrays; no torch. Axis legend as in `propagate`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import SimpleITK
from scipy import ndimage

Field = npt.NDArray[np.float32]

# From so many pixels on the shorter side: shrink and iterations of each level, so that the coarsest keeps 20 pixels.
LEVELS: Final = ((80, ((4, 20), (2, 10), (1, 5))), (40, ((2, 15), (1, 10))), (0, ((1, 20),)))
SMOOTH: Final = 1.0  # pixels

# Slices are small: ITK's own threads wait for each other longer than they work; gaps are shared out instead.
SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)


def followed(distance_LHW: Field, images_NHW: Field) -> Field:
    """Distances on the first of these images carried to each of the others [N - 1, L, H, W]."""
    carried = [distance_LHW]
    for moving, fixed in zip(images_NHW, images_NHW[1:], strict=False):
        carried.append(_warp(carried[-1], displacement(fixed=fixed, moving=moving)))
    return np.stack(carried[1:])


def displacement(fixed: Field, moving: Field) -> Field:
    """Where each pixel of `fixed` [H, W] is found in `moving`: offsets [2, H, W] in pixels, rows first.

    Fast symmetric forces demons (Vercauteren et al., NeuroImage 2009), coarse to fine on larger pictures.
    """
    levels = next(levels for least, levels in LEVELS if min(fixed.shape) >= least)
    a, b = SimpleITK.GetImageFromArray(fixed), SimpleITK.GetImageFromArray(moving)
    field: SimpleITK.Image | None = None
    for shrink, iterations in levels:
        coarse_a, coarse_b = (_shrunk(picture, shrink) for picture in (a, b))
        demons = SimpleITK.FastSymmetricForcesDemonsRegistrationFilter()
        demons.SetNumberOfIterations(iterations)
        demons.SetStandardDeviations(SMOOTH)
        start = () if field is None else (_onto(coarse_a, field),)
        field = demons.Execute(coarse_a, coarse_b, *start)
    assert field is not None, "there is at least one level"
    xy = SimpleITK.GetArrayFromImage(field)
    return np.stack([xy[..., 1], xy[..., 0]]).astype(np.float32)


def _onto(picture: SimpleITK.Image, field: SimpleITK.Image) -> SimpleITK.Image:
    """A displacement field on the grid of a finer picture; offsets are in pixels of the finest, so they stay as they are."""
    kind = SimpleITK.sitkVectorFloat64
    finer: SimpleITK.Image = SimpleITK.Resample(field, picture, SimpleITK.Transform(), SimpleITK.sitkLinear, 0.0, kind)
    return finer


def _shrunk(picture: SimpleITK.Image, by: int) -> SimpleITK.Image:
    if by == 1:
        return picture
    smaller: SimpleITK.Image = SimpleITK.Shrink(SimpleITK.SmoothingRecursiveGaussian(picture, by / 2), [by, by])
    return smaller


def _warp(distance_LHW: Field, offsets_YHW: Field) -> Field:
    """Y: offsets of rows, then of columns."""
    at = np.indices(offsets_YHW.shape[1:], dtype=np.float32) + offsets_YHW
    return np.stack([ndimage.map_coordinates(each, at, order=1, mode="nearest") for each in distance_LHW])


def scaled(image: Field) -> Field:
    """Values from 0 to 255 between the 0.5th and the 99.5th percentile, float32: what the demons' force is tuned for."""
    low, high = np.percentile(image, (0.5, 99.5))
    return np.asarray(np.clip((image - low) * (255 / max(high - low, 1e-6)), 0, 255), np.float32)
