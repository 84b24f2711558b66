"""Who is asked to read what: a read is withdrawn and asked for again, an expert leaves a project, and nothing drawn is lost."""

from typing import Any
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import text

from backend.accounts.rules import Actor
from backend.segmentations import rules as segmentations
from backend.segmentations import store
from tests.hospital import SHAPE_ZYX, Hospital, Person


def states(someone: Person, **query: str) -> list[str]:
    return [one["state"] for one in someone.get("/assignments", **query).json()["items"]]


def test_a_withdrawn_read_leaves_the_list_and_comes_back_with_what_was_drawn(hospital: Hospital) -> None:
    project = hospital.project(blinding="open")
    first, second = hospital.images(project, 2)
    reader = hospital.reader(project)
    reading = hospital.open(reader, project, first)
    reading.draw({3: 1})
    asked = {"project_id": project, "image_ids": [first], "expert_ids": [reader.expert_id]}

    answer = hospital.admin.post("/assignments/withdrawals", {**asked, "reason": "read by another panel"})
    refused = reading.send(reading.edit_body({4: 1}))

    assert answer.json() == {"withdrawn": 1}
    assert states(reader) == ["assigned"] and states(reader, state="withdrawn") == ["withdrawn"]
    assert (refused.status_code, "ask you again" in refused.json()["detail"]) == (409, True)
    assert hospital.admin.get(f"/projects/{project}").json()["counts"]["assignments"] == 1
    again = hospital.admin.post("/assignments", asked)
    assert again.json() == {"created": 1}
    assert sorted(states(reader)) == ["assigned", "drafting"]
    assert reading.send(reading.edit_body({4: 1})).status_code == 201
    with hospital.app.state.database.read() as db:
        event = db.execute(text("SELECT * FROM audit WHERE new ->> 'state' = 'withdrawn'")).mappings().one()
    assert (event["kind"], event["reason"]) == ("assignment", "read by another panel")
    assert second


def test_a_submitted_reading_is_never_withdrawn(hospital: Hospital) -> None:
    project = hospital.project(blinding="open")
    hospital.images(project)
    reader = hospital.reader(project)
    hospital.open(reader, project).submit()

    answer = hospital.admin.post(
        "/assignments/withdrawals", {"project_id": project, "image_ids": None, "expert_ids": [reader.expert_id]}
    )

    assert answer.json() == {"withdrawn": 0}
    assert states(reader) == ["submitted"]


def test_a_panel_is_complete_once_everybody_still_asked_has_submitted(hospital: Hospital) -> None:
    project = hospital.project(blinding="until_all_submitted")
    hospital.images(project)
    quick, slow = hospital.reader(project), hospital.reader(project)
    submitted = hospital.open(quick, project)
    submitted.submit()
    path = f"/segmentations/{submitted.segmentation_id}"
    assert slow.get(path).status_code == 404
    add = {"user_id": slow.user_id, "role": "reader"}
    hospital.admin.post(f"/projects/{project}/members", add)

    hospital.admin.post("/assignments/withdrawals", {"project_id": project, "expert_ids": [slow.expert_id]})

    assert slow.get(path).status_code == 200


def test_an_expert_leaves_a_project_and_their_submitted_reading_stays(hospital: Hospital) -> None:
    project = hospital.project(blinding="open")
    first, second = hospital.images(project, 2)
    reader = hospital.reader(project)
    reading = hospital.open(reader, project, first)
    reading.draw({3: 1})
    reading.submit()
    path = f"/projects/{project}/experts/{reader.expert_id}"

    answer = hospital.admin.call("DELETE", f"{path}?reason=moved%20away")

    assert answer.json() == {"withdrawn": 1}
    assert hospital.admin.get(f"/projects/{project}/experts").json()["items"] == []
    assert reader.get(f"/segmentations/{reading.segmentation_id}").json()["state"] == "submitted"
    assert hospital.admin.call("DELETE", path).status_code == 404
    hospital.images(project)
    assert sorted(states(reader)) == ["submitted"]  # nobody asks them any more
    hospital.ask(project, reader)
    assert sorted(states(reader)) == ["assigned", "assigned", "submitted"]
    assert second


def test_only_who_runs_the_project_withdraws(hospital: Hospital) -> None:
    project, other = hospital.project(), hospital.project()
    hospital.images(project)
    reader, stranger = hospital.reader(project), hospital.person()
    asked = {"project_id": project, "expert_ids": [reader.expert_id]}

    statuses = [who.post("/assignments/withdrawals", asked).status_code for who in (reader, stranger)]
    foreign = hospital.admin.post("/assignments/withdrawals", {**asked, "project_id": other})

    assert (statuses, foreign.status_code) == ([404, 404], 422)


def test_a_first_stroke_that_meets_a_withdrawal_does_not_bring_the_read_back(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is replaced: a withdrawal over HTTP is put at the one moment of the stroke's transaction where it could do harm."""
    project = hospital.project(blinding="open")
    hospital.images(project)
    reader = hospital.reader(project)
    reading = hospital.open(reader, project)
    add_edit = store.add_edit

    def withdraw_first(*stroke: Any, **values: Any) -> None:
        asked = {"project_id": project, "expert_ids": [reader.expert_id]}
        assert hospital.admin.post("/assignments/withdrawals", asked).json() == {"withdrawn": 1}
        add_edit(*stroke, **values)

    with monkeypatch.context() as between:
        between.setattr(store, "add_edit", withdraw_first)
        answer = reading.send(reading.edit_body({3: 1}))

    assert (answer.status_code, "ask you again" in answer.json()["detail"]) == (409, True)
    assert states(reader, state="withdrawn") == ["withdrawn"]
    assert reader.get(f"/segmentations/{reading.segmentation_id}").json()["edit_seq"] == 0


def test_importing_what_is_there_already_asks_for_no_withdrawn_read(hospital: Hospital) -> None:
    project = hospital.project(blinding="open")
    (image,) = hospital.images(project)
    reader = hospital.reader(project)
    hospital.open(reader, project).draw({3: 1})
    hospital.admin.call("DELETE", f"/projects/{project}/experts/{reader.expert_id}")
    kept = segmentations.keep_labels(hospital.app.state.blobs, np.ones(SHAPE_ZYX, np.uint8), {1})

    with hospital.app.state.database.write() as db:
        outcome = segmentations.put_imported_reading(
            db,
            Actor(UUID(reader.user_id), "reader", "expert"),
            UUID(project),
            UUID(image),
            UUID(reader.expert_id),
            kept,
        )

    assert outcome == "conflict"
    assert states(reader, state="withdrawn") == ["withdrawn"]
    assert hospital.admin.get(f"/projects/{project}/experts").json()["items"] == []


def test_an_expert_who_left_reopens_nothing_until_they_are_back(hospital: Hospital) -> None:
    project = hospital.project(blinding="until_all_submitted")
    hospital.images(project)
    reader, other = hospital.reader(project), hospital.reader(project)
    gone, stays = hospital.open(reader, project), hospital.open(other, project)
    gone.submit()
    stays.submit()
    hospital.admin.call("DELETE", f"/projects/{project}/experts/{reader.expert_id}")
    path = f"/segmentations/{gone.segmentation_id}"

    refused = reader.post(f"{path}/reopen")

    assert (refused.status_code, "add the expert again" in refused.json()["detail"]) == (409, True)
    assert other.get(path).status_code == 200, "a panel that was complete stays complete"
    hospital.ask(project, reader)
    assert reader.post(f"{path}/reopen").status_code == 200
