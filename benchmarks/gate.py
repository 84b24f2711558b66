"""A9: is the gate right? Whole personalise jobs on real experts, fed with honest corrections and with spoilt ones.

`python -m benchmarks.gate [--small | --full]`: two packs, two doctors each who taught the network nothing, `--starts` beginnings each, the
product's small network at 64 pixels. A doctor's *first* job has five corrections, the average style being live; the *second* has those five,
honest, and five more, the first job's style being live. The five in question are honest or spoilt in one way. What a style is worth is its
Dice with the doctor's own masks on cases of which no network, job or gate saw anything: it is harmful where that is at least MARGIN below
what was live before, good where it is as much above. Resumable: a line per doctor and beginning; times are processor seconds.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from benchmarks.expert_adaptive import packs, recipes
from benchmarks.expert_adaptive.cells import starts, support
from benchmarks.expert_adaptive.measure import load_taught, scores, teach
from benchmarks.figures import Figure, commit, machine, report, say, write_table
from worker.learning import Reading, Trained

NAME = "gate"
MARGIN = 0.5  # points of Dice
EACH = 5  # corrections of one kind
TESTED = (1, 3)  # cases whose number leaves one of these after division by five
NEW = {"qubiq-brain-growth": ("Exp6", "Exp7"), "bubil-ds2a": ("2A_Person2_Amira", "2A_Person3_Amira")}
NOT_POOLED = {"bubil-ds2a": ("2A_Person2_ImageJ", "2A_Person3_ImageJ")}  # the same persons' other tool
WRONG_OBJECT = {"2A_Person2_Amira": "p10", "2A_Person3_Amira": "p20"}  # the neighbouring cell, by mistake
Record = dict[str, Any]


class Doctor(NamedTuple):
    """Somebody new, and at which training case they begin."""

    data: str
    expert: str
    start: int
    seed: int


class Live(NamedTuple):
    """The style a job has to beat, and the revisions behind it."""

    row: Tensor
    adapter: Tensor | None = None
    trained_on: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Place:
    """What the jobs of one pack and seed share."""

    pack: packs.Pack
    trained: Trained
    device: str

    def worth(self, style: Live, expert: int) -> float:
        """Mean Dice in points with the expert's own masks on the test cases."""
        found = scores(
            self.pack, self.trained.weights, self.trained.config, style.row, style.adapter, (expert,), self.pack.test,
            self.device,
        )[self.pack.experts[expert]]  # fmt: skip
        return float(np.mean([case[0] for case in found.values()]))


def halves(data: str) -> packs.Pack:
    """The pack with two new experts and two cases in five to test on; persons who are new are not in the pool with another tool."""
    pack, every = packs.load(data), range(len(packs.load(data).cases))
    new = tuple(map(pack.experts.index, NEW[data]))
    left_out = {*new, *map(pack.experts.index, NOT_POOLED.get(data, ()))}
    pool = tuple(expert for expert in range(len(pack.experts)) if expert not in left_out)
    test = tuple(case for case in every if case % 5 in TESTED)
    return replace(pack, pool=pool, new=new, test=test, train=tuple(case for case in every if case not in test))


def spoilt(pack: packs.Pack, expert: int, cases: Sequence[int]) -> dict[str, list[Reading]]:
    """The corrections of these cases, as the expert made them and spoilt in each way, by kind."""
    own = [pack.reading(case, expert) for case in cases]
    other = next(one for one in pack.new if one != expert)
    moved = [*own[1:], own[0]]
    kinds = {
        "honest": own,
        "scrambled": [replace(one, labels_DHW=next_.labels_DHW) for one, next_ in zip(own, moved, strict=True)],
        "another's": [replace(one, labels_DHW=pack.drawn[case][other]) for one, case in zip(own, cases, strict=True)],
        "duplicates": [replace(own[0], revision=f"{own[0].revision}-{again}") for again in range(len(own))],
        "empty": [replace(one, labels_DHW=np.zeros_like(one.labels_DHW)) for one in own],
    }
    mistaken = WRONG_OBJECT.get(pack.experts[expert])
    if mistaken is not None:
        kinds["wrong object"] = [*own[:-1], pack.reading(pack.cases.index(mistaken), expert)]
    return kinds


