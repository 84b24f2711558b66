"""Every tool and Ask AI with a real mouse and keyboard on the running server, and what the server holds afterwards.

VIEWER section 15, checks 4 (every tool, read back from the server, equals the Python reference voxel for voxel), 5 in its
short form (two hundred random edits are `python -m benchmarks.undo --full`) and, of 10, prompts on an oblique volume.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import nibabel
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from benchmarks.undo import draw_reload_undo_redo
from tests.acceptance.conftest import Complaints
from tests.acceptance.engine_page import read_canvas
from tests.acceptance.gestures import AXES, look_through, press_drag, read_cursor, trace
from tests.acceptance.one_case import SHAPE_ZYX, OneCase, make_case, open_case
from tests.acceptance.screens import Glass, wait_saved
from tests.contract.tools_reference import Gesture, perform
from tests.running import Client, Running, eventually, running

SPACING_MM = (1.0, 1.0, 2.0)
AFFINE = (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0)
EDITS, SEED = 20, 20_261_121
# A radius that no voxel centre is near, at distances of √(di² + dj²) or √(di² + 4dk²): a hundredth of a voxel decides nothing.
RADIUS_MM = 2.4
DEFAULTS: dict[str, Any] = {
    "range": {"low": 0, "high": 100}, "scissors": {"act": "erase-inside", "reach": {"kind": "all"}},
    "islands": {"act": "keep-largest", "is3D": True, "belowMm3": 100, "toLabel": 1},
    "smooth": {"is3D": False, "radiusMm": 2}, "margin": {"is3D": False, "mm": 1}, "interpolate": "all-gaps",
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("tools") / "data") as started:
        yield started


@pytest.fixture(scope="module")
def admin(server: Running) -> Client:
    return Client(server.url).redeem(str(server.link))


@dataclass
class Hand:
    """A doctor's hand and the reference beside it: each gesture is made on the screen and looked for on the server."""

    page: Page
    case: OneCase
    expected: np.ndarray
    plane: str = "axial"
    glass: Glass | None = None
    slice: int = 0
    label: int = 1

    def go(self, plane: str, *keys: str) -> None:
        """Point at a view, press keys that move through its slices."""
        box = self.page.get_by_test_id(f"view-{plane}").bounding_box()
        assert box is not None
        self.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        for key in keys:
            self.page.keyboard.press(key)
        if plane != self.plane or self.glass is None:
            self.glass, self.slice = look_through(self.page, plane, SPACING_MM)
        self.slice = read_cursor(self.page)[0][AXES[plane][2]]
        self.plane = plane

    def take(self, label: int) -> None:
        self.page.keyboard.press(str(label))
        self.label = label

    def draw(self, key: str, tool: str, *places: tuple[float, float]) -> None:
        """A tool held down from place to place."""
        self.page.keyboard.press(key)
        self.drag(tool, *places)

    def drag(self, tool: str, *places: tuple[float, float]) -> None:
        assert self.glass is not None
        press_drag(self.page, self.glass, list(places))
        self.compare(tool, *places)

    def paint_range(self, *places: tuple[float, float]) -> None:
        """Threshold paint between the ends of DEFAULTS."""
        self.page.keyboard.press("t")
        for name, value in (("from", DEFAULTS["range"]["low"]), ("to", DEFAULTS["range"]["high"])):
            end = self.page.get_by_label(name, exact=True)
            end.fill(str(value))
            end.press("Enter")
            end.blur()
        self.drag("threshold", *places)

    def rectangle(self, left: int, right: int, top: int, bottom: int) -> None:
        """A polygon whose edges run half way between voxel centres."""
        assert self.glass is not None
        self.page.keyboard.press("p")
        corners = box_of(left, right, top, bottom)
        for corner in corners:
            self.page.mouse.click(*self.glass.at(*corner))
        self.page.keyboard.press("Enter")
        self.compare("polygon", *corners)

    def apply(self, key: str, tool: str) -> None:
        """A tool that acts on the slice or the volume as a whole."""
        self.page.keyboard.press(key)
        self.page.keyboard.press("Enter")
        self.compare(tool, (0.0, 0.0))

    def copy_up(self) -> None:
        self.page.keyboard.press("Shift+PageUp")
        self.compare("copy", (0.0, 0.0), to=self.slice + 1)
        self.slice += 1

    def compare(self, tool: str, *places: tuple[float, float], to: int = 0) -> None:
        """The server's map equals the reference's."""
        across, down, through = AXES[self.plane]
        samples = []
        for u, v in places:
            sample = [0, 0, 0]
            sample[across], sample[down], sample[through] = round(64 * u), round(64 * v), 64 * self.slice
            samples.append((sample[0], sample[1], sample[2]))
        before = self.expected
        self.expected = perform(Gesture(
            before, stored_values(), AFFINE, 1.0, 0.0, tool, through, tuple(samples), active=self.label,
            radius_mm=RADIUS_MM, options=DEFAULTS, to=to,
        ))  # fmt: skip
        assert (self.expected != before).any(), f"{tool} was to change something"
        try:
            eventually(f"what {tool} draws", lambda: np.array_equal(self.case.labels(), self.expected))
        except AssertionError as problem:
            off = np.argwhere(self.case.labels() != self.expected)
            raise AssertionError(
                f"{tool}: {len(off)} voxels differ from the reference, [z, y, x]: {off[:9]}"
            ) from problem


