"""Which slices a person drew, from a history of edits."""

import numpy as np

from backend.imaging import labels as codec
from backend.imaging.drawn import History
from backend.imaging.labels import Runs

SHAPE = (4, 3, 5)


def edit(voxels: dict[tuple[int, int, int], int]) -> Runs:
    flat = sorted((int(np.ravel_multi_index(at, SHAPE)), value) for at, value in voxels.items())
    indices = np.array([index for index, _ in flat], np.int64)
    return codec.decode(codec.encode(indices, np.array([value for _, value in flat], np.uint8)), 60, 1)


def history(*edits: tuple[dict[tuple[int, int, int], int], bool]) -> History:
    made = History(np.zeros(SHAPE, np.uint8))
    for voxels, by_hand in edits:
        made.apply(edit(voxels), by_hand=by_hand)
    return made


def test_slices_are_told_for_every_axis_and_label() -> None:
    drawn = history(({(1, 0, 2): 1, (1, 2, 3): 2, (3, 0, 2): 1}, True))

    assert drawn.slices(0) == {1: [1, 3], 2: [1]}
    assert drawn.slices(1) == {1: [0], 2: [2]}
    assert drawn.slices(2) == {1: [2], 2: [3]}


def test_what_a_machine_wrote_is_not_drawn_until_a_hand_corrects_it() -> None:
    proxy = ({(2, 1, 1): 1, (2, 1, 2): 1}, False)

    assert history(proxy).slices(0) == {}
    assert history(proxy, ({(2, 1, 3): 1}, True)).slices(0) == {1: [2]}
    assert history(proxy, ({(2, 1, 2): 0}, True)).slices(0) == {1: [2]}, "rubbing out is drawing too"


def test_a_label_rubbed_out_of_a_slice_ends_there() -> None:
    drawn = history(({(2, 1, 1): 1}, False), ({(2, 1, 1): 0}, True))

    assert drawn.slices(0) == {1: [2]}
    assert not drawn.labels_zyx.any()
    assert drawn.by_hand_zyx[2, 1, 1]


def test_an_edit_that_changes_nothing_draws_nothing() -> None:
    proxy = {(2, 1, 1): 1}

    assert history((proxy, False), (proxy, True)).slices(0) == {}


def test_a_prediction_accepted_over_a_drawn_slice_takes_it_over() -> None:
    assert history(({(2, 1, 1): 1}, True), ({(2, 1, 2): 1}, False)).slices(0) == {}


def test_what_a_reading_began_with_and_what_was_restored_count_as_drawn() -> None:
    begin = np.zeros(SHAPE, np.uint8)
    begin[0, 0, 0] = 2
    made = History(begin)
    after = begin.copy()
    after[3, 1, 1] = 1

    made.jump(after)

    assert made.slices(0) == {1: [3], 2: [0]}
    assert begin[3, 1, 1] == 0
