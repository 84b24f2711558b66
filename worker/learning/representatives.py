"""From many plausible segmentations to the few a doctor looks at, how likely each is, and what all of them say together.

Candidates are label maps uint8 [N, D, H, W] of one image, all equally likely. Everything here is arrays and decides nothing by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from worker.learning.readings import LabelArray

MOST = 8
DISTINCT = 0.02  # mean 1 - IoU; nearer than this two outlines look alike
LEAST_SHARE = 0.05  # of all candidates; what stands for fewer is an outlier, which k-medoids would choose first
COMPARED_VOXELS = 200_000  # of the box around all candidates; more are thinned evenly
CONTOURS = (0.1, 0.5, 0.9)
INTERVAL = (0.1, 0.5, 0.9)


class Representatives(NamedTuple):
    """indices: the chosen candidates, likeliest first; probability: the share of candidates nearest to each, adding up to 1."""

    indices: list[int]
    probability: list[float]


def representatives(candidates_NDHW: LabelArray, labels: Sequence[int], most: int = MOST) -> Representatives:
    """At most `most` candidates, each more than DISTINCT away from the others and nearest to LEAST_SHARE of all, that between them come
    nearest to all candidates.

    Greedy k-medoids (the BUILD step of PAM, Kaufman and Rousseeuw): first the candidate nearest to all others, then, again and
    again, the one that lowers the mean distance to the nearest chosen one most. Raises ValueError without a candidate.
    """
    if not len(candidates_NDHW):
        raise ValueError("There is no candidate to choose from.")
    distance = distances(candidates_NDHW, labels)
    chosen = [int(distance.sum(0).argmin())]
    while len(chosen) < most:
        reach = distance[:, chosen].min(1)
        gain = np.maximum(reach[:, None] - distance, 0).sum(0)
        gain[reach <= DISTINCT] = -1.0  # looks like one of the chosen
        best = int(gain.argmax())
        if gain[best] <= 0:
            break
        chosen.append(best)
    share = _shares(distance, chosen)
    chosen = [one for one, part in zip(chosen, share, strict=True) if part >= LEAST_SHARE] or chosen
    share = _shares(distance, chosen)
    order = sorted(range(len(chosen)), key=lambda n: -share[n])
    return Representatives([chosen[n] for n in order], [float(share[n]) for n in order])


def _shares(distance: npt.NDArray[np.float64], chosen: list[int]) -> npt.NDArray[np.float64]:
    shares: npt.NDArray[np.float64] = np.bincount(distance[:, chosen].argmin(1), minlength=len(chosen)) / len(distance)
    return shares


def distances(candidates_NDHW: LabelArray, labels: Sequence[int]) -> npt.NDArray[np.float64]:
    """Mean over labels of 1 - IoU of every pair [N, N]; a label that neither shows counts as agreement."""
    thin = _thinned(candidates_NDHW).reshape(len(candidates_NDHW), -1)
    apart = np.zeros((len(thin), len(thin)))
    for value in labels:
        drawn = (thin == value).astype(np.float32)
        both = (drawn @ drawn.T).astype(np.float64)
        size = np.diagonal(both)
        union = size[:, None] + size[None] - both
        apart += 1 - np.where(union == 0, 1.0, both / np.maximum(union, 1))
    return apart / len(labels)


def contours(candidates_NDHW: LabelArray, labels: Sequence[int]) -> dict[float, LabelArray]:
    """For each share of CONTOURS the label map [D, H, W] of what at least that share of candidates shows; the most voted label wins."""
    winner = np.zeros(candidates_NDHW.shape[1:], np.uint8)
    votes = np.zeros(candidates_NDHW.shape[1:], np.uint16)
    for value in labels:
        own = (candidates_NDHW == value).sum(0, dtype=np.uint16)
        better = own > votes
        winner[better], votes[better] = value, own[better]
    count = len(candidates_NDHW)
    return {share: np.where(votes >= share * count, winner, 0).astype(np.uint8) for share in CONTOURS}


def voxel_interval(candidates_NDHW: LabelArray, labels: Sequence[int]) -> dict[int, tuple[float, float, float]]:
    """Voxels of each label that 10, 50 and 90 % of the candidates do not exceed."""
    found = {}
    for value in labels:
        low, middle, high = np.quantile((candidates_NDHW == value).sum((1, 2, 3)), INTERVAL)
        found[value] = (float(low), float(middle), float(high))
    return found


def _thinned(candidates_NDHW: LabelArray) -> LabelArray:
    """The box around all that is drawn, thinned evenly where it is large."""
    drawn = np.nonzero(candidates_NDHW.any(0))
    if not drawn[0].size:
        return candidates_NDHW[:, :1, :1, :1]
    box = [slice(int(at.min()), int(at.max()) + 1) for at in drawn]
    part = candidates_NDHW[(slice(None), *box)]
    step = max(1, round((part[0].size / COMPARED_VOXELS) ** (1 / 2)))
    return part[..., ::step, ::step]
