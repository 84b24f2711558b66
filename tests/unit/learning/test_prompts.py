"""What prompts promise whatever the image: marks hold, the later one wins, nothing far away moves, and a click helps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.learning.prompts import Prompt, area_of, propose

SPACING = (3.0, 1.0, 1.0)
EDGE = 40


def disc(radius: float, y: float = 20, x: float = 20) -> np.ndarray:
    at_y, at_x = np.mgrid[:EDGE, :EDGE]
    return ((at_y - y) ** 2 + (at_x - x) ** 2 <= radius**2)[None]


def picture(mask: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 8, mask.shape)
    return (100 * mask + noise).astype(np.float32)[None]


def chance_of(mask: np.ndarray) -> np.ndarray:
    return np.where(mask, 0.9, 0.1).astype(np.float32)


def click(x: float, y: float, *, include: bool = True, radius_mm: float = 0.0) -> Prompt:
    return Prompt("point", [(x, y, 0)], include, radius_mm)


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


NOTHING = np.zeros((1, EDGE, EDGE), bool)


def test_without_prompts_the_drawing_comes_back_and_else_the_networks_mask() -> None:
    drawn, predicted = disc(8), disc(5, 30, 30)

    assert np.array_equal(propose(picture(drawn), SPACING, [], drawn, chance_of(predicted)), drawn)
    assert np.array_equal(propose(picture(drawn), SPACING, [], NOTHING, chance_of(predicted)), predicted)
    assert not propose(picture(drawn), SPACING, [], NOTHING, None).any()


coordinates = st.integers(0, EDGE - 1)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(coordinates, coordinates, st.booleans()), min_size=1, max_size=6), st.booleans(), st.booleans()
)
def test_a_voxel_marked_include_is_inside_and_one_marked_exclude_outside(
    marks: list[tuple[int, int, bool]], has_network: bool, has_drawing: bool
) -> None:
    prompts = [click(x, y, include=include) for x, y, include in marks]

    mask = propose(
        picture(disc(9)), SPACING, prompts, disc(6) if has_drawing else NOTHING,
        chance_of(disc(8, 15, 15)) if has_network else None,
    )  # fmt: skip

    for (x, y), include in {(x, y): include for x, y, include in marks}.items():  # of two on one voxel, the later
        assert mask[0, y, x] == include


def test_a_click_into_a_missed_lobe_takes_the_lobe_and_leaves_the_rest() -> None:
    truth = disc(9, 20, 14) | disc(6, 20, 26)
    predicted = disc(9, 20, 14) | disc(3, 5, 35)

    mask = propose(picture(truth), SPACING, [click(28, 20)], NOTHING, chance_of(predicted))

    assert dice(mask, truth) > dice(predicted, truth) + 0.05
    assert np.array_equal(mask[0, :10, 30:], predicted[0, :10, 30:]), "what is not connected with the click stays"


def test_a_right_click_takes_a_false_object_away() -> None:
    truth, predicted = disc(8, 12, 12), disc(8, 12, 12) | disc(4, 31, 31)

    mask = propose(picture(truth), SPACING, [click(31, 31, include=False)], NOTHING, chance_of(predicted))

    assert dice(mask, truth) > 0.99


def test_one_click_without_any_network_finds_a_small_bright_disc() -> None:
    truth = disc(4)

    assert dice(propose(picture(truth), SPACING, [click(20, 20)], NOTHING, None), truth) > 0.85


@pytest.mark.parametrize("kind", ["box", "lasso"])
def test_an_object_announced_by_a_box_or_lasso_stays_within_it(kind: str) -> None:
    truth = disc(8)
    corners = [(9.0, 9.0, 0.0), (31.0, 9.0, 0.0), (31.0, 31.0, 0.0), (9.0, 31.0, 0.0)]
    prompt = Prompt(kind, corners if kind == "lasso" else [corners[0], corners[2]], True)

    mask = propose(picture(truth | disc(4, 36, 36)), SPACING, [prompt], NOTHING, None)

    assert dice(mask, truth) > 0.8
    assert not (mask & ~area_of(Prompt("box", [corners[0], corners[2]], True), mask.shape, SPACING)).any()


def test_a_fast_scribble_has_no_gaps_and_its_radius_is_in_millimetres() -> None:
    area = area_of(Prompt("scribble", [(5, 5, 1), (30, 17, 1)], True, 3.0), (3, EDGE, EDGE), SPACING)

    assert area[1].any(axis=0)[5:31].all()
    assert area[0].any() and area[2].any(), "slices are 3 mm apart"
    assert not area_of(Prompt("point", [(5, 5, 1)], True, 2.9), (3, EDGE, EDGE), SPACING)[0].any()


def test_a_constant_image_a_single_voxel_and_marks_beyond_the_array_do_no_harm() -> None:
    flat = np.zeros((1, 1, EDGE, EDGE), np.float32)

    assert propose(flat, SPACING, [click(3, 3)], NOTHING, None)[0, 3, 3]
    assert propose(flat[..., :1, :1], SPACING, [click(0, 0)], NOTHING[:, :1, :1], None).all()
    assert not propose(flat, SPACING, [click(99, 99)], NOTHING, None).any()
