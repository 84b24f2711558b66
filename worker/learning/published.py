"""D-Persona as published (arXiv 2403.13417, ycwu1997/D-Persona), behind the interface of the shared networks.

Stage I is a probabilistic U-Net: features, prior p(z|x), posterior q(z|x, all masks), and Fcomb, 1x1 convolutions over features and z.
Stage II is one head per expert that looks at the features and asks the bank of prior samples: z = softmax(q Zᵀ) Z. A head's numbers
are that expert's style row, so heads are stored, versioned and mixed in a batch like any row; a row of zeros asks all samples alike.
Departures, each named in docs/dpersona.md: random weights instead of ImageNet's, one stored draw of the bank's noise, a drop-out that
only training sees, and (network "small") MONAI's BasicUNet instead of the ResNet-34 U-Net.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from monai.networks.nets.basic_unet import BasicUNet
from monai.networks.nets.flexible_unet import FlexibleUNet
from torch import Tensor, nn

from worker.learning.config import DPersonaConfig
from worker.learning.network import StyleCursor, StyledNetwork
from worker.learning.network import initialise as initialise_convolutions

FEATURES = 16
ENCODER_FILTERS = (16, 32, 64, 128, 256)
HEAD = ((FEATURES, 32, 3), (32, 32, 3), (32, 16, 3), (16, 0, 1))  # in, out, edge; the last out is the latent
DROPOUT = 0.1
WIDEST = 7.0  # log deviation: one wild step must end in a large loss, not in infinity


class Encoder(nn.Module):
    """An axis-aligned Gaussian from images: five levels of three convolutions, average pooling, no normalisation, global mean."""

    def __init__(self, channels: int, latent: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for level, width in enumerate(ENCODER_FILTERS):
            if level:
                layers.append(nn.AvgPool2d(2))
            for _ in range(3):
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
        self.layers = nn.Sequential(*layers)
        self.out = nn.Conv2d(channels, 2 * latent, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log deviation [B, Z]."""
        pooled = self.layers(x).mean((2, 3), keepdim=True)
        mean, log_deviation = self.out(pooled)[:, :, 0, 0].float().chunk(2, 1)
        return mean, log_deviation.clamp(-WIDEST, WIDEST)


