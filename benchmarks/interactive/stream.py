"""B3 and B5: a stream of volumes, a few slices drawn on each, and a branch that learns from them while it goes.

The doctor is the reader of the hippocampus pack: draws the truth on coronal slices with a hand that is not still (`strategies.by_hand`). The
live network knows two simulated experts on volumes outside the stream, and not this hand. Per volume: the branch predicts before any label
is used (prequential Dice); three slices are drawn, propagated and learnt from; then one proposed slice after another up to the budget,
merged with the prediction of the branch or of the live style, whichever drew this volume's slices better before they were learnt from, and
learnt from again; what then lies there is the reading, which is replayed later. Only the last round is registered, the others are the preview (the product registers every round; here that would be three quarters of the time). Nothing but drawn
slices comes from the truth. *Offline* is the same network trained on every slice of the same volumes. *Cold* is a network that begins from
nothing and learns from the readings of the stream alone, beside the same network taught by every slice of them: the paper's own comparison.

`python -m benchmarks.interactive.stream --seed 0 --out ROWS` goes through one stream once for each way; rows as JSON lines. Ways that ROWS has of this seed
already are left out, so what was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch

from benchmarks.interactive import sets
from benchmarks.interactive.propagation import dice
from benchmarks.interactive.strategies import by_hand
from worker.learning import Case, ExpertAdaptiveConfig, Predictor, Reading, Trained, methods
from worker.learning.fusion import merge
from worker.learning.online import Branch, OnlineConfig, update, weak_labels
from worker.learning.propagate import Proxy, propagate
from worker.learning.propose import Strategy, propose, weigh
from worker.learning.simulate import draw_labels, simulated_expert
from worker.learning.stopping import expected_dice

BASE, STREAM, TEST = 8, 20, 10  # volumes
ARCHETYPES = ("tight", "generous")
EARLY = 5  # volumes on which forgetting is measured
REPLAYED = 6
COLD = ("all", "3 slices", "8 slices")  # ways whose readings also teach a network from nothing
SMALL_NET = ExpertAdaptiveConfig(channels=(8, 16, 32), stem=1, size=64, steps=500, batch=8, held_out_every=0)
METHOD = "expert_adaptive"


class Shot(NamedTuple):
    """One volume, coronal slices first: image [D, H, W], the doctor's truth, spacing in mm."""

    case: str
    image: sets.ImageArray
    mask: sets.Mask
    spacing_mm: tuple[float, float, float]

    def reading(self, expert: str, mask: sets.Mask) -> Reading:
        """These labels as a reading."""
        return Reading(
            self.image[None], self.spacing_mm, mask.astype(np.uint8), expert, self.case, f"{expert}-{self.case}"
        )


class World(NamedTuple):
    """What every stream of one seed shares. full: the network trained on every slice of the stream's volumes too.

    from_nothing: Dice on the test volumes of a network that learns from nothing but every slice of the stream's.
    """

    base: Trained
    full: Trained
    stream: list[Shot]
    test: list[Shot]
    from_nothing: float


@dataclass(frozen=True)
class Way:
    """One way to go through the stream."""

    name: str
    options: OnlineConfig = field(default_factory=OnlineConfig)
    strategy: Strategy = "model_guided"
    budget: int = 5
    merges: bool = True
    gates: bool = True  # takes the live style where it does better than the branch


WAYS: Final = (
    Way("all"),
    Way("3 slices", budget=3),
    Way("no replay", OnlineConfig(replay=False)),
    Way("no smoothing", OnlineConfig(smoothing=0.0)),
    Way("no confidence", OnlineConfig(by_confidence=False)),
    Way("no guidance", strategy="fixed_interval"),
    Way("no merging", merges=False),
    Way("no gate", gates=False),
    Way("8 slices", budget=8),
)


