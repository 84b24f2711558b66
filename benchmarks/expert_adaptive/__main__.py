"""`expert_adaptive` on real experts: does personalisation beat the paper's recipe, the untrained control, and cost nobody else?

`--small` (default): A2 and A5, all seven folds of qubiq-brain-growth with five corrections on the product's small network; about a
quarter of an hour on two cores. `--full`: Tables I, II, III of arXiv 2402.07330 with the paper's network and steps on the 28-case
pack and the cross-validation of all four real packs; for a GPU. Any cell or table: `--table II --data bubil-ds1 --recipes default,paper`.
In 3D, simulated experts on hippocampi: `--data hippocampus-simulated --table split --recipes default,nearest,paper`.
Interrupt it at will: the same command goes on where it was. Times are processor seconds of one thread per process.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.expert_adaptive import cells, figure, packs, tables
from benchmarks.expert_adaptive.measure import Setting
from benchmarks.expert_adaptive.runner import Record, run
from benchmarks.figures import Figure, commit, machine, report, say, write_table

NAME = "expert_adaptive"
LIMITS = {"Exp6": (0.9, 0.0), "Exp7": (0.4, 0.0)}  # A2 on QUBIQ, n = 5: default - paper, default - nearest


def asked_for() -> argparse.Namespace:
    """The command line; --small and --full fill in what is not said."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.expert_adaptive", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--small", action="store_true", help="one pack, small network (the default)")
    size.add_argument("--full", action="store_true", help="every table and pack, the paper's network")
    parser.add_argument("--table", help="comma-separated among I, II, III, cv (seven folds), split (the packs' own)")
    parser.add_argument("--data", help=f"comma-separated among {', '.join(packs.NAMES)}")
    parser.add_argument("--recipes", help=f"comma-separated among {', '.join((*cells.RECIPES, *cells.ABLATIONS))}")
    parser.add_argument("--seeds", default=None, help="comma-separated numbers")
    parser.add_argument("--ways", type=int, help="start indices per cell; the paper has ten")
    parser.add_argument("--corrections", default="5", help="cv, split: comma-separated numbers; 0 = all training cases")
    parser.add_argument("--folds", type=int, default=packs.FOLDS, help="cv only: the first so many of the seven")
    parser.add_argument("--scale", choices=["small", "paper"])
    parser.add_argument("--options", type=json.loads, default={}, help="JSON: options of the shared network's config")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes; 1 on a GPU")
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--folder", type=Path, default=Path("data/benchmarks/expert_adaptive"), help="networks and records"
    )
    parser.add_argument("--out", type=Path, help="where NAME.json and NAME.svg go; default: the folder")
    parser.add_argument("--name", default="table", help="of the records and the outputs")
    asked = parser.parse_args()
    asked.table = (asked.table or ("I,II,III,cv" if asked.full else "cv")).split(",")
    asked.data = (asked.data or (",".join(packs.REAL) if asked.full else packs.REAL[0])).split(",")
    shared = [recipe for recipe in cells.RECIPES if recipe not in cells.FROM_NOTHING]  # the tables bring the others
    chosen = shared if asked.full else ["default", "paper", "nearest", "consensus"]
    asked.recipes = tuple(asked.recipes.split(",") if asked.recipes else chosen)
    asked.seeds = [int(seed) for seed in (asked.seeds or ("1,2,3" if asked.full else "1")).split(",")]
    asked.ways = asked.ways or (cells.WAYS if asked.full else 1)
    asked.scale = asked.scale or ("paper" if asked.full else "small")
    return asked


def options_of(asked: argparse.Namespace) -> tuple[tuple[str, Any], ...]:
    """The shared network's options as hashable pairs; JSON's lists are tuples in a config."""
    return tuple(
        (name, tuple(value) if isinstance(value, list) else value) for name, value in sorted(asked.options.items())
    )


