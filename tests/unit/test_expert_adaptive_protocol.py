"""The benchmark's protocol: which cells there are, that a killed run goes on, that figures come out as the statistics say; and 3D."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from benchmarks.expert_adaptive import cells, packs, simulated, tables
from benchmarks.expert_adaptive.cells import Cell
from benchmarks.expert_adaptive.packs import Pack
from benchmarks.expert_adaptive.recipes import pretraining_config
from benchmarks.expert_adaptive.runner import finished
from tests.conftest import shared_data
from worker.learning.frames import round_up
from worker.learning.metrics import mean_dice
from worker.learning.prediction import WHOLE_VOLUME_FRAMES


def pack(cases: int = 28) -> Pack:
    """Seven experts on blank images; the last two are new."""
    masks = np.zeros((cases, 7, 1, 8, 8), np.uint8)
    masks[..., 2:6, 2:6] = 1
    images = tuple(np.zeros((1, 1, 8, 8), np.float32) for _ in range(cases))
    names = tuple(f"c{case:02d}" for case in range(cases))
    train, test = tuple(range(cases - 4)), tuple(range(cases - 4, cases))
    return Pack("made", names, tuple("ABCDEFG"), images, tuple(masks), (0, 1, 2, 3, 4), (5, 6), train, test)


def record(
    recipe: str, dice: list[float], seed: int = 1, start: int = 0, data: str = "made", corrections: int = 5
) -> dict[str, object]:
    cell = Cell("cv", data, 0, (0, 1), 5, (5,), corrections, start, recipe, seed)
    scores = {"F": {f"c{i}": [value, 1.0, 2.0, 1.5, 0.0] for i, value in enumerate(dice)}}
    return {"cell": cell.as_dict(), "cpu_seconds": 1.0, "verdict": {}, "scores": scores, "others_change": 0.0}


def test_corrections_are_consecutive_wrap_around_and_are_nested() -> None:
    training = tuple(range(24))

    assert cells.support(training, 22, 4) == [22, 23, 0, 1]
    assert cells.support(training, 6, 10)[:5] == cells.support(training, 6, 5)
    assert cells.starts(24, 10) == [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]
    assert cells.starts(34, 10) == [0, 3, 6, 9, 12, 15, 18, 21, 24, 27]  # the paper's 1, 4, 7, ..., 28
    assert cells.sizes(24) == [5, 10, 15, 20, 24]


def test_the_tables_have_every_subset_of_experts() -> None:
    three = list(cells.table_three(pack(), 1, ("paper",), ways=1))
    two = list(cells.table_two(pack(), 1, ("paper",), ways=10))

    assert {len(cell.pool) for cell in three} == {0, 1, 2, 3, 4, 5}
    assert len(three) == 2 * (1 + 31)
    assert len(two) == 2 * 5 * 10 * (1 + 10)
    assert len({cell.pretraining for cell in two}) == 1 + 10  # every network is trained once
    assert len(list(cells.table_one(pack(), 1))) == 7


def test_cross_validation_tests_every_case_once_and_never_trains_on_it() -> None:
    made = pack()
    folds = [made.split(fold) for fold in range(7)]

    assert sorted(case for _, test in folds for case in test) == list(range(28))
    assert all(not set(training) & set(test) for training, test in folds)


def test_a_torn_last_line_is_measured_again_and_nothing_else_is(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    whole = json.dumps(record("paper", [80.0]))
    path.write_text(f"{whole}\n{json.dumps(record('default', [81.0]))[:40]}", encoding="utf-8")

    done = finished(path)

    assert [cell.recipe for cell in done] == ["paper"]
    assert path.read_text(encoding="utf-8") == whole + "\n"


def test_damage_that_no_kill_can_have_done_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text("{\n" + json.dumps(record("paper", [80.0])) + "\n", encoding="utf-8")

    with pytest.raises(ValueError, match="Expecting"):
        finished(path)


def test_a_cell_survives_its_line() -> None:
    cell = Cell("II", "made", None, (0, 2, 4), 6, (6,), 10, 3, "default", 2)

    assert Cell.from_dict(json.loads(json.dumps(cell.as_dict()))) == cell


def test_a_claim_is_paired_by_case_after_averaging_seeds_and_starts() -> None:
    base = [80.0, 82.0, 84.0, 86.0, 88.0, 90.0]
    records = [record("paper", base), record("paper", [v + 2 for v in base], seed=2)]
    records += [record("default", [v + 2 for v in base]), record("default", [v + 4 for v in base], seed=2)]

    found = tables.claims(records)

    assert [row["claim"] for row in found] == ["default - paper"]
    assert (found[0]["dice"], found[0]["low"], found[0]["high"], found[0]["cases"]) == (2.0, 2.0, 2.0, 6)
    assert found[0]["holm"] == found[0]["wilcoxon"] == pytest.approx(2 / 2**6)


def test_few_corrections_of_ours_stand_beside_twice_as_many_of_the_papers() -> None:
    base = [80.0, 82.0, 84.0, 86.0, 88.0, 90.0]
    records = [record("default", [v + 1 for v in base]), record("paper", base, corrections=10)]

    found = tables.claims(records)

    assert [(row["claim"], row["dice"]) for row in found] == [("default - paper with 2 times as many", 1.0)]


def test_rows_say_the_unit_the_seeds_and_what_it_cost_the_others() -> None:
    row = tables.rows([record("default", [80.0, 90.0]), record("default", [82.0, 92.0], seed=2, start=5)])[0]

    assert (row["dice"], row["hd95_px"], row["seeds"], row["ways"]) == (86.0, 2.0, [1, 2], 2)
    assert row["others_changed_most"] == 0.0


def test_distances_of_volumes_whose_spacing_is_known_are_in_millimetres() -> None:
    row = tables.rows([record("default", [80.0, 90.0], data=packs.SIMULATED)])[0]

    assert (row["assd_mm"], row["hd95_mm"]) == (1.0, 2.0)
    assert not [column for column in row if column.endswith("_px")]


def test_a_majority_is_found_label_by_label() -> None:
    drawn = np.array([[1, 1, 0], [1, 2, 0], [2, 2, 0], [1, 2, 1]], np.uint8).reshape(1, 4, 1, 1, 3)
    made = replace(pack(1), drawn=tuple(drawn), labels=(1, 2))

    assert made.majority(0, (0, 1, 2, 3)).tolist() == [[[1, 2, 0]]]


def test_simulated_experts_draw_both_labels_and_every_volume_is_predicted_in_windows() -> None:
    shared_data("msd-hippocampus")
    split = json.loads((simulated.FOLDER / "manifest.json").read_text(encoding="utf-8"))["splits"]
    cases = [*split["train"][: simulated.TRAIN], *split["test"][: simulated.TEST]]
    shapes = [nibabel.load(simulated.FOLDER / "labels" / f"{case}.nii.gz").shape for case in cases]
    config = pretraining_config("small", spatial_dims=3)

    volume = simulated.volumes(1, 0)[0]

    drawn = dict(zip([hand.name for hand in (*simulated.POOL, *simulated.NEW)], volume.drawn_EDHW, strict=True))
    assert all(set(np.unique(labels)) == {0, 1, 2} for labels in drawn.values())
    assert mean_dice(drawn["similar"], drawn["smooth-convex"], (1, 2)) > 0.85
    assert mean_dice(drawn["outlier"], drawn["smooth-convex"], (1, 2)) < 0.85
    padded = [np.prod([round_up(edge, config) for edge in shape]) for shape in shapes]
    assert min(padded) > WHOLE_VOLUME_FRAMES * simulated.PATCH**3
    assert not set(split["train"]) & set(split["test"])
