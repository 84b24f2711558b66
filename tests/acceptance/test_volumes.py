"""A 3D project from import to submission, through the REST contract only: `spatial_dims = 3` on hippocampus volumes.

Two simulated experts with plainly different hands have drawn; a new one, who draws generously, corrects five volumes and gets a
style of their own. Real anatomy (MSD hippocampus) where the pack is present, else ellipsoids of the same size.
"""

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import nibabel
import numpy as np
import pytest

from tests.conftest import ROOT
from tests.running import Client, Running, dice, eventually, running
from worker.learning.simulate import draw_labels, simulated_expert

TINY = {"spatial_dims": 3, "size": 32, "steps": 120, "batch": 4, "row_steps": 40}
VOLUMES, DRAWN, CORRECTED = 9, range(0, 6), range(0, 5)
NEW = 8  # the volume nobody has drawn on
HANDS = {"Tight": "tight", "Convex": "smooth-convex", "New": "generous"}


class Case(NamedTuple):
    """One volume: its NIfTI image, its affine, and the trusted outline [x, y, z]."""

    name: str
    voxels: np.ndarray
    affine: np.ndarray
    trusted: np.ndarray


def cases() -> list[Case]:
    """Hippocampus volumes, or ellipsoids in noise where the pack is absent."""
    folder = Path(os.environ.get("CONSILIUM_SHARED_DATA", ROOT.parent / "shared" / "data")) / "msd-hippocampus"
    if not folder.is_dir():
        return [ellipsoid(number) for number in range(VOLUMES)]
    found = []
    for file in sorted((folder / "images").iterdir())[:VOLUMES]:
        image, labels = nibabel.load(file), nibabel.load(folder / "labels" / file.name)
        voxels = np.asarray(image.dataobj).astype(np.float32)
        scaled = np.rint(voxels / voxels.max() * 1000).astype(np.int16)
        found.append(Case(file.name.partition(".")[0], scaled, image.affine, np.asarray(labels.dataobj) > 0))
    return found


def ellipsoid(number: int) -> Case:
    generator = np.random.default_rng(number)
    shape = (36, 50, 34)
    centre = np.array(shape) / 2 + generator.uniform(-3, 3, 3)
    x, y, z = np.indices(shape)
    radii = generator.uniform((5, 11, 5), (8, 15, 8))
    inside = sum(((axis - c) / r) ** 2 for axis, c, r in zip((x, y, z), centre, radii, strict=True)) <= 1
    voxels = np.rint(generator.normal(300, 30, shape) + 250 * inside).astype(np.int16)
    return Case(f"ellipsoid_{number:03d}", voxels, np.eye(4), inside)