def wanted(asked: argparse.Namespace) -> Iterator[cells.Cell]:
    """All cells of the command. Raises PackAbsent; ValueError on a table nobody knows."""
    for data in asked.data:
        pack = packs.load(data)
        for seed in asked.seeds:
            for table in asked.table:
                if table == "I":
                    yield from cells.table_one(pack, seed)
                elif table == "II":
                    yield from cells.table_two(pack, seed, asked.recipes, asked.ways)
                elif table == "III":
                    yield from cells.table_three(pack, seed, asked.recipes, asked.ways)
                elif table in ("cv", "split"):
                    counts = tuple(int(count) for count in asked.corrections.split(","))
                    folds = range(asked.folds) if table == "cv" else [None]
                    yield from cells.cross_validation(pack, seed, asked.recipes, asked.ways, counts, folds)
                else:
                    raise ValueError(f'There is no table "{table}"; there are I, II, III, cv and split.')


def write(asked: argparse.Namespace, setting: Setting, records: list[Record]) -> dict[str, Any]:
    """The table as data (rows, claims, ceilings, and how to make it again) and as a picture."""
    out = asked.out or asked.folder
    table = {
        "command": "python -m benchmarks.expert_adaptive " + " ".join(sys.argv[1:]),
        "commit": commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine() | {"device": asked.device},
        "versions": {name: version(name) for name in ("torch", "monai", "numpy", "scipy")},
        "config_sha256": {data: setting.config(data).sha256() for data in asked.data},
        "configs": [{"data": data} | setting.config(data).as_dict() for data in asked.data],
        "units": {data: packs.unit(data) for data in asked.data},
        "rows": tables.rows(records),
        "claims": tables.claims(records),
        "ceilings": [row for data in asked.data for row in tables.ceilings(data)],
    }
    write_table(out / f"{asked.name}.json", table)
    figure.draw(table["rows"], table["ceilings"], out / f"{asked.name}.svg")
    return table


def figures_of(table: dict[str, Any]) -> list[Figure]:
    """The closing figures: every row's Dice, every claim with its interval, and the change of the others (A5: exactly 0)."""
    found = []
    for row in table["rows"]:
        name = (
            f"{row['data']}/{row['table']}/{row['target']}/n={row['corrections']}/k={row['pool_size']}/{row['recipe']}"
        )
        found.append(Figure(name, row["dice"], "points"))
        if row["recipe"] == "default":
            found.append(Figure(f"{name}/others_change", abs(row["others_changed_most"]), "points", 0.0))
    for row in table["claims"]:
        place = (
            f"{row['data']}/{row['table']}/{row['target']}/n={row['corrections']}/k={row['pool_size']}/{row['claim']}"
        )
        headline = row["table"] == "cv" and row["data"] == packs.REAL[0] and row["corrections"] == 5
        limits = dict(zip(("default - paper", "default - nearest"), LIMITS.get(row["target"], ()), strict=False))
        found.append(Figure(place, row["dice"], "points", limits.get(row["claim"]) if headline else None, "at least"))
        found += [Figure(f"{place}/low", row["low"], "points"), Figure(f"{place}/high", row["high"], "points")]
        found += [Figure(f"{place}/wilcoxon", row["wilcoxon"], "p"), Figure(f"{place}/holm", row["holm"], "p")]
    return found


def main() -> int:
    """Measure what is missing, write the table, print the closing JSON line."""
    os.environ["OMP_NUM_THREADS"] = "1"  # before a worker process imports torch
    asked = asked_for()
    setting = Setting(asked.folder, asked.scale, options_of(asked), asked.device)
    try:
        todo = list(wanted(asked))
    except packs.PackAbsent as absent:
        say(f"skipped: {absent}")
        return report(NAME, [], skipped=str(absent))
    records = run(todo, setting, asked.folder / f"{asked.name}.jsonl", asked.workers)
    table = write(asked, setting, records)
    return report(NAME, figures_of(table), seeds=asked.seeds, config_sha256=table["config_sha256"])


if __name__ == "__main__":
    sys.exit(main())
