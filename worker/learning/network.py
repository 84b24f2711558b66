"""The networks: convolutions shared by all experts, normalisation in each expert's own style (conditional instance norm).

Unusual: a network owns no style. `forward(image, rows, adapters)` takes one style row per sample, so one batch may mix experts
and a new expert never changes the network. A row is the concatenation, layer by layer in order of use, of gamma [C] and beta [C].
MONAI gives FlexibleUNet's convolutions; the forward pass is ours because (LEARNING 2.1) its encoder keeps BatchNorm, its UpCat
breaks compiled graphs, and its parameter-free shortcut cuts the gradient (`out.data`), which ours does not.
Nothing draws from the global random state: `architectures.build` makes modules without storage, `initialise` fills them.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
import torch.nn.functional as F
from monai.networks.nets.flexible_unet import FlexibleUNet
from torch import Tensor, nn

from worker.learning.config import ExpertAdaptiveConfig
from worker.learning.readings import StyleMismatch

EPSILON = 1e-5


def apply_style(x_BCS: Tensor, gamma_BC: Tensor, beta_BC: Tensor, eps: float = EPSILON) -> Tensor:
    """Instance-normalise each sample, then scale and shift it in its own expert's style.

    x_BCS: features, float32 or bfloat16, 1 to 3 spatial axes with at least 2 voxels; gamma_BC, beta_BC: float32, one row per
    sample. Returns x's shape and dtype. Keeps no running statistics: a sample's result never depends on its neighbours.
    Raises StyleMismatch when B or C differ. Source: conditional instance normalisation, arXiv 2402.07330.
    """
    batch, channels = x_BCS.shape[:2]
    if gamma_BC.shape != (batch, channels) or beta_BC.shape != (batch, channels):
        raise StyleMismatch(
            f"Features {list(x_BCS.shape)} need gamma and beta [{batch}, {channels}], not {list(gamma_BC.shape)}."
        )
    # One fused kernel: samples become channels, so batch statistics are instance statistics and the affine part is per sample.
    folded = x_BCS.reshape(1, batch * channels, *x_BCS.shape[2:])
    styled = F.batch_norm(folded, None, None, gamma_BC.reshape(-1), beta_BC.reshape(-1), True, 0.0, eps)
    return styled.view(x_BCS.shape)


class StyleCursor:
    """Walks along rows [B, P] and adapters [B, A] in the order in which the layers ask for their slices."""

    def __init__(self, rows_BP: Tensor, adapters_BA: Tensor | None, rank: int) -> None:
        self.rows, self.adapters, self.rank = rows_BP, adapters_BA, rank
        self.row_at = self.adapter_at = 0

    def style(self, x: Tensor) -> Tensor:
        """The next style layer."""
        channels = x.shape[1]
        at, middle, end = self.row_at, self.row_at + channels, self.row_at + 2 * channels
        self.row_at = end
        return apply_style(x, self.rows[:, at:middle], self.rows[:, middle:end])

    def adapted(self, convolution: nn.Module, x: Tensor) -> Tensor:
        """The convolution plus, where an adapter is given, its rank-r 1x1 side path U(Vx), per sample."""
        out: Tensor = convolution(x)
        if self.adapters is None:
            return out
        c_in, c_out, rank = x.shape[1], out.shape[1], self.rank
        v = self._slice(rank * c_in).reshape(-1, rank, c_in)
        u = self._slice(c_out * rank).reshape(-1, c_out, rank)
        small = every_nth(x, x.shape[2] // out.shape[2])
        side = torch.bmm(u, torch.bmm(v, small.flatten(2)))
        return out + side.view(out.shape)

    def _slice(self, count: int) -> Tensor:
        assert self.adapters is not None
        part = self.adapters[:, self.adapter_at : self.adapter_at + count]
        self.adapter_at += count
        return part


class StyledNetwork(nn.Module):
    """What every network here offers: logits from images, rows and optional adapters, and the two lengths.

    style_channels: channels of each style layer in order of use. adapted: (in, out) channels of each adapted convolution, in order.
    head: 1x1 from the last features to logits, whose blocks of edge `unfolds` are spread out again.
    """

    style_channels: tuple[int, ...]
    adapted: tuple[tuple[int, int], ...]
    rank: int
    head: nn.Module
    unfolds: int
    is_sampled: bool = False  # whether `plausible` draws from a latent space

    @property
    def row_length(self) -> int:
        """P: numbers in one style row."""
        return 2 * sum(self.style_channels)

    @property
    def adapter_length(self) -> int:
        """A: numbers in one adapter."""
        return self.rank * sum(c_in + c_out for c_in, c_out in self.adapted)

    def neutral_row(self) -> Tensor:
        """The row of plain instance normalisation: gamma 1, beta 0. Float32 [P] on the CPU."""
        return torch.cat([torch.cat([torch.ones(c), torch.zeros(c)]) for c in self.style_channels])

    def own_numbers(self, stages: int | None) -> Tensor:
        """Which numbers of a row are the expert's own where only the last decoder stages (two layers each) are styled. Bool [P]."""
        own = torch.zeros(self.row_length, dtype=torch.bool)
        own[0 if stages is None else -2 * sum(self.style_channels[-2 * stages :]) :] = True
        return own

    def neutral_adapter(self, generator: torch.Generator) -> Tensor:
        """An adapter that changes nothing yet: V random (scaled by 1/sqrt(C)), U = 0. Float32 [A] on the CPU."""
        parts: list[Tensor] = []
        for c_in, c_out in self.adapted:
            parts += [torch.randn(self.rank * c_in, generator=generator) / c_in**0.5, torch.zeros(self.rank * c_out)]
        return torch.cat(parts)

    def forward(self, image_BCS: Tensor, rows_BP: Tensor, adapters_BA: Tensor | None = None) -> Tensor:
        """Logits [B, 1 or L+1, *S] for images [B, C, *S] whose edges are multiples of the config's `multiple`."""
        if rows_BP.shape != (image_BCS.shape[0], self.row_length):
            raise StyleMismatch(f"Rows must be [{image_BCS.shape[0]}, {self.row_length}], not {list(rows_BP.shape)}.")
        if adapters_BA is not None and adapters_BA.shape != (image_BCS.shape[0], self.adapter_length):
            raise StyleMismatch(f"Adapters must be [B, {self.adapter_length}], not {list(adapters_BA.shape)}.")
        return self.logits(image_BCS, StyleCursor(rows_BP, adapters_BA, self.rank))

    def logits(self, image_BCS: Tensor, cursor: StyleCursor) -> Tensor:
        """The network itself; every style layer and adapted convolution goes through the cursor, in order."""
        return unfold(self.head(self.features(image_BCS, cursor)), self.unfolds)

    def features(self, image_BCS: Tensor, cursor: StyleCursor) -> Tensor:
        """What the head reads: [B, F, *S], or *S / unfolds."""
        raise NotImplementedError

    def plausible(self, image_BCS: Tensor, rows_KP: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Logits [N, B, 1 or L+1, *S] of plausible segmentations of each image; one draw holds for all images of the batch.

        A network without a latent space knows as many as there are rows: one in each expert's style, whatever `count` asks for.
        """
        return torch.stack([self(image_BCS, row.expand(len(image_BCS), -1)) for row in rows_KP])


class SmallUNet(StyledNetwork):
    """A plain U-Net: two 3-wide convolutions per level, max pooling, nearest upsampling, a style layer after every convolution.

    A stem of 2 folds each 2x2(x2) block of voxels into channels and the head unfolds it again: a quarter of the work in 2D at full
    output resolution.
    """

    def __init__(self, config: ExpertAdaptiveConfig) -> None:
        super().__init__()
        dims, channels = config.spatial_dims, config.channels
        conv = nn.Conv2d if dims == 2 else nn.Conv3d
        self.dims, self.unfolds, self.rank = dims, config.stem, config.adapter_rank
        widths: list[tuple[int, int]] = []
        before = config.in_channels * config.stem**dims
        for width in channels:  # encoder, deepest last
            widths += [(before, width), (width, width)]
            before = width
        for width in reversed(channels[:-1]):  # decoder
            widths += [(before + width, width), (width, width)]
            before = width
        self.levels = len(channels)
        self.convolutions = nn.ModuleList(conv(a, b, 3, padding=1, bias=False) for a, b in widths)
        self.head = conv(before, config.out_channels * config.stem**dims, 1)
        self.style_channels = tuple(b for _, b in widths)
        self.adapted_from = 2 * (self.levels - 1)  # the deepest level and the decoder
        self.adapted = tuple(widths[self.adapted_from :])

    def features(self, image_BCS: Tensor, cursor: StyleCursor) -> Tensor:
        """See StyledNetwork.features."""
        pool = F.max_pool2d if self.dims == 2 else F.max_pool3d
        x = fold(image_BCS, self.unfolds)
        at, skips = 0, []
        for level in range(self.levels):
            if level:
                skips.append(x)
                x = pool(x, 2)
            x, at = self._pair(x, cursor, at)
        for skip in reversed(skips):
            x = torch.cat([F.interpolate(x, scale_factor=2.0, mode="nearest"), skip], 1)
            x, at = self._pair(x, cursor, at)
        return x

    def _pair(self, x: Tensor, cursor: StyleCursor, at: int) -> tuple[Tensor, int]:
        for index in (at, at + 1):
            convolution = self.convolutions[index]
            y = cursor.adapted(convolution, x) if index >= self.adapted_from else convolution(x)
            x = F.leaky_relu(cursor.style(y), 0.01)
        return x, at + 2


def fold(x_BCS: Tensor, edge: int) -> Tensor:
    """Space to depth: [B, C, *S] to [B, C * edge^n, *(S / edge)]."""
    if edge == 1:
        return x_BCS
    if x_BCS.ndim == 4:
        return F.pixel_unshuffle(x_BCS, edge)
    b, c, d, h, w = x_BCS.shape
    split = x_BCS.view(b, c, d // edge, edge, h // edge, edge, w // edge, edge)
    return split.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(b, c * edge**3, d // edge, h // edge, w // edge)


def unfold(x_BCS: Tensor, edge: int) -> Tensor:
    """Depth to space, the inverse of fold."""
    if edge == 1:
        return x_BCS
    if x_BCS.ndim == 4:
        return F.pixel_shuffle(x_BCS, edge)
    b, c, d, h, w = x_BCS.shape
    split = x_BCS.view(b, c // edge**3, edge, edge, edge, d, h, w)
    return split.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(b, c // edge**3, d * edge, h * edge, w * edge)


class ResidualUNet(StyledNetwork):
    """MONAI FlexibleUNet with the ResNet-18 encoder; all 27 normalisations are style layers (P = 9,792).

    Four stages of two residual blocks of two convolutions, five decoder blocks of two; the last has no skip. Only the last stage and
    the decoder are adapted.
    """

    def __init__(self, config: ExpertAdaptiveConfig) -> None:
        super().__init__()
        dims = config.spatial_dims
        body: Any = FlexibleUNet(config.in_channels, config.out_channels, "resnet18", spatial_dims=dims, is_pad=False)
        self.rank, self.unfolds = config.adapter_rank, 1
        encoder = body.encoder
        self.stem, self.maxpool = encoder.conv1, encoder.maxpool
        stages = [encoder.layer1, encoder.layer2, encoder.layer3, encoder.layer4]
        residual = [conv for stage in stages for block in stage for conv in (block.conv1, block.conv2)]
        decoder = [conv for block in body.decoder.blocks for conv in (block.convs.conv_0.conv, block.convs.conv_1.conv)]
        self.residual, self.decoder = nn.ModuleList(residual), nn.ModuleList(decoder)
        self.upsamples = nn.ModuleList(block.upsample for block in body.decoder.blocks)
        self.head = body.segmentation_head[0]
        self.style_channels = tuple(conv.out_channels for conv in [self.stem, *residual, *decoder])
        self.adapted = tuple((conv.in_channels, conv.out_channels) for conv in [*residual[-4:], *decoder])

    def features(self, image_BCS: Tensor, cursor: StyleCursor) -> Tensor:
        """See StyledNetwork.features."""
        x = F.relu(cursor.style(self.stem(image_BCS)))
        skips = [x]
        x = self.maxpool(x)
        for block in range(8):
            x = self._residual(x, block, cursor)
            if block % 2 and block < 7:
                skips.append(x)
        for block, upsample in enumerate(self.upsamples):
            x = upsample(x)
            if skips:
                x = torch.cat([skips.pop(), x], 1)
            for index in (2 * block, 2 * block + 1):
                x = F.relu(cursor.style(cursor.adapted(self.decoder[index], x)))
        return x

    def _residual(self, x: Tensor, block: int, cursor: StyleCursor) -> Tensor:
        first, second = self.residual[2 * block], self.residual[2 * block + 1]
        adapt = block >= 6  # the last stage
        y = F.relu(cursor.style(cursor.adapted(first, x) if adapt else first(x)))
        y = cursor.style(cursor.adapted(second, y) if adapt else second(y))
        if y.shape != x.shape:  # the parameter-free shortcut: every second voxel, missing channels zero
            x = F.pad(every_nth(x, 2), (0, 0) * (x.ndim - 2) + (0, y.shape[1] - x.shape[1]))
        return F.relu(x + y)


def every_nth(x_BCS: Tensor, step: int) -> Tensor:
    """Every step-th voxel along each spatial axis."""
    return x_BCS[..., ::step, ::step] if x_BCS.ndim == 4 else x_BCS[..., ::step, ::step, ::step]


def initialise(network: StyledNetwork, generator: torch.Generator) -> None:
    """Every convolution: normal with variance 2 / fan-in (He), bias 0; drawn in module order from the CPU generator."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Conv3d)):
            fan_in = module.weight[0].numel()
            with torch.no_grad():
                module.weight.copy_(torch.randn(module.weight.shape, generator=generator) * (2.0 / fan_in) ** 0.5)
                if module.bias is not None:
                    module.bias.zero_()


def load_weights(network: StyledNetwork, weights: dict[str, Tensor]) -> None:
    """Fill the network. Raises StyleMismatch naming what is missing or surplus: another network's weights are never half loaded."""
    own = {name: value.shape for name, value in network.state_dict().items()}
    given = {name: value.shape for name, value in weights.items()}
    if own != given:
        wrong = sorted(name for name in own.keys() | given.keys() if own.get(name) != given.get(name))
        raise StyleMismatch(f"These weights belong to another network: {', '.join(wrong[:3])} differ.")
    state = OrderedDict(weights)
    # Without version facts torch takes these for weights of 2017 and adds the counters of batches that batch normalisation lacked then.
    state._metadata = network.state_dict()._metadata  # type: ignore[attr-defined]  # torch's own, on its dicts
    network.load_state_dict(state)
