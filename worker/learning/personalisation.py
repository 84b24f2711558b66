"""One expert's new style, from nearest row to trained row with an adapter, and its verdict (LEARNING 2.3 and 3).

0 corrections: the consensus row. Fewer than `row_after` patients: the nearest row or a blend, by forward passes. From there: a row
trained from it and, from `adapter_after`, a low-rank adapter trained with it, while the shared weights stay; stopped where
cross-validation on the support set says so. All styles of a training (one per fold and the one that ships) share each batch:
nothing couples samples, so this is the same as training them one by one. There are no checkpoints: a hundred steps of a style are a
minute on a small network, and a job that was killed begins again with the same seed and ends with the same style.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from worker.learning import gate
from worker.learning.architectures import build
from worker.learning.augment import augment
from worker.learning.config import ExpertAdaptiveConfig
from worker.learning.files import halved
from worker.learning.network import initialise, load_weights
from worker.learning.prediction import Predictor
from worker.learning.readings import Case, GateCase, GateReport, Personalised, Progress, Reading, ShouldStop, Trained
from worker.learning.sampling import Pool
from worker.learning.shared import train_shared
from worker.learning.styles import blends, fit_of_rows, loss_on, nearest, suspects
from worker.learning.training import Randomness, Run, Schedule, descend, stop_points

HALF = (
    0.5  # of the way from the start to the trained style: most of the gain, and far less of what five cases get wrong
)
STOP_POINTS = 2  # places along the training at which it may be found to have been long enough


@dataclass
class _Split:
    """Positions in the corrections: what trains, what the gate keeps (empty when the folds serve as the gate), and the folds."""

    support: list[int]
    held_out: list[int]
    folds: list[list[int]]


class _Style(NamedTuple):
    """A row [P] and perhaps an adapter [A], on the CPU."""

    row: Tensor
    adapter: Tensor | None = None

    def halved(self) -> _Style:
        """What a trained style is kept as: its file has half the bytes, and the gate judges the very numbers that ship."""
        return _Style(halved(self.row), None if self.adapter is None else halved(self.adapter))


@dataclass
class _Learnt:
    """What training gives: the style that ships, each fold's at the stop found without that fold, and the rows both began from."""

    shipped: _Style
    of_fold: list[_Style]
    starts: Tensor  # [F + 1, P], the shipped one's first
    steps: int
    loss: float


