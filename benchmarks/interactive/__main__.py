"""What a few drawn slices are worth: `python -m benchmarks.interactive [--small | --full] [--only proxies strategies waits]`.

B1, B2, B4, B6, B7 of LEARNING.md section 10. Every value of the table there is a limit here. `--small` (default, two minutes on two cores) takes
12 of the 40 test hippocampi, `--full` all of them. Rows of every case go to `--out` as JSON lines.
"""

import argparse
import json
import os
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import Figure, report, say
from benchmarks.interactive import propagation, sets, strategies

# LEARNING.md section 4: nearest copy, preview rule, demons (the better of its two columns). (set, every) → (preview, refined)
TABLE = {
    ("hippocampus", 4): (89.8, 91.1),
    ("hippocampus", 8): (83.6, 87.2),
    ("hippocampus", 12): (75.9, 82.6),
    ("brain T1 white matter", 5): (86.9, 90.3),
    ("brain T1 white matter", 10): (76.3, 85.7),
    ("brain T1 ventricles", 10): (65.1, 85.6),
    ("aorta CT", 8): (96.2, 97.4),
}
LESIONS = {"ctlesion_000001_02_01": (51.8, 93.6), "ctlesion_000009_03_01": (43.5, 82.4)}
SEEDS = range(5)
PARTS = ["proxies", "strategies", "waits"]
WAITS_MS = {
    "volume 64x256x256, preview": 100.0,
    "volume 64x256x256, refined": 10_000.0,
    "gap of 8 slices, 60x50, refined": 300.0,
}


def main() -> int:
    """Measure what is lent; without any, say so and measure nothing but times."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.interactive", description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--small", action="store_true")
    parser.add_argument(
        "--only", choices=PARTS, nargs="+", default=PARTS, help="waits want a machine that is idle for a minute"
    )
    parser.add_argument("--out", type=Path, help="a file for the rows of every case")
    asked = parser.parse_args()
    for missing in {"msd-hippocampus", "volumes3d"} - set(sets.names()):
        say(f"SKIPPED {missing}: not under {sets.PACK}")
    os.environ["OMP_NUM_THREADS"] = "1"
    figures, rows = list[Figure](), list[dict[str, Any]]()
    with ProcessPoolExecutor(os.cpu_count() or 1) as pool:
        tasks = list(sets.tasks(40 if asked.full else 12)) if {"proxies", "strategies"} & set(asked.only) else []
        if "proxies" in asked.only:
            rows = [
                {"set": task.set, "case": task.case, "every": task.every, **found}
                for task, found in zip(tasks, pool.map(propagation.score, tasks), strict=True)
                if found is not None
            ]
            figures += proxy_figures(rows)
        if "strategies" in asked.only:
            read = [task for task in tasks if task.set == "hippocampus" and task.every == 8]
            sessions = [(task, name, seed) for task in read for name in strategies.STRATEGIES for seed in SEEDS]
            steps = [step for found in pool.map(strategies.session, *zip(*sessions, strict=True)) for step in found]
            figures += strategy_figures(steps)
    if "waits" in asked.only:
        figures += waits()
    if asked.out:
        asked.out.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return report("interactive", figures, cases=len(rows), parts=asked.only)


def waits() -> list[Figure]:
    """B6."""
    return [
        Figure(f"B6 {name}", round(1000 * seconds, 1), "ms", WAITS_MS.get(name))
        for name, seconds in propagation.seconds(propagation.timed()).items()
    ]


def strategy_figures(steps: list[strategies.Step]) -> list[Figure]:
    """B4: Dice after so many slices, and every strategy against fixed interval; B7: the band's coverage."""
    figures = []
    for name, curve in strategies.curves(steps).items():
        say(f"B4 {name}: { {drawn: round(value, 1) for drawn, value in curve.items()} }")
        figures += [Figure(f"B4 {name}, {drawn} slices", round(value, 2), "points") for drawn, value in curve.items()]
    for name in strategies.STRATEGIES[1:]:
        for budget in (5, 8):
            mean, low, high = strategies.difference(steps, name, "fixed_interval", budget)
            say(f"B4 {name} - fixed interval, {budget} slices: {mean:+.2f} [{low:+.2f}, {high:+.2f}]")
            figures.append(Figure(f"B4 {name} - fixed interval, {budget} slices", round(mean, 2), "points"))
            figures.append(Figure(f"B4 {name} - fixed interval, {budget} slices, low", round(low, 2), "points"))
            figures.append(Figure(f"B4 {name} - fixed interval, {budget} slices, high", round(high, 2), "points"))
    covered, width = strategies.coverage(steps)
    missed = round(abs(100 * covered - 100 * strategies.NOMINAL), 1)
    figures.append(Figure("B7 coverage of the 90 % band, distance from nominal", missed, "points", 5.0))
    figures.append(Figure("B7 half width of the band", round(width, 1), "points"))
    return figures


def proxy_figures(rows: list[dict[str, Any]]) -> list[Figure]:
    """B1 and B2: means over cases, beside the table's values; the preview also against copying on the same cases."""
    grouped: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        name = str(row["case"]) if row["set"] == "CT lesion" else str(row["set"])
        grouped[name, int(row["every"])].append(row)
    figures: list[Figure] = []
    for (name, every), group in grouped.items():
        means = {way: round(float(np.mean([row[way] for row in group])), 1) for way in ("copy", "preview", "refined")}
        say(f"{name}, 1 in {every}, {len(group)} cases: {means}")
        preview, refined = TABLE.get((name, every), LESIONS.get(name, (None, None)))
        where = f"{name}, 1 in {every}"
        figures += [
            Figure(f"B1 {where}: nearest copy", means["copy"], "points"),
            Figure(f"B1 {where}: preview", means["preview"], "points", preview, "at least"),
            Figure(
                f"B1 {where}: preview over copy", round(means["preview"] - means["copy"], 1), "points", -1.0, "at least"
            ),
            Figure(f"B1 {where}: refined", means["refined"], "points", refined, "at least"),
        ]
        if (name, every) == ("hippocampus", 8):
            area = round(float(np.nanmean([row["auroc"] for row in group])), 3)
            figures.append(Figure(f"B2 {where}: AUROC of the confidence", area, "share", 0.92, "at least"))
    return figures


if __name__ == "__main__":
    raise SystemExit(main())
