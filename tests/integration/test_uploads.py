"""What happens to an upload beside its import: it is looked at before anything is kept, and what is left behind is swept."""

import os
import time
from uuid import UUID

import nibabel as nib
import numpy as np
from sqlalchemy import text

from backend.interop import imports
from backend.projects import rules as projects
from tests.factories import affine, nifti_bytes, volume
from tests.hospital import API, Hospital
from tests.integration.test_imports import gateway_of, run_waiting_import


def test_an_upload_is_looked_at_before_anything_of_it_is_kept(hospital: Hospital) -> None:
    project = hospital.project(labels=1)
    tilted = volume("tilted", (6, 8, 10), affine((0.7, 0.8, 2.5)) @ np.diag([-1.0, -1.0, -1.0, 1.0]))  # LPI
    files = {
        "images/tilted.nii.gz": tilted.nifti(),
        "images/broken.nii.gz": b"no volume",
        "segmentations/Exp1/tilted.nii.gz": nifti_bytes(np.ones((6, 8, 10), np.uint8), tilted.affine_ras),
        "segmentations/Exp2/tilted.nii.gz": nifti_bytes(np.ones((6, 8, 9), np.uint8), tilted.affine_ras),
    }
    admin = hospital.admin
    import_id = admin.post("/imports", {"project_id": project, "experts": True}).json()["id"]
    for path, content in files.items():
        admin.browser.put(f"{API}/imports/{import_id}/files", params={"path": path}, content=content)

    job = admin.post(f"/imports/{import_id}/inspection").json()
    run_waiting_import(hospital)
    report = admin.get(f"/jobs/{job['id']}").json()["result"]

    assert [(one["name"], one["dims"], one["spacing_mm"]) for one in report["images"]] == [
        ("tilted", [10, 8, 6], [0.7, 0.8, 2.5])
    ]
    of_file = "".join(nib.aff2axcodes(tilted.affine_ras))
    assert (report["images"][0]["axes"], report["images"][0]["file_axes"]) == ("RAS", of_file)
    assert report["readings"] == {"Exp1": 1}
    verdicts = {one["file"]: one["code"] for one in report["verdicts"]}
    assert verdicts["segmentations/Exp2/tilted.nii.gz"] == "grid_mismatch"
    assert {one["status"] for one in report["verdicts"]} == {"accepted", "refused"}
    assert admin.get("/images", project_id=project).json()["items"] == []
    admin.post(f"/imports/{import_id}/commit")
    run_waiting_import(hospital)
    assert len(admin.get("/images", project_id=project).json()["items"]) == 1
    assert admin.post(f"/imports/{import_id}/inspection").status_code == 409


def test_an_upload_that_waits_to_be_looked_at_is_queued_once(hospital: Hospital) -> None:
    admin, project = hospital.admin, hospital.project(labels=1)
    imports_of = [admin.post("/imports", {"project_id": project, "experts": False}).json()["id"] for _ in range(2)]
    for import_id in imports_of:
        admin.browser.put(f"{API}/imports/{import_id}/files", params={"path": "a.nii"}, content=b"x")

    first, again = (admin.post(f"/imports/{imports_of[0]}/inspection").json()["id"] for _ in range(2))
    other = admin.post(f"/imports/{imports_of[1]}/inspection").json()["id"]

    assert first == again != other
    run_waiting_import(hospital)
    run_waiting_import(hospital)
    assert admin.post(f"/imports/{imports_of[0]}/inspection").json()["id"] not in (first, other)


def test_what_a_failed_import_left_is_swept_a_week_after_its_end(hospital: Hospital) -> None:
    gateway, project = gateway_of(hospital), hospital.project()
    ended, waiting, opened = (
        hospital.admin.post("/imports", {"project_id": project, "experts": False}).json()["id"] for _ in range(3)
    )
    folders = [projects.quarantine(gateway.settings, UUID(one)) for one in (ended, waiting, opened)]
    for import_id, folder in zip((ended, waiting, opened), folders, strict=True):
        path = f"{API}/imports/{import_id}/files"
        hospital.admin.browser.put(path, params={"path": "a.nii"}, content=b"x").raise_for_status()
        os.utime(folder, (time.time() - 8 * 86400,) * 2)
    for import_id in (ended, waiting):
        hospital.admin.post(f"/imports/{import_id}/commit")
    with gateway.database.write() as db:
        db.execute(text("UPDATE jobs SET state = 'failed' WHERE id = :id"), {"id": ended})

    assert imports.sweep_quarantine(gateway.database, gateway.settings) == 1

    assert [folder.exists() for folder in folders] == [False, True, True]
