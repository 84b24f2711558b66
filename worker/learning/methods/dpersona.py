"""`dpersona`: every expert's own hand and the spread of plausible ones (arXiv 2403.13417).

Variant `unified` is ours: one stage in the shared network family, so that everything `expert_adaptive` does with rows (blends,
gate, adapters, mixed batches, 2D and 3D) holds for it too. `published` is D-Persona's two stages, `released` with the drift of its
code, `probabilistic_unet` the baseline. What each is measured to be worth: docs/dpersona.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from worker.learning import diversity
from worker.learning.config import DPersonaConfig, ExpertAdaptiveConfig, dpersona_config
from worker.learning.methods.expert_adaptive import ExpertAdaptive
from worker.learning.network import StyledNetwork
from worker.learning.opinions import OpinionNetwork
from worker.learning.panels import Panels
from worker.learning.persona_training import train_heads, train_stage_one, train_unified
from worker.learning.prediction import Predictor
from worker.learning.published import PublishedDPersona
from worker.learning.published import initialise as initialise_published
from worker.learning.readings import Case, Reading
from worker.learning.sampling import Pool
from worker.learning.training import Run

SAMPLES = 16  # for the figures of a model version
MEASURED_IMAGES = 20


class DPersona(ExpertAdaptive):
    """The method. Personalisation, prediction and the gate are those of `expert_adaptive`: a published head is a row too."""

    name = "dpersona"
    shares_batches = False

    def config(self, values: Mapping[str, Any]) -> ExpertAdaptiveConfig:
        """See ExpertAdaptive.config."""
        return dpersona_config(values)

    def _for_experts(self, config: ExpertAdaptiveConfig, count: int) -> ExpertAdaptiveConfig:
        assert isinstance(config, DPersonaConfig)
        adapter = config.adapter and config.variant == "unified"
        return replace(config, experts=count, adapter=adapter)

    def _initialise(self, network: StyledNetwork, generator: torch.Generator) -> None:
        if isinstance(network, PublishedDPersona):
            initialise_published(network, generator)
        else:
            super()._initialise(network, generator)

    def _learn(
        self, network: StyledNetwork, pool: Pool, among: list[int], owner: list[int], experts: int, run: Run
    ) -> tuple[Tensor, float]:
        panels = Panels(pool, among, owner, experts)
        if isinstance(network, OpinionNetwork):
            return train_unified(network, panels, run)
        assert isinstance(network, PublishedDPersona)
        loss = train_stage_one(network, panels, run)
        if network.variant == "probabilistic_unet":
            return network.neutral_row().repeat(experts, 1), loss
        return train_heads(network, panels, run)

    def _figures(
        self, predictor: Predictor, readings: Sequence[Reading], rows: Mapping[str, Tensor], held_out: frozenset[str]
    ) -> dict[str, float]:
        figures = super()._figures(predictor, readings, rows, held_out)
        return figures | _spread(predictor, [r for r in readings if r.patient in held_out and r.expert in rows], rows)


def _spread(predictor: Predictor, readings: Sequence[Reading], rows: Mapping[str, Tensor]) -> dict[str, float]:
    """How well SAMPLES samples cover the experts on held-out images that several of them read; means over images and labels."""
    by_image: dict[int, list[Reading]] = {}
    for reading in readings:
        by_image.setdefault(id(reading.image_CDHW), []).append(reading)
    several = [panel for panel in by_image.values() if len(panel) > 1][:MEASURED_IMAGES]
    table = torch.stack(list(rows.values()))
    found = []
    for panel in several:
        one = panel[0]
        case = Case(one.image_CDHW, one.spacing_mm, table[0])
        drawn = predictor.plausible(case, table, SAMPLES, seed=0)
        masks = np.stack([reading.labels_DHW for reading in panel])
        for value in predictor.config.labels:
            if (drawn == value).any() or (masks == value).any():
                found.append(diversity.spread(drawn == value, masks == value))
    if not found:
        return {}
    means = {name: float(np.mean([getattr(one, name) for one in found])) for name in ("ged_v", "ged_u", "dice_match")}
    return {
        "held_out_samples": float(SAMPLES), "held_out_ged_v": means["ged_v"], "held_out_ged_u": means["ged_u"],
        "held_out_dice_match": 100 * means["dice_match"],
    }  # fmt: skip
