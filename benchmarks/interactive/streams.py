"""B3, B5 and B7 from the rows of `benchmarks.interactive.stream`: `python -m benchmarks.interactive.streams ROWS…`.

B3: of how many of all slices the test Dice reaches 95 % of what full annotation gives, for the branch and for a network that begins from
nothing. B5: prequential Dice and forgetting. B7: each volume's rounds judged by a band made on the others of its stream. Every figure is a
mean over seeds with its 95 % t interval, and every way stands against "all" by the differences on the same seeds.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy import stats

from benchmarks.figures import Figure, report, say
from worker.learning.stopping import NOMINAL, band

WHOLE = "all"  # the way that the others leave something out of, and that the limits are stated for


class Measure(NamedTuple):
    """What is told of one stream; `limit` holds for the way "all"."""

    name: str
    of: Callable[[dict[str, Any]], float]
    unit: str = "points"
    limit: float | None = None
    sense: Literal["at most", "at least"] = "at most"


MEASURES = (
    Measure("B3 slices saved", lambda row: 100 * (1 - row["drawn"] / row["slices"]), "%", 62.0, "at least"),
    Measure("B3 branch of offline Dice", lambda row: 100 * row["test"][1] / row["offline"], "%", 95.0, "at least"),
    Measure("B3 live style before, test Dice", lambda row: row["test"][0]),
    Measure("B3 branch after, test Dice", lambda row: row["test"][1]),
    Measure("B3 offline, test Dice", lambda row: row["offline"]),
    Measure("B3 reading", lambda row: float(np.mean(row["read"]))),
    Measure("B3 proxy alone", lambda row: float(np.mean(row["proxy"]))),
    Measure("B5 prequential", lambda row: float(np.mean(row["prequential"]))),
    Measure("B5 prequential, last ten", lambda row: float(np.mean(row["prequential"][-10:]))),
    Measure("B5 live style on the same", lambda row: float(np.mean(row["live"]))),
    Measure("B5 forgotten", lambda row: float(np.mean([then - now for then, now in row["early"]])), limit=1.0),
)
COLD = (
    Measure("B3 from nothing of every slice's Dice", lambda row: 100 * row["cold"][0] / row["cold"][1], "%", 95.0, "at least"),
    Measure("B3 from nothing, test Dice", lambda row: row["cold"][0]),
    Measure("B3 from nothing, every slice, test Dice", lambda row: row["cold"][1]),
)  # fmt: skip
STOPPING = (
    Measure("B7 coverage", lambda row: coverage(row)[0], "%"),
    Measure("B7 half width of the band, median", lambda row: coverage(row)[1]),
)


def main() -> int:
    """Read rows of any number of seeds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.interactive.streams", description=__doc__)
    parser.add_argument("rows", type=Path, nargs="+")
    rows = [json.loads(line) for file in parser.parse_args().rows for line in file.read_text().splitlines()]
    ways = {
        way: {row["seed"]: row for row in rows if row["way"] == way}
        for way in dict.fromkeys(row["way"] for row in rows)
    }
    figures: list[Figure] = []
    for way, streams in ways.items():
        cold = COLD if all(row["cold"] for row in streams.values()) else ()
        for measure in (*MEASURES, *cold, *(STOPPING if way == WHOLE else ())):
            figures += told(way, measure, streams, {} if way == WHOLE else ways.get(WHOLE, {}))
    off = [abs(coverage(row)[0] - 100 * NOMINAL) for row in ways.get(WHOLE, {}).values()]
    figures += (
        [Figure("B7 coverage, distance from nominal, worst seed", round(max(off), 1), "points", 5.0)] if off else []
    )
    return report("interactive-streams", figures, rows=len(rows), seeds=sorted({row["seed"] for row in rows}))


def told(
    way: str, measure: Measure, streams: dict[int, dict[str, Any]], whole: dict[int, dict[str, Any]]
) -> list[Figure]:
    """The mean over seeds; and what the way lacks or gains against "all" on the seeds that both have."""
    values = [measure.of(row) for row in streams.values()]
    low, high = interval(values)
    say(f"{way}: {measure.name} {np.mean(values):.2f} [{low:.2f}, {high:.2f}] {measure.unit}, {len(values)} seeds")
    limit = measure.limit if way == WHOLE else None
    found = [Figure(f"{measure.name}: {way}", round(float(np.mean(values)), 2), measure.unit, limit, measure.sense)]
    found += [
        Figure(f"{measure.name}: {way}, {end}", round(at, 2), measure.unit)
        for end, at in (("low", low), ("high", high))
    ]
    both = [measure.of(streams[seed]) - measure.of(whole[seed]) for seed in streams if seed in whole]
    if any(both):
        low, high = interval(both)
        say(f"    against {WHOLE}: {np.mean(both):+.2f} [{low:+.2f}, {high:+.2f}]")
        found.append(Figure(f"{measure.name}: {way} - {WHOLE}", round(float(np.mean(both)), 2), measure.unit))
        found.append(Figure(f"{measure.name}: {way} - {WHOLE}, low", round(low, 2), measure.unit))
        found.append(Figure(f"{measure.name}: {way} - {WHOLE}, high", round(high, 2), measure.unit))
    return found


def interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % t interval of the mean over seeds; of one seed, the value itself twice, which says nothing about chance."""
    if len(values) < 2 or not np.ptp(values):
        return float(np.mean(values)), float(np.mean(values))
    low, high = stats.t.interval(0.95, len(values) - 1, float(np.mean(values)), float(stats.sem(values)))
    return float(low), float(high)


def coverage(row: dict[str, Any]) -> tuple[float, float]:
    """Of one stream's rounds, how many in 100 lie in the band; and half its width in the median."""
    inside, halves = [], []
    for n, rounds in enumerate(row["rounds"]):
        others = [other for m, other in enumerate(row["rounds"]) if m != n]
        for expected, true in rounds:
            found = band(expected, others)
            if found is not None:
                inside.append(found.low <= true <= found.high)
                halves.append((found.high - found.low) / 2)
    return 100 * float(np.mean(inside)), float(np.median(halves))


if __name__ == "__main__":
    raise SystemExit(main())
