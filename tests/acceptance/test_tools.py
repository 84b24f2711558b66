"""Every tool with a real mouse and keyboard on the running server, and what the server holds afterwards.

VIEWER section 15, checks 4 (polygon, interpolation and islands read back from the server) and 5 (two hundred random edits with
all tools, a reload half way, everything undone and done again).
"""

import base64
import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from backend.imaging import labels as codec
from tests.acceptance.conftest import Complaints
from tests.acceptance.screens import Glass, api, wait_saved, welcome
from tests.contract.tools_reference import Gesture, perform
from tests.running import Running, eventually, running

EDITS = 200
SEED = 20_261_121
APPLIED_BY_ENTER = ("h", "Shift+H", "k", "Shift+S", "+", "-", "n")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    with running(tmp_path_factory.mktemp("tools") / "data", CONSILIUM_DEMO="true") as started:
        yield started


def test_what_the_tools_draw_is_what_the_server_holds_and_all_of_it_can_be_undone(
    server: Running, page: Page, complaints: Complaints
) -> None:
    image, segmentation_id = open_volume(server, page)
    start = server_map(page, segmentation_id, image)
    glass = Glass.calibrate(page)
    middle = (image["nx"] // 2, image["ny"] // 2)

    draw_rectangle(page, glass, middle, (6, 4))
    first_slice = drawn_slices(page, segmentation_id, image, start)
    for _ in range(5):
        page.keyboard.press("ArrowUp")
    draw_rectangle(page, glass, (middle[0] + 2, middle[1] + 1), (4, 5))
    drawn = server_map(page, segmentation_id, image)
    assert len(first_slice) == 1
    assert (drawn != start).sum() == 13 * 9 + 9 * 11

    page.keyboard.press("n")
    expect(page.get_by_text("Preview. Enter accepts")).to_be_visible()
    page.keyboard.press("Enter")
    wait_saved(page)
    interpolated = server_map(page, segmentation_id, image)
    assert np.array_equal(interpolated, perform(as_gesture(drawn, image, "interpolate")))
    assert (interpolated != drawn).any()

    draw_rectangle(page, glass, (middle[0] - 14, middle[1]), (1, 1))
    with_island = server_map(page, segmentation_id, image)
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    wait_saved(page)
    kept = {"islands": {"act": "keep-largest", "is3D": True, "belowMm3": 0, "toLabel": 1}}
    assert np.array_equal(
        server_map(page, segmentation_id, image), perform(as_gesture(with_island, image, "islands", kept))
    )

    random = np.random.default_rng(SEED)
    draw_at_random(page, random, EDITS // 2)
    wait_saved(page)
    page.reload()
    expect(page.get_by_test_id("submit")).to_be_enabled(timeout=60_000)
    draw_at_random(page, random, EDITS)
    wait_saved(page)
    end, depth = server_map(page, segmentation_id, image), undo_depth(page)

    press_often(page, "Ctrl+Z", depth)
    assert undo_depth(page) == 0
    assert np.array_equal(server_map(page, segmentation_id, image), start), f"seed {SEED}"
    press_often(page, "Ctrl+Shift+Z", depth)
    assert undo_depth(page) == depth
    assert np.array_equal(server_map(page, segmentation_id, image), end), f"seed {SEED}"

    # Submitting sends the CRC of every slice touched since the last check; the server refuses one that differs.
    here = page.url
    page.get_by_test_id("submit").click()
    page.wait_for_url(lambda url: url != here, timeout=30_000)
    assert api(page, f"/segmentations/{segmentation_id}")["state"] == "submitted"
    assert complaints.none(), complaints


# ------------------------------------------------------------------------------------------------------- on the screen


def open_volume(server: Running, page: Page) -> tuple[dict, str]:
    """The demo's first case in 3D, open and ready to be drawn on; the image and the segmentation's id."""
    eventually("the demo project", lambda: (server.data / "demo-loaded").exists(), 90)
    welcome(page, str(server.link))
    read = next(a for a in api(page, "/assignments?limit=200")["items"] if a["image_dims"][2] > 1)
    page.goto(f"{server.url}/read/{read['id']}")
    expect(page.get_by_test_id("submit")).to_be_enabled(timeout=60_000)
    expect(page.get_by_text("Loading image")).to_have_count(0, timeout=30_000)
    return api(page, f"/images/{read['image_id']}"), api(page, f"/assignments/{read['id']}")["segmentation_id"]


def draw_rectangle(page: Page, glass: Glass, centre: tuple[int, int], half: tuple[int, int]) -> None:
    """A polygon whose edges run half way between voxel centres, so that its voxels are known: (2a + 1) × (2b + 1)."""
    page.keyboard.press("p")
    a, b = half[0] + 0.5, half[1] + 0.5
    for across, down in ((-a, -b), (a, -b), (a, b), (-a, b)):
        page.mouse.click(*glass.at(centre[0] + across, centre[1] + down))
    page.keyboard.press("Enter")
    wait_saved(page)


def draw_at_random(page: Page, random: np.random.Generator, until: int) -> None:
    """Gestures with all tools in all three views until the undo history is this deep."""
    while (depth := undo_depth(page)) < until:
        plane = str(random.choice(["axial", "axial", "sagittal", "coronal"]))
        box = page.get_by_test_id(f"view-{plane}").bounding_box()
        assert box is not None

        def place(box: dict = box) -> tuple[float, float]:
            x, y = random.uniform(0.3, 0.7, 2)
            return box["x"] + box["width"] * x, box["y"] + box["height"] * y

        page.mouse.move(*place())
        page.keyboard.press(str(random.choice(["1", "2", "Q"])))
        for _ in range(int(random.integers(0, 4))):
            page.keyboard.press(str(random.choice(["ArrowUp", "ArrowDown"])))
        gesture_at_random(page, random, place)
        if random.random() < 0.1:
            page.keyboard.press("Control+Z")
        page.keyboard.press("Escape")
        assert undo_depth(page) <= depth + 1


def gesture_at_random(page: Page, random: np.random.Generator, place) -> None:
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


def undo_depth(page: Page) -> int:
    """As the bottom bar says it, once what was done has been drawn."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    found = re.search(r"(\d+) steps? to undo", page.locator("footer").inner_text())
    assert found, "the bottom bar does not tell the undo depth"
    return int(found.group(1))


def press_often(page: Page, chord: str, times: int) -> None:
    for _ in range(times):
        page.keyboard.press(chord.replace("Ctrl", "Control"))
    wait_saved(page)


# ------------------------------------------------------------------------------------------------------- on the server


def server_map(page: Page, segmentation_id: str, image: dict) -> np.ndarray:
    """[z, y, x]: the head revision with the edits journalled on it."""
    segmentation = api(page, f"/segmentations/{segmentation_id}")
    flat = np.zeros(image["nx"] * image["ny"] * image["nz"], np.uint8)
    if head := segmentation["head_revision_id"]:
        script = """async ([id, slabs]) => {
            const parts = [];
            for (let k = 0; k < slabs; k++) {
                const answer = await fetch(`/api/v1/revisions/${id}/slabs/${k}`);
                parts.push(...new Uint8Array(await answer.arrayBuffer()));
            }
            return btoa(parts.map((byte) => String.fromCharCode(byte)).join(""));
        }"""
        flat = np.frombuffer(base64.b64decode(page.evaluate(script, [head, image["slab_count"]])), np.uint8).copy()
    after = 0
    while after is not None:
        edits = api(page, f"/segmentations/{segmentation_id}/edits?after={after}")
        for edit in edits["items"]:
            if edit["base_revision_id"] == head:
                codec.apply(flat, codec.decode(base64.b64decode(edit["runs"]), flat.size, 1))
        after = edits["next_after"]
    return flat.reshape(image["nz"], image["ny"], image["nx"])


def drawn_slices(page: Page, segmentation_id: str, image: dict, before: np.ndarray) -> list[int]:
    return np.flatnonzero((server_map(page, segmentation_id, image) != before).any(axis=(1, 2))).tolist()


def as_gesture(labels_zyx: np.ndarray, image: dict, tool: str, options: dict | None = None) -> Gesture:
    """The same tool in the axial plane for the reference, on what the server holds."""
    affine = tuple(float(n) for n in np.array(image["affine"]).ravel()[:12])
    stored = np.zeros(labels_zyx.shape, np.int16)
    return Gesture(labels_zyx, stored, affine, 1.0, 0.0, tool, 2, ((0, 0, 0),), options=options or {})
