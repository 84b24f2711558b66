"""Prompts over the wire and through the worker's own code: asked, refused, answered, withdrawn, accepted, and nobody else's.

What a process of its own adds is tested with one: accepting, being killed, failing.
"""

import base64
import uuid
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from backend.database import Database
from backend.imaging import labels as codec
from tests.hospital import SHAPE_ZYX, Hospital, Person, Reading
from tests.running import eventually
from tests.workers import Workers
from worker import interact
from worker.desk import Held
from worker.gateway import Gateway
from worker.gateway import queue as jobs
from worker.inference import Inference

NX, NY = SHAPE_ZYX[2], SHAPE_ZYX[1]


@pytest.fixture
def reading(hospital: Hospital) -> Reading:
    project = hospital.project(blinding="until_all_submitted")
    hospital.images(project)
    return hospital.open(hospital.reader(project), project)


def body(**more: Any) -> dict[str, Any]:
    return {
        "prompt_id": str(uuid.uuid4()), "round_id": str(uuid.uuid4()), "type": "point", "points": [[4, 4, 1]], "label": 1,
        "sign": "include", "radius_mm": 0, "slice_axis": "k", **more,
    }  # fmt: skip


def post(reading: Reading, sent: dict[str, Any]) -> Any:
    return reading.person.post(f"/segmentations/{reading.segmentation_id}/prompts", sent)


def page(reading: Reading, person: Person | None = None) -> Any:
    return (person or reading.person).get(f"/segmentations/{reading.segmentation_id}/prompts").json()


def withdraw(reading: Reading, prompt_id: str = "") -> Any:
    path = f"/segmentations/{reading.segmentation_id}/prompts"
    return reading.person.call("DELETE", f"{path}/{prompt_id}" if prompt_id else path)


def asked(reading: Reading, gateway: Gateway, inference: Inference, sent: dict[str, Any]) -> Any:
    """Ask, answer in this process, and the open round's proposal."""
    post(reading, sent)
    job = jobs.claim(gateway, "interactive", "test")
    assert job is not None and job.kind == "interact"
    interact.answer(gateway, inference, Held(job))
    return answered(reading)


def answered(reading: Reading) -> Any:
    """The open round's proposal, once nothing is pending any more."""

    def look() -> Any:
        found = page(reading)
        assert found["failure"] is None, found["failure"]
        return None if found["pending"] else found["proposal"]

    return eventually("the answer", look)


def voxels_of(proposal: dict[str, Any]) -> dict[int, int]:
    runs = codec.decode(base64.b64decode(proposal["runs"]), int(np.prod(SHAPE_ZYX)), 1)
    return dict(zip(runs.indices().tolist(), runs.values.tolist(), strict=True))


def index(i: int, j: int, k: int) -> int:
    return i + NX * (j + NY * k)


# Without a worker


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"label": 9}, "label must be one of the project's: 1, 2"),
        ({"points": [[4, 4, 7]]}, "is not on the image"),
        ({"points": [[-3, 4, 1]]}, "is not on the image"),
        ({"slice_axis": None}, "Say slice_axis for a point"),
        ({"type": "scribble", "points": [[1, 1, 0], [2, 2, 1]]}, "must have the same k"),
        ({"type": "lasso", "points": [[1, 1, 0], [2, 2, 0]]}, "A lasso takes 3 to 2000 points, not 2"),
        ({"type": "box", "points": [[1, 1, 0]]}, "A box takes exactly 2 points, not 1"),
    ],
)
def test_a_prompt_that_cannot_be_is_refused_in_words(reading: Reading, wrong: dict[str, Any], words: str) -> None:
    answer = post(reading, body(**wrong))

    assert answer.status_code == 422
    assert words in answer.json()["detail"]
    assert page(reading)["items"] == []


