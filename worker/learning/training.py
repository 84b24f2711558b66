"""The one training loop: weights and rows in pretraining, rows alone in personalisation, adapters, the paper's fine-tuning.

What is trained is a dictionary of leaf tensors; how a loss arises is a function of the two generators. The loop owns the rest:
learning rate, average (EMA), losses that are not finite, checkpoints, stopping, progress. Polynomial decay lr (1 - t/T)^0.9 with
t and T stored, so that a resumed run continues exactly where it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from worker.learning.checkpoints import Checkpoints
from worker.learning.distributed import World
from worker.learning.readings import Diverged, Progress, ShouldStop, Stopped, never_stop, no_progress

BAD_STEPS = 3  # losses in a row that are not finite before a roll-back
CLIP = (
    5.0  # gradient norm, where shared weights are trained; rows are never clipped together: that would couple experts
)
PROGRESS_EVERY = 10


@dataclass
class Randomness:
    """Two generators: `order` (CPU) draws samples and initial values, `noise` (on the device) augments."""

    order: torch.Generator
    noise: torch.Generator

    @classmethod
    def seeded(cls, seed: int, device: torch.device) -> Randomness:
        """Both generators from one seed."""
        return cls(torch.Generator().manual_seed(seed), torch.Generator(device).manual_seed(seed + 1))


@dataclass
class Schedule:
    """How long, how fast, how averaged. `snapshots`: steps after which the averaged tensors are kept (0 = the start).

    rates: learning rates of single tensors by name, where they differ from the rest.
    """

    steps: int
    learning_rate: float
    ema: float = 0.0
    optimiser: Literal["adamw", "radam"] = "adamw"
    clip: bool = False
    checkpoint_every: int = 100
    snapshots: frozenset[int] = frozenset()
    rates: dict[str, float] = field(default_factory=dict)


@dataclass
class Run:
    """The caller's side of a training: randomness, callbacks, where checkpoints go, and which stretch of the bar is ours."""

    randomness: Randomness
    progress: Progress = no_progress
    should_stop: ShouldStop = never_stop
    checkpoints: Checkpoints | None = None
    phase: str = "training"
    world: World = field(default_factory=World)
    before: int = 0  # steps of earlier phases, and of all phases together: what a progress bar needs
    total: int = 0


@dataclass
class Outcome:
    """Averaged tensors at the end, at the snapshots, and the loss averaged over the last steps."""

    tensors: dict[str, Tensor]
    snapshots: dict[int, dict[str, Tensor]]
    loss: float
    skipped: int
    resumed_at: int


@dataclass
class _State:
    """Everything a checkpoint holds."""

    trained: dict[str, Tensor]
    averaged: dict[str, Tensor]
    optimiser: torch.optim.Optimizer
    step: int = 0
    loss: float = 0.0
    skipped: int = 0
    rollbacks: int = 0
    snapshots: dict[int, dict[str, Tensor]] = field(default_factory=dict)


def descend(
    trained: dict[str, Tensor], loss_of: Callable[[Randomness], Tensor], schedule: Schedule, run: Run
) -> Outcome:
    """Minimise loss_of over the leaf tensors `trained`, which are changed in place.

    loss_of draws a batch from the generators it is given and returns a scalar; it is called once a step. Raises Stopped (after
    saving a checkpoint) and Diverged. Never touches a tensor that is not in `trained`.
    """
    state = _State(
        trained, {name: tensor.detach().clone() for name, tensor in trained.items()}, _optimiser(trained, schedule)
    )
    resumed_at = _resume(state, run)
    good = _pack(state, run.randomness)
    bad = 0
    if 0 in schedule.snapshots and state.step == 0:
        state.snapshots[0] = _copy(state.averaged)
    while state.step < schedule.steps:
        if run.world.any(run.should_stop(), run.randomness.noise.device):
            _save(state, run)
            raise Stopped(f"Stopped at step {state.step} of {schedule.steps}.")
        for group in state.optimiser.param_groups:
            group["lr"] = group["initial_lr"] * (1 - state.step / schedule.steps) ** 0.9
        state.optimiser.zero_grad(set_to_none=True)
        loss = loss_of(run.randomness)
        value = run.world.mean(loss.detach())
        finite = math.isfinite(value)
        if finite:
            loss.backward()  # type: ignore[no-untyped-call]  # torch does not type it
            norm = torch.nn.utils.clip_grad_norm_(trained.values(), CLIP if schedule.clip else math.inf)
            finite = bool(torch.isfinite(norm))
        if finite:
            bad = 0
            state.optimiser.step()
            _average(state, schedule.ema)
            state.loss = value if state.loss == 0.0 else 0.95 * state.loss + 0.05 * value
        else:
            bad, state.skipped = bad + 1, state.skipped + 1
            if bad == BAD_STEPS:
                _roll_back(state, good, schedule)
                bad = 0
                continue
        state.step += 1
        if state.step in schedule.snapshots:
            state.snapshots[state.step] = _copy(state.averaged)
        if run.world.is_first and (state.step % PROGRESS_EVERY == 0 or state.step == schedule.steps):
            run.progress(run.before + state.step, run.total or schedule.steps, {"loss": state.loss}, run.phase)
        if state.step % schedule.checkpoint_every == 0:
            good = _pack(state, run.randomness)
            _save(state, run)
    return Outcome(state.averaged, state.snapshots, state.loss, state.skipped, resumed_at)


