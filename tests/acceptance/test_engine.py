"""The slice engine in a real browser without WebGL: pixels, strokes and keys against known truth (VIEWER section 15)."""

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Page

from benchmarks.viewer import SCROLL, WATCH
from tests.acceptance.conftest import Complaints
from tests.acceptance.engine_page import next_frame, open_phantom, served
from tests.contract.brush_reference import ANISOTROPIC, ISOTROPIC, SHEARED, Stroke, paint, to_runs

SIZE = (60, 50, 20)
LPS = (-0.8, 0.0, 0.0, 9.0, 0.0, -0.8, 0.0, 9.0, 0.0, 0.0, 2.5, 0.0)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with served(tmp_path_factory.mktemp("engine")) as number:
        yield number


@pytest.mark.parametrize(
    ("plane", "right", "down", "down_falls"),
    [("axial", 0, 1, False), ("coronal", 0, 2, True), ("sagittal", 1, 2, True)],
)
def test_every_voxel_shows_its_windowed_grey(
    port: int, page: Page, complaints: Complaints, plane: str, right: int, down: int, down_falls: bool
) -> None:
    open_phantom(page, f"http://127.0.0.1:{port}", SIZE, LPS)
    page.evaluate("viewer.setSmoothing(false)")
    middle = [30, 25, 10]
    next_frame(page)

    shown = page.evaluate(
        READ_PIXELS,
        [plane, SIZE[right] * abs(LPS[5 * right]), SIZE[down] * abs(LPS[5 * down]), SIZE[right], SIZE[down]],
    )

    wrong = compared = 0
    for row in range(1, SIZE[down] - 1):
        for column in range(2, SIZE[right] - 2):
            voxel = [*middle]
            voxel[right], voxel[down] = column, SIZE[down] - 1 - row if down_falls else row
            red, green, blue = shown[row][column]
            if red != green or green != blue:
                continue  # under the crosshair or a letter
            stored = 1024 - 150 + (voxel[0] * 5 + voxel[1] * 11 + voxel[2] * 17) % 380
            compared += 1
            wrong += abs(red - round((stored - 1024 + 160) * 255 / 400)) > 1
    assert wrong == 0
    assert compared > 0.8 * (SIZE[right] - 4) * (SIZE[down] - 2)
    assert complaints.none(), complaints


READ_PIXELS = """([plane, widthMm, heightMm, columns, rows]) => {
    const canvas = document.getElementById(plane);
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const pxPerMm = 0.98 * Math.min(width / widthMm, height / heightMm);
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const at = (share, mm, whole) => Math.floor((whole - mm * pxPerMm) / 2 + share * mm * pxPerMm);
    return Array.from({ length: rows }, (_, row) => Array.from({ length: columns }, (_, column) => {
        const x = at((column + 0.5) / columns, widthMm, width), y = at((row + 0.5) / rows, heightMm, height);
        return [...pixels.data.slice(4 * (y * canvas.width + x), 4 * (y * canvas.width + x) + 3)];
    }));
}"""


@pytest.mark.parametrize("affine", [ANISOTROPIC, SHEARED], ids=["anisotropic", "sheared"])
@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_a_stroke_with_the_mouse_paints_what_the_reference_paints(
    port: int, page: Page, affine: tuple[float, ...], plane: str
) -> None:
    open_phantom(page, f"http://127.0.0.1:{port}", SIZE, affine)
    page.evaluate("viewer.setTool('brush'); viewer.setBrush(3.3)")
    box = page.locator(f"#{plane}").bounding_box()
    assert box is not None
    matrix, origin = np.array(affine).reshape(3, 4)[:, :3], np.array(affine).reshape(3, 4)[:, 3]

    samples = []
    for step, (across, along) in enumerate([(0.45, 0.45), (0.6, 0.47), (0.62, 0.58), (0.44, 0.55)]):
        page.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] * along)
        if step == 0:
            page.mouse.down()
        next_frame(page)
        position = np.linalg.solve(matrix, np.array(page.evaluate("readCursor().mm")) - origin) * 64
        samples.append(tuple(int(n) for n in np.rint(position)))
    page.mouse.up()

    axis = {"axial": 2, "coronal": 1, "sagittal": 0}[plane]
    stroke = Stroke("", SIZE, affine, axis, (30, 25, 10)[axis], 3.3, False, tuple(samples))
    edit = page.evaluate("({ starts: [...edits[0].runs.starts], lengths: [...edits[0].runs.lengths] })")
    assert page.evaluate("edits.length") == 1
    assert list(zip(edit["starts"], edit["lengths"], strict=True)) == to_runs(paint(stroke))


def test_a_fast_stroke_has_no_gap_without_what_plain_http_lacks(port: int, page: Page, complaints: Complaints) -> None:
    """A host name over http has neither coalesced events nor crypto.randomUUID; strokes and ids must not need them."""
    page.add_init_script("delete PointerEvent.prototype.getCoalescedEvents; delete Crypto.prototype.randomUUID;")
    open_phantom(page, f"http://127.0.0.1:{port}", SIZE, ISOTROPIC)
    page.evaluate("viewer.setTool('brush'); viewer.setBrush(0.8)")

    page.mouse.move(200, 440)
    page.mouse.down()
    page.mouse.move(700, 470, steps=5)
    page.mouse.up()

    columns = page.evaluate("viewer.listDrawnSlices('sagittal')")
    assert len(columns) > 20
    assert columns == list(range(columns[0], columns[-1] + 1))
    assert complaints.none(), complaints