def box_of(left: int, right: int, top: int, bottom: int) -> list[tuple[float, float]]:
    """Corners of a rectangle of voxels, half a voxel out."""
    return [(left - 0.5, top - 0.5), (right + 0.5, top - 0.5), (right + 0.5, bottom + 0.5), (left - 0.5, bottom + 0.5)]


def stored_values() -> np.ndarray:
    """What make_case imported."""
    zz, yy, xx = np.indices(SHAPE_ZYX)
    return np.asarray((300 * np.exp(-((yy - 24) ** 2 + (xx - 24) ** 2) / 200.0) + 10 * zz).astype(np.int16))


def test_what_every_tool_draws_is_what_the_server_holds(
    server: Running, admin: Client, page: Page, complaints: Complaints
) -> None:
    case = make_case(server, admin, "hand")
    open_case(page, server.url, case)
    brush = page.get_by_test_id("brush-size")
    brush.fill(str(RADIUS_MM))
    brush.press("Enter")
    brush.blur()
    hand = Hand(page, case, np.zeros(SHAPE_ZYX, np.uint8))

    hand.go("axial")
    hand.take(1)
    hand.draw("b", "brush", (10, 10), (15, 10), (20, 10))
    hand.draw("e", "eraser", (15, 10))
    hand.paint_range((24, 8), (34, 8))
    hand.rectangle(8, 16, 20, 30)
    hand.take(2)
    hand.draw("l", "lasso", *box_of(20, 28, 20, 30))
    hand.draw("s", "scissors", *box_of(24, 30, 24, 34))
    hand.draw("f", "fill", (12, 25))
    hand.take(1)
    hand.draw("Shift+F", "fill3d", (12, 25))
    hand.copy_up()
    hand.copy_up()
    hand.go("axial", "ArrowDown")
    hand.draw("e", "eraser", (12, 25))
    hand.apply("Shift+H", "holes3d")
    hand.draw("e", "eraser", (12, 25))
    hand.apply("h", "holes")
    hand.apply("k", "islands")
    hand.apply("Shift+S", "smooth")
    hand.apply("+", "grow")
    hand.apply("-", "shrink")
    hand.go("axial", "Home")
    hand.rectangle(10, 18, 18, 28)
    hand.apply("n", "interpolate")
    hand.go("coronal")
    hand.draw("b", "brush", (30, 1), (38, 3))
    hand.go("sagittal")
    hand.take(2)
    hand.draw("b", "brush", (34, 2), (40, 4))

    assert complaints.none(), complaints


def test_random_edits_are_undone_and_redone_across_a_reload(
    server: Running, admin: Client, page: Page, complaints: Complaints
) -> None:
    case = make_case(server, admin, "many")
    open_case(page, server.url, case)

    done = draw_reload_undo_redo(page, case, EDITS, SEED)

    assert (done.off_start, done.off_end) == (0, 0), f"seed {SEED}: {done}"
    assert done.depth == EDITS and done.labelled > 0

    # Submitting sends the CRC of every slice touched since the last check; the server refuses one that differs.
    here = page.url
    page.get_by_test_id("submit").click()
    page.wait_for_url(lambda url: url != here, timeout=30_000)
    assert case.doctor.get(f"/segmentations/{case.segmentation_id}")["state"] == "submitted"
    assert complaints.none(), complaints


