"""One pretraining over several processes under torchrun: every process draws the same batch and learns from its share of it.

All random numbers are drawn alike everywhere, so several processes take the steps that one would have taken, and whatever they decide
(stop, skip a loss that is not finite, roll back) they decide together. Only the first one writes checkpoints and reports progress.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor


class World:
    """The processes that train together; one alone if no process group was joined."""

    def __init__(self) -> None:
        joined = dist.is_available() and dist.is_initialized()
        self.size = dist.get_world_size() if joined else 1
        self.rank = dist.get_rank() if joined else 0

    @property
    def is_first(self) -> bool:
        """Whether this process writes and reports for all."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """This process's part of a batch of `count`. Raises ValueError where it cannot be shared out evenly."""
        if count % self.size:
            raise ValueError(f"A batch of {count} cannot be shared by {self.size} processes; choose a multiple.")
        each = count // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def mean(self, value: Tensor) -> float:
        """The mean over all processes: not finite anywhere is not finite everywhere."""
        if self.size == 1:
            return float(value)
        total = value.detach().clone()
        dist.all_reduce(total)
        return float(total) / self.size

    def any(self, flag: bool, device: torch.device) -> bool:
        """Whether any process says so."""
        if self.size == 1:
            return flag
        votes = torch.tensor(float(flag), device=device)
        dist.all_reduce(votes)
        return bool(votes > 0)


@contextmanager
def joined(device: torch.device) -> Iterator[World]:
    """Join the group that torchrun describes, and leave it at the end: NCCL on GPUs, gloo on CPUs."""
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield World()
    finally:
        dist.destroy_process_group()
