"""Which decisions stand in a review: the server's answer, held to the cases that the screen's is held to (decisions.test.ts)."""

import json
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import numpy as np
import pytest

from backend.imaging import labels as codec
from backend.segmentations.rules.decisions import standing_decisions
from backend.segmentations.store import Edit, Revision

CASES = json.loads(Path(__file__).with_name("decisions.json").read_text(encoding="utf-8"))["cases"]
VOXELS = 64


def named(name: str | None) -> UUID | None:
    return None if name is None else uuid5(NAMESPACE_OID, name)


def edit_of(told: dict[str, Any]) -> Edit:
    first, last = told["voxels"]
    indices = np.arange(first, last + 1)
    return Edit(
        id=named(told["id"]), base_revision_id=named(told["base"]), tool=told["tool"], undoes=named(told.get("undoes")),
        source_revision_id=named(told.get("source")), runs=codec.encode(indices, np.ones(indices.size, np.uint8)),
    )  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_what_stands_is_what_the_newest_revision_and_the_edits_on_it_hold(case: dict[str, Any]) -> None:
    revisions = [
        Revision(id=named(one["id"]), number=n, origin=one["origin"], parent_id=named(one["parent"]), dtype="uint8")
        for n, one in enumerate(case["revisions"])
    ]

    stands = standing_decisions(revisions, [edit_of(one) for one in case["edits"]], VOXELS)

    told = [[one.tool, int(one.runs.starts[0]), one.runs.values.size] for one in stands]
    assert sorted(told) == sorted(case["stands"])
