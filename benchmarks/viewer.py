"""The viewer's budgets (issue 6, VIEWER section 10) in a real Chromium without WebGL: every one of them by this one command.

`python -m benchmarks.viewer [--small | --full]`. First the reading screen of a running server on a 512×512×300 study with four
experts' readings (benchmarks.reading_screen): opening, what a stroke sends, memory over 3 (small) or 20 (full) openings. Then the
engine alone on a phantom with a full label map, four outlines and a heat map, 256×256×100 (small) or 512×512×300 (full), three views
on a 1400×880 page: scrolling, brush, undo, memory. Script time is what the engine spends in animation frames and pointer events;
frame time also holds the browser's painting and whatever else the machine does, so the load average is printed beside it: the limits
are for two cores that do nothing else.
"""

import argparse
import gzip
import os
import re
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks import reading_screen
from benchmarks.figures import Figure, percentile, report, say
from tests.acceptance.conftest import FLAGS, chromium_path
from tests.acceptance.engine_page import FRONTEND, next_frame, open_phantom, served
from tests.acceptance.screens import welcome
from tests.running import Client, running

AFFINE = (-0.7, 0.0, 0.0, 180.0, 0.0, -0.7, 0.0, 180.0, 0.0, 0.0, 1.0, -100.0)
STEPS = 100
WATCH = """
window.spent = { frame: [], move: [] };
const ask = window.requestAnimationFrame.bind(window);
window.plainFrame = ask;
const timed = (list, work) => function (event) {
  const began = performance.now();
  work.call(this, event);
  list.push(performance.now() - began);
};
window.requestAnimationFrame = (work) => ask(timed(window.spent.frame, work));
const listen = EventTarget.prototype.addEventListener;
EventTarget.prototype.addEventListener = function (name, work, options) {
  return listen.call(this, name, name === "pointermove" ? timed(window.spent.move, work) : work, options);
};
"""
SCROLL = """async ([plane, steps]) => {
  const frames = [];
  let last = 0;
  for (let n = 0; n < steps; n++) {
    await new Promise((done) => plainFrame((now) => { if (last) frames.push(now - last); last = now; done(); }));
    viewer.scroll(plane, n < steps / 2 ? 1 : -1);
  }
  return frames;
}"""
UNDO = "() => { const began = performance.now(); viewer.undo(); return performance.now() - began; }"


def main() -> int:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--small", action="store_true")
    is_full = parser.parse_args().full
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), headless=True, args=FLAGS)
        figures = [*measure_application(browser, is_full), *measure_engine(browser, is_full), measure_script()]
        version = browser.version
        browser.close()
    return report("viewer", figures, chromium=version, load_average=round(os.getloadavg()[0], 1))


def measure_application(browser: Browser, is_full: bool) -> list[Figure]:
    """Opening, strokes and memory of the product itself."""
    with (
        tempfile.TemporaryDirectory(prefix="consilium-viewer-", ignore_cleanup_errors=True) as folder,
        running(Path(folder) / "data") as server,
    ):
        link, import_s = reading_screen.prepare(Client(server.url).redeem(str(server.link)))
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        welcome(page, link)
        figures = [
            *reading_screen.measure_opening(page, server.url, 5 if is_full else 3, import_s),
            *reading_screen.measure_strokes(page),
            *reading_screen.measure_cycles(page, 20 if is_full else 3),
        ]
        page.close()
        return figures


def measure_engine(browser: Browser, is_full: bool) -> list[Figure]:
    """Scrolling, brush, undo and memory of the engine on a bare page."""
    size = (512, 512, 300) if is_full else (256, 256, 100)
    with tempfile.TemporaryDirectory(prefix="consilium-viewer-") as folder, served(Path(folder)) as port:
        page = browser.new_page(viewport={"width": 1400, "height": 880})
        page.add_init_script(WATCH)
        say(f"loading a phantom of {size[0]}×{size[1]}×{size[2]}")
        open_phantom(page, f"http://127.0.0.1:{port}", size, AFFINE, experts=4, drawn=True, heat=True)
        figures = [*measure_scrolling(page), *measure_brush(page), measure_heap(page)]
        page.close()
        return figures


