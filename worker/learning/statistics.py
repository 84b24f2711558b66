"""Whether a difference is more than chance: paired bootstrap, Wilcoxon, Holm, and the paper's t-tests. The unit is always the patient (LEARNING 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy import stats


class Interval(NamedTuple):
    """Mean of the differences and the bounds of its bootstrap interval."""

    mean: float
    low: float
    high: float


def paired_bootstrap(
    differences: Sequence[float], generator: torch.Generator, level: float = 0.95, resamples: int = 10_000
) -> Interval:
    """Percentile interval of the mean of paired differences, one per patient. Raises ValueError if there is none.

    One difference gives an interval of no width: it says nothing about chance, and the caller must not read it as certainty.
    """
    values = torch.tensor(list(differences), dtype=torch.float64)
    if len(values) == 0:
        raise ValueError("No differences to resample; at least one patient is needed.")
    picks = torch.randint(len(values), (resamples, len(values)), generator=generator)
    means = values[picks].mean(1)
    tail = (1 - level) / 2
    low, high = torch.quantile(means, torch.tensor([tail, 1 - tail], dtype=torch.float64)).tolist()
    return Interval(float(values.mean()), low, high)


def wilcoxon(differences: Sequence[float]) -> float:
    """Two-sided p of the signed-rank test (exact for small samples without ties); 1 where all differences are zero."""
    values = np.asarray(list(differences), dtype=np.float64)
    if not np.any(values):
        return 1.0
    return float(stats.wilcoxon(values).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment over a family of claims, in the given order."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def by_patient(values: Mapping[str, Sequence[float]]) -> list[float]:
    """One figure per patient: the mean over its seeds, starts, subsets and images, in the order of the patients' names."""
    return [float(np.mean(values[patient])) for patient in sorted(values)]


def paired_t(differences: Sequence[float]) -> float:
    """Two-sided p of the paired t-test, the paper's for Tables II and III (over ways of sampling, not patients).

    1 where all differences are zero, 0 where they are all one other value; raises ValueError below two differences.
    """
    values = np.asarray(list(differences), dtype=np.float64)
    if len(values) < 2:
        raise ValueError("A t-test needs at least two differences.")
    if np.ptp(values) == 0:
        return 1.0 if values[0] == 0 else 0.0
    return float(stats.ttest_1samp(values, 0.0).pvalue)


def unpaired_t(a: Sequence[float], b: Sequence[float]) -> float:
    """Two-sided p of Student's t-test with equal variances, the paper's for Table I. Raises ValueError below two values a side."""
    if min(len(a), len(b)) < 2:
        raise ValueError("A t-test needs at least two values on each side.")
    if np.ptp(a) == 0 and np.ptp(b) == 0:
        return 1.0 if a[0] == b[0] else 0.0
    return float(stats.ttest_ind(a, b).pvalue)