class PublishedDPersona(StyledNetwork):
    """Both stages; 2D only. Style rows are heads; there are no style layers and no adapters."""

    is_sampled = True
    bank: Tensor

    def __init__(self, config: DPersonaConfig) -> None:
        super().__init__()
        self.style_channels, self.adapted, self.rank = (), (), 0
        self.latent, self.variant = config.latent, config.variant
        self.body = _body(config)
        for module in self.body.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.num_batches_tracked = (
                    None  # says nothing where momentum is given, and would miss in a checkpoint
                )
        self.prior = Encoder(config.in_channels, config.latent)
        masks = 1 if config.variant == "probabilistic_unet" else config.experts
        self.posterior = Encoder(config.in_channels + masks * len(config.labels), config.latent)
        widths = [FEATURES + config.latent, FEATURES, FEATURES, FEATURES, config.out_channels]
        self.fcomb = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in zip(widths, widths[1:], strict=False))
        self.register_buffer(
            "bank", torch.zeros(config.bank, config.latent)
        )  # standard noise, the same for every prediction
        self.dropout: torch.Generator | None = None  # on the device, while heads are trained

    @property
    def row_length(self) -> int:
        """P: numbers in one head."""
        return sum(b * (a * edge**2 + 1) for a, b, edge in self._layers())

    def neutral_row(self) -> Tensor:
        """The head that asks all prior samples alike: nobody's in particular."""
        return torch.zeros(self.row_length)

    def initial_heads(self, count: int, generator: torch.Generator) -> Tensor:
        """Heads to begin stage II with [count, P]: He's normal weights, biases 0, each expert's own."""
        rows = []
        for _ in range(count):
            parts = []
            for a, b, edge in self._layers():
                size = a * edge**2
                parts += [torch.randn(b * size, generator=generator) * (2 / size) ** 0.5, torch.zeros(b)]
            rows.append(torch.cat(parts))
        return torch.stack(rows)

    def image_features(self, image_BCS: Tensor) -> Tensor:
        """[B, 16, *S] at full resolution."""
        out: Tensor = self.body(image_BCS)
        return out

    def combine(self, features: Tensor, z_BZ: Tensor) -> Tensor:
        """Fcomb: logits [B, K, *S] at one point of the latent space per sample."""
        return self.combine_many(features, z_BZ[None])[0]

    def combine_many(self, features: Tensor, z_NBZ: Tensor) -> Tensor:
        """Logits [N, B, K, *S]. The first layer's share of the features is the same for all N, and z, alike everywhere, is a shift."""
        first, *rest = self.fcomb
        assert isinstance(first, nn.Conv2d)
        of_features = F.conv2d(features, first.weight[:, :FEATURES], first.bias)
        of_z = z_NBZ.to(of_features.dtype) @ first.weight[:, FEATURES:, 0, 0].T.to(of_features.dtype)
        points = []
        for shift in of_z:
            x = of_features + shift[:, :, None, None]
            for layer in rest:
                x = layer(F.relu(x))
            points.append(x)
        return torch.stack(points)

    def logits(self, image_BCS: Tensor, cursor: StyleCursor) -> Tensor:
        """Each sample as its own head's expert would draw it. See StyledNetwork.logits."""
        features = self.image_features(image_BCS)
        return self.combine(features, self.attend(features, self.samples(image_BCS), cursor.rows))

    def samples(self, image_BCS: Tensor) -> Tensor:
        """The bank: prior samples of each image [B, bank, Z]."""
        mean, log_deviation = self.prior(image_BCS)
        samples: Tensor = mean[:, None] + log_deviation.exp()[:, None] * self.bank
        return samples

    def attend(self, features: Tensor, samples_BNZ: Tensor, heads_BP: Tensor) -> Tensor:
        """Where in the latent space each head sees its expert [B, Z]: a mixture of prior samples, never outside their hull."""
        query = self._query(features, heads_BP).float()
        # Sums of products, not products of matrices: autocast leaves these in float32.
        attention = (query[:, None] * samples_BNZ).sum(-1).softmax(1)
        mixed: Tensor = (attention[..., None] * samples_BNZ).sum(1)
        return mixed

    def plausible(self, image_BCS: Tensor, rows_KP: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """See StyledNetwork.plausible: samples of the prior; no expert's row is looked at."""
        mean, log_deviation = self.prior(image_BCS)
        noise = torch.randn(count, 1, self.latent, generator=generator).to(image_BCS.device)
        return self.combine_many(self.image_features(image_BCS), mean + log_deviation.exp() * noise)

    def _layers(self) -> list[tuple[int, int, int]]:
        return [(a, b or self.latent, edge) for a, b, edge in HEAD]

    def _query(self, features: Tensor, heads_BP: Tensor) -> Tensor:
        """Every sample through the convolutions of its own head, as groups of one convolution: [B, Z]."""
        batch, at = len(features), 0
        x = features
        for n, (a, b, edge) in enumerate(self._layers()):
            weight = heads_BP[:, at : at + b * a * edge**2].reshape(batch * b, a, edge, edge)
            at += b * a * edge**2
            bias = heads_BP[:, at : at + b].reshape(-1)
            at += b
            folded = x.reshape(1, batch * a, *x.shape[2:])
            x = F.conv2d(folded, weight.to(x.dtype), bias.to(x.dtype), padding=edge // 2, groups=batch)
            x = x.view(batch, b, *x.shape[2:])
            if n == len(HEAD) - 1:
                break
            x = F.relu(x)
            if n == 0 and self.dropout is not None:
                kept = torch.rand(x.shape, generator=self.dropout, device=x.device) >= DROPOUT
                x = x * kept / (1 - DROPOUT)
            if n == 1:
                x = F.max_pool2d(x, 2)
        return x.mean((2, 3))


def initialise(network: PublishedDPersona, generator: torch.Generator) -> None:
    """He's normal convolutions, orthogonal Fcomb, plain batch normalisation, and the bank's noise; all from the CPU generator."""
    initialise_convolutions(network, generator)
    with torch.no_grad():
        for layer in network.fcomb:
            assert isinstance(layer, nn.Conv2d)
            nn.init.orthogonal_(layer.weight, generator=generator)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                for value, first in (
                    (module.weight, 1),
                    (module.bias, 0),
                    (module.running_mean, 0),
                    (module.running_var, 1),
                ):
                    assert value is not None
                    value.fill_(first)
        network.bank.copy_(torch.randn(network.bank.shape, generator=generator))


class _Decoded(nn.Module):
    """MONAI's FlexibleUNet without its head: 16 channels at full resolution."""

    def __init__(self, config: DPersonaConfig) -> None:
        super().__init__()
        body: Any = FlexibleUNet(config.in_channels, FEATURES, "resnet34", is_pad=False)
        self.encoder, self.decoder = body.encoder, body.decoder

    def forward(self, x: Tensor) -> Tensor:
        """[B, 16, H, W]."""
        levels = self.encoder(x)
        out: Tensor = self.decoder(levels, 4)
        return out


def _body(config: DPersonaConfig) -> nn.Module:
    if config.network == "small":
        return BasicUNet(
            2,
            config.in_channels,
            FEATURES,
            (16, 16, 32, 64, 64, FEATURES),
            act="relu",
            norm="batch",
            upsample="nontrainable",
        )
    return _Decoded(config)
