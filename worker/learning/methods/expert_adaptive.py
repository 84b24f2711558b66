"""`expert_adaptive`: one shared network, one style row per expert (conditional instance normalisation, arXiv 2402.07330).

pretrain learns the shared weights and a row for everybody who has readings; personalise finds or learns one more row (and,
with many corrections, a small adapter) while the shared weights stay as they are. Recipes `paper`, `frozen` and `scratch` are
the published alternatives, kept for comparison (LEARNING 1.1).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from worker.learning.architectures import build
from worker.learning.checkpoints import Checkpoints
from worker.learning.config import ExpertAdaptiveConfig
from worker.learning.frames import resolve
from worker.learning.gate import patient_hash
from worker.learning.metrics import mean_dice
from worker.learning.network import StyledNetwork, initialise
from worker.learning.personalisation import Personalisation
from worker.learning.prediction import Predictor, predictor_from_weights
from worker.learning.readings import (
    Case,
    InvalidReading,
    Personalised,
    Progress,
    Reading,
    ShouldStop,
    Trained,
    never_stop,
    no_progress,
)
from worker.learning.sampling import Pool
from worker.learning.shared import train_shared
from worker.learning.training import Randomness, Run

FEWEST_TO_HOLD_OUT = 12  # patients; below it every one is trained on and no held-out figure is given
MEASURED_READINGS = 60  # at most, for the figures of a model version


class ExpertAdaptive:
    """The method. Without state: everything it needs is passed in, everything it learnt is returned."""

    name = "expert_adaptive"
    shares_batches = True  # whether several processes can share a pretraining

    def pretrain(
        self,
        readings: Sequence[Reading],
        config: ExpertAdaptiveConfig,
        *,
        generator_seed: int = 0,
        device: str = "cpu",
        progress: Progress = no_progress,
        should_stop: ShouldStop = never_stop,
        checkpoint_dir: Path | None = None,
    ) -> Trained:
        """Learn shared weights and one row per expert from these readings.

        What is learnt depends on the order of the readings, and on nothing that merely names them: an expert's or revision's id.
        Resumes from checkpoint_dir if it holds a checkpoint of the same training, and then ends with the same numbers. Raises
        InvalidReading, Stopped, Diverged. The returned config is the resolved one; metrics are Dice in points: held_out_dice
        (patients kept out, if there were 12 or more), held_out_dice/EXPERT, training_dice, the loss, and nothing_drawn/EXPERT for
        an expert whose label maps are all empty: they teach no style, get no row and are left out.
        """
        config = resolve(config, readings)
        where = torch.device(device)
        held_out = held_out_of_pretraining([reading.patient for reading in readings], config.held_out_every)
        drawing = _who_draws(readings, config.labels)
        among = [
            i for i, reading in enumerate(readings) if reading.patient not in held_out and reading.expert in drawing
        ]
        experts = list(dict.fromkeys(readings[i].expert for i in among))
        config = self._for_experts(config, len(experts))
        run = Run(Randomness.seeded(generator_seed, where), progress, should_stop, phase="pretraining")
        if checkpoint_dir is not None:
            run.checkpoints = Checkpoints(checkpoint_dir, _fingerprint(config, readings, generator_seed))
        network = build(config)
        self._initialise(network, run.randomness.order)
        network.to(where)
        pool = Pool(readings, config, where)
        owner = [experts.index(reading.expert) if reading.expert in experts else 0 for reading in readings]
        rows, loss = self._learn(network, pool, among, owner, len(experts), run)
        table = dict(zip(experts, rows, strict=True))
        predictor = Predictor(network, config, where)
        metrics = {"loss": loss} | self._figures(predictor, readings, table, held_out)
        metrics |= {f"nothing_drawn/{reading.expert}": 1.0 for reading in readings if reading.expert not in drawing}
        weights = {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
        return Trained(weights, table, config, metrics)

    def personalise(
        self,
        weights: dict[str, Tensor],
        config: ExpertAdaptiveConfig,
        rows: Mapping[str, Tensor],
        corrections: Sequence[Reading],
        replay: Sequence[Reading] = (),
        *,
        live_row: Tensor | None = None,
        live_adapter: Tensor | None = None,
        live_trained_on: Collection[str] = (),
        generator_seed: int = 0,
        device: str = "cpu",
        progress: Progress = no_progress,
        should_stop: ShouldStop = never_stop,
    ) -> Personalised:
        """Find or learn one expert's style from their corrections, and judge it on corrections it has not seen.

        rows: the styles of experts to start from (the expert's own pretrained row among them is fine); replay: other experts'
        readings, whose `expert` must be in rows; live_*: what the expert has now, and the revisions it was trained on, which are
        left out of its comparison where others remain. `weights` is never written to. Raises InvalidReading, Stopped, Diverged.
        """
        if not rows:
            raise InvalidReading("There is no style to start from; pretrain with at least one expert's readings first.")
        task = Personalisation(
            weights, config, dict(rows), list(corrections), [r for r in replay if r.expert in rows],
            live_row, live_adapter, frozenset(live_trained_on), generator_seed, torch.device(device), progress, should_stop,
        )  # fmt: skip
        return task.result()

    def predictor(self, weights: dict[str, Tensor], config: ExpertAdaptiveConfig, device: str = "cpu") -> Predictor:
        """A resident predictor. config must be the resolved one that pretraining returned."""
        return predictor_from_weights(weights, config, device)

    def config(self, values: Mapping[str, Any]) -> ExpertAdaptiveConfig:
        """The method's config from options, or from a card. Raises ValueError on an option or value that cannot be."""
        return ExpertAdaptiveConfig.from_dict(dict(values))

    def _for_experts(self, config: ExpertAdaptiveConfig, count: int) -> ExpertAdaptiveConfig:
        """What follows from how many experts there are to learn: here nothing."""
        return config

    def _initialise(self, network: StyledNetwork, generator: torch.Generator) -> None:
        initialise(network, generator)

    def _learn(
        self, network: StyledNetwork, pool: Pool, among: list[int], owner: list[int], experts: int, run: Run
    ) -> tuple[Tensor, float]:
        """Train the network in place on the readings `among`; returns the experts' rows [K, P] on the CPU and the loss."""
        config, start = pool.config, network.neutral_row().repeat(experts, 1)
        return train_shared(network, start, pool, among, owner, config.steps, config.batch, config.learning_rate, run)

    def _figures(
        self, predictor: Predictor, readings: Sequence[Reading], rows: Mapping[str, Tensor], held_out: frozenset[str]
    ) -> dict[str, float]:
        return _figures(predictor, readings, rows, held_out, predictor.config)

    def style_lengths(self, config: ExpertAdaptiveConfig) -> dict[str, int]:
        """How many numbers this network's `row` and `adapter` have. config must be the resolved one."""
        network = build(config)
        return {"row": network.row_length, "adapter": network.adapter_length}


def held_out_of_pretraining(patients: Sequence[str], every: int) -> frozenset[str]:
    """One patient in `every`, the smallest by hash; none where there are fewer than 12 patients."""
    distinct = sorted(set(patients), key=patient_hash)
    if every == 0 or len(distinct) < FEWEST_TO_HOLD_OUT:
        return frozenset()
    return frozenset(distinct[: len(distinct) // every])


def _who_draws(readings: Sequence[Reading], labels: Sequence[int]) -> frozenset[str]:
    """Experts with at least one label in at least one reading. Raises InvalidReading where there is none."""
    drawing = frozenset(reading.expert for reading in readings if np.isin(reading.labels_DHW, labels).any())
    if not drawing:
        raise InvalidReading(
            f"None of the {len(readings)} readings shows a label ({', '.join(map(str, labels))}); submit one that does."
        )
    return drawing


def _figures(
    predictor: Predictor,
    readings: Sequence[Reading],
    rows: Mapping[str, Tensor],
    held_out: frozenset[str],
    config: ExpertAdaptiveConfig,
) -> dict[str, float]:
    """Mean Dice in points, each reading predicted in its own expert's row."""
    figures: dict[str, float] = {}
    for name, kept in (("held_out_dice", True), ("training_dice", False)):
        chosen = [r for r in readings if (r.patient in held_out) == kept and r.expert in rows]
        chosen = chosen[:: max(1, len(chosen) // MEASURED_READINGS)]
        predicted = predictor.predict([Case(r.image_CDHW, r.spacing_mm, rows[r.expert]) for r in chosen])
        by_expert: dict[str, list[float]] = {}
        for reading, labels in zip(chosen, predicted, strict=True):
            by_expert.setdefault(reading.expert, []).append(100 * mean_dice(labels, reading.labels_DHW, config.labels))
        if by_expert:
            figures[name] = float(np.mean([value for values in by_expert.values() for value in values]))
        if kept:
            figures |= {f"{name}/{expert}": float(np.mean(values)) for expert, values in by_expert.items()}
    return figures


def _fingerprint(config: ExpertAdaptiveConfig, readings: Sequence[Reading], seed: int) -> str:
    """Names a training: a checkpoint of any other config, reading or seed does not count."""
    facts = [config.sha256(), seed, [(r.expert, r.revision, r.weight) for r in readings]]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
