"""G1's estimator on masks whose offsets are known, and what its panels need of the generator."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.outlines import Panel, measure, outline_offsets

UNIT = (1.0, 1.0, 1.0)


def circle(radius: float, waves: float = 0.0, edge: int = 48) -> np.ndarray:
    """A disc [1, H, W] whose outline swings in and out by `waves` px, four times on its way round."""
    row, column = np.indices((edge, edge)) - (edge - 1) / 2
    reach = radius + waves * np.sin(4 * np.arctan2(row, column))
    return (np.hypot(row, column) < reach)[None]


def panel(cases: list[list[np.ndarray]], persistent: bool = True) -> Panel:
    names = tuple(f"c{number}" for number in range(len(cases)))
    experts = tuple(f"e{number}" for number in range(len(cases[0])))
    return Panel("made", experts, tuple(map(np.stack, cases)), (UNIT,) * len(cases), names, names, persistent)


def test_an_offset_is_signed_and_measured_from_the_majority_in_the_pack_s_own_unit() -> None:
    experts = np.stack([circle(12), circle(14), circle(14), circle(17)])

    in_px = np.concatenate(outline_offsets(experts, UNIT, 1.0), axis=1)
    in_mm = np.concatenate(outline_offsets(experts, (3.0, 0.5, 0.5), 0.5), axis=1)

    assert in_px.mean(1) == pytest.approx([-2, 0, 0, 3], abs=0.2)
    assert in_mm.mean(1) == pytest.approx([-1, 0, 0, 1.5], abs=0.1)


def test_what_is_the_rater_s_the_case_s_and_the_outline_s_is_told_apart() -> None:
    cases = [[circle(14 - 2 + day), circle(14), circle(14, waves=1.0), circle(14), circle(14)] for day in (-1, 0, 1)]

    hands = measure([panel(cases)])

    assert hands.offset_E == pytest.approx([-2, 0, 0, 0, 0], abs=0.2)
    assert hands.case_sd_E == pytest.approx([1, 0, 0, 0, 0], abs=0.15)
    assert hands.along_sd_E[2] == pytest.approx(1 / np.sqrt(2), abs=0.1)
    # A sine's autocorrelation is a cosine: 1/e after 0.19 of its wave, 88 px / 4 long.
    assert hands.correlation_E[2] == pytest.approx(0.19 * 2 * np.pi * 14 / 4, abs=0.4)


def test_a_slice_that_one_reader_of_four_leaves_out_is_a_sixteenth_of_the_union_for_each() -> None:
    ball = np.repeat(circle(8, edge=24), 4, axis=0)
    hasty = ball.copy()
    hasty[3] = False

    hands = measure([panel([[ball, ball, ball, hasty]] * 2, persistent=False)])

    assert (hands.omitted, hands.cut, hands.added) == pytest.approx((1 / 16, 1 / 16, 0))
    assert hands.log_volume_sd == pytest.approx(np.std([0, 0, 0, np.log(0.75)]))


def test_an_empty_mask_has_no_offset() -> None:
    with pytest.raises(ValueError, match="empty"):
        outline_offsets(np.stack([circle(8), circle(8) & False]), UNIT, 1.0)


def test_a_patient_is_never_in_both_halves() -> None:
    made = panel([[circle(8), circle(9)]] * 5)
    shared = Panel(made.name, made.experts, made.masks_EDHW, made.spacing_mm, made.cases, ("p", "p", "q", "r", "r"))

    first, second = shared.halves()

    assert (first.cases, second.cases) == (("c0", "c1", "c3", "c4"), ("c2",))
