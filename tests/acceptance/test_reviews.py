"""A review in a real browser: two readers differ in two regions; each is settled by one key and one click, undone, done again, submitted.

The reviewer's browser hears letters alone; what is submitted is, voxel by voxel, what was decided.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

from benchmarks.workload import nifti
from tests.acceptance.conftest import Complaints
from tests.acceptance.one_case import LABELS, SHAPE_ZYX, expect_depth, sign_in
from tests.acceptance.screens import wait_saved
from tests.acceptance.test_accessibility import axe
from tests.running import Client, Running, running

EXPERTS = ("Anselm", "Brigitta")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("reviews") / "data") as started:
        yield started


@dataclass
class Review:
    """A blinded project of one image read by two, and its adjudicator at `judge`."""

    project: str
    image: dict[str, int]
    maps: list[np.ndarray]
    names: list[str]
    judge: Client


@pytest.fixture
def review(server: Running) -> Review:
    """Both drew the same organ; one of them a rim more, a wedge beside it and nothing else, the other a second structure."""
    admin = Client(server.url).redeem(str(server.link))
    policy = {"blinding": "until_settled", "prefill": "never", "reads_per_image": 2, "personalise": False}
    project = admin.post("/projects", {"name": "settling", "description": "", "labels": LABELS, "policy": policy})
    maps = [np.zeros(SHAPE_ZYX, np.uint8) for _ in EXPERTS]
    for labels in maps:
        labels[1:5, 10:20, 10:20] = 1
    maps[0][2:4, 12:18, 20:26] = 1  # 72 voxels that only the first gives label 1
    maps[1][3, 34:38, 34:37] = 2  # 12 voxels of label 2 that only the second has
    maps[1][4, 20, 10:20] = 1  # a rim one voxel wide
    zz, yy, xx = np.indices(SHAPE_ZYX, sparse=True)
    volume = (300 * np.exp(-((yy - 15) ** 2 + (xx - 18) ** 2) / 120.0) + 10 * zz).astype(np.int16)
    files = {"images/case.nii": nifti(volume, (1.0, 1.0, 2.0))}
    for name, labels in zip(EXPERTS, maps, strict=True):
        files[f"segmentations/{name}/case.nii"] = nifti(labels, (1.0, 1.0, 2.0))
    admin.upload(project["id"], files, experts=True)
    made = admin.post("/users", {"name": "judge", "display_name": "Dr judge", "role": "expert"})
    admin.post(f"/projects/{project['id']}/members", {"user_id": made["user"]["id"], "role": "adjudicator"})
    judge = Client(server.url).redeem(made["link"]["url"])
    (image,) = admin.every("/images", project_id=project["id"])
    ids = [one["expert_id"] for one in admin.get(f"/projects/{project['id']}/experts")["items"]]
    assert len(ids) == len(EXPERTS)
    return Review(project["id"], judge.get(f"/images/{image['id']}"), maps, [*EXPERTS, *ids], judge)


def expect_region(page: Page, place: str, decision: str, decided: str) -> None:
    """Which region is looked at, what was decided on it, and how many are."""
    expect(page.get_by_test_id("review-place")).to_contain_text(place)
    expect(page.get_by_test_id("review-decision")).to_have_attribute("data-act", decision)
    expect(page.get_by_test_id("review-progress")).to_have_text(f"{decided} of 2 regions decided")


def test_disputed_regions_are_settled_undone_redone_and_submitted(
    server: Running, review: Review, page: Page, complaints: Complaints
) -> None:
    heard: list[str] = []

    def overhear(route: Route) -> None:
        answer = route.fetch()
        heard.append(f"{answer.url} {answer.text() if 'json' in answer.headers.get('content-type', '') else ''}")
        route.fulfill(response=answer)

    sign_in(page, server.url, "judge")
    page.goto(f"{server.url}/projects/{review.project}?tab=reviews")
    page.route(re.compile(r"/api/v1/(?!events)"), overhear)
    page.get_by_role("link", name="Review: case").click()

    expect_region(page, "Region 1 of 2", "none", "0")
    expect(page.get_by_text("1 thin rim follows the majority")).to_be_visible()
    assert axe(page) == []
    page.keyboard.press("1")  # what reader A drew in the larger one
    expect_region(page, "Region 1 of 2", "take", "1")
    page.get_by_label("Reason").select_option(label="Others missed it")
    page.keyboard.press("j")
    expect_region(page, "Region 2 of 2", "none", "1")
    page.get_by_test_id("decide-union").click()
    expect_region(page, "Region 2 of 2", "union", "2")
    for _ in range(2):
        page.keyboard.press("Control+z")
    expect_region(page, "Region 2 of 2", "none", "0")
    for _ in range(2):
        page.keyboard.press("Control+Shift+z")
    expect_region(page, "Region 2 of 2", "union", "2")
    wait_saved(page)
    page.reload()
    expect_region(page, "Region 1 of 2", "take", "2")
    expect_depth(page, 2)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("review-row")).to_have_attribute("data-state", "submitted")
    page.unroute_all(behavior="wait")

    made = review.judge.get("/segmentations", project_id=review.project)["items"]
    settled = next(one for one in made if one["author"] == "consensus")
    path = f"/segmentations/{settled['id']}/readings/A/slabs/0"
    taken = np.frombuffer(review.judge.http.get(path).raise_for_status().content, np.uint8).reshape(SHAPE_ZYX)
    expected = np.minimum(*review.maps)  # of two readings the majority is what both have
    expected[2:4, 12:18, 20:26] = taken[2:4, 12:18, 20:26]
    expected[3, 34:38, 34:37] = 2
    assert np.array_equal(review.judge.labels(settled["head_revision_id"], review.image), expected)
    edits = review.judge.get(f"/segmentations/{settled['id']}/edits")["items"]
    assert [one["tool"] for one in edits if one["undoes"] is None] == ["decide-take-a", "decide-union-missed"]
    assert len(heard) > 10
    assert not [name for name in review.names if any(name in words for words in heard)]
    assert complaints.none(), complaints
