"""The shared network and its style layers (acceptance A1)."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from worker.learning import ExpertAdaptiveConfig, StyleMismatch
from worker.learning.architectures import build
from worker.learning.losses import foreground
from worker.learning.network import StyledNetwork, apply_style, fold, initialise, load_weights, unfold

CONFIGS = {
    "small": ExpertAdaptiveConfig(channels=(4, 8, 16)),
    "small without stem": ExpertAdaptiveConfig(channels=(4, 8, 16), stem=1),
    "small 3D": ExpertAdaptiveConfig(channels=(4, 8), spatial_dims=3, labels=(1, 2)),
    "resnet18": ExpertAdaptiveConfig(network="resnet18"),
}


def ready(config: ExpertAdaptiveConfig) -> StyledNetwork:
    network = build(config)
    initialise(network, torch.Generator().manual_seed(5))
    return network.eval()


@pytest.mark.parametrize("shape", [(3, 5, 8, 8), (2, 4, 4, 6, 5)])
def test_one_style_equals_torchs_affine_instance_norm(shape: tuple[int, ...]) -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=draw) * 3 + 1
    gamma, beta = torch.randn(shape[1], generator=draw), torch.randn(shape[1], generator=draw)
    reference = (nn.InstanceNorm2d if len(shape) == 4 else nn.InstanceNorm3d)(shape[1], affine=True)
    reference.load_state_dict({"weight": gamma, "bias": beta})

    styled = apply_style(x, gamma.expand(shape[0], -1), beta.expand(shape[0], -1))

    assert (styled - reference(x)).abs().max() <= 1e-6


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize(("precision", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)], ids=str)
def test_a_batch_of_mixed_experts_equals_one_by_one(name: str, precision: torch.dtype, tolerance: float) -> None:
    """In single precision up to its rounding, which processors do differently; what an expert leaked to another would show in double."""
    config = CONFIGS[name]
    network = ready(config).to(precision)
    draw = torch.Generator().manual_seed(1)
    # Five halvings of 64 pixels leave four values to normalise over, and rounding is all that is left of some of them.
    image = torch.randn(3, 1, *[128 if name == "resnet18" else 16] * config.spatial_dims, generator=draw).to(precision)
    rows = network.neutral_row() + (0.3 * torch.randn(3, network.row_length, generator=draw)).to(precision)
    adapters = (0.1 * torch.randn(3, network.adapter_length, generator=draw)).to(precision)

    with torch.no_grad():
        mixed = network(image, rows, adapters)
        single = torch.cat([network(image[i : i + 1], rows[i : i + 1], adapters[i : i + 1]) for i in range(3)])

    assert mixed.shape == (3, config.out_channels, *image.shape[2:])
    assert (foreground(mixed) - foreground(single)).abs().max() <= tolerance
    assert (mixed[0] - mixed[1]).abs().max() > 1e-2


@pytest.mark.parametrize("name", CONFIGS)
def test_a_neutral_adapter_changes_nothing_and_a_trained_one_does(name: str) -> None:
    network = ready(CONFIGS[name])
    draw = torch.Generator().manual_seed(2)
    image = torch.randn(1, 1, *[64 if name == "resnet18" else 16] * CONFIGS[name].spatial_dims, generator=draw)
    row = network.neutral_row()[None]
    adapter = network.neutral_adapter(draw)[None]

    with torch.no_grad():
        plain, neutral, strong = network(image, row), network(image, row, adapter), network(image, row, adapter + 0.05)

    assert torch.equal(plain, neutral)
    assert not torch.allclose(plain, strong)


@pytest.mark.parametrize(("rank", "length"), [(4, 25_408), (2, 12_704)], ids=["the design's", "ours (decision 9)"])
def test_the_resnet_has_the_rows_and_adapters_of_the_design(rank: int, length: int) -> None:
    network = build(replace(CONFIGS["resnet18"], adapter_rank=rank))

    assert CONFIGS["resnet18"].adapter_rank == 2
    assert network.row_length == 9_792
    assert network.adapter_length == length
    assert len(network.style_channels) == 27
    assert not any("Norm" in type(module).__name__ for module in network.modules())


def test_gradients_pass_the_shortcut_that_monai_detaches() -> None:
    network = ready(CONFIGS["resnet18"])
    for convolution in network.residual[4:]:  # everything after the first stage but the shortcuts
        nn.init.zeros_(convolution.weight)
    image = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(3))

    x = network.maxpool(network.stem(image))
    stream = x.detach().requires_grad_()
    from worker.learning.network import StyleCursor

    cursor = StyleCursor(torch.ones(1, network.row_length), None, 4)
    network._residual(stream, 2, cursor).sum().backward()

    assert stream.grad is not None
    assert stream.grad.abs().sum() > 0


@pytest.mark.parametrize("shape", [(2, 3, 8, 6), (2, 3, 4, 8, 6)])
def test_folding_and_unfolding_is_the_identity(shape: tuple[int, ...]) -> None:
    x = torch.arange(torch.Size(shape).numel(), dtype=torch.float32).view(shape)

    assert torch.equal(unfold(fold(x, 2), 2), x)


def test_a_row_of_another_network_is_refused() -> None:
    network = ready(CONFIGS["small"])

    with pytest.raises(StyleMismatch, match="Rows must be"):
        network(torch.zeros(1, 1, 16, 16), torch.zeros(1, 7))


def test_weights_of_another_network_are_refused_by_name() -> None:
    weights = ready(CONFIGS["small"]).state_dict()

    with pytest.raises(StyleMismatch, match=r"convolutions\.0\.weight"):
        load_weights(build(replace(CONFIGS["small"], channels=(6, 8, 16))), weights)


def test_building_a_network_leaves_the_global_random_state_alone() -> None:
    before = torch.get_rng_state()

    ready(CONFIGS["resnet18"])

    assert torch.equal(torch.get_rng_state(), before)