def job(place: Place, expert: int, live: Live, corrections: list[Reading], seed: int) -> tuple[Record, Live]:
    """One personalisation as the product runs it: what the gate said, what the style is worth, and what is live afterwards."""
    trained, began = place.trained, time.process_time()
    made = recipes.METHOD.personalise(
        trained.weights, recipes.our_default(trained.config), trained.rows, corrections, live_row=live.row,
        live_adapter=live.adapter, live_trained_on=live.trained_on, generator_seed=seed, device=place.device,
    )  # fmt: skip
    seconds = time.process_time() - began
    judged = {case.revision for case in made.gate.cases} if made.gate.held_out == "patients" else set()
    style = Live(made.row, made.adapter, frozenset(one.revision for one in corrections if one.revision not in judged))
    before, after = place.worth(live, expert), place.worth(style, expert)
    record = {
        "passed": made.gate.passed, "origin": made.origin, "before": round(before, 3), "change": round(after - before, 3),
        "held_out": made.gate.held_out, "suspects": list(made.suspect_revisions), "reason": made.gate.reason,
        "cpu_seconds": round(seconds, 2),
    }  # fmt: skip
    return record, style if made.gate.passed else live


def career(place: Place, doctor: Doctor) -> list[Record]:
    """A first job of every kind, and after the honest one a second of every kind."""
    pack, found = place.pack, list[Record]()
    expert = pack.experts.index(doctor.expert)
    mistaken = WRONG_OBJECT.get(doctor.expert)
    cases = support(tuple(c for c in pack.train if pack.cases[c] != mistaken), doctor.start, 2 * EACH)
    live = average = Live(place.trained.consensus_row())
    first = spoilt(pack, expert, cases[:EACH])
    for kind, corrections in first.items():
        record, outcome = job(place, expert, average, corrections, doctor.seed)
        found.append({"history": "first", "kind": kind} | record)
        live = outcome if kind == "honest" else live
    for kind, corrections in spoilt(pack, expert, cases[EACH:]).items():
        record, _ = job(place, expert, live, first["honest"] + corrections, doctor.seed)
        found.append({"history": "second", "kind": kind} | record)
    return found


def tally(jobs: Sequence[Record]) -> Record:
    """How many of these candidates were harmful and good, and how many of those the gate refused and passed."""
    harmful, good = ([one for one in jobs if sign * one["change"] >= MARGIN] for sign in (-1, 1))
    went_live = [one["change"] for one in jobs if one["passed"]]
    return {
        "jobs": len(jobs), "passed": len(went_live),
        "harmful": len(harmful), "harmful_refused": sum(not one["passed"] for one in harmful),
        "good": len(good), "good_passed": sum(one["passed"] for one in good),
        "worst_that_went_live": min(went_live, default=0.0),
    }  # fmt: skip


def rows(records: Sequence[Record]) -> list[Record]:
    """The tally of every history and kind, and of all together."""
    jobs = [one for record in records for one in record["jobs"]]
    groups = dict.fromkeys((one["history"], one["kind"]) for one in jobs)
    found = [
        {"history": history, "kind": kind} | tally([j for j in jobs if (j["history"], j["kind"]) == (history, kind)])
        for history, kind in groups
    ]
    return [*found, {"history": "all", "kind": "all"} | tally(jobs)]


def figures_of(table: Sequence[Record]) -> list[Figure]:
    """A9's two shares with their limits; what went live at its worst, by kind."""
    everything = table[-1]
    found = [
        Figure(f"{row['history']}/{row['kind']}/worst that went live", row["worst_that_went_live"], "points")
        for row in table
        if row["passed"]
    ]
    for name, of, limit in (("harmful_refused", "harmful", 1.0), ("good_passed", "good", 0.8)):
        if everything[of]:
            found.append(Figure(name, round(everything[name] / everything[of], 3), "share", limit, "at least"))
    return found


