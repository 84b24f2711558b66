"""What a break-in found, kept as tests: rights that outlived their reason, secrets kept too long, bodies read too early."""

import base64
import io
import json
import uuid
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from backend.database import Database
from backend.jobs import rules as jobs
from backend.jobs.rules import sieve
from backend.segmentations import rules as segmentations
from tests.conftest import ORIGIN, sign_in
from tests.hospital import API, SHAPE_ZYX, Hospital


def test_a_cursor_with_a_truth_value_for_a_number_is_refused(hospital: Hospital) -> None:
    forged = base64.urlsafe_b64encode(json.dumps([str(uuid.uuid4()), True, str(uuid.uuid4())]).encode()).decode()
    assert hospital.admin.get("/assignments", cursor=forged).status_code == 422


def test_who_no_longer_runs_a_project_cannot_finish_an_import_into_it(hospital: Hospital) -> None:
    project, manager = hospital.project(), hospital.person(expert=False)
    member = {"user_id": manager.user_id, "role": "manager"}
    assert hospital.admin.post(f"/projects/{project}/members", member).status_code == 200
    begun = manager.post("/imports", {"project_id": project}).json()["id"]
    files = f"{API}/imports/{begun}/files"
    assert manager.browser.put(files, params={"path": "a.nii"}, content=b"x").status_code == 200

    assert hospital.admin.post(f"/projects/{project}/members", {**member, "role": "reader"}).status_code == 200
    assert manager.browser.put(files, params={"path": "b.nii"}, content=b"x").status_code == 403
    assert manager.post(f"/imports/{begun}/commit").status_code == 403
    assert manager.get(f"/imports/{begun}").status_code == 200, "what they sent themselves they may still look at"

    assert hospital.admin.call("DELETE", f"/projects/{project}/members/{manager.user_id}").status_code == 204
    assert manager.browser.put(files, params={"path": "b.nii"}, content=b"x").status_code == 404
    assert manager.post(f"/imports/{begun}/commit").status_code == 404
    assert manager.get(f"/imports/{begun}").status_code == 404


def test_a_secret_shown_once_is_not_kept_for_a_repeat(client: TestClient, database: Database) -> None:
    sign_in(client, "admin")
    asked: list[tuple[str, dict[str, Any]]] = [
        ("/tokens", {"name": "mine", "scopes": ["read"]}),
        ("/users", {"name": "newcomer", "role": "expert"}),
    ]
    for path, body in asked:
        first, again = (client.post(API + path, json=body, headers={"Idempotency-Key": path}) for _ in range(2))
        assert first.status_code == 201
        secret = first.json()["secret"] if path == "/tokens" else first.json()["link"]["url"].rpartition("#")[2]
        assert again.status_code == 409, "the key is spent, so nothing is made twice"
        assert secret not in again.text
        with database.read() as db:
            kept = json.dumps([list(row) for row in db.execute(text("SELECT key, body FROM idempotency_keys"))])
        assert secret not in kept


def test_strangers_are_refused_before_their_upload_is_read(hospital: Hospital) -> None:
    class Endless(io.RawIOBase):
        taken = 0

        def readinto(self, buffer: Any) -> int:
            self.taken += len(buffer)
            return len(buffer)

        def readable(self) -> bool:
            return True

    body, boundary = Endless(), b"--x\r\nContent-Disposition: form-data; name=files; filename=a\r\n\r\n"

    def content() -> Any:
        yield boundary
        for _ in range(48):
            yield body.read(1 << 20)

    headers = {"Content-Type": "multipart/form-data; boundary=x", "Origin": ORIGIN}
    stranger = TestClient(hospital.app, base_url=ORIGIN, headers=headers)
    with pytest.MonkeyPatch.context() as patch:
        written: list[int] = []
        patch.setattr("starlette.formparsers.MultiPartParser.on_part_data", lambda *parts: written.append(1))
        assert stranger.post(f"{API}/imports/upload", content=content()).status_code == 401
    assert not written, "nothing of it was parsed"


def test_one_request_of_many_files_ends_at_its_own_limit(hospital: Hospital) -> None:
    project = hospital.project()
    declared = {"Content-Length": str(80 << 20), "Content-Type": "multipart/form-data; boundary=x"}
    answer = hospital.admin.browser.post(f"{API}/imports/upload", content=b"--x--", headers=declared)
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    assert project


