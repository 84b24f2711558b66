"""What several benchmarks need: a project with simulated experts on made-up images, drawn through the public contract."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import nibabel
import numpy as np

from tests.running import Client, Running

LABEL = {"value": 1, "name": "blob", "colour": "#e69f00"}


@dataclass(frozen=True)
class Workload:
    """A project ready to train: its admin, a doctor who has drawn nothing, images by name and the truth the doctor would draw."""

    admin: Client
    doctor: Client
    project_id: str
    expert_id: str
    images: dict[str, dict[str, Any]]
    truth: dict[str, np.ndarray]

    def never_predicted(self) -> Iterator[tuple[str, str]]:
        """(expert, image) pairs that nobody has asked a prediction for: the same style never draws one image twice."""
        panel = [e["id"] for e in self.admin.every("/experts") if e["name"].startswith("Expert")]
        for expert_id in panel:
            for image in self.images.values():
                yield expert_id, image["id"]


def nifti(array_zyx: np.ndarray, spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> bytes:
    """NIfTI bytes of an array [z, y, x]; spacing in (x, y, z) order, axes RAS."""
    image = nibabel.Nifti1Image(np.ascontiguousarray(array_zyx.T), np.diag([*spacing_mm, 1.0]))
    buffer = io.BytesIO()
    holder = nibabel.FileHolder(fileobj=buffer)
    image.to_file_map({"image": holder, "header": holder})
    return buffer.getvalue()


def blobs(cases: int, size: int, seed: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Images [size, size] int16 with one soft bright blob each, and its signed distance (negative inside, in voxels)."""
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[:size, :size] / size
    images, distances = {}, {}
    for case in range(cases):
        cy, cx = rng.uniform(0.4, 0.6, 2)
        angle = np.arctan2(yy - cy, xx - cx)
        radius = rng.uniform(0.15, 0.25) * (1 + 0.15 * np.sin(3 * angle + rng.uniform(0, 6)))
        distance = (np.hypot(yy - cy, xx - cx) - radius) * size
        image = (
            300 / (1 + np.exp(distance / 2)) + 80 * np.sin(9 * xx) * np.sin(7 * yy) + rng.normal(0, 25, distance.shape)
        )
        images[f"case{case:02d}"], distances[f"case{case:02d}"] = image.astype(np.int16), distance
    return images, distances


def prepare(server: Running, cases: int, size: int, drawn: int, seed: int = 7, depth: int = 1) -> Workload:
    """Import `cases` images, `drawn` of them outlined by five simulated experts (offsets -2 … 2 voxels), and add a new doctor (+3).

    depth: how many slices an image has, all of them the same; `truth` is of one.
    """
    admin = Client(server.url).redeem(str(server.link))
    project = admin.post("/projects", {
        "name": f"Benchmark {size}", "description": "simulated", "labels": [LABEL],
        "policy": {"blinding": "open", "prefill": "before", "reads_per_image": 6, "personalise": True},
    })  # fmt: skip
    images, distances = blobs(cases, size, seed)
    files = {f"images/{name}.nii": nifti(np.repeat(image[None], depth, 0)) for name, image in images.items()}
    for offset in range(-2, 3):
        for name in list(images)[:drawn]:
            drawn_by = (distances[name] < offset)[None].astype(np.uint8)
            files[f"segmentations/Expert{offset + 3}/{name}.nii"] = nifti(np.repeat(drawn_by, depth, 0))
    admin.upload(project["id"], files, experts=True)
    made = admin.post("/users", {"name": "doctor", "display_name": "Doctor", "role": "expert"})
    expert = admin.post("/experts", {"name": "Doctor", "description": "", "user_id": made["user"]["id"]})
    admin.post(f"/projects/{project['id']}/members", {"user_id": made["user"]["id"], "role": "reader"})
    admin.post(f"/projects/{project['id']}/experts", {"expert_id": expert["id"], "assign": True})
    found = {image["name"]: image for image in admin.every("/images", project_id=project["id"])}
    truth = {name: (distance < 3).astype(np.uint8) for name, distance in distances.items()}
    return Workload(admin, Client(server.url).redeem(made["link"]["url"]), project["id"], expert["id"], found, truth)
