"""One expert's new style, from nearest row to trained row to adapter, and its verdict (LEARNING 2.3 and 3).

0 corrections: the consensus row. Fewer than `row_after` patients: the nearest row or a blend, by forward passes. From there: a
row trained from the nearest, stopped where cross-validation on the support set says so; where the gate refuses it, half the way to
it. From `adapter_after`: a rank-4 adapter on top, half of every batch replaying other experts. All rows of a training (one per fold and the one that ships) share each batch:
nothing couples samples, so this is the same as training them one by one. There are no checkpoints: a few hundred steps of a row or an
adapter are a minute on a small network, and a job that was killed begins again with the same seed and ends with the same style.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from worker.learning import gate
from worker.learning.augment import augment
from worker.learning.config import ExpertAdaptiveConfig
from worker.learning.network import build, initialise, load_weights
from worker.learning.prediction import Predictor
from worker.learning.readings import Case, GateCase, GateReport, Personalised, Progress, Reading, ShouldStop, Trained
from worker.learning.sampling import Pool
from worker.learning.shared import train_shared
from worker.learning.styles import blends, fit_of_rows, loss_on, nearest, suspects
from worker.learning.training import Randomness, Run, Schedule, descend, stop_points

HALF = 0.5  # of the way from the start to the trained row: most of the gain, and far less of what five cases get wrong
STOP_POINTS = 4  # places along the training at which it may be found to have been long enough


@dataclass
class _Split:
    """Positions in the corrections. `fold_of[f]` is held out of fold f; the shipped row trains on all of support."""

    support: list[int]
    held_out: list[int]  # the gate's patients; empty when the folds serve as the gate
    folds: list[list[int]]


@dataclass
class _Rows:
    """What row training gives: the shipped row, each fold's row at the stop found without that fold, and both starts."""

    shipped: Tensor
    starts: Tensor  # [F + 1, P], the shipped row's first
    steps: int
    fold_rows: list[Tensor]
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
        patients = len({reading.patient for reading in corrections})
        self.trains_adapter = (
            bool(replay) and config.adapter and config.recipe == "nearest" and patients >= config.adapter_after
        )
        self.total = config.row_steps + (config.adapter_steps if self.trains_adapter else 0)

    def result(self) -> Personalised:
        """The style the policy gives for this many corrections."""
        config = self.config
        if not self.corrections:
            report = GateReport(True, "No corrections yet: the average style of all experts.", "none", {})
            return Personalised(
                self.consensus, None, "consensus", {}, report, {name: 1 / len(self.names) for name in self.names}
            )
        self.progress(0, self.total, {}, "comparing styles")
        self.pool = Pool(self.corrections, config, self.device)
        everything = range(len(self.corrections))
        self.mixes = blends(len(self.names))
        self.fit = fit_of_rows(self.network, self.pool, everything, self.mixes @ self.table)
        wrong = suspects(self.fit, [bool(len(self.pool.drawn[i])) for i in everything])
        kept = [i for i in everything if i not in wrong]
        self.suspect_revisions = tuple(self.corrections[i].revision for i in wrong)
        if config.recipe in ("paper", "scratch"):
            return self._retrained(kept)
        patients = {self.corrections[i].patient for i in kept}
        if len(patients) < (config.row_after if config.recipe == "nearest" else 2):
            return self._blended(kept)
        return self._trained(kept)

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

    # Enough corrections: train a row, then perhaps an adapter

    def _trained(self, kept: list[int]) -> Personalised:
        split = self._split(kept)
        trained = self._train_rows(split)
        adapter = self._train_adapter(split, trained.shipped) if self.trains_adapter and split.held_out else None
        cases = self._measure(split, trained, adapter)
        held_out = "patients" if split.held_out else "folds"
        facts = {"corrections": float(len(kept)), "row_steps": float(trained.steps), "loss": trained.loss}
        blend = self._shares(self._start_mix(split.support))
        origin = "row" if trained.steps else "nearest"
        if adapter is not None:
            report = self._judge([_as_candidate(case, "adapter") for case in cases], held_out)
            if report.passed:
                return self._personalised(trained.shipped, adapter, "adapter", facts, report, blend)
        report = self._judge([_as_candidate(case, "row") for case in cases], held_out)
        if not report.passed and trained.steps:
            half = self._judge([_as_candidate(case, "half") for case in cases], held_out)
            if half.passed:
                half = replace(
                    half, reason=f"{half.reason} Half the way to a style that was measured too. {report.reason}"
                )
                facts = facts | {"row_share": HALF, "dice/row": report.candidates["candidate"]}
                return self._personalised(
                    _half_way(trained.starts[0], trained.shipped), None, origin, facts, half, blend
                )
            untrained = self._judge([_as_candidate(case, "start") for case in cases], held_out)
            if untrained.passed:
                untrained = replace(
                    untrained, reason=f"{untrained.reason} A trained style was measured too. {report.reason}"
                )
                facts = facts | {"row_steps": 0.0, "dice/row": report.candidates["candidate"]}
                return self._personalised(trained.starts[0], None, "nearest", facts, untrained, blend)
        return self._personalised(trained.shipped, None, origin, facts, report, blend)

    def _split(self, kept: list[int]) -> _Split:
        patients = [self.corrections[i].patient for i in kept]
        reserved = set(gate.held_out_patients(patients))
        support = [i for i in kept if self.corrections[i].patient not in reserved]
        # While the folds are the gate, each leaves one patient out: the more a fold's row may learn, the nearer its figure is to
        # what the shipped row can do. With patients of its own at the gate, the folds only say when to stop.
        most = self.config.folds if reserved else gate.FEW_PATIENTS
        groups = gate.patient_folds([self.corrections[i].patient for i in support], most)
        folds = [[i for i in support if self.corrections[i].patient in group] for group in groups]
        return _Split(support, [i for i in kept if i not in support], folds if len(folds) > 1 else [])

    def _train_rows(self, split: _Split) -> _Rows:
        """Row 0 learns from all of support, row f+1 from all but fold f; every row starts from what suits its own readings."""
        config, pool = self.config, self.pool
        learns_from = [split.support, *([i for i in split.support if i not in fold] for fold in split.folds)]
        starts = torch.stack([self._start(readings) for readings in learns_from])
        table = starts.to(self.device).clone().requires_grad_()
        owner = torch.arange(len(learns_from), device=self.device).repeat_interleave(config.row_batch)
        weight_of = torch.tensor([reading.weight for reading in self.corrections])

        def loss_of(randomness: Randomness) -> Tensor:
            drawn = [i for readings in learns_from for i in pool.draw(readings, config.row_batch, randomness.order)]
            batch = pool.batch(drawn, randomness.order)
            changed = augment(batch.image, batch.target, batch.weight, config.augment, randomness.noise)
            losses = loss_on(self.network, config, changed, table[owner], None)
            return (losses * weight_of[batch.reading].to(self.device)).sum() / config.row_batch

        stops_early = config.recipe == "nearest" and config.early_stop
        points = stop_points(config.row_steps, STOP_POINTS if stops_early else 1)
        schedule = Schedule(
            config.row_steps, config.row_learning_rate, config.row_ema, _row_optimiser(config), snapshots=points
        )
        run = Run(self.randomness, self.progress, self.should_stop, phase="learning the style", total=self.total)
        outcome = descend({"rows": table}, loss_of, schedule, run)
        stops = sorted(points) if stops_early and split.folds else [config.row_steps]
        at_stop = torch.stack([outcome.snapshots[step]["rows"].cpu() for step in stops])  # [T, F + 1, P]
        score = torch.zeros(max(1, len(split.folds)), len(stops))
        if len(stops) > 1:
            for f, fold in enumerate(split.folds):
                score[f] = fit_of_rows(self.network, pool, fold, at_stop[:, f + 1]).dice.mean(0)
        best = int(score.mean(0).argmax())
        fold_rows = []
        for f in range(len(split.folds)):
            others = [g for g in range(len(split.folds)) if g != f] or [f]
            fold_rows.append(at_stop[int(score[others].mean(0).argmax()), f + 1])
        return _Rows(at_stop[best, 0], starts, stops[best], fold_rows, outcome.loss)

    def _train_adapter(self, split: _Split, row: Tensor) -> Tensor:
        """Rank-4 side paths over the frozen network; replayed readings keep their own row, so only what no row can say is learnt."""
        config = self.config
        pool = Pool([*self.corrections, *self.replay], config, self.device)
        rows = torch.cat([self.table, row[None]]).to(self.device)
        mine, theirs = split.support, list(range(len(self.corrections), len(pool.readings)))
        owner = [len(self.names)] * len(self.corrections) + [self.names.index(r.expert) for r in self.replay]
        owner_of = torch.tensor(owner, device=self.device)
        weight_of = torch.tensor([reading.weight for reading in pool.readings])
        adapter = self.network.neutral_adapter(self.randomness.order).to(self.device).requires_grad_()
        half = max(1, config.batch // 2)

        def loss_of(randomness: Randomness) -> Tensor:
            drawn = pool.draw(mine, half, randomness.order) + pool.draw(theirs, half, randomness.order)
            batch = pool.batch(drawn, randomness.order)
            changed = augment(batch.image, batch.target, batch.weight, config.augment, randomness.noise)
            style = rows[owner_of[batch.reading.to(self.device)]]
            losses = loss_on(self.network, config, changed, style, adapter.expand(len(drawn), -1))
            return (losses * weight_of[batch.reading].to(self.device)).mean()

        schedule = Schedule(config.adapter_steps, config.adapter_learning_rate, config.row_ema)
        run = Run(
            self.randomness,
            self.progress,
            self.should_stop,
            phase="learning the adapter",
            before=config.row_steps,
            total=self.total,
        )
        return descend({"adapter": adapter}, loss_of, schedule, run).tensors["adapter"].cpu()

    def _measure(self, split: _Split, trained: _Rows, adapter: Tensor | None) -> list[GateCase]:
        """Every held-out correction in every candidate's style; in folds by the row that never saw it."""
        self.progress(self.total, self.total, {}, "checking")
        order: list[int] = []
        candidates: list[dict[str, Case]] = []
        if split.held_out:
            tests = [(split.held_out, split.support, trained.shipped, trained.starts[0])]
        else:
            learnt_from = [[i for i in split.support if i not in fold] for fold in split.folds]
            tests = list(zip(split.folds, learnt_from, trained.fold_rows, trained.starts[1:], strict=True))
        for fold, others, row, start in tests:
            for i in fold:
                own = {"row": row, "half": _half_way(start, row), "start": start}
                by_name = {name: self._case(i, one) for name, one in own.items()} | self._rivals(i, others)
                if adapter is not None:
                    by_name["adapter"] = self._case(i, row, adapter)
                candidates.append(by_name)
                order.append(i)
        return gate.measure(self.predictor, [self.corrections[i] for i in order], candidates, self.config.labels)

    # The recipes that retrain the shared network

    def _retrained(self, kept: list[int]) -> Personalised:
        """`paper`: the row starts anew and everything is trained; `scratch`: so does the network. A model version of its own."""
        config = self.config
        reserved = set(gate.held_out_patients([self.corrections[i].patient for i in kept]))
        among = [i for i in kept if self.corrections[i].patient not in reserved]
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
            network, network.neutral_row()[None], self.pool, among, owner, steps, config.row_batch, rate, run
        )
        retrained = Predictor(network, config, self.device)
        test = [i for i in kept if i not in among]
        if test:
            readings = [self.corrections[i] for i in test]
            own = gate.measure(
                retrained, readings, [{"candidate": self._case(i, rows[0])} for i in test], config.labels
            )
            others = gate.measure(self.predictor, readings, [self._rivals(i, among) for i in test], config.labels)
            cases = [
                replace(a, dice=a.dice | b.dice, hd95_mm=a.hd95_mm | b.hd95_mm)
                for a, b in zip(own, others, strict=True)
            ]
            report = self._judge(cases, "patients")
        else:
            report = GateReport(
                False, f"Too few patients to judge the recipe {config.recipe}; it is for comparison only.", "none", {}
            )
        weights = {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
        facts = {"corrections": float(len(kept)), "loss": loss, "row_steps": float(steps)}
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

    def _judge(self, cases: list[GateCase], held_out: str) -> GateReport:
        """Judge `candidate` against the others; against live only on cases it was not trained on, if there are at least two."""
        unseen = [case for case in cases if case.revision not in self.live_trained_on]
        if self.live is not None and len(unseen) < len(cases) and len({case.patient for case in unseen}) >= 2:
            cases = unseen
        rivals = [name for name in cases[0].dice if name != "candidate"]
        return gate.judge(cases, "candidate", rivals, held_out, self.verdicts)

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


def _half_way(start: Tensor, trained: Tensor) -> Tensor:
    """Half-way between two rows [P]. Fine-tuned weights averaged with those they began from err less on what they have not seen
    (WiSE-FT, Wortsman et al., CVPR 2022)."""
    return torch.lerp(start, trained, HALF)


def _as_candidate(case: GateCase, name: str) -> GateCase:
    """The case with `name` as the candidate, without what is not its rival: only an adapter must beat the row it sits on."""
    hidden = {
        "row": ("adapter", "half", "start"),
        "half": ("adapter", "row", "start"),
        "start": ("adapter", "row", "half", "nearest"),
        "adapter": ("half", "start"),
    }[name]

    def renamed(values: dict[str, float]) -> dict[str, float]:
        return {("candidate" if key == name else key): value for key, value in values.items() if key not in hidden}

    return replace(case, dice=renamed(case.dice), hd95_mm=renamed(case.hd95_mm))


def nearest_row(trained: Trained, corrections: Sequence[Reading], device: str) -> Tensor:
    """The row of the expert who draws most like these corrections, untrained: the control that any training has to beat. [P]."""
    network = build(trained.config)
    load_weights(network, trained.weights)
    pool = Pool(corrections, trained.config, torch.device(device))
    rows = torch.stack(list(trained.rows.values()))
    fit = fit_of_rows(network.to(device), pool, range(len(corrections)), rows)
    return rows[nearest(fit.loss)]
