"""The pages as a doctor uses them, for the acceptance tests: words, keys and a real mouse."""

import re
from dataclasses import dataclass

import numpy as np
from playwright.sync_api import Page, expect

from tests.running import PASSWORD

TABS = ("images", "progress", "import", "labels", "experts", "members", "policy", "models", "jobs", "settings")
PAGES = ("/", "/projects", "/jobs", "/account", "/admin/users", "/admin/experts", "/admin/system")


def welcome(page: Page, link: str) -> None:
    """One-time link → password → worklist."""
    page.goto(link)
    page.get_by_label("Password", exact=False).nth(0).fill(PASSWORD)
    page.locator("input[type=password]").nth(1).fill(PASSWORD)
    page.locator("button[type=submit]").click()
    expect(page).to_have_url(re.compile(r"/$"))


def open_page(page: Page, address: str) -> None:
    """Open a page and wait until nothing on it waits any more."""
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_label("Loading", exact=True)).to_have_count(0)


def open_read(page: Page, address: str) -> None:
    """Open a read and wait for its image and its drawing."""
    page.goto(address)
    expect(page.get_by_test_id("submit")).to_be_enabled(timeout=20_000)
    expect(page.get_by_text("Loading image")).to_have_count(0, timeout=20_000)


def api(page: Page, path: str) -> dict:
    """GET a route of ours with this page's own session."""
    answer = page.evaluate(
        "async (path) => { const a = await fetch('/api/v1' + path); return [a.status, await a.json()]; }", path
    )
    assert answer[0] == 200, f"GET {path}: {answer}"
    return answer[1]


@dataclass(frozen=True)
class Glass:
    """Where a view shows voxels: screen = offset + voxel · step, in page pixels, for the view's two in-plane axes."""

    page: Page
    x_offset: float
    x_step: float
    y_offset: float
    y_step: float

    @classmethod
    def calibrate(cls, page: Page, plane: str = "axial") -> "Glass":
        """Learn the mapping from what the cursor line says while the mouse crosses the view."""
        box = page.get_by_test_id(f"view-{plane}").bounding_box()
        assert box is not None, f"no {plane} view on screen"
        across = [
            (box["x"] + box["width"] * share, box["y"] + box["height"] / 2) for share in np.linspace(0.2, 0.8, 41)
        ]
        down = [(box["x"] + box["width"] / 2, box["y"] + box["height"] * share) for share in np.linspace(0.2, 0.8, 41)]
        x_step, x_offset = cls._fit(page, across, axis=0)
        y_step, y_offset = cls._fit(page, down, axis=1)
        return cls(page, x_offset, x_step, y_offset, y_step)

    @staticmethod
    def _fit(page: Page, places: list[tuple[float, float]], axis: int) -> tuple[float, float]:
        seen = []
        for x, y in places:
            page.mouse.move(x, y)
            page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            found = re.search(r"\[(\d+), (\d+), (\d+)\]", page.get_by_test_id("cursor").text_content() or "")
            if found:
                seen.append((int(found.group(axis + 1)), x if axis == 0 else y))
        assert len(seen) > 20, "the cursor line told no voxel: is the image on screen?"
        voxels, pixels = np.array(seen, float).T
        step, offset = np.polyfit(voxels, pixels, 1)
        return float(step), float(offset)

    def at(self, i: float, j: float) -> tuple[float, float]:
        return self.x_offset + i * self.x_step, self.y_offset + j * self.y_step

    def drag(self, i0: int, i1: int, j: int) -> None:
        """One stroke along a row of voxels, by real mouse events."""
        self.page.mouse.move(*self.at(i0, j))
        self.page.mouse.down()
        self.page.mouse.move(*self.at((i0 + i1) / 2, j))
        self.page.mouse.move(*self.at(i1, j))
        self.page.mouse.up()


def rows(mask_yx: np.ndarray) -> list[tuple[int, int, int]]:
    """Runs (i0, i1, j) of a mask, row by row."""
    found = []
    for j in np.flatnonzero(mask_yx.any(axis=1)):
        edges = np.diff(np.concatenate(([0], mask_yx[j].astype(np.int8), [0])))
        found += [
            (int(a), int(b) - 1, int(j))
            for a, b in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True)
        ]
    return found


def correct(page: Page, glass: Glass, now_yx: np.ndarray, wanted_yx: np.ndarray) -> int:
    """Turn the drawn mask into the wanted one with eraser and brush; returns the number of strokes."""
    brush = page.get_by_test_id("brush-size")
    brush.fill("0.6")
    brush.press("Enter")
    strokes = 0
    for tool, mask in (("Eraser", now_yx & ~wanted_yx), ("Brush", wanted_yx & ~now_yx)):
        page.get_by_label(tool, exact=True).click()
        for i0, i1, j in rows(mask):
            glass.drag(i0, i1, j)
            strokes += 1
    return strokes


def wait_saved(page: Page) -> None:
    """Until the bottom bar says that every stroke is on the server."""
    expect(page.get_by_test_id("save-state")).to_have_attribute("data-kind", "saved", timeout=30_000)