def test_the_right_button_does_the_opposite_and_undo_takes_all_back(port: int, page: Page) -> None:
    open_phantom(page, f"http://127.0.0.1:{port}", SIZE, ISOTROPIC)
    page.evaluate("viewer.setTool('brush'); viewer.setBrush(4)")

    page.mouse.click(450, 440)
    page.mouse.click(455, 440, button="right")

    assert page.evaluate("edits.map((edit) => edit.tool)") == ["brush", "eraser"]
    assert page.evaluate("viewer.undo() !== null && viewer.undo() !== null && viewer.undo() === null")
    assert page.evaluate("viewer.countVoxels().size") == 0
    assert page.evaluate("edits.map((edit) => edit.undoes)") == [
        None,
        None,
        *page.evaluate("[edits[1].editId, edits[0].editId]"),
    ]


def test_a_doctor_without_a_mouse_draws_with_the_crosshair(port: int, page: Page) -> None:
    open_phantom(page, f"http://127.0.0.1:{port}", SIZE, LPS)

    page.evaluate("viewer.setBrush(0.1); viewer.toggleToolAtCrosshair('coronal')")
    for _ in range(4):
        page.evaluate("viewer.moveCrosshair('coronal', 1, 0)")
    page.evaluate("viewer.moveCrosshair('coronal', 0, 1); viewer.toggleToolAtCrosshair('coronal')")

    # screen right is +i, screen down is -k on this grid
    assert page.evaluate("viewer.state.crosshairIjk") == [34, 25, 9]
    assert page.evaluate("[edits.length, edits[0].voxels]") == [1, 6]
    assert page.evaluate("viewer.listDrawnSlices('axial')") == [9, 10]


def test_hiding_everything_changes_no_label(port: int, page: Page) -> None:
    open_phantom(page, f"http://127.0.0.1:{port}", SIZE, ISOTROPIC, experts=2, drawn=True)
    before = page.evaluate("[...viewer.countVoxels()]")
    shown = page.locator("#axial").screenshot()

    page.evaluate("viewer.setHidden(true)")
    next_frame(page)
    hidden = page.locator("#axial").screenshot()
    page.evaluate("viewer.setHidden(false)")
    next_frame(page)

    assert hidden != shown
    assert page.locator("#axial").screenshot() == shown
    assert page.evaluate("[...viewer.countVoxels()]") == before


# Counts the cells that layers paint and the timers that wait; WATCH counts frames, but for those of `plainFrame`.
COUNT = """
window.cells = 0;
const put = CanvasRenderingContext2D.prototype.putImageData;
CanvasRenderingContext2D.prototype.putImageData = function (image, x, y, left, top, width = image.width, height = image.height) {
  window.cells += width * height;
  return put.apply(this, arguments);
};
window.waiting = new Set();
const [later, never] = [window.setTimeout.bind(window), window.clearTimeout.bind(window)];
window.setTimeout = (work, delay) => {
  const timer = later(() => { waiting.delete(timer); work(); }, delay);
  waiting.add(timer);
  return timer;
};
window.clearTimeout = (timer) => { waiting.delete(timer); never(timer); };
"""
SETTLE = """async () => {
  const frame = () => new Promise((done) => plainFrame(done));
  while (waiting.size > 0) await frame();
  for (let n = 0; n < 3; n++) await frame();
}"""
FORGET = f"async () => {{ await ({SETTLE})(); spent.frame.length = 0; window.cells = 0; }}"


def count_work(page: Page, script: str, *arguments: object) -> tuple[int, int]:
    """Animation frames of ours and cells painted, from a script's beginning until its last frame is over."""
    page.evaluate(FORGET)
    page.evaluate(script, *arguments)
    page.evaluate(SETTLE)
    frames, cells = page.evaluate("[spent.frame.length, cells]")
    return frames, cells


@pytest.mark.parametrize(("plane", "cells"), [("axial", 60 * 50), ("coronal", 60 * 20), ("sagittal", 50 * 20)])
def test_a_scrolled_slice_is_painted_once_and_nothing_else(port: int, page: Page, plane: str, cells: int) -> None:
    """VIEWER check 8 as work, which no machine is too slow for: image, drawing and heat map of one view, one frame a slice."""
    page.add_init_script(WATCH + COUNT)
    open_phantom(page, f"http://127.0.0.1:{port}", SIZE, LPS, experts=4, drawn=True, heat=True)
    steps = 10

    frames, painted = count_work(page, SCROLL, [plane, steps])
    idle = count_work(page, SETTLE)

    assert painted == steps * 3 * cells
    assert frames <= steps + 1  # the last one leaves an empty frame behind
    assert idle == (0, 0)


def test_a_brush_paints_what_it_touches_and_not_the_slice(port: int, page: Page) -> None:
    page.add_init_script(WATCH + COUNT)
    open_phantom(page, f"http://127.0.0.1:{port}", SIZE, ISOTROPIC, experts=4, drawn=True, heat=True)
    page.evaluate("viewer.setTool('brush'); viewer.setActiveLabel(2); viewer.setBrush(2)")
    page.mouse.move(300, 440)
    events = 20

    page.evaluate(FORGET)
    page.mouse.down()
    for step in range(events):
        page.mouse.move(300 + 10 * step, 440)
    page.mouse.up()
    page.evaluate(SETTLE)
    frames, painted = page.evaluate("[spent.frame.length, cells]")

    assert 0 < frames <= events + 2  # button down and up are events too
    assert page.evaluate("edits[0].voxels") < painted < 0.1 * events * SIZE[0] * SIZE[1]
