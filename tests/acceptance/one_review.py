"""One image that two people have read differently, and the adjudicator who is to settle it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.workload import nifti
from tests.acceptance.one_case import LABELS, SHAPE_ZYX
from tests.running import Client, Running

EXPERTS = ("Anselm", "Brigitta")


@dataclass
class Review:
    """A blinded project of one image; `maps` are its readings [z, y, x]. secrets: what the judge may not be told of their readers."""

    project: str
    image: dict[str, int]
    maps: list[np.ndarray]
    secrets: list[str]
    judge: Client


def make_review(server: Running, admin: Client) -> Review:
    """Both drew the same organ; one of them a wedge beside it, the other a rim and a second structure."""
    policy = {"blinding": "until_settled", "prefill": "never", "reads_per_image": 2, "personalise": False}
    project = admin.post("/projects", {"name": "settling", "description": "", "labels": LABELS, "policy": policy})
    maps = [np.zeros(SHAPE_ZYX, np.uint8) for _ in EXPERTS]
    for labels in maps:
        labels[1:5, 10:20, 10:20] = 1
    maps[0][2:4, 12:18, 20:26] = 1
    maps[1][3, 34:38, 34:37] = 2
    maps[1][4, 20, 10:20] = 1
    add_readings(admin, project["id"], dict(zip(EXPERTS, maps, strict=True)))
    made = admin.post("/users", {"name": "judge", "display_name": "Dr judge", "role": "expert"})
    admin.post(f"/projects/{project['id']}/members", {"user_id": made["user"]["id"], "role": "adjudicator"})
    judge = Client(server.url).redeem(made["link"]["url"])
    (image,) = admin.every("/images", project_id=project["id"])
    ids = [one["expert_id"] for one in admin.get(f"/projects/{project['id']}/experts")["items"]]
    assert len(ids) == len(EXPERTS)
    return Review(project["id"], judge.get(f"/images/{image['id']}"), maps, [*EXPERTS, *ids], judge)


def add_readings(admin: Client, project: str, maps: Mapping[str, np.ndarray]) -> None:
    """Import the image, where it is not there yet, and these experts' label maps [z, y, x] of it."""
    zz, yy, xx = np.indices(SHAPE_ZYX, sparse=True)
    volume = (300 * np.exp(-((yy - 15) ** 2 + (xx - 18) ** 2) / 120.0) + 10 * zz).astype(np.int16)
    files = {"images/settled-case.nii": nifti(volume, (1.0, 1.0, 2.0))}
    for name, labels in maps.items():
        files[f"segmentations/{name}/settled-case.nii"] = nifti(labels, (1.0, 1.0, 2.0))
    admin.upload(project, files, experts=True)
