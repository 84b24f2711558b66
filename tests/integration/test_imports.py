"""Imports end to end below the worker: a verdict for every file, nothing half stored, readings on exactly the right grid."""

import io
import time
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import nibabel
import numpy as np
import pydicom
import pytest
from sqlalchemy import func, select, text

from backend.audit import AuditRow, verify
from backend.blobs import Blobs
from backend.database import Database
from backend.interop import imports, inspection
from backend.jobs import rules as jobs
from backend.projects import rules as projects
from backend.settings import Settings
from backend.studies.store import Image, Patient, PatientIdentity, Study
from tests.factories import Volume, data_set_folder, dicom_bytes, dicom_series, nifti_bytes, odd_spacing, volume
from tests.hospital import API, Hospital, Person, pages


@dataclass(frozen=True)
class Gateway:
    """What a worker would hold open, on the test's own application."""

    database: Database
    blobs: Blobs
    settings: Settings


def gateway_of(hospital: Hospital) -> Gateway:
    state = hospital.app.state
    return Gateway(state.database, state.blobs, state.settings)


def run_waiting_import(hospital: Hospital) -> None:
    """Do what the interactive worker does when the bell rings."""
    gateway = gateway_of(hospital)
    with gateway.database.write() as db:
        job = jobs.claim(db, "interactive", "test", 30)
    assert job is not None
    assert job.kind == "import"
    (inspection.run_inspection if "inspect" in job.params else imports.run_import)(gateway, job)


def send(hospital: Hospital, project: str, files: dict[str, bytes], *, experts: bool = False) -> dict[str, Any]:
    """Upload files one by one, commit, run the job; returns its result."""
    admin = hospital.admin
    begun = admin.post("/imports", {"project_id": project, "experts": experts})
    assert begun.status_code == 201, begun.text
    import_id = begun.json()["id"]
    for path, content in files.items():
        answer = admin.browser.put(f"{API}/imports/{import_id}/files", params={"path": path}, content=content)
        assert answer.status_code == 200, answer.text
    committed = admin.post(f"/imports/{import_id}/commit")
    assert committed.status_code == 202, committed.text
    run_waiting_import(hospital)
    job = admin.get(f"/jobs/{import_id}").json()
    assert job["state"] == "done", job
    result: dict[str, Any] = job["result"]
    return result


