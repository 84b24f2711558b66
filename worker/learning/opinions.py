"""The unified network: every expert's own hand and the spread of plausible ones, learnt in one stage.

Ours (LEARNING 1.3, "unified variant"). A style row is a row of the shared network (gamma, beta) followed by one expert's Gaussian in
a small latent space: mean [Z] and log deviation [Z]. The latent enters at the very end, as a sum of image-conditioned maps,
logits = head(F) + sum over z of z · direction_z(F): features are computed once and a further sample costs Z multiplications a
voxel (low-rank logits as in Monteiro et al., NeurIPS 2020; rater Gaussians as in Pionono, ICCV 2023).
An expert's own prediction takes their row and the mean of their Gaussian; a plausible one takes the mean of all rows, a random
expert, and a random point of that expert's Gaussian.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from worker.learning.config import DPersonaConfig
from worker.learning.network import StyleCursor, StyledNetwork, unfold

NARROWEST = -4.0  # log deviation; below it a Gaussian is a point that no gradient widens again
NEVER = 1e-6  # as improbable a point is not drawn: the sequence may hold 0 itself, which lies at infinity


class OpinionNetwork(StyledNetwork):
    """Any network of the shared family with a latent space behind its last features."""

    def __init__(self, body: StyledNetwork, config: DPersonaConfig) -> None:
        super().__init__()
        dims = config.spatial_dims
        conv = nn.Conv2d if dims == 2 else nn.Conv3d
        self.body, self.latent = body, config.latent
        self.style_channels, self.adapted, self.rank = body.style_channels, body.adapted, body.rank
        self.unfolds = body.unfolds  # the head stays the body's: registered twice it would be stored twice
        block = config.stem**dims if config.network == "small" else 1
        width = config.channels[0] if config.network == "small" else 16
        self.directions = conv(width, self.latent * config.out_channels * block, 1, bias=False)

    is_sampled = True

    @property
    def row_length(self) -> int:
        """P: numbers in one style row, the expert's Gaussian included."""
        return self.body.row_length + 2 * self.latent

    def neutral_row(self) -> Tensor:
        """Plain instance normalisation and a standard Gaussian."""
        return torch.cat([self.body.neutral_row(), torch.zeros(2 * self.latent)])

    def initial_rows(self, count: int, generator: torch.Generator) -> Tensor:
        """Rows to begin training with [count, P]: standard Gaussians whose means lie as far apart as they are wide.

        From one common mean they hardly part in a short training: noise is then costlier than what sets them apart.
        """
        rows = self.neutral_row().repeat(count, 1)
        rows[:, -2 * self.latent : -self.latent] = torch.randn(count, self.latent, generator=generator)
        return rows

    def logits(self, image_BCS: Tensor, cursor: StyleCursor) -> Tensor:
        """The expert's own: the mean of their Gaussian. See StyledNetwork.logits."""
        features = self.body.features(image_BCS, cursor)
        return self.decode(features, self.gaussian(cursor.rows)[0])

    def features(self, image_BCS: Tensor, cursor: StyleCursor) -> Tensor:
        """See StyledNetwork.features."""
        return self.body.features(image_BCS, cursor)

    def gaussian(self, rows_BP: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log deviation [B, Z] of each row's expert."""
        mean, log_deviation = rows_BP[:, self.body.row_length :].chunk(2, 1)
        return mean, log_deviation.clamp_min(NARROWEST)

    def decode(self, features: Tensor, z_BZ: Tensor) -> Tensor:
        """Logits [B, K, *S] at one point of the latent space per sample."""
        return self.decode_many(features, z_BZ[None])[0]

    def decode_many(self, features: Tensor, z_NBZ: Tensor) -> Tensor:
        """Logits [N, B, K, *S] at full resolution: head and directions once for all N, which then cost one product of matrices."""
        base = unfold(self.body.head(features), self.unfolds)
        each = self.directions(features).unflatten(1, (self.latent, -1)).flatten(0, 1)
        direction_BZX = unfold(each, self.unfolds).reshape(len(base), self.latent, -1)
        z_BNZ = z_NBZ.transpose(0, 1).to(direction_BZX.dtype)
        logits_BNX = torch.baddbmm(base.flatten(1)[:, None], z_BNZ, direction_BZX)
        return logits_BNX.view(len(base), len(z_NBZ), *base.shape[1:]).transpose(0, 1)

    def consensus_features(self, image_BCS: Tensor, rows_KP: Tensor) -> Tensor:
        """Features in the mean of all rows, which belongs to nobody."""
        row = rows_KP.mean(0, keepdim=True).expand(len(image_BCS), -1)
        return self.body.features(image_BCS, StyleCursor(row, None, self.rank))

    def draw(self, rows_KP: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Points [count, Z]: experts in turn from a random first one, so that each has an equal share, and each one's Gaussian.

        One draw serves every image, so an uneven one makes all of them too large, or too much alike: the points are a scrambled
        Sobol sequence, each still Gaussian, together spread evenly (Owen, 1998). The generator is on the CPU, so that a draw does not
        depend on the device.
        """
        mean, log_deviation = self.gaussian(rows_KP)
        first, seed = (int(torch.randint(below, (1,), generator=generator)) for below in (len(rows_KP), 2**31))
        who = torch.tensor([(first + n) % len(rows_KP) for n in range(count)])
        sobol = torch.quasirandom.SobolEngine(self.latent, scramble=True, seed=seed)  # type: ignore[no-untyped-call]  # torch's own
        even: Tensor = sobol.draw(count, dtype=torch.float64).clamp(NEVER, 1 - NEVER)
        noise: Tensor = torch.special.ndtri(even).to(rows_KP)
        return mean[who] + log_deviation[who].exp() * noise

    def plausible(self, image_BCS: Tensor, rows_KP: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """See StyledNetwork.plausible: `count` samples from one pass of the features."""
        features = self.consensus_features(image_BCS, rows_KP)
        z_NBZ = self.draw(rows_KP, count, generator)[:, None].expand(-1, len(image_BCS), -1)
        return self.decode_many(features, z_NBZ)
