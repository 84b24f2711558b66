"""How an expert's style grew with their annotations, and how many more would reach a goal.

A point is one personalisation: the Dice its gate measured on the expert's own held-out corrections, beside what was live
then, the closest colleague's untouched style and the average one, on the same cases. The curve is an inverse power law,
dice(n) = ceiling - loss / sqrt(n) (Figueroa et al., BMC Med Inform Decis Mak 12:8, 2012, with the exponent held at one half,
because a handful of points cannot tell an exponent from noise). Fails closed: too few or contradicting points give
a sentence and no number. Points of different jobs were measured on different cases, so the curve is a guide, not a test.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

LEAST_POINTS = 3
FURTHEST = 4  # times the present number of readings: further than that nobody should trust a curve

Outlook = Literal["reached", "reachable", "far", "beyond", "unknown"]


@dataclass(frozen=True)
class CurvePoint:
    """One personalisation. Dice in points (0-100); None where the gate had nothing to compare with."""

    number: int
    readings: int
    dice: float
    live: float | None
    nearest: float | None
    consensus: float | None
    passed: bool


@dataclass(frozen=True)
class Forecast:
    """What the curve says about a goal in Dice points.

    more: further readings until the goal, for `reachable` alone. ceiling: where the curve flattens; spread: standard
    deviation of the points around it; both None where there is no curve.
    """

    outlook: Outlook
    more: int | None
    ceiling: float | None
    spread: float | None


def point(number: int, readings: int, gate: Mapping[str, Any] | None) -> CurvePoint | None:
    """The curve's point of a style, or None for one that no gate has measured."""
    candidates = (gate or {}).get("candidates") or {}
    if gate is None or "candidate" not in candidates:
        return None
    figures = {name: float(value) for name, value in candidates.items()}
    return CurvePoint(
        number,
        readings,
        figures["candidate"],
        figures.get("live"),
        figures.get("nearest"),
        figures.get("consensus"),
        passed=not gate.get("refused", not gate.get("passed", False)),
    )


def forecast(points: Sequence[CurvePoint], goal: float) -> Forecast:
    """How many more readings the curve through these points asks for, until `goal` Dice points."""
    if points and max(points, key=lambda p: p.readings).dice >= goal:
        return Forecast("reached", None, *_shape(points))
    ceiling, spread = _shape(points)
    if ceiling is None:
        return Forecast("unknown", None, None, None)
    if ceiling <= goal:
        return Forecast("beyond", None, ceiling, spread)
    slope, now = _slope(points), max(p.readings for p in points)
    needed = math.ceil((slope / (ceiling - goal)) ** 2)
    if needed > FURTHEST * now:
        return Forecast("far", None, ceiling, spread)
    return Forecast("reachable", max(1, needed - now), ceiling, spread)


def _shape(points: Sequence[CurvePoint]) -> tuple[float | None, float | None]:
    """Ceiling and spread of the fitted curve; (None, None) with too few points or where more readings did not help."""
    if len({p.readings for p in points}) < LEAST_POINTS or (slope := _slope(points)) <= 0:
        return None, None
    ceiling = _mean([p.dice for p in points]) + slope * _mean([_x(p) for p in points])
    residuals = [p.dice - (ceiling - slope * _x(p)) for p in points]
    return min(100.0, ceiling), math.sqrt(sum(r * r for r in residuals) / max(1, len(points) - 2))


def _slope(points: Sequence[CurvePoint]) -> float:
    """Dice points lost per 1/sqrt(n), by least squares."""
    x0, y0 = _mean([_x(p) for p in points]), _mean([p.dice for p in points])
    return -sum((_x(p) - x0) * (p.dice - y0) for p in points) / sum((_x(p) - x0) ** 2 for p in points)


def _x(p: CurvePoint) -> float:
    return 1 / math.sqrt(max(1, p.readings))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
