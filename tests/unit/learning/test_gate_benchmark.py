"""A9's benchmark: what it feeds to the gate, and how it counts what the gate let through."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from benchmarks.expert_adaptive.packs import Pack
from benchmarks.gate import Live, Place, halves, job, rows, spoilt, tally
from tests.conftest import shared_data
from tests.unit.learning.conftest import EXPERTS, reading
from tests.unit.test_expert_adaptive_protocol import pack
from worker.learning import Trained


def judged(change: float, *, passed: bool, kind: str = "honest") -> dict[str, object]:
    return {"history": "first", "kind": kind, "candidates": [{"name": "trained", "passed": passed, "change": change}]}


def test_spoilt_corrections_are_spoilt_as_they_say() -> None:
    made = pack()
    own = np.zeros((28, 7, 1, 8, 8), np.uint8)
    own[np.arange(28), 5, 0, np.arange(28) % 8, :] = 1  # a line of each case's own
    own[:, 6] = 1
    kinds = spoilt(replace(made, drawn=tuple(own)), 5, [0, 1, 2])

    assert [one.labels_DHW[0, :, 0].tolist().index(1) for one in kinds["honest"]] == [0, 1, 2]
    assert [one.labels_DHW[0, :, 0].tolist().index(1) for one in kinds["scrambled"]] == [1, 2, 0]
    assert all(one.labels_DHW.all() for one in kinds["another's"])
    assert {one.patient for one in kinds["duplicates"]} == {"c00"}
    assert len({one.revision for one in kinds["duplicates"]}) == 3
    assert not any(one.labels_DHW.any() for one in kinds["empty"])


def test_a_share_counts_what_is_worth_a_margin_and_nothing_between() -> None:
    jobs = [judged(-3.0, passed=False), judged(-0.6, passed=True), judged(-0.4, passed=True), judged(1.0, passed=True)]

    found = tally([*jobs, judged(2.0, passed=False)])

    assert (found["harmful"], found["harmful_refused"], found["good"], found["good_passed"]) == (2, 1, 2, 1)
    assert found["worst_that_went_live"] == -0.6
    assert rows([{"jobs": jobs}])[-1]["jobs"] == 4


def test_the_wrong_objects_of_ds2a_are_among_what_new_experts_drew_and_their_persons_taught_nothing() -> None:
    shared_data("bubil-ds2a")

    made = halves("bubil-ds2a")
    wrong = spoilt(made, made.experts.index("2A_Person2_Amira"), made.train[:5])["wrong object"]

    assert wrong[-1].patient == "p10"
    assert {made.cases.index("p10"), made.cases.index("p20")} <= set(made.train)
    assert not {made.experts[one].split("_")[1] for one in made.pool} & {"Person2", "Person3"}
    assert not set(made.train) & set(made.test)


def test_the_trained_style_is_counted_whether_it_went_live_or_not(trained: Trained) -> None:
    readings = [reading(case, "plain", EXPERTS["plain"]) for case in range(30, 38)]
    drawn = tuple(np.stack([one.labels_DHW] * 2) for one in readings)
    names, images = tuple(one.patient for one in readings), tuple(one.image_CDHW for one in readings)
    discs = Pack("discs", names, ("plain", "other"), images, drawn, (), (0, 1), tuple(range(5)), (5, 6, 7))
    corrections = spoilt(discs, 0, range(5))["scrambled"]

    record, live, learnt = job(Place(discs, trained, "cpu"), 0, Live(trained.rows["plain"]), corrections, seed=1)

    first = record["candidates"][0]
    assert first["name"] == "trained"
    assert learnt is not None
    assert torch.equal(live.row, learnt.row) == first["passed"]
