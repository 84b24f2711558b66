"""A doctor's day on the running server, in a real browser: the loop everything else hangs on.

One-time link → password → pretraining → worklist → prediction in the average style → corrections with the mouse → five cases
submitted → the doctor's own style goes live → the sixth case is nearer to how this (simulated) doctor would have drawn it.
"""

from collections.abc import Callable
from datetime import datetime

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.conftest import Complaints
from tests.acceptance.screens import Glass, api, correct, wait_saved, welcome
from tests.running import Running, dice, eventually, running
from worker import demo as worker_demo

CASES_TO_READ = 5

# Notices go by themselves: each is written down when it appears.
KEEP_NOTICES = """window.notices = [];
addEventListener("DOMContentLoaded", () => new MutationObserver((changes) => {
  for (const { addedNodes } of changes)
    for (const node of addedNodes) if (node.matches?.("[data-tone]")) notices.push(node.textContent);
}).observe(document.body, { subtree: true, childList: true }));"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    day = {"CONSILIUM_DEMO": "true", "CONSILIUM_PERSONALISE_QUIET_SECONDS": "5"}
    with running(tmp_path_factory.mktemp("day") / "data", **day) as started:
        yield started


def test_the_sixth_prediction_is_closer_to_the_doctors_own_hand(
    server: Running, page: Page, complaints: Complaints, tell: Callable[[str], None]
) -> None:
    eventually("the demo project", lambda: (server.data / "demo-loaded").exists(), 300)
    welcome(page, str(server.link))
    project = api(page, "/projects")["items"][0]
    tell(f"pretraining took {pretrain(page, project['id']):.0f} s")
    first = eventually(
        "predictions in the average style", lambda: predicted(page, project["id"], CASES_TO_READ + 1), 120, 0.5
    )

    page.add_init_script(KEEP_NOTICES)
    page.goto(server.url)
    page.get_by_test_id("start-reading").click()
    strokes = sum(read_one(page, first) for _ in range(CASES_TO_READ))
    live = eventually("a style of the doctor's own", lambda: own_style(page, project["id"]), 180, 0.5)
    eventually("its announcement", lambda: any(live["label"] in one for one in page.evaluate("window.notices")))
    ours = eventually("predictions in it", lambda: predicted(page, project["id"], 1, live["id"]), 120, 0.5)

    image_id = next(
        a["image_id"] for a in reads(page, project["id"]) if a["image_id"] in ours and a["state"] == "assigned"
    )
    hidden = hidden_yx(page, image_id)
    before, after = (
        dice(labels(page, shown[image_id]["prediction"]["revision_id"]), hidden) for shown in (first, ours)
    )
    tell(
        f"{strokes} mouse strokes on {CASES_TO_READ} cases; sixth case: average style {before:.3f} → {live['label']} {after:.3f} Dice"
    )
    page.goto(server.url)
    page.get_by_test_id("start-reading").click()
    expect(page.get_by_test_id("style-label").first).to_contain_text(live["label"], timeout=20_000)
    assert after > before

    page.goto(f"{server.url}/projects/{project['id']}?tab=models")
    curve = page.get_by_test_id("style-curve-plot")  # one personalisation is its first point
    expect(curve).to_contain_text(f"Own annotations{CASES_TO_READ}", timeout=20_000)
    assert complaints.none(), complaints


def pretrain(page: Page, project_id: str) -> float:
    """Press the button on the models tab and wait for the job it starts; returns the seconds it ran."""
    page.goto(f"{page.url.split('/', 3)[0]}//{page.url.split('/')[2]}/projects/{project_id}?tab=models")
    page.get_by_test_id("start-pretraining").first.click()

    def done() -> dict | None:
        jobs = api(page, f"/jobs?project_id={project_id}&kind=pretrain")["items"]
        assert not jobs or jobs[0]["state"] not in ("failed", "cancelled"), jobs[0]["error"]
        return jobs[0] if jobs and jobs[0]["state"] == "done" else None

    job = eventually("the end of pretraining", done, 420, 0.5)
    began, ended = (datetime.fromisoformat(job[moment]) for moment in ("started_at", "finished_at"))
    return (ended - began).total_seconds()


def reads(page: Page, project_id: str) -> list[dict]:
    return [a for a in api(page, f"/assignments?project_id={project_id}&limit=200")["items"] if a["image_dims"][2] == 1]


def predicted(page: Page, project_id: str, at_least: int, style_id: str | None = None) -> dict[str, dict] | None:
    """Unsubmitted 2D reads that have a prediction (in this style), by image; None while there are too few."""
    found = {a["image_id"]: a for a in reads(page, project_id)
             if a["state"] != "submitted" and a["prediction"] and style_id in (None, a["prediction"]["style_id"])}  # fmt: skip
    waiting = [a for a in reads(page, project_id) if a["state"] != "submitted" and a["image_id"] not in found]
    return found if len(found) >= at_least and not waiting else None


def own_style(page: Page, project_id: str) -> dict | None:
    me = api(page, "/session")["expert_id"]
    styles = api(page, f"/styles?project_id={project_id}&expert_id={me}")["items"]
    return next((s for s in styles if s["is_live"] and s["origin"] in ("nearest", "row", "adapter")), None)


def labels(page: Page, revision_id: str) -> np.ndarray:
    """The one slice of a 2D revision, [y, x]."""
    script = (
        "async (id) => Array.from(new Uint8Array(await (await fetch(`/api/v1/revisions/${id}/slabs/0`)).arrayBuffer()))"
    )
    flat = np.array(page.evaluate(script, revision_id), np.uint8)
    segmentation = api(page, f"/segmentations/{api(page, f'/revisions/{revision_id}')['segmentation_id']}")
    image = api(page, f"/images/{segmentation['image_id']}")
    return flat.reshape(image["ny"], image["nx"])


def hidden_yx(page: Page, image_id: str) -> np.ndarray:
    """How this doctor would have drawn the image: known to the simulator, never stored on the server."""
    return worker_demo.hidden_segmentation(api(page, f"/images/{image_id}")["name"])[0] > 0


def read_one(page: Page, predictions: dict[str, dict]) -> int:
    """Accept the prediction, correct it by mouse, submit; returns the strokes. The next case is on screen afterwards."""
    expect(page.get_by_test_id("submit")).to_be_enabled(timeout=20_000)
    assignment = api(page, f"/assignments/{page.url.rsplit('/', 1)[1]}")
    shown, hidden = predictions[assignment["image_id"]], hidden_yx(page, assignment["image_id"])
    expect(page.get_by_test_id("accept-all")).to_be_enabled(timeout=20_000)
    page.get_by_test_id("accept-all").click()
    start = labels(page, shown["prediction"]["revision_id"]) > 0
    strokes = correct(page, Glass.calibrate(page), start, hidden)
    wait_saved(page)
    here = page.url
    page.get_by_test_id("submit").click()
    page.wait_for_url(lambda url: url != here, timeout=20_000)
    submitted = api(page, f"/segmentations/{api(page, '/assignments/' + here.rsplit('/', 1)[1])['segmentation_id']}")
    reached = dice(labels(page, submitted["head_revision_id"]), hidden)
    assert reached > 0.97, f"the mouse drew {reached:.3f} Dice of what it was told to draw"
    return strokes
