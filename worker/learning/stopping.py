"""How good a propagated volume probably is, and how sure one may be of that (LEARNING 4, stopping estimate).

`expected_dice` needs no truth: it is the Dice that a map has on average if its own chances are right. They are not quite, so finished cases
calibrate it by split conformal prediction, scaled by the map's own doubt (1 - expected): a nearly finished volume gets a narrow band, a
hardly begun one a wide band. Rounds of a case share one case's weight, because they are not independent. Pure arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float32]

NOMINAL: Final = 0.9
LEAST_CASES: Final = 19  # finished cases below which the highest error of all would have to do
LEAST_DOUBT: Final = 1.0  # point: a map that claims no doubt at all is not believed


class Band(NamedTuple):
    """Dice points. Bounds within 0..100."""

    expected: float
    low: float
    high: float


def expected_dice(labels_DHW: npt.NDArray[np.uint8], chance_LDHW: Field, labels: Sequence[int]) -> float:
    """Dice in points that the map has on average where each voxel is right with its chance; mean over labels present, 100 if none is.

    chance_LDHW: 0..1 in the order of `labels`; 0 or 1 where somebody drew.
    """
    found = []
    for value, chance in zip(labels, chance_LDHW, strict=True):
        drawn = labels_DHW == value
        size = int(np.count_nonzero(drawn)) + float(chance.sum())
        if size:
            found.append(200.0 * float(chance[drawn].sum()) / size)
    return sum(found) / len(found) if found else 100.0


def band(expected: float, cases: Sequence[Sequence[tuple[float, float]]]) -> Band | None:
    """A 90 % interval around an expected Dice. cases: per finished case, (expected, true) of its rounds, in points.

    None with fewer than 19 cases. Coverage holds for a new case from where the others came from; no more is promised.
    """
    errors = [np.array([(true - said) / _doubt(said) for said, true in rounds]) for rounds in cases if len(rounds)]
    if len(errors) < LEAST_CASES:
        return None
    bias = float(np.median([np.median(one) for one in errors]))
    off = np.abs(np.concatenate(errors) - bias)
    share = np.concatenate([np.full(len(one), 1 / (len(one) * (len(errors) + 1))) for one in errors])
    order = np.argsort(off)
    rank = int(np.searchsorted(np.cumsum(share[order]), NOMINAL))
    reach = float(off[order][min(rank, len(off) - 1)]) * _doubt(expected)
    centre = expected + bias * _doubt(expected)
    return Band(_points(centre), _points(centre - reach), _points(centre + reach))


def _doubt(expected: float) -> float:
    return max(LEAST_DOUBT, 100 - expected)


def _points(value: float) -> float:
    return min(100.0, max(0.0, value))
