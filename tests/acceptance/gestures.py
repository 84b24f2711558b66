"""Tools by a real mouse and keyboard on the reading screen: known gestures in known voxels, and gestures at random."""

import re
from collections.abc import Callable

import numpy as np
from playwright.sync_api import Page

from tests.acceptance.screens import Glass, wait_saved

# Screen axes of each view as voxel axes; the third is the one across.
AXES = {"axial": (0, 1, 2), "coronal": (0, 2, 1), "sagittal": (1, 2, 0)}
APPLIED_BY_ENTER = ("h", "Shift+H", "k", "Shift+S", "+", "-", "n")
Place = Callable[[], tuple[float, float]]


def settle(page: Page) -> None:
    """Until what was done has been drawn and told to the page."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def read_cursor(page: Page) -> tuple[list[int], list[float]]:
    """Voxel and RAS mm under the pointer, as the cursor line says them."""
    settle(page)
    words = page.get_by_test_id("cursor").text_content() or ""
    voxel, mm = (
        re.search(r"\[(\d+), (\d+), (\d+)\]", words),
        re.search(r"RAS (-?[\d.]+), (-?[\d.]+), (-?[\d.]+)", words),
    )
    assert voxel and mm, f"the cursor line tells no place: {words!r}"
    return [int(n) for n in voxel.groups()], [float(n) for n in mm.groups()]


def look_through(page: Page, plane: str, spacing_mm: tuple[float, float, float]) -> tuple[Glass, int]:
    """Where a view shows voxels, to a tenth of one, and its slice: an upright grid whose voxel 0 lies at 0 mm."""
    across, down, through = AXES[plane]
    box = page.get_by_test_id(f"view-{plane}").bounding_box()
    assert box is not None
    seen = []
    flatter = 1.0 if plane == "axial" else 0.3  # a few thick slices fill only the middle of a view across them
    for share in (-0.25, -0.15, -0.05, 0.05, 0.15, 0.25):
        x, y = box["x"] + box["width"] * (0.5 + share), box["y"] + box["height"] * (0.5 + flatter * share)
        page.mouse.move(x, y)
        voxel, mm = read_cursor(page)
        seen.append((x, y, mm[across] / spacing_mm[across], mm[down] / spacing_mm[down]))
    x, y, u, v = np.array(seen).T
    (x_step, x_offset), (y_step, y_offset) = np.polyfit(u, x, 1), np.polyfit(v, y, 1)
    return Glass(page, float(x_offset), float(x_step), float(y_offset), float(y_step)), voxel[through]


def press_drag(page: Page, glass: Glass, places: list[tuple[float, float]]) -> None:
    """Button down at the first place, one move to each of the others, button up; one place is a click."""
    trace(page, [glass.at(*place) for place in places])


def trace(page: Page, places: list[tuple[float, float]]) -> None:
    """`press_drag` from point to point of the page."""
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place)
    page.mouse.up()


def undo_depth(page: Page) -> int:
    """As the bottom bar says it."""
    settle(page)
    found = re.search(r"(\d+) steps? to undo", page.locator("footer").inner_text())
    assert found, "the bottom bar does not tell the undo depth"
    return int(found.group(1))


def press_often(page: Page, chord: str, times: int) -> None:
    """A chord again and again, until the server has what it did."""
    for _ in range(times):
        page.keyboard.press(chord)
    settle(page)
    wait_saved(page)


def draw_at_random(page: Page, random: np.random.Generator, until: int) -> None:
    """Gestures with all tools in all three views until the undo history is this deep."""
    while (depth := undo_depth(page)) < until:
        plane = str(random.choice(["axial", "axial", "sagittal", "coronal"]))
        place = _somewhere_in(page, plane, random)
        page.mouse.move(*place())
        page.keyboard.press(str(random.choice(["1", "2", "Q"])))
        for _ in range(int(random.integers(0, 4))):
            page.keyboard.press(str(random.choice(["ArrowUp", "ArrowDown"])))
        _gesture_at_random(page, random, place)
        if random.random() < 0.1:
            page.keyboard.press("Control+Z")
        page.keyboard.press("Escape")
        assert undo_depth(page) <= depth + 1


def _somewhere_in(page: Page, plane: str, random: np.random.Generator) -> Place:
    """Places at random in the inner part of a view."""
    box = page.get_by_test_id(f"view-{plane}").bounding_box()
    assert box is not None
    left, top, width, height = box["x"], box["y"], box["width"], box["height"]
    return lambda: (left + width * float(random.uniform(0.3, 0.7)), top + height * float(random.uniform(0.3, 0.7)))


def _gesture_at_random(page: Page, random: np.random.Generator, place: Place) -> None:
    """One gesture of one tool at random places of a view."""
    key = str(random.choice(["b", "b", "b", "e", "t", "p", "l", "s", "f", "Shift+F", "copy", *APPLIED_BY_ENTER]))
    if key == "copy":
        page.keyboard.press(str(random.choice(["Shift+PageUp", "Shift+PageDown"])))
        return
    page.keyboard.press(key)
    if key in APPLIED_BY_ENTER:
        page.keyboard.press("Enter")
    elif key == "p":
        for _ in range(4):
            page.mouse.click(*place())
        page.keyboard.press("Enter")
    else:
        page.mouse.move(*place())
        page.mouse.down()
        if not key.lower().endswith("f"):
            for _ in range(3):
                page.mouse.move(*place())
        page.mouse.up()
