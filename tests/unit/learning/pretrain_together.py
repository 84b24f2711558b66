"""A program for torchrun (test_acceleration): pretrain on three discs and write what each process learnt into a folder."""

import sys
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # torchrun starts it as a file

from tests.unit.learning.conftest import reading, tiny
from worker.learning import methods, save_safetensors
from worker.learning.distributed import joined


def pretrain() -> dict[str, Tensor]:
    """Weights and rows after eight steps, alone or together with the processes that joined."""
    readings = [reading(case, name, offset) for case in range(3) for name, offset in (("a", 0.0), ("b", 2.0))]
    trained = methods.load("expert_adaptive").pretrain(readings, tiny(steps=8), generator_seed=5)
    return trained.weights | {f"row/{expert}": row for expert, row in trained.rows.items()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    with joined(torch.device("cpu")) as world:
        (Path(sys.argv[1]) / f"rank{world.rank}").write_bytes(save_safetensors(pretrain(), {}))
