"""Set-to-set metrics on fixed arrays (acceptance C1), every figure worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from worker.learning import diversity


def line(*starts_and_ends: tuple[int, int], edge: int = 8) -> np.ndarray:
    """One mask per pair: voxels start..end-1 of a line of eight."""
    masks = np.zeros((len(starts_and_ends), edge), dtype=bool)
    for n, (start, end) in enumerate(starts_and_ends):
        masks[n, start:end] = True
    return masks


PREDICTIONS = line((0, 4), (2, 6))
MASKS = line((0, 4), (0, 2))
# IoU(p0, y0) = 1, (p0, y1) = 1/2, (p1, y0) = 2/6, (p1, y1) = 0; among p 2/6; among y 1/2.
ACROSS = (0 + 1 / 2 + 2 / 3 + 1) / 4


def test_ged_with_self_pairs_is_the_published_form() -> None:
    expected = 2 * ACROSS - (2 * (2 / 3)) / 4 - (2 * (1 / 2)) / 4

    assert diversity.ged(PREDICTIONS, MASKS, "included") == pytest.approx(expected)


def test_ged_without_self_pairs_divides_by_fewer() -> None:
    assert diversity.ged(PREDICTIONS, MASKS, "excluded") == pytest.approx(2 * ACROSS - 2 / 3 - 1 / 2)


def test_a_set_against_itself_has_no_energy_distance_with_self_pairs() -> None:
    assert diversity.ged(MASKS, MASKS, "included") == pytest.approx(0)
    assert diversity.ged(MASKS, MASKS, "excluded") < 0


def test_one_prediction_has_no_pairs_but_its_own() -> None:
    one = line((0, 4))

    assert diversity.ged(one, MASKS, "excluded") == pytest.approx(2 * (0 + 1 / 2) / 2 - 1 / 2)


def test_two_empty_masks_agree_unless_the_released_rule_is_asked_for() -> None:
    nothing = line((0, 0))

    assert diversity.ged(nothing, nothing, "included") == 0
    assert diversity.ged(nothing, nothing, "included", "released") == 2 - 1 - 1
    assert diversity.ged(nothing, line((0, 3), (0, 0)), "included") == pytest.approx(2 * (1 / 2) - 0 - 2 / 4)
    assert diversity.ged(nothing, line((0, 3), (0, 0)), "included", "released") == pytest.approx(2 * 1 - 1 - 3 / 4)
    assert diversity.dice_matrix(nothing, line((0, 0), (0, 1))).tolist() == [[1, 0]]


def test_the_best_matches_in_both_directions_and_one_to_one() -> None:
    found = diversity.spread(PREDICTIONS, MASKS)

    # Dice: p0 with y0 1, with y1 4/6; p1 with y0 4/8, with y1 0.
    assert diversity.dice_matrix(PREDICTIONS, MASKS) == pytest.approx(np.array([[1, 2 / 3], [1 / 2, 0]]))
    assert (found.predictions, found.masks) == (2, 2)
    assert found.dice_max == pytest.approx((1 + 1 / 2) / 2)
    assert found.dice_max_reverse == pytest.approx((1 + 2 / 3) / 2)
    assert found.dice_max_mean == pytest.approx((0.75 + 5 / 6) / 2)
    assert found.dice_match == pytest.approx((2 / 3 + 1 / 2) / 2)  # 1 + 0 would be less
    assert found.pairwise_predictions == pytest.approx(1 / 2)
    assert found.pairwise_masks == pytest.approx(2 / 3)


def test_hungarian_assignment_takes_the_best_of_more_predictions_than_masks() -> None:
    many = line((6, 8), (0, 2), (0, 4))

    assert diversity.spread(many, MASKS).dice_match == 1


def test_identity_is_the_diagonal_and_never_the_assignment() -> None:
    swapped = diversity.dice_matrix(MASKS[::-1], MASKS)

    assert diversity.identity_dice(swapped) == pytest.approx(2 / 3)
    assert diversity.matched_dice(swapped) == 1
    with pytest.raises(ValueError, match="one prediction per expert"):
        diversity.identity_dice(swapped[:1])


def test_soft_dice_and_the_qubiq_score_differ_in_their_thresholds_and_at_equality() -> None:
    masks = line((0, 4), (0, 2))  # shares: 1 1 .5 .5 0 0 0 0
    share = np.array([1, 1, 0.5, 0.5, 0.5, 0, 0, 0])

    # > at .1 and .3: 5 against 4 voxels, Dice 8/9; > at .5: 2 against 2; then 2 against 2.
    assert diversity.soft_dice(share, masks) == pytest.approx((8 / 9 + 8 / 9 + 1 + 1 + 1) / 5)
    # >= at .1 … .5: 8/9, beyond: 1.
    assert diversity.qubiq_score(share, masks) == pytest.approx((5 * 8 / 9 + 4) / 9)


def test_nothing_predicted_where_nothing_was_drawn_scores_one() -> None:
    nobody = np.zeros((3, 8), dtype=bool)

    assert diversity.soft_dice(np.zeros(8), nobody) == diversity.qubiq_score(np.zeros(8), nobody) == 1
    assert not diversity.disagreement_band(nobody).any()
    assert diversity.brier(np.zeros(8), nobody, diversity.disagreement_band(nobody)) == 0


def test_brier_and_calibration_error_over_the_given_voxels() -> None:
    masks = line((0, 4), (0, 2))
    share = np.array([0.95, 0.95, 0.75, 0.75, 0.05, 0.05, 0, 0])
    where = np.arange(8) < 6

    # Experts: 1 1 .5 .5 0 0. Brier per voxel: .05², .05², (.25² + .75²)/2 twice, .05² twice.
    assert diversity.brier(share, masks, where) == pytest.approx((4 * 0.0025 + 2 * 0.3125) / 6)
    # |.95-1| twice, |.75-.5| twice, .05 twice.
    assert diversity.reliability(share, masks, where).ece == pytest.approx((0.1 + 0.5 + 0.1) / 6)


def test_cases_add_up_before_the_calibration_error_is_taken() -> None:
    high = diversity.reliability(np.full(4, 0.6), line((0, 4), edge=4), np.ones(4, dtype=bool))
    low = diversity.reliability(np.full(4, 0.6), line((0, 0), edge=4), np.ones(4, dtype=bool))

    assert (high.ece, low.ece) == (pytest.approx(0.4), pytest.approx(0.6))
    assert (high + low).ece == pytest.approx(0.1)  # 0.6 against half of the experts


def test_the_band_reaches_outside_the_union_and_inside_the_intersection_and_keeps_flat_images_flat() -> None:
    masks = np.zeros((2, 1, 9, 20), dtype=bool)
    masks[0, 0, :, 5:15] = True
    masks[1, 0, :, 6:15] = True

    band = diversity.disagreement_band(masks, reach=2)

    assert np.nonzero(band[0, 4])[0].tolist() == [3, 4, 5, 6, 7, 13, 14, 15, 16]


def test_sets_on_different_grids_are_refused() -> None:
    with pytest.raises(ValueError, match="one grid"):
        diversity.spread(PREDICTIONS, MASKS[:, :4])
