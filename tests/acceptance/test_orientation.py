"""Patient right, front and head on their sides of the screen, for every order of the voxel axes (VIEWER section 15, check 3).

Where a marker lies in the patient is worked out by nibabel and NumPy from the affine alone. What import makes of the files of
`nifti-orientation` is tests/integration/test_shared_data.py's, against nibabel.
"""

import itertools
from collections.abc import Iterator

import nibabel
import numpy as np
import pytest
from playwright.sync_api import Page

from tests.acceptance.conftest import Complaints
from tests.acceptance.engine_page import next_frame, open_phantom, served
from tests.contract.brush_reference import SHEARED

SIZE, SPACING_MM = (26, 22, 18), (0.9, 1.1, 1.3)
# Displayed values of the markers at the patient's right, front and head, and their grey in a window of -160 … 240.
MARKERS = {"R": (-60, 64), "A": (40, 128), "S": (140, 191)}
# Which patient direction lies on which side of a view's screen, and the letters on its four edges.
SIDES = {
    "axial": {"R": "left", "A": "top"},
    "coronal": {"R": "left", "S": "top"},
    "sagittal": {"A": "left", "S": "top"},
}
OPPOSITE = {"R": "L", "A": "P", "S": "I"}
# The last text drawn at each edge of each view.
LETTERS = """
window.letters = {};
const fillText = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
  const { id, clientWidth: width, clientHeight: height } = this.canvas;
  const edge = x < 20 ? "left" : x > width - 20 ? "right" : y < 20 ? "top" : y > height - 20 ? "bottom" : null;
  if (id && edge && /^[RLAPSI]+$/.test(text)) window.letters[`${id} ${edge}`] = text;
  return fillText.apply(this, arguments);
};
"""
# Middle of the pixels of one grey, as shares of the view's width and height; null where there are none.
FIND = """([plane, grey]) => {
  const canvas = document.getElementById(plane);
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const xs = [], ys = [];
  for (let at = 0; at < data.length; at += 4)
    if (Math.abs(data[at] - grey) <= 1 && data[at] === data[at + 1] && data[at] === data[at + 2]) {
      xs.push((at / 4) % width);
      ys.push(Math.floor(at / 4 / width));
    }
  const middle = (all) => all.sort((a, b) => a - b)[all.length >> 1];
  return xs.length < 50 ? null : [middle(xs) / width, middle(ys) / height];
}"""
Affine = np.ndarray


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with served(tmp_path_factory.mktemp("engine")) as number:
        yield number


def every_affine() -> Iterator[tuple[str, Affine]]:
    """The 48 axis codes, upright; a sheared grid; one turned obliquely by 20°, 15° and 10°."""
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            affine = np.eye(4)
            affine[:3, :3] = 0
            for axis, (world, sign) in enumerate(zip(order, signs, strict=True)):
                affine[world, axis] = sign * SPACING_MM[axis]
            affine[:3, 3] = (11.3, -7.2, 30.1)
            yield "".join(nibabel.aff2axcodes(affine)), affine
    yield "sheared", np.vstack([np.array(SHEARED).reshape(3, 4), [0, 0, 0, 1]])
    turn = nibabel.eulerangles.euler2mat(*np.radians((20, 15, 10)))
    yield "oblique", nibabel.affines.from_matvec(turn @ np.diag([-1.1, 0.9, 1.3]), [5, 6, 7])


def test_markers_letters_and_millimetres_are_right_for_every_axis_order(
    port: int, page: Page, complaints: Complaints
) -> None:
    page.add_init_script(LETTERS)
    affines = dict(every_affine())
    assert len(affines) == 50
    open_phantom(page, f"http://127.0.0.1:{port}", SIZE, tuple(affines["RAS"][:3].ravel()))

    for name, affine in affines.items():
        rows = affine[:3].ravel().tolist()
        page.evaluate("(next) => show(next)", {
            "size": SIZE, "affine": rows, "geometry": "regular",
            "markers": [mark(affine, towards) for towards in MARKERS],
        })  # fmt: skip
        page.evaluate("viewer.setSmoothing(false); window.letters = {}")
        next_frame(page)
        check_markers(page, name)
        check_letters(page, name)
        check_millimetres(page, name, affine)
    assert complaints.none(), complaints


