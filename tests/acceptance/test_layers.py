"""Layers over the image in a real browser (VIEWER section 15, check 7): four outlines, a proposal and a heat map.

The phantom's readers draw a ball each, shifted by 2 % of the image's width from one to the next, so every edge is known.
"""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page

from tests.acceptance.conftest import Complaints
from tests.acceptance.engine_page import next_frame, open_phantom, read_canvas, served

SIZE = (120, 100, 40)
LPS = (-0.8, 0.0, 0.0, 9.0, 0.0, -0.8, 0.0, 9.0, 0.0, 0.0, 2.5, 0.0)
COLOURS = [(0xD5, 0x5E, 0x00), (0x00, 0x9E, 0x73), (0xCC, 0x79, 0xA7), (0xF0, 0xE4, 0x42)]
# Share of an outline's length that each dash paints: solid, 9-5, 2-3.5, 8-3.5-2-3.5.
PAINTED = [1.0, 9 / 14, 2 / 5.5, 10 / 17]
Mask = NDArray[np.bool_]
Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with served(tmp_path_factory.mktemp("engine")) as number:
        yield number


@pytest.fixture
def scene(port: int, page: Page) -> Page:
    """Everything over the image at once, the crosshair's lines moved out of the way."""
    open_phantom(page, f"http://127.0.0.1:{port}", SIZE, LPS, experts=4, drawn=True, proposal=True, heat=True)
    page.evaluate("viewer.goTo([119, 99, 20]); viewer.setTool('pan')")
    return page


def show(page: Page, *shown: str, heat: bool = False, own: bool = False) -> Picture:
    """Only these layers, and what the large view shows then."""
    page.evaluate(
        """async ([shown, heat, own]) => {
            for (const id of ["expert 0", "expert 1", "expert 2", "expert 3", "proposal"])
                viewer.updateLayer(id, { visible: shown.includes(id) });
            await viewer.showHeat(heat ? { kind: "slabs", id: "heat", fetchSlab: null } : null);
            for (const one of [1, 2]) viewer.setLabels([1, 2].map((value) => (
                { value, name: "", colour: ["#E69F00", "#56B4E9"][value - 1], visible: true, locked: false })));
            viewer.setOpacity(own ? 0.35 : 0, 1);
        }""",
        [list(shown), heat, own],
    )
    return read_canvas(page, "axial")


def differs(one: Picture, other: Picture, by: int = 8) -> Mask:
    return np.asarray(np.abs(one.astype(int) - other).max(axis=-1) > by)


def edge_of_ball(page: Page, shift: float) -> NDArray[np.float64]:
    """Points on the edge of ball 1 in slice 20 on the screen, in pixels, x and y; the image fills its view."""
    height, width = read_canvas(page, "axial").shape[:2]
    px_per_mm = 0.98 * min(width / (SIZE[0] * 0.8), height / (SIZE[1] * 0.8))
    turn = np.linspace(0, 2 * np.pi, 2000)
    x, y = SIZE[0] * (0.35 + shift + 0.15 * np.cos(turn)) + 0.5, SIZE[1] * (0.5 + 0.15 * np.sin(turn)) + 0.5
    # Right is at screen left (i falls to the right in LPS it grows), so cells are voxels here.
    left, top = (width - SIZE[0] * 0.8 * px_per_mm) / 2, (height - SIZE[1] * 0.8 * px_per_mm) / 2
    return np.stack([left + x * 0.8 * px_per_mm, top + y * 0.8 * px_per_mm], axis=1)


def test_each_reader_has_their_colour_and_dash_on_their_own_edge(scene: Page, complaints: Complaints) -> None:
    bare = show(scene)
    painted = []
    for n, colour in enumerate(COLOURS):
        drawn = show(scene, f"expert {n}")
        own = np.abs(drawn.astype(int) - colour).max(axis=-1) < 40
        rows, columns = np.nonzero(own & differs(drawn, bare))
        near = columns < bare.shape[1] * 0.62  # ball 2 lies to the right
        points = np.stack([columns[near] + 0.5, rows[near] + 0.5], axis=1)
        edge = edge_of_ball(scene, 0.02 * (n + 1))
        distance = np.sqrt(((points[:, None] - edge[None, ::10]) ** 2).sum(axis=-1)).min(axis=1)
        cell_px = 0.98 * bare.shape[1] / SIZE[0]
        assert len(points) > 100
        assert distance.max() < 1.5 * cell_px, f"expert {n} is drawn off their edge"
        painted.append(len(points))
    for n, share in enumerate(PAINTED):
        assert painted[n] / painted[0] == pytest.approx(share, abs=0.16), f"dash of expert {n}"
    assert complaints.none(), complaints


