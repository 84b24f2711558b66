"""The demo project: real pictures, readings that say they are simulated, and work left for the newcomer."""

from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from backend.embedded import demo
from backend.settings import Settings
from tests.conftest import sign_in
from worker import demo as pictures


def _dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * int(((a > 0) & (b > 0)).sum()) / int((a > 0).sum() + (b > 0).sum())


def test_it_is_loaded_once_and_everything_says_simulated(client: TestClient, settings: Settings) -> None:
    sign_in(client, "admin")
    database = client.app.state.database

    demo.load(database, settings)
    demo.load(database, settings)  # as after a crash

    projects = client.get("/api/v1/projects").json()["items"]
    assert [(p["name"], p["simulated"], p["role"]) for p in projects] == [(demo.PROJECT, True, "manager")]
    images = client.get("/api/v1/images", params={"project_id": projects[0]["id"], "limit": 100}).json()["items"]
    assert sorted(image["name"] for image in images) == sorted(case.name for case in pictures.cases())
    assert all(image["simulated"] for image in images)
    assert len({image["patient_pseudonym"] for image in images}) == len(images)
    assert sum(image["nz"] > 1 for image in images) == 1
    experts = client.get("/api/v1/experts").json()["items"]
    assert sorted(e["name"] for e in experts if e["simulated"]) == sorted(e.name for e in pictures.EXPERTS)
    mine = client.get("/api/v1/assignments", params={"project_id": projects[0]["id"], "limit": 100}).json()["items"]
    assert sorted(a["image_name"] for a in mine) == sorted(case.name for case in pictures.cases() if not case.drawn)
    assert {a["state"] for a in mine} == {"assigned"}


def test_the_newcomer_has_more_than_six_2d_cases_and_one_3d_case_to_read() -> None:
    left = [case for case in pictures.cases() if not case.drawn]

    assert sum(case.image_zyx.shape[0] == 1 for case in left) >= 8
    assert sum(case.image_zyx.shape[0] > 1 for case in left) == 1


@pytest.mark.parametrize("case", [case for case in pictures.cases() if case.drawn][::3], ids=lambda case: case.name)
def test_the_experts_differ_clearly_and_the_newcomer_differs_from_their_majority(case: pictures.DemoCase) -> None:
    drawn = [pictures._drawing(case, expert) for expert in pictures.EXPERTS]
    pairs = [_dice(a, b) for i, a in enumerate(drawn) for b in drawn[:i]]
    majority = np.sum([d > 0 for d in drawn], axis=0) >= 3

    hidden = pictures.hidden_segmentation(case.name)

    assert max(pairs) < 0.995, "nobody draws what somebody else draws"
    assert min(pairs) < 0.9, "the styles are visibly apart"
    assert _dice(majority, hidden) < 0.92, "there is something to personalise"
    assert max(_dice(d, hidden) for d in drawn) < 0.97, "the nearest expert is not the answer yet"


def test_the_same_demo_is_drawn_every_time(tmp_path: Path) -> None:
    pictures.write_data_set(tmp_path / "one")
    pictures.write_data_set(tmp_path / "two")

    one = {f.relative_to(tmp_path / "one"): f.read_bytes() for f in (tmp_path / "one").rglob("*.gz")}
    assert one == {f.relative_to(tmp_path / "two"): f.read_bytes() for f in (tmp_path / "two").rglob("*.gz")}
    assert len(one) == len(pictures.cases()) + len(pictures.EXPERTS) * sum(case.drawn for case in pictures.cases())
