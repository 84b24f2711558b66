"""How alike two label maps are: Dice, ASSD, HD95, with every edge case defined (LEARNING 6).

Dice is a fraction. Distances are millimetres where the spacing is known and pixels (px) where it is not; `compare` says which, and
callers put the unit in the name. Both masks empty: Dice 1, distances 0. One empty: Dice 0, distances = the grid's diagonal. Surface = a mask minus its erosion
by the 4- (2D) or 6-connected (3D) neighbourhood, the grid's edge counting as background.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Mask = npt.NDArray[np.bool_]


class SurfaceDistances(NamedTuple):
    """assd pools both surfaces; hd95 is the larger of the two directed 95th percentiles, hd95_pooled the pooled variant."""

    assd: float
    hd95: float
    hd95_pooled: float
    one_empty: bool


class Agreement(NamedTuple):
    """Two label maps compared: means over the labels present in either; one_empty: labels that only one of them has; distances in `unit`."""

    dice: float
    assd: float
    hd95: float
    hd95_pooled: float
    one_empty: int
    unit: Literal["mm", "px"]


def compare(
    a: npt.NDArray[Any], b: npt.NDArray[Any], labels: Sequence[int], spacing_mm: Sequence[float] | None
) -> Agreement:
    """Every metric of two label maps on one grid. spacing_mm in the arrays' axis order; None where nobody knows it: pixels.

    No label in either map: Dice 1, distances 0. Raises ValueError on maps of different shapes, or a spacing that does not fit them.
    """
    if a.shape != b.shape or (spacing_mm is not None and len(spacing_mm) != a.ndim):
        raise ValueError(
            f"Label maps {list(a.shape)} and {list(b.shape)} with spacing {spacing_mm} do not lie on one grid; resample one first."
        )
    unit: Literal["mm", "px"] = "px" if spacing_mm is None else "mm"
    masks = [(a == value, b == value) for value in labels]
    present = [(one, other) for one, other in masks if one.any() or other.any()]
    if not present:
        return Agreement(1.0, 0.0, 0.0, 0.0, 0, unit)
    far = [surface_distances(one, other, spacing_mm or [1.0] * a.ndim) for one, other in present]
    assd, hd95, hd95_pooled = (float(np.mean(values)) for values in zip(*(d[:3] for d in far), strict=True))
    overlap = float(np.mean([dice(one, other) for one, other in present]))
    return Agreement(overlap, assd, hd95, hd95_pooled, sum(d.one_empty for d in far), unit)


def dice(a: Mask, b: Mask) -> float:
    """2 |a and b| / (|a| + |b|)."""
    total = int(np.count_nonzero(a)) + int(np.count_nonzero(b))
    return 1.0 if total == 0 else 2.0 * int(np.count_nonzero(a & b)) / total


def dice_by_label(a: npt.NDArray[Any], b: npt.NDArray[Any], labels: Sequence[int]) -> dict[int, float]:
    """Dice of each label value present in either map (an absent label is no achievement and is left out)."""
    present = [value for value in labels if (a == value).any() or (b == value).any()]
    return {value: dice(a == value, b == value) for value in present}


def mean_dice(a: npt.NDArray[Any], b: npt.NDArray[Any], labels: Sequence[int]) -> float:
    """Mean over the labels present in either map; 1 where both are empty."""
    values = dice_by_label(a, b, labels)
    return float(np.mean(list(values.values()))) if values else 1.0


def surface(mask: Mask) -> Mask:
    """The mask's voxels with a neighbour outside it. Axes of length 1 are ignored, so a 2D image in a 3D array stays 2D."""
    flat = mask.squeeze()
    if flat.ndim == 0:
        return mask.copy()
    eroded = ndimage.binary_erosion(flat, ndimage.generate_binary_structure(flat.ndim, 1), border_value=0)
    edge: Mask = (flat & ~eroded).reshape(mask.shape)
    return edge


def surface_distances(a: Mask, b: Mask, spacing_mm: Sequence[float]) -> SurfaceDistances:
    """Distances between two masks on one grid; spacing_mm in the arrays' axis order."""
    empty_a, empty_b = not a.any(), not b.any()
    if empty_a and empty_b:
        return SurfaceDistances(0.0, 0.0, 0.0, False)
    if empty_a or empty_b:
        diagonal = float(np.linalg.norm(np.array(a.shape) * np.asarray(spacing_mm)))
        return SurfaceDistances(diagonal, diagonal, diagonal, True)
    box = tuple(slice(max(low - 1, 0), high + 2) for low, high in _box(a | b))
    surface_a, surface_b = surface(a)[box], surface(b)[box]
    to_b = ndimage.distance_transform_edt(~surface_b, sampling=spacing_mm)[surface_a]
    to_a = ndimage.distance_transform_edt(~surface_a, sampling=spacing_mm)[surface_b]
    pooled = np.concatenate([to_b, to_a])
    hd95 = max(float(np.percentile(to_b, 95)), float(np.percentile(to_a, 95)))
    return SurfaceDistances(float(pooled.mean()), hd95, float(np.percentile(pooled, 95)), False)


def mean_hd95(a: npt.NDArray[Any], b: npt.NDArray[Any], labels: Sequence[int], spacing_mm: Sequence[float]) -> float:
    """HD95 averaged over the labels present in either map; 0 where both are empty."""
    present = [value for value in labels if (a == value).any() or (b == value).any()]
    values = [surface_distances(a == value, b == value, spacing_mm).hd95 for value in present]
    return float(np.mean(values)) if values else 0.0


def _box(mask: Mask) -> list[tuple[int, int]]:
    """First and last index of the mask along each axis."""
    edges = []
    for axis in range(mask.ndim):
        line = np.nonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))[0]
        edges.append((int(line[0]), int(line[-1])))
    return edges
