"""Compiled, eager after a failed compile, and over two processes: always the same learning."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from tests.unit.learning.conftest import tiny
from worker.learning.acceleration import Accelerated, pays
from worker.learning.architectures import build
from worker.learning.distributed import World
from worker.learning.network import StyledNetwork, initialise

CPU = torch.device("cpu")
ROOT = Path(__file__).resolve().parents[3]


def network(**changes: object) -> tuple[StyledNetwork, torch.Tensor, torch.Tensor]:
    """A network with values, two images it accepts, and rows for them."""
    config = tiny(**changes)
    made = build(config)
    initialise(made, torch.Generator().manual_seed(0))
    edge = config.smallest_edge
    return made, torch.randn(2, 1, edge, edge), made.neutral_row().repeat(2, 1)


def broken(graph: object, inputs: object) -> object:
    """A compiler that is not there."""
    raise OSError("g++: command not found")


def test_a_failed_compile_is_logged_once_and_the_plain_network_answers(caplog: pytest.LogCaptureFixture) -> None:
    plain, image, rows = network()
    fast = Accelerated(plain, backend=broken)

    with caplog.at_level(logging.WARNING):
        answers = [fast(image, rows) for _ in range(3)]

    assert all(torch.equal(answer, plain(image, rows)) for answer in answers)
    assert len(caplog.records) == 1
    assert "g++" in caplog.text


@pytest.mark.parametrize("name", ["small", "resnet18"])
def test_the_network_is_one_graph_without_breaks_and_means_the_same(name: str) -> None:
    plain, image, rows = network(network=name)
    fast = Accelerated(plain, backend="eager")

    assert torch.allclose(fast(image, rows), plain(image, rows), atol=1e-5)
    assert fast.fast is not None
    assert all(parameter.grad is None for parameter in plain.parameters())  # the warm-up leaves no gradient behind


def test_a_short_training_or_a_plain_cpu_is_not_compiled() -> None:
    assert not pays(tiny(), torch.device("cuda"), steps=100)
    assert pays(tiny(), torch.device("cuda"), steps=5000)
    assert pays(tiny(compiled="always"), CPU, steps=1)
    assert not pays(tiny(compiled="never"), torch.device("cuda"), steps=5000)


def test_one_process_has_the_whole_batch() -> None:
    alone = World()

    assert (alone.size, alone.is_first, alone.share(6)) == (1, True, slice(0, 6))
    assert alone.mean(torch.tensor(2.0)) == 2.0
    assert alone.any(True, CPU)
