"""B4 and B7: which slices to draw, and how well the proxy's own quality is known, with a doctor whose hand is not perfectly still.

The robot begins with the object's first, middle and last slice, then draws one proposed slice after another, each time the truth with its edge moved
by smooth noise (0.5 mm sd, 4 mm long), so that undisturbed robots do not flatter. After every slice the whole proxy is measured on the
slices not drawn. Strategies are compared on the same volumes, budgets and hands. B7: what `left_out` says, turned into a band for the true
Dice by split conformal on other volumes; coverage is counted on volumes the band has not seen.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from benchmarks.interactive.propagation import dice
from benchmarks.interactive.sets import Mask, Task
from worker.learning.interpolation import signed_distance
from worker.learning.propagate import left_out, propagate
from worker.learning.propose import Strategy, propose, weigh

STRATEGIES: tuple[Strategy, ...] = ("fixed_interval", "model_guided", "random")
BUDGETS = (3, 4, 5, 6, 8)
HAND_SD_MM, HAND_LENGTH_MM = 0.5, 4.0
NOMINAL = 0.9


class Step(NamedTuple):
    """One state of one session. dice: on undrawn slices of the object, points; estimate: what `left_out` said, points."""

    case: str
    strategy: str
    seed: int
    drawn: int
    dice: float
    estimate: float | None


def session(task: Task, strategy: Strategy, seed: int) -> list[Step]:
    """One volume read with one strategy; the preview stands for the proxy, so that fifty thousand slices are affordable."""
    generator = np.random.default_rng([seed, sum(map(ord, task.case))])
    present = np.flatnonzero(task.mask.any((1, 2)))
    first, last = int(present[0]), int(present[-1])
    drawn: dict[int, Mask] = {}
    steps: list[Step] = []
    for index in (first, (first + last) // 2, last):
        drawn[index] = by_hand(task.mask[index], task.spacing_mm[1:], generator)
    while True:
        masks = {1: drawn}
        proxy = propagate(task.image, masks, task.spacing_mm, register=False)
        rest = [index for index in range(first, last + 1) if index not in drawn]
        if len(drawn) in BUDGETS:
            again = left_out(masks, task.spacing_mm)
            estimate = 100 * sum(again) / len(again) if again else None
            score = dice(proxy.labels_DHW[rest] == 1, task.mask[rest])
            steps.append(Step(task.case, strategy, seed, len(drawn), score, estimate))
        if len(drawn) >= BUDGETS[-1] or not rest:
            return steps
        evidence = weigh(proxy.chance_LDHW[0], proxy.confidence_DHW)
        [best] = propose(evidence, (first, last), drawn, strategy, generator, 1)
        drawn[best.slice] = by_hand(task.mask[best.slice], task.spacing_mm[1:], generator)


def by_hand(mask: Mask, spacing_mm: Sequence[float], generator: np.random.Generator) -> Mask:
    """The truth as a hand draws it: its edge moved by smooth noise; an empty slice stays empty."""
    noise = ndimage.gaussian_filter(generator.normal(size=mask.shape), [HAND_LENGTH_MM / mm for mm in spacing_mm])
    moved = signed_distance(mask, (spacing_mm[0], spacing_mm[1])) >= noise * (HAND_SD_MM / max(noise.std(), 1e-9))
    drawn: npt.NDArray[np.bool_] = moved if moved.any() else mask
    return drawn


def curves(steps: Sequence[Step]) -> dict[str, dict[int, float]]:
    """Strategy → slices drawn → mean Dice, volumes and seeds averaged."""
    return {
        name: {
            budget: float(np.mean([s.dice for s in steps if s.strategy == name and s.drawn == budget]))
            for budget in BUDGETS
            if any(s.strategy == name and s.drawn == budget for s in steps)
        }
        for name in STRATEGIES
    }


def difference(steps: Sequence[Step], one: str, other: str, budget: int) -> tuple[float, float, float]:
    """Mean over volumes of one strategy's Dice minus the other's (seeds averaged first), with its paired 95 % bootstrap interval."""
    by_case: dict[str, list[float]] = {}
    for sign, name in ((1, one), (-1, other)):
        for case in sorted({s.case for s in steps}):
            found = [s.dice for s in steps if (s.case, s.strategy, s.drawn) == (case, name, budget)]
            by_case.setdefault(case, []).append(sign * float(np.mean(found)))
    gains = np.array([sum(pair) for pair in by_case.values()])
    drawn = np.random.default_rng(0).choice(gains, (10_000, gains.size)).mean(1)
    return float(gains.mean()), float(np.percentile(drawn, 2.5)), float(np.percentile(drawn, 97.5))


def coverage(steps: Sequence[Step]) -> tuple[float, float]:
    """Share of true Dice within the band and its mean half width in points, each volume judged by a band made on the others."""
    cases = sorted({s.case for s in steps})
    inside, widths = [], []
    for case in cases:
        errors = sorted(abs(s.dice - s.estimate - bias(steps, case)) for s in steps if known(s) and s.case != case)
        rank = min(len(errors) - 1, int(np.ceil(NOMINAL * (len(errors) + 1))) - 1)
        for s in (s for s in steps if known(s) and s.case == case):
            inside.append(abs(s.dice - s.estimate - bias(steps, case)) <= errors[rank])
            widths.append(errors[rank])
    return float(np.mean(inside)), float(np.mean(widths))


def bias(steps: Sequence[Step], without: str) -> float:
    """By how much `left_out` is too pessimistic on the other volumes, median."""
    return float(np.median([s.dice - s.estimate for s in steps if known(s) and s.case != without]))


def known(step: Step) -> bool:
    """Whether there was an estimate: of the product's own default strategy alone, as a session would have it."""
    return step.estimate is not None and step.strategy == STRATEGIES[0]
