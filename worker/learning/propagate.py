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

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage, special

from worker.learning.registration import followed, scaled

Mask = npt.NDArray[np.bool_]
Field = npt.NDArray[np.float32]
Drawn = Mapping[
    int, Mapping[int, Mask]
]  # label → slice → mask [H, W]; an empty mask says that the label ends before it

MARGIN: Final = 24  # pixels around the object within which is registered
LEAST_PIECE: Final = 4  # pixels: smaller pieces do not count as a second one
NEAR: Final = 1.5  # sums of radii within which two centroids belong to one object
VANISHED: Final = 0.5  # of the smaller neighbour: a mixture below it has lost the shape
SOFT: Final = (1.5, 0.35)  # tau in pixels at a drawn slice, and what each slice of distance adds
FADE_SLICES: Final = 20.0  # lambda of the confidence


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
    """A rectangle within a slice, in pixels; top and left belong to it, bottom and right do not."""

    top: int
    bottom: int
    left: int
    right: int

    def cut(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return array[..., self.top : self.bottom, self.left : self.right]

    @classmethod
    def around(cls, mask: Mask, margin: int = 0) -> _Box:
        """The smallest that holds the mask, and so many pixels more where the slice has them. The mask must not be empty."""
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        height, width = mask.shape
        return cls(
            max(0, int(rows[0]) - margin),
            min(height, int(rows[-1]) + margin + 1),
            max(0, int(columns[0]) - margin),
            min(width, int(columns[-1]) + margin + 1),
        )


class Carried(NamedTuple):
    """One label on one slice. distance, chance: within the box; away: slices to the nearest drawn one."""

    label: int
    slice: int
    box: _Box
    distance: Field
    chance: Field
    away: int


class Gap(list[Carried]):
    """Everything that was carried through one gap, or beyond one end."""

    @property
    def size_bytes(self) -> int:
        """What it takes in memory."""
        return sum(one.distance.nbytes + one.chance.nbytes for one in self)


Remember = Callable[[Hashable, Callable[[], Gap]], Gap]


class _Block(NamedTuple):
    """The part of a volume that anything was drawn on or carried to: slices from `first` to before `end`."""

    first: int
    end: int
    box: _Box

    @classmethod
    def around(cls, carried: Sequence[Carried], drawn: Drawn) -> _Block:
        reached = [*(index for slices in drawn.values() for index in slices), *(one.slice for one in carried)]
        union = np.logical_or.reduce([mask for slices in drawn.values() for mask in slices.values()])
        for one in carried:
            one.box.cut(union)[...] = True
        return cls(min(reached), max(reached) + 1, _Box.around(union))

    def cut(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Of an array [..., N, H, W]."""
        return self.box.cut(array[..., self.first : self.end, :, :])

    def at(self, index: int, box: _Box) -> tuple[int, slice, slice]:
        """Where a box on a slice of the volume lies within the block."""
        top, left = self.box.top, self.box.left
        return index - self.first, slice(box.top - top, box.bottom - top), slice(box.left - left, box.right - left)


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
    on_gap: Callable[[int, int], None] = lambda done, of: None,
    remember: Remember = lambda _, make: make(),
) -> Proxy:
    """Carry drawn slices through a volume.

    image_DHW: values of any scale. drawn: masks over the two axes other than `axis`, in their order. spacing_mm: of D, H, W.
    register: follow the image (the refinement) or not (the preview). on_gap(done, of): told after each, in the caller's thread; what it
    raises ends the propagation.
    remember(key, make): may give what was made for the same key before, for this image along this axis; so only the gaps around a
    slice that was just drawn are done again. Labels are resolved by the largest signed distance. Never touches a drawn slice of a
    label. Raises InvalidDrawing.
    """
    image_NHW = np.moveaxis(np.asarray(image_DHW, np.float32), axis, 0)
    across_mm = float(spacing_mm[axis])
    within_mm = tuple(float(mm) for n, mm in enumerate(spacing_mm) if n != axis)
    _check(drawn, image_NHW.shape)
    carrier = _Carrier(image_NHW, drawn, across_mm, (within_mm[0], within_mm[1]), register)

    spans = carrier.spans()
    carried: list[Carried] = []
    with ThreadPoolExecutor(threads) as pool:
        gaps = [pool.submit(remember, carrier.key(span), partial(carrier.carry, span)) for span in spans]
        try:
            for done, gap in enumerate(gaps, start=1):
                carried += gap.result()
                on_gap(done, len(spans))
        finally:
            for gap in gaps:
                gap.cancel()
    return _resolve(drawn, carried, image_NHW.shape, axis)


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


def _resolve(drawn: Drawn, carried: Sequence[Carried], shape_NHW: tuple[int, ...], axis: int) -> Proxy:
    """Each voxel to the label that is deepest inside; drawn voxels as they were drawn."""
    labels = tuple(sorted(drawn))
    block = _Block.around(carried, drawn)
    labels_NHW, confidence_NHW = np.zeros(shape_NHW, np.uint8), np.zeros(shape_NHW, np.float32)
    chance_LNHW = np.zeros((len(labels), *shape_NHW), np.float32)
    fade_LN = np.zeros((len(labels), shape_NHW[0]), np.float32)
    within = block.cut(chance_LNHW)
    distance = np.full(within.shape, -np.inf, np.float32)
    for one in carried:
        at, where = labels.index(one.label), block.at(one.slice, one.box)
        distance[at, *where], within[at, *where] = one.distance, one.chance
        fade_LN[at, one.slice] = np.exp(-one.away / FADE_SLICES)
    for label, slices in drawn.items():
        for index, mask in slices.items():
            chance_LNHW[labels.index(label), index] = mask
            fade_LN[labels.index(label), index] = 1
    best = distance.argmax(0)
    is_in = np.take_along_axis(distance, best[None], 0)[0] >= 0
    block.cut(labels_NHW)[...] = np.where(is_in, np.asarray(labels, np.uint8)[best], 0)
    fade = fade_LN.max(0)[:, None, None]
    confidence_NHW[...] = fade  # nobody reached for what lies outside the block
    block.cut(confidence_NHW)[...] = np.abs(2 * within.max(0) - 1) * fade[block.first : block.end]
    for slices in drawn.values():
        for index, mask in slices.items():
            confidence_NHW[index][mask] = 1
    for index in set.intersection(*(set(slices) for slices in drawn.values())):
        confidence_NHW[index] = 1
    for label, slices in drawn.items():  # the last word, whatever another label reached for
        for index, mask in slices.items():
            labels_NHW[index][mask] = label
    reached = {label: [int(n) for n in np.flatnonzero(fade)] for label, fade in zip(labels, fade_LN, strict=True)}
    return Proxy(
        labels,
        np.ascontiguousarray(np.moveaxis(labels_NHW, 0, axis)),
        np.ascontiguousarray(np.moveaxis(chance_LNHW, 1, 1 + axis)),
        np.ascontiguousarray(np.moveaxis(confidence_NHW, 0, axis)),
        reached,
    )


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

    def key(self, span: _Span) -> Hashable:
        """All that the span's outcome depends on beside the image, its spacing and the axis."""
        ends = [(label, index) for label in span.labels for index in (span.first, span.last)]
        masks = [self.drawn[label].get(index) for label, index in ends]
        digests = [None if mask is None else hashlib.sha256(np.packbits(mask).tobytes()).digest() for mask in masks]
        return (self.register, span, *digests)

    def carry(self, span: _Span) -> Gap:
        """Every label on every slice within the span (a gap's two ends are left out)."""
        a, b = span.first, span.last
        ends = [self.drawn[label][index] for label in span.labels for index in (a, b) if index in self.drawn[label]]
        pair = [label for label in span.labels if all(self._has(label, index) for index in (a, b))]
        single = [label for label in span.labels if label not in pair]
        bulge = round((b - a) * self.across_mm / self.pixel_mm / 2) if pair else 0  # of a ball between two tips
        box = _Box.around(np.logical_or.reduce(ends), MARGIN + bulge)
        return Gap([*self._carry_between(a, b, pair, box), *self._carry_beyond(a, b, single, box)])

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
            images = scaled(box.cut(self.image_NHW[a : b + 1]))
            from_a, from_b = followed(at_a, images[:-1]), followed(at_b, images[:0:-1])[::-1]
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
                made.append(Carried(label, index, box, *self._mix(left, right, share, masks, away), away))
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
            ways: Sequence[Field] = [distance] * reach
            if self.register:
                low, high = sorted((start, start + step * reach))
                ways = list(followed(distance[None], scaled(box.cut(self.image_NHW[low : high + 1]))[::step])[:, 0])
            for away, on in enumerate(ways, start=1):
                lost = depth * (1 - np.sqrt(max(0.0, 1 - (away / long) ** 2)))
                chance = special.expit((on - lost) / ((SOFT[0] + SOFT[1] * away) * self.pixel_mm))
                rounded = (on - lost).astype(np.float32)
                made.append(Carried(label, start + step * away, box, rounded, chance.astype(np.float32), away))
        return made


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
