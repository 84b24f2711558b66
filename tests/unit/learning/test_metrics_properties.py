"""Metrics against a slow reference written from the definitions, and against MONAI's, on random masks; t-tests against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics.hausdorff_distance import compute_hausdorff_distance
from monai.metrics.meandice import DiceHelper
from monai.metrics.surface_distance import compute_average_surface_distance
from scipy import stats

from worker.learning.metrics import compare, dice, surface_distances
from worker.learning.statistics import by_patient, holm, paired_t, unpaired_t

SPACINGS = st.sampled_from([0.3, 0.5, 1.0, 2.5])


@st.composite
def two_masks(draw: st.DrawFn, smallest: int = 3) -> tuple[np.ndarray, np.ndarray, tuple[float, ...]]:
    """Two masks that are not empty on one small grid (2D or 3D), and a spacing."""
    shape = tuple(draw(st.lists(st.integers(smallest, 7), min_size=2, max_size=3)))
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    masks = [chance.random(shape) < draw(st.sampled_from([0.1, 0.4, 0.8])) for _ in range(2)]
    for mask in masks:
        mask.flat[draw(st.integers(0, mask.size - 1))] = True
    return masks[0], masks[1], tuple(draw(SPACINGS) for _ in shape)


def outline(mask: np.ndarray) -> list[tuple[int, ...]]:
    """Voxels of the mask with a face neighbour outside it; outside the grid is outside the mask."""
    voxels = set(map(tuple, np.argwhere(mask)))
    steps = [tuple(s * (i == axis) for i in range(mask.ndim)) for axis in range(mask.ndim) for s in (-1, 1)]
    return [v for v in voxels if any(tuple(np.add(v, step)) not in voxels for step in steps)]


def slow_distances(a: np.ndarray, b: np.ndarray, spacing: tuple[float, ...]) -> tuple[float, float, float]:
    """ASSD, HD95 and pooled HD95 by comparing every surface voxel with every other."""
    one, other = (np.array(outline(mask)) * spacing for mask in (a, b))
    between = np.sqrt(((one[:, None] - other[None]) ** 2).sum(-1))
    there, back = between.min(1), between.min(0)
    pooled = np.concatenate([there, back])
    return pooled.mean(), max(np.percentile(there, 95), np.percentile(back, 95)), np.percentile(pooled, 95)


@settings(max_examples=120, deadline=None)
@given(two_masks())
def test_distances_equal_the_slow_reference(masks: tuple[np.ndarray, np.ndarray, tuple[float, ...]]) -> None:
    a, b, spacing = masks

    found = surface_distances(a, b, spacing)

    assert found[:3] == pytest.approx(slow_distances(a, b, spacing), abs=1e-9)
    assert not found.one_empty


@settings(max_examples=60, deadline=None)
@given(two_masks())
def test_metrics_equal_monais(masks: tuple[np.ndarray, np.ndarray, tuple[float, ...]]) -> None:
    a, b, spacing = masks
    x, y = (torch.from_numpy(mask)[None, None] for mask in (a, b))

    found = surface_distances(a, b, spacing)
    hd95 = compute_hausdorff_distance(x, y, include_background=True, percentile=95, spacing=list(spacing))
    assd = compute_average_surface_distance(x, y, include_background=True, symmetric=True, spacing=list(spacing))
    overlap = DiceHelper(include_background=True, sigmoid=True, activate=False)(x.float(), y.float())[0]

    assert found.hd95 == pytest.approx(float(hd95), rel=1e-5)
    assert found.assd == pytest.approx(float(assd), rel=1e-5)
    assert dice(a, b) == pytest.approx(float(overlap), rel=1e-5)


@settings(max_examples=60, deadline=None)
@given(two_masks())
def test_metrics_do_not_depend_on_who_comes_first(masks: tuple[np.ndarray, np.ndarray, tuple[float, ...]]) -> None:
    a, b, spacing = masks

    assert surface_distances(a, b, spacing)[:3] == pytest.approx(surface_distances(b, a, spacing)[:3])
    assert dice(a, b) == dice(b, a)
    assert surface_distances(a, a, spacing)[:3] == (0.0, 0.0, 0.0)


def test_without_a_spacing_distances_are_pixels_and_say_so() -> None:
    a = np.zeros((1, 12, 12), np.uint8)
    a[0, 3:7, 3:7] = 1
    b = np.roll(a, 2, axis=2)

    in_pixels, in_mm = compare(a, b, [1], None), compare(a, b, [1], (3.0, 0.5, 0.5))

    assert (in_pixels.unit, in_mm.unit) == ("px", "mm")
    assert in_pixels.hd95 == 2.0
    assert in_mm.hd95 == 1.0
    assert in_pixels.dice == in_mm.dice == 0.5


def test_labels_are_averaged_over_those_present_and_one_empty_is_counted() -> None:
    a, b = np.zeros((1, 3, 4), np.uint8), np.zeros((1, 3, 4), np.uint8)
    a[0, 0], b[0, 0], a[0, 2] = 1, 1, 2

    found = compare(a, b, [1, 2, 3], (1.0, 1.0, 1.0))

    assert found.dice == 0.5
    assert found.hd95 == pytest.approx(np.sqrt(1 + 9 + 16) / 2)  # label 2 costs the diagonal, label 3 is in neither
    assert found.one_empty == 1


def test_two_maps_without_labels_agree_entirely() -> None:
    nothing = np.zeros((2, 3, 3), np.uint8)

    assert compare(nothing, nothing, [1], None) == (1.0, 0.0, 0.0, 0.0, 0, "px")


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), None])
def test_maps_on_different_grids_are_refused(spacing: tuple[float, ...] | None) -> None:
    with pytest.raises(ValueError, match="resample one first"):
        compare(np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8), [1], spacing)


def test_t_tests_are_the_papers() -> None:
    a, b = [88.7, 88.9, 89.1, 88.5], [85.2, 86.9, 85.9, 87.0]

    assert paired_t([x - y for x, y in zip(a, b, strict=True)]) == pytest.approx(stats.ttest_rel(a, b).pvalue)
    assert unpaired_t(a, b) == pytest.approx(stats.ttest_ind(a, b).pvalue)


def test_t_tests_without_spread_are_defined() -> None:
    assert (paired_t([0.0, 0.0]), paired_t([0.5, 0.5])) == (1.0, 0.0)
    assert (unpaired_t([1.0, 1.0], [1.0, 1.0]), unpaired_t([1.0, 1.0], [2.0, 2.0])) == (1.0, 0.0)


def test_a_t_test_of_one_value_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two"):
        paired_t([1.0])
    with pytest.raises(ValueError, match="at least two"):
        unpaired_t([1.0], [2.0, 3.0])


def test_everything_measured_on_a_patient_counts_once() -> None:
    assert by_patient({"b": [1.0], "a": [2.0, 4.0]}) == [3.0, 1.0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)

    assert all(q >= p and q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    ranked = sorted(range(len(p_values)), key=lambda i: p_values[i])
    assert all(adjusted[i] <= adjusted[j] for i, j in zip(ranked, ranked[1:], strict=False))