@dataclass
class Outcome:
    """prequential, live, proxy, read: Dice of the branch and of the live style before any label, of the proxy alone and of the reading, per volume;
    rounds: per volume, expected and true Dice after each drawn slice; drawn, slices: how many of how many.

    early: Dice of the branch on each of the first volumes right after it was learnt, and at the end. test: of the live style and of
    the branch at the end, on volumes outside the stream. offline: of full annotation, on the same. cold: of networks taught by the
    readings alone and by every slice of the same volumes.
    """

    way: str
    seed: int
    prequential: list[float] = field(default_factory=list)
    live: list[float] = field(default_factory=list)
    proxy: list[float] = field(default_factory=list)
    read: list[float] = field(default_factory=list)
    rounds: list[list[tuple[float, float]]] = field(default_factory=list)
    drawn: int = 0
    slices: int = 0
    early: list[tuple[float, float]] = field(default_factory=list)
    cold: tuple[float, float] | None = None
    test: tuple[float, float] = (0.0, 0.0)
    offline: float = 0.0


def world(seed: int) -> World:
    """Base volumes, stream and test volumes; both networks trained."""
    order = np.random.default_rng(seed).permutation(160)[: BASE + STREAM]
    shots = [Shot(*one) for one in sets.coronal(order.tolist())]
    base, stream = shots[:BASE], shots[BASE:]
    test = [Shot(*one) for one in sets.coronal(range(160, 160 + TEST))]
    known = [
        shot.reading(name, draw_labels(shot.mask.astype(np.uint8), shot.image, shot.spacing_mm,
                                       simulated_expert(name, name), data_set="hippocampus", case=shot.case) > 0)
        for shot in base for name in ARCHETYPES
    ]  # fmt: skip
    config = replace(SMALL_NET, seed=seed)
    method = methods.load(METHOD)
    trained = method.pretrain(known, config, generator_seed=seed)
    everything = [*known, *(shot.reading("doctor", shot.mask) for shot in stream)]
    full = method.pretrain(everything, config, generator_seed=seed)
    from_nothing = _taught([shot.reading("doctor", shot.mask) for shot in stream], test, seed)
    return World(trained, full, stream, test, from_nothing)


def through(here: World, way: Way, seed: int) -> Outcome:
    """Go through the stream once."""
    predictor = methods.load(METHOD).predictor(here.base.weights, here.base.config, "cpu")
    live = Branch(here.base.consensus_row())
    branch, finished, found = live, list[Reading](), Outcome(way.name, seed)
    generator = np.random.default_rng(seed)
    after: list[float] = []
    for number, shot in enumerate(here.stream):
        found.prequential.append(dice(drawn_by(predictor, branch, shot) >= 0.5, shot.mask))
        found.live.append(dice(drawn_by(predictor, live, shot) >= 0.5, shot.mask))
        read, branch = _read(predictor, live, branch, shot, way, finished, found, generator, number)
        found.read.append(dice(read, shot.mask))
        finished.append(shot.reading("doctor", read))
        if number < EARLY:
            after.append(dice(drawn_by(predictor, branch, shot) >= 0.5, shot.mask))
    at_end = [dice(drawn_by(predictor, branch, shot) >= 0.5, shot.mask) for shot in here.stream[:EARLY]]
    found.early = list(zip(after, at_end, strict=True))
    found.test = (_test(predictor, live, here.test), _test(predictor, branch, here.test))
    if way.name in COLD:
        found.cold = (_taught(finished, here.test, seed), here.from_nothing)
    offline = methods.load(METHOD).predictor(here.full.weights, here.full.config, "cpu")
    found.offline = _test(offline, Branch(here.full.rows["doctor"]), here.test)
    return found


def _taught(readings: Sequence[Reading], test: Sequence[Shot], seed: int) -> float:
    """Dice on the test volumes of a network that begins from nothing and learns from these."""
    method = methods.load(METHOD)
    trained = method.pretrain(readings, replace(SMALL_NET, seed=seed), generator_seed=seed)
    return _test(method.predictor(trained.weights, trained.config, "cpu"), Branch(trained.rows["doctor"]), test)


