"""How well a set of predictions matches a set of experts: spread, best matches, identity, calibration (LEARNING 5).

N predictions and R masks of one label on one grid, bool [N, *S] and [R, *S]; with several labels take each label and average.
Dice and IoU are fractions. Two empty masks agree entirely (IoU and Dice 1, distance 0), one empty against one drawn not at all.
The released D-Persona code gives distance 1 to two empty masks, even of a mask with itself: `empty="released"` does so too.
Every Dice_max grows with N, so N belongs beside each figure: `Spread` carries N and R.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

Masks = npt.NDArray[np.bool_]  # [N, *S]
Shares = npt.NDArray[np.float64]  # [*S], 0..1
Matrix = npt.NDArray[np.float64]

SOFT_THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9)  # D-Persona's Dice_soft, compared with >
QUBIQ_THRESHOLDS = tuple(k / 10 for k in range(1, 10))  # the QUBIQ challenge's score, compared with >=
CALIBRATION_BINS = 10
BAND_VOXELS = 5

Empty = Literal["agree", "released"]


@dataclass(frozen=True)
class Spread:
    """The figures of N predictions against R masks, fractions; GED is squared distance and lower is better.

    ged_v includes each prediction's and mask's pair with itself (the published form), ged_u leaves them out (unbiased).
    dice_max: mean over predictions of the best mask; dice_max_reverse: mean over masks of the best prediction; dice_match: masks
    assigned to different predictions (Hungarian). pairwise_*: mean Dice among predictions and among masks; 1 where there is one.
    """

    predictions: int
    masks: int
    ged_v: float
    ged_u: float
    dice_max: float
    dice_max_reverse: float
    dice_max_mean: float
    dice_match: float
    pairwise_predictions: float
    pairwise_masks: float


def spread(predictions: Masks, masks: Masks, empty: Empty = "agree") -> Spread:
    """All set-to-set figures. Raises ValueError on grids that differ, an empty set, or fewer than two where pairs are needed."""
    _check(predictions, masks)
    dice = dice_matrix(predictions, masks)
    best_of_prediction, best_of_mask = float(dice.max(1).mean()), float(dice.max(0).mean())
    return Spread(
        len(predictions),
        len(masks),
        ged(predictions, masks, "included", empty),
        ged(predictions, masks, "excluded", empty),
        best_of_prediction,
        best_of_mask,
        (best_of_prediction + best_of_mask) / 2,
        matched_dice(dice),
        mean_pairwise_dice(predictions),
        mean_pairwise_dice(masks),
    )


def ged(predictions: Masks, masks: Masks, self_pairs: Literal["included", "excluded"], empty: Empty = "agree") -> float:
    """Squared generalised energy distance 2 E d(p, y) - E d(p, p') - E d(y, y') with d = 1 - IoU.

    included: GED_V, all N² and R² pairs (D-Persona's figure); excluded: GED_U, N(N-1) and R(R-1) pairs, which may fall below 0.
    A set of one has no pairs but its own: excluded, its term is 0.
    """
    _check(predictions, masks)
    across = _distance(predictions, masks, empty).mean()
    within = [_mean_pairs(_distance(one, one, empty), self_pairs) for one in (predictions, masks)]
    return float(2 * across - within[0] - within[1])


def dice_matrix(predictions: Masks, masks: Masks) -> Matrix:
    """Dice of every prediction with every mask [N, R]; the personalisation matrix where row i is drawn as expert i."""
    _check(predictions, masks)
    both, total = _overlaps(predictions, masks)
    return np.where(total == 0, 1.0, 2 * both / np.maximum(total, 1))


def identity_dice(matrix_RR: Matrix) -> float:
    """Mean Dice of prediction i with expert i's own mask: the headline of personal predictions. Raises ValueError if not square."""
    if matrix_RR.shape[0] != matrix_RR.shape[1]:
        raise ValueError(f"Identity needs one prediction per expert, not a matrix {list(matrix_RR.shape)}.")
    return float(np.diagonal(matrix_RR).mean())


def matched_dice(matrix_NR: Matrix) -> float:
    """Mean Dice when each mask gets a prediction of its own so that the sum is largest (Hungarian). With fewer predictions than
    masks, over as many as there are predictions."""
    rows, columns = linear_sum_assignment(matrix_NR, maximize=True)
    return float(matrix_NR[rows, columns].mean())


def mean_pairwise_dice(masks: Masks) -> float:
    """Mean Dice over pairs of different masks; 1 for a single one."""
    if len(masks) < 2:
        return 1.0
    matrix = dice_matrix(masks, masks)
    return float(matrix[~np.eye(len(masks), dtype=bool)].mean())


def soft_dice(predicted_share: Shares, masks: Masks) -> float:
    """Dice_soft: mean prediction and mean mask both thresholded with > at 0.1, 0.3, 0.5, 0.7, 0.9; Dice averaged."""
    return _over_thresholds(predicted_share, masks, SOFT_THRESHOLDS, np.greater)


def qubiq_score(predicted_share: Shares, masks: Masks) -> float:
    """The QUBIQ score: the same with >= at 0.1, 0.2, ... 0.9."""
    return _over_thresholds(predicted_share, masks, QUBIQ_THRESHOLDS, np.greater_equal)


def disagreement_band(masks: Masks, reach: int = BAND_VOXELS) -> npt.NDArray[np.bool_]:
    """Where experts may differ [*S]: within `reach` voxels (city block) outside any mask or inside all of them.

    Wider than where they do differ in this case: a band cut out by the outcomes themselves would make a calibrated map look wrong.
    Nothing drawn by anybody: nothing.
    """
    union, common = masks.any(0), masks.all(0)
    if not union.any():
        return np.zeros_like(union)
    flat = [axis for axis in range(union.ndim) if union.shape[axis] > 1]
    structure = ndimage.generate_binary_structure(union.ndim, 1)
    for axis in set(range(union.ndim)) - set(flat):
        structure = np.take(structure, [1], axis)  # an axis of one voxel has no neighbours
    wide = ndimage.binary_dilation(union, structure, iterations=reach)
    core = ndimage.binary_erosion(common, structure, iterations=reach, border_value=1)
    band: npt.NDArray[np.bool_] = wide & ~core
    return band


def brier(predicted_share: Shares, masks: Masks, where: npt.NDArray[np.bool_]) -> float:
    """Mean of (p - y)² over the voxels `where` and the experts; 0 where there is no voxel."""
    if not where.any():
        return 0.0
    p, y = predicted_share[where].astype(np.float64), masks[:, where].astype(np.float64)
    return float(((p[None] - y) ** 2).mean())


@dataclass(frozen=True)
class Reliability:
    """Voxels, summed probability and summed share of experts in each of ten equal bins of probability; add cases before `ece`."""

    voxels: npt.NDArray[np.float64]
    predicted: npt.NDArray[np.float64]
    observed: npt.NDArray[np.float64]

    def __add__(self, other: Reliability) -> Reliability:
        """Both cases together."""
        return Reliability(self.voxels + other.voxels, self.predicted + other.predicted, self.observed + other.observed)

    @property
    def ece(self) -> float:
        """Expected calibration error: |mean probability - share of experts who drew| over the bins, weighted by voxels."""
        total = self.voxels.sum()
        return 0.0 if total == 0 else float(np.abs(self.predicted - self.observed).sum() / total)


def reliability(predicted_share: Shares, masks: Masks, where: npt.NDArray[np.bool_]) -> Reliability:
    """One case's bins over the voxels `where`; a probability of exactly 1 is in the last bin."""
    p, y = predicted_share[where].astype(np.float64), masks[:, where].mean(0)
    of = np.minimum((p * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    count, predicted, observed = (
        np.bincount(of, weights, CALIBRATION_BINS).astype(np.float64) for weights in (None, p, y)
    )
    return Reliability(count, predicted, observed)


def _over_thresholds(share: Shares, masks: Masks, thresholds: tuple[float, ...], compare: Any) -> float:
    drawn = masks.mean(0, dtype=np.float64)
    scores = []
    for threshold in thresholds:
        a, b = compare(share, threshold), compare(drawn, threshold)
        total = int(a.sum()) + int(b.sum())
        scores.append(1.0 if total == 0 else 2 * int((a & b).sum()) / total)
    return float(np.mean(scores))


def _check(predictions: Masks, masks: Masks) -> None:
    if not len(predictions) or not len(masks) or predictions.shape[1:] != masks.shape[1:]:
        raise ValueError(
            f"Predictions {list(predictions.shape)} and masks {list(masks.shape)} need one grid and at least one of each."
        )


def _overlaps(a: Masks, b: Masks) -> tuple[Matrix, Matrix]:
    """|a and b| and |a| + |b| for every pair."""
    flat_a, flat_b = (one.reshape(len(one), -1).astype(np.float64) for one in (a, b))
    return flat_a @ flat_b.T, flat_a.sum(1)[:, None] + flat_b.sum(1)[None]


def _distance(a: Masks, b: Masks, empty: Empty) -> Matrix:
    """1 - IoU of every pair."""
    both, total = _overlaps(a, b)
    union = total - both
    return np.where(union == 0, 0.0 if empty == "agree" else 1.0, 1 - both / np.maximum(union, 1))


def _mean_pairs(distance_NN: Matrix, self_pairs: str) -> float:
    if self_pairs == "included":
        return float(distance_NN.mean())
    different = ~np.eye(len(distance_NN), dtype=bool)
    return float(distance_NN[different].mean()) if different.any() else 0.0
