"""Twenty doctors drawing at once: how soon a stroke is acknowledged, what one stroke sends, and what the crash journal costs.

`python -m benchmarks.strokes [--small | --full]`. Twenty accounts draw strokes of a real brush's size on readings of their own, one every second each (a
quick hand), past the browser; one of them draws with a real Chromium, alone and among the others, from the moment the case lets them, while the others'
readings are still on their way. Their clock starts when the button is let go and stops when the browser's outbox knows that the server has the stroke.
"""

import argparse
import base64
import json
import random
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
from playwright.sync_api import Page, Request, sync_playwright

from backend.imaging import labels as codec
from benchmarks.figures import Figure, percentile, report, say
from benchmarks.workload import LABEL, nifti
from tests.acceptance.conftest import FLAGS, chromium_path
from tests.acceptance.screens import wait_saved
from tests.running import PASSWORD, Client, running

DOCTORS, SIDE, SLICES, PACE_SECONDS = 20, 256, 60, 1.0
ACKNOWLEDGED_MS, STROKE_BYTES, VOXELS = 100.0, 2000, 5000
NOTE_LETTING_GO = "letGo = []; addEventListener('pointerup', (event) => letGo.push(event.timeStamp), true);"
ENDS = "(name) => performance.getEntriesByName(name).map((one) => one.startTime + one.duration)"
DURATIONS = "(name) => performance.getEntriesByName(name).map((one) => one.duration)"


@dataclass(frozen=True)
class Seen:
    """What one browser's strokes looked like: bodies posted, ms from letting go to the acknowledgement, ms of each journal write."""

    posts: list[str]
    acknowledged_ms: list[float]
    journal_ms: list[float]


class Doctor:
    """One account, one reading, and the milliseconds each of its strokes took."""

    def __init__(self, name: str, client: Client, assignment_id: str) -> None:
        self.name, self.client, self.assignment_id = name, client, assignment_id
        self.segmentation_id = client.post(f"/assignments/{assignment_id}/open")["segmentation_id"]
        self.took_ms: list[float] = []

    def draw(self, ends: threading.Event, seed: int) -> None:
        """Strokes at a hand's pace until told to stop."""
        chance = random.Random(seed)
        now = self.client.get(f"/segmentations/{self.segmentation_id}")
        base, etag = now["head_revision_id"], now["etag"]
        time.sleep(chance.random() * PACE_SECONDS)
        while not ends.is_set():
            body = {"base_revision_id": base, "edit_id": str(uuid4()), "tool": "brush", "runs": stroke(chance)}
            began = time.perf_counter()
            etag = self.client.post(f"/segmentations/{self.segmentation_id}/edits", body, headers={"If-Match": etag})[
                "etag"
            ]
            self.took_ms.append(1000 * (time.perf_counter() - began))
            ends.wait(PACE_SECONDS * (0.5 + chance.random()))


