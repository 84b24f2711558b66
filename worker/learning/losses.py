"""Losses per sample, so that one batch can serve several rows and each keeps its own figure.

logits [B, 1 or L+1, *S]; target [B, *S] holds 0 for background and 1..L for the labels (uint8); weight [B, *S] is 0 outside the
image and scales single voxels otherwise. Every loss returns float32 [B].
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

SMOOTH = 1.0  # voxels; keeps the loss of an empty slice finite and small when the prediction is empty too


def foreground(logits_BKS: Tensor) -> Tensor:
    """Probabilities [B, L, *S] of the foreground labels, float32."""
    logits = logits_BKS.float()
    return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(1)[:, 1:]


def one_hot(target_BS: Tensor, labels: int) -> Tensor:
    """Foreground indicator [B, L, *S], float32."""
    values = torch.arange(1, labels + 1, device=target_BS.device, dtype=target_BS.dtype)
    return (target_BS[:, None] == values.view(1, -1, *[1] * (target_BS.ndim - 1))).float()


def dice_loss(logits_BKS: Tensor, target_BS: Tensor, weight_BS: Tensor) -> Tensor:
    """1 - soft Dice, per sample, averaged over labels [B]."""
    probability = foreground(logits_BKS).flatten(2)
    truth = one_hot(target_BS, probability.shape[1]).flatten(2)
    weight = weight_BS.flatten(1)[:, None]
    overlap = (probability * truth * weight).sum(-1)
    total = ((probability + truth) * weight).sum(-1)
    return (1 - (2 * overlap + SMOOTH) / (total + SMOOTH)).mean(1)


def cross_entropy(logits_BKS: Tensor, target_BS: Tensor, weight_BS: Tensor) -> Tensor:
    """Cross-entropy averaged over the weighted voxels, per sample [B]."""
    logits = logits_BKS.float()
    if logits.shape[1] == 1:
        voxel = F.binary_cross_entropy_with_logits(logits[:, 0], target_BS.float(), reduction="none")
    else:
        voxel = F.cross_entropy(logits, target_BS.long(), reduction="none")
    return (voxel * weight_BS).flatten(1).sum(1) / weight_BS.flatten(1).sum(1).clamp_min(1.0)


def segmentation_loss(
    logits_BKS: Tensor, target_BS: Tensor, weight_BS: Tensor, kind: Literal["dice_ce", "dice"]
) -> Tensor:
    """The config's loss, per sample [B]: the paper's Dice alone, or Dice plus cross-entropy."""
    dice = dice_loss(logits_BKS, target_BS, weight_BS)
    return dice if kind == "dice" else dice + cross_entropy(logits_BKS, target_BS, weight_BS)
