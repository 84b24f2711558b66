"""Propagation over the wire and in the worker's own code: what was drawn stays, a proxy is no truth, and nobody else sees it.

Jobs are done in this process, by what the worker calls; `test_online.py` kills real workers in the middle of them.
"""

import uuid
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from backend.accounts.rules import Actor
from backend.database import Database
from backend.jobs.rules import seeing
from backend.jobs.store import learning
from tests.hospital import SHAPE_ZYX, Hospital, Reading
from worker import propagation
from worker.desk import Held
from worker.gateway import Gateway
from worker.gateway import queue as jobs
from worker.inference import Inference

DEPTH = 9
SHAPE = (DEPTH, SHAPE_ZYX[1], SHAPE_ZYX[2])
NX, NY = SHAPE[2], SHAPE[1]


@pytest.fixture
def reading(hospital: Hospital) -> Reading:
    project = hospital.project(blinding="open")
    hospital.images(project, shape_zyx=SHAPE)
    made = hospital.open(hospital.reader(project), project)
    made.labels_zyx = np.zeros(SHAPE, np.uint8)
    return made


def block(k: int, label: int = 1, left: int = 2) -> dict[int, int]:
    """A rectangle on slice k."""
    return {i + NX * (j + NY * k): label for j in range(2, 6) for i in range(left, left + 5)}


def post(reading: Reading, **body: Any) -> Any:
    return reading.person.post(f"/segmentations/{reading.segmentation_id}/propagations", {"axis": "k", **body})


def newest(reading: Reading) -> Any:
    return reading.person.get(f"/segmentations/{reading.segmentation_id}/propagations").json()["items"][0]


def propagated(reading: Reading, gateway: Gateway, **body: Any) -> Any:
    """Ask, and the answer once it is there."""
    asked = post(reading, **body)
    assert asked.status_code == 202, asked.text

    job = jobs.claim(gateway, "interactive", "test")
    assert job is not None and str(job.id) == asked.json()["job_id"]
    propagation.run(gateway, Inference(gateway), Held(job))
    return newest(reading)


def proxy_labels(hospital: Hospital, reading: Reading, found: Any) -> np.ndarray:
    labels: np.ndarray = hospital.labels_of(reading.person, found["revision_id"], SHAPE)
    return labels


def accept(reading: Reading, labels: np.ndarray, revision_id: str) -> dict[str, Any]:
    """The edit that takes a proxy over, not yet sent."""
    differs = np.flatnonzero(labels.reshape(-1) != reading.labels_zyx.reshape(-1))
    voxels = {int(index): int(labels.reshape(-1)[index]) for index in differs}
    return reading.edit_body(voxels, tool="accept", source_revision_id=revision_id)


# Without a worker


def test_a_request_that_cannot_be_is_refused_in_words(hospital: Hospital, reading: Reading) -> None:
    project = hospital.project()
    hospital.images(project, shape_zyx=(1, 8, 10))
    flat = hospital.open(hospital.reader(project), project)

    assert post(flat).status_code == 422
    assert "one slice along k" in post(flat).json()["detail"]
    assert post(reading, axis="z").status_code == 422
    assert post(reading, strategy="best").status_code == 422
    assert post(reading, x=1).status_code == 422


def test_a_submitted_reading_is_not_propagated(reading: Reading) -> None:
    assert reading.submit().status_code == 200

    answer = post(reading)

    assert answer.status_code == 409 and "reopen" in answer.json()["detail"]


def test_a_newer_request_cancels_the_one_that_waits(reading: Reading) -> None:
    first, second = post(reading).json(), post(reading).json()

    items = reading.person.get(f"/segmentations/{reading.segmentation_id}/propagations").json()["items"]

    assert [(one["job_id"], one["state"]) for one in items] == [
        (second["job_id"], "queued"),
        (first["job_id"], "cancelled"),
    ]


# Through the worker


