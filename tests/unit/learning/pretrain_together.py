"""A program for torchrun (test_acceleration): pretrain on three discs and write what was learnt, one file per process.

`pretrain_together.py FOLDER [alone]`
"""

import sys
from contextlib import nullcontext
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.unit.learning.conftest import reading, tiny
from worker.learning import methods, save_safetensors
from worker.learning.distributed import World, joined

if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, alone = Path(sys.argv[1]), sys.argv[2:] == ["alone"]
    readings = [reading(case, name, offset) for case in range(3) for name, offset in (("a", 0.0), ("b", 2.0))]
    with nullcontext(World()) if alone else joined(torch.device("cpu")) as world:
        trained = methods.load("expert_adaptive").pretrain(readings, tiny(steps=8), generator_seed=5)
        name = "alone" if alone else f"rank{world.rank}"
        rows = {f"row/{expert}": row for expert, row in trained.rows.items()}
        (folder / name).write_bytes(save_safetensors(trained.weights | rows, {}))