def drawn_by(predictor: Predictor, branch: Branch, shot: Shot) -> sets.ImageArray:
    """The branch's probability [D, H, W]."""
    return predictor.probabilities([Case(shot.image[None], shot.spacing_mm, branch.row, branch.adapter)])[0][0]


def _test(predictor: Predictor, branch: Branch, shots: Sequence[Shot]) -> float:
    return float(np.mean([dice(drawn_by(predictor, branch, shot) >= 0.5, shot.mask) for shot in shots]))


def _read(
    predictor: Predictor, live: Branch, branch: Branch, shot: Shot, way: Way, finished: Sequence[Reading], found: Outcome,
    generator: np.random.Generator, number: int,
) -> tuple[sets.Mask, Branch]:  # fmt: skip
    """One volume from its first three slices to the reading that is submitted, and the branch that has learnt from it."""
    present = np.flatnonzero(shot.mask.any((1, 2)))
    first, last = int(present[0]), int(present[-1])
    drawn = {k: by_hand(shot.mask[k], shot.spacing_mm[1:], generator) for k in (first, (first + last) // 2, last)}
    rounds: list[tuple[float, float]] = []
    fresh, leads = (
        list(drawn),
        list[float](),
    )  # slices not judged by; by how much the branch drew each judged one better
    while True:
        proxy = propagate(shot.image, {1: drawn}, shot.spacing_mm, register=len(drawn) >= way.budget)
        own, published = drawn_by(predictor, branch, shot), drawn_by(predictor, live, shot)
        leads += [dice(own[k] >= 0.5, drawn[k]) - dice(published[k] >= 0.5, drawn[k]) for k in fresh]
        network = (own if not way.gates or sum(leads) >= 0 else published)[None]
        front = merge(proxy, {1: drawn}, network) if way.merges else proxy
        read = front.labels_DHW == 1
        rounds.append((expected_dice(front.labels_DHW, front.chance_LDHW, (1,)), dice(read, shot.mask)))
        if len(drawn) in (3, way.budget):
            branch = _learn(predictor, branch, shot, proxy, drawn, way, finished, number)
        if len(drawn) >= way.budget:
            found.drawn, found.slices = found.drawn + len(drawn), found.slices + last - first + 1
            found.proxy.append(dice(proxy.labels_DHW == 1, shot.mask))
            found.rounds.append(rounds)
            return read, branch
        evidence = weigh(proxy.chance_LDHW[0], proxy.confidence_DHW, None, network[0])
        [best] = propose(evidence, (first, last), drawn, way.strategy, generator, 1)
        fresh = [best.slice]
        drawn[best.slice] = by_hand(shot.mask[best.slice], shot.spacing_mm[1:], generator)


def _learn(
    predictor: Predictor, branch: Branch, shot: Shot, proxy: Proxy, drawn: Collection[int], way: Way,
    finished: Sequence[Reading], number: int,
) -> Branch:  # fmt: skip
    is_drawn = np.zeros(shot.mask.shape, bool)
    is_drawn[list(drawn)] = True
    weak = weak_labels(
        shot.image[None], proxy.chance_LDHW, proxy.confidence_DHW, proxy.labels_DHW, is_drawn, (1,), way.options
    )
    picks = np.random.default_rng(number).permutation(len(finished))[:REPLAYED]
    return update(
        predictor.network, predictor.config, branch, weak, [finished[i] for i in picks], {}, way.options,
        generator_seed=number, device=torch.device("cpu"),
    )  # fmt: skip


def main() -> int:
    """One seed, every way that is not there yet."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.interactive.stream", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="a file that a row per way is appended to")
    parser.add_argument("--ways", nargs="+", choices=[way.name for way in WAYS], default=[way.name for way in WAYS])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rows = [json.loads(line) for line in asked.out.read_text().splitlines()] if asked.out.exists() else []
    done = {row["way"] for row in rows if row["seed"] == asked.seed}
    left = [way for way in WAYS if way.name in asked.ways and way.name not in done]
    here = world(asked.seed) if left else None
    for way in left if here is not None else ():
        found = through(here, way, asked.seed)
        with asked.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(found)) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
