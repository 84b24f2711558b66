"""Several opinions over the wire and through the real worker: refused where anything is blinded, asked once, taken over, undone."""

import base64
import uuid
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from sqlalchemy import text

from backend.imaging import labels as codec
from backend.jobs import rules as jobs
from backend.jobs.rules import Claimed
from backend.models import rules as models
from backend.models.rules import NewStyle, NewVersion
from tests.hospital import SHAPE_ZYX, Hospital, Person, Reading
from tests.integration.test_blinding import BLINDED
from tests.running import eventually
from tests.workers import Workers
from worker import opinions
from worker.desk import Desk
from worker.gateway import Gateway
from worker.inference import Inference
from worker.learning import methods, save_safetensors
from worker.learning.architectures import build
from worker.learning.network import initialise

VOXELS = int(np.prod(SHAPE_ZYX))


def publish_model(hospital: Hospital, project: str, experts: list[Person], method: str) -> str:
    """A live model version of a tiny network that nobody trained, with a style per expert. Returns its id."""
    options = {"channels": (4, 8), "stem": 2, "size": 16, "frame": (16, 16), "labels": (1, 2), "precision": "fp32"}
    config = methods.load(method).config(options)
    network = build(config)
    draw = torch.Generator().manual_seed(1)
    initialise(network, draw)
    rows = [network.neutral_row() + 0.5 * torch.randn(network.row_length, generator=draw) for _ in experts]
    blobs = hospital.app.state.blobs
    new = NewVersion(
        uuid.UUID(project), uuid.uuid4(), method, config.as_dict(), config.sha256(),
        blobs.put(save_safetensors(network.state_dict(), {})), blobs.put(save_safetensors({"row": rows[0]}, {})), {}, {},
        [
            NewStyle(uuid.UUID(str(one.expert_id)), "pretrained", blobs.put(save_safetensors({"row": row}, {})))
            for one, row in zip(experts, rows, strict=True)
        ],
    )  # fmt: skip
    with hospital.app.state.database.write() as db:
        job = db.execute(
            text("INSERT INTO jobs (id, kind, queue, state) VALUES (:id, 'pretrain', 'training', 'done') RETURNING id"),
            {"id": new.job_id},
        ).scalar_one()
        assert job == new.job_id
        ids = [uuid.UUID(str(one.expert_id)) for one in experts]
        return str(models.publish_version(db, new, ids, goes_live=True).id)


def path(reading: Reading) -> str:
    return f"/segmentations/{reading.segmentation_id}/opinions"


def scene(hospital: Hospital, method: str | None = "dpersona", **policy: Any) -> tuple[Reading, list[Person]]:
    """A reader with an open draft, two colleagues, and a live model where a method is named."""
    project = hospital.project(**{"blinding": "open", **policy})
    hospital.images(project)
    people = [hospital.reader(project) for _ in range(3)]
    if method is not None:
        publish_model(hospital, project, people, method)
    return hospital.open(people[0], project), people


@pytest.mark.parametrize("blinding", BLINDED)
def test_a_blinded_reader_is_refused_asked_and_unasked_and_no_job_is_made(hospital: Hospital, blinding: str) -> None:
    reading, _ = scene(hospital, blinding=blinding)

    asked, looked = reading.person.post(path(reading)), reading.person.get(path(reading))

    assert (asked.status_code, looked.status_code) == (403, 403)
    assert "blinded" in asked.json()["detail"]
    assert reading.person.get("/jobs", kind="opinions").json()["items"] == []


def test_an_answer_from_before_is_not_shown_once_the_project_is_blinded(hospital: Hospital) -> None:
    reading, _ = scene(hospital)
    assert reading.person.post(path(reading)).status_code == 202
    project = reading.person.get(f"/segmentations/{reading.segmentation_id}").json()["project_id"]
    policy = {"blinding": "until_all_submitted", "prefill": "before", "reads_per_image": 1, "personalise": True}

    assert hospital.admin.call("PATCH", f"/projects/{project}", {"policy": policy}).status_code == 200

    assert reading.person.get(path(reading)).status_code == 403


def test_nobody_else_asks_or_looks_or_learns_that_there_is_anything(hospital: Hospital) -> None:
    reading, people = scene(hospital)

    for other in (people[1], hospital.admin, hospital.person()):
        assert other.post(path(reading)).status_code == 404
        assert other.get(path(reading)).status_code == 404


def test_what_cannot_be_answered_is_refused_in_words(hospital: Hospital) -> None:
    without_model, _ = scene(hospital, method=None)
    without_predictions, _ = scene(hospital, prefill="never")
    submitted, _ = scene(hospital)
    assert submitted.submit().status_code == 200

    answers = [one.person.post(path(one)) for one in (without_model, without_predictions, submitted)]

    assert [answer.status_code for answer in answers] == [409, 403, 409]
    for answer, words in zip(answers, ["run a pretrain job first", "prefill: never", "reopen"], strict=True):
        assert words in answer.json()["detail"]