def test_an_idempotency_key_holds_for_one_upload_only(hospital: Hospital) -> None:
    project = hospital.project()

    def send(content: bytes) -> Any:
        files = {"files": ("a.nii", content, "application/octet-stream")}
        key = {"Idempotency-Key": "one"}
        return hospital.admin.browser.post(
            f"{API}/imports/upload", data={"project_id": project}, files=files, headers=key
        )

    first, again, other = send(b"one"), send(b"one"), send(b"two")
    assert first.status_code == 202
    assert again.json()["id"] == first.json()["id"]
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


def test_only_an_admin_gives_a_doctors_hand_to_somebody_else(hospital: Hospital) -> None:
    doctor, integrator = hospital.person(), hospital.person("integrator", expert=False)
    path = f"/experts/{doctor.expert_id}"
    assert integrator.call("PATCH", path, {"user_id": integrator.user_id}).status_code == 403
    assert integrator.call("PATCH", path, {"description": "a neuroradiologist"}).status_code == 200
    nameless = integrator.post("/experts", {"name": "Exp1"}).json()["id"]
    assert integrator.call("PATCH", f"/experts/{nameless}", {"user_id": integrator.user_id}).status_code == 200
    other = hospital.person(expert=False)
    assert hospital.admin.call("PATCH", path, {"user_id": other.user_id}).status_code == 200


def test_who_runs_a_blinded_project_does_not_hear_how_a_reading_goes_on(hospital: Hospital) -> None:
    from backend.accounts.rules import Actor

    blinded, plain = hospital.project(blinding="until_all_submitted"), hospital.project(blinding="open")
    for project in (blinded, plain):
        hospital.images(project)
        hospital.open(hospital.reader(project), project).draw({3: 1})
    with hospital.app.state.database.read() as db:
        listener = sieve(db, Actor(uuid.UUID(hospital.admin.user_id), "admin", "admin"))
        changed = jobs.missed(db, jobs.event_clock(db).replace(year=2000))
    heard = [listener.shown(event) for event in changed if listener.lets_through(event)]
    told = {(event["type"], event["project_id"], event["id"] is not None) for event in heard}
    assert told == {("segmentation", plain, True), ("assignment", plain, True), ("assignment", blinded, False)}


def test_a_blinded_reader_is_not_told_whose_style_theirs_is_like(hospital: Hospital) -> None:
    """The name would say that this colleague reads here and has finished readings."""
    from backend.models import store

    for blinding, is_told in (("until_all_submitted", False), ("open", True)):
        project = hospital.project(blinding=blinding)
        (image,) = hospital.images(project)
        reader = hospital.reader(project)
        with hospital.app.state.database.write() as db:
            version = store.add_version(
                db, project_id=uuid.UUID(project), method="x", state="live", parent_id=None, job_id=None, config={},
                config_sha256="0" * 64, weights_sha256="1" * 64, metrics={}, card={"consensus_sha256": "2" * 64},
            )  # fmt: skip
            style = store.add_style(
                db, model_version_id=version.id, project_id=version.project_id, expert_id=uuid.UUID(reader.expert_id),
                state="candidate", origin="nearest", parent_id=None, weights_sha256="3" * 64, gate=None, job_id=None,
                metrics={"closest": "Dr House", "blend": {"Dr House": 1.0}, "seconds": 1.0}, lineage=(),
            )  # fmt: skip
            kept = segmentations.keep_labels(hospital.app.state.blobs, np.zeros(SHAPE_ZYX, np.uint8), ())
            drew = (version.project_id, style.expert_id)
            segmentations.put_prediction(db, drew[0], uuid.UUID(image), drew[1], style.id, kept)
            assert store.move_live_pointer(db, *drew, expected=None, style_id=style.id)
        answers = [reader.get(path, project_id=project) for path in ("/styles", "/assignments", "/segmentations")]
        told = [answer.text for answer in answers]
        assert all(str(style.id) in text for text in told), "the style itself is theirs to see"
        assert ("Dr House" in "".join(told)) is is_told
        assert "Dr House" in hospital.admin.get("/styles", project_id=project).text
