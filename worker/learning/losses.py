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
CERTAIN = 1e-4  # a mean of samples nearer to 0 or 1 than this counts as this


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


def weak_loss(logits_BKS: Tensor, truth_BLS: Tensor, weight_BS: Tensor) -> Tensor:
    """Dice plus cross-entropy with soft labels, scalar: each sample counts by the mean of its voxels' weights.

    truth_BLS: 0..1 for each label, background the rest; with weights of 1 and hard labels it is the mean of `segmentation_loss`.
    """
    logits, weight = logits_BKS.float(), weight_BS.flatten(1)
    if logits.shape[1] == 1:
        voxel = F.binary_cross_entropy_with_logits(logits, truth_BLS, reduction="none")[:, 0]
    else:
        background = (1 - truth_BLS.sum(1, keepdim=True)).clamp_min(0)
        voxel = F.cross_entropy(logits, torch.cat([background, truth_BLS], 1), reduction="none")
    entropy = (voxel.flatten(1) * weight).sum(1) / weight.sum(1).clamp_min(1.0)
    probability, truth = foreground(logits).flatten(2), truth_BLS.flatten(2)
    overlap = (probability * truth * weight[:, None]).sum(-1)
    total = ((probability + truth) * weight[:, None]).sum(-1)
    dice = (1 - (2 * overlap + SMOOTH) / (total + SMOOTH)).mean(1)
    importance = weight.mean(1)
    return ((dice + entropy) * importance).sum() / importance.sum().clamp_min(1e-6)


def pooled_dice_loss(probability_BLS: Tensor, truth_BLS: Tensor, weight_BS: Tensor, *, both_sides: bool) -> Tensor:
    """1 - soft Dice pooled over the whole batch, averaged over labels, scalar: D-Persona's "generalised" Dice as released.

    both_sides: background counts as a label too (as released where there is one channel).
    """
    if both_sides:
        probability_BLS = torch.cat([probability_BLS, 1 - probability_BLS], 1)
        truth_BLS = torch.cat([truth_BLS, 1 - truth_BLS], 1)
    weight = weight_BS[:, None]
    axes = (0, *range(2, probability_BLS.ndim))
    overlap = (probability_BLS * truth_BLS * weight).sum(axes)
    total = ((probability_BLS + truth_BLS) * weight).sum(axes)
    return (1 - (2 * overlap + SMOOTH) / (total + SMOOTH)).mean()


def bound_loss(
    logits_NBKS: Tensor, truth_BRLS: Tensor, present_BR: Tensor, weight_BS: Tensor, *, both_sides: bool = False
) -> Tensor:
    """What any of N samples shows should be what any expert drew, and what all show what all drew: scalar.

    The samples' largest and smallest probability of each label against union and intersection of the masks of the experts who
    are present, each as `pooled_dice_loss`. Source: D-Persona, arXiv 2403.13417, eq. 3 (on probabilities: a softmax's labels
    compete, so the extremes of its logits mean nothing by themselves; for one label both are the same).
    """
    probability = torch.stack([foreground(logits) for logits in logits_NBKS])
    there = present_BR.view(*present_BR.shape, *[1] * (truth_BRLS.ndim - 2))
    union = (truth_BRLS * there).amax(1)
    common = torch.where(there, truth_BRLS, torch.ones_like(truth_BRLS)).amin(1)
    wide = pooled_dice_loss(probability.amax(0), union, weight_BS, both_sides=both_sides)
    narrow = pooled_dice_loss(probability.amin(0), common, weight_BS, both_sides=both_sides)
    return (wide + narrow) / 2


def energy_score(logits_NBKS: Tensor, truth_BRLS: Tensor, present_BR: Tensor, weight_BS: Tensor) -> Tensor:
    """How far N >= 2 samples are from the masks of the experts who are present, as sets, less a constant of the masks; per image [B].

    2 E d(sample, mask) - E d(sample, another sample), averaged over labels: GED_U with d = 1 - IoU of fuzzy sets (sum of minima
    over sum of maxima). A proper score: smallest when samples are drawn as experts draw, also where each image has one expert.
    Source: Gneiting and Raftery, JASA 2007.
    """
    weight = weight_BS[:, None]
    sample_NBLX = torch.stack([foreground(logits) * weight for logits in logits_NBKS]).flatten(3)
    mask_BLRX = (truth_BRLS * weight[:, None]).flatten(3).transpose(1, 2)
    size_NBL, size_BLR = sample_NBLX.sum(-1), mask_BLRX.sum(-1)
    both = torch.matmul(
        sample_NBLX.permute(1, 2, 0, 3), mask_BLRX.transpose(2, 3)
    )  # a mask is 0 or 1: minimum = product
    there = present_BR[:, None, None] / present_BR.sum(1).clamp_min(1).view(-1, 1, 1, 1)
    across = (_distance(both, size_NBL.permute(1, 2, 0)[..., None] + size_BLR[:, :, None]) * there).sum(-1).mean((1, 2))
    within = [
        _distance(torch.minimum(one, others).sum(-1), size + sizes)
        for one, others, size, sizes in (
            (sample_NBLX[n], sample_NBLX[n + 1 :], size_NBL[n], size_NBL[n + 1 :]) for n in range(len(sample_NBLX) - 1)
        )
    ]
    return 2 * across - torch.cat(within).mean((0, 2))


def share_cross_entropy(logits_NBKS: Tensor, truth_BRLS: Tensor, present_BR: Tensor, weight_BS: Tensor) -> Tensor:
    """Cross-entropy of the samples' mean probability with the share of present experts who drew, per label and image [B]."""
    probability = torch.stack([foreground(logits) for logits in logits_NBKS]).mean(0)
    there = present_BR.view(*present_BR.shape, *[1] * (truth_BRLS.ndim - 2))
    share = (truth_BRLS * there).sum(1) / there.sum(1).clamp_min(1)
    voxel = F.binary_cross_entropy(probability.clamp(CERTAIN, 1 - CERTAIN), share, reduction="none").mean(1)
    return (voxel * weight_BS).flatten(1).sum(1) / weight_BS.flatten(1).sum(1).clamp_min(1.0)


def _distance(both: Tensor, total: Tensor) -> Tensor:
    """1 - IoU from the sizes of what two fuzzy sets share and of both together; two empty ones agree."""
    return 1 - (both + SMOOTH) / (total - both + SMOOTH)


def divergence(mean: Tensor, log_deviation: Tensor, from_mean: Tensor, from_log_deviation: Tensor) -> Tensor:
    """KL of one diagonal Gaussian from another, summed over the last axis."""
    ratio = (2 * (log_deviation - from_log_deviation)).exp()
    apart = ((mean - from_mean) * (-from_log_deviation).exp()) ** 2
    return 0.5 * (ratio + apart - 1 - 2 * (log_deviation - from_log_deviation)).sum(-1)
