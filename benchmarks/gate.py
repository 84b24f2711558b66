"""A9: is the gate right? Whole personalise jobs on real experts, fed with honest corrections and with spoilt ones.

`python -m benchmarks.gate [--small | --full]`: two packs, two doctors each who taught the network nothing, `--starts` beginnings each, the
product's small network at 64 pixels. A doctor's *first* job has five corrections, the average style being live; the *second* has those five,
honest, and five more, the first job's style being live. The five in question are honest or spoilt in one way. Jobs judge by the very
corrections they are given; *rule* is what the gate says of a first job's trained style on the five later corrections, honest and unseen.
What a style is worth is its Dice with the doctor's own masks on cases of which no network, job or gate saw anything: it is harmful where
that is at least MARGIN below what was live before, good where it is as much above. Counted are all trained styles, and what went live in
place of one that was refused. Resumable: a line per doctor and beginning; times are processor seconds.
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
import torch
from torch import Tensor

from benchmarks.expert_adaptive import packs, recipes
from benchmarks.expert_adaptive.cells import starts, support
from benchmarks.expert_adaptive.measure import load_taught, scores, teach
from benchmarks.expert_adaptive.runner import Record, kept
from benchmarks.figures import Figure, commit, machine, report, say, write_table
from worker.learning import Case, Reading, Trained, gate
from worker.learning.personalisation import Personalisation, nearest_row
from worker.learning.readings import never_stop, no_progress

NAME = "gate"
MARGIN = 0.5  # points of Dice
EACH = 5  # corrections of one kind
TESTED = (1, 3)  # cases whose number leaves one of these after division by five
NEW = {"qubiq-brain-growth": ("Exp6", "Exp7"), "bubil-ds2a": ("2A_Person2_Amira", "2A_Person3_Amira")}
NOT_POOLED = {"bubil-ds2a": ("2A_Person2_ImageJ", "2A_Person3_ImageJ")}  # the same persons' other tool
WRONG_OBJECT = {"2A_Person2_Amira": "p10", "2A_Person3_Amira": "p20"}  # the neighbouring cell, by mistake


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

    def candidate(self, name: str, style: Live, live: Live, expert: int, *, passed: bool) -> Record:
        """What a style is worth beside what was live before, in points of Dice on the test cases."""
        before = self.worth(live, expert)
        change = self.worth(style, expert) - before
        return {"name": name, "passed": passed, "before": round(before, 3), "change": round(change, 3)}


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


class Watched(Personalisation):
    """A personalisation that keeps the style it trained, also where the gate refused it."""

    trained: Live | None = None

    def _learn(self, split: Any) -> Any:
        learnt = super()._learn(split)
        self.trained = Live(learnt.shipped.row, learnt.shipped.adapter)
        return learnt


def job(
    place: Place, expert: int, live: Live, corrections: list[Reading], seed: int
) -> tuple[Record, Live, Live | None]:
    """One personalisation as the product runs it: a record of its candidates, what is live afterwards, and what was trained."""
    network, began = place.trained, time.process_time()
    task = Watched(
        network.weights, recipes.our_default(network.config), network.rows, corrections, [], live.row, live.adapter,
        live.trained_on, seed, torch.device(place.device), no_progress, never_stop,
    )  # fmt: skip
    made = task.result()
    seconds = time.process_time() - began
    judged = {case.revision for case in made.gate.cases} if made.gate.held_out == "patients" else set()
    offered = Live(made.row, made.adapter, frozenset(one.revision for one in corrections if one.revision not in judged))
    is_trained = task.trained is not None and torch.equal(task.trained.row, made.row)
    candidates = []
    if task.trained is not None and not is_trained:
        candidates.append(place.candidate("trained", task.trained, live, expert, passed=False))
    name = "trained" if is_trained else f"half of {made.origin}" if "row_share" in made.metrics else made.origin
    candidates.append(place.candidate(name, offered, live, expert, passed=made.gate.passed))
    record = {
        "candidates": candidates, "held_out": made.gate.held_out, "suspects": list(made.suspect_revisions),
        "fits": [case.fits and round(case.fits, 1) for case in made.gate.cases], "reason": made.gate.reason,
        "cpu_seconds": round(seconds, 2),
    }  # fmt: skip
    return record, offered if made.gate.passed else live, task.trained


def ruled(
    place: Place, expert: int, live: Live, style: Live, learnt_from: list[Reading], unseen: list[Reading]
) -> Record:
    """What the gate's rule says of a trained style on honest corrections that it has not seen."""
    styles = {"candidate": style, "live": live, "nearest": Live(nearest_row(place.trained, learnt_from, place.device))}
    named = [
        {name: Case(one.image_CDHW, one.spacing_mm, *style[:2]) for name, style in styles.items()} for one in unseen
    ]
    predictor = recipes.METHOD.predictor(place.trained.weights, place.trained.config, place.device)
    cases = gate.measure(predictor, unseen, named, place.pack.labels)
    verdict = gate.judge(cases, "candidate", ["live", "nearest"], "patients", torch.Generator().manual_seed(0))
    candidates = [place.candidate("trained", style, live, expert, passed=verdict.passed)]
    return {"candidates": candidates, "held_out": "patients", "reason": verdict.reason}