def by_file(result: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {one["file"]: (one["status"], one["code"]) for one in result["verdicts"]}


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.gz"))}


def stored(hospital: Hospital) -> dict[str, int]:
    """How many rows and blobs there are."""
    with hospital.app.state.database.read() as db:
        rows = {
            table.__tablename__: db.scalar(select(func.count()).select_from(table)) or 0
            for table in (Image, Study, Patient)
        }
    return {**rows, "blobs": len(list(hospital.app.state.blobs.names()))}


def test_a_data_set_folder_becomes_images_experts_and_submitted_readings(hospital: Hospital, tmp_path: Path) -> None:
    cases = [volume(f"case{n}", (4, 12, 10), odd_spacing().affine_ras, seed=n) for n in range(3)]
    folder = data_set_folder(tmp_path / "set", cases, ["Exp1", "Exp2"])
    project = hospital.project(labels=0, blinding="open")

    result = send(hospital, project, files_of(folder), experts=True)

    assert (len(result["images"]), result["experts"], result["readings"]) == (3, ["Exp1", "Exp2"], 6)
    assert set(Counter(by_file(result).values())) <= {("accepted", "accepted"), ("warning", "warning")}
    shown = hospital.admin.get(f"/projects/{project}").json()
    assert [label["value"] for label in shown["labels"]] == [1]
    assert shown["counts"] == {"images": 3, "assignments": 6, "submitted": 6}


def test_an_imported_reading_is_the_experts_file_voxel_for_voxel(hospital: Hospital, tmp_path: Path) -> None:
    case = volume("case", (4, 12, 10), affine_ras=odd_spacing().affine_ras)
    folder = data_set_folder(tmp_path / "set", [case], ["Exp1", "Exp2"])
    project = hospital.project(labels=0, blinding="open")
    send(hospital, project, files_of(folder), experts=True)

    items = hospital.admin.get("/segmentations", project_id=project).json()["items"]

    for item in items:
        answer = hospital.admin.get(f"/revisions/{item['head_revision_id']}/file", format="nifti")
        copy = tmp_path / "copy.nii.gz"
        copy.write_bytes(answer.content)
        sent = nibabel.load(folder / "segmentations" / item["expert_name"] / "case.nii.gz")
        kept = nibabel.load(copy)
        assert np.array_equal(np.asarray(sent.dataobj), np.asarray(kept.dataobj))
        assert np.allclose(sent.affine, kept.affine, atol=1e-4)
    assert len(items) == 2


def test_one_bad_file_spoils_no_other(hospital: Hospital, tmp_path: Path) -> None:
    folder = data_set_folder(tmp_path / "set", [volume("good", (2, 8, 8)), volume("bad", (2, 8, 8), seed=2)], ["Exp1"])
    files = files_of(folder)
    files["images/bad.nii.gz"] = files["images/bad.nii.gz"][:-40]
    files["notes.txt"] = b"not an image"
    project = hospital.project(labels=0)

    result = send(hospital, project, files, experts=True)

    verdicts = by_file(result)
    assert verdicts["images/good.nii.gz"][0] == "accepted"
    assert verdicts["segmentations/Exp1/good.nii.gz"][0] == "accepted"
    assert verdicts["images/bad.nii.gz"][0] == "refused"
    assert verdicts["segmentations/Exp1/bad.nii.gz"] == ("refused", "no_image")
    assert verdicts["notes.txt"][0] == "refused"
    assert (len(result["images"]), result["readings"]) == (1, 1)
    assert stored(hospital)["images"] == 1


def test_nothing_of_a_refused_file_is_stored(hospital: Hospital) -> None:
    project = hospital.project()
    before = stored(hospital)

    send(hospital, project, {"a.nii.gz": b"\x1f\x8b broken", "b.png": b"\x89PNG broken"})

    assert stored(hospital) == before
    assert not any((hospital.app.state.settings.work_folder / "quarantine").iterdir())


def test_a_reading_on_another_grid_is_refused_with_the_difference(hospital: Hospital, tmp_path: Path) -> None:
    case = volume("case", (4, 12, 10))
    shifted = case.affine_ras.copy()
    shifted[0, 3] += 5
    files = {
        "images/case.nii.gz": case.nifti(),
        "segmentations/Exp1/case.nii.gz": nifti_bytes(case.labels_zyx, shifted),
        "segmentations/Exp2/case.nii.gz": nifti_bytes(case.labels_zyx[:3], case.affine_ras),
    }
    project = hospital.project(labels=1)

    result = send(hospital, project, files, experts=True)

    verdicts = {one["file"]: one for one in result["verdicts"]}
    assert verdicts["segmentations/Exp1/case.nii.gz"]["code"] == "grid_mismatch"
    assert "5.00" in verdicts["segmentations/Exp1/case.nii.gz"]["message"]
    assert "10x12x3" in verdicts["segmentations/Exp2/case.nii.gz"]["message"]
    assert (len(result["images"]), result["readings"]) == (1, 0)


def test_a_value_outside_the_label_set_is_refused_by_name(hospital: Hospital) -> None:
    case = volume("case", (2, 8, 8))
    labels = case.labels_zyx.copy()
    labels[0, 0, 0] = 9
    files = {
        "images/case.nii.gz": case.nifti(),
        "segmentations/Exp1/case.nii.gz": nifti_bytes(labels, case.affine_ras),
    }
    project = hospital.project(labels=2)

    result = send(hospital, project, files, experts=True)

    refused = next(one for one in result["verdicts"] if one["status"] == "refused")
    assert (refused["code"], "9" in refused["message"]) == ("unknown-label", True)
    assert [label["value"] for label in hospital.admin.get(f"/projects/{project}").json()["labels"]] == [1, 2]


def test_the_same_files_again_are_duplicates(hospital: Hospital, tmp_path: Path) -> None:
    folder = data_set_folder(tmp_path / "set", [volume("case", (2, 8, 8))], ["Exp1"])
    project = hospital.project(labels=0)
    first = send(hospital, project, files_of(folder), experts=True)
    before = stored(hospital)

    again = send(hospital, project, files_of(folder), experts=True)

    assert {status for status, _ in by_file(again).values()} == {"duplicate"}
    assert again["images"] == first["images"]
    assert again["readings"] == 0
    assert stored(hospital) == before


def test_an_expert_who_left_is_no_second_one_when_their_files_come_again(hospital: Hospital, tmp_path: Path) -> None:
    folder = data_set_folder(tmp_path / "set", [volume("case", (2, 8, 8))], ["Exp1"])
    project = hospital.project(labels=0)
    send(hospital, project, files_of(folder), experts=True)
    (expert,) = hospital.admin.get(f"/projects/{project}/experts").json()["items"]
    hospital.admin.call("DELETE", f"/projects/{project}/experts/{expert['expert_id']}")

    again = send(hospital, project, files_of(folder), experts=True)

    assert {status for status, _ in by_file(again).values()} == {"duplicate"}
    assert (again["readings"], hospital.admin.get(f"/projects/{project}/experts").json()["items"]) == (0, [])


def test_readings_sent_later_find_their_image(hospital: Hospital, tmp_path: Path) -> None:
    files = files_of(data_set_folder(tmp_path / "set", [volume("case", (2, 8, 8))], ["Exp1"]))
    project = hospital.project(labels=1)
    send(hospital, project, {"images/case.nii.gz": files["images/case.nii.gz"]})

    result = send(
        hospital, project, {"segmentations/Exp1/case.nii.gz": files["segmentations/Exp1/case.nii.gz"]}, experts=True
    )

    assert result["readings"] == 1


def test_another_reading_of_an_expert_who_has_one_is_a_conflict(hospital: Hospital) -> None:
    case = volume("case", (2, 8, 8))
    reading = {"segmentations/Exp1/case.nii.gz": nifti_bytes(case.labels_zyx, case.affine_ras)}
    other = {"segmentations/Exp1/case.nii.gz": nifti_bytes(case.labels_zyx * 0, case.affine_ras)}
    project = hospital.project(labels=1)
    send(hospital, project, {"images/case.nii.gz": case.nifti(), **reading}, experts=True)

    result = send(hospital, project, other, experts=True)

    assert list(by_file(result).values()) == [("refused", "reading_conflict")]


def test_nobody_imports_a_reading_in_the_name_of_a_doctor_with_an_account(hospital: Hospital) -> None:
    case = volume("case", (2, 8, 8))
    project = hospital.project(labels=1)
    hospital.reader(project)
    name = hospital.admin.get(f"/projects/{project}/experts").json()["items"][0]["name"]
    forged = nifti_bytes(case.labels_zyx, case.affine_ras)

    result = send(
        hospital,
        project,
        {"images/case.nii.gz": case.nifti(), f"segmentations/{name}/case.nii.gz": forged},
        experts=True,
    )

    assert by_file(result)[f"segmentations/{name}/case.nii.gz"] == ("refused", "not_their_reading")
    assert (len(result["images"]), result["readings"]) == (1, 0)


def test_without_experts_label_maps_are_named_and_left_out(hospital: Hospital, tmp_path: Path) -> None:
    files = files_of(data_set_folder(tmp_path / "set", [volume("case", (2, 8, 8))], ["Exp1"]))
    project = hospital.project(labels=1)

    result = send(hospital, project, files)

    assert by_file(result)["segmentations/Exp1/case.nii.gz"] == ("refused", "label_map")
    assert (len(result["images"]), result["readings"]) == (1, 0)


def test_a_zip_of_a_data_set_is_the_data_set(hospital: Hospital, tmp_path: Path) -> None:
    folder = data_set_folder(tmp_path / "set", [volume("case", (2, 8, 8))], ["Exp1", "Exp2"])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files_of(folder).items():
            archive.writestr(f"set/{name}", content)
    project = hospital.project(labels=0)

    result = send(hospital, project, {"set.zip": packed.getvalue()}, experts=True)

    assert (len(result["images"]), result["readings"]) == (1, 2)


def test_a_dicom_series_keeps_its_patient_apart_under_a_pseudonym(hospital: Hospital) -> None:
    project = hospital.project()

    result = send(hospital, project, dicom_series(volume("ct", (3, 8, 8)), series=4711, patient="DOE^JANE"))

    assert len(result["images"]) == 1, result
    image = hospital.admin.get(f"/images/{result['images'][0]['id']}").json()
    assert image["patient_pseudonym"].startswith("P-")
    studies = hospital.admin.get("/studies").text
    assert "DOE" not in studies + str(result) + str(image)
    assert "P-4711" not in studies + str(result) + str(image)
    with hospital.app.state.database.read() as db:
        assert db.scalars(select(PatientIdentity.hospital_id)).all() == ["P-4711"]


def test_the_same_series_again_is_a_duplicate_and_changed_bytes_are_a_conflict(hospital: Hospital) -> None:
    files = dicom_series(volume("ct", (3, 8, 8)))
    project = hospital.project()
    send(hospital, project, files)
    name = next(iter(files))
    other_bytes = pydicom.dcmread(io.BytesIO(files[name]))
    other_bytes.PatientComments = "changed"
    changed = {**files, name: dicom_bytes(other_bytes)}

    again, other = send(hospital, project, files), send(hospital, project, changed)

    assert set(by_file(again).values()) == {("duplicate", "duplicate")}
    assert set(by_file(other).values()) == {("refused", "identity_conflict")}
    assert stored(hospital)["images"] == 1


def test_a_series_of_another_project_is_attached_not_copied(hospital: Hospital) -> None:
    files = dicom_series(volume("ct", (3, 8, 8)))
    first = send(hospital, hospital.project(), files)

    second = send(hospital, hospital.project(), files)

    assert second["images"] == first["images"]
    assert {status for status, _ in by_file(second).values()} <= {"accepted", "warning"}


def test_imported_images_are_assigned_to_the_projects_readers(hospital: Hospital) -> None:
    project = hospital.project()
    reader = hospital.reader(project)

    send(hospital, project, {"case.nii.gz": volume("case", (2, 8, 8)).nifti()})

    assert [one["image_name"] for one in reader.get("/assignments").json()["items"]] == ["case"]


def test_the_pixels_served_are_the_pixels_sent(hospital: Hospital) -> None:
    case = odd_spacing()
    project = hospital.project()
    image_id = send(hospital, project, {"case.nii.gz": case.nifti()})["images"][0]["id"]
    image = hospital.admin.get(f"/images/{image_id}").json()

    slabs = []
    for k in range(image["slab_count"]):
        answer = hospital.admin.get(f"/images/{image_id}/slabs/{k}", v=image["sha256"])
        assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
        assert answer.headers["content-encoding"] == "gzip"
        planes = np.frombuffer(answer.content, np.uint8).reshape(2, -1).astype(np.uint16)
        slabs.append((planes[0] | planes[1] << 8).view(np.int16))
    values = np.concatenate(slabs).reshape(image["nz"], image["ny"], image["nx"])

    shown = values * image["slope"] + image["intercept"]
    sent = nibabel.as_closest_canonical(nibabel.Nifti1Image(case.image_zyx.T, case.affine_ras))
    assert np.allclose(shown, np.asarray(sent.dataobj).T)


def test_a_client_without_gzip_gets_the_slab_inflated(hospital: Hospital) -> None:
    project = hospital.project()
    (image_id,) = hospital.images(project)
    v = hospital.admin.get(f"/images/{image_id}").json()["sha256"]
    path = f"{API}/images/{image_id}/slabs/0?v={v}"

    packed = hospital.admin.browser.get(path, headers={"Accept-Encoding": "gzip"})
    plain = hospital.admin.browser.get(path, headers={"Accept-Encoding": "identity"})

    assert "content-encoding" not in plain.headers
    assert plain.content == packed.content
    assert len(plain.content) == 3 * 8 * 10 * 2


def test_a_thumbnail_is_a_small_png(hospital: Hospital) -> None:
    project = hospital.project()
    (image_id,) = hospital.images(project, shape_zyx=(1, 300, 200))
    v = hospital.admin.get(f"/images/{image_id}").json()["sha256"]

    answer = hospital.admin.get(f"/images/{image_id}/thumbnail", v=v)

    assert answer.headers["content-type"] == "image/png"
    width, height = (int.from_bytes(answer.content[at : at + 4], "big") for at in (16, 20))
    assert (width, height) == (50, 75)


def test_opening_an_image_is_audited_once_an_hour(hospital: Hospital) -> None:
    project = hospital.project()
    (image_id,) = hospital.images(project)
    v = hospital.admin.get(f"/images/{image_id}").json()["sha256"]
    hospital.admin.get(f"/images/{image_id}")
    hospital.admin.get(f"/images/{image_id}/slabs/0", v=v)

    with hospital.app.state.database.read() as db:
        opened = select(func.count()).where(AuditRow.kind == "image", AuditRow.object_id == image_id)
        assert db.scalar(opened) == 1
        assert verify(db) is None


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "a//b", "a/./b", "name\nwith line"])
def test_a_name_that_is_no_plain_relative_path_is_refused(hospital: Hospital, path: str) -> None:
    begun = hospital.admin.post("/imports", {"project_id": hospital.project(), "experts": False}).json()

    answer = hospital.admin.browser.put(f"{API}/imports/{begun['id']}/files", params={"path": path}, content=b"x")

    assert answer.status_code == 422


