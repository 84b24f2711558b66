"""From the click on a 512×512×300 study to its first slice on the screen, and until the whole volume is there.

`python -m benchmarks.first_slice [--small | --full]`: a made-up volume goes through the real import; a doctor signs in with a real Chromium without WebGL
and opens the read 3 (small) or 10 (full) times. The clock starts at the click and stops when the large view shows something that is not black.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from benchmarks.figures import Figure, percentile, report, say
from benchmarks.workload import LABEL, nifti
from tests.acceptance.conftest import FLAGS, chromium_path
from tests.acceptance.screens import welcome
from tests.running import Client, running

SHAPE_ZYX, FIRST_LIMIT_S, WHOLE_LIMIT_S = (300, 512, 512), 1.5, 3.0
# The middle of the large view, as its canvas holds it now; 0 while nothing is drawn.
BRIGHTNESS = """() => { const c = document.querySelector('[data-testid=view-axial]'); if (!c || !c.width) return 0;
  const p = c.getContext('2d').getImageData(c.width >> 1, c.height >> 1, 8, 8).data; return Math.max(...p.filter((_, i) => i % 4 === 0)); }"""


def main() -> int:
    """Import once, open several times, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--small", action="store_true")
    rounds = 10 if parser.parse_args().full else 3
    with (
        tempfile.TemporaryDirectory(prefix="consilium-first-", ignore_cleanup_errors=True) as folder,
        running(Path(folder) / "data") as server,
        sync_playwright() as playwright,
    ):
        link, import_s = prepare(Client(server.url).redeem(str(server.link)))
        flags = [*FLAGS, "--no-sandbox"]
        browser = playwright.chromium.launch(executable_path=chromium_path(), headless=True, args=flags)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        welcome(page, link)
        first = [open_read(page, server.url) for _ in range(rounds)]
        browser.close()
    return report("first_slice", [
        Figure("click to first slice, 512×512×300, median", round(percentile([f for f, _ in first], 0.5), 2), "s", FIRST_LIMIT_S),
        Figure("click to whole volume, median", round(percentile([w for _, w in first], 0.5), 2), "s", WHOLE_LIMIT_S),
        Figure("import of the volume, upload included", round(import_s, 1), "s"),
    ])  # fmt: skip


def prepare(admin: Client) -> tuple[str, float]:
    """Import the volume and invite a doctor to read it; returns their one-time link and the seconds the import took."""
    zz, yy, xx = np.ogrid[: SHAPE_ZYX[0], : SHAPE_ZYX[1], : SHAPE_ZYX[2]]
    rng = np.random.default_rng(3)
    body = 400 * np.exp(-(((yy - 256) / 180.0) ** 2 + ((xx - 256) / 140.0) ** 2)) + 0 * zz
    volume = (body + rng.integers(-30, 30, SHAPE_ZYX, dtype=np.int16)).astype(np.int16)
    project = admin.post("/projects", {
        "name": "CT", "description": "made up", "labels": [LABEL],
        "policy": {"blinding": "open", "prefill": "before", "reads_per_image": 1, "personalise": False},
    })  # fmt: skip
    began = time.monotonic()
    admin.upload(project["id"], {"ct.nii": nifti(volume, (0.8, 0.8, 1.0))})
    seconds = time.monotonic() - began
    say(f"imported in {seconds:.1f} s")
    made = admin.post("/users", {"name": "doctor", "display_name": "Doctor", "role": "expert"})
    expert = admin.post("/experts", {"name": "Doctor", "description": "", "user_id": made["user"]["id"]})
    admin.post(f"/projects/{project['id']}/members", {"user_id": made["user"]["id"], "role": "reader"})
    admin.post(f"/projects/{project['id']}/experts", {"expert_id": expert["id"], "assign": True})
    return made["link"]["url"], seconds


def open_read(page: Page, url: str) -> tuple[float, float]:
    """Seconds from the click in the worklist to the first slice, and to the last slab."""
    page.goto(url)
    link = page.get_by_test_id("read-row").first.get_by_role("link").first
    link.wait_for()
    began = time.monotonic()
    link.click()
    first = wait(page, lambda: page.evaluate(BRIGHTNESS) > 20, began)
    whole = wait(page, lambda: page.get_by_text("Loading", exact=False).count() == 0, began)
    say(f"first slice {first:.2f} s, whole volume {whole:.2f} s")
    return first, whole


def wait(page: Page, seen: object, began: float) -> float:
    """Seconds since `began` when `seen` first says yes; AssertionError after 60."""
    assert callable(seen)
    while not seen():
        assert time.monotonic() - began < 60, "nothing on the screen for a minute"
        page.wait_for_timeout(10)
    return time.monotonic() - began


if __name__ == "__main__":
    raise SystemExit(main())
