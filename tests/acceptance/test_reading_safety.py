"""What the reading screen must never do unasked: name sides nobody wrote down, submit nothing, replace what was drawn."""

import io
from collections.abc import Iterator

import nibabel
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.conftest import Complaints
from tests.acceptance.one_case import SHAPE_ZYX, OneCase, dot, make_case, open_case, predict, sign_in
from tests.acceptance.screens import wait_saved
from tests.running import Client, Running, running

# Every orientation letter that any view writes.
LETTERS = """
window.letters = [];
const fillText = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
  if (/^[RLAPSI]{1,2}$/.test(text)) window.letters.push(text);
  return fillText.apply(this, arguments);
};
"""
WIDTHS = (320, 768, 1280)
SIDES = {
    "known": (None, None),
    "unknown": ("Sides unknown", "the file does not say how the image lies in the patient"),
    "doubtful": ("Sides doubtful", "sform and qform place the image differently"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("safety") / "data") as started:
        yield started


@pytest.fixture(scope="module")
def case(server: Running) -> OneCase:
    """One doctor's case beside another expert's reading, which stands in for a prediction: slices 2 and 3, a square of label 1."""
    labels = np.zeros(SHAPE_ZYX, np.uint8)
    labels[2:4, 8:40, 8:40] = 1
    return make_case(server, Client(server.url).redeem(str(server.link)), "safe", others={"Exp1": labels})


def placed(sides: str) -> bytes:
    """A volume brighter to the file's right, whose header names no orientation, one, or two that disagree."""
    values = np.indices(SHAPE_ZYX[::-1])[0].astype(np.int16) * 5
    image = nibabel.Nifti1Image(values, np.diag([1.0, 1.0, 2.0, 1.0]))
    if sides == "doubtful":
        image.header.set_qform(np.diag([-1.0, 1.0, 2.0, 1.0]), code=1)
    buffer = io.BytesIO()
    holder = nibabel.FileHolder(fileobj=buffer)
    image.to_file_map({"image": holder, "header": holder})
    data = bytearray(buffer.getvalue())
    if sides == "unknown":
        data[252:256] = bytes(4)  # qform_code and sform_code
    return bytes(data)


def test_no_letter_stands_where_the_file_names_no_side(
    server: Running, case: OneCase, page: Page, complaints: Complaints
) -> None:
    project = case.assignment["project_id"]
    case.admin.upload(project, {f"images/{sides}.nii": placed(sides) for sides in SIDES})
    images = {one["name"]: one for one in case.admin.get("/images", project_id=project)["items"]}
    page.add_init_script(LETTERS)
    sign_in(page, server.url, case.name)
    for sides, (badge, remark) in SIDES.items():
        assert images[sides]["sides"] == sides
        page.goto(f"{server.url}/look/{project}/{images[sides]['id']}")
        expect(page.get_by_test_id("read-screen")).to_be_visible(timeout=20_000)
        expect(page.get_by_text("Loading image")).to_have_count(0, timeout=20_000)
        page.get_by_test_id("view-axial").hover()
        if badge is None:
            page.wait_for_function("letters.includes('R') && letters.includes('A')")
            continue
        expect(page.get_by_text(badge)).to_be_visible()
        assert page.evaluate("letters") == []
        page.get_by_label("About this image").click()
        facts = page.get_by_test_id("image-facts")
        expect(facts).to_contain_text(str(remark))
        expect(facts).not_to_contain_text("_")
    assert complaints.none(), complaints


def test_looking_is_dark_whatever_the_theme(server: Running, case: OneCase, page: Page) -> None:
    case.doctor.call("PATCH", "/account/preferences", json={"theme": "light"})
    sign_in(page, server.url, case.name)
    scheme = page.locator("html")
    expect(scheme).to_have_attribute("data-mantine-color-scheme", "light")

    page.goto(f"{server.url}/look/{case.assignment['project_id']}/{case.assignment['image_id']}")

    expect(page.get_by_test_id("read-screen")).to_be_visible(timeout=20_000)
    expect(scheme).to_have_attribute("data-mantine-color-scheme", "dark")


def test_a_prediction_is_neither_left_out_nor_laid_over_drawn_voxels_unasked(
    server: Running, case: OneCase, page: Page, complaints: Complaints
) -> None:
    predict(page, case)
    open_case(page, server.url, case)
    expect(page.get_by_test_id("style-label")).to_have_text("base 1", timeout=20_000)
    expect(page.get_by_test_id("accept-all")).to_be_enabled()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        box = page.get_by_test_id("submit").bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width, f"{width} px: {box}"
    page.get_by_test_id("view-axial").focus()

    page.keyboard.press("Control+Enter")
    asked = page.get_by_role("dialog", name="You have drawn nothing")
    expect(asked.get_by_role("button", name="Back")).to_be_focused()
    expect(asked.get_by_role("button", name="Accept the prediction and submit")).to_be_enabled()
    expect(asked.get_by_role("button", name="Submit empty")).to_be_enabled()
    page.keyboard.press("Enter")
    assert asked.count() == 0  # at once: a dialog that fades away would swallow the next key
    page.keyboard.press("Control+Enter")
    expect(asked.get_by_role("button", name="Back")).to_be_focused()
    page.keyboard.press("Enter")
    assert case.doctor.get(f"/assignments/{case.assignment['id']}")["state"] != "submitted"

    page.keyboard.press("Enter")  # nothing drawn yet: accepted without a question
    wait_saved(page)
    page.get_by_role("button", name="Pancreas tail", exact=True).click()
    dot(page, 0)
    dot(page, 9 * 18 + 9)
    wait_saved(page)
    mine = case.labels()
    page.get_by_test_id("view-axial").focus()
    page.keyboard.press("Shift+Enter")
    over = page.get_by_role("dialog", name="Replace what you drew?")
    expect(over.get_by_role("button", name="Keep my drawing")).to_be_focused()
    page.keyboard.press("Enter")
    expect(over).to_have_count(0)
    assert np.array_equal(case.labels(), mine) and (mine == 2).any()

    page.get_by_test_id("view-axial").focus()
    page.keyboard.press("Shift+Enter")
    over.get_by_role("button", name="Accept the prediction").click()
    wait_saved(page)
    assert not (case.labels() == 2).any()
    page.unroute_all(behavior="ignoreErrors")
    assert complaints.none(), complaints
