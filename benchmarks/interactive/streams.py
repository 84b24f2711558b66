"""B3, B5 and B7 from the rows of `benchmarks.interactive.stream`: `python -m benchmarks.interactive.streams ROWS…`.

B3: of how many of all slices the test Dice reaches 95 % of what full annotation gives, for the branch and for a network that begins from
nothing. B5: prequential Dice and forgetting. B7: each volume's rounds judged by a band made on the others of its stream.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import Figure, report, say
from worker.learning.stopping import NOMINAL, band

ENOUGH = 0.95
FEWER = 62.0


def main() -> int:
    """Read rows of any number of seeds; a way is told by the mean over them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.interactive.streams", description=__doc__)
    parser.add_argument("rows", type=Path, nargs="+")
    rows = [json.loads(line) for file in parser.parse_args().rows for line in file.read_text().splitlines()]
    figures: list[Figure] = []
    for way in dict.fromkeys(row["way"] for row in rows):
        figures += of_way(way, [row for row in rows if row["way"] == way])
    for row in (row for row in rows if row["way"] == "all"):
        figures += stopping(row)
    return report("interactive-streams", figures, rows=len(rows), seeds=sorted({row["seed"] for row in rows}))


def of_way(way: str, rows: list[dict[str, Any]]) -> list[Figure]:
    """What one way did, Dice in points."""

    def mean(*path: str | int) -> float:
        found = []
        for row in rows:
            value: Any = row
            for step in path:
                value = value[step]
            found.append(float(np.mean(value)))
        return round(float(np.mean(found)), 1)

    fewer = round(float(np.mean([100 * (1 - row["drawn"] / row["slices"]) for row in rows])), 1)
    lost = round(float(np.mean([a - b for row in rows for a, b in row["early"]])), 2)
    last = round(float(np.mean([np.mean(row["prequential"][-10:]) for row in rows])), 1)
    share = round(float(np.mean([100 * row["test"][1] / row["offline"] for row in rows])), 1)
    say(
        f"{way}: {fewer} % fewer slices; prequential {mean('prequential')} (last ten {last}), live style {mean('live')}; proxy alone "
        f"{mean('proxy')}, reading {mean('read')}; test {mean('test', 0)} -> {mean('test', 1)}, offline {mean('offline')}; forgotten {lost}"
    )
    figures = [
        Figure(f"B3 {way}: slices saved", fewer, "%", FEWER if way == "all" else None, "at least"),
        Figure(f"B3 {way}: branch of offline Dice", share, "%", 100 * ENOUGH if way == "all" else None, "at least"),
        Figure(f"B3 {way}: live style before, test Dice", mean("test", 0), "points"),
        Figure(f"B3 {way}: branch after, test Dice", mean("test", 1), "points"),
        Figure(f"B3 {way}: offline, test Dice", mean("offline"), "points"),
        Figure(f"B3 {way}: reading", mean("read"), "points"),
        Figure(f"B3 {way}: proxy alone", mean("proxy"), "points"),
        Figure(f"B5 {way}: prequential", mean("prequential"), "points"),
        Figure(f"B5 {way}: prequential, last ten", last, "points"),
        Figure(f"B5 {way}: live style on the same", mean("live"), "points"),
        Figure(f"B5 {way}: forgotten", lost, "points", 1.0 if way == "all" else None),
    ]
    if all(row["cold"] for row in rows):
        cold, full = mean("cold", 0), mean("cold", 1)
        say(f"{way}, from nothing: {cold} against {full} of every slice")
        limit = round(ENOUGH * full, 1) if way == "all" else None
        figures.append(Figure(f"B3 {way}: from nothing, test Dice", cold, "points", limit, "at least"))
        figures.append(Figure(f"B3 {way}: from nothing, every slice", full, "points"))
    return figures


def stopping(row: dict[str, Any]) -> list[Figure]:
    """B7 on one stream."""
    inside, halves = [], []
    for n, rounds in enumerate(row["rounds"]):
        others = [other for m, other in enumerate(row["rounds"]) if m != n]
        for expected, true in rounds:
            found = band(expected, others)
            if found is not None:
                inside.append(found.low <= true <= found.high)
                halves.append((found.high - found.low) / 2)
    off = round(abs(100 * float(np.mean(inside)) - 100 * NOMINAL), 1)
    where = f"B7 seed {row['seed']}"
    say(f"{where}: coverage {100 * np.mean(inside):.1f} %, half width {np.median(halves):.1f} (median)")
    return [
        Figure(f"{where}: coverage, distance from nominal", off, "points", 5.0),
        Figure(f"{where}: half width of the band, median", round(float(np.median(halves)), 1), "points"),
    ]


if __name__ == "__main__":
    raise SystemExit(main())