def test_drawn_slices_are_carried_through_and_accepting_is_an_edit_that_can_be_undone(
    hospital: Hospital, reading: Reading, gateway: Gateway, database: Database
) -> None:
    reading.draw(block(1) | block(1, 2, 8))
    reading.draw(block(7) | block(7, 2, 8))

    found = propagated(reading, gateway)
    labels = proxy_labels(hospital, reading, found)

    assert found["drawn"] == [{"label": 1, "slices": [1, 7]}, {"label": 2, "slices": [1, 7]}]
    assert found["is_current"] is True
    assert [one["slice"] for one in found["next_slices"]][0] == 4
    assert found["left_out_dice"] is None, "two slices leave none between others"
    assert {one["reason"] for one in found["next_slices"]} == {"far"}
    assert (labels[[1, 7]] == reading.labels_zyx[[1, 7]]).all()
    for k in range(2, 7):
        assert (labels[k] == 1).sum() > 10 and (labels[k] == 2).sum() > 2
    assert nothing_to_learn_from(database, reading)

    body = accept(reading, labels, found["revision_id"])
    assert reading.send(body).status_code == 201
    assert newest(reading)["is_current"] is False
    drawn_still = propagated(reading, gateway)["drawn"]
    assert drawn_still == found["drawn"], "what was accepted is not drawn"

    undone = {int(index): 0 for index in np.flatnonzero(labels.reshape(-1) != reading.labels_zyx.reshape(-1))}
    undo = reading.edit_body(undone, tool="accept", source_revision_id=found["revision_id"], undoes=body["edit_id"])
    assert reading.send(undo).status_code == 201
    submitted = reading.submit().json()
    assert submitted["assisted"] is True
    assert submitted["label_volumes"] == {str(label): int((reading.labels_zyx == label).sum()) for label in (1, 2)}


def nothing_to_learn_from(database: Database, reading: Reading) -> bool:
    """A proxy is there, and neither training nor evaluation would read it."""
    with database.read() as db:
        project_id = db.execute(text("SELECT project_id FROM segmentations WHERE author = 'proxy'")).scalar_one()
        return learning.readings(db, project_id) == []


def test_a_proxy_never_overwrites_what_was_drawn_since(
    hospital: Hospital, reading: Reading, gateway: Gateway, database: Database
) -> None:
    reading.draw(block(1))
    reading.draw(block(7))
    found = propagated(reading, gateway)
    labels = proxy_labels(hospital, reading, found)
    elsewhere = {i + NX * (0 + NY * 4): 2 for i in range(3)}
    stroke = reading.draw(elsewhere)

    body = accept(reading, labels, found["revision_id"])
    refused = reading.send(body)
    disguised = reading.send(body | {"edit_id": str(uuid.uuid4()), "undoes": stroke})

    assert refused.status_code == 409 and "propagate again" in refused.json()["detail"]
    assert disguised.status_code == 409, "an undo of something else is no way round"
    again = propagated(reading, gateway)
    after = proxy_labels(hospital, reading, again)
    assert all(after.reshape(-1)[index] == 2 for index in elsewhere)
    assert reading.send(accept(reading, after, again["revision_id"])).status_code == 201


def test_a_stroke_brought_back_since_is_drawn_again_and_what_is_no_proxy_is_refused(
    hospital: Hospital, reading: Reading, gateway: Gateway
) -> None:
    reading.draw(block(1))
    reading.draw(block(7))
    kept_empty = {i + NX * (3 + NY * 4): 2 for i in range(3, 6)}
    stroke = reading.draw(kept_empty)
    undo = reading.draw(dict.fromkeys(kept_empty, 0), undoes=stroke)
    found = propagated(reading, gateway)
    labels = proxy_labels(hospital, reading, found)
    reading.draw(kept_empty, undoes=undo)

    over_the_stroke = reading.send(accept(reading, labels, found["revision_id"]))
    theirs = {index: int(labels.reshape(-1)[index]) for index in block(4) if index not in kept_empty}
    more_than_it_says = reading.edit_body(theirs | {0: 1}, tool="accept", source_revision_id=found["revision_id"])
    beside = reading.edit_body(theirs, tool="accept", source_revision_id=found["revision_id"])

    assert over_the_stroke.status_code == 409
    assert reading.send(more_than_it_says).status_code == 409
    assert reading.send(beside).status_code == 201


@pytest.mark.parametrize("tool", ["brush", "interpolate"])
def test_what_comes_to_light_when_a_later_edit_is_taken_back_is_drawn_again(
    hospital: Hospital, reading: Reading, gateway: Gateway, tool: str
) -> None:
    """The proxy was made while the stroke lay under another edit, so it does not show it."""
    reading.draw(block(1))
    reading.draw(block(7))
    corner = {i + NX * (0 + NY * 4): 2 for i in range(3)}
    reading.draw(corner)
    erasing = reading.draw(dict.fromkeys(corner, 0), tool=tool)
    found = propagated(reading, gateway)
    labels = proxy_labels(hospital, reading, found).copy()
    assert not any(labels.reshape(-1)[index] for index in corner)

    reading.draw(corner, undoes=erasing)
    over_it = reading.send(accept(reading, labels, found["revision_id"]))
    for index in corner:
        labels.reshape(-1)[index] = 2
    beside_it = reading.send(accept(reading, labels, found["revision_id"]))

    assert over_it.status_code == 409
    assert beside_it.status_code == 201