def test_an_upload_of_another_person_does_not_exist(hospital: Hospital) -> None:
    begun = hospital.admin.post("/imports", {"project_id": hospital.project(), "experts": False}).json()
    stranger: Person = hospital.person()

    path = f"{API}/imports/{begun['id']}"
    sent = stranger.browser.put(f"{path}/files", params={"path": "a"}, content=b"x")

    assert (sent.status_code, stranger.browser.get(path).status_code) == (404, 404)


def test_an_upload_nobody_commits_is_forgotten_after_a_week_with_its_files(hospital: Hospital) -> None:
    project = hospital.project()
    begun = [hospital.admin.post("/imports", {"project_id": project, "experts": False}).json()["id"] for _ in range(2)]
    for import_id in begun:
        path = f"{API}/imports/{import_id}/files"
        hospital.admin.browser.put(path, params={"path": "a.nii"}, content=b"x").raise_for_status()
    settings, database = hospital.app.state.settings, hospital.app.state.database
    with database.write() as db:
        db.execute(text("UPDATE imports SET created_at = now() - interval '8 days' WHERE id = :id"), {"id": begun[0]})

    with database.write() as db:
        assert projects.abandon_uploads(db, settings) == 1

    old, young = (projects.quarantine(settings, UUID(import_id)) for import_id in begun)
    assert not old.exists() and young.exists()
    assert [hospital.admin.get(f"/imports/{import_id}").status_code for import_id in begun] == [404, 200]
    with database.read() as db:
        event = db.execute(text("SELECT * FROM audit WHERE kind = 'import' AND action = 'D'")).mappings().one()
    assert (event["object_id"], event["actor_name"]) == (begun[0], "consilium")


