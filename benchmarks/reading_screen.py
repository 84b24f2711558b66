"""The reading screen of a running server on a 512×512×300 study with four experts' readings: for benchmarks.viewer.

A made-up volume and four label maps go through the real import; a doctor signs in with a real Chromium without WebGL, opens the
read from the worklist and goes back to it, as on a working day. Clocks start at the click.
"""

import base64
import json
import time
from collections.abc import Callable

import numpy as np
from playwright.sync_api import CDPSession, Page, Request, expect

from backend.imaging import labels as codec
from benchmarks.figures import Figure, percentile, say
from benchmarks.workload import LABEL, nifti
from tests.acceptance.screens import wait_saved
from tests.running import Client

SHAPE_ZYX, EXPERTS = (300, 512, 512), 4
FIRST_LIMIT_S, WHOLE_LIMIT_S, HEAP_LIMIT_MB, GROWTH_LIMIT_MB, STROKE_LIMIT_BYTES = 1.5, 3.0, 350.0, 20.0, 2000
STROKES, SMALL_STROKE_VOXELS = 10, 5000
# The middle of the large view, as its canvas holds it now; 0 while nothing is drawn.
BRIGHTNESS = """() => { const c = document.querySelector('[data-testid=view-axial]'); if (!c || !c.width) return 0;
  const p = c.getContext('2d').getImageData(c.width >> 1, c.height >> 1, 8, 8).data; return Math.max(...p.filter((_, i) => i % 4 === 0)); }"""


def prepare(admin: Client) -> tuple[str, float]:
    """Import volume and readings, invite a doctor; returns their one-time link and the seconds the volume's import took."""
    zz, yy, xx = np.ogrid[: SHAPE_ZYX[0], : SHAPE_ZYX[1], : SHAPE_ZYX[2]]
    rng = np.random.default_rng(3)
    body = 400 * np.exp(-(((yy - 256) / 180.0) ** 2 + ((xx - 256) / 140.0) ** 2)) + 0 * zz
    volume = (body + rng.integers(-30, 30, SHAPE_ZYX, dtype=np.int16)).astype(np.int16)
    project = admin.post("/projects", {
        "name": "CT", "description": "made up", "labels": [LABEL],
        "policy": {"blinding": "open", "prefill": "never", "reads_per_image": EXPERTS + 1, "personalise": False},
    })  # fmt: skip
    began = time.monotonic()
    admin.upload(project["id"], {"images/ct.nii": nifti(volume, (0.8, 0.8, 1.0))})
    seconds = time.monotonic() - began
    say(f"imported in {seconds:.1f} s")
    readings = {}
    for number in range(EXPERTS):
        centre = 256 + 10 * number
        ball = ((zz - 150) / 60) ** 2 + ((yy - 256) / 90) ** 2 + ((xx - centre) / 90) ** 2 < 1
        readings[f"segmentations/Expert{number + 1}/ct.nii"] = nifti(ball.astype(np.uint8), (0.8, 0.8, 1.0))
    admin.upload(project["id"], readings, experts=True)
    made = admin.post("/users", {"name": "doctor", "display_name": "Doctor", "role": "expert"})
    expert = admin.post("/experts", {"name": "Doctor", "description": "", "user_id": made["user"]["id"]})
    admin.post(f"/projects/{project['id']}/members", {"user_id": made["user"]["id"], "role": "reader"})
    admin.post(f"/projects/{project['id']}/experts", {"expert_id": expert["id"], "assign": True})
    return made["link"]["url"], seconds


def measure_opening(page: Page, url: str, rounds: int, import_s: float) -> list[Figure]:
    """From the click on the study to its first slice on the screen, and until the whole volume is there."""
    seen = []
    for _ in range(rounds):
        page.goto(url)
        seen.append(open_read(page))
    first, whole = ([round(pair[n], 2) for pair in seen] for n in (0, 1))
    return [
        Figure("click to first slice, median", percentile(first, 0.5), "s", FIRST_LIMIT_S),
        Figure("click to whole volume, median", percentile(whole, 0.5), "s", WHOLE_LIMIT_S),
        Figure("import of the volume, upload included", round(import_s, 1), "s"),
    ]


