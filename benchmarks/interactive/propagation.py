"""B1, B2 and B6: how good a proxy is on slices nobody drew, how well its confidence tells right from wrong, how long it takes.

The doctor of B1 draws the truth on every k-th slice of the object, from its first, and on its last; only the slices in between are measured, as one
Dice over all of them. AUROC of B2: voxels of undrawn slices within 8 mm of the proxy's edge, right against wrong. Times are wall clock of
the shortest of several runs for what a person waits for.
"""

import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage, stats

from benchmarks.interactive.sets import Mask, Task
from worker.learning.propagate import Gap, Proxy, propagate

BAND_MM = 8.0


def drawn_slices(mask: Mask, every: int) -> list[int]:
    """Every k-th slice of the object, from its first, and its last."""
    present = np.flatnonzero(mask.any((1, 2)))
    first, last = int(present[0]), int(present[-1])
    return sorted({*range(first, last + 1, every), last})


def between(drawn: list[int]) -> list[int]:
    """Undrawn slices with a drawn one on both sides."""
    return [index for index in range(drawn[0], drawn[-1]) if index not in drawn]


def dice(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    """In points; both empty: 100."""
    size = int(a.sum()) + int(b.sum())
    return 100.0 if size == 0 else 200.0 * int((a & b).sum()) / size


def carry(task: Task, drawn: list[int], *, register: bool) -> Proxy:
    """The proxy from these slices of the truth."""
    masks = {1: {index: task.mask[index] for index in drawn}}
    return propagate(task.image, masks, task.spacing_mm, register=register)


def copied(task: Task, drawn: list[int]) -> Mask:
    """Each slice as the nearest drawn one, the lower of two: what a proxy has to beat."""
    return np.stack([task.mask[min(drawn, key=lambda one: abs(one - index))] for index in range(len(task.mask))])


def score(task: Task) -> dict[str, float] | None:
    """Dice of copying, preview and refinement on the slices in between; None where there are none."""
    drawn = drawn_slices(task.mask, task.every)
    rest = between(drawn)
    if not rest:
        return None
    found = {"copy": dice(copied(task, drawn)[rest], task.mask[rest])}
    for name, register in (("preview", False), ("refined", True)):
        proxy = carry(task, drawn, register=register)
        found[name] = dice(proxy.labels_DHW[rest] == 1, task.mask[rest])
        if name == "refined":
            found["auroc"] = auroc(task, proxy, rest)
    return found


def auroc(task: Task, proxy: Proxy, rest: list[int]) -> float:
    """How well confidence ranks right voxels before wrong ones, 0..1; nan where there is no wrong or no right one."""
    confidence, right = [], []
    for index in rest:
        mask = proxy.labels_DHW[index] == 1
        spacing = task.spacing_mm[1:]
        edge = ndimage.distance_transform_edt(mask, spacing) + ndimage.distance_transform_edt(~mask, spacing)
        near = edge <= BAND_MM
        confidence.append(proxy.confidence_DHW[index][near])
        right.append((mask == task.mask[index])[near])
    values, good = np.concatenate(confidence), np.concatenate(right)
    if good.all() or not good.any():
        return float("nan")
    ranks = stats.rankdata(values)
    positive = int(good.sum())
    return float((ranks[good].sum() - positive * (positive + 1) / 2) / (positive * (good.size - positive)))


class Wait(NamedTuple):
    """What B6 times: from one drawing to the next. before: slices that were propagated already, none at first."""

    name: str
    task: Task
    before: list[int]
    drawn: list[int]
    register: bool = True


def seconds(waits: Iterable[Wait]) -> dict[str, float]:
    """Wall seconds of each propagation on two threads, the shortest of three."""
    found: dict[str, float] = {}
    for wait in waits:
        known: dict[Hashable, Gap] = {}
        if wait.before:
            _seconds(wait, wait.before, known)
        found[wait.name] = min(_seconds(wait, wait.drawn, dict(known)) for _ in range(3))
    return found


def _seconds(wait: Wait, drawn: list[int], known: dict[Hashable, Gap]) -> float:
    """Of one propagation. known: gaps carried before; those carried now are added."""

    def remember(key: Hashable, make: Callable[[], Gap]) -> Gap:
        return known[key] if key in known else known.setdefault(key, make())

    image, spacing_mm, masks = wait.task.image, wait.task.spacing_mm, {1: {k: wait.task.mask[k] for k in drawn}}
    began = time.perf_counter()
    propagate(image, masks, spacing_mm, register=wait.register, threads=2, remember=remember)
    return time.perf_counter() - began


def timed() -> Iterator[Wait]:
    """What B6 times: made, so that it is the same anywhere. An ellipsoid in noise, drawn on every eighth slice."""
    generator = np.random.default_rng(6)
    z, y, x = np.ogrid[:64, :256, :256]
    mask = ((z - 32) / 28) ** 2 + ((y - 128) / 45) ** 2 + ((x - 120) / 55) ** 2 <= 1
    image = (mask * 100 + ndimage.gaussian_filter(generator.normal(size=mask.shape), 2) * 200).astype(np.float32)
    task = Task("made", "64 x 256 x 256", image, mask, (2.0, 1.0, 1.0), 8)
    drawn = drawn_slices(mask, 8)
    yield Wait("volume 64x256x256, preview", task, [], drawn, register=False)
    yield Wait("volume 64x256x256, refined", task, [], drawn)
    yield Wait("the same, a slice drawn in one gap of 8", task, drawn, sorted([*drawn, 24]))
    small = Task("made", "hippocampus-sized", image[10:50, 70:130, 80:130], mask[10:50, 70:130, 80:130], (1.0,) * 3, 8)
    every = [8, 16, 24, 32]
    yield Wait("gap of 8 slices, 60x50, refined", small, every, [8, 16, 20, 24, 32])
    yield Wait("the same, both gaps beside a corrected slice", small, [8, 16, 25, 32], every)
    yield Wait("the same, two slices drawn and nothing carried yet", small, [], [16, 24])