def test_a_click_is_answered_survives_a_reload_and_enter_accepts_it(
    server: Running, admin: Client, page: Page, complaints: Complaints
) -> None:
    case = make_case(server, admin, "click")
    open_case(page, server.url, case)
    box = page.get_by_test_id("view-axial").bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    prompts = f"/segmentations/{case.segmentation_id}/prompts"
    state = page.get_by_test_id("ask-state")

    page.keyboard.press("Shift+N")
    expect(page.get_by_text("Nothing to propagate: draw or correct the object by hand", exact=False)).to_be_visible()
    page.keyboard.press("a")
    page.mouse.click(*middle)
    expect(state).to_be_visible()
    expect(state).to_have_attribute("data-state", "answered")
    first = case.doctor.get(prompts)["proposal"]
    assert first["voxels"] > 0 and count_marks(page) > 50
    for name in ("Accept (Enter)", "Take last back (Ctrl+Z)", "Withdraw (Esc)"):
        expect(page.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    page.mouse.click(middle[0] + 40, middle[1] + 40, button="right")
    eventually("two prompts", lambda: len(case.doctor.get(prompts)["items"]) == 2)
    expect(state).to_have_attribute("data-state", "answered")
    page.keyboard.press("Control+z")
    eventually("the former answer", lambda: case.doctor.get(prompts)["proposal"] == first)

    habits = "/account/preferences"
    eventually("the tool is remembered", lambda: case.doctor.get(habits)["habits"].get("tool") == "ask")
    page.reload()
    expect(state).to_have_attribute("data-state", "answered")
    expect(page.get_by_role("button", name="Ask AI")).to_have_attribute("aria-pressed", "true")
    assert count_marks(page) > 50
    page.keyboard.press("Enter")
    expect(state).to_have_count(0)
    wait_saved(page)

    assert count_marks(page) == 0
    assert [one["state"] for one in case.doctor.get(prompts)["items"]] == ["settled", "withdrawn"]
    assert [edit["tool"] for edit in case.edits()] == ["ask"]
    assert int((case.labels() == first["label"]).sum()) == first["voxels"]
    assert complaints.none(), complaints


def count_marks(page: Page) -> int:
    """Pixels of the large view in the colour of a mark that includes."""
    return int((read_canvas(page, "axial") == (74, 222, 128)).all(axis=2).sum())


# Places of one gesture of Ask AI as shares of the view, in the order in which its key goes through them.
PROMPTS = {
    "point": [(0.46, 0.55)],
    "scribble": [(0.42, 0.44), (0.5, 0.47), (0.55, 0.58)],
    "box": [(0.43, 0.42), (0.57, 0.6)],
    "lasso": [(0.45, 0.41), (0.58, 0.45), (0.55, 0.59), (0.44, 0.56)],
}


def test_prompts_name_the_voxels_under_the_mouse_on_an_oblique_left_handed_volume(
    server: Running, admin: Client, page: Page, complaints: Complaints
) -> None:
    """Every voxel has a value of its own, so the cursor's value names a voxel of the file; nibabel says where it lies."""
    turn = nibabel.eulerangles.euler2mat(*np.radians((20, 15, 10)))
    affine = nibabel.affines.from_matvec(turn @ np.diag([-0.9, 1.2, 2.5]), [5, 6, 7])
    values = np.random.default_rng(SEED).permutation(40 * 36 * 12).astype(np.int16).reshape(40, 36, 12)
    scan = nibabel.Nifti1Image(values, affine)
    assert np.linalg.det(affine) < 0
    to_mm = nibabel.as_closest_canonical(scan).affine
    case = make_case(server, admin, "asker", scan=scan.to_bytes())
    open_case(page, server.url, case)

    posted = []
    for plane in AXES:
        box = page.get_by_test_id(f"view-{plane}").bounding_box()
        assert box is not None
        for shape, shares in PROMPTS.items():
            page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            page.keyboard.press("a")
            places = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in shares]
            seen = []
            for place in places:
                page.mouse.move(*place)
                voxel, mm = read_cursor(page)
                shown = int((page.get_by_test_id("cursor").text_content() or "").split(" · ")[0])
                of_file = np.linalg.inv(affine) @ to_mm @ [*voxel, 1]
                assert values[tuple(np.rint(of_file[:3]).astype(int))] == shown
                seen.append((voxel, mm))
            with page.expect_response(
                lambda one: one.url.endswith("/prompts") and one.request.method == "POST"
            ) as answered:
                trace(page, places)
            assert answered.value.ok
            prompt = answered.value.request.post_data_json
            assert (prompt["type"], prompt["slice_axis"]) == (shape, "ijk"[AXES[plane][2]])
            assert len(prompt["points"]) == len(places)
            for point, (voxel, mm) in zip(prompt["points"], seen, strict=True):
                assert np.abs(np.array(point) - voxel).max() <= 0.5, f"{shape} in the {plane} view"
                # The cursor line rounds to a tenth of a millimetre, a pointer to 1/64 voxel.
                assert np.abs((to_mm @ [*point, 1])[:3] - mm).max() < 0.1, f"{shape} in the {plane} view"
            posted.append(prompt)

    stored = case.doctor.get(f"/segmentations/{case.segmentation_id}/prompts")["items"]
    assert [(one["id"], one["points_ijk"]) for one in stored] == [(one["prompt_id"], one["points"]) for one in posted]
    assert len(posted) == 12 and complaints.none(), complaints