def open_read(page: Page) -> tuple[float, float]:
    """Seconds from the click in the worklist to the first slice, and to the last slab."""
    link = page.get_by_test_id("read-row").first.get_by_role("link").first
    link.wait_for()
    began = time.monotonic()
    link.click()
    first = wait(page, lambda: page.evaluate(BRIGHTNESS) > 20, began)
    whole = wait(page, lambda: page.get_by_text("Loading", exact=False).count() == 0, began)
    say(f"first slice {first:.2f} s, whole volume {whole:.2f} s")
    return first, whole


def wait(page: Page, seen: Callable[[], bool], began: float) -> float:
    """Seconds since `began` when `seen` first says yes; AssertionError after 60."""
    while not seen():
        assert time.monotonic() - began < 60, "nothing on the screen for a minute"
        page.wait_for_timeout(10)
    return time.monotonic() - began


def measure_strokes(page: Page) -> list[Figure]:
    """What strokes under 5,000 voxels send, and how often: the read is open."""
    posts: list[dict[str, str]] = []
    sizes: list[int] = []

    def finished(request: Request) -> None:
        if request.method == "POST" and request.url.endswith("/edits"):
            sizes.append(len(str(request.post_data)))
            posts.append(json.loads(str(request.post_data)))

    expect(page.get_by_test_id("submit")).to_be_enabled(timeout=60_000)
    brush = page.get_by_test_id("brush-size")
    brush.fill("9")
    brush.press("Enter")
    box = page.get_by_test_id("view-axial").bounding_box()
    assert box is not None
    page.on("requestfinished", finished)
    for stroke in range(STROKES):
        x, y = box["x"] + box["width"] * 0.3, box["y"] + box["height"] * (0.25 + 0.05 * stroke)
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 60, y + 15, steps=12)
        page.mouse.up()
    wait_saved(page)
    page.remove_listener("requestfinished", finished)
    size = SHAPE_ZYX[0] * SHAPE_ZYX[1] * SHAPE_ZYX[2]
    voxels = [codec.decode(base64.b64decode(post["runs"]), size, 1).values.size for post in posts]
    assert min(voxels) > 500 and max(voxels) < SMALL_STROKE_VOXELS, f"strokes of {min(voxels)} to {max(voxels)} voxels"
    assert len({post["edit_id"] for post in posts}) == STROKES
    return [
        Figure("body of a stroke under 5,000 voxels, largest", max(sizes), "bytes", STROKE_LIMIT_BYTES),
        Figure("its voxels, largest", max(voxels), "voxels"),
        Figure("posts per stroke", len(posts) / STROKES, "posts", 1),
    ]


def measure_cycles(page: Page, cycles: int) -> list[Figure]:
    """Memory of the open read with four experts' outlines and their disagreement, and what opening and closing it again leaves."""
    session = page.context.new_cdp_session(page)
    page.go_back()
    # What the first opening adds once is no leak.
    heaps = [open_and_close(page, session, EXPERTS) for _ in range(cycles + 1)]
    opened, closed = max(heap for heap, _ in heaps), [heap for _, heap in heaps]
    say(f"heap {opened:.0f} MB; {closed[0]:.1f} → {closed[-1]:.1f} MB over {cycles} cycles")
    return [
        Figure("heap of the reading screen, four experts and their disagreement", round(opened, 1), "MB", HEAP_LIMIT_MB),
        Figure(f"heap growth over {cycles} times opening and closing", round(closed[-1] - closed[0], 1), "MB", GROWTH_LIMIT_MB),
    ]  # fmt: skip


def open_and_close(page: Page, session: CDPSession, experts: int) -> tuple[float, float]:
    """From the worklist into its first read, where so many experts' readings are shown, and back: MB while open and afterwards."""
    open_read(page)
    expect(page.get_by_test_id("expert-row")).to_have_count(experts, timeout=60_000)
    page.keyboard.press("g")
    page.keyboard.press("Shift+U")
    opened = read_heap(session)
    page.go_back()
    page.get_by_test_id("read-row").first.wait_for()
    return opened, read_heap(session)


def read_heap(session: CDPSession) -> float:
    """MB of script objects and typed arrays in use, garbage collected."""
    session.send("HeapProfiler.collectGarbage")
    usage = session.send("Runtime.getHeapUsage")
    return float(usage["usedSize"] + usage.get("backingStorageSize", 0)) / 1e6