def test_everything_in_one_request(hospital: Hospital) -> None:
    project = hospital.project()
    files = [("files", ("case.nii.gz", volume("case", (2, 8, 8)).nifti()))]

    answer = hospital.admin.browser.post(f"{API}/imports/upload", data={"project_id": project}, files=files)
    run_waiting_import(hospital)

    assert answer.status_code == 202, answer.text
    assert len(hospital.admin.get(f"/jobs/{answer.json()['id']}").json()["result"]["images"]) == 1


def test_a_folder_of_this_machine_is_imported_by_the_command_line(hospital: Hospital, tmp_path: Path) -> None:
    folder = data_set_folder(tmp_path / "set", [volume("case", (2, 8, 8))], ["Exp1"])
    state = hospital.app.state

    result = imports.import_folder(state.database, state.settings, folder, project="From the shell", experts=True)

    assert (len(result["images"]), result["readings"]) == (1, 1)
    listed = pages(lambda cursor: hospital.admin.get("/projects", cursor=cursor))
    assert "From the shell" in [one["name"] for one in listed[0]]


def test_28_cases_of_7_experts_arrive_in_seconds(hospital: Hospital, tmp_path: Path) -> None:
    """The size of QUBIQ brain growth. The bound is generous: eight people may share these two cores."""
    cases: list[Volume] = [volume(f"case{n:02d}", (1, 128, 128), seed=n) for n in range(28)]
    folder = data_set_folder(tmp_path / "set", cases, [f"Exp{n}" for n in range(1, 8)])
    state = hospital.app.state

    began = time.monotonic()
    result = imports.import_folder(state.database, state.settings, folder, project="QUBIQ", experts=True)
    seconds = time.monotonic() - began

    assert (len(result["images"]), result["readings"]) == (28, 196)
    assert seconds < 60, f"{seconds:.1f} s"
