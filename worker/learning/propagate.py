"""From a few drawn slices to a volume: the proxy of the dynamic interactive method (arXiv 2312.06072), with its confidence.

The paper does not say how it registers; this is LEARNING.md section 4. Between two drawn slices the *signed distance* of each
label is carried from both sides, never the mask, and mixed linearly. Two ways to carry it:

    preview     no registration: where both slices hold one piece and lie near each other, the distances are moved to the
                centroid between them, else they stay where they are
    refinement  each step is warped by the 2D registration of the two neighbouring slices of the *image* (symmetric demons)

Both are cut where the shape is as large as it should be between its neighbours, so that thin or parted shapes do not vanish on the
way. Beyond the outermost drawn slice a label is carried from one side and rounded off as a ball of its own radius would be, so
one drawn slice is enough to begin. Pure arrays; no torch.

Axis legend: N slices along the drawn axis, L labels, H W within a slice. Distances are in mm, positive inside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import SimpleITK
from scipy import ndimage, special

Mask = npt.NDArray[np.bool_]
Field = npt.NDArray[np.float32]
Drawn = Mapping[
    int, Mapping[int, Mask]
]  # label → slice → mask [H, W]; an empty mask says that the label ends before it

MARGIN: Final = 24  # pixels around the masks within which is registered
LEAST_PIECE: Final = 4  # pixels: smaller pieces do not count as a second one
NEAR: Final = 1.5  # sums of radii within which two centroids belong to one object
VANISHED: Final = 0.5  # of the smaller neighbour: a mixture below it has lost the shape
SOFT: Final = (1.5, 0.35)  # tau in pixels at a drawn slice, and what each slice of distance adds
FADE_SLICES: Final = 20.0  # lambda of the confidence
PYRAMID: Final = ((4, 20), (2, 20), (1, 10))  # shrink, iterations
SMALL_BOX: Final = 80  # pixels: below it one level is better than a pyramid
SINGLE: Final = ((1, 30),)
SMOOTH: Final = 1.5  # pixels

# Slices are small: ITK's own threads wait for each other longer than they work; gaps are shared out instead.
SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)


@dataclass(frozen=True)
class Proxy:
    """What is propagated, in the image's own axis order [D, H, W].

    labels_DHW: label values, 0 where none; drawn slices hold what was drawn. chance_LDHW: 0..1 in the order of `labels`.
    confidence_DHW: 0..1, 1 on drawn slices, 0 on slices that nothing was carried to. reached: label → slices along the drawn
    axis on which it was drawn or carried to.
    """

    labels: tuple[int, ...]
    labels_DHW: npt.NDArray[np.uint8]
    chance_LDHW: Field
    confidence_DHW: Field
    reached: Mapping[int, list[int]]

    @property
    def size_bytes(self) -> int:
        """What it takes in memory."""
        return self.labels_DHW.nbytes + self.chance_LDHW.nbytes + self.confidence_DHW.nbytes


class _Box(NamedTuple):
    top: int
    bottom: int
    left: int
    right: int

    def cut(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return array[..., self.top : self.bottom, self.left : self.right]


@dataclass(frozen=True)
class _Span:
    """Labels that share two neighbouring drawn slices (or one, and the last slice reached beyond it)."""

    first: int
    last: int
    labels: tuple[int, ...]


class InvalidDrawing(ValueError):
    """What was drawn does not fit the image."""


def propagate(
    image_DHW: Field,
    drawn: Drawn,
    spacing_mm: Sequence[float],
    *,
    axis: int = 0,
    register: bool = True,
    threads: int = 1,
    on_slices: Callable[[range], None] = lambda _: None,
) -> Proxy:
    """Carry drawn slices through a volume.

    image_DHW: values of any scale. drawn: masks over the two axes other than `axis`, in their order. spacing_mm: of D, H, W.
    register: follow the image (the refinement) or not (the preview). on_slices: told which slices are done, as they are.
    Labels are resolved by the largest signed distance. Never touches a drawn slice of a label. Raises InvalidDrawing.
    """
    image_NHW = np.moveaxis(np.asarray(image_DHW, np.float32), axis, 0)
    across_mm = float(spacing_mm[axis])
    within_mm = tuple(float(mm) for n, mm in enumerate(spacing_mm) if n != axis)
    labels = tuple(sorted(drawn))
    _check(drawn, image_NHW.shape)
    shape = (len(labels), *image_NHW.shape)
    distance_LNHW = np.full(shape, -np.inf, np.float32)
    chance_LNHW = np.zeros(shape, np.float32)
    fade_LN = np.zeros(shape[:2], np.float32)
    carrier = _Carrier(image_NHW, drawn, across_mm, (within_mm[0], within_mm[1]), register)

    def work(span: _Span) -> None:
        for label, index, box, distance, chance, away in carrier.carry(span):
            at = labels.index(label)
            box.cut(distance_LNHW[at, index])[...] = distance
            box.cut(chance_LNHW[at, index])[...] = chance
            fade_LN[at, index] = np.exp(-away / FADE_SLICES)
        on_slices(range(span.first, span.last + 1))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, carrier.spans()))
    for at, label in enumerate(labels):
        for index, mask in drawn[label].items():
            distance_LNHW[at, index] = signed_distance(mask, carrier.within_mm)
            chance_LNHW[at, index] = mask
            fade_LN[at, index] = 1
    return _resolve(labels, drawn, distance_LNHW, chance_LNHW, fade_LN, axis)


def signed_distance(mask: Mask, spacing_mm: tuple[float, float]) -> Field:
    """Distance in mm from each pixel's centre to the nearest pixel of the other kind, positive inside.

    -inf where there is no inside; as far as the picture is long where there is no outside.
    """
    if not mask.any():
        return np.full(mask.shape, -np.inf, np.float32)
    if mask.all():
        return np.full(mask.shape, max(mask.shape) * max(spacing_mm), np.float32)
    inside = ndimage.distance_transform_edt(mask, spacing_mm)
    outside = ndimage.distance_transform_edt(~mask, spacing_mm)
    return np.asarray(inside - outside, np.float32)


def _check(drawn: Drawn, shape: tuple[int, ...]) -> None:
    if not any(mask.any() for slices in drawn.values() for mask in slices.values()):
        raise InvalidDrawing("Nothing is drawn on any slice; draw the object on one and start again.")
    for label, slices in drawn.items():
        for index, mask in slices.items():
            if not 0 <= index < shape[0] or mask.shape != shape[1:]:
                raise InvalidDrawing(
                    f"Label {label} is drawn on slice {index} of {list(mask.shape)} pixels; "
                    f"the image has {shape[0]} slices of {list(shape[1:])} along this axis."
                )


def _resolve(
    labels: tuple[int, ...], drawn: Drawn, distance_LNHW: Field, chance_LNHW: Field, fade_LN: Field, axis: int
) -> Proxy:
    """Each voxel to the label that is deepest inside; drawn voxels as they were drawn."""
    best_NHW = distance_LNHW.argmax(0)
    values = np.asarray(labels, np.uint8)
    top_NHW = np.take_along_axis(distance_LNHW, best_NHW[None], 0)[0]
    labels_NHW = np.where(top_NHW >= 0, values[best_NHW], 0).astype(np.uint8)
    strongest_NHW = chance_LNHW.max(0)
    confidence_NHW = np.abs(2 * strongest_NHW - 1) * fade_LN.max(0)[:, None, None]
    for slices in drawn.values():
        for index, mask in slices.items():
            confidence_NHW[index][mask] = 1
    whole = set.intersection(*(set(slices) for slices in drawn.values()))
    for index in whole:
        confidence_NHW[index] = 1
    for label, slices in drawn.items():  # the last word, whatever another label reached for
        for index, mask in slices.items():
            labels_NHW[index][mask] = label
    reached = {label: [int(n) for n in np.flatnonzero(fade)] for label, fade in zip(labels, fade_LN, strict=True)}
    return Proxy(
        labels,
        np.ascontiguousarray(np.moveaxis(labels_NHW, 0, axis)),
        np.ascontiguousarray(np.moveaxis(chance_LNHW, 1, 1 + axis)),
        np.ascontiguousarray(np.moveaxis(confidence_NHW, 0, axis), np.float32),
        reached,
    )


Carried = tuple[
    int, int, _Box, Field, Field, int
]  # label, slice, box, distance, chance, slices to the nearest drawn one


class _Carrier:
    """Carries every label through the gaps between its drawn slices and beyond its outermost ones."""

    def __init__(
        self, image_NHW: Field, drawn: Drawn, across_mm: float, within_mm: tuple[float, float], register: bool
    ) -> None:
        self.image_NHW, self.drawn, self.register = image_NHW, drawn, register
        self.across_mm, self.within_mm = across_mm, within_mm
        self.pixel_mm = float(np.sqrt(within_mm[0] * within_mm[1]))

    def spans(self) -> list[_Span]:
        """The gaps, each with the labels that have it in common, then what lies beyond the outermost slices."""
        shared: dict[tuple[int, int], list[int]] = {}
        last_slice = self.image_NHW.shape[0] - 1
        for label, slices in self.drawn.items():
            order = sorted(slices)
            for a, b in zip(order, order[1:], strict=False):
                if b - a > 1 and (slices[a].any() or slices[b].any()):
                    shared.setdefault((a, b), []).append(label)
            for end, step, wall in ((order[0], -1, 0), (order[-1], 1, last_slice)):
                if slices[end].any() and end != wall:
                    reach = end + step * self._reach(slices[end])
                    shared.setdefault((end, min(max(reach, 0), last_slice)), []).append(label)
        return [_Span(a, b, tuple(sorted(labels))) for (a, b), labels in shared.items() if a != b]

    def _reach(self, mask: Mask) -> int:
        """Slices to which a shape goes on if it is as long as it is wide."""
        return max(1, int(_radius(mask, self.within_mm) / self.across_mm))

    def carry(self, span: _Span) -> list[Carried]:
        """Every label on every slice within the span (a gap's two ends are left out)."""
        a, b = span.first, span.last
        ends = [self.drawn[label][index] for label in span.labels for index in (a, b) if index in self.drawn[label]]
        box = _box_around(ends)
        pair = [label for label in span.labels if all(self._has(label, index) for index in (a, b))]
        single = [label for label in span.labels if label not in pair]
        return [*self._carry_between(a, b, pair, box), *self._carry_beyond(a, b, single, box)]

    def _has(self, label: int, index: int) -> bool:
        return index in self.drawn[label] and bool(self.drawn[label][index].any())

    def _carry_between(self, a: int, b: int, labels: list[int], box: _Box) -> list[Carried]:
        if not labels:
            return []
        at_a, at_b = (
            np.stack([signed_distance(box.cut(self.drawn[label][index]), self.within_mm) for label in labels])
            for index in (a, b)
        )
        if self.register:
            from_a = self._warped(at_a, range(a, b), box)
            from_b = self._warped(at_b, range(b, a, -1), box)[::-1]
        made: list[Carried] = []
        for index in range(a + 1, b):
            share = (index - a) / (b - a)
            away = min(index - a, b - index)
            for n, label in enumerate(labels):
                masks = box.cut(self.drawn[label][a]), box.cut(self.drawn[label][b])
                if self.register:
                    left, right = from_a[index - a - 1][n], from_b[index - a - 1][n]
                else:
                    left, right = self._aligned(masks, (at_a[n], at_b[n]), share)
                made.append((label, index, box, *self._mix(left, right, share, masks, away), away))
        return made

    def _mix(self, left: Field, right: Field, share: float, masks: tuple[Mask, Mask], away: int) -> tuple[Field, Field]:
        """Distance and chance between two carried distances, cut so that the shape keeps its size."""
        mixed = (1 - share) * left + share * right
        areas = [int(np.count_nonzero(mask)) for mask in masks]
        cut = 0.0
        if np.count_nonzero(mixed >= 0) < VANISHED * min(areas):
            wanted = round((1 - share) * areas[0] + share * areas[1])
            cut = float(np.partition(mixed, -wanted, axis=None)[-wanted])
        tau = (SOFT[0] + SOFT[1] * away) * self.pixel_mm
        chance = (1 - share) * special.expit((left - cut) / tau) + share * special.expit((right - cut) / tau)
        return (mixed - cut).astype(np.float32), chance.astype(np.float32)

    def _aligned(self, masks: tuple[Mask, Mask], distances: tuple[Field, Field], share: float) -> tuple[Field, Field]:
        """Both distances moved to the centroid between them, where both shapes are one piece and near each other."""
        if not all(_is_one_piece(mask) for mask in masks):
            return distances
        a, b = (np.array(ndimage.center_of_mass(mask)) for mask in masks)
        apart_mm = float(np.linalg.norm((b - a) * self.within_mm))
        if apart_mm >= NEAR * sum(_radius(mask, self.within_mm) for mask in masks):
            return distances
        moves = share * (b - a), (share - 1) * (b - a)
        left, right = (
            ndimage.shift(distance, move, order=1, mode="nearest")
            for distance, move in zip(distances, moves, strict=True)
        )
        return left, right

    def _carry_beyond(self, a: int, b: int, labels: list[int], box: _Box) -> list[Carried]:
        """From the one slice that has the label towards the other end, rounded off as a ball would be."""
        made: list[Carried] = []
        for label in labels:
            slices = self.drawn[label]
            start, stop = (a, b) if self._has(label, a) else (b, a)
            step = 1 if stop > start else -1
            mask = box.cut(slices[start])
            reach = min(self._reach(mask), abs(stop - start) - (stop in slices))
            if reach < 1:
                continue
            distance = signed_distance(mask, self.within_mm)
            depth, long = float(distance.max()), self._reach(mask)
            steps = range(start, start + step * reach, step)
            carried = self._warped(distance[None], steps, box)[:, 0] if self.register else [distance] * reach
            for away, on in enumerate(carried, start=1):
                lost = depth * (1 - np.sqrt(max(0.0, 1 - (away / long) ** 2)))
                chance = special.expit((on - lost) / ((SOFT[0] + SOFT[1] * away) * self.pixel_mm))
                rounded = (on - lost).astype(np.float32)
                made.append((label, start + step * away, box, rounded, chance.astype(np.float32), away))
        return made

    def _warped(self, distance_LHW: Field, steps: range, box: _Box) -> Field:
        """The distances [L, h, w] carried from slice to slice: result[n] lies on the slice after steps[n]."""
        ends = steps[0], steps[-1] + steps.step
        images = _scaled(box.cut(self.image_NHW[min(ends) : max(ends) + 1]))[:: steps.step]
        carried = [distance_LHW]
        for n in range(len(steps)):
            field = displacement(fixed=images[n + 1], moving=images[n])
            carried.append(_warp(carried[-1], field))
        return np.stack(carried[1:])


def displacement(fixed: Field, moving: Field) -> Field:
    """Where each pixel of `fixed` [H, W] is found in `moving`: offsets [2, H, W] in pixels, rows first.

    Fast symmetric forces demons (Vercauteren et al., NeuroImage 2009), coarse to fine on larger pictures.
    """
    levels = SINGLE if min(fixed.shape) < SMALL_BOX else PYRAMID
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


def _scaled(image: Field) -> Field:
    """Values from 0 to 255 between the 0.5th and the 99.5th percentile, float32: what the demons' force is tuned for."""
    low, high = np.percentile(image, (0.5, 99.5))
    return np.asarray(np.clip((image - low) * (255 / max(high - low, 1e-6)), 0, 255), np.float32)


def _box_around(masks: Sequence[Mask]) -> _Box:
    union = np.logical_or.reduce(masks)
    rows, columns = np.flatnonzero(union.any(1)), np.flatnonzero(union.any(0))
    height, width = union.shape
    return _Box(
        max(0, int(rows[0]) - MARGIN),
        min(height, int(rows[-1]) + MARGIN + 1),
        max(0, int(columns[0]) - MARGIN),
        min(width, int(columns[-1]) + MARGIN + 1),
    )


def _is_one_piece(mask: Mask) -> bool:
    pieces, _ = ndimage.label(mask, np.ones((3, 3)))
    return int((np.bincount(pieces.ravel())[1:] >= LEAST_PIECE).sum()) == 1


def _radius(mask: Mask, spacing_mm: tuple[float, float]) -> float:
    """Of the disc of equal area, in mm."""
    return float(np.sqrt(np.count_nonzero(mask) * spacing_mm[0] * spacing_mm[1] / np.pi))


def left_out(
    image_DHW: Field, drawn: Drawn, spacing_mm: Sequence[float], *, axis: int = 0, register: bool = True
) -> list[float]:
    """How well each drawn slice between two others is found again from its neighbours alone: Dice 0..1, by label and slice.

    An honest quality of the proxy that needs no truth; pessimistic, because the gap is twice as wide as any that is left.
    Empty where no slice lies between two drawn ones.
    """
    image_NHW = np.moveaxis(np.asarray(image_DHW, np.float32), axis, 0)
    turned_mm = [spacing_mm[axis], *(mm for n, mm in enumerate(spacing_mm) if n != axis)]
    found = []
    for slices in drawn.values():
        order = sorted(slices)
        for a, middle, b in zip(order, order[1:], order[2:], strict=False):
            if not (slices[a].any() and slices[b].any()):
                continue
            ends = {1: {0: slices[a], b - a: slices[b]}}
            proxy = propagate(image_NHW[a : b + 1], ends, turned_mm, register=register)
            again, mask = proxy.labels_DHW[middle - a] == 1, slices[middle]
            size = int(again.sum()) + int(mask.sum())
            found.append(2 * int((again & mask).sum()) / size if size else 1.0)
    return found
