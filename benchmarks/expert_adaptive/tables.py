"""From records to rows: means over cases with patient-level intervals, and paired differences between recipes with every test.

A case's figure is its mean over seeds, starts and subsets before any statistic; the paper's t-tests run over its ten ways of sampling
and stand beside. Holm adjusts the Wilcoxon p over the family of all claims of one table.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.expert_adaptive import packs
from benchmarks.expert_adaptive.cells import FROM_NOTHING, Cell
from benchmarks.expert_adaptive.runner import Record
from worker.learning.metrics import mean_dice
from worker.learning.statistics import by_patient, holm, paired_bootstrap, paired_t, unpaired_t, wilcoxon

METRICS = ("dice", "assd", "hd95", "hd95_pooled", "one_empty")  # of a record; a distance's column names its unit
# A recipe against another, which had so many times as many corrections.
CLAIMS = (
    ("default", "paper", 1),
    ("default", "nearest", 1),
    ("default", "scratch", 1),
    ("default", "alone", 1),
    ("paper", "alone", 1),
    ("paper", "nearest", 1),
    ("default", "paper", 2),
)
Row = dict[str, Any]


class Group(NamedTuple):
    """What one line of a table is about."""

    data: str
    table: str
    target: str
    corrections: int
    pool_size: int
    recipe: str


class Scores(NamedTuple):
    """One group's figures by metric: per case (all seeds, starts and subsets), and per way of sampling (averaged over the rest)."""

    by_case: dict[str, dict[str, list[float]]]
    by_way: dict[str, dict[int, list[float]]]
    records: list[Record]

    def cases(self, metric: str) -> list[float]:
        """One figure per case, in the order of the cases' names."""
        return by_patient(self.by_case[metric])

    def ways(self, metric: str) -> list[float]:
        """One figure per start index, in order: the paper's ten results of a cell."""
        return [float(np.mean(values)) for _, values in sorted(self.by_way[metric].items())]


def collect(records: Sequence[Record]) -> dict[Group, Scores]:
    """Records sorted into lines of a table."""
    groups: dict[Group, Scores] = {}
    for record in records:
        cell = Cell.from_dict(record["cell"])
        for target, by_case in record["scores"].items():
            group = _group(cell, target)
            scores = groups.setdefault(
                group, Scores(defaultdict(lambda: defaultdict(list)), defaultdict(lambda: defaultdict(list)), [])
            )
            scores.records.append(record)
            for case, figures in by_case.items():
                for metric, value in zip(METRICS, figures, strict=True):
                    scores.by_case[metric][case].append(value)
                    scores.by_way[metric][cell.start].append(value)
    return groups


def _group(cell: Cell, target: str) -> Group:
    # Table I's lines are told apart by whose masks were learnt from; a scratch line belongs to every pool of its table.
    trained_by = f" from {packs.load(cell.data).experts[cell.expert]}" if cell.table == "I" else ""
    return Group(cell.data, cell.table, target, cell.corrections, len(cell.pool), cell.recipe + trained_by)


def rows(records: Sequence[Record]) -> list[Row]:
    """One row per line: figures with 95 % intervals over cases, what it cost the others, the gate, the seeds, the processor seconds."""
    found = []
    for group, scores in collect(records).items():
        row: Row = group._asdict() | {"cases": len(scores.by_case["dice"])}
        row["seeds"] = sorted({record["cell"]["seed"] for record in scores.records})
        row["ways"] = len(scores.by_way["dice"])
        for metric in METRICS:
            interval = paired_bootstrap(scores.cases(metric), torch.Generator().manual_seed(0))
            column = f"{metric}_{packs.unit(group.data)}" if metric.startswith(("assd", "hd95")) else metric
            row[column] = round(interval.mean, 3)
            if metric != "one_empty":
                row[f"{column}_low"], row[f"{column}_high"] = round(interval.low, 3), round(interval.high, 3)
        changes = [record["others_change"] for record in scores.records if "others_change" in record]
        passed = [record["verdict"]["passed"] for record in scores.records if "passed" in record["verdict"]]
        row["others_change"] = round(float(np.mean(changes)), 3) if changes else None
        row["others_changed_most"] = max(changes, key=abs) if changes else None
        row["gate_passed"] = round(float(np.mean(passed)), 3) if passed else None
        row["cpu_seconds"] = round(float(np.mean([record["cpu_seconds"] for record in scores.records])), 1)
        found.append(row)
    return found


def claims(records: Sequence[Record], pairs: Sequence[tuple[str, str, int]] = CLAIMS) -> list[Row]:
    """Paired differences a - b in Dice where both recipes were measured on the same cases: interval, Wilcoxon, Holm, t-tests."""
    groups, found = collect(records), []
    for group, scores in groups.items():
        for a, b, times in pairs:
            pool_size = 0 if b in FROM_NOTHING else group.pool_size
            other = groups.get(group._replace(recipe=b, pool_size=pool_size, corrections=times * group.corrections))
            if group.recipe != a or other is None or set(scores.by_case["dice"]) != set(other.by_case["dice"]):
                continue
            named = "" if times == 1 else f" with {times} times as many"
            differences = [x - y for x, y in zip(scores.cases("dice"), other.cases("dice"), strict=True)]
            interval = paired_bootstrap(differences, torch.Generator().manual_seed(0))
            row: Row = group._asdict() | {"claim": f"{a} - {b}{named}", "cases": len(differences)}
            row |= {"dice": round(interval.mean, 3), "low": round(interval.low, 3), "high": round(interval.high, 3)}
            row |= {"wilcoxon": wilcoxon(differences)}
            mine, theirs = scores.ways("dice"), other.ways("dice")
            if len(mine) == len(theirs) > 1:
                row["paired_t_over_ways"] = paired_t([x - y for x, y in zip(mine, theirs, strict=True)])
                row["unpaired_t_over_ways"] = unpaired_t(mine, theirs)
            found.append(row)
    for row, adjusted in zip(found, holm([row["wilcoxon"] for row in found]), strict=True):
        row["holm"] = adjusted
        row["holds"] = row["low"] > 0 and adjusted < 0.05
    return found


def ceilings(data: str) -> list[Row]:
    """What the other experts themselves reach on each new expert, over all cases: the majority of the pool, and the best single one."""
    pack, found = packs.load(data), []
    for expert in pack.new:
        truth = [maps[expert] for maps in pack.drawn]

        def dice(drawn: Sequence[Any], truth: Sequence[Any] = truth) -> float:
            both = zip(drawn, truth, strict=True)
            return 100 * float(np.mean([mean_dice(one, other, pack.labels) for one, other in both]))

        single = {pack.experts[one]: dice([maps[one] for maps in pack.drawn]) for one in pack.pool}
        best = max(single, key=lambda name: single[name])
        majority = dice([pack.majority(case, pack.pool) for case in range(len(pack.cases))])
        found.append({
            "data": data, "target": pack.experts[expert], "majority_of_pool": round(majority, 2),
            "best_single": best, "best_single_dice": round(single[best], 2),
        })  # fmt: skip
    return found
