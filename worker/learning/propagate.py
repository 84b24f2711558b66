"""From a few drawn slices to a volume: the proxy of the dynamic interactive method (arXiv 2312.06072), with its confidence.

The paper does not say how it registers; this is LEARNING.md section 4. Between two drawn slices the *signed distance* of each
label is carried from both sides, never the mask, and mixed linearly. Two ways to carry it:

    preview     no registration: what the browser shows at once (`interpolation`)
    refinement  each step is warped by the 2D registration of the two neighbouring slices of the *image* (symmetric demons)

Where both sides disagree by much after the registration, the nearer one has its way, as in the preview but from a quarter of the gap
on. The mixture is cut half a pixel farther out at most where that gives the shape the area in between; as far out as it takes where
the shape has nearly vanished. Beyond the outermost drawn slice a label is carried from one side and rounded off as a ball of its own
radius would be, so one drawn slice is enough to begin. Pure arrays; no torch.

Axis legend: N slices along the drawn axis, L labels, H W within a slice. Distances are in mm, positive inside.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from worker.learning.interpolation import Between, Box, radius, saturated, signed_distance
from worker.learning.registration import followed, scaled

Mask = npt.NDArray[np.bool_]
Field = npt.NDArray[np.float32]
Depth = npt.NDArray[np.floating]
Drawn = Mapping[
    int, Mapping[int, Mask]
]  # label → slice → mask [H, W]; an empty mask says that the label ends before it

MARGIN: Final = 24  # pixels around the object within which is registered
VANISHED: Final = 0.5  # of the smaller neighbour: a mixture below it has lost the shape
DISAGREE: Final = 0.25  # of a gap: where both sides differ by more after the registration, the nearer one has its way
OUT: Final = 0.5  # pixels: mixing two distances rounds an edge off by about so much
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


class Carried(NamedTuple):
    """One label on one slice. distance, chance: within the box; away: slices to the nearest drawn one."""

    label: int
    slice: int
    box: Box
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
    box: Box

    @classmethod
    def around(cls, carried: Sequence[Carried], drawn: Drawn) -> _Block:
        reached = [*(index for slices in drawn.values() for index in slices), *(one.slice for one in carried)]
        union = np.logical_or.reduce([mask for slices in drawn.values() for mask in slices.values()])
        for one in carried:
            one.box.cut(union)[...] = True
        return cls(min(reached), max(reached) + 1, Box.around(union))

    def cut(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Of an array [..., N, H, W]."""
        return self.box.cut(array[..., self.first : self.end, :, :])

    def at(self, index: int, box: Box) -> tuple[int, slice, slice]:
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
        return max(1, int(radius(mask, self.within_mm) / self.across_mm))

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
        box = Box.around(np.logical_or.reduce(ends), MARGIN + bulge)
        return Gap([*self._carry_between(a, b, pair, box), *self._carry_beyond(a, b, single, box)])

    def _has(self, label: int, index: int) -> bool:
        return index in self.drawn[label] and bool(self.drawn[label][index].any())

    def _carry_between(self, a: int, b: int, labels: list[int], box: Box) -> list[Carried]:
        if not labels:
            return []
        if not self.register:
            return [one for label in labels for one in self._interpolate(a, b, label)]
        at_a, at_b = (np.stack([self._depth(label, index, box) for label in labels]) for index in (a, b))
        images = scaled(box.cut(self.image_NHW[a : b + 1]))
        from_a, from_b = followed(at_a, images[:-1]), followed(at_b, images[:0:-1])[::-1]
        most_mm = DISAGREE * (b - a) * self.across_mm
        made: list[Carried] = []
        for index in range(a + 1, b):
            share, away = (index - a) / (b - a), min(index - a, b - index)
            for n, label in enumerate(labels):
                left, right = from_a[index - a - 1][n], from_b[index - a - 1][n]
                mixed = (1 - share) * saturated(left, most_mm) + share * saturated(right, most_mm)
                level = self._level(mixed, share, label, a, b)
                chance = self._chance(left - level, right - level, share, away)
                made.append(Carried(label, index, box, (mixed - level).astype(np.float32), chance, away))
        return made

    def _depth(self, label: int, index: int, box: Box) -> Field:
        return np.asarray(signed_distance(box.cut(self.drawn[label][index]), self.within_mm), np.float32)

    def _interpolate(self, a: int, b: int, label: int) -> Iterator[Carried]:
        """One label between two slices, as the browser shows it at once."""
        between = Between(self.drawn[label][a], self.drawn[label][b], (b - a) * self.across_mm, self.within_mm)
        for index in range(a + 1, b):
            share, away = (index - a) / (b - a), min(index - a, b - index)
            box, left, right, depth, level = between.at(share)
            chance = self._chance(left - level, right - level, share, away)
            yield Carried(label, index, box, depth.astype(np.float32), chance, away)

    def _level(self, mixed: Depth, share: float, label: int, a: int, b: int) -> float:
        """Where to cut a mixture so that the shape has the area in between: at most half a pixel out, unless it has nearly vanished."""
        areas = [int(np.count_nonzero(self.drawn[label][index])) for index in (a, b)]
        wanted, there = round((1 - share) * areas[0] + share * areas[1]), np.count_nonzero(mixed >= 0)
        if there >= wanted:
            return 0.0
        level = float(np.partition(mixed, -wanted, axis=None)[-wanted])
        return level if there < VANISHED * min(areas) else max(level, -OUT * self.pixel_mm)

    def _chance(self, left: Depth, right: Depth, share: float, away: int) -> Field:
        """0..1 of lying inside, from the depth on either side."""
        tau = (SOFT[0] + SOFT[1] * away) * self.pixel_mm
        chance = (1 - share) * special.expit(left / tau) + share * special.expit(right / tau)
        return np.asarray(chance, np.float32)

    def _carry_beyond(self, a: int, b: int, labels: list[int], box: Box) -> list[Carried]:
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
            distance = self._depth(label, start, box)
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


def left_out(drawn: Drawn, spacing_mm: Sequence[float], *, axis: int = 0) -> list[float]:
    """How well each drawn slice between two others is found again from those alone, without the image: Dice 0..1, by label and slice.

    An honest quality of the proxy that needs no truth; pessimistic, because the gap is twice as wide as any that is left.
    Empty where no slice lies between two drawn ones.
    """
    within_mm = tuple(mm for n, mm in enumerate(spacing_mm) if n != axis)
    found = []
    for slices in drawn.values():
        order = sorted(slices)
        for a, middle, b in zip(order, order[1:], order[2:], strict=False):
            if not (slices[a].any() and slices[b].any()):
                continue
            between = Between(slices[a], slices[b], (b - a) * spacing_mm[axis], (within_mm[0], within_mm[1]))
            box, *_, depth, _ = between.at((middle - a) / (b - a))
            again, mask = depth >= 0, slices[middle]
            size = int(again.sum()) + int(mask.sum())
            found.append(2 * int((again & box.cut(mask)).sum()) / size if size else 1.0)
    return found
