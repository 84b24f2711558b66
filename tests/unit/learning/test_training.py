"""The training loop: what happens when it is stopped, killed, or fed losses that are not finite; and what may never change."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.unit.learning.conftest import EXPERTS, reading, tiny
from worker.learning import Diverged, Stopped, load_safetensors, methods, save_safetensors
from worker.learning.checkpoints import Checkpoints
from worker.learning.training import Randomness, Run, Schedule, descend

CPU = torch.device("cpu")


def bowl(
    centre: float = 3.0, broken: Callable[[int], bool] = lambda call: False
) -> tuple[dict[str, Tensor], Callable[[Randomness], Tensor]]:
    """A parabola with its lowest point at `centre`, whose loss is NaN in the calls for which `broken` is true."""
    x = torch.zeros(2, requires_grad=True)
    calls = iter(range(10_000))

    def loss_of(randomness: Randomness) -> Tensor:
        noise = torch.randn(2, generator=randomness.order) * 0.01
        loss = ((x - centre + noise) ** 2).sum()
        return loss * math.nan if broken(next(calls)) else loss

    return {"x": x}, loss_of


def run(**changes: object) -> Run:
    return Run(Randomness.seeded(0, CPU), **changes)


def test_a_loss_that_is_not_finite_now_and_then_is_skipped() -> None:
    trained, loss_of = bowl(broken=lambda call: call % 5 == 2)

    outcome = descend(trained, loss_of, Schedule(200, 0.1), run())

    assert outcome.skipped == 40
    assert torch.allclose(outcome.tensors["x"], torch.full((2,), 3.0), atol=0.05)


def test_three_bad_losses_in_a_row_roll_back_once_and_go_on() -> None:
    trained, loss_of = bowl(broken=lambda call: 50 <= call < 53)

    outcome = descend(trained, loss_of, Schedule(200, 0.1, checkpoint_every=20), run())

    assert torch.allclose(outcome.tensors["x"], torch.full((2,), 3.0), atol=0.05)


def test_a_training_that_diverges_again_says_so_and_names_the_learning_rate() -> None:
    trained, loss_of = bowl(broken=lambda call: call >= 50)

    with pytest.raises(Diverged, match=r"below 0\.1"):
        descend(trained, loss_of, Schedule(200, 0.1), run())


def test_a_resumed_training_ends_with_the_same_numbers(tmp_path: Path) -> None:
    trained, loss_of = bowl()
    whole = descend(trained, loss_of, Schedule(60, 0.05, ema=0.9), run())
    trained, loss_of = bowl()
    calls = iter(range(100))
    with pytest.raises(Stopped):
        stop_at_40 = run(checkpoints=Checkpoints(tmp_path, "same"), should_stop=lambda: next(calls) == 40)
        descend(trained, loss_of, Schedule(60, 0.05, ema=0.9), stop_at_40)

    trained, loss_of = bowl()
    resumed = descend(trained, loss_of, Schedule(60, 0.05, ema=0.9), run(checkpoints=Checkpoints(tmp_path, "same")))

    assert resumed.resumed_at == 40
    assert torch.equal(resumed.tensors["x"], whole.tensors["x"])


def test_a_torn_checkpoint_falls_back_to_the_one_before(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, "training")
    for step in (10, 20, 30):
        checkpoints.save(step, {"x": torch.tensor([float(step)])}, {"loss": 1.0})
    newest = max(tmp_path.glob("*.safetensors"))

    newest.write_bytes(newest.read_bytes()[:-3])
    found = Checkpoints(tmp_path, "training").load()

    assert found is not None
    assert found[0] == 20
    assert len(list(tmp_path.glob("*.safetensors"))) == 2


def test_another_trainings_checkpoint_counts_as_none(tmp_path: Path) -> None:
    Checkpoints(tmp_path, "one").save(10, {"x": torch.zeros(1)}, {})

    assert Checkpoints(tmp_path, "another").load() is None


def test_pretraining_killed_half_way_ends_with_the_same_weights(tmp_path: Path) -> None:
    method, config = methods.load("expert_adaptive"), tiny(steps=30)
    readings = [reading(case, name, offset) for case in range(3) for name, offset in EXPERTS.items()]
    whole = method.pretrain(readings, config, generator_seed=4)
    calls = iter(range(100))
    with pytest.raises(Stopped):
        method.pretrain(
            readings, config, generator_seed=4, checkpoint_dir=tmp_path, should_stop=lambda: next(calls) == 27
        )

    resumed = method.pretrain(readings, config, generator_seed=4, checkpoint_dir=tmp_path)

    assert all(torch.equal(resumed.weights[name], whole.weights[name]) for name in whole.weights)
    assert all(torch.equal(resumed.rows[name], whole.rows[name]) for name in whole.rows)


def test_weights_and_card_survive_the_file() -> None:
    tensors = {"row": torch.arange(6, dtype=torch.float32).view(2, 3).T, "step": torch.tensor(7)}

    read, card = load_safetensors(save_safetensors(tensors, {"config": {"size": 128}, "name": "Exp1"}))

    assert torch.equal(read["row"], tensors["row"])
    assert read["step"] == 7
    assert card == {"config": {"size": 128}, "name": "Exp1"}
