"""Ask AI on a running server, seen by a doctor: from the end of the gesture to the proposal on the screen.

`python -m benchmarks.asking [--small | --full]`. A real Chromium without WebGL clicks, scribbles and draws boxes on one slice of a made-up study of
512×512; the interactive worker answers from the image's values, as it does before any model is trained. Each answer is withdrawn before the next question,
so every one is a round of its own. The clock starts when the button is let go and stops with the frame that shows the answer. What a network
adds to an answer is `benchmarks.prompts`' to say.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, expect, sync_playwright

from benchmarks.figures import Figure, percentile, report, say
from benchmarks.workload import LABEL, nifti
from tests.acceptance.conftest import FLAGS, chromium_path
from tests.acceptance.screens import welcome
from tests.running import Client, running

SHAPE_ZYX, ANSWERED_MS = (24, 512, 512), 1500.0
# The next frame after the status says "answered" has the proposal in it, which was handed to the views before.
WATCH = """letGo = 0; answered = [];
addEventListener('pointerup', (event) => { letGo = event.timeStamp; }, true);
addEventListener('DOMContentLoaded', () => new MutationObserver(() => {
  const state = document.querySelector('[data-testid=ask-state]')?.dataset.state;
  if (state !== 'answered' || !letGo) return;
  const from = letGo; letGo = 0;
  requestAnimationFrame(() => requestAnimationFrame((at) => answered.push(at - from)));
}).observe(document.body, {subtree: true, childList: true, attributeFilter: ['data-state']}));"""


def main() -> int:
    """Ask in each way, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--small", action="store_true")
    rounds = 30 if parser.parse_args().full else 12
    with (
        tempfile.TemporaryDirectory(prefix="consilium-asking-", ignore_cleanup_errors=True) as folder,
        running(Path(folder) / "data") as server,
        sync_playwright() as playwright,
    ):
        link = prepare(Client(server.url).redeem(str(server.link)))
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.add_init_script(WATCH)
        welcome(page, link)
        page.get_by_test_id("start-reading").click()
        page.locator("[data-testid=submit]:not([disabled])").wait_for(timeout=60_000)
        page.keyboard.press("a")
        figures = []
        for way, gesture in (("click", click), ("scribble", drag), ("box", drag)):
            took = ask(page, gesture, rounds)
            say(f"{way}: {[round(ms) for ms in took]} ms")
            for share, name in ((0.5, "median"), (0.95, "p95")):
                limit = ANSWERED_MS if name == "p95" else None
                ms = round(percentile(took, share), 1)
                figures.append(Figure(f"{way} to proposal on the screen, {name}", ms, "ms", limit))
            page.keyboard.press("a")  # click → scribble → box
        browser.close()
    return report("asking", figures, rounds=rounds)


def prepare(admin: Client) -> str:
    """A study with a bright ball in noise, and a doctor asked to read it; returns their one-time link."""
    policy = {"blinding": "open", "prefill": "never", "reads_per_image": 1, "personalise": False}
    project = admin.post("/projects", {"name": "CT", "description": "made up", "labels": [LABEL], "policy": policy})
    zz, yy, xx = np.ogrid[: SHAPE_ZYX[0], : SHAPE_ZYX[1], : SHAPE_ZYX[2]]
    ball = ((zz - 12) / 10) ** 2 + ((yy - 256) / 60) ** 2 + ((xx - 256) / 60) ** 2 < 1
    noise = np.random.default_rng(5).integers(-30, 30, SHAPE_ZYX)
    admin.upload(project["id"], {"ct.nii": nifti((300 * ball + noise).astype(np.int16), (0.8, 0.8, 3.0))})
    made = admin.post("/users", {"name": "doctor", "display_name": "Doctor", "role": "expert"})
    expert = admin.post("/experts", {"name": "Doctor", "description": "", "user_id": made["user"]["id"]})
    admin.post(f"/projects/{project['id']}/members", {"user_id": made["user"]["id"], "role": "reader"})
    admin.post(f"/projects/{project['id']}/experts", {"expert_id": expert["id"], "assign": True})
    return str(made["link"]["url"])


def ask(page: Page, gesture: Callable[[Page, int], None], rounds: int) -> list[float]:
    """Milliseconds of each answer; the first question of all, which wakes the worker, is asked before and not counted."""
    state = page.get_by_test_id("ask-state")
    page.evaluate("answered.length = 0")
    for number in range(rounds + 1):
        gesture(page, number)
        expect(state).to_have_attribute("data-state", "answered", timeout=30_000)
        page.wait_for_timeout(60)
        assert page.evaluate("answered.length") == number + 1, "an answer was seen twice or never"
        page.keyboard.press("Escape")
        expect(state).to_have_count(0, timeout=30_000)
    took: list[float] = page.evaluate("answered")
    return took[1:]


def click(page: Page, number: int) -> None:
    """Into the ball, each time elsewhere."""
    page.mouse.click(*at(page, 0.5 + 0.004 * (number % 8), 0.5))


def drag(page: Page, number: int) -> None:
    """A line through the ball, or across it the box: the tool's shape says which."""
    page.mouse.move(*at(page, 0.45, 0.46 + 0.004 * (number % 8)))
    page.mouse.down()
    page.mouse.move(*at(page, 0.55, 0.54), steps=8)
    page.mouse.up()


def at(page: Page, across: float, down: float) -> tuple[float, float]:
    """A point of the large view by its shares of width and height."""
    box = page.get_by_test_id("view-axial").bounding_box()
    assert box is not None
    return box["x"] + box["width"] * across, box["y"] + box["height"] * down


if __name__ == "__main__":
    raise SystemExit(main())