def measured(doctors: Sequence[Doctor], folder: Path, path: Path, options: dict[str, Any], device: str) -> list[Record]:
    """A line per doctor in the file; what is there already is not measured again."""
    done = {}
    if path.is_file():
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")  # without a line torn by a kill
        done = {Doctor(*record["doctor"]): record for record in map(json.loads, lines)}
    at: Callable[[str, int], Place] = _places(folder, options, device)
    for number, doctor in enumerate(doctors, start=1):
        if doctor in done:
            continue
        jobs = career(at(doctor.data, doctor.seed), doctor)
        done[doctor] = {"doctor": list(doctor), "jobs": jobs}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(done[doctor]) + "\n")
        say(f"[{number}/{len(doctors)}] {doctor}: {tally(jobs)}")
    return [done[doctor] for doctor in doctors]


def _places(folder: Path, options: dict[str, Any], device: str) -> Callable[[str, int], Place]:
    """Networks are pretrained when they are first asked for and kept in the folder."""
    kept: dict[tuple[str, int], Place] = {}

    def place(data: str, seed: int) -> Place:
        if (data, seed) not in kept:
            pack, config = halves(data), recipes.pretraining_config("small", **options)
            path = folder / f"gate-{data}-{seed}-{config.sha256()[:16]}.safetensors"
            readings = [pack.reading(case, expert) for case in pack.train for expert in pack.pool]
            say(f"network of {data} in {teach(path, readings, config, seed, device):.0f} processor seconds")
            kept[data, seed] = Place(pack, load_taught(path), device)
        return kept[data, seed]

    return place


def doctors_of(asked: argparse.Namespace) -> Iterator[Doctor]:
    """Every new expert of every pack at every beginning. Raises PackAbsent."""
    for data, seed in ((data, seed) for data in asked.data.split(",") for seed in map(int, asked.seeds.split(","))):
        training = len(halves(data).train)
        for expert in NEW[data]:
            for start in starts(training, asked.starts):
                yield Doctor(data, expert, (start + 5 * seed) % training, seed)


def main() -> int:
    """Measure what is missing, write the table, print the closing JSON line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--small", action="store_true", help="64 pixels, three beginnings (the default)")
    size.add_argument("--full", action="store_true", help="the product's own size, six beginnings, three seeds")
    parser.add_argument("--data", default=",".join(NEW), help=f"comma-separated among {', '.join(NEW)}")
    parser.add_argument("--starts", type=int, help="beginnings per expert")
    parser.add_argument("--seeds", help="comma-separated numbers")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--folder", type=Path, default=Path("data/benchmarks/gate"), help="networks and records")
    parser.add_argument("--name", default="table", help="of the records and the output")
    asked = parser.parse_args()
    asked.starts = asked.starts or (6 if asked.full else 3)
    asked.seeds = asked.seeds or ("1,2,3" if asked.full else "1")
    options: dict[str, Any] = {} if asked.full else {"size": 64}
    try:
        doctors = list(doctors_of(asked))
    except packs.PackAbsent as absent:
        say(f"skipped: {absent}")
        return report(NAME, [], skipped=str(absent))
    asked.folder.mkdir(parents=True, exist_ok=True)
    records = measured(doctors, asked.folder, asked.folder / f"{asked.name}.jsonl", options, asked.device)
    table = rows(records)
    write_table(asked.folder / f"{asked.name}.json", {
        "command": "python -m benchmarks.gate " + " ".join(sys.argv[1:]), "commit": commit(), "date": datetime.now(UTC).date().isoformat(),
        "machine": machine() | {"device": asked.device},
        "versions": {name: version(name) for name in ("torch", "monai", "numpy", "scipy")},
        "margin": MARGIN, "options": options, "rows": table,
    })  # fmt: skip
    return report(NAME, figures_of(table), seeds=asked.seeds, margin=MARGIN)


if __name__ == "__main__":
    sys.exit(main())
