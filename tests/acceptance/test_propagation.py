"""A doctor annotates a hippocampus with real mouse strokes on three slices, propagates, follows two proposals, accepts, submits.

In between a second tab is opened and the server is started again: the session is there each time, with every slice.
"""

import base64
import re
from pathlib import Path

import nibabel
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from backend.imaging import labels as codec
from tests.acceptance.conftest import Complaints
from tests.acceptance.one_case import sign_in
from tests.acceptance.screens import Glass, api, correct, wait_saved
from tests.conftest import shared_data
from tests.running import Client, Running, dice, eventually, running

CASE = "hippocampus_367"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    shared_data("msd-hippocampus")
    with running(tmp_path_factory.mktemp("propagation") / "data") as started:
        yield started


def a_case() -> tuple[bytes, np.ndarray]:
    """The last test volume's file and its truth [z, y, x] as one label."""
    folder = shared_data("msd-hippocampus")
    file = sorted((folder / "images").glob("*.nii.gz"))[-1]
    truth = np.asarray(nibabel.load(folder / "labels" / file.name).dataobj).T > 0
    return file.read_bytes(), truth


def go_to_slice(page: Page, index: int) -> None:
    page.keyboard.press("Home")
    for _ in range(index):
        page.keyboard.press("ArrowUp")
    eventually(f"slice {index}", lambda: slice_shown(page) == index)


def slice_shown(page: Page) -> int:
    title = page.locator("section[aria-label]").filter(has=page.get_by_test_id("view-axial")).inner_text()
    found = re.search(r"(\d+) / \d+", title)
    assert found, title
    return int(found.group(1)) - 1


def test_three_slices_by_mouse_become_a_volume(
    server: Running, page: Page, complaints: Complaints, tmp_path: Path
) -> None:
    content, truth = a_case()
    admin = Client(server.url).redeem(str(server.link))
    project = admin.post("/projects", {
        "name": "Hippocampi", "description": "", "labels": [{"value": 1, "name": "Hippocampus", "colour": "#e69f00"}],
        "policy": {"blinding": "open", "prefill": "never", "reads_per_image": 1, "personalise": False},
    })  # fmt: skip
    admin.upload(project["id"], {f"{CASE}.nii.gz": content})
    made = admin.post("/users", {"name": "ana", "display_name": "Dr Ana", "role": "expert"})
    expert = admin.post("/experts", {"name": "Dr Ana", "description": "", "user_id": made["user"]["id"]})
    admin.post(f"/projects/{project['id']}/members", {"user_id": made["user"]["id"], "role": "reader"})
    admin.post(f"/projects/{project['id']}/experts", {"expert_id": expert["id"], "assign": True})
    Client(server.url).redeem(made["link"]["url"])
    sign_in(page, server.url, "ana")
    page.get_by_test_id("start-reading").click()
    expect(page.get_by_test_id("submit")).to_be_enabled(timeout=30_000)
    view = page.get_by_test_id("view-axial")
    state = page.get_by_test_id("propagation-state")
    segmentation_id = api(page, f"/assignments/{page.url.rsplit('/', 1)[1]}")["segmentation_id"]
    view.hover()
    glass = Glass.calibrate(page)

    present = np.flatnonzero(truth.any((1, 2)))
    drawn = [int(present[0]) + 2, int(present.mean()), int(present[-1]) - 2]
    for k in drawn:
        view.hover()
        go_to_slice(page, k)
        correct(page, glass, np.zeros(truth.shape[1:], bool), truth[k])
    wait_saved(page)

    view.hover()
    page.keyboard.press("Shift+N")
    expect(state).to_be_visible(timeout=2000)
    expect(state).to_have_attribute("data-state", "shown", timeout=30_000)
    go_to_slice(page, (drawn[0] + drawn[1]) // 2)
    expect(page.get_by_test_id("propagation-network")).to_have_text("propagation alone")
    expect(page.get_by_test_id("propagation-estimate")).to_have_text("quality not known yet")
    expect(page.get_by_test_id("good-enough")).to_have_count(0)  # never without an interval
    page.screenshot(path=tmp_path / "propagated.png")
    assert api(page, f"/segmentations/{segmentation_id}/propagations")["items"][0]["drawn"] == [
        {"label": 1, "slices": drawn}
    ]

    other_tab = page.context.new_page()
    other_tab.goto(page.url)
    expect(other_tab.get_by_test_id("propagation-state")).to_have_attribute("data-state", "shown", timeout=30_000)
    other_tab.close()
    server.stop()
    server.start()
    page.reload()
    expect(state).to_have_attribute("data-state", "shown", timeout=30_000)
    assert [
        one["slices"] for one in api(page, f"/segmentations/{segmentation_id}/propagations")["items"][0]["drawn"]
    ] == [drawn]
    view.hover()
    visited = []
    for _ in range(2):
        before = slice_shown(page)
        page.keyboard.press("Space")
        eventually("the proposed slice", lambda: slice_shown(page) != before)
        visited.append(slice_shown(page))
    expect(page.get_by_text(re.compile(r"Slice \d+ next: the farthest from what")).first).to_be_visible()
    page.screenshot(path=tmp_path / "proposed.png")
    assert len(set(visited)) == 2 and not set(visited) & set(drawn)

    one_slice = slice_shown(page)
    reach = page.get_by_role("combobox", name="Slices to accept")
    reach.select_option("this")
    page.keyboard.press("Enter")
    wait_saved(page)
    page.screenshot(path=tmp_path / "one-slice.png")
    expect(state).to_have_attribute("data-state", "shown")  # the rest waits
    reach.select_option("all")
    page.keyboard.press("Enter")
    expect(state).to_have_count(0)
    wait_saved(page)
    page.screenshot(path=tmp_path / "accepted.png")
    page.get_by_test_id("submit").click()
    eventually("the submission", lambda: api(page, f"/segmentations/{segmentation_id}")["state"] == "submitted")

    now = api(page, f"/segmentations/{segmentation_id}")
    revision = api(page, f"/revisions/{now['head_revision_id']}")
    labels = admin.labels(now["head_revision_id"], api(page, f"/images/{now['image_id']}"))
    between = [k for k in range(drawn[0], drawn[-1]) if k not in drawn]
    assert all(((labels[k] == 1) == truth[k]).all() for k in drawn), "a drawn slice was changed"
    copied = np.stack([truth[min(drawn, key=lambda one: abs(one - k))] for k in between])
    assert dice(labels[between] == 1, truth[between]) > dice(copied, truth[between]) + 0.05
    assert revision["assisted"] is True and revision["submitted_at"]
    *_, part, rest = api(page, f"/segmentations/{segmentation_id}/edits")["items"]
    assert part["source_revision_id"] == rest["source_revision_id"] is not None
    changed = codec.decode(base64.b64decode(part["runs"]), labels.size, labels.itemsize).indices()
    assert set(changed // labels[0].size) == {one_slice}, "other slices were taken over too"
    assert complaints.none(), complaints