def _optimiser(trained: dict[str, Tensor], schedule: Schedule) -> torch.optim.Optimizer:
    """No weight decay anywhere: on a table of rows it would move every expert (LEARNING 9)."""
    groups = [
        {"params": [tensor], "initial_lr": schedule.rates.get(name, schedule.learning_rate)}
        for name, tensor in trained.items()
    ]
    if schedule.optimiser == "radam":
        return torch.optim.RAdam(groups, lr=schedule.learning_rate)
    return torch.optim.AdamW(groups, lr=schedule.learning_rate, weight_decay=0.0)


@torch.no_grad()
def _average(state: _State, ema: float) -> None:
    """EMA whose memory grows from nothing to its full length, so that a short run is not held back by its start."""
    decay = min(ema, (1 + state.step) / (10 + state.step)) if ema else 0.0
    for name, tensor in state.trained.items():
        state.averaged[name].lerp_(tensor, 1 - decay)


def _copy(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def _pack(state: _State, randomness: Randomness) -> tuple[dict[str, Tensor], dict[str, float]]:
    tensors = {f"trained/{name}": tensor.detach().clone() for name, tensor in state.trained.items()}
    tensors |= {f"averaged/{name}": tensor.clone() for name, tensor in state.averaged.items()}
    for index, moments in state.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser/{index}/{name}": torch.as_tensor(value).clone() for name, value in moments.items()}
    for step, snapshot in state.snapshots.items():
        tensors |= {f"snapshot/{step}/{name}": tensor for name, tensor in snapshot.items()}
    tensors |= {"order": randomness.order.get_state(), "noise": randomness.noise.get_state()}
    return tensors, {"step": state.step, "loss": state.loss, "skipped": state.skipped, "rollbacks": state.rollbacks}


@torch.no_grad()
def _unpack(state: _State, tensors: dict[str, Tensor]) -> None:
    """Weights, averages, optimiser moments and snapshots; the generators are the caller's."""
    for name in state.trained:
        state.trained[name].copy_(tensors[f"trained/{name}"])
        state.averaged[name].copy_(tensors[f"averaged/{name}"])
    moments: dict[int, dict[str, Tensor]] = {}
    state.snapshots = {}
    for name, tensor in tensors.items():
        kind, _, rest = name.partition("/")
        index, _, rest = rest.partition("/")
        if kind == "optimiser":
            moments.setdefault(int(index), {})[rest] = tensor.clone()
        elif kind == "snapshot":
            state.snapshots.setdefault(int(index), {})[rest] = tensor.clone()
    state.optimiser.load_state_dict({"state": moments, "param_groups": state.optimiser.state_dict()["param_groups"]})


def _save(state: _State, run: Run) -> None:
    if run.checkpoints is not None and run.world.is_first:
        tensors, facts = _pack(state, run.randomness)
        run.checkpoints.save(state.step, tensors, facts)


def _resume(state: _State, run: Run) -> int:
    found = run.checkpoints.load() if run.checkpoints is not None else None
    if found is None:
        return 0
    step, tensors, facts = found
    _unpack(state, tensors)
    run.randomness.order.set_state(tensors["order"])
    run.randomness.noise.set_state(tensors["noise"])
    state.step, state.loss, state.skipped = step, facts["loss"], facts["skipped"]
    state.rollbacks = facts["rollbacks"]
    return step


def _roll_back(state: _State, good: tuple[dict[str, Tensor], dict[str, float]], schedule: Schedule) -> None:
    """Back to the last good state, but on with the generators: the same batches would diverge again."""
    if state.rollbacks:
        raise Diverged(
            f"The loss was not finite {BAD_STEPS} times in a row, twice, near step {state.step} of {schedule.steps}; "
            f"use a learning rate below {schedule.learning_rate:g}."
        )
    tensors, facts = good
    _unpack(state, tensors)
    state.step, state.loss = int(facts["step"]), facts["loss"]
    state.rollbacks += 1


def stop_points(steps: int, count: int) -> frozenset[int]:
    """Where a training may be found to have been long enough: the last step and its halves, `count` of them."""
    return frozenset(max(min(1, steps), steps // 2**i) for i in range(count))
