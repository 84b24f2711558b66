"""Which of many plausible outlines a doctor is shown, and what they say together; worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from worker.learning.representatives import contours, distances, representatives, voxel_interval


def maps(*ends: int, value: int = 1) -> np.ndarray:
    """Candidates on a line of ten voxels: 0..end-1 carry the label."""
    made = np.zeros((len(ends), 1, 1, 10), np.uint8)
    for n, end in enumerate(ends):
        made[n, ..., :end] = value
    return made


def test_each_distinct_outline_is_shown_once_with_its_share_of_the_candidates() -> None:
    found = representatives(maps(4, 8, 4, 4, 2, 8), [1])

    assert found.probability == pytest.approx([3 / 6, 2 / 6, 1 / 6])
    assert [int(maps(4, 8, 4, 4, 2, 8)[n].sum()) for n in found.indices] == [4, 8, 2]


def test_no_more_are_shown_than_asked_for_and_their_probabilities_still_add_up() -> None:
    found = representatives(maps(1, 2, 3, 5, 8, 10), [1], most=2)

    assert len(found.indices) == 2
    assert sum(found.probability) == pytest.approx(1)


def test_a_single_odd_one_of_many_is_not_offered() -> None:
    candidates = maps(*[4] * 20, *[8] * 10, 1)

    found = representatives(candidates, [1])

    assert [int(candidates[n].sum()) for n in found.indices] == [4, 8]
    assert sum(found.probability) == pytest.approx(1)


def test_candidates_that_all_agree_are_one_certain_outline_also_when_they_are_empty() -> None:
    assert representatives(maps(5, 5, 5), [1]).probability == [1.0]
    assert representatives(maps(0, 0), [1]).probability == [1.0]


def test_distance_is_averaged_over_the_labels() -> None:
    one = maps(4, 4)
    one[1, ..., 8:] = 2

    assert distances(one, [1, 2])[0, 1] == pytest.approx((0 + 1) / 2)
    assert distances(maps(4, 2), [1, 2])[0, 1] == pytest.approx((1 / 2 + 0) / 2)


def test_contours_hold_what_that_share_of_the_candidates_shows() -> None:
    found = contours(maps(2, 4, 4, 6, 6, 6, 6, 6, 6, 9), [1])

    assert {share: int(map_.sum()) for share, map_ in found.items()} == {0.1: 9, 0.5: 6, 0.9: 4}


def test_where_labels_compete_the_one_with_more_votes_wins() -> None:
    both = np.concatenate([maps(4, 4), maps(4, value=2)])

    assert (contours(both, [1, 2])[0.5][0, 0, :4] == 1).all()


def test_the_interval_of_voxels_is_the_middle_eight_in_ten() -> None:
    assert voxel_interval(maps(*range(11)), [1, 3]) == {1: (1.0, 5.0, 9.0), 3: (0.0, 0.0, 0.0)}


def test_large_volumes_are_thinned_and_still_told_apart() -> None:
    large = np.zeros((3, 4, 400, 400), np.uint8)
    large[0, :, 50:350, 50:350] = 1
    large[1, :, 50:350, 50:340] = 1
    large[2, :, 50:350, 50:200] = 1

    found = distances(large, [1])

    assert found[0, 2] == pytest.approx(0.5, abs=0.01)
    assert found[0, 1] == pytest.approx(1 / 30, abs=0.01)


def test_without_a_candidate_there_is_nothing_to_choose() -> None:
    with pytest.raises(ValueError, match="no candidate"):
        representatives(maps(), [1])