def test_a_reading_set_back_since_takes_no_proxy_over(hospital: Hospital, reading: Reading, gateway: Gateway) -> None:
    began = reading.head
    reading.draw(block(1))
    found = propagated(reading, gateway)
    labels = proxy_labels(hospital, reading, found)
    path = f"/segmentations/{reading.segmentation_id}/restore"
    restored = reading.person.post(path, {"revision_id": began}, If_Match=reading.etag)
    assert restored.status_code == 200, restored.text
    reading.head, reading.etag = restored.json()["id"], restored.headers["etag"]
    reading.labels_zyx[:] = 0

    assert reading.send(accept(reading, labels, found["revision_id"])).status_code == 409


def test_one_drawn_slice_is_enough_and_none_proposes_where_to_begin(reading: Reading, gateway: Gateway) -> None:
    nothing = propagated(reading, gateway)
    assert (nothing["revision_id"], nothing["drawn"]) == (None, [])
    assert nothing["next_slices"] == [{"slice": DEPTH // 2, "reason": "first", "voxels": None}]

    reading.draw(block(4))
    one = propagated(reading, gateway, strategy="model_guided")

    assert one["revision_id"] is not None
    assert {each["reason"] for each in one["next_slices"]} <= {"unsure", "changed"}


def test_nobody_else_asks_or_sees_propagation_whatever_the_blinding(
    hospital: Hospital, reading: Reading, gateway: Gateway
) -> None:
    reading.draw(block(1))
    found = propagated(reading, gateway)
    project = reading.person.get(f"/segmentations/{reading.segmentation_id}").json()["project_id"]
    path = f"/segmentations/{reading.segmentation_id}/propagations"

    for other in (hospital.reader(project), hospital.admin):
        assert other.get(f"/revisions/{found['revision_id']}").status_code == 404
        assert other.get(f"/revisions/{found['revision_id']}/slabs/0").status_code == 404
        authors = [one["author"] for one in other.get("/segmentations", project_id=project).json()["items"]]
        assert "proxy" not in authors
        assert other.post(path, {"axis": "k"}).status_code in (403, 404)
    assert reading.person.get(f"/revisions/{found['revision_id']}").status_code == 200


def test_what_a_colleague_missed_names_no_segmentation_they_may_not_see(
    hospital: Hospital, reading: Reading, gateway: Gateway
) -> None:
    """In an open project others hear of readings, but a proxy is its reader's alone."""
    reading.draw(block(1))
    propagated(reading, gateway)
    project = reading.person.get(f"/segmentations/{reading.segmentation_id}").json()["project_id"]
    colleague = hospital.reader(project)
    actor = Actor(uuid.UUID(colleague.user_id), "colleague", "expert", expert_id=uuid.UUID(colleague.expert_id))

    with gateway.database.read() as db:
        sieve, missed = seeing.sieve(db, actor), seeing.missed(db, seeing.event_clock(db).replace(year=2000))
    told = {event["id"] for event in missed if event["type"] == "segmentation" and sieve.lets_through(event)}

    assert reading.segmentation_id in told
    assert [colleague.get(f"/segmentations/{one}").status_code for one in told] == [200]


def test_what_was_interpolated_or_taken_back_is_not_drawn(reading: Reading, gateway: Gateway) -> None:
    reading.draw(block(1))
    reading.draw(block(4), tool="interpolate")
    mistake = reading.draw(block(6))
    reading.draw(dict.fromkeys(block(6), 0), undoes=mistake)
    again = reading.draw(block(8))
    undo = reading.edit_body(dict.fromkeys(block(8), 0), undoes=again)
    reading.send(undo)
    reading.send(reading.edit_body(block(8), undoes=undo["edit_id"], edit_id=str(uuid.uuid4())))

    assert propagated(reading, gateway)["drawn"] == [{"label": 1, "slices": [1, 8]}]


def test_an_opinion_taken_over_is_not_drawn(reading: Reading, gateway: Gateway) -> None:
    reading.draw(block(1))
    reading.draw(block(3) | block(4) | block(5), tool="opinion")

    assert propagated(reading, gateway)["drawn"] == [{"label": 1, "slices": [1]}]
