"""The instant preview: a shape between two drawn slices, voxel for voxel as the browser makes it (frontend/src/engine/ops/interpolate.ts).

Signed distances of both shapes, mixed linearly: shape-based interpolation (Raya and Udupa, IEEE Trans. Med. Imaging 1990). Where both slices hold one
piece and lie near each other, both shapes are first moved to the centroid between them. Two departures keep a shape from vanishing between
slices that hardly overlap:

    saturation  a distance d counts as d / (1 + |d| / gap): what lies farther away than the slices are apart says no more than
                *out* or *in*, so the nearer slice has its way there
    area        the mixture is cut where the shape has at least the area in between, and half of what a ball has more between
                its tip and its equator

Both slices decide alone, so only the gaps beside an edited slice change. How it was chosen: docs/interactive.md. Pure arrays; no torch.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Mask = npt.NDArray[np.bool_]
Distances = npt.NDArray[np.float64]
Floats = TypeVar("Floats", bound=np.floating)

LEAST_PIECE: Final = 4  # pixels: smaller pieces do not count as a second one
NEAR: Final = 1.5  # sums of radii within which two centroids belong to one object
BULGE: Final = 0.5  # of what a ball has more than the area in between
TAIL: Final = 8  # pixels beyond the shapes' box where the chance fades out
STEPS_PER_MM: Final = 2.0**20  # mixtures are compared in such steps, so that the last bits of no machine decide


class Box(NamedTuple):
    """A rectangle within a slice, in pixels; top and left belong to it, bottom and right do not."""

    top: int
    bottom: int
    left: int
    right: int

    def cut(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return array[..., self.top : self.bottom, self.left : self.right]

    def grown(self, margin: int, shape: tuple[int, ...]) -> Box:
        """So many pixels larger, where a slice of this shape has them."""
        height, width = shape
        return Box(
            max(0, self.top - margin),
            min(height, self.bottom + margin),
            max(0, self.left - margin),
            min(width, self.right + margin),
        )

    @classmethod
    def around(cls, mask: Mask, margin: int = 0) -> Box:
        """The smallest that holds the mask, and so many pixels more where the slice has them. The mask must not be empty."""
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        tight = cls(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
        return tight.grown(margin, mask.shape)


class Mixture(NamedTuple):
    """One slice between two. left, right: the saturated distances of either shape within the box, mm, positive inside.

    depth: their mixture less the level at which it is cut; the shape is where it is at least 0.
    """

    box: Box
    left: Distances
    right: Distances
    depth: Distances
    level: float


class Between:
    """Two shapes, none of them empty, `gap_mm` apart; asked for any slice between them."""

    def __init__(self, a: Mask, b: Mask, gap_mm: float, spacing_mm: tuple[float, float]) -> None:
        self.masks, self.shape = (a, b), a.shape
        self.areas = int(np.count_nonzero(a)), int(np.count_nonzero(b))
        self.move = self._move(spacing_mm)
        # Whatever is looked up below lies in here or beyond the slice, where its nearest pixel speaks.
        self.frame = Box.around(a | b, int(np.abs(self.move).max()) + 2 + TAIL)
        self.distances = tuple(
            # a whole slice is infinitely far inside
            np.full(cut.shape, gap_mm) if cut.all() else saturated(signed_distance(cut, spacing_mm), gap_mm)
            for cut in (self.frame.cut(mask) for mask in (a, b))
        )

    def _move(self, spacing_mm: tuple[float, float]) -> npt.NDArray[np.float64]:
        """From the first centroid to the second in pixels, where both shapes are one piece and near each other; else nothing."""
        if not all(_is_one_piece(mask) for mask in self.masks):
            return np.zeros(2)
        (rows_a, columns_a), (rows_b, columns_b) = (np.nonzero(mask) for mask in self.masks)
        of_a, of_b = self.areas
        move = np.array([rows_b.sum() / of_b - rows_a.sum() / of_a, columns_b.sum() / of_b - columns_a.sum() / of_a])
        radii = sum(radius(mask, spacing_mm) for mask in self.masks)
        return move if float(np.linalg.norm(move * spacing_mm)) < NEAR * radii else np.zeros(2)

    def at(self, share: float) -> Mixture:
        """The shape so far on the way from the first to the second, 0..1, both exclusive."""
        moves = share * self.move, (share - 1) * self.move
        tight = self._box(moves)
        box = tight.grown(TAIL, self.shape)
        left, right = (self._moved(distance, move, box) for distance, move in zip(self.distances, moves, strict=True))
        steps = np.floor(((1 - share) * left + share * right) * STEPS_PER_MM + 0.5)
        inner = Box(tight.top - box.top, tight.bottom - box.top, tight.left - box.left, tight.right - box.left)
        level = area_level(inner.cut(steps), share, self.areas)
        depth = np.minimum(steps - level, -1.0)
        inner.cut(depth)[...] = inner.cut(steps) - level
        return Mixture(box, left, right, depth / STEPS_PER_MM, level / STEPS_PER_MM)

    def _box(self, moves: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]) -> Box:
        """Around both shapes where they were moved to, within the slice."""
        a, b = (Box.around(mask) for mask in self.masks)
        (down_a, right_a), (down_b, right_b) = moves
        return Box(
            max(0, int(np.floor(min(a.top + down_a, b.top + down_b)))),
            min(self.shape[0], int(np.ceil(max(a.bottom - 1 + down_a, b.bottom - 1 + down_b))) + 1),
            max(0, int(np.floor(min(a.left + right_a, b.left + right_b)))),
            min(self.shape[1], int(np.ceil(max(a.right - 1 + right_a, b.right - 1 + right_b))) + 1),
        )

    def _moved(self, distance: Distances, move: npt.NDArray[np.float64], box: Box) -> Distances:
        """Bilinear, within the box; beyond the slice its nearest pixel speaks."""
        (row, column), (height, width) = np.floor(-move).astype(int), distance.shape
        down, across = -move - np.floor(-move)
        rows = np.arange(box.top, box.bottom) + row - self.frame.top
        columns = np.arange(box.left, box.right) + column - self.frame.left

        def at(below: int, beside: int) -> Distances:
            picked = np.clip(rows + below, 0, height - 1), np.clip(columns + beside, 0, width - 1)
            return distance[np.ix_(*picked)]

        if down == 0 and across == 0:
            return at(0, 0)
        upper = (1 - across) * at(0, 0) + across * at(0, 1)
        lower = (1 - across) * at(1, 0) + across * at(1, 1)
        return np.asarray((1 - down) * upper + down * lower)


def area_level(mixture: npt.NDArray[np.floating], share: float, areas: tuple[int, int]) -> float:
    """The highest level up to 0 at which so much of the mixture is at least as high as a shape between these two has pixels."""
    a, b = areas
    wanted = int((1 - share) * a + share * b + BULGE * share * (1 - share) * abs(a - b) + 0.5)
    if np.count_nonzero(mixture >= 0) >= wanted:
        return 0.0
    rank = min(wanted, mixture.size)
    return float(np.partition(mixture, -rank, axis=None)[-rank])


def signed_distance(mask: Mask, spacing_mm: tuple[float, float]) -> Distances:
    """Distance in mm from each pixel's centre to the nearest pixel of the other kind, positive inside.

    -inf where there is no inside; as far as the picture is long where there is no outside.
    """
    if not mask.any():
        return np.full(mask.shape, -np.inf)
    if mask.all():
        return np.full(mask.shape, max(mask.shape) * max(spacing_mm))
    inside = ndimage.distance_transform_edt(mask, spacing_mm)
    outside = ndimage.distance_transform_edt(~mask, spacing_mm)
    return np.asarray(inside - outside)


def radius(mask: Mask, spacing_mm: tuple[float, float]) -> float:
    """Of the disc of equal area, in mm."""
    return float(np.sqrt(np.count_nonzero(mask) * spacing_mm[0] * spacing_mm[1] / np.pi))


def saturated(distance: npt.NDArray[Floats], most_mm: float) -> npt.NDArray[Floats]:
    """Distances of which none counts for more than so much; near 0 they stay what they are."""
    return np.asarray(distance / (1 + np.abs(distance) / most_mm), distance.dtype)


def _is_one_piece(mask: Mask) -> bool:
    pieces, _ = ndimage.label(mask, np.ones((3, 3)))
    return int((np.bincount(pieces.ravel())[1:] >= LEAST_PIECE).sum()) == 1
