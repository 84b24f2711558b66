"""Ask AI with real clicks: a pending sign at once, a hatched proposal, undo, a reload in between, and Enter makes it mine."""

import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.conftest import Complaints
from tests.acceptance.screens import api, wait_saved, welcome
from tests.running import Running, eventually, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    with running(tmp_path_factory.mktemp("ask") / "data", CONSILIUM_DEMO="true") as started:
        yield started


def prompts(page: Page, segmentation_id: str) -> dict:
    return api(page, f"/segmentations/{segmentation_id}/prompts")


def marks(page: Page) -> int:
    """Pixels of the large view in the colour of a mark that includes."""
    return page.evaluate("""() => {
      const canvas = document.querySelector("[data-testid=view-axial] canvas, canvas[data-testid=view-axial]");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let found = 0;
      for (let at = 0; at < data.length; at += 4)
        if (data[at] === 74 && data[at + 1] === 222 && data[at + 2] === 128) found++;
      return found;
    }""")


def test_a_click_is_answered_survives_a_reload_and_enter_accepts_it(
    server: Running, page: Page, complaints: Complaints, tmp_path: Path
) -> None:
    eventually("the demo project", lambda: (server.data / "demo-loaded").exists(), 90)
    welcome(page, str(server.link))
    page.goto(server.url)
    page.get_by_test_id("start-reading").click()
    view = page.get_by_test_id("view-axial")
    expect(view).to_be_visible(timeout=20_000)
    expect(page.get_by_role("button", name="Ask AI")).to_be_enabled(timeout=20_000)
    assignment_id = page.url.rsplit("/", 1)[1]
    segmentation_id = api(page, f"/assignments/{assignment_id}")["segmentation_id"]
    box = view.bounding_box()
    assert box
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    state = page.get_by_test_id("ask-state")

    page.keyboard.press("a")
    clicked = time.perf_counter()
    page.mouse.click(*middle)
    expect(state).to_be_visible(timeout=2000)
    seen_after = time.perf_counter() - clicked
    expect(state).to_have_attribute("data-state", "answered", timeout=15_000)
    first = prompts(page, segmentation_id)["proposal"]
    assert marks(page) > 50
    page.screenshot(path=tmp_path / "ask-1.png")
    for name in ("Accept (Enter)", "Take last back (Ctrl+Z)", "Withdraw (Esc)"):
        expect(page.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    page.mouse.click(middle[0] + 40, middle[1] + 40, button="right")
    eventually("two prompts", lambda: len(prompts(page, segmentation_id)["items"]) == 2)
    expect(state).to_have_attribute("data-state", "answered", timeout=15_000)
    page.keyboard.press("Control+z")
    eventually("the former answer", lambda: prompts(page, segmentation_id)["proposal"] == first)

    eventually("the tool is remembered", lambda: api(page, "/account/preferences")["habits"].get("tool") == "ask")
    page.reload()
    expect(state).to_have_attribute("data-state", "answered", timeout=20_000)
    expect(page.get_by_role("button", name="Ask AI")).to_have_attribute("aria-pressed", "true")
    assert marks(page) > 50
    page.keyboard.press("Enter")
    expect(state).to_have_count(0)
    wait_saved(page)
    assert marks(page) == 0

    assert seen_after < 1.0
    assert first["voxels"] > 0
    assert [one["state"] for one in prompts(page, segmentation_id)["items"]] == ["settled", "withdrawn"]
    edits = api(page, f"/segmentations/{segmentation_id}/edits")["items"]
    assert [edit["tool"] for edit in edits] == ["ask"]
    page.screenshot(path=tmp_path / "ask-2.png")
    assert complaints.none(), complaints