def test_opinions_made_ahead_are_in_their_turn_once_their_reader_asks(hospital: Hospital) -> None:
    (reading, _), (elsewhere, _) = scene(hospital), scene(hospital)

    def what_somebody_waits_for() -> Claimed | None:
        with hospital.app.state.database.write() as db:
            return jobs.claim(db, "interactive", "the last free hand", 30, asked_for_only=True)

    reading.person.post(path(reading) + "?ahead=true")
    elsewhere.person.post(path(elsewhere) + "?ahead=true")
    before = what_somebody_waits_for()
    again = reading.person.post(path(reading) + "?ahead=true")
    still = what_somebody_waits_for()
    asked = reading.person.post(path(reading))

    assert (before, still) == (None, None)
    assert asked.json() == again.json() == {"pending": True, "failure": None, "opinions": None}
    taken = what_somebody_waits_for()
    assert taken is not None and taken.params == {"segmentation_id": reading.segmentation_id}
    assert what_somebody_waits_for() is None


def test_a_question_that_waits_is_not_asked_twice(hospital: Hospital) -> None:
    reading, _ = scene(hospital)

    first, again = reading.person.post(path(reading)), reading.person.post(path(reading))

    assert first.json() == again.json() == {"pending": True, "failure": None, "opinions": None}
    assert len(reading.person.get("/jobs", kind="opinions").json()["items"]) == 1
    assert reading.person.get("/jobs").json()["items"] == []  # jobs of the moment are not listed unasked


def test_an_image_too_large_for_the_worker_ends_in_words_before_anything_is_read(hospital: Hospital) -> None:
    reading, _ = scene(hospital)
    state = hospital.app.state
    gateway = Gateway(state.database, state.blobs, state.settings)
    with state.database.write() as db:
        db.execute(text("UPDATE images SET nx = 4000, ny = 4000, nz = 4000"))
    desk = Desk(gateway, "interactive", {"opinions": partial(opinions.answer, gateway, Inference(gateway))}, 1, "cpu")
    assert reading.person.post(path(reading)).status_code == 202

    desk.start()
    failure = eventually("the end", lambda: reading.person.get(path(reading)).json()["failure"])
    desk.stop(10)

    assert failure["code"] == "no-memory"
    assert "4000 × 4000 × 4000 voxels" in failure["message"] and "GiB are free" in failure["message"]
    assert "mem_limit" in failure["remedy"]


# Through the real worker


def answered(reading: Reading) -> Any:
    def look() -> Any:
        found = reading.person.get(path(reading)).json()
        assert found["failure"] is None, found["failure"]
        return None if found["pending"] else found["opinions"]

    return eventually("the opinions", look, 300)


def voxels_of(runs: str) -> dict[int, int]:
    if not runs:
        return {}
    decoded = codec.decode(base64.b64decode(runs), VOXELS, 1)
    return dict(zip(decoded.indices().tolist(), decoded.values.tolist(), strict=True))


def test_opinions_are_drawn_chosen_taken_over_and_known_as_help(hospital: Hospital, workers: Workers) -> None:
    reading, people = scene(hospital)
    table, table_people = scene(hospital, method="expert_adaptive")
    workers.start("interactive")
    for one in (reading, table):
        assert one.person.post(path(one)).status_code == 202

    sampled, named = answered(reading), answered(table)

    assert (sampled["source"], sampled["method"], sampled["drawn"]) == ("samples", "dpersona", 32)
    assert 1 <= len(sampled["items"]) <= 8
    assert sum(item["probability"] for item in sampled["items"]) == pytest.approx(1, abs=1e-3)
    assert all(item["expert_id"] is None for item in sampled["items"])
    colleagues = {str(person.expert_id) for person in people[1:]}
    assert {item["expert_id"] for item in sampled["experts"]} == colleagues
    for item in [*sampled["items"], *sampled["experts"]]:
        counted = {str(value): list(voxels_of(item["runs"]).values()).count(value) for value in (1, 2)}
        assert counted == item["voxels"]
    assert [contour["share"] for contour in sampled["contours"]] == [0.1, 0.5, 0.9]
    sizes = [len(voxels_of(contour["runs"])) for contour in sampled["contours"]]
    assert sizes == sorted(sizes, reverse=True)
    assert all(low <= middle <= high for low, middle, high in sampled["voxel_interval"].values())

    assert (named["source"], named["drawn"], named["experts"]) == ("experts", 2, [])
    assert {item["expert_id"] for item in named["items"]} <= {str(person.expert_id) for person in table_people[1:]}

    again = reading.person.post(path(reading)).json()  # an answer that holds is not computed again
    assert (again["pending"], again["opinions"]) == (False, sampled)

    chosen = voxels_of(max(sampled["items"], key=lambda item: len(item["runs"]))["runs"])
    assert chosen, "a network that nobody trained still draws something"
    reading.draw(chosen, tool="opinion")
    submitted = reading.submit().json()
    assert submitted["assisted"] is True
    with hospital.app.state.database.read() as db:
        begun = db.execute(text("SELECT style_id FROM revisions WHERE id = :id"), {"id": submitted["id"]}).scalar_one()
    assert str(begun) == sampled["style_id"]
