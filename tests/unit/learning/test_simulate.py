"""Synthetic experts: reproducible hands that differ from each other in the way their archetype says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.learning.conftest import disc
from worker.learning.metrics import dice
from worker.learning.simulate import ARCHETYPES, SimulatedExpert, draw_labels, signed_distance, simulated_expert

SPACING = (2.0, 1.0, 1.0)


def drawn(expert: SimulatedExpert, case: int = 0, depth: int = 1, repeat: int = 0, **changes: object) -> np.ndarray:
    image, labels = disc(case, 0.0, edge=64, depth=depth)
    return draw_labels(
        labels, image[0], SPACING, replace(expert, **changes), data_set="t", case=str(case), repeat=repeat
    )


def test_the_same_question_gets_the_same_answer_and_another_day_a_similar_one() -> None:
    expert = simulated_expert("Ada", "novice")

    first, again, next_day = drawn(expert), drawn(expert), drawn(expert, repeat=1)

    assert np.array_equal(first, again)
    assert not np.array_equal(first, next_day)
    assert dice(first > 0, next_day > 0) > 0.8


def test_tight_hands_draw_inside_generous_ones() -> None:
    areas = {
        archetype: np.mean([drawn(simulated_expert("x", archetype), case).sum() for case in range(6)])
        for archetype in ("tight", "conservative", "generous")
    }

    assert areas["tight"] < areas["conservative"] < areas["generous"]


@pytest.mark.parametrize("archetype", ARCHETYPES)
def test_every_archetype_resembles_the_truth(archetype: str) -> None:
    expert = simulated_expert("x", archetype)

    scores = [dice(drawn(expert, case) > 0, disc(case, 0.0, edge=64)[1] > 0) for case in range(4)]

    assert np.mean(scores) > 0.7


def test_who_follows_intensity_corrects_an_outline_that_missed_the_edge() -> None:
    image, labels = disc(3, 0.0, edge=64)
    missed = disc(3, 1.5, edge=64)[1]

    followed = draw_labels(missed, image[0], SPACING, simulated_expert("x", "intensity-chaser"), data_set="t", case="i")

    assert dice(followed > 0, labels > 0) > dice(missed > 0, labels > 0) + 0.05


def test_a_smooth_hand_fills_a_notch() -> None:
    image, labels = disc(1, 0.0, edge=64)
    row, column = np.argwhere(labels[0]).mean(0).astype(int)
    labels[0, row:, column] = 0
    labels[0, row:, column + 1] = 0

    still = {"offset": 0.0, "along_sd": 0.0, "case_sd": 0.0}
    smooth = replace(simulated_expert("x", "smooth-convex"), **still)
    plain = SimulatedExpert("x", "plain", **still)
    filled = [draw_labels(labels, image[0], SPACING, e, data_set="t", case="n") for e in (smooth, plain)]

    assert filled[0][0, row + 3, column] == 1
    assert filled[1][0, row + 3, column] == 0


def test_end_slices_are_left_out_by_those_who_stop_early() -> None:
    thorough = drawn(SimulatedExpert("x", "plain", along_sd=0.0), depth=32)
    hasty = drawn(SimulatedExpert("x", "plain", along_sd=0.0, end_slice=1.0), depth=32)

    assert hasty.any(axis=(1, 2)).sum() == thorough.any(axis=(1, 2)).sum() - 4


def test_an_extra_slice_is_drawn_beyond_both_ends_and_is_smaller() -> None:
    image, labels = disc(0, 0.0, edge=64, depth=8)
    labels[[0, 1, 6, 7]] = 0
    further = SimulatedExpert("x", "plain", case_sd=0.0, along_sd=0.0, extra_slice=1.0)

    areas = draw_labels(labels, image[0], SPACING, further, data_set="t", case="0").sum(axis=(1, 2))

    assert np.nonzero(areas)[0].tolist() == [1, 2, 3, 4, 5, 6]
    assert 0 < areas[1] < areas[2]


def test_the_core_of_a_small_object_is_drawn_however_tight_the_hand() -> None:
    image, labels = disc(0, 0.0, edge=64)
    tight = SimulatedExpert("x", "plain", offset=-5.9, case_sd=0.0, along_sd=0.0)
    depth = -signed_distance(labels > 0, SPACING)
    small = (depth > depth.max() - 5).astype(np.uint8)

    melted, kept = (
        draw_labels(small, image[0], SPACING, replace(tight, core=core), data_set="t", case="0") for core in (0.0, 0.5)
    )

    assert not melted.any()
    assert 0 < kept.sum() < small.sum()


def test_an_empty_label_stays_empty() -> None:
    nothing = np.zeros((1, 16, 16), np.uint8)

    labels = draw_labels(
        nothing, nothing.astype(np.float32), SPACING, simulated_expert("x", "generous"), data_set="t", case="e"
    )

    assert not labels.any()


def test_labels_that_meet_keep_their_values_and_never_overlap() -> None:
    image, labels = disc(2, 0.0, edge=64)
    labels[0, :, 32:][labels[0, :, 32:] == 1] = 2

    grown = draw_labels(labels, image[0], SPACING, simulated_expert("x", "generous"), data_set="t", case="two")

    assert set(np.unique(grown)) == {0, 1, 2}
    assert (grown > 0).sum() > (labels > 0).sum()


def test_signed_distance_is_negative_inside_and_in_millimetres() -> None:
    mask = np.zeros((1, 9, 9), dtype=bool)
    mask[0, 3:6, 3:6] = True

    signed = signed_distance(mask, (1.0, 2.0, 2.0))

    assert signed[0, 4, 4] == pytest.approx(-3.0)
    assert signed[0, 4, 7] == pytest.approx(3.0)


def test_an_unknown_archetype_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="tight, generous"):
        simulated_expert("x", "sloppy")
