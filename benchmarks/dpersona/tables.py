"""Records to a table: one row per pack and method, paired claims, each figure with its interval over cases."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from benchmarks.dpersona.cells import METHODS
from worker.learning.diversity import Reliability
from worker.learning.statistics import by_patient, paired_bootstrap, wilcoxon

Record = dict[str, Any]
FIGURES = (
    "ged_v", "ged_u", "ged_released", "soft_dice", "dice_max", "dice_max_reverse", "dice_match", "pairwise_predictions",
    "pairwise_masks", "qubiq", "brier",
)  # fmt: skip


def rows(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Means over cases, seeds averaged within a case first. Dice in points, GED as it is."""
    found = []
    for data, method in _lines(records):
        mine = _of(records, data, method)
        row: dict[str, Any] = {"data": data, "method": method, "cases": len(_by_case(mine, "ged_v"))}
        row |= {"seeds": sorted({r["cell"]["seed"] for r in mine}), "folds": sorted({r["cell"]["fold"] for r in mine})}
        row |= {name: next(iter(mine[0]["cases"].values()))[name] for name in ("predictions", "masks")}
        for name in FIGURES:
            scale = 1 if name.startswith(("ged", "brier")) else 100
            row[name] = round(scale * float(np.mean(by_patient(_by_case(mine, name)))), 4)
        row |= {"ece": round(_ece(mine, "bins"), 4), "ece_of_votes": round(_ece(mine, "bins_of_votes"), 4)}
        if (matrix := _matrix(mine)) is not None:
            row["identity_dice"] = round(100 * float(np.diagonal(matrix).mean()), 3)
            row["own_best"] = int((matrix.argmax(1) == np.arange(len(matrix))).sum())
            row["best_by_own"] = int((matrix.argmax(0) == np.arange(len(matrix))).sum())
            row["matrix"] = [[round(100 * float(v), 2) for v in line] for line in matrix]
        costs = [r["cost"]["samples_on_top"] for r in mine if "cost" in r]
        row["samples_on_top"] = round(float(np.median(costs)), 3) if costs else None
        row["cpu_seconds"] = round(float(np.mean([r["cpu_seconds"] for r in mine])), 1)
        found.append(row)
    return found


def claims(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Unified against every other method, paired by case: differences with a 95 % interval and Wilcoxon's p; GED also as a ratio."""
    found = []
    for data, method in _lines(records):
        if method == "unified" or (data, "unified") not in _lines(records):
            continue
        for name in ("ged_v", "ged_u", "qubiq", "identity"):
            ours, theirs = (_by_case(_of(records, data, one), name) for one in ("unified", method))
            both = sorted(set(ours) & set(theirs))
            if not both or ours[both[0]][0] is None:
                continue
            a, b = (np.array([np.mean(values[case]) for case in both]) for values in (ours, theirs))
            scale = 1 if name.startswith("ged") else 100
            interval = paired_bootstrap((scale * (a - b)).tolist(), torch.Generator().manual_seed(0))
            ratio = round(float(a.mean() / b.mean()), 4) if name.startswith("ged") else None
            found.append({
                "data": data, "claim": f"unified - {method}", "figure": name, "cases": len(both), "mean": round(interval.mean, 4),
                "low": round(interval.low, 4), "high": round(interval.high, 4), "ratio": ratio, "wilcoxon": round(wilcoxon(a - b), 5),
            })  # fmt: skip
    return found


def _lines(records: Sequence[Record]) -> list[tuple[str, str]]:
    seen = {(r["cell"]["data"], r["cell"]["method"]) for r in records}
    return sorted(seen, key=lambda line: (line[0], METHODS.index(line[1])))


def _of(records: Sequence[Record], data: str, method: str) -> list[Record]:
    return [r for r in records if (r["cell"]["data"], r["cell"]["method"]) == (data, method)]


def _by_case(records: Sequence[Record], name: str) -> dict[str, list[Any]]:
    """Case → one value per seed; identity is the mean of a matrix's diagonal, None where a pack has no persons."""
    found: dict[str, list[Any]] = {}
    for record in records:
        for case, scores in record["cases"].items():
            if name == "identity":
                value = float(np.diagonal(scores["matrix"]).mean()) if "matrix" in scores else None
            else:
                value = scores[name]
            found.setdefault(case, []).append(value)
    return found


def _matrix(records: Sequence[Record]) -> Any:
    all_of = [scores["matrix"] for r in records for scores in r["cases"].values() if "matrix" in scores]
    return np.mean(all_of, axis=0) if all_of else None


def _ece(records: Sequence[Record], name: str) -> float:
    bins = [Reliability(*map(np.array, scores[name])) for r in records for scores in r["cases"].values()]
    return sum(bins[1:], bins[0]).ece