def career(place: Place, doctor: Doctor) -> list[Record]:
    """A first job of every kind, and after the honest one a second of every kind."""
    pack, found = place.pack, list[Record]()
    expert = pack.experts.index(doctor.expert)
    mistaken = WRONG_OBJECT.get(doctor.expert)
    cases = support(tuple(c for c in pack.train if pack.cases[c] != mistaken), doctor.start, 2 * EACH)
    live = average = Live(place.trained.consensus_row())
    first, later = spoilt(pack, expert, cases[:EACH]), spoilt(pack, expert, cases[EACH:])
    for kind, corrections in first.items():
        record, outcome, trained = job(place, expert, average, corrections, doctor.seed)
        found.append({"history": "first", "kind": kind} | record)
        live = outcome if kind == "honest" else live
        if trained is not None:
            verdict = ruled(place, expert, average, trained, corrections, later["honest"])
            found.append({"history": "rule", "kind": kind} | verdict)
    for kind, corrections in later.items():
        record, _, _ = job(place, expert, live, first["honest"] + corrections, doctor.seed)
        found.append({"history": "second", "kind": kind} | record)
    return found


def tally(jobs: Sequence[Record]) -> Record:
    """How many of these jobs' candidates were harmful and good, and how many of those the gate refused and passed."""
    candidates = [one for job_ in jobs for one in job_["candidates"]]
    harmful, good = ([one for one in candidates if sign * one["change"] >= MARGIN] for sign in (-1, 1))
    went_live = [one["change"] for one in candidates if one["passed"]]
    return {
        "jobs": len(jobs), "candidates": len(candidates), "passed": len(went_live),
        "harmful": len(harmful), "harmful_refused": sum(not one["passed"] for one in harmful),
        "good": len(good), "good_passed": sum(one["passed"] for one in good),
        "worst_that_went_live": min(went_live, default=None),
    }  # fmt: skip


def rows(records: Sequence[Record]) -> list[Record]:
    """The tally of every history and kind, and of every history with all its kinds."""
    jobs = [one for record in records for one in record["jobs"]]
    found = []
    for history in dict.fromkeys(one["history"] for one in jobs):
        here = [one for one in jobs if one["history"] == history]
        for kind in dict.fromkeys(one["kind"] for one in here):
            found.append({"history": history, "kind": kind} | tally([one for one in here if one["kind"] == kind]))
        found.append({"history": history, "kind": "all"} | tally(here))
    return found


def figures_of(table: Sequence[Record]) -> list[Figure]:
    """A9's two shares with their limits, for the rule and for whole jobs; and the worst that went live, of every kind."""
    found = []
    for row in table:
        place = f"{row['history']}/{row['kind']}"
        if row["worst_that_went_live"] is not None:
            found.append(Figure(f"{place}/worst that went live", row["worst_that_went_live"], "points"))
        for name, of, limit in (("harmful_refused", "harmful", 1.0), ("good_passed", "good", 0.8)):
            if row["kind"] == "all" and row[of]:
                found.append(Figure(f"{place}/{name}", round(row[name] / row[of], 3), "share", limit, "at least"))
    return found


def measured(doctors: Sequence[Doctor], folder: Path, path: Path, options: dict[str, Any], device: str) -> list[Record]:
    """A line per doctor in the file; what is there already is not measured again."""
    done = {Doctor(*record["doctor"]): record for record in kept(path)}
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
    made: dict[tuple[str, int], Place] = {}

    def place(data: str, seed: int) -> Place:
        if (data, seed) not in made:
            pack, config = halves(data), recipes.pretraining_config("small", **options)
            path = folder / f"gate-{data}-{seed}-{config.sha256()[:16]}.safetensors"
            readings = [pack.reading(case, expert) for case in pack.train for expert in pack.pool]
            say(f"network of {data} in {teach(path, readings, config, seed, device):.0f} processor seconds")
            made[data, seed] = Place(pack, load_taught(path), device)
        return made[data, seed]

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
    size.add_argument("--small", action="store_true", help="64 pixels, two beginnings (the default)")
    size.add_argument("--full", action="store_true", help="the product's own size, six beginnings, three seeds")
    parser.add_argument("--data", default=",".join(NEW), help=f"comma-separated among {', '.join(NEW)}")
    parser.add_argument("--starts", type=int, help="beginnings per expert")
    parser.add_argument("--seeds", help="comma-separated numbers")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--folder", type=Path, default=Path("data/benchmarks/gate"), help="networks and records")
    parser.add_argument("--name", default="table", help="of the records and the output")
    asked = parser.parse_args()
    asked.starts = asked.starts or (6 if asked.full else 2)
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
