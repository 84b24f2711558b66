"""Which slice to draw next (LEARNING.md section 4): three strategies, each slice with its reason.

    fixed_interval  the middle of the widest gap between drawn slices: 1, 1/2, 1/4 ... of the object; needs no model
    model_guided    score_k = (sum_v |P - F| (1 - C) + sum_v |P - P'|) · min(1, distance to the nearest drawn slice / d0), greedy with
                    suppression of neighbours; where no network is to be trusted, its place in the residual is taken by the
                    proxy's own expected error sum_v min(P, 1 - P)
    random          any undrawn slice of the object, equally likely: the control

P proxy, F network's probability, C confidence, P' the proxy before this one. Pure arrays; no torch; randomness is passed in.
Axis legend: N slices along the drawn axis, H W within a slice. Plain strategies are hard to beat (arXiv 2412.08081), so the default is
whichever wins `benchmarks/interactive`, which is said in docs/interactive.md.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

Strategy = Literal["model_guided", "fixed_interval", "random"]
Reason = Literal["first", "unsure", "differs", "changed", "far", "random"]
Field = npt.NDArray[np.float32]

NEAR_SLICES: Final = 4  # d0: closer to a drawn slice than this, drawing another is worth less
PROPOSED: Final = 5


@dataclass(frozen=True)
class Proposed:
    """A slice to draw next. voxels: how many are thought to be wrong on it, None where nothing says so."""

    slice: int
    reason: Reason
    voxels: int | None


@dataclass(frozen=True)
class Evidence:
    """What speaks for one slice or another, one number each [N], in voxels. differs None: no network to be trusted."""

    unsure: Field
    changed: Field
    differs: Field | None = None

    @property
    def wrong(self) -> Field:
        """How many voxels are thought to be wrong."""
        return self.unsure if self.differs is None else self.differs


def weigh(
    chance_NHW: Field, confidence_NHW: Field, former_NHW: Field | None = None, network_NHW: Field | None = None
) -> Evidence:
    """The evidence for each slice. chance_NHW: the proxy's, of any label; former_NHW: the proxy before this one; network_NHW: F."""
    unsure = np.minimum(chance_NHW, 1 - chance_NHW).sum((1, 2))
    changed = np.zeros_like(unsure) if former_NHW is None else np.abs(chance_NHW - former_NHW).sum((1, 2))
    differs = None
    if network_NHW is not None:
        differs = (np.abs(chance_NHW - network_NHW) * (1 - confidence_NHW)).sum((1, 2))
    return Evidence(unsure, changed, differs)


def first_slice(object_NHW: npt.NDArray[np.bool_] | None, slices: int) -> Proposed:
    """Where to begin: the largest slice of what a network draws, else the middle of the image."""
    if object_NHW is not None and object_NHW.any():
        return Proposed(int(object_NHW.sum((1, 2)).argmax()), "first", None)
    return Proposed(slices // 2, "first", None)


def propose(
    evidence: Evidence,
    extent: tuple[int, int],
    drawn: Collection[int],
    strategy: Strategy,
    generator: np.random.Generator,
    count: int = PROPOSED,
) -> list[Proposed]:
    """Up to `count` slices, the best first. extent: first and last slice of the object; drawn: slices that need no more drawing."""
    chosen: list[Proposed] = []
    done = set(drawn)
    while len(chosen) < count:
        left = [index for index in range(extent[0], extent[1] + 1) if index not in done]
        if not left:
            break
        best = _choose(evidence, left, done, extent, strategy, generator)
        chosen.append(best)
        done.add(best.slice)
    return chosen


def _choose(
    evidence: Evidence,
    left: list[int],
    done: Collection[int],
    extent: tuple[int, int],
    strategy: Strategy,
    generator: np.random.Generator,
) -> Proposed:
    reason: Reason
    if strategy == "random":
        at, reason = int(generator.choice(left)), "random"
    elif strategy == "fixed_interval":
        at, reason = _middle_of_widest(left, done, extent), "far"
    else:
        near = np.array([min((abs(index - other) for other in done), default=NEAR_SLICES) for index in left])
        score = (evidence.wrong + evidence.changed)[left] * np.minimum(1, near / NEAR_SLICES)
        at = left[int(score.argmax())]
        if evidence.changed[at] > evidence.wrong[at]:
            reason = "changed"
        else:
            reason = "unsure" if evidence.differs is None else "differs"
    return Proposed(at, reason, round(float(evidence.wrong[at])))


def _middle_of_widest(left: list[int], done: Collection[int], extent: tuple[int, int]) -> int:
    """The undrawn slice farthest from every drawn one, the lower of two; beyond the outermost drawn slices half as far."""
    if not done:
        return (extent[0] + extent[1]) // 2
    low, high = min(done), max(done)

    def distance(index: int) -> float:
        to_drawn = min(abs(index - other) for other in done)
        return to_drawn if low < index < high else to_drawn / 2

    return max(left, key=lambda index: (distance(index), -index))
