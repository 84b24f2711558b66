"""Consilium's slices beside NiiVue's and Cornerstone3D's in one run: one volume, one page size, one script of gestures, as ratios.

`python -m benchmarks.side_by_side [--small | --full]`: 512×512×300 int16 already in memory, axial, sagittal and coronal views on a
1400×880 page; 40 (small) or 100 (full) scroll steps a plane and two window changes, a new one in every animation frame. Both others
need WebGL, so all three run in a Chromium whose WebGL is software (SwiftShader), as on a PC without a graphics card; ours also runs as
Consilium's own budgets are measured, without any WebGL. On a machine with a graphics card the others are far quicker than here.
Installs both from npm into this folder when they are missing; nothing of them is in the product but NiiVue's 3D panel.
"""

import argparse
import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

from benchmarks.figures import Figure, percentile, report, say
from benchmarks.reading_screen import read_heap
from tests.acceptance.conftest import FLAGS, SANDBOX, chromium_path
from tests.acceptance.engine_page import FRONTEND, serve

WINDOWS = 2
HERE = Path(__file__).resolve().parent
SOFTWARE_GL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
QUIET = ["--disable-background-networking", "--disable-component-update"]
# Milliseconds from frame to frame while every frame brings the next gesture; `n` counts up.
GESTURES = """async ([gesture, steps]) => {
  const act = {
    axial: (n) => opened.scroll("axial", n < steps / 2 ? 1 : -1),
    sagittal: (n) => opened.scroll("sagittal", n < steps / 2 ? 1 : -1),
    window: (n) => opened.setWindow(-160 - 4 * n, 240 + 4 * n),
  }[gesture];
  const frames = [];
  let last = 0;
  for (let n = 0; n <= steps; n++) {
    await new Promise((done) => requestAnimationFrame((now) => { if (last) frames.push(now - last); last = now; done(); }));
    act(n);
  }
  return frames;
}"""


@dataclass(frozen=True)
class Seen:
    """What one viewer needed: to open, per gesture (median and 95th percentile, ms), and its script heap in MB."""

    open_ms: float
    gestures_ms: dict[str, tuple[float, float]]
    heap_mb: float


def main() -> int:
    """Measure the three, print ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--small", action="store_true")
    steps = 100 if parser.parse_args().full else 40
    install()
    with tempfile.TemporaryDirectory(prefix="consilium-side-") as folder, sync_playwright() as playwright:
        build(Path(folder))
        with serve(Path(folder), is_strict=False) as port:
            with launched(playwright, [*QUIET, *SOFTWARE_GL]) as browser:
                seen = {name: look(browser, port, name, steps) for name in ("consilium", "niivue", "cornerstone")}
            with launched(playwright, FLAGS) as browser:
                without_webgl = look(browser, port, "consilium", steps)
                chromium = browser.version
    figures = [*compare(seen), *tell("consilium, no WebGL", without_webgl)]
    for name, one in seen.items():
        figures += tell(f"{name}, software WebGL", one)
    return report("side_by_side", figures, volume=[512, 512, 300], versions={"chromium": chromium, **versions()},
                  load_average=round(os.getloadavg()[0], 1))  # fmt: skip


def install() -> None:
    """The other viewers at the versions of the lock file."""
    if not (HERE / "node_modules").exists():
        say("installing NiiVue and Cornerstone3D from npm …")
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(["npm", "ci", *quiet], cwd=HERE, check=True, timeout=300)


def build(folder: Path) -> None:
    """The page with all three, built by the front end's Vite."""
    command = ["npx", "vite", "build", "--config", str(HERE / "vite.config.mjs"), "--outDir", str(folder)]
    subprocess.run([*command, "--logLevel", "error"], cwd=FRONTEND, check=True, timeout=120)


@contextlib.contextmanager
def launched(playwright: Playwright, flags: list[str]) -> Iterator[Browser]:
    """A Chromium with these flags."""
    browser = playwright.chromium.launch(executable_path=chromium_path(), headless=True, args=[*flags, *SANDBOX])
    try:
        yield browser
    finally:
        browser.close()


def look(browser: Browser, port: int, name: str, steps: int) -> Seen:
    """Open the volume in one viewer and go through the gestures. AssertionError when its picture does not change."""
    page = browser.new_page(viewport={"width": 1400, "height": 880})
    page.set_default_timeout(120_000)  # a picture waits until the software renderer has done what was asked before
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"http://127.0.0.1:{port}/index.html#{name}")
    open_ms = page.evaluate("loaded")
    gestures: dict[str, tuple[float, float]] = {}
    # A new window costs NiiVue many seconds here: two of them must do for everybody.
    for gesture, warming, repeats in (("axial", 4, steps), ("sagittal", 4, steps), ("window", 1, WINDOWS)):
        before = page.screenshot()
        page.evaluate(GESTURES, [gesture, warming])  # the first frames compile
        page.evaluate("opened.scroll('axial', 3); opened.scroll('sagittal', 3)")
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert page.screenshot() != before, f"{name}: {gesture} changed nothing on the screen"
        frames = page.evaluate(GESTURES, [gesture, repeats])
        gestures[gesture] = (percentile(frames, 0.5), percentile(frames, 0.95))
        say(f"{name}: {gesture} {gestures[gesture][0]:.1f} ms, p95 {gestures[gesture][1]:.1f}")
    assert not problems, f"{name}: {problems[:3]}"
    heap_mb = read_heap(page.context.new_cdp_session(page))
    if picture := os.environ.get("CONSILIUM_PICTURES"):
        page.screenshot(path=str(Path(picture) / f"side-{name}.png"))
    page.close()
    return Seen(open_ms, gestures, heap_mb)


def compare(seen: dict[str, Seen]) -> list[Figure]:
    """How many times longer the others need than ours in the same browser; at least 1 = not slower than either."""
    ours = seen["consilium"]
    figures = []
    for name in ("niivue", "cornerstone"):
        other = seen[name]
        for gesture, (median_ms, p95_ms) in other.gestures_ms.items():
            own_median, own_p95 = ours.gestures_ms[gesture]
            figures.append(Figure(f"{name} / consilium, {gesture}, median", round(median_ms / own_median, 2), "ratio"))
            figures.append(Figure(f"{name} / consilium, {gesture}, p95", round(p95_ms / own_p95, 2), "ratio"))
        figures.append(Figure(f"{name} / consilium, opening", round(other.open_ms / ours.open_ms, 2), "ratio"))
        figures.append(Figure(f"{name} / consilium, heap", round(other.heap_mb / ours.heap_mb, 2), "ratio"))
    return figures


def tell(name: str, one: Seen) -> list[Figure]:
    """One viewer's own figures."""
    figures = [Figure(f"{name}: opening", round(one.open_ms), "ms"), Figure(f"{name}: heap", round(one.heap_mb), "MB")]
    for gesture, (median_ms, p95_ms) in one.gestures_ms.items():
        figures.append(Figure(f"{name}: {gesture}, median", round(median_ms, 1), "ms"))
        figures.append(Figure(f"{name}: {gesture}, p95", round(p95_ms, 1), "ms"))
    return figures


def versions() -> dict[str, str]:
    """What npm installed."""
    found = {}
    for name in ("@niivue/niivue", "@cornerstonejs/core"):
        found[name] = json.loads((HERE / "node_modules" / name / "package.json").read_text(encoding="utf-8"))["version"]
    return found


if __name__ == "__main__":
    raise SystemExit(main())