def voxel_axis(affine: Affine, towards: str) -> tuple[int, int]:
    """Voxel axis along a patient direction, and +1 where its numbers rise that way, as nibabel says."""
    for axis, code in enumerate(nibabel.aff2axcodes(affine)):
        if code in (towards, OPPOSITE[towards]):
            return axis, 1 if code == towards else -1
    raise AssertionError(f"no axis towards {towards}")


def mark(affine: Affine, towards: str) -> dict[str, object]:
    """A block at the end of the grid that lies in this patient direction, in the middle across it."""
    low, high = [n // 2 - 2 for n in SIZE], [n // 2 + 2 for n in SIZE]
    axis, sign = voxel_axis(affine, towards)
    low[axis], high[axis] = (SIZE[axis] - 4, SIZE[axis] - 2) if sign > 0 else (1, 3)
    return {"min": low, "max": high, "stored": MARKERS[towards][0] + 1024}


def check_markers(page: Page, name: str) -> None:
    for plane, sides in SIDES.items():
        for towards, side in sides.items():
            found = page.evaluate(FIND, [plane, MARKERS[towards][1]])
            assert found is not None, f"{name}: the marker {towards} is not in the {plane} view"
            along, across = (found[0], found[1]) if side == "left" else (found[1], found[0])
            assert along < 0.4 and abs(across - 0.5) < 0.1, f"{name}: {towards} stands at {found} of the {plane} view"


def check_letters(page: Page, name: str) -> None:
    """The first letter of each edge; obliquely a second one may follow."""
    written = page.evaluate("letters")
    for plane, sides in SIDES.items():
        for towards, side in sides.items():
            far = {"left": "right", "top": "bottom"}[side]
            seen = (written[f"{plane} {side}"][0], written[f"{plane} {far}"][0])
            assert seen == (towards, OPPOSITE[towards]), f"{name}: {seen} on the {plane} view"


def check_millimetres(page: Page, name: str, affine: Affine) -> None:
    """RAS under the pointer against the affine, at a place worked out from the size of the voxels alone."""
    size_mm = [SIZE[axis] * float(np.linalg.norm(affine[:3, axis])) for axis in range(3)]
    for plane, sides in SIDES.items():
        (across, across_sign), (down, down_sign) = (voxel_axis(affine, towards) for towards in sides)
        through = 3 - across - down
        box = page.locator(f"#{plane}").bounding_box()
        assert box is not None
        width, height = page.locator(f"#{plane}").evaluate("(view) => [view.clientWidth, view.clientHeight]")
        px_per_mm = 0.98 * min(width / size_mm[across], height / size_mm[down])
        x, y = round(box["x"] + 0.42 * width), round(box["y"] + 0.57 * height)
        page.mouse.move(x, y)
        next_frame(page)
        voxel = np.zeros(4)
        voxel[[through, 3]] = page.evaluate("viewer.state.crosshairIjk")[through], 1
        for axis, sign, at, length in (
            (across, across_sign, x - box["x"], width),
            (down, down_sign, y - box["y"], height),
        ):
            cell = ((at - length / 2) / px_per_mm + size_mm[axis] / 2) / (size_mm[axis] / SIZE[axis]) - 0.5
            voxel[axis] = cell if sign < 0 else SIZE[axis] - 1 - cell
        seen = page.evaluate("readCursor().mm")
        # Pointers are rounded to 1/64 voxel before anything sees them: the grid itself must be right within 0.01 mm.
        truth = affine @ np.append(np.rint(64 * voxel[:3]) / 64, 1)
        assert np.abs(truth[:3] - seen).max() < 0.01, f"{name}, {plane}: {seen} instead of {truth[:3]}"
