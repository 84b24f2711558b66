"""Two real studies walked through by script with pictures: an abdomen CT with organs outlined, and a 120-slice DICOM MR.

`python -m benchmarks.walkthrough --pictures FOLDER [--small | --full]`: a doctor opens each from the worklist, looks in every plane, changes window,
draws with several tools, interpolates, measures, compares and undoes, in a real Chromium without WebGL. The pictures are for looking
at, never for the repository: the images' licences are not stated. Needs `volumes3d` and `dicom` of the shared data.
"""

import argparse
import gzip
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from playwright.sync_api import Page, expect, sync_playwright

from benchmarks.figures import ROOT, Figure, report, say
from benchmarks.reading_screen import open_read
from tests.acceptance.conftest import FLAGS, Complaints, chromium_path
from tests.acceptance.gestures import settle, undo_depth
from tests.acceptance.screens import wait_saved, welcome
from tests.running import Client, Running, running

DATA = Path(os.environ.get("CONSILIUM_SHARED_DATA", ROOT.parent / "shared" / "data"))
# TotalSegmentator's numbers of some organs, and ours.
ORGANS = {5: ("Liver", "#d55e00"), 1: ("Spleen", "#009e73"), 2: ("Right kidney", "#cc79a7"), 52: ("Aorta", "#e69f00")}
POLICY = {"blinding": "open", "prefill": "never", "reads_per_image": 2, "personalise": False}


def main() -> int:
    """Import, walk, print what was seen to go wrong and how long opening took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--pictures", type=Path, help="an existing folder for the pictures")
    chosen = parser.parse_args()
    if not (DATA / "volumes3d").is_dir():
        say(f"no volumes3d in {DATA}: name the shared data in CONSILIUM_SHARED_DATA")
        return 1
    complaints = Complaints()
    with (
        tempfile.TemporaryDirectory(prefix="consilium-walk-", ignore_cleanup_errors=True) as folder,
        running(Path(folder) / "data") as server,
        sync_playwright() as playwright,
    ):
        admin = Client(server.url).redeem(str(server.link))
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        figures = []
        for name, prepare in (("abdomen CT", prepare_ct), ("120-slice MR", prepare_mr)):
            link = prepare(admin)
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            complaints.listen(page)
            album = Album(page, chosen.pictures, name.replace(" ", "-"))
            figures += walk(server, page, link, name, album)
            page.close()
        browser.close()
    for complaint in (*complaints.errors, *complaints.violations, *complaints.foreign):
        say(complaint)
    wrong = len(complaints.errors) + len(complaints.violations) + len(complaints.foreign)
    return report(
        "walkthrough", [*figures, Figure("page errors, policy violations, foreign requests", wrong, "times", 0)]
    )


class Album:
    """Numbered pictures of a page in a folder; none where no folder was named."""

    def __init__(self, page: Page, folder: Path | None, name: str) -> None:
        self.page, self.folder, self.name, self.count = page, folder, name, 0

    def take(self, what: str) -> None:
        """One picture, once everything asked for is on the screen."""
        settle(self.page)
        self.count += 1
        if self.folder is not None:
            self.page.screenshot(path=str(self.folder / f"{self.name}-{self.count:02d}-{what}.png"))


def walk(server: Running, page: Page, link: str, name: str, album: Album) -> list[Figure]:
    """A doctor's way through one study."""
    welcome(page, link)
    page.goto(server.url)
    first_s, whole_s = open_read(page)
    expect(page.get_by_test_id("submit")).to_be_enabled(timeout=60_000)
    page.wait_for_timeout(1000)  # outlines come in after the image
    album.take("opened")
    box = page.get_by_test_id("view-axial").bounding_box()
    assert box is not None

    def at(across: float, down: float) -> tuple[float, float]:
        return box["x"] + box["width"] * across, box["y"] + box["height"] * down

    page.mouse.move(*at(0.42, 0.4))
    for n in (2, 4):
        page.keyboard.press(f"Shift+{n}")
        album.take(f"window-{n}")
    page.keyboard.press("Shift+1")
    page.keyboard.press("c")  # with a brush in hand two clicks are two dabs
    for plane in ("coronal", "sagittal", "axial"):
        page.get_by_test_id(f"view-{plane}").dblclick(position={"x": 40, "y": 120})
        album.take(f"large-{plane}")
    page.mouse.move(*at(0.42, 0.4))
    page.keyboard.press("1")
    page.keyboard.press("b")
    stroke(page, at(0.36, 0.36), at(0.46, 0.42))
    page.keyboard.press("p")
    for corner in ((0.3, 0.5), (0.42, 0.48), (0.44, 0.6), (0.33, 0.62)):
        page.mouse.click(*at(*corner))
    album.take("polygon-open")
    page.keyboard.press("Enter")
    for _ in range(4):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("p")
    for corner in ((0.32, 0.5), (0.4, 0.49), (0.42, 0.58), (0.35, 0.6)):
        page.mouse.click(*at(*corner))
    page.keyboard.press("Enter")
    page.keyboard.press("n")
    page.keyboard.press("ArrowDown")
    album.take("interpolation-preview")
    page.keyboard.press("Enter")
    page.keyboard.press("t")
    stroke(page, at(0.55, 0.4), at(0.62, 0.5))
    album.take("threshold-paint")
    page.keyboard.press("y")
    stroke(page, at(0.3, 0.3), at(0.6, 0.3))
    album.take("ruler")
    page.keyboard.press("g")
    album.take("experts-toggled")
    page.keyboard.press("g")
    page.keyboard.press("Shift+U")
    album.take("disagreement")
    page.keyboard.press("Shift+U")
    wait_saved(page)
    depth = undo_depth(page)
    for _ in range(depth):
        page.keyboard.press("Control+Z")
    wait_saved(page)
    album.take("all-undone")
    page.get_by_label("About this image").first.click()
    page.wait_for_timeout(400)
    album.take("about")
    return [
        Figure(f"{name}: first slice", round(first_s, 2), "s", 1.5),
        Figure(f"{name}: whole volume", round(whole_s, 2), "s", 3.0),
        Figure(f"{name}: gestures drawn and undone", depth, "steps", 4, "at least"),
        Figure(f"{name}: left after undoing all", undo_depth(page), "steps", 0),
    ]