def measure_scrolling(page: Page) -> list[Figure]:
    """Median and 95th percentile of the time from frame to frame while every frame brings another slice."""
    figures = []
    for plane, median_ms, p95_ms in (("axial", 20.0, 50.0), ("coronal", 30.0, 60.0), ("sagittal", 30.0, 60.0)):
        page.evaluate(SCROLL, [plane, 10])  # the first frames compile; a reader feels the rest
        frames = page.evaluate(SCROLL, [plane, STEPS])
        say(f"{plane}: {percentile(frames, 0.5):.1f} ms a slice")
        figures.append(Figure(f"{plane} scroll, median", round(percentile(frames, 0.5), 1), "ms", median_ms))
        figures.append(Figure(f"{plane} scroll, p95", round(percentile(frames, 0.95), 1), "ms", p95_ms))
    return figures


def measure_brush(page: Page) -> list[Figure]:
    """Script time of a 10 mm brush: per frame, per pointer event, and to take the stroke back."""
    page.evaluate(
        "viewer.setTool('brush'); viewer.setActiveLabel(2); viewer.setBrush(10); spent.frame.length = spent.move.length = 0"
    )
    page.mouse.move(300, 300)
    page.mouse.down()
    for step in range(STEPS):
        page.mouse.move(300 + 3 * step, 300 + step % 20 * 10)
    page.mouse.up()
    next_frame(page)
    frames, moves = page.evaluate("[spent.frame, spent.move]")
    undo_ms = page.evaluate(UNDO)
    voxels = page.evaluate("edits[0].voxels")
    say(f"brush: {percentile(frames, 0.5):.1f} ms of script a frame, {voxels} voxels, undone in {undo_ms:.1f} ms")
    return [
        Figure("brush frame, script, median", round(percentile(frames, 0.5), 2), "ms", 8.0),
        Figure("brush frame, script, p95", round(percentile(frames, 0.95), 2), "ms", 16.0),
        Figure("brush pointer event, script, p95", round(percentile(moves, 0.95), 2), "ms"),
        Figure("undo of a stroke", round(undo_ms, 2), "ms", 16.0),
    ]


def measure_heap(page: Page) -> Figure:
    """Script objects and typed arrays with everything loaded."""
    heap_mb = reading_screen.read_heap(page.context.new_cdp_session(page))
    return Figure("heap of the engine, drawn map, four readers and a heat map", round(heap_mb, 1), "MB", 350.0)


def measure_script() -> Figure:
    """Compressed script and style a cold start of the reading screen fetches: the page, the read chunk, what they import at once."""
    folder = FRONTEND / "dist" / "assets"
    wanted = set(
        re.findall(r"assets/([\w.-]+\.(?:js|css))", (FRONTEND / "dist" / "index.html").read_text(encoding="utf-8"))
    )
    wanted |= {file.name for file in folder.glob("read-*")}
    for name in sorted(wanted):
        wanted |= imports_of(folder, name, set())
    size_kb = sum(len(gzip.compress((folder / name).read_bytes(), 6)) for name in wanted) / 1000
    return Figure("script and style before the lazy parts, gzip", round(size_kb, 1), "kB", 400.0)


def imports_of(folder: Path, name: str, seen: set[str]) -> set[str]:
    """Files a module imports statically, and what those import."""
    if name in seen or not name.endswith(".js"):
        return seen
    seen.add(name)
    text = (folder / name).read_text(encoding="utf-8")
    for found in re.findall(r"""(?:from|import)\s*["']\./([\w.-]+\.js)["']""", text):
        imports_of(folder, found, seen)
    return seen


if __name__ == "__main__":
    raise SystemExit(main())