@pytest.mark.parametrize("wrong", [{"points": []}, {"sign": "maybe"}, {"radius_mm": 900}, {"type": "wand"}, {"x": 1}])
def test_a_prompt_that_is_none_is_refused(reading: Reading, wrong: dict[str, Any]) -> None:
    assert post(reading, body(**wrong)).status_code == 422


def test_a_prompt_sent_twice_is_kept_once(reading: Reading) -> None:
    sent = body()

    first, again, other = post(reading, sent), post(reading, sent), post(reading, {**sent, "points": [[1, 1, 1]]})

    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 422)
    assert first.json() == again.json()
    assert [one["state"] for one in page(reading)["items"]] == ["open"]


def test_a_round_has_one_label_and_none_beside_it(reading: Reading) -> None:
    first = body()
    assert post(reading, first).status_code == 202

    other_label = post(reading, body(round_id=first["round_id"], label=2))
    other_round = post(reading, body())

    assert (other_label.status_code, other_round.status_code) == (409, 409)
    assert "accept or withdraw" in other_label.json()["detail"]


def test_a_submitted_reading_takes_no_prompt(reading: Reading) -> None:
    assert reading.submit().status_code == 200

    answer = post(reading, body())

    assert answer.status_code == 409
    assert "reopen" in answer.json()["detail"]


def test_only_the_newest_prompt_is_taken_back_and_all_of_them_at_once(reading: Reading) -> None:
    first = body()
    second = body(round_id=first["round_id"], sign="exclude")
    post(reading, first), post(reading, second)

    refused = withdraw(reading, first["prompt_id"])
    taken = withdraw(reading, second["prompt_id"])
    again = withdraw(reading, second["prompt_id"])
    cleared = withdraw(reading)

    assert refused.status_code == 409
    assert [one["id"] for one in taken.json()["items"]] == [first["prompt_id"]]
    assert again.json()["items"] == taken.json()["items"]
    assert cleared.json()["items"] == []
    assert [one["state"] for one in page(reading)["items"]] == ["withdrawn", "withdrawn"]
    assert cleared.json()["pending"] is False


def test_nobody_else_asks_or_sees_prompts_of_a_blinded_reading(hospital: Hospital, reading: Reading) -> None:
    sent = body()
    job_id = post(reading, sent).json()["job_id"]
    project = reading.person.get(f"/segmentations/{reading.segmentation_id}").json()["project_id"]
    peer, stranger = hospital.reader(project), hospital.person()
    path = f"/segmentations/{reading.segmentation_id}/prompts"

    for other in (peer, stranger, hospital.admin):
        assert other.get(path).status_code == 404
        assert other.post(path, body()).status_code == 404
        assert other.call("DELETE", path).status_code == 404
        assert other.call("DELETE", f"{path}/{sent['prompt_id']}").status_code == 404
        assert other.get(f"/jobs/{job_id}").status_code == 404
        assert other.get("/jobs", kind="interact").json()["items"] == []
    assert reading.person.get("/jobs", kind="interact").json()["items"][0]["id"] == job_id
    assert reading.person.get("/jobs").json()["items"] == []


# Answered


