"""Two hundred random edits with all tools in a real browser, a reload half way, everything undone, everything done again.

`python -m benchmarks.undo [--small | --full]`: 40 (small) or 200 (full) edits (VIEWER section 15, check 5). What the server holds is
compared byte by byte with the start and the end, and submitting sends every touched slice's CRC-32, which the server refuses when it
differs. A difference stops the run; the seed is printed.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, expect, sync_playwright

from benchmarks.figures import Figure, report, say
from tests.acceptance.conftest import FLAGS, chromium_path
from tests.acceptance.gestures import draw_at_random, press_often, undo_depth
from tests.acceptance.one_case import OneCase, make_case, open_case
from tests.acceptance.screens import wait_saved
from tests.running import Client, running

SEED = 20_261_121


@dataclass(frozen=True)
class Undone:
    """What came of it: steps undone, voxels that then differed from the start, that after redoing differed from the end, labelled in the end."""

    depth: int
    off_start: int
    off_end: int
    labelled: int


def main() -> int:
    """Draw, undo, redo, submit; print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--small", action="store_true")
    edits = 200 if parser.parse_args().full else 40
    with (
        tempfile.TemporaryDirectory(prefix="consilium-undo-", ignore_cleanup_errors=True) as folder,
        running(Path(folder) / "data") as server,
        sync_playwright() as playwright,
    ):
        admin = Client(server.url).redeem(str(server.link))
        case = make_case(server, admin, "undo")
        page = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS).new_page(
            viewport={"width": 1440, "height": 900}
        )
        open_case(page, server.url, case)
        began = time.monotonic()
        done = draw_reload_undo_redo(page, case, edits, SEED)
        here = page.url
        page.get_by_test_id("submit").click()
        page.wait_for_url(lambda url: url != here, timeout=30_000)
        is_submitted = case.doctor.get(f"/segmentations/{case.segmentation_id}")["state"] == "submitted"
    return report("undo", [
        Figure("random edits undone and redone across a reload", done.depth, "edits", edits, "at least"),
        Figure("voxels that differ from the start after undoing all", done.off_start, "voxels", 0),
        Figure("voxels that differ from the end after redoing all", done.off_end, "voxels", 0),
        Figure("submitted with the browser's checksums", int(is_submitted), "of 1", 1, "at least"),
        Figure("labelled voxels at the end", done.labelled, "voxels"),
        Figure("the whole run", round(time.monotonic() - began, 1), "s"),
    ], seed=SEED)  # fmt: skip


def draw_reload_undo_redo(page: Page, case: OneCase, edits: int, seed: int) -> Undone:
    """The open case from its start to `edits` random edits with a reload half way, back to the start, and to the end again."""
    start = case.labels()
    random = np.random.default_rng(seed)
    draw_at_random(page, random, edits // 2)
    wait_saved(page)
    page.reload()
    expect(page.get_by_test_id("submit")).to_be_enabled(timeout=60_000)
    draw_at_random(page, random, edits)
    wait_saved(page)
    end, depth = case.labels(), undo_depth(page)
    say(f"{depth} steps to undo")
    press_often(page, "Control+Z", depth)
    off_start = int(np.count_nonzero(case.labels() != start)) if undo_depth(page) == 0 else start.size
    press_often(page, "Control+Shift+Z", depth)
    off_end = int(np.count_nonzero(case.labels() != end)) if undo_depth(page) == depth else end.size
    return Undone(depth, off_start, off_end, int(np.count_nonzero(end)))


if __name__ == "__main__":
    raise SystemExit(main())