def stroke(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """One drag in ten moves."""
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=10)
    page.mouse.up()


def prepare_ct(admin: Client) -> str:
    """The abdomen with two readings of four organs: TotalSegmentator's, and the same eroded, so that they disagree."""
    image = DATA / "volumes3d" / "ts_abdomen_ct_image.nii.gz"
    found = nibabel.load(DATA / "volumes3d" / "ts_abdomen_ct_label.nii.gz")
    labels_xyz = np.asanyarray(found.dataobj)
    ours_xyz = np.zeros(labels_xyz.shape, np.uint8)
    for value, theirs in enumerate(ORGANS, start=1):
        ours_xyz[labels_xyz == theirs] = value
    moved_xyz = np.roll(ours_xyz, (1, 1, 0), (0, 1, 2))
    named = [{"value": n, "name": name, "colour": colour} for n, (name, colour) in enumerate(ORGANS.values(), 1)]
    project = admin.post("/projects", {"name": "Abdomen", "description": "", "labels": named, "policy": POLICY})
    files = {"images/abdomen.nii.gz": image.read_bytes()}
    for expert, map_xyz in (("Total", ours_xyz), ("Shifted", moved_xyz)):
        made = nibabel.Nifti1Image(map_xyz, found.affine)
        files[f"segmentations/{expert}/abdomen.nii.gz"] = gzip.compress(made.to_bytes())
    admin.upload(project["id"], files, experts=True)
    return invite(admin, project, "ct-doctor")


def prepare_mr(admin: Client) -> str:
    """The DICOM series as a scanner sends it."""
    named = [
        {"value": 1, "name": "Schwannoma", "colour": "#e69f00"},
        {"value": 2, "name": "Cochlea", "colour": "#56b4e9"},
    ]
    project = admin.post("/projects", {"name": "Skull base", "description": "", "labels": named, "policy": POLICY})
    series = sorted((DATA / "dicom" / "series" / "vs-seg-001_t1_jpegls").glob("*.dcm"))
    began = time.monotonic()
    admin.upload(project["id"], {path.name: path.read_bytes() for path in series})
    say(f"{len(series)} DICOM files imported in {time.monotonic() - began:.1f} s")
    return invite(admin, project, "mr-doctor")


def invite(admin: Client, project: dict[str, Any], name: str) -> str:
    """A reader of every image of the project; their one-time link."""
    made = admin.post("/users", {"name": name, "display_name": name, "role": "expert"})
    expert = admin.post("/experts", {"name": name, "description": "", "user_id": made["user"]["id"]})
    admin.post(f"/projects/{project['id']}/members", {"user_id": made["user"]["id"], "role": "reader"})
    admin.post(f"/projects/{project['id']}/experts", {"expert_id": expert["id"], "assign": True})
    return str(made["link"]["url"])


if __name__ == "__main__":
    raise SystemExit(main())
