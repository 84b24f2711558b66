"""The volumes that are measured on, all lent under `../shared/data` and none of it committed; what is absent is skipped loudly.

One object is one binary mask to be drawn on every k-th slice. FreeSurfer's label values for the brain, left and right as one object. The
hippocampi are drawn on coronal slices, across their long axis, as doctors do; both labels as one. The brain is drawn on sagittal slices and the
aorta's two labels are one, because so the table of LEARNING.md was made: its column of copies comes out again. Everything else on axial slices.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import nibabel
import numpy as np
import numpy.typing as npt

PACK = Path(os.environ.get("CONSILIUM_SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
HIPPOCAMPI = PACK / "msd-hippocampus"
VOLUMES = PACK / "volumes3d"
FIRST_TEST_CASE = 160  # the pack's own split: the last 40

Mask = npt.NDArray[np.bool_]
ImageArray = npt.NDArray[np.float32]


class Task(NamedTuple):
    """One object to carry through one volume: image and mask [D, H, W], every k-th slice drawn."""

    set: str
    case: str
    image: npt.NDArray[np.float32]
    mask: Mask
    spacing_mm: tuple[float, float, float]
    every: int


BRAIN: dict[str, tuple[tuple[int, int], tuple[int, ...]]] = {
    "brain T1 white matter": ((2, 41), (5, 10)),
    "brain T1 ventricles": ((4, 43), (10,)),
    "brain T1 hippocampi": ((17, 53), (10,)),
    "brain T1 caudate": ((11, 50), (10,)),
}


def names() -> list[str]:
    """The data sets that are lent here."""
    return [path.name for path in (HIPPOCAMPI, VOLUMES) if path.is_dir()]


def load(
    image: Path, labels: Path
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], tuple[float, float, float]]:
    """Values and labels [D, H, W] with the axes turned to the patient's, and the spacing in mm."""
    one, other = (nibabel.as_closest_canonical(nibabel.load(path)) for path in (image, labels))
    x, y, z = (float(edge) for edge in one.header.get_zooms()[:3])
    values = np.ascontiguousarray(one.get_fdata(dtype=np.float32).T)
    return values, np.ascontiguousarray(np.asarray(other.dataobj).astype(np.int64).T), (z, y, x)


def coronal(numbers: Iterable[int]) -> Iterator[tuple[str, ImageArray, Mask, tuple[float, float, float]]]:
    """Hippocampi by their number in the pack, coronal slices first: name, image, both labels as one, spacing."""
    files = sorted((HIPPOCAMPI / "images").glob("*.nii.gz"))
    for number in numbers:
        image, labels, (z, y, x) = load(files[number], HIPPOCAMPI / "labels" / files[number].name)
        turned = np.ascontiguousarray(np.moveaxis(image, 1, 0))
        yield files[number].name.removesuffix(".nii.gz"), turned, np.moveaxis(labels > 0, 1, 0), (y, z, x)


def tasks(volumes: int) -> Iterator[Task]:
    """Everything of B1. volumes: how many hippocampi."""
    if HIPPOCAMPI.is_dir():
        for name, image, mask, spacing in coronal(range(FIRST_TEST_CASE, FIRST_TEST_CASE + volumes)):
            for every in (4, 8, 12):
                yield Task("hippocampus", name, image, mask, spacing, every)
    if VOLUMES.is_dir():
        image, labels, (z, y, x) = _volume("vxm_brain_mr")
        sagittal, turned = np.ascontiguousarray(np.moveaxis(image, 2, 0)), np.moveaxis(labels, 2, 0)
        for name, (parts, steps) in BRAIN.items():
            for every in steps:
                yield Task(name, "both sides", sagittal, np.isin(turned, parts), (x, z, y), every)
        image, labels, spacing = _volume("ts_aorta_ct")
        yield Task("aorta CT", "both labels", image, labels > 0, spacing, 8)
        for lesion in ("ctlesion_000001_02_01", "ctlesion_000009_03_01"):
            image, labels, spacing = _volume(lesion)
            yield Task("CT lesion", lesion, image, labels > 0, spacing, 8)


def _volume(name: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], tuple[float, float, float]]:
    return load(VOLUMES / f"{name}_image.nii.gz", VOLUMES / f"{name}_label.nii.gz")
