"""The strip of several opinions on a running server, in a real Chromium: from the key V to its cards on the screen.

`python -m benchmarks.opinions [--small | --full]`. Five simulated experts have drawn images of 256×256, a `dpersona` network has been
pretrained on them (until its outlines are smooth: ragged ones take longer to draw), and a doctor opens one image after another. The
answer is made beside the prediction; V is pressed in the very frame in which the prediction is first seen, sooner than anybody can,
and again once the answer is there. The clocks are the page's own: from the key to the frame after the last miniature was drawn.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from benchmarks.figures import Figure, percentile, report, say
from benchmarks.workload import Workload, prepare
from tests.acceptance.conftest import FLAGS, chromium_path
from tests.acceptance.one_case import sign_in
from tests.running import running

SIZE, DRAWN = 256, 6
LIMIT_MS = 300.0
TRAINING = {"method": "dpersona", "config": {"steps": 200, "batch": 4}}
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
# The same, with V pressed by the page itself in the frame that first shows the prediction.
AT_FIRST_SIGHT = f"""new MutationObserver((_, prediction) => {{
  if (document.querySelector("[data-testid=uncertainty-row]") === null) return;
  prediction.disconnect();
  requestAnimationFrame(() => {{
    window.waited = ({WATCH})();
    document.body.dispatchEvent(new KeyboardEvent("keydown", {{ key: "v", code: "KeyV", bubbles: true }}));
  }});
}}).observe(document, {{ childList: true, subtree: true }});"""


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
        began = time.monotonic()
        trained = work.admin.post("/jobs", {"kind": "pretrain", "project_id": work.project_id, "params": TRAINING})
        assert work.admin.wait_job(trained, 600)["state"] == "done"
        say(f"pretrained in {time.monotonic() - began:.0f} s")
        browser = playwright.chromium.launch(executable_path=chromium_path(), headless=True, args=flags)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        sign_in(page, server.url, "doctor")
        page.add_init_script(AT_FIRST_SIGHT)
        timed = [ask_twice(page, server.url, work, name) for name in list(work.images)[DRAWN:]][1:]
        browser.close()
    first, again = ([pair[n] for pair in timed] for n in (0, 1))
    return report("opinions", [
        Figure("V with the prediction to the strip, median", round(percentile(first, 0.5)), "ms", LIMIT_MS),
        Figure("V with the prediction to the strip, p90", round(percentile(first, 0.9)), "ms"),
        Figure("V to the strip, answer made before, median", round(percentile(again, 0.5)), "ms", LIMIT_MS),
    ], load_average=round(os.getloadavg()[0], 1))  # fmt: skip


def ask_twice(page: Page, url: str, work: Workload, name: str) -> tuple[float, float]:
    """Open one image of the doctor's; milliseconds of V at first sight of the prediction and of V again."""
    image_id = work.images[name]["id"]
    mine = work.doctor.every("/assignments", project_id=work.project_id)
    page.goto(f"{url}/read/{next(one['id'] for one in mine if one['image_id'] == image_id)}")
    expect(page.get_by_test_id("opinion-card").first).to_be_visible(timeout=60_000)
    first = float(page.evaluate("() => window.waited"))
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
