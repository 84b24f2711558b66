"""The models page after three personalisations: the curve, its outlook, what a style learnt from, and a style out and in again.

The networks are trained on made-up images of 64×64 with simulated experts: what is tested is the page, not the learning.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from benchmarks.workload import Workload, prepare
from tests.acceptance.screens import welcome
from tests.running import running

STEPS = {"config": {"steps": 40, "row_steps": 30}}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workload]:
    """A doctor with 5, 6 and 7 submitted readings, personalised after each."""
    data = tmp_path_factory.mktemp("models-page") / "data"
    with running(data, CONSILIUM_PERSONALISE_QUIET_SECONDS="3600") as server:
        made = prepare(server, cases=12, size=64, drawn=10)
        pretrain = {"kind": "pretrain", "project_id": made.project_id, "params": STEPS}
        made.admin.wait_job(made.admin.post("/jobs", pretrain), 300)
        todo = iter(made.images)
        for new in (5, 1, 1):
            for _ in range(new):
                read(made, next(todo))
            personalise = {"kind": "personalise", "project_id": made.project_id, "expert_id": made.expert_id}
            done = made.admin.wait_job(made.admin.post("/jobs", {**personalise, "params": {}}), 300)
            assert done["state"] == "done", done
        for name in list(made.images)[-2:]:  # the simulated experts have not drawn these
            read(made, name)
        yield made


def read(work: Workload, name: str) -> None:
    """Draw one case as the doctor would, and submit it."""
    image_id = work.images[name]["id"]
    mine = next(a for a in work.doctor.every("/assignments", project_id=work.project_id) if a["image_id"] == image_id)
    segmentation = work.doctor.post(f"/assignments/{mine['id']}/open")["segmentation_id"]
    work.doctor.draw(segmentation, np.zeros_like(work.truth[name]), work.truth[name])
    work.doctor.submit(segmentation)


def test_the_models_page_shows_growth_lineage_and_gives_and_takes_styles(
    work: Workload, page: Page, tmp_path: Path
) -> None:
    link = work.admin.post("/users", {"name": "chief", "display_name": "Chief", "role": "expert"})
    manager = {"user_id": link["user"]["id"], "role": "manager"}
    work.admin.post(f"/projects/{work.project_id}/members", manager)
    welcome(page, link["link"]["url"])
    page.goto(f"{work.admin.url}/projects/{work.project_id}?tab=models")

    card = page.get_by_test_id("expert-styles").filter(has_text="Doctor")
    expect(card.get_by_test_id("style-curve-plot")).to_be_visible()
    curves = work.admin.get("/learning-curves", project_id=work.project_id, goal=90)["items"]
    own = next(curve for curve in curves if curve["expert_name"] == "Doctor")
    assert [point["readings"] for point in own["points"]] == [5, 6, 7]
    expect(card.get_by_test_id("style-curve-plot")).to_contain_text(f"This style{own['points'][-1]['dice']:.1f}")
    expect(card.get_by_test_id("outlook")).to_contain_text(
        "Dice" if own["forecast"]["outlook"] != "unknown" else "Not known"
    )

    page.get_by_label("Goal (Dice, points)").fill("1")
    expect(card.get_by_test_id("outlook")).to_have_text("1 Dice is reached on this expert's held-out cases.")

    card.get_by_test_id("style-row").first.get_by_role("button", name="Learnt from").click()
    expect(page.get_by_test_id("style-readings").locator("tbody tr")).to_have_count(7)
    page.keyboard.press("Escape")

    page.get_by_test_id("start-evaluation").click()
    row = page.get_by_test_id("evaluation").get_by_role("row").filter(has_text="Doctor")
    expect(row).to_contain_text("2 readings of 2 patients", timeout=60_000)
    figures = work.admin.get("/evaluations", project_id=work.project_id)["evaluation"]["experts"]
    doctor = next(one for one in figures if one["expert_name"] == "Doctor")
    expect(row).to_contain_text(f"{doctor['candidates']['live']['dice']['mean']:.1f}")

    before = card.get_by_test_id("style-row").count()
    with page.expect_download() as leaving:
        card.get_by_role("link", name="Export style").first.click()
    file = tmp_path / "style.safetensors"
    leaving.value.save_as(file)
    with page.expect_file_chooser() as asking:
        card.get_by_role("button", name="Import a style file").click()
    asking.value.set_files(file)
    expect(page.get_by_text("Taken in as a candidate")).to_be_visible()
    expect(card.get_by_text("taken in from a file")).to_be_visible()
    expect(card.get_by_test_id("style-row").first).to_contain_text("Candidate")
    assert card.get_by_test_id("style-row").count() >= before

    page.screenshot(path=tmp_path / "models.png", full_page=True)
