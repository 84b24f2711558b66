"""How a style is made from corrections: our default, the paper's, the published alternatives, the controls, and each ingredient off.

Configs are chosen by `scale`: "small" is the product's own small network and minutes on one core, "paper" the paper's network and steps.
Every recipe of one cell sees the same pretrained network, the same corrections and the same seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from worker.learning import ExpertAdaptiveConfig, Personalised, Reading, Trained, methods, paper_config
from worker.learning.architectures import build
from worker.learning.frames import resolve
from worker.learning.network import initialise
from worker.learning.personalisation import nearest_row

Scale = Literal["small", "paper"]
METHOD = methods.load("expert_adaptive")

ABLATED: dict[str, dict[str, Any]] = {
    "no-init": {"start": "reinit"},
    "no-blend": {"start": "nearest"},
    "no-row": {"row_steps": 0},
    "no-adapter": {"adapter": False},
    "replay": {"replay": True},
    "no-ema": {"row_ema": 0.0},
    "no-early-stop": {"early_stop": False},
}


@dataclass(frozen=True)
class Outcome:
    """A style to be scored: what the gate let through, or what was live before. verdict: facts for the record."""

    weights: dict[str, Tensor]
    row: Tensor
    adapter: Tensor | None
    verdict: dict[str, Any]


def pretraining_config(scale: Scale, **changes: Any) -> ExpertAdaptiveConfig:
    """What the shared network of every recipe is pretrained with. All readings train: test cases were kept out by the caller."""
    if scale == "paper":
        return paper_config(held_out_every=0, recipe="nearest", **changes)
    return ExpertAdaptiveConfig(held_out_every=0, **changes)


def published(config: ExpertAdaptiveConfig, recipe: Literal["paper", "frozen", "scratch"]) -> ExpertAdaptiveConfig:
    """The published second stages on this network: RAdam, lr 1e-3, Dice alone, no average. Small: 160 steps of 8 (LEARNING 10)."""
    steps, batch = (1000, 16) if config.network == "resnet18" else (160, 8)
    return replace(
        config, recipe=recipe, start="nearest" if recipe == "frozen" else "reinit", row_steps=steps, row_batch=batch,
        learning_rate=1e-3, row_learning_rate=1e-3, optimiser="radam", loss="dice", weights_ema=0.0, row_ema=0.0,
        adapter=False,
    )  # fmt: skip


def our_default(config: ExpertAdaptiveConfig, **changes: Any) -> ExpertAdaptiveConfig:
    """The product's personalisation on this network, whatever the network itself was trained with."""
    own = ExpertAdaptiveConfig()
    names = [
        name
        for name in own.as_dict()
        if name.startswith(("row_", "adapter")) or name in ("start", "folds", "loss", "replay", "early_stop")
    ]
    return replace(config, recipe="nearest", **{name: getattr(own, name) for name in names} | changes)


def make(
    recipe: str, trained: Trained | None, corrections: list[Reading], replay: Sequence[Reading], config: ExpertAdaptiveConfig,
    seed: int, device: str,
) -> Outcome:  # fmt: skip
    """One recipe's style. `config` is the pretraining's; `trained` is None for those from nothing. Raises ValueError on an unknown recipe."""
    if recipe == "scratch":
        return _scratch(corrections, published(config, "scratch"), seed, device)
    if recipe == "alone":  # what the shared network's own schedule makes of these readings without anybody else's
        alone = METHOD.pretrain(corrections, config, generator_seed=seed, device=device)
        return Outcome(alone.weights, alone.consensus_row(), None, {})
    assert trained is not None
    config = trained.config
    if recipe in ("nearest", "consensus"):
        row = nearest_row(trained, corrections, device) if recipe == "nearest" else trained.consensus_row()
        return Outcome(trained.weights, row, None, {})
    if recipe in ("paper", "frozen"):
        how = published(config, "paper" if recipe == "paper" else "frozen")
        style = METHOD.personalise(trained.weights, how, trained.rows, corrections, generator_seed=seed, device=device)
        return Outcome(style.weights or trained.weights, style.row, None, {})
    if recipe != "default" and recipe not in ABLATED:
        raise ValueError(f'There is no recipe "{recipe}".')
    how = our_default(config, **ABLATED.get(recipe, {}))
    first = corrections[: how.row_after - 1]  # what is live when the others come is what the product made of these
    live, learnt_from = trained.consensus_row(), frozenset[str]()
    before = METHOD.personalise(
        trained.weights, how, trained.rows, first, live_row=live, generator_seed=seed, device=device
    )
    if before.gate.passed:
        live, learnt_from = before.row, frozenset(reading.revision for reading in first)
    style = METHOD.personalise(
        trained.weights, how, trained.rows, corrections, replay, live_row=live, live_trained_on=learnt_from,
        generator_seed=seed, device=device,
    )  # fmt: skip
    row, adapter = (style.row, style.adapter) if style.gate.passed else (live, None)
    return Outcome(trained.weights, row, adapter, _verdict(style))


def _verdict(style: Personalised) -> dict[str, Any]:
    return {
        "origin": style.origin,
        "passed": style.gate.passed,
        "row_steps": style.metrics.get("row_steps", 0.0),
        "gate": {name: round(value, 2) for name, value in style.gate.candidates.items()},
    }


def _scratch(corrections: list[Reading], config: ExpertAdaptiveConfig, seed: int, device: str) -> Outcome:
    """A conventional network from random weights on these readings alone."""
    config = resolve(config, corrections)
    network = build(config)
    initialise(network, torch.Generator().manual_seed(seed))
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    neutral = {"nobody": network.neutral_row()}
    style = METHOD.personalise(weights, config, neutral, corrections, generator_seed=seed, device=device)
    assert style.weights is not None
    return Outcome(style.weights, style.row, None, {})
