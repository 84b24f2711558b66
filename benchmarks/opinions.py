"""The strip of several opinions on a running server, in a real Chromium: from the key V to its cards on the screen.

`python -m benchmarks.opinions [--small | --full]`. Five simulated experts have drawn images of 256×256, a `dpersona` network has been
pretrained on them (until its outlines are smooth: ragged ones take longer to draw), and a doctor opens one image after another, waits
for the prediction and presses V. The clock is the page's own: it starts with the key and stops at the frame after the last
miniature was drawn. Asked the first time (computed by a job) and again (the kept answer).
"""

import argparse
import os
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from benchmarks.figures import Figure, percentile, report, say
from benchmarks.workload import Workload, prepare
from tests.acceptance.conftest import FLAGS, chromium_path
from tests.acceptance.one_case import sign_in
from tests.running import running

SIZE, DRAWN = 256, 6
LIMIT_MS = 300.0
TRAINING = {"method": "dpersona", "config": {"steps": 300}}
# Milliseconds from the next V to the frame after the strip shows its cards.
WATCH = """() => new Promise((done) => {
  addEventListener("keydown", (event) => {
    const seen = new MutationObserver(() => {
      if (document.querySelector("[data-testid=opinion-card] canvas") === null) return;
      seen.disconnect();
      requestAnimationFrame((now) => setTimeout(() => done(performance.now() - event.timeStamp)));
    });
    seen.observe(document.body, { childList: true, subtree: true });
  }, { once: true, capture: true });
})"""


def main() -> int:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--small", action="store_true")
    reads = 20 if parser.parse_args().full else 8
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS
    with (
        tempfile.TemporaryDirectory(prefix="consilium-opinions-", ignore_cleanup_errors=True) as folder,
        running(Path(folder) / "data", CONSILIUM_PERSONALISE_QUIET_SECONDS="3600") as server,
        sync_playwright() as playwright,
    ):
        work = prepare(server, cases=DRAWN + reads + 1, size=SIZE, drawn=DRAWN)
        trained = work.admin.post("/jobs", {"kind": "pretrain", "project_id": work.project_id, "params": TRAINING})
        assert work.admin.wait_job(trained, 600)["state"] == "done"
        browser = playwright.chromium.launch(executable_path=chromium_path(), headless=True, args=flags)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        sign_in(page, server.url, "doctor")
        timed = [ask_twice(page, server.url, work, name) for name in list(work.images)[DRAWN:]][1:]
        browser.close()
    first, again = ([pair[n] for pair in timed] for n in (0, 1))
    return report("opinions", [
        Figure("V to the strip, computed, median", round(percentile(first, 0.5)), "ms", LIMIT_MS),
        Figure("V to the strip, computed, p90", round(percentile(first, 0.9)), "ms"),
        Figure("V to the strip, kept answer, median", round(percentile(again, 0.5)), "ms", LIMIT_MS),
    ], load_average=round(os.getloadavg()[0], 1))  # fmt: skip


def ask_twice(page: Page, url: str, work: Workload, name: str) -> tuple[float, float]:
    """Open one image of the doctor's, wait for the prediction; milliseconds of the first V and of V again."""
    image_id = work.images[name]["id"]
    mine = work.doctor.every("/assignments", project_id=work.project_id)
    page.goto(f"{url}/read/{next(one['id'] for one in mine if one['image_id'] == image_id)}")
    expect(page.get_by_test_id("submit")).to_be_enabled(timeout=60_000)
    expect(page.get_by_test_id("style-label")).to_be_visible(timeout=60_000)
    first = press(page)
    page.keyboard.press("v")
    expect(page.get_by_test_id("opinion-strip")).to_have_count(0)
    again = press(page)
    say(f"{name}: {first:.0f} ms, again {again:.0f} ms")
    return first, again


def press(page: Page) -> float:
    """Milliseconds from V to its cards."""
    page.evaluate(f"() => {{ window.waited = ({WATCH})(); }}")
    page.keyboard.press("v")
    return float(page.evaluate("() => window.waited"))


if __name__ == "__main__":
    raise SystemExit(main())
