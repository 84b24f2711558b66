"""Which slice next: each strategy on evidence one can check by eye."""

import numpy as np

from worker.learning.propose import Evidence, first_slice, propose, weigh


def evidence(unsure: list[float], changed: list[float] | None = None, differs: list[float] | None = None) -> Evidence:
    def field(values: list[float]) -> np.ndarray:
        return np.array(values, np.float32)

    return Evidence(field(unsure), field(changed or [0.0] * len(unsure)), None if differs is None else field(differs))


def pick(found: Evidence, drawn: set[int], strategy: str, count: int = 3) -> list[tuple[int, str]]:
    last = len(found.unsure) - 1
    return [
        (one.slice, one.reason) for one in propose(found, (0, last), drawn, strategy, np.random.default_rng(1), count)
    ]


def test_fixed_interval_halves_the_widest_gap_each_time() -> None:
    assert pick(evidence([0] * 17), {0, 16}, "fixed_interval") == [(8, "far"), (4, "far"), (12, "far")]


def test_beyond_the_outermost_drawn_slice_a_slice_is_half_as_far() -> None:
    assert pick(evidence([0] * 17), {2, 12}, "fixed_interval", 2) == [(7, "far"), (4, "far")]
    assert pick(evidence([0] * 17), set(), "fixed_interval", 1) == [(8, "far")]


def test_model_guided_goes_where_the_proxy_is_least_sure_away_from_what_is_drawn() -> None:
    unsure = [0, 90, 5, 5, 40, 5, 5, 5, 30, 5, 0]

    assert pick(evidence(unsure), {0, 10}, "model_guided", 2) == [(4, "unsure"), (1, "unsure")]


def test_a_network_that_disagrees_and_a_proxy_that_changed_are_named_as_the_reason() -> None:
    differs, changed = [0, 0, 0, 0, 80, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 50, 0, 0]

    assert pick(evidence([1] * 9, changed, differs), {0}, "model_guided", 2) == [(4, "differs"), (6, "changed")]


def test_random_picks_undrawn_slices_of_the_object_and_no_slice_twice() -> None:
    picked = pick(evidence([0] * 9), {0, 4, 8}, "random", 20)

    assert sorted(index for index, _ in picked) == [1, 2, 3, 5, 6, 7]
    assert {reason for _, reason in picked} == {"random"}


def test_nothing_is_proposed_where_all_is_drawn() -> None:
    assert pick(evidence([0, 0]), {0, 1}, "model_guided") == []


def test_the_first_slice_is_the_largest_a_network_draws_or_the_middle() -> None:
    object_NHW = np.zeros((7, 3, 3), bool)
    object_NHW[2], object_NHW[5, 0] = True, True

    assert first_slice(object_NHW, 7).slice == 2
    assert first_slice(np.zeros((7, 3, 3), bool), 7).slice == 3
    assert first_slice(None, 8).slice == 4


def test_evidence_counts_voxels() -> None:
    chance = np.zeros((2, 2, 2), np.float32)
    chance[1] = 0.75

    found = weigh(chance, np.full_like(chance, 0.5), np.ones_like(chance), np.ones_like(chance))

    assert found.unsure.tolist() == [0, 1]
    assert found.changed.tolist() == [4, 1]
    assert found.differs is not None and found.differs.tolist() == [2, 0.5]
