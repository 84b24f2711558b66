"""`dpersona` on real experts: spread, identity and calibration against D-Persona as published and a probabilistic U-Net.

`--small` (default): C2, C3 and X1 on qubiq-brain-growth, three of seven folds, for two cores in about 40 minutes.
`--tiny`: one fold and a third of the steps: shows that it runs and which way things point, and is labelled so.
`--full`: three folds of every pack with the ResNet networks at 128 pixels; for a GPU. Interrupt it at will: the same command goes on.
"""

import argparse
import json
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.dpersona import cells, figure, tables
from benchmarks.dpersona.cells import METHODS, PACKS, Cell
from benchmarks.dpersona.measure import OUR_SIZE, PUBLISHED_SIZE, SAMPLES, STEPS, Setting, measure
from benchmarks.expert_adaptive.packs import PackAbsent
from benchmarks.figures import Figure, machine, report, say, write_table

NAME = "dpersona"
FOLDS = {"tiny": [0], "small": [4, 5, 6], "full": [4, 5, 6]}  # folds 0 to 3 chose the unified variant's losses


def asked_for() -> argparse.Namespace:
    """The command line; the scale fills in what is not said."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dpersona", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    for scale in STEPS:
        size.add_argument(f"--{scale}", dest="scale", action="store_const", const=scale)
    parser.set_defaults(scale="small")
    parser.add_argument("--data", help=f"comma-separated among {', '.join(PACKS)}")
    parser.add_argument("--methods", default=",".join(METHODS), help="comma-separated")
    parser.add_argument("--folds", help="comma-separated among 0 to 6")
    parser.add_argument("--seeds", help="comma-separated numbers")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes; 1 on a GPU")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--folder", type=Path, default=Path("data/benchmarks/dpersona"), help="checkpoints and records")
    parser.add_argument("--out", type=Path, help="where NAME.json and NAME.svg go; default: the folder")
    parser.add_argument("--name", help="of the outputs; default: the scale")
    asked = parser.parse_args()
    asked.data = (asked.data or (",".join(PACKS) if asked.scale == "full" else PACKS[0])).split(",")
    asked.methods = asked.methods.split(",")
    asked.folds = FOLDS[asked.scale] if asked.folds is None else [int(fold) for fold in asked.folds.split(",")]
    asked.seeds = [int(seed) for seed in (asked.seeds or ("1,2,3" if asked.scale == "full" else "1")).split(",")]
    return asked


def run(todo: list[Cell], setting: Setting, path: Path, workers: int) -> list[dict[str, Any]]:
    """Measure what the file does not hold yet, a line each as it ends; a line torn by a kill is measured again."""
    done: dict[Cell, dict[str, Any]] = {}
    if path.is_file():
        for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
            record = json.loads(line)
            done[Cell(**record["cell"])] = record
        path.write_text("".join(json.dumps(record) + "\n" for record in done.values()), encoding="utf-8")
    missing = [cell for cell in todo if cell not in done]
    if missing:
        path.parent.mkdir(parents=True, exist_ok=True)
        say(f"{len(todo) - len(missing)} of {len(todo)} cells are there; {len(missing)} to do on {workers} process(es)")
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            for future in as_completed([pool.submit(measure, setting, cell) for cell in missing]):
                record = future.result()
                cell = Cell(**record["cell"])
                done[cell] = record
                with path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(record) + "\n")
                say(f"{cell} in {record['cpu_seconds']:.0f} processor seconds")
    return [done[cell] for cell in todo]


def write(asked: argparse.Namespace, records: list[dict[str, Any]]) -> dict[str, Any]:
    """The table as data (how to make it again, rows, claims, per-case scores) and as a picture."""
    name, out = asked.name or asked.scale, asked.out or asked.folder
    table = {
        "command": "python -m benchmarks.dpersona " + " ".join(sys.argv[1:]),
        "date": datetime.now(UTC).date().isoformat(),
        "scale": asked.scale,
        "size": f"{OUR_SIZE[asked.scale]} px folded 2x2, published networks {PUBLISHED_SIZE[asked.scale]} px, "
        f"{STEPS[asked.scale]} steps, {SAMPLES} samples, folds {asked.folds} of 7",
        "machine": machine() | {"device": asked.device},
        "versions": {each: version(each) for each in ("torch", "monai", "numpy", "scipy", "SimpleITK")},
        "empty_masks": "two empty masks: IoU and Dice 1; one empty: 0; ged_released: two empty masks are 1 apart",
        "band": "voxels within 5 px (city block) of any mask's outside or of all masks' inside",
        "rows": tables.rows(records),
        "claims": tables.claims(records),
        "records": records,
    }
    write_table(out / f"{name}.json", table)
    figure.draw(table["rows"], out / f"{name}.svg")
    return table


def figures_of(table: dict[str, Any]) -> list[Figure]:
    """The closing figures; limits (C2, C3, X1) are held only on the pack they were stated for."""
    found = []
    for row in table["rows"]:
        place, ours = f"{row['data']}/{row['method']}", row["method"] == "unified" and row["data"] == PACKS[0]
        found += [Figure(f"{place}/{name}", row[name], "squared distance") for name in ("ged_v", "ged_u")]
        found.append(Figure(f"{place}/qubiq", row["qubiq"], "points"))
        found.append(Figure(f"{place}/ece", row["ece"], "share", 0.05 if ours else None))
        apart = round(abs(row["pairwise_predictions"] - row["pairwise_masks"]), 4)
        found.append(Figure(f"{place}/pairwise_apart", apart, "points", 2.0 if ours else None))
        if "identity_dice" in row:
            found.append(Figure(f"{place}/identity_dice", row["identity_dice"], "points"))
            found.append(Figure(f"{place}/own_best", row["own_best"], "experts", 6 if ours else None, "at least"))
        if row["samples_on_top"] is not None:
            found.append(
                Figure(f"{place}/samples_on_top", row["samples_on_top"], "forward passes", 0.25 if ours else None)
            )
    for row in table["claims"]:
        place = f"{row['data']}/{row['claim']}/{row['figure']}"
        headline = row["data"] == PACKS[0] and row["claim"] == "unified - published"
        if row["ratio"] is not None:
            found.append(Figure(f"{place}/ratio", row["ratio"], "ratio", 0.83 if headline else None))
            continue
        fused = row["data"] == PACKS[0] and row["claim"] in ("unified - majority", "unified - staple")
        limit = 1.0 if headline and row["figure"] == "identity" else 0.0 if fused and row["figure"] == "qubiq" else None
        found.append(Figure(place, row["mean"], "points", limit, "at least"))
        found += [Figure(f"{place}/low", row["low"], "points"), Figure(f"{place}/high", row["high"], "points")]
    return found


def main() -> int:
    """Measure what is missing, write the table, print the closing JSON line."""
    os.environ["OMP_NUM_THREADS"] = "1"  # before a worker process imports torch
    asked = asked_for()
    setting = Setting(asked.folder, asked.scale, asked.device)
    try:
        for data in asked.data:
            cells.load(data)
    except PackAbsent as absent:
        say(f"skipped: {absent}")
        return report(NAME, [], skipped=str(absent))
    todo = [
        Cell(data, fold, method, seed)
        for data in asked.data
        for seed in asked.seeds
        for fold in asked.folds
        for method in asked.methods
        if method in METHODS
    ]
    records = run(todo, setting, asked.folder / f"{asked.scale}.jsonl", asked.workers)
    return report(NAME, figures_of(write(asked, records)), seeds=asked.seeds, scale=asked.scale)


if __name__ == "__main__":
    sys.exit(main())
