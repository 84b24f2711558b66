"""Rows as things one can compare, mix and choose: the nearest expert, blends, the consensus, and corrections that fit nobody.

Everything here is forward passes only: no training, under a second for a handful of corrections.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from worker.learning.config import ExpertAdaptiveConfig
from worker.learning.losses import foreground, one_hot, segmentation_loss
from worker.learning.network import StyledNetwork
from worker.learning.precision import autocast
from worker.learning.readings import StyleMismatch
from worker.learning.sampling import Pool

FORWARD_BATCH = 16
SUSPECT_DICE = 0.2  # below it with every row, somebody may have outlined the wrong object (LEARNING 3, bad input)
SUSPECT_SHARE = 1 / 3  # if more than this share look wrong, it is the network that is weak


@dataclass(frozen=True)
class Fit:
    """How well each of K rows draws each of N readings: loss [N, K], hard Dice (fraction, mean over labels present) [N, K]."""

    loss: Tensor
    dice: Tensor


@torch.no_grad()
def fit_of_rows(
    network: StyledNetwork, pool: Pool, indices: Sequence[int], rows_KP: Tensor, adapters_KA: Tensor | None = None
) -> Fit:
    """Forward passes of every row (with its adapter) over every given reading, at the working resolution. Nothing is trained."""
    config, rows = pool.config, rows_KP.to(pool.device)
    adapters = None if adapters_KA is None else adapters_KA.to(pool.device)
    losses, scores = [], []
    for index in indices:
        whole = pool.whole(index)
        loss_of_row, dice_of_row = [], []
        for k, row in enumerate(rows):
            loss, dice = [], []
            for start in range(0, len(whole.image), FORWARD_BATCH):
                part = slice(start, start + FORWARD_BATCH)
                count = len(whole.image[part])
                adapter = None if adapters is None else adapters[k].expand(count, -1)
                with autocast(config, pool.device, training=False):
                    logits = network(whole.image[part], row.expand(count, -1), adapter)
                loss.append(segmentation_loss(logits, whole.target[part], whole.weight[part], config.loss))
                dice.append(_hard_overlap(logits, whole.target[part], whole.weight[part], len(config.labels)))
            loss_of_row.append(torch.cat(loss).mean())
            dice_of_row.append(_dice(torch.stack(dice).sum(0)))
        losses.append(torch.stack(loss_of_row))
        scores.append(torch.stack(dice_of_row))
    return Fit(torch.stack(losses).cpu(), torch.stack(scores).cpu())


def _hard_overlap(logits: Tensor, target: Tensor, weight: Tensor, labels: int) -> Tensor:
    """[3, L]: voxels in both, predicted, drawn."""
    probability = foreground(logits)
    drawn = one_hot(target, labels).flatten(2)
    if labels == 1:
        predicted = (probability > 0.5).float().flatten(2)
    else:
        classes = torch.cat([1 - probability.sum(1, keepdim=True), probability], 1).argmax(1)
        predicted = one_hot(classes, labels).flatten(2)
    inside = weight.flatten(1)[:, None]
    return torch.stack(
        [(predicted * drawn * inside).sum((0, 2)), (predicted * inside).sum((0, 2)), (drawn * inside).sum((0, 2))]
    )


def _dice(overlap: Tensor) -> Tensor:
    """Hard Dice from [3, L] overlaps, averaged over the labels present; 1 where there is none."""
    both, predicted, drawn = overlap
    present = (predicted + drawn) > 0
    if not present.any():
        return torch.ones((), device=overlap.device)
    scores: Tensor = 2 * both[present] / (predicted + drawn)[present]
    return scores.mean()


def nearest(loss_NK: Tensor, readings_behind: Sequence[int] | None = None) -> int:
    """The row with the lowest mean loss; ties go to the row with more readings behind it."""
    mean = loss_NK.mean(0)
    behind = readings_behind or [0] * len(mean)
    return min(range(len(mean)), key=lambda k: (float(mean[k]), -behind[k]))


def mixing_vector(weights: Mapping[str, float], names: Sequence[str]) -> Tensor:
    """Weights by expert to a vector [K]. Raises StyleMismatch off the simplex or for an expert that has no row."""
    unknown = sorted(set(weights) - set(names))
    total = sum(weights.values())
    if unknown or min(weights.values(), default=-1.0) < 0 or abs(total - 1) > 1e-4:
        raise StyleMismatch(f"A mix needs weights from 0 that add up to 1 over known experts; got {dict(weights)}.")
    return torch.tensor([weights.get(name, 0.0) for name in names])


def blends(count: int) -> Tensor:
    """Candidate mixing vectors [2K + 1, K]: every expert, every expert half-way to the mean, and last the mean of all.

    Shrinking towards the mean helps because every row carries noise of its own, which the mean does not (measured on QUBIQ: the mean
    beats the nearest row for both new experts).
    """
    eye = torch.eye(count)
    mean = torch.full((1, count), 1 / count)
    return torch.cat([eye, 0.5 * eye + 0.5 * mean, mean])


def suspects(fit: Fit, has_label: Sequence[bool]) -> list[int]:
    """Positions of readings that overlap with no row's prediction; none if so many that the network must be to blame."""
    found = [n for n, drawn in enumerate(has_label) if drawn and float(fit.dice[n].max()) < SUSPECT_DICE]
    return found if len(found) <= SUSPECT_SHARE * len(has_label) else []


def loss_on(
    network: StyledNetwork,
    config: ExpertAdaptiveConfig,
    batch: tuple[Tensor, Tensor, Tensor],
    rows: Tensor,
    adapters: Tensor | None,
) -> Tensor:
    """The config's loss per sample [B] in training precision; batch = (image, target, weight)."""
    image, target, weight = batch
    with autocast(config, image.device, training=True):
        logits = network(image, rows, adapters)
    return segmentation_loss(logits, target, weight, config.loss)