def test_hiding_one_layer_hides_only_that_one(scene: Page) -> None:
    before = scene.evaluate("[...viewer.countVoxels()]")
    scene.evaluate("viewer.setWindow(-9000, 9000)")  # all grey: on black a line's dark halo would not show
    everyone = ["expert 0", "expert 1", "expert 2", "expert 3", "proposal"]
    bare, full = show(scene), show(scene, *everyone, heat=True)
    for hidden in everyone:
        rest = [name for name in everyone if name != hidden]
        gone = differs(show(scene, *rest, heat=True), full, 8)  # what is fainter is rounded away over another ground
        own = differs(show(scene, hidden), bare, 0)
        assert gone.any()
        # A line in its halo can come out as exactly the ground's grey: a few pixels in 24,000 here.
        stray = np.count_nonzero(gone & ~own)
        assert stray <= 0.001 * np.count_nonzero(own), f"hiding {hidden} changed {stray} pixels that are not theirs"
    without_heat = differs(show(scene, *everyone), full, 0)
    assert without_heat.any()
    assert not (without_heat & ~differs(show(scene, heat=True), bare, 0)).any()
    assert scene.evaluate("[...viewer.countVoxels()]") == before


def test_a_heat_map_shows_shares_from_a_tenth_on_and_nothing_below(scene: Page) -> None:
    scene.evaluate("viewer.setSmoothing(false)")
    changed = differs(show(scene, heat=True), show(scene), 2)
    height, width = changed.shape
    px_per_mm = 0.98 * min(width / (SIZE[0] * 0.8), height / (SIZE[1] * 0.8))
    left, top = (width - SIZE[0] * 0.8 * px_per_mm) / 2, (height - SIZE[1] * 0.8 * px_per_mm) / 2
    wrong = shown = 0
    for j in range(4, SIZE[1] - 4):
        for i in range(4, SIZE[0] - 4):
            distance = np.hypot(np.hypot(i / SIZE[0] - 0.35, j / SIZE[1] - 0.5), 0.0) - 0.15
            share = int(max(0.0, 255 * (1 - abs(distance) / 0.1)))
            x, y = int(left + (i + 0.5) * 0.8 * px_per_mm), int(top + (j + 0.5) * 0.8 * px_per_mm)
            if share in (25, 26) or share > 220:
                continue  # rounding decides; the yellow end is near to white
            wrong += bool(changed[y, x]) != (share >= 26)
            shown += share >= 26
    assert shown > 500
    assert wrong == 0


def test_an_outline_is_as_wide_at_eight_times_as_at_once(port: int, page: Page) -> None:
    open_phantom(page, f"http://127.0.0.1:{port}", SIZE, LPS, experts=1)
    page.evaluate("viewer.goTo([119, 99, 20]); viewer.setTool('pan')")
    page.evaluate("window.handle = null")
    widths = [measure_line(page)]
    box = page.locator("#axial").bounding_box()
    assert box is not None
    # zoom at a point on the left edge of the ball, where the line is upright
    page.mouse.move(box["x"] + box["width"] * 0.23, box["y"] + box["height"] * 0.5)
    page.keyboard.down("Control")
    for _ in range(12):
        page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    next_frame(page)
    widths.append(measure_line(page))
    assert widths[0] == widths[1]
    assert widths[0] in (3, 4, 5)  # the line in its halo, and the pixels that both share


def measure_line(page: Page) -> int:
    """Width in pixels of the outermost upright line in the middle row, halo included."""
    drawn = read_canvas(page, "axial")
    page.evaluate("viewer.setHidden(true)")
    bare = read_canvas(page, "axial")
    page.evaluate("viewer.setHidden(false)")
    row = differs(drawn, bare, 24)[drawn.shape[0] // 2]
    first = int(np.argmax(row))
    return int(np.argmin(row[first:]))


def test_consensus_and_disagreement_follow_the_readings(scene: Page) -> None:
    bare = show(scene)
    scene.evaluate(
        """viewer.showConsensus(["expert 0", "expert 1", "expert 2"],
            { kind: "outline", colour: "#f4f4f4", dash: "solid", opacity: 1, visible: true })"""
    )
    majority = differs(read_canvas(scene, "axial"), bare)
    scene.evaluate("viewer.showConsensus([], null)")
    assert not differs(read_canvas(scene, "axial"), bare, 0).any()
    # two of three shifted balls: on the left and the right edge that is the middle one's
    rows, columns = np.nonzero(majority)
    middle = rows == bare.shape[0] // 2
    expected = edge_of_ball(scene, 0.04)[:, 0].min()
    assert columns[middle].min() == pytest.approx(expected, abs=0.98 * bare.shape[1] / SIZE[0])

    scene.evaluate(
        "viewer.showHeat({ kind: 'disagreement', layers: ['expert 0', 'expert 1', 'expert 2', 'expert 3'] })"
    )
    box = scene.locator("#axial").bounding_box()
    assert box is not None
    for share, at in ((0.25, 0.025), (0.5, 0.045), (0.0, 0.2)):
        x = edge_of_ball(scene, at)[:, 0].min()
        scene.mouse.move(box["x"] + x, box["y"] + box["height"] / 2)
        next_frame(scene)
        assert scene.evaluate("readCursor().share") == pytest.approx(share, abs=0.01)
