"""The brush's fixtures say what the reference says, and the reference says what VIEWER.md section 5 says."""

import json

import numpy as np
import pytest

from tests.contract.brush_reference import FIXTURES, ISOTROPIC, SHEARED, Stroke, list_strokes, paint, to_runs


@pytest.mark.parametrize("stroke", list_strokes(), ids=lambda stroke: stroke.name)
def test_the_fixture_holds_what_the_reference_paints(stroke: Stroke) -> None:
    cases = {case["name"]: case for case in json.loads(FIXTURES.read_text(encoding="utf-8"))["strokes"]}

    painted = [list(run) for run in to_runs(paint(stroke))]

    assert cases[stroke.name]["painted"] == painted
    assert painted, "a fixture without voxels proves nothing"


def test_the_fixtures_hold_no_case_that_the_reference_lacks() -> None:
    cases = json.loads(FIXTURES.read_text(encoding="utf-8"))["strokes"]

    assert [case["name"] for case in cases] == [stroke.name for stroke in list_strokes()]


def test_a_click_on_a_sheared_grid_paints_the_ball_of_patient_millimetres() -> None:
    """The metric is not taken on trust: distances are measured between points in patient space."""
    stroke = Stroke("", (16, 16, 9), SHEARED, 2, 4, 4.0, True, ((512, 480, 256),))
    matrix = np.array(SHEARED).reshape(3, 4)[:, :3]
    ijk = np.stack(np.meshgrid(*(np.arange(n) for n in stroke.size), indexing="ij"), axis=-1)
    offset_mm = (ijk - np.array([512, 480, 256]) / 64) @ matrix.T

    inside_ijk = np.argwhere(np.linalg.norm(offset_mm, axis=-1) <= 4.0)

    assert paint(stroke) == sorted(int(i + 16 * (j + 16 * k)) for i, j, k in inside_ijk)


def test_a_fast_stroke_has_no_gap() -> None:
    stroke = Stroke("", (40, 8, 1), ISOTROPIC, 2, 0, 0.6, False, ((64, 256, 0), (2400, 256, 0)))

    columns = {index % 40 for index in paint(stroke)}

    assert columns == set(range(1, 39))