class Personalisation:
    """One call of ExpertAdaptive.personalise; see there for the arguments."""

    def __init__(
        self, weights: Mapping[str, Tensor], config: ExpertAdaptiveConfig, rows: dict[str, Tensor], corrections: list[Reading],
        replay: list[Reading], live_row: Tensor | None, live_adapter: Tensor | None, live_trained_on: frozenset[str], seed: int,
        device: torch.device, progress: Progress, should_stop: ShouldStop,
    ) -> None:  # fmt: skip
        self.weights, self.config, self.device = weights, config, device
        self.names, self.table = list(rows), torch.stack([row.float().cpu() for row in rows.values()])
        self.corrections, self.replay = corrections, replay
        self.live = None if live_row is None else (live_row, live_adapter)
        self.live_trained_on = live_trained_on
        self.randomness = Randomness.seeded(seed, device)
        self.verdicts = torch.Generator().manual_seed(seed + 2)
        self.progress, self.should_stop = progress, should_stop
        self.network = build(config)
        load_weights(self.network, dict(weights))
        self.network.to(device).requires_grad_(False)
        self.predictor = Predictor(self.network, config, device)
        self.consensus = self.table.mean(0)
        self.own = self.network.own_numbers(config.styled_stages).to(device)
        patients = len({reading.patient for reading in corrections})
        self.trains_adapter = config.adapter and config.recipe == "nearest" and patients >= config.adapter_after
        self.total = config.row_steps

    def result(self) -> Personalised:
        """The style the policy gives for this many corrections."""
        config = self.config
        if not self.corrections:
            return self._average(True, "No corrections yet: the average style of all experts.")
        if not any(np.isin(reading.labels_DHW, config.labels).any() for reading in self.corrections):
            count = len(self.corrections)
            return self._average(
                False,
                f"Kept back: none of the {count} corrections shows a label, so there is no outline to learn a style from; "
                "submit at least one with a label.",
            )
        self.progress(0, self.total, {}, "comparing styles")
        replay = self.replay if self.trains_adapter and config.replay else []
        self.pool = Pool([*self.corrections, *replay], config, self.device)
        self.replayed = range(len(self.corrections), len(self.pool.readings))
        everything = range(len(self.corrections))
        self.mixes = blends(len(self.names))
        self.fit = fit_of_rows(self.network, self.pool, everything, self.mixes @ self.table)
        wrong = suspects(self.fit, [bool(len(self.pool.drawn[i])) for i in everything])
        kept = [i for i in everything if i not in wrong]
        self.suspect_revisions = tuple(self.corrections[i].revision for i in wrong)
        if not any(len(self.pool.drawn[i]) for i in kept):
            reason = (
                f"Kept back: the only corrections that show a label ({len(wrong)}) overlap nobody's drawing and were left out as suspect, "
                "so there is no outline to learn a style from; look at them again, or submit others with a label."
            )
            return replace(self._average(False, reason), suspect_revisions=self.suspect_revisions)
        if config.recipe in ("paper", "scratch"):
            return self._retrained(kept)
        patients = {self.corrections[i].patient for i in kept}
        if len(patients) < (config.row_after if config.recipe == "nearest" else 2):
            return self._blended(kept)
        return self._trained(kept)

    def _average(self, passed: bool, reason: str) -> Personalised:
        """The average style of all experts, with the reason why nothing better is to be had."""
        even = {name: 1 / len(self.names) for name in self.names}
        return Personalised(self.consensus, None, "consensus", {}, GateReport(passed, reason, "none", {}), even)

    # Few corrections: forward passes only

    def _blended(self, kept: list[int]) -> Personalised:
        """The best mix of existing rows; judged by leaving each patient out where there are two or more."""
        patients = [self.corrections[i].patient for i in kept]
        mix = self._best_mix(kept)
        chosen_without = [
            self._best_mix([i for i, other in zip(kept, patients, strict=True) if other != patient] or kept)
            for patient in patients
        ]
        several = len(set(patients)) > 1
        candidates = [
            {"candidate": self._case(i, without @ self.table), **self._rivals(i, [])}
            for i, without in zip(kept, chosen_without, strict=True)
        ]
        cases = gate.measure(self.predictor, [self.corrections[i] for i in kept], candidates, self.config.labels)
        report = self._judge(cases, "folds" if several else "none")
        if not several:
            report = replace(report, reason="A single correction cannot be held out; " + report.reason)
        return self._personalised(
            mix @ self.table, None, "nearest", {"corrections": float(len(kept))}, report, self._shares(mix)
        )

    # Enough corrections: train a row, and an adapter with it

    def _trained(self, kept: list[int]) -> Personalised:
        """The first that passes of: the trained style, half the way to it, its start, the nearest row, the consensus.

        If none does, the trained one, kept back.
        """
        config, split = self.config, self._split(kept)
        learnt = self._learn(split)
        cases = self._measure(split, learnt)
        held_out = "patients" if split.held_out else "folds"
        facts = {"corrections": float(len(kept)), "row_steps": float(learnt.steps), "loss": learnt.loss}
        blend = self._shares(self._start_mix(split.support))
        origin = "nearest" if not learnt.steps else "row" if learnt.shipped.adapter is None else "adapter"
        report = self._judge([_as_candidate(case, "trained") for case in cases], held_out)
        if report.passed or not learnt.steps:
            return self._personalised(*learnt.shipped, origin, facts, report, blend)
        facts |= {"dice/trained": report.candidates["candidate"]}
        half = self._judge([_as_candidate(case, "half") for case in cases], held_out)
        if half.passed:
            half = replace(
                half, reason=f"{half.reason} This goes half the way; the whole way was measured too. {report.reason}"
            )
            style = self._half_way(learnt.starts[0], learnt.shipped)
            return self._personalised(*style, origin, facts | {"row_share": HALF}, half, blend)
        closest = self.mixes[self._nearest(split.support)]
        mixes = {"start": self._start_mix(split.support), "nearest": closest, "consensus": self.mixes[-1]}
        if config.start == "reinit":  # not a style anybody draws in
            del mixes["start"]
        for name, mix in mixes.items():
            untrained = self._judge([_as_candidate(case, name) for case in cases], held_out, second_witness=False)
            if untrained.passed:
                reason = f"{untrained.reason} A trained style was measured too. {report.reason}"
                untrained = replace(untrained, reason=reason)
                facts |= {"row_steps": 0.0}
                return self._personalised(mix @ self.table, None, "nearest", facts, untrained, self._shares(mix))
        return self._personalised(*learnt.shipped, origin, facts, report, blend)

    def _split(self, kept: list[int]) -> _Split:
        patients = [self.corrections[i].patient for i in kept]
        taught = {self.corrections[i].patient for i in kept if self.corrections[i].revision in self.live_trained_on}
        reserved = set(gate.held_out_patients(patients, taught))
        support = [i for i in kept if self.corrections[i].patient not in reserved]
        # While the folds are the gate, each leaves one patient out: the more a fold's style may learn, the nearer its figure is to
        # what the shipped one can do. With patients of its own at the gate, the folds only say when to stop.
        most = self.config.folds if reserved else gate.FEW_PATIENTS
        groups = gate.patient_folds([self.corrections[i].patient for i in support], most)
        folds = [[i for i in support if self.corrections[i].patient in group] for group in groups]
        return _Split(support, [i for i in kept if i not in support], folds if len(folds) > 1 else [])

    def _learn(self, split: _Split) -> _Learnt:
        """Style 0 learns from all of support, style f+1 from all but fold f; every one starts from what suits its own readings."""
        config = self.config
        learns_from = [split.support, *([i for i in split.support if i not in fold] for fold in split.folds)]
        starts = torch.stack([self._start(readings) for readings in learns_from])
        styles = {"rows": starts.to(self.device).clone().requires_grad_()}
        if self.trains_adapter:
            self.neutral = self.network.neutral_adapter(self.randomness.order)
            styles["adapters"] = self.neutral.to(self.device).repeat(len(starts), 1).requires_grad_()
        stops_early = config.recipe == "nearest" and config.early_stop
        points = stop_points(config.row_steps, STOP_POINTS if stops_early else 1)
        schedule = Schedule(
            config.row_steps, config.row_learning_rate, config.row_ema, _row_optimiser(config), snapshots=points,
            rates={"adapters": config.adapter_learning_rate},
        )  # fmt: skip
        run = Run(self.randomness, self.progress, self.should_stop, phase="learning the style", total=self.total)
        outcome = descend(styles, lambda randomness: self._loss(styles, learns_from, randomness), schedule, run)
        stops = sorted(points) if stops_early and split.folds else [config.row_steps]
        at_stop = [{name: tensor.cpu() for name, tensor in outcome.snapshots[stop].items()} for stop in stops]
        loss = self._loss_of(split.folds, at_stop)
        best = int(loss.mean(0).argmin())
        of_fold = []
        for f in range(len(split.folds)):
            others = [g for g in range(len(split.folds)) if g != f] or [f]
            of_fold.append(_style(at_stop[int(loss[others].mean(0).argmin())], f + 1))
        return _Learnt(_mean_style(at_stop[best]), of_fold, starts, stops[best], outcome.loss)

    def _loss(self, styles: Mapping[str, Tensor], learns_from: list[list[int]], randomness: Randomness) -> Tensor:
        """Every style's own corrections and, for an adapter, others' readings in their own rows with that adapter on (replay).

        Replay holds the adapter to what no row can say. Styles share the batch and nothing else: their losses are summed.
        """
        config, pool = self.config, self.pool
        own = [i for readings in learns_from for i in pool.draw(readings, config.row_batch, randomness.order)]
        style_of = torch.arange(len(learns_from)).repeat_interleave(config.row_batch)
        rows = styles["rows"]
        rows = torch.where(self.own, rows, rows.detach())[style_of]
        replayed: list[int] = []
        if self.replayed:
            each = max(1, config.row_batch // 2)
            replayed = pool.draw(self.replayed, each * len(learns_from), randomness.order)
            others = torch.stack([self.table[self.names.index(pool.readings[i].expert)] for i in replayed])
            rows = torch.cat([rows, others.to(self.device)])
            style_of = torch.cat([style_of, torch.arange(len(learns_from)).repeat_interleave(each)])
        adapters = styles["adapters"][style_of] if "adapters" in styles else None
        batch = pool.batch(own + replayed, randomness.order)
        changed = augment(batch.image, batch.target, batch.weight, config.augmentation, randomness.noise)
        weight = torch.tensor([pool.readings[i].weight for i in own + replayed], device=self.device)
        losses = loss_on(self.network, config, changed, rows, adapters) * weight
        return losses.sum() * len(learns_from) / len(losses)

    def _loss_of(self, folds: list[list[int]], at_stop: list[dict[str, Tensor]]) -> Tensor:
        """Loss of each fold's style at each stop on the readings of that fold [F, T]: finer than Dice, where five cases must tell."""
        loss = torch.zeros(max(1, len(folds)), len(at_stop))
        if len(at_stop) > 1:
            for f, fold in enumerate(folds):
                rows = torch.stack([styles["rows"][f + 1] for styles in at_stop])
                adapters = torch.stack([s["adapters"][f + 1] for s in at_stop]) if self.trains_adapter else None
                loss[f] = fit_of_rows(self.network, self.pool, fold, rows, adapters).loss.mean(0)
        return loss

    def _measure(self, split: _Split, learnt: _Learnt) -> list[GateCase]:
        """Every held-out correction in every candidate's style; in folds by the style that never saw it."""
        self.progress(self.total, self.total, {}, "checking")
        order: list[int] = []
        candidates: list[dict[str, Case]] = []
        if split.held_out:
            tests = [(split.held_out, split.support, learnt.shipped, learnt.starts[0])]
        else:
            learnt_from = [[i for i in split.support if i not in fold] for fold in split.folds]
            tests = list(zip(split.folds, learnt_from, learnt.of_fold, learnt.starts[1:], strict=True))
        for fold, others, style, start in tests:
            for i in fold:
                ours = {"trained": style, "half": self._half_way(start, style), "start": _Style(start)}
                candidates.append({name: self._case(i, *one) for name, one in ours.items()} | self._rivals(i, others))
                order.append(i)
        return gate.measure(self.predictor, [self.corrections[i] for i in order], candidates, self.config.labels)

    def _half_way(self, start: Tensor, style: _Style) -> _Style:
        """Half-way between a start and what was trained from it. Fine-tuned weights averaged with those they began from err less on
        what they have not seen (WiSE-FT, Wortsman et al., CVPR 2022)."""
        adapter = None if style.adapter is None else torch.lerp(self.neutral, style.adapter, HALF)
        return _Style(torch.lerp(start, style.row, HALF), adapter).halved()

    # The recipes that retrain the shared network

    def _retrained(self, kept: list[int]) -> Personalised:
        """`paper`: the row starts anew and everything is trained; `scratch`: so does the network. A network of its own.

        They are for comparison: every correction trains, none is held out, and the gate never passes them.
        """
        config = self.config
        network = build(config)
        if config.recipe == "scratch":
            initialise(network, self.randomness.order)
        else:
            load_weights(network, dict(self.weights))
        network.to(self.device)
        steps = config.steps if config.recipe == "scratch" else config.row_steps
        rate = config.learning_rate if config.recipe == "scratch" else config.row_learning_rate
        run = Run(self.randomness, self.progress, self.should_stop, phase="retraining", total=steps)
        owner = [0] * len(self.corrections)
        rows, loss = train_shared(
            network, network.neutral_row()[None], self.pool, kept, owner, steps, config.row_batch, rate, run
        )
        weights = {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
        facts = {"corrections": float(len(kept)), "loss": loss, "row_steps": float(steps)}
        report = GateReport(False, f"The recipe {config.recipe} is for comparison only.", "none", {})
        return replace(self._personalised(rows[0], None, "row", facts, report, {}), weights=weights)

    # Shared pieces

    def _nearest(self, readings: Sequence[int]) -> int:
        behind = [sum(r.expert == name for r in self.replay) for name in self.names]
        return nearest(self.fit.loss[list(readings), : len(self.names)], behind)

    def _best_mix(self, readings: Sequence[int]) -> Tensor:
        """The mixing vector with the lowest loss on these corrections; ties to the nearer expert."""
        return self.mixes[int(self.fit.loss[list(readings)].mean(0).argmin())]

    def _start_mix(self, readings: Sequence[int]) -> Tensor:
        """The config's start as a mixing vector."""
        if self.config.start == "blend" and self.config.recipe == "nearest":
            return self._best_mix(readings)
        return self.mixes[-1] if self.config.start == "mean" else self.mixes[self._nearest(readings)]

    def _start(self, readings: Sequence[int]) -> Tensor:
        return self.network.neutral_row() if self.config.start == "reinit" else self._start_mix(readings) @ self.table

    def _shares(self, mix: Tensor) -> dict[str, float]:
        return {name: round(float(weight), 4) for name, weight in zip(self.names, mix, strict=True) if weight > 0}

    def _case(self, index: int, row: Tensor, adapter: Tensor | None = None) -> Case:
        reading = self.corrections[index]
        return Case(reading.image_CDHW, reading.spacing_mm, row, adapter)

    def _rivals(self, index: int, learnt_from: Sequence[int]) -> dict[str, Case]:
        """What a candidate must beat on a correction: the untrained nearest row (chosen without it), the consensus, what is live."""
        rivals = {"consensus": self._case(index, self.consensus)}
        if learnt_from:
            rivals["nearest"] = self._case(index, self.table[self._nearest(learnt_from)])
        if self.live is not None:
            rivals["live"] = self._case(index, *self.live)
        return rivals

    def _judge(self, cases: list[GateCase], held_out: str, *, second_witness: bool = True) -> GateReport:
        """Judge `candidate` against the others; against live only on cases it was not trained on, if there are at least two."""
        unseen = [case for case in cases if case.revision not in self.live_trained_on]
        if self.live is not None and len(unseen) < len(cases) and len({case.patient for case in unseen}) >= 2:
            cases = unseen
        rivals = [name for name in cases[0].dice if name != "candidate"]
        return gate.judge(cases, "candidate", rivals, held_out, self.verdicts, second_witness=second_witness)

    def _personalised(
        self,
        row: Tensor,
        adapter: Tensor | None,
        origin: str,
        facts: dict[str, float],
        report: GateReport,
        blend: dict[str, float],
    ) -> Personalised:
        metrics = facts | {f"dice/{name}": value for name, value in report.candidates.items()}
        return Personalised(row, adapter, origin, metrics, report, blend, self.suspect_revisions)


def _row_optimiser(config: ExpertAdaptiveConfig) -> Literal["adamw", "radam"]:
    """RAdam's first steps are unrectified and hardly move in a short run: rows train with AdamW except as published."""
    return "adamw" if config.recipe == "nearest" else config.optimiser


def _style(styles: Mapping[str, Tensor], at: int) -> _Style:
    return _Style(styles["rows"][at], styles["adapters"][at] if "adapters" in styles else None).halved()


def _mean_style(styles: Mapping[str, Tensor]) -> _Style:
    """The mean of all styles of one training: they began alike and differ by what each left out, so noise goes and the hand stays."""
    return _Style(styles["rows"].mean(0), styles["adapters"].mean(0) if "adapters" in styles else None).halved()


def _as_candidate(case: GateCase, name: str) -> GateCase:
    """The case with `name` as the candidate: the trained style, half of it and its start are never each other's rivals."""
    hidden = {"trained", "half", "start"} - {name}

    def renamed(values: dict[str, float]) -> dict[str, float]:
        return {("candidate" if key == name else key): value for key, value in values.items() if key not in hidden}

    return replace(case, dice=renamed(case.dice), hd95_mm=renamed(case.hd95_mm))


def nearest_row(trained: Trained, corrections: Sequence[Reading], device: str) -> Tensor:
    """The row of the expert who draws most like these corrections, untrained: the control that any training has to beat. [P]."""
    network = build(trained.config)
    load_weights(network, trained.weights)
    pool = Pool(corrections, trained.config, torch.device(device))
    rows = torch.stack(list(trained.rows.values()))
    fit = fit_of_rows(network.to(device).eval(), pool, range(len(corrections)), rows)
    return rows[nearest(fit.loss)]
