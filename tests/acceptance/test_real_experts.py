"""The main loop on real experts, through the REST contract only: QUBIQ brain growth, seven people, the same images.

Exp1–Exp5 are imported and pretrained on; Exp6 and Exp7 sign in as new doctors, submit five cases each, and the gate decides which
style is theirs. Scored on cases nobody's reading of which any network has seen. On one machine every run gives the same numbers
(tests/integration/test_repeatable.py): eight cases cannot tell chance from skill, but a change of these numbers has a cause.
"""

import io
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from tests.conftest import shared_data
from tests.running import Client, Running, dice, eventually, running

TRAIN, UNSEEN = range(0, 20), range(20, 28)
CORRECTED = [0, 4, 8, 12, 16]
PRETRAINING = ("Exp1", "Exp2", "Exp3", "Exp4", "Exp5")


def nifti(array_yx: np.ndarray) -> bytes:
    """One 2D slice as NIfTI bytes, x first; 1 mm stands for 'spacing unknown' of the pack."""
    image = nibabel.Nifti1Image(np.ascontiguousarray(array_yx.T[..., None]), np.eye(4))
    buffer = io.BytesIO()
    image.to_file_map({"image": nibabel.FileHolder(fileobj=buffer), "header": nibabel.FileHolder(fileobj=buffer)})
    return buffer.getvalue()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    shared_data("qubiq-brain-growth")
    with running(tmp_path_factory.mktemp("qubiq") / "data", CONSILIUM_PERSONALISE_QUIET_SECONDS="1") as started:
        yield started


def new_doctor(admin: Client, url: str, project_id: str, name: str) -> tuple[Client, str]:
    """A user, linked to an expert of that name, with every image of the project to read; signed in by one-time link."""
    made = admin.post("/users", {"name": name.lower(), "display_name": name, "role": "expert"})
    expert = admin.post("/experts", {"name": name, "description": "", "user_id": made["user"]["id"]})
    admin.post(f"/projects/{project_id}/members", {"user_id": made["user"]["id"], "role": "reader"})
    admin.post(f"/projects/{project_id}/experts", {"expert_id": expert["id"], "assign": True})
    return Client(url).redeem(made["link"]["url"]), expert["id"]


def test_new_experts_get_predictions_nearer_to_their_own_hand(server: Running, tell: Callable[[str], None]) -> None:
    pack = np.load(Path(shared_data("qubiq-brain-growth")) / "cases.npz")
    raters, cases = list(pack["rater_ids"]), list(pack["case_ids"])
    admin = Client(server.url).redeem(str(server.link))
    project = admin.post("/projects", {
        "name": "Brain growth", "description": "QUBIQ", "labels": [{"value": 1, "name": "brain", "colour": "#e69f00"}],
        "policy": {"blinding": "open", "prefill": "before", "reads_per_image": 7, "personalise": True},
    })  # fmt: skip
    files = {f"images/{case}.nii.gz": nifti(pack["images"][i]) for i, case in enumerate(cases)}
    files = {name.replace(".gz", ""): content for name, content in files.items()}
    for i in TRAIN:
        for rater in PRETRAINING:
            files[f"segmentations/{rater}/{cases[i]}.nii"] = nifti(pack["masks"][i, raters.index(rater)])
    imported = admin.upload(project["id"], files, experts=True)
    assert imported["result"]["readings"] == len(TRAIN) * len(PRETRAINING), imported["result"]
    images = {image["name"]: image for image in admin.every("/images", project_id=project["id"])}

    doctors = {name: new_doctor(admin, server.url, project["id"], name) for name in ("Exp6", "Exp7")}
    admin.wait_job(admin.post("/jobs", {"kind": "pretrain", "project_id": project["id"], "params": {}}), seconds=900)

    rows = []
    for name, (doctor, expert_id) in doctors.items():
        truth = {case: pack["masks"][i, raters.index(name)] for i, case in enumerate(cases)}
        first = score(doctor, project["id"], expert_id, images, truth, cases, style_after=None)
        for i in CORRECTED:
            read(doctor, project["id"], images[cases[i]], truth[cases[i]])
        job = eventually(
            "the automatic personalisation", lambda: personalisation(admin, project["id"], expert_id), 600, 0.5
        )
        live = live_style(admin, project["id"], expert_id)
        own = score(doctor, project["id"], expert_id, images, truth, cases, style_after=live)
        rows.append((name, first, own, job["result"]))
    for name, first, own, result in rows:
        scores = f"first style {100 * first:.1f} → live style {100 * own:.1f} Dice on {len(UNSEEN)} unseen cases"
        tell(f"{name}: {scores}; {result}")

    for name, first, _own, result in rows:
        assert first > 0.78, f"{name}: the shared network has not learnt the task"
        assert result["gate"]["reason"], f"{name}: the gate's verdict has no reason"
    assert {name: own > first for name, first, own, _ in rows}["Exp7"], (
        "the outlier's own style must beat the style everybody starts with"
    )
    assert all(own >= first - 0.005 for _, first, own, _ in rows), (
        "a style that went live must not be worse than the first one"
    )


def read(doctor: Client, project_id: str, image: dict, mask_yx: np.ndarray) -> None:
    """Open this doctor's assignment for the image, draw the mask in one gesture, submit."""
    mine = next(a for a in doctor.every("/assignments", project_id=project_id) if a["image_id"] == image["id"])
    opened = doctor.post(f"/assignments/{mine['id']}/open")
    doctor.draw(opened["segmentation_id"], np.zeros(mask_yx.shape, np.uint8), mask_yx.astype(np.uint8))
    doctor.submit(opened["segmentation_id"])


def personalisation(admin: Client, project_id: str, expert_id: str) -> dict | None:
    """This expert's finished personalise job, if there is one; a failed one fails the test with its error."""
    for job in admin.get("/jobs", project_id=project_id, kind="personalise")["items"]:
        if job["expert_id"] == expert_id and job["state"] in ("done", "failed"):
            assert job["state"] == "done", job["error"]
            return job
    return None


def live_style(admin: Client, project_id: str, expert_id: str) -> str:
    styles = admin.get("/styles", project_id=project_id, expert_id=expert_id)["items"]
    return next(style["id"] for style in styles if style["is_live"])


def score(
    doctor: Client,
    project_id: str,
    expert_id: str,
    images: dict,
    truth: dict,
    cases: list[str],
    style_after: str | None,
) -> float:
    """Mean Dice on the unseen cases of the predictions shown to this doctor, once they are in the style wanted (any if None)."""

    def predictions() -> dict | None:
        shown = {a["image_id"]: a["prediction"] for a in doctor.every("/assignments", project_id=project_id)}
        wanted = {cases[i]: shown.get(images[cases[i]]["id"]) for i in UNSEEN}
        ready = all(p and (style_after is None or p["style_id"] == style_after) for p in wanted.values())
        return wanted if ready else None

    found = eventually(f"predictions for expert {expert_id}", predictions, 240, 0.5)
    details = {case: doctor.get(f"/images/{images[case]['id']}") for case in found}
    return float(
        np.mean([dice(doctor.labels(p["revision_id"], details[case])[0], truth[case]) for case, p in found.items()])
    )
