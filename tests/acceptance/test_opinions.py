"""Several opinions in the browser: V, the second one, a correction, back to the start, another one, submit; and nothing where blinded.

The network is trained for seconds on made-up images of 64×64: what is tested is the strip, not the learning.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from benchmarks.workload import Workload, prepare
from tests.acceptance.conftest import Complaints
from tests.acceptance.engine_page import read_canvas
from tests.acceptance.one_case import OneCase, dot, expect_depth, open_case, sign_in
from tests.acceptance.screens import wait_saved
from tests.running import eventually, running

QUICK = {"method": "dpersona", "config": {"steps": 150, "size": 64, "bound_samples": 6}}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workload]:
    """Five simulated experts have drawn eight cases; the doctor is asked to read the last two."""
    with running(tmp_path_factory.mktemp("opinions") / "data", CONSILIUM_PERSONALISE_QUIET_SECONDS="3600") as server:
        made = prepare(server, cases=10, size=64, drawn=8)
        job = made.admin.wait_job(
            made.admin.post("/jobs", {"kind": "pretrain", "project_id": made.project_id, "params": QUICK}), 300
        )
        assert job["state"] == "done", job
        yield made


def case_of(work: Workload, name: str) -> OneCase:
    image = work.images[name]
    mine = work.doctor.every("/assignments", project_id=work.project_id)
    assignment = next(one for one in mine if one["image_id"] == image["id"])
    return OneCase(work.admin, work.doctor, "doctor", assignment, work.doctor.get(f"/images/{image['id']}"))


def opinions_of(case: OneCase) -> dict:
    return case.doctor.get(f"/segmentations/{case.segmentation_id}/opinions")["opinions"]


def test_the_second_opinion_is_taken_corrected_undone_and_another_submitted(
    work: Workload, page: Page, complaints: Complaints, tmp_path: Path
) -> None:
    (version,) = work.admin.get("/models", project_id=work.project_id)["items"]
    case = case_of(work, list(work.images)[-1])
    sign_in(page, work.admin.url, "doctor")
    open_case(page, work.admin.url, case)
    cards, strip = page.get_by_test_id("opinion-card"), page.get_by_test_id("opinion-strip")

    expect(page.get_by_test_id("uncertainty-row")).to_be_visible(timeout=60_000)
    offered = eventually("the opinions made beside the prediction", lambda: opinions_of(case))
    page.keyboard.press("v")
    expect(cards.first).to_be_visible(timeout=20_000)
    shown = [*offered["items"], *offered["experts"]]
    expect(cards).to_have_count(len(shown))
    assert version["method"] == offered["method"] == "dpersona"
    assert len(offered["items"]) >= 2 and len(offered["experts"]) == 5
    expect(cards.first).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("ArrowRight")
    expect(cards.nth(1)).to_have_attribute("aria-pressed", "true")
    page.screenshot(path=tmp_path / "opinions-1.png")
    page.get_by_label("Brush", exact=True).hover()
    expect(page.get_by_role("tooltip")).to_be_visible()
    page.keyboard.press("Escape")  # closes the strip, whatever tooltip is open
    expect(strip).to_have_count(0)
    page.keyboard.press("v")
    expect(cards.first).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("ArrowRight")
    expect(cards.nth(1)).to_have_attribute("aria-pressed", "true")
    bare = read_canvas(page, "axial")
    page.get_by_role("switch", name="Envelope").click()
    assert (read_canvas(page, "axial") != bare).any()
    page.screenshot(path=tmp_path / "opinions-envelope.png")
    page.get_by_role("switch", name="Envelope").click()
    assert np.array_equal(read_canvas(page, "axial"), bare)
    page.get_by_role("switch", name="Outlines of 10 %").click()
    page.screenshot(path=tmp_path / "opinions-2.png")
    page.get_by_test_id("view-axial").focus()
    page.keyboard.press("Enter")
    expect(strip).to_have_count(0)
    wait_saved(page)
    assert int((case.labels() == 1).sum()) == shown[1]["voxels"]["1"]

    page.get_by_label("Eraser", exact=True).click()
    dot(page, 170)
    expect_depth(page, 2)
    page.screenshot(path=tmp_path / "opinions-3.png")
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    wait_saved(page)
    assert not case.labels().any()

    page.get_by_label("Brush", exact=True).click()
    dot(page, 0)
    wait_saved(page)
    mine = case.labels()
    page.keyboard.press("v")
    expect(cards).to_have_count(len(shown))
    last = cards.nth(len(shown) - 1)
    last.hover()
    expect(last).to_have_attribute("aria-pressed", "true")
    expect(last).to_have_attribute("aria-label", re.compile("As Expert5"))
    last.click()
    over = page.get_by_role("dialog", name="Replace what you drew?")
    expect(over).to_contain_text("“As Expert5” changes 1 voxel")
    page.screenshot(path=tmp_path / "opinions-4.png")
    page.keyboard.press("Enter")  # the way back has the focus
    expect(over).to_have_count(0)
    assert np.array_equal(case.labels(), mine) and mine.any()
    last.click()
    over.get_by_role("button", name="Accept “As Expert5”").click()
    wait_saved(page)
    assert int((case.labels() == 1).sum()) == shown[-1]["voxels"]["1"]

    page.get_by_test_id("submit").click()
    done = case.doctor
    page.wait_for_url(lambda url: case.assignment["id"] not in url, timeout=20_000)
    revision = done.get(f"/segmentations/{case.segmentation_id}/revisions")["items"][-1]
    assert revision["assisted"] is True
    assert np.isin([edit["tool"] for edit in case.edits()], ["opinion", "brush", "eraser", "undo"]).all()
    assert complaints.none(), complaints


def test_a_blinded_reader_is_told_why_and_asks_the_server_nothing(
    work: Workload, page: Page, complaints: Complaints
) -> None:
    policy = {"blinding": "until_all_submitted", "prefill": "before", "reads_per_image": 6, "personalise": True}
    work.admin.call("PATCH", f"/projects/{work.project_id}", json={"policy": policy})
    case = case_of(work, list(work.images)[-2])
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/opinions") else None)
    sign_in(page, work.admin.url, "doctor")
    open_case(page, work.admin.url, case)

    page.keyboard.press("v")

    expect(page.get_by_text("This project is blinded", exact=False)).to_be_visible()
    expect(page.get_by_test_id("opinions-open")).to_have_count(0)
    assert asked == []
    case.doctor.call("GET", f"/segmentations/{case.segmentation_id}/opinions", expect=403)
    case.doctor.call("POST", f"/segmentations/{case.segmentation_id}/opinions", expect=403)
    assert complaints.none(), complaints
