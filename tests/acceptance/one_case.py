"""One small volume that one doctor is asked to read, and the doctor's browser: where tests of strokes begin."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from playwright.sync_api import Page, Route, expect

from backend.imaging import labels as codec
from benchmarks.workload import nifti
from tests.running import PASSWORD, Client, Running

SHAPE_ZYX = (6, 48, 48)
LABELS = [
    {"value": 1, "name": "Pancreas head", "colour": "#e69f00"},
    {"value": 2, "name": "Pancreas tail", "colour": "#56b4e9"},
]
SECRET_WORDS = ("Pancreas", "scan-of-somebody", "brush", "eraser")
GRID = 18


@dataclass
class OneCase:
    """The case and how to reach it; `doctor` speaks to the server as the doctor would, past the browser."""

    admin: Client
    doctor: Client
    name: str
    assignment: dict[str, str]
    image: dict[str, int] = field(default_factory=dict)

    @property
    def segmentation_id(self) -> str:
        found: str = self.doctor.get(f"/assignments/{self.assignment['id']}")["segmentation_id"]
        return found

    def edits(self) -> list[dict[str, object]]:
        """The server's whole journal of this reading."""
        items: list[dict[str, object]] = []
        after: int | None = 0
        while after is not None:
            page = self.doctor.get(f"/segmentations/{self.segmentation_id}/edits", after=after)
            items += page["items"]
            after = page["next_after"]
        return items

    def labels(self) -> np.ndarray:
        """What is drawn now, as the server knows it: head and journal, [z, y, x]."""
        now = self.doctor.get(f"/segmentations/{self.segmentation_id}")
        labels = self.doctor.labels(now["head_revision_id"], self.image).copy()
        for edit in self.edits():
            if int(str(edit["seq"])) > now["folded_seq"]:
                codec.apply(labels, codec.decode(base64.b64decode(str(edit["runs"])), labels.size, 1))
        return labels


def make_case(
    server: Running,
    admin: Client,
    name: str,
    *,
    blinding: str = "open",
    others: Mapping[str, np.ndarray] | None = None,
    scan: bytes | None = None,
) -> OneCase:
    """A project with one image for one new doctor, who has a password.

    others: readings [z, y, x] of it by expert, which also give its size. scan: another NIfTI file than the upright bright spot.
    """
    others = others or {}
    shape_zyx = next((labels.shape for labels in others.values()), SHAPE_ZYX)
    project = admin.post("/projects", {
        "name": f"project of {name}", "description": "", "labels": LABELS,
        "policy": {
            "blinding": blinding, "prefill": "never", "reads_per_image": 1 + len(others), "personalise": False
        },
    })  # fmt: skip
    zz, yy, xx = np.indices(shape_zyx, sparse=True)
    volume = (300 * np.exp(-((yy - 24) ** 2 + (xx - 24) ** 2) / 200.0) + 10 * zz).astype(np.int16)
    files = {"images/scan-of-somebody.nii": scan or nifti(volume, (1.0, 1.0, 2.0))}
    for expert_name, labels in others.items():
        files[f"segmentations/{expert_name}/scan-of-somebody.nii"] = nifti(labels, (1.0, 1.0, 2.0))
    admin.upload(project["id"], files, experts=bool(others))
    made = admin.post("/users", {"name": name, "display_name": f"Dr {name}", "role": "expert"})
    expert = admin.post("/experts", {"name": f"Dr {name}", "description": "", "user_id": made["user"]["id"]})
    admin.post(f"/projects/{project['id']}/members", {"user_id": made["user"]["id"], "role": "reader"})
    admin.post(f"/projects/{project['id']}/experts", {"expert_id": expert["id"], "assign": True})
    doctor = Client(server.url, origin=server.origin).redeem(made["link"]["url"])
    assignment = doctor.every("/assignments")[0]
    image = doctor.get(f"/images/{assignment['image_id']}")
    return OneCase(admin, doctor, name, assignment, image)


def sign_in(page: Page, url: str, name: str) -> None:
    """By name and password, on whatever page asks for them."""
    page.goto(f"{url}/login")
    page.get_by_role("textbox", name="Name").fill(name)
    page.locator("input[type=password]").fill(PASSWORD)
    page.locator("button[type=submit]").click()
    expect(page).to_have_url(re.compile(r"/$"), timeout=30_000)


def open_case(page: Page, url: str, case: OneCase) -> None:
    """The reading screen, ready to draw with a brush that marks one voxel; signs in again where the browser forgot."""
    page.goto(f"{url}/read/{case.assignment['id']}")
    asked = page.get_by_role("textbox", name="Name")
    expect(page.get_by_test_id("read-screen").or_(asked).first).to_be_visible(timeout=30_000)
    if asked.is_visible():
        sign_in(page, url, case.name)
        page.goto(f"{url}/read/{case.assignment['id']}")
    expect(page.get_by_test_id("submit")).to_be_enabled(timeout=30_000)
    page.get_by_label("Brush", exact=True).click()
    brush = page.get_by_test_id("brush-size")
    brush.fill("0.6")
    brush.press("Enter")
    brush.blur()


def predict(page: Page, case: OneCase) -> None:
    """The reading of the expert Exp1 comes to this browser as the prediction of the case."""
    readings = case.admin.get("/segmentations", image_id=case.image["id"], project_id=case.assignment["project_id"])
    revision = next(one["head_revision_id"] for one in readings["items"] if one["expert_name"] == "Exp1")

    def answer(route: Route) -> None:
        response = route.fetch()
        if response.headers.get("content-type") != "application/json":
            return route.fulfill(response=response)
        told = response.json()
        told["prediction"] = {"revision_id": revision, "style_label": "base 1"}
        return route.fulfill(response=response, body=json.dumps(told))

    page.route(f"**/assignments/{case.assignment['id']}", answer)
    page.route(f"**/assignments/{case.assignment['id']}/open", answer)


def dot(page: Page, number: int) -> None:
    """Stroke number n: one click, for each number at a place of its own in the large view."""
    box = page.get_by_test_id("view-axial").bounding_box()
    assert box is not None
    side = 0.8 * min(box["width"], box["height"])
    left, top = box["x"] + (box["width"] - side) / 2, box["y"] + (box["height"] - side) / 2
    row, column = divmod(number, GRID)
    assert row < GRID, "no more places for strokes"
    page.mouse.click(left + side * (column + 0.5) / GRID, top + side * (row + 0.5) / GRID)


def draw(page: Page, numbers: range) -> None:
    """These strokes, one after the other."""
    for number in numbers:
        dot(page, number)


def expect_depth(page: Page, steps: int) -> None:
    """How many steps the bottom bar offers to undo."""
    words = "1 step to undo" if steps == 1 else f"{steps} steps to undo"
    expect(page.get_by_text(words, exact=True)).to_be_visible(timeout=15_000)
