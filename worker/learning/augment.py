"""Random changes to a whole batch at once, on the device it lies on (LEARNING 8: per-sample dictionaries would starve a GPU).

Translation, zoom, rotation and mirroring in one resampling; then noise, blur, brightness and contrast on the image alone. All randomness
comes from the generator passed in.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from worker.learning.config import AugmentConfig


def augment(
    image_BCS: Tensor, target_BS: Tensor, weight_BS: Tensor, config: AugmentConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Changed copies of normalised images, class maps (uint8, nearest neighbour) and voxel weights (0 where nothing was seen).

    target_BS may also be [B, R, *S]: the maps of R experts, all changed alike.
    """
    grid = F.affine_grid(_affine(image_BCS, config, generator), list(image_BCS.shape), align_corners=False)
    image = F.grid_sample(image_BCS, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    targets = target_BS if target_BS.ndim == image_BCS.ndim else target_BS[:, None]
    maps = torch.cat([targets.float(), weight_BS[:, None]], 1)
    maps = F.grid_sample(maps, grid, mode="nearest", padding_mode="zeros", align_corners=False)
    target = maps[:, :-1].round().to(target_BS.dtype).view(target_BS.shape)
    return _intensity(image, config, generator), target, maps[:, -1]


def _uniform(batch: int, reach: float, like: Tensor, generator: torch.Generator) -> Tensor:
    return (torch.rand(batch, generator=generator, device=like.device) * 2 - 1) * reach


def _affine(image_BCS: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """[B, n, n+1] in affine_grid's normalised x, y(, z) order; rotations are rigid in voxels also on frames that are not square."""
    batch, dims = image_BCS.shape[0], image_BCS.ndim - 2
    half = torch.tensor([edge / 2 for edge in reversed(image_BCS.shape[2:])], device=image_BCS.device)  # x first
    matrix = torch.eye(dims, device=image_BCS.device).repeat(batch, 1, 1)
    for a, b in [(0, 1)] if dims == 2 else [(0, 1), (0, 2), (1, 2)]:
        angle = _uniform(batch, math.radians(config.rotation_degrees), image_BCS, generator)
        turn = torch.eye(dims, device=image_BCS.device).repeat(batch, 1, 1)
        turn[:, a, a] = turn[:, b, b] = angle.cos()
        turn[:, a, b], turn[:, b, a] = -angle.sin(), angle.sin()
        matrix = matrix @ turn
    matrix = matrix * (1 + _uniform(batch, config.zoom, image_BCS, generator))[:, None, None]
    if config.mirrored:  # along x; the turns make it any axis
        matrix[_uniform(batch, 1.0, image_BCS, generator) < 0, :, 0] *= -1
    matrix = matrix * half[None, None, :] / half[None, :, None]
    shift = torch.stack([_uniform(batch, 2 * config.shift, image_BCS, generator) for _ in range(dims)], 1)
    return torch.cat([matrix, shift[:, :, None]], 2)


def _intensity(image: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    batch, dims = image.shape[0], image.ndim - 2
    per_sample = (batch, *[1] * (image.ndim - 1))
    mean = F.avg_pool2d if dims == 2 else F.avg_pool3d
    share = (
        _uniform(batch, config.blur, image, generator).clamp_min(0).view(per_sample)
    )  # half of the samples stay sharp
    image = torch.lerp(image, mean(image, 3, 1, 1), share)
    contrast = 1 + _uniform(batch, config.contrast, image, generator).view(per_sample)
    brightness = _uniform(batch, config.brightness, image, generator).view(per_sample)
    strength = _uniform(batch, config.noise, image, generator).clamp_min(0).view(per_sample)
    noise = torch.randn(image.shape, generator=generator, device=image.device)
    return image * contrast + brightness + noise * strength
