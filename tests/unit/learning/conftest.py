"""Small worlds for the learning tests: discs on noise, drawn by experts who differ in how far out they draw."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from worker.learning import ExpertAdaptiveConfig, Reading, Trained, methods

EXPERTS = {"tight": -1.5, "plain": 0.0, "generous": 2.0}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks are fastest on one thread, and the machine is shared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def trained() -> Trained:
    """A network that knows the three experts on eight discs; shared, since nothing may ever write to it."""
    torch.set_num_threads(1)
    readings = [reading(case, name, offset) for case in range(8) for name, offset in EXPERTS.items()]
    return methods.load("expert_adaptive").pretrain(readings, tiny(), generator_seed=1)


def disc(case: int, offset: float, edge: int = 32, depth: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """A bright ball (a disc if depth is 1) on noise, and the label map of somebody who draws `offset` voxels outside of it."""
    draw = np.random.default_rng(case)
    centre, radius = draw.uniform(edge * 0.4, edge * 0.6, 3), draw.uniform(edge * 0.18, edge * 0.25)
    z, y, x = np.mgrid[:depth, :edge, :edge]
    dz = z - depth / 2 if depth > 1 else z * 0
    distance = np.sqrt(dz**2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2) - radius
    image = 100 * (distance < 0) + draw.normal(0, 20, distance.shape)
    return image[None].astype(np.float32), (distance < offset).astype(np.uint8)


def reading(case: int, expert: str, offset: float, **changes: object) -> Reading:
    """One expert's reading of disc `case`; changes replace Reading's fields."""
    image, labels = disc(case, offset)
    facts: dict[str, object] = {
        "image_CDHW": image, "spacing_mm": (1.0, 1.0, 1.0), "labels_DHW": labels, "expert": expert,
        "patient": f"patient{case}", "revision": f"{expert}-{case}",
    }  # fmt: skip
    return Reading(**{**facts, **changes})


def tiny(**changes: object) -> ExpertAdaptiveConfig:
    """A network of a few thousand numbers that learns discs in seconds."""
    values: dict[str, object] = {
        "channels": (6, 12), "stem": 2, "size": 32, "steps": 150, "batch": 6, "row_steps": 40, "row_batch": 3, "held_out_every": 0,
        "checkpoint_every": 25, "precision": "fp32", "learning_rate": 1e-2,
    }  # fmt: skip
    return ExpertAdaptiveConfig(**{**values, **changes})
