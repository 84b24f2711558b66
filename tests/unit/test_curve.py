"""The learning curve of a style: recovered exactly where points lie on it, silent where they say nothing."""

import math

import pytest

from backend.models.curve import CurvePoint, forecast, point


def on_curve(readings: int, ceiling: float = 92.0, slope: float = 20.0, noise: float = 0.0) -> CurvePoint:
    dice = ceiling - slope / math.sqrt(readings) + noise
    return CurvePoint(readings, readings, dice, None, None, None, passed=True)


def test_points_on_a_curve_give_its_ceiling_and_the_readings_still_needed() -> None:
    points = [on_curve(n) for n in (5, 8, 11, 16)]

    found = forecast(points, goal=88.0)  # 92 - 20 / sqrt(25) = 88

    assert (found.outlook, found.more) == ("reachable", 25 - 16)
    assert found.ceiling == pytest.approx(92.0)
    assert found.spread == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("goal", "outlook"), [(87.0, "reached"), (93.0, "beyond"), (91.5, "far")], ids=["reached", "beyond", "far"]
)
def test_goals_that_need_no_number_get_none(goal: float, outlook: str) -> None:
    found = forecast([on_curve(n) for n in (5, 8, 11, 16)], goal)

    assert (found.outlook, found.more) == (outlook, None)


def test_fewer_than_three_counts_of_readings_say_nothing() -> None:
    assert forecast([on_curve(5), on_curve(5), on_curve(8)], 90).outlook == "unknown"


def test_a_style_that_got_worse_with_more_readings_promises_nothing() -> None:
    points = [on_curve(5, noise=5), on_curve(8, noise=2), on_curve(11, noise=-3)]

    assert forecast(points, 90).outlook == "unknown"


def test_noise_widens_the_spread_and_not_the_promise() -> None:
    points = [on_curve(n, noise=noise) for n, noise in ((5, 0.5), (8, -0.5), (11, 0.5), (16, -0.5))]

    found = forecast(points, 88.0)

    assert found.spread is not None and 0.3 < found.spread < 1.0


def test_a_gate_report_becomes_a_point() -> None:
    gate = {"passed": True, "refused": False, "candidates": {"candidate": 84.0, "live": 82.0, "nearest": 81.0}}

    assert point(3, 5, gate) == CurvePoint(3, 5, 84.0, 82.0, 81.0, None, passed=True)


def test_what_a_gate_refused_is_a_point_that_did_not_pass() -> None:
    found = point(3, 5, {"passed": True, "refused": True, "candidates": {"candidate": 84.0}})

    assert found is not None and not found.passed


@pytest.mark.parametrize("gate", [None, {}, {"reason": "…"}])
def test_a_style_that_no_gate_measured_is_no_point(gate: dict[str, object] | None) -> None:
    assert point(1, 5, gate) is None