def test_a_prompt_is_answered_and_accepting_settles_its_round(reading: Reading, workers: Workers) -> None:
    workers.start("interactive")
    sent = body()
    post(reading, sent)

    proposal = answered(reading)
    said = voxels_of(proposal)
    i0, j0, k0, i1, j1, k1 = proposal["box_ijk"]

    assert said[index(4, 4, 1)] == 1
    assert {voxel // (NX * NY) for voxel in said} == {1}, "only the slice that was clicked on"
    assert i0 <= 4 <= i1 and j0 <= 4 <= j1 and k0 == k1 == 1
    assert proposal["style_id"] is None
    reading.draw({voxel: value for voxel, value in said.items() if value}, tool="ask", edit_id=sent["round_id"])
    settled = page(reading)
    assert (settled["proposal"], settled["pending"]) == (None, False)
    assert [one["state"] for one in settled["items"]] == ["settled"]
    submitted = reading.submit().json()
    assert submitted["assisted"] is True
    assert submitted["label_volumes"] == {"1": sum(1 for value in said.values() if value)}


def test_what_is_included_is_inside_and_what_is_excluded_outside_and_undo_restores_the_answer(
    reading: Reading, gateway: Gateway, inference: Inference
) -> None:
    reading.draw({index(i, j, 1): 1 for i in range(2, 8) for j in range(2, 6)})
    first = body(points=[[8, 3, 1]])
    before = asked(reading, gateway, inference, first)
    second = body(round_id=first["round_id"], points=[[3, 3, 1]], sign="exclude")
    after = asked(reading, gateway, inference, second)

    withdraw(reading, second["prompt_id"])

    assert voxels_of(before)[index(8, 3, 1)] == 1 and voxels_of(before)[index(3, 3, 1)] == 1
    assert voxels_of(after)[index(8, 3, 1)] == 1 and voxels_of(after)[index(3, 3, 1)] == 0
    assert page(reading)["proposal"] == before


def test_a_second_slice_keeps_what_was_proposed_on_the_first(
    reading: Reading, gateway: Gateway, inference: Inference
) -> None:
    first = body()
    one = voxels_of(asked(reading, gateway, inference, first))

    both = voxels_of(asked(reading, gateway, inference, body(round_id=first["round_id"], points=[[2, 6, 2]])))

    assert {voxel: value for voxel, value in both.items() if voxel < 2 * NX * NY} == one
    assert both[index(2, 6, 2)] == 1


def test_a_box_in_three_dimensions_speaks_of_nothing_outside_itself(
    reading: Reading, gateway: Gateway, inference: Inference
) -> None:
    reading.draw({index(0, 0, 0): 1})

    sent = body(type="box", points=[[2, 2, 0], [6, 6, 2]], slice_axis=None)
    said = voxels_of(asked(reading, gateway, inference, sent))

    assert all(2 <= v % NX <= 6 and 2 <= v // NX % NY <= 6 for v in said)


def test_a_worker_killed_while_a_prompt_waits_leaves_it_answered_by_the_next(
    reading: Reading, workers: Workers, database: Database
) -> None:
    first = workers.start("interactive")
    eventually("a heartbeat of one that works", lambda: heartbeats(database) > 0, 60)
    job_id = post(reading, body()).json()["job_id"]
    first.kill()
    first.wait()
    workers.start("interactive")

    assert voxels_of(answered(reading))[index(4, 4, 1)] == 1
    with database.read() as db:
        kept = db.execute(text("SELECT count(*) FROM proposals")).scalar_one()
        state = db.execute(text("SELECT state FROM jobs WHERE id = :id"), {"id": job_id}).scalar_one()
    assert (kept, state) == (1, "done")


def heartbeats(database: Database) -> int:
    with database.read() as db:
        ready = "device NOT IN ('cpu', 'cuda')"  # a starting worker knows only the kind of its device
        return int(db.execute(text(f"SELECT count(*) FROM worker_heartbeats WHERE {ready}")).scalar_one())


def test_a_failed_answer_is_said_in_words_and_can_be_withdrawn(
    reading: Reading, workers: Workers, hospital: Hospital
) -> None:
    blobs = hospital.app.state.blobs
    with hospital.app.state.database.read() as db:
        slab = db.execute(text("SELECT slab_sha256s->>0 FROM images")).scalar_one()
    blobs.path(slab).write_bytes(b"damaged")
    workers.start("interactive")
    sent = body()
    post(reading, sent)

    failed = eventually("the failure", lambda: page(reading) if page(reading)["failure"] else None)

    assert failed["failure"]["remedy"]
    assert (failed["pending"], failed["proposal"]) == (False, None)
    assert withdraw(reading, sent["prompt_id"]).json()["failure"] is None