def main() -> int:
    """Draw, look at one of them closely, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--small", action="store_true")
    seconds = 60 if parser.parse_args().full else 20
    with (
        tempfile.TemporaryDirectory(prefix="consilium-strokes-", ignore_cleanup_errors=True) as folder,
        running(Path(folder) / "data") as server,
        sync_playwright() as playwright,
    ):
        doctors = prepare(server.url, str(server.link))
        say(f"{DOCTORS} doctors draw for {seconds} s …")
        with Drawing(doctors):
            time.sleep(seconds)
        took = [ms for doctor in doctors for ms in doctor.took_ms]
        say(f"{len(took)} strokes; one of them by a real browser …")
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=[*FLAGS, "--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.add_init_script(NOTE_LETTING_GO)
        alone = look_closely(page, server.url, doctors[0], seconds)
        with Drawing([doctors[0], *doctors[2:]]):  # a reading of its own: the same strokes twice would change nothing
            among = look_closely(page, server.url, doctors[1], seconds)
        browser.close()
    sizes = [len(post) for post in alone.posts]
    voxels = [voxels_of(json.loads(post)["runs"]) for post in alone.posts]
    assert len({json.loads(post)["edit_id"] for post in alone.posts}) == len(alone.posts), "a stroke was posted twice"
    assert min(voxels) > 500 and max(voxels) < VOXELS, f"strokes of {min(voxels)} to {max(voxels)} voxels"
    return report("strokes", [
        Figure(f"stroke acknowledged, {DOCTORS} doctors drawing, p95", round(percentile(took, 0.95), 1), "ms", ACKNOWLEDGED_MS),
        Figure("stroke acknowledged, median", round(percentile(took, 0.5), 1), "ms"),
        Figure("letting go to acknowledgement, a browser alone, p95", round(percentile(alone.acknowledged_ms, 0.95), 1), "ms", ACKNOWLEDGED_MS),
        Figure("letting go to acknowledgement, a browser alone, median", round(percentile(alone.acknowledged_ms, 0.5), 1), "ms"),
        Figure("letting go to acknowledgement, a browser on the same cores as server and 19 doctors, p95", round(percentile(among.acknowledged_ms, 0.95), 1), "ms", ACKNOWLEDGED_MS),
        Figure("letting go to acknowledgement, a browser on the same cores as server and 19 doctors, median", round(percentile(among.acknowledged_ms, 0.5), 1), "ms"),
        Figure("body of a stroke under 5,000 voxels, largest", max(sizes), "bytes", STROKE_BYTES),
        Figure("its voxels, largest", max(voxels), "voxels"),
        Figure("posts per stroke", len(alone.posts) / len(alone.acknowledged_ms), "posts", 1),
        Figure("encrypted journal write, median", round(percentile(alone.journal_ms, 0.5), 2), "ms"),
        Figure("encrypted journal write, p95", round(percentile(alone.journal_ms, 0.95), 2), "ms"),
    ], strokes=len(took), browser_strokes=len(alone.acknowledged_ms) + len(among.acknowledged_ms))  # fmt: skip


class Drawing:
    """These doctors draw while the block lasts."""

    def __init__(self, doctors: list[Doctor]) -> None:
        self.ends = threading.Event()
        self.threads = [
            threading.Thread(target=doctor.draw, args=(self.ends, seed)) for seed, doctor in enumerate(doctors)
        ]

    def __enter__(self) -> None:
        for thread in self.threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self.ends.set()
        for thread in self.threads:
            thread.join()


def prepare(url: str, link: str) -> list[Doctor]:
    """One volume, and twenty doctors asked to read it."""
    admin = Client(url).redeem(link)
    policy = {"blinding": "open", "prefill": "never", "reads_per_image": DOCTORS, "personalise": False}
    project = admin.post("/projects", {"name": "MR", "description": "made up", "labels": [LABEL], "policy": policy})
    volume = np.random.default_rng(1).integers(0, 400, (SLICES, SIDE, SIDE)).astype(np.int16)
    admin.upload(project["id"], {"mr.nii": nifti(volume)})
    doctors = []
    for number in range(DOCTORS):
        name = f"doctor-{number}"
        made = admin.post("/users", {"name": name, "display_name": name, "role": "expert"})
        expert = admin.post("/experts", {"name": name, "description": "", "user_id": made["user"]["id"]})
        admin.post(f"/projects/{project['id']}/members", {"user_id": made["user"]["id"], "role": "reader"})
        admin.post(f"/projects/{project['id']}/experts", {"expert_id": expert["id"], "assign": True})
        client = Client(url).redeem(made["link"]["url"])
        doctors.append(Doctor(name, client, client.every("/assignments")[0]["id"]))
    return doctors


def stroke(chance: random.Random) -> str:
    """A band of a brush on one slice, some 2,700 voxels, in run code."""
    z, y0 = chance.randrange(SLICES), chance.randrange(SIDE - 40)
    x0, length = chance.randrange(SIDE - 120), chance.randint(60, 110)
    yy, xx = np.mgrid[:SIDE, :SIDE]
    inside = (abs(yy - y0 - 15 - 4 * np.sin(xx / 9)) < 15) & (xx >= x0) & (xx < x0 + length)
    indices = z * SIDE * SIDE + np.flatnonzero(inside)
    values = np.full(indices.size, chance.randint(0, 1), np.uint8)
    return base64.b64encode(codec.encode(indices, values)).decode()


def voxels_of(runs: str) -> int:
    """How many voxels a posted edit changes."""
    size: int = codec.decode(base64.b64decode(runs), SLICES * SIDE * SIDE, 1).values.size
    return size


def look_closely(page: Page, url: str, doctor: Doctor, seconds: int) -> Seen:
    """Strokes by the mouse of a real browser, until the last is saved."""
    page.context.clear_cookies()
    page.goto(f"{url}/login")
    page.get_by_role("textbox", name="Name").fill(doctor.name)
    page.locator("input[type=password]").fill(PASSWORD)
    page.locator("button[type=submit]").click()
    page.get_by_test_id("start-reading").wait_for()
    posts: list[str] = []

    def finished(request: Request) -> None:
        if request.method == "POST" and request.url.endswith("/edits"):
            posts.append(str(request.post_data))

    page.on("requestfinished", finished)
    page.goto(f"{url}/read/{doctor.assignment_id}")
    page.locator("[data-testid=submit]:not([disabled])").wait_for(timeout=60_000)
    brush = page.get_by_test_id("brush-size")
    brush.fill("9")
    brush.press("Enter")
    box = page.get_by_test_id("view-axial").bounding_box()
    assert box is not None
    page.evaluate("letGo.length = 0")
    strokes, ends = 0, time.monotonic() + seconds
    while time.monotonic() < ends:
        y = box["y"] + box["height"] * (0.25 + 0.05 * (strokes % 10))
        page.mouse.move(box["x"] + box["width"] * 0.3, y)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.5, y + 20, steps=12)
        page.mouse.move(box["x"] + box["width"] * 0.6, y, steps=12)
        page.mouse.up()
        strokes += 1
        if strokes % 10 == 0:
            page.keyboard.press("ArrowUp")
        page.wait_for_timeout(250)
    wait_saved(page)
    page.remove_listener("requestfinished", finished)
    let_go: list[float] = page.evaluate("letGo")
    known: list[float] = page.evaluate(ENDS, "stroke-acknowledged")
    assert len(known) == len(let_go) == strokes, f"{strokes} strokes, {len(let_go)} let go, {len(known)} acknowledged"
    took = [end - start for start, end in zip(let_go, known, strict=True)]
    return Seen(posts, took, page.evaluate(DURATIONS, "journal-write"))


if __name__ == "__main__":
    raise SystemExit(main())
