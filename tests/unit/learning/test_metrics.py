"""Metrics and statistics on fixed arrays (acceptance C1's expert-wise part): every figure worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from worker.learning.metrics import dice, dice_by_label, mean_dice, mean_hd95, surface, surface_distances
from worker.learning.statistics import holm, paired_bootstrap, wilcoxon


def square(low: int, high: int, edge: int = 12) -> np.ndarray:
    mask = np.zeros((1, edge, edge), dtype=bool)
    mask[0, low:high, low:high] = True
    return mask


def test_dice_of_two_overlapping_squares() -> None:
    assert dice(square(0, 4), square(2, 6)) == pytest.approx(2 * 4 / 32)


def test_two_empty_masks_agree_entirely() -> None:
    nothing = np.zeros((1, 4, 4), dtype=bool)

    assert dice(nothing, nothing) == 1.0
    assert surface_distances(nothing, nothing, (1, 1, 1)) == (0.0, 0.0, 0.0, False)
    assert mean_dice(nothing, nothing, [1, 2]) == 1.0
    assert mean_hd95(nothing, nothing, [1, 2], (1, 1, 1)) == 0.0


def test_one_empty_mask_costs_the_diagonal_and_is_marked() -> None:
    nothing = np.zeros((1, 3, 4), dtype=bool)
    something = nothing.copy()
    something[0, 1, 1] = True

    distances = surface_distances(something, nothing, (0.0, 2.0, 2.0))

    assert dice(something, nothing) == 0.0
    assert distances.hd95 == distances.assd == pytest.approx(10.0)  # 6 mm by 8 mm
    assert distances.one_empty


def test_the_surface_of_a_flat_image_is_its_outline_in_the_plane() -> None:
    ring = surface(square(3, 8))

    assert ring.sum() == 16
    assert not ring[0, 5, 5]


def test_the_surface_includes_voxels_at_the_edge_of_the_grid() -> None:
    assert surface(np.ones((3, 3, 3), dtype=bool)).sum() == 26


def test_a_square_moved_by_one_voxel_is_one_spacing_away() -> None:
    a = np.zeros((1, 16, 16), dtype=bool)
    a[0, 4:8, 4:8] = True

    distances = surface_distances(a, np.roll(a, 1, axis=2), (3.0, 1.0, 0.5))

    assert distances.hd95 == pytest.approx(0.5)
    assert 0 < distances.assd < 0.5


def test_hd95_is_the_larger_direction_and_the_pooled_one_is_smaller() -> None:
    a = np.zeros((1, 32, 32), dtype=bool)
    a[0, 4:12, 4:12] = True
    b = a.copy()
    b[0, 4:12, 4:24] = True  # b reaches 12 voxels further; from a, b is never further than 8

    distances = surface_distances(a, b, (1, 1, 1))

    assert distances.hd95 == pytest.approx(12.0, abs=0.8)
    assert distances.hd95_pooled <= distances.hd95


def test_a_label_absent_from_both_maps_is_no_achievement() -> None:
    a, b = np.array([[[1, 1, 0, 2]]]), np.array([[[1, 0, 0, 2]]])

    assert dice_by_label(a, b, [1, 2, 3]) == {1: pytest.approx(2 / 3), 2: 1.0}
    assert mean_dice(a, b, [1, 2, 3]) == pytest.approx((2 / 3 + 1) / 2)


def test_the_bootstrap_interval_holds_the_mean_and_repeats_exactly() -> None:
    differences = [0.2, 0.4, -0.1, 0.5, 0.3, 0.1]

    first = paired_bootstrap(differences, torch.Generator().manual_seed(0), level=0.8)
    again = paired_bootstrap(differences, torch.Generator().manual_seed(0), level=0.8)
    wider = paired_bootstrap(differences, torch.Generator().manual_seed(0), level=0.95)

    assert first == again
    assert first.mean == pytest.approx(1.4 / 6)
    assert wider.low < first.low < first.mean < first.high < wider.high


def test_a_constant_difference_leaves_nothing_to_chance() -> None:
    assert paired_bootstrap([1.5] * 4, torch.Generator().manual_seed(1)) == (1.5, 1.5, 1.5)


def test_resampling_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one patient"):
        paired_bootstrap([], torch.Generator())


def test_wilcoxon_of_six_gains_is_the_exact_two_sided_value() -> None:
    assert wilcoxon([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]) == pytest.approx(2 / 2**6)
    assert wilcoxon([0.0, 0.0]) == 1.0


def test_holm_steps_down_and_never_decreases() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