def nifti(voxels: np.ndarray, affine: np.ndarray) -> bytes:
    return gzip.compress(nibabel.Nifti1Image(voxels, affine).to_bytes(), 1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("volumes") / "data"
    with running(folder, CONSILIUM_PERSONALISE_QUIET_SECONDS="1") as started:
        yield started


def test_a_3d_project_from_import_to_a_submitted_reading_in_ones_own_style(
    server: Running, tell: Callable[[str], None]
) -> None:
    admin = Client(server.url).redeem(str(server.link))
    policy = {"blinding": "open", "prefill": "before", "reads_per_image": 3, "personalise": True}
    labels = [{"value": 1, "name": "hippocampus", "colour": "#56b4e9"}]
    project = admin.post("/projects", {"name": "Volumes", "policy": policy, "labels": labels})["id"]
    volumes = cases()
    drawn = {
        hand: [draw_as(hand, archetype, case) for case in volumes] for hand, archetype in HANDS.items()
    }  # [x, y, z]
    files = {f"images/{case.name}.nii.gz": nifti(case.voxels, case.affine) for case in volumes}
    for hand in ("Tight", "Convex"):
        for i in DRAWN:
            path = f"segmentations/{hand}/{volumes[i].name}.nii.gz"
            files[path] = nifti(drawn[hand][i].astype(np.uint8), volumes[i].affine)
    imported = admin.upload(project, files, experts=True)["result"]
    assert imported["readings"] == 2 * len(DRAWN), imported
    images = {image["name"]: image for image in admin.every("/images", project_id=project)}
    assert all(image["nz"] > 1 for image in images.values())

    made = admin.post("/users", {"name": "new", "display_name": "New", "role": "expert"})
    expert = admin.post("/experts", {"name": "New", "description": "", "user_id": made["user"]["id"]})["id"]
    admin.post(f"/projects/{project}/experts", {"expert_id": expert, "assign": True})
    doctor = Client(server.url).redeem(made["link"]["url"])

    asked = {"kind": "pretrain", "project_id": project, "params": {"config": TINY}}
    trained = admin.wait_job(admin.post("/jobs", asked), seconds=300)
    (version,) = admin.get("/models", project_id=project)["items"]
    assert trained["result"]["live"] and version["state"] == "live"

    image, truth = images[volumes[NEW].name], to_grid(drawn["New"][NEW], volumes[NEW].affine)
    first = prediction(doctor, project, image, None)
    for i in CORRECTED:
        read(doctor, project, images[volumes[i].name], to_grid(drawn["New"][i], volumes[i].affine))
    job = eventually("the personalisation", lambda: ended(admin, project, expert), 240, 0.5)
    assert job["state"] == "done", job["error"]
    styles = admin.get("/styles", project_id=project, expert_id=expert)["items"]
    live = next(style for style in styles if style["is_live"])
    second = prediction(doctor, project, image, live["id"])

    score_first, score_second = dice(first, truth), dice(second, truth)
    tell(f"3D: first style {100 * score_first:.1f} → own style {100 * score_second:.1f} Dice; {job['result']}")
    assert job["result"]["live"], job["result"]
    assert score_second > score_first > 0.3
    read(doctor, project, image, truth)
    mine = next(a for a in doctor.every("/assignments", project_id=project) if a["image_id"] == image["id"])
    assert mine["state"] == "submitted"


def draw_as(hand: str, archetype: str, case: Case) -> np.ndarray:
    """A simulated expert's label map [x, y, z] of a case; the generator's axes are z, y, x."""
    truth_DHW = np.ascontiguousarray(case.trusted.T.astype(np.uint8))
    image_DHW = np.ascontiguousarray(case.voxels.T.astype(np.float32))
    expert = simulated_expert(hand, archetype)
    return draw_labels(truth_DHW, image_DHW, (1.0, 1.0, 1.0), expert, data_set="volumes", case=case.name).T


def to_grid(labels_xyz: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """A label map in the file's axes as [z, y, x] on the image's grid, which is the closest RAS order."""
    image = nibabel.as_closest_canonical(nibabel.Nifti1Image(labels_xyz.astype(np.uint8), affine))
    return np.ascontiguousarray(np.asarray(image.dataobj).T)


def read(doctor: Client, project: str, image: dict, labels_zyx: np.ndarray) -> None:
    """Open this doctor's assignment, draw the volume in one edit over whatever stands there, submit."""
    mine = next(a for a in doctor.every("/assignments", project_id=project) if a["image_id"] == image["id"])
    segmentation = doctor.post(f"/assignments/{mine['id']}/open")["segmentation_id"]
    doctor.draw(segmentation, np.zeros(labels_zyx.shape, np.uint8), labels_zyx)
    doctor.submit(segmentation)


def prediction(doctor: Client, project: str, image: dict, style_id: str | None) -> np.ndarray:
    """The label map [z, y, x] shown to this doctor on an image, once it is drawn in the style wanted (any if None)."""

    def shown() -> dict | None:
        mine = next(a for a in doctor.every("/assignments", project_id=project) if a["image_id"] == image["id"])
        found = mine["prediction"]
        return found if found and style_id in (None, found["style_id"]) else None

    found = eventually(f"a prediction in style {style_id}", shown, 120, 0.5)
    return doctor.labels(found["revision_id"], doctor.get(f"/images/{image['id']}"))


def ended(admin: Client, project: str, expert: str) -> dict | None:
    """This expert's personalise job once it has ended."""
    jobs = admin.get("/jobs", project_id=project, kind="personalise")["items"]
    return next((job for job in jobs if job["expert_id"] == expert and job["state"] in ("done", "failed")), None)
