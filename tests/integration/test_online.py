"""Learning while drawing, over the wire and in the worker's own code: who learns, from what, who sees it, and what an interruption leaves.

Most jobs are done in this process, by what the worker calls, and a lost one is one whose lease is let run out; one test kills real workers.
"""

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import text

from backend.database import Database
from backend.jobs import rules
from backend.jobs.rules import LeaseLost, Timing
from backend.jobs.rules.online import calibration
from tests.hospital import Hospital, Person, Reading
from tests.integration.test_opinions import publish_model
from tests.integration.test_propagations import SHAPE, block, newest, post
from tests.running import eventually
from tests.workers import Workers
from worker import online, propagation
from worker.desk import Held, Interrupted
from worker.gateway import Gateway
from worker.gateway import queue as jobs
from worker.gateway.online import load_plan
from worker.inference import Inference

NEVER_DUE = Timing(10_000, 10_000, 3600.0, rering_seconds=3600.0)


def scene(hospital: Hospital, images: int = 1, **policy: Any) -> tuple[str, list[Reading], list[Person]]:
    """A project with a live model of an untrained network, its first reader's drafts, and all three readers."""
    project = hospital.project(**{"blinding": "open", **policy})
    made = [image for _ in range(images) for image in hospital.images(project, shape_zyx=SHAPE)]
    people = [hospital.reader(project) for _ in range(3)]
    publish_model(hospital, project, people, "expert_adaptive")
    readings = [hospital.open(people[0], project, image) for image in made]
    for reading in readings:
        reading.labels_zyx = np.zeros(SHAPE, np.uint8)
    return project, readings, people


def claim(gateway: Gateway) -> Any:
    """The next job that is no prediction: those the scheduler asks for at the same moment come in any order."""
    while (job := jobs.claim(gateway, "interactive", "test")) is not None and job.kind == "predict":
        jobs.finish(gateway, job, {})
    return job


def do(gateway: Gateway, inference: Inference, kind: str) -> None:
    """Claim the next job, which must be of this kind, and do it."""
    job = claim(gateway)
    assert job is not None and job.kind == kind
    {"propagate": propagation.run, "update": online.run}[kind](gateway, inference, Held(job))


def draw_and_propagate(reading: Reading, gateway: Gateway, inference: Inference, *slices: int) -> Any:
    for k in slices:
        reading.draw(block(k) | block(k, 2, 8))
    assert post(reading).status_code == 202
    do(gateway, inference, "propagate")
    return newest(reading)


def count(database: Database, what: str) -> int:
    with database.read() as db:
        return int(db.execute(text(f"SELECT count(*) FROM {what}")).scalar_one())


def test_a_session_teaches_its_experts_branch_and_nothing_that_draws_for_anybody_else(
    hospital: Hospital, gateway: Gateway, inference: Inference, database: Database
) -> None:
    project, [reading], _ = scene(hospital)
    styles = reading.person.get("/styles", project_id=project).json()["items"]

    first = draw_and_propagate(reading, gateway, inference, 1, 7)
    assert first["network"]["slices"] == 4 and first["network"]["is_branch"] is False
    assert first["is_learning"] is True
    assert first["estimate"]["low"] is None and first["estimate"]["goal"] == 90
    do(gateway, inference, "update")

    assert count(database, "online_branches") == 1
    assert newest(reading)["is_learning"] is False
    second = draw_and_propagate(reading, gateway, inference, 4)
    judged = second["network"]
    assert judged["slices"] == 6
    assert judged["branch_dice"] != judged["live_dice"], "what has learnt since draws otherwise"
    assert judged["is_branch"] is (judged["branch_dice"] >= judged["live_dice"]), "the better one helps"
    assert reading.person.get("/styles", project_id=project).json()["items"] == styles, "what is live has not moved"
    assert claim(gateway) is not None, "the second round is learnt from as well"


def test_an_update_begins_no_step_while_a_click_is_on_its_way(
    hospital: Hospital, gateway: Gateway, inference: Inference
) -> None:
    """Once its bell has rung, and before its question has reached the device."""
    _, [reading], _ = scene(hospital)
    draw_and_propagate(reading, gateway, inference, 1, 7)
    plan = load_plan(gateway, claim(gateway))
    assert plan.drawing is not None
    version, style = plan.drawing
    answers: list[Any] = []
    between_steps, asked = threading.Event(), threading.Event()

    def work(_: Any, __: Any, give_way: Callable[[], None]) -> bool:
        between_steps.set()
        give_way()
        asked.wait()
        return bool(answers[0].done())

    inference.expect(60)
    learnt = inference.learn(version, style.weights_sha256, plan.image, work)
    between_steps.wait()
    answers.append(inference.chances(version, style.weights_sha256, plan.image, 1, slice(0, 1)))
    asked.set()

    assert learnt.result(60), "the next step began before the click was answered"


def test_a_slice_drawn_before_the_update_began_is_not_judged_as_if_nothing_had_learnt_from_it(
    hospital: Hospital, gateway: Gateway, inference: Inference
) -> None:
    _, [reading], _ = scene(hospital)
    first = draw_and_propagate(reading, gateway, inference, 1, 7)
    reading.draw(block(4) | block(4, 2, 8))
    do(gateway, inference, "update")

    second = draw_and_propagate(reading, gateway, inference, 3)

    assert first["network"]["slices"] == 4
    assert second["network"]["slices"] == 6, (
        "slice 3 with its two labels; slice 4 was learnt from before it could be judged"
    )


def test_two_updates_of_an_expert_at_once_both_stand(hospital: Hospital, gateway: Gateway, database: Database) -> None:
    _, readings, _ = scene(hospital, images=2)
    meanwhile = Meanwhile(gateway)
    meanwhile.start()
    for reading in readings:
        draw_and_propagate(reading, gateway, meanwhile, 1, 7)
    one, other = claim(gateway), claim(gateway)
    assert one is not None and other is not None
    meanwhile.first = lambda: online.run(gateway, meanwhile, Held(other))

    online.run(gateway, meanwhile, Held(one))
    meanwhile.stop()

    assert count(database, "online_branches") == 2
    assert count(database, "online_branches WHERE parent_id IS NULL") == 1, "the later goes on from the earlier"
    assert count(database, "jobs WHERE kind = 'update' AND state = 'done'") == 2


@pytest.mark.parametrize("which", ["what it learns from", "what it replays"])
def test_a_reading_withdrawn_while_an_update_learns_from_it_has_taught_the_branch_nothing(
    which: str, hospital: Hospital, gateway: Gateway, database: Database
) -> None:
    project, [reading, replayed], [reader, *_] = scene(hospital, images=2)
    replayed.draw(block(1))
    replayed.submit()
    meanwhile = Meanwhile(gateway)
    meanwhile.start()
    draw_and_propagate(reading, gateway, meanwhile, 1, 7)
    job = claim(gateway)
    while "revision_id" in job.params:  # what was submitted is learnt from first
        online.run(gateway, meanwhile, Held(job))
        job = claim(gateway)
    branches, meanwhile.asked = count(database, "online_branches"), 0
    gone = reading if which == "what it learns from" else replayed

    def withdraw() -> None:
        image = gone.person.get(f"/segmentations/{gone.segmentation_id}").json()["image_id"]
        body = {"project_id": project, "image_ids": [image], "expert_ids": [reader.expert_id], "submitted": True}
        assert hospital.admin.post("/assignments/withdrawals", body).json() == {"withdrawn": 1}

    meanwhile.first = withdraw
    if gone is reading:
        with pytest.raises(rules.ReadingWithdrawn):
            online.run(gateway, meanwhile, Held(job))
    else:
        online.run(gateway, meanwhile, Held(job))
    meanwhile.stop()

    kept = count(database, "online_branches") - branches
    assert (meanwhile.asked, kept) == ((1, 0) if gone is reading else (2, 1)), "learnt again without what was withdrawn"


class Meanwhile(Inference):
    """Does something else first, once, when it is asked to learn; counts how often it was."""

    first: Callable[[], None] | None = None
    asked = 0

    def learn(self, *arguments: Any) -> Any:
        self.asked += 1
        first, self.first = self.first, None
        if first is not None:
            first()
        return super().learn(*arguments)


@pytest.mark.parametrize(
    ("policy", "helps"), [({"personalise": False}, True), ({"prefill": "never"}, False)], ids=["no learning", "no help"]
)
def test_nothing_learns_where_the_project_says_so(
    hospital: Hospital, gateway: Gateway, inference: Inference, policy: dict[str, Any], helps: bool
) -> None:
    _, [reading], _ = scene(hospital, **policy)

    found = draw_and_propagate(reading, gateway, inference, 1, 7)

    assert (found["network"] is not None) is helps
    assert found["is_learning"] is False and claim(gateway) is None


def test_finished_cases_are_a_stream_that_its_owner_sees_and_no_other_reader(
    hospital: Hospital, gateway: Gateway, inference: Inference, database: Database
) -> None:
    project, readings, people = scene(hospital, images=2)
    for reading in readings:
        draw_and_propagate(reading, gateway, inference, 1, 7)
        do(gateway, inference, "update")
        assert reading.submit().status_code == 200
        with database.write() as db:
            rules.tick(db, NEVER_DUE)
        with database.read() as db:
            before = db.execute(text("SELECT max(created_at) FROM online_branches")).scalar_one()
        waiting = claim(gateway)
        assert waiting is not None and waiting.kind == "update" and "revision_id" in waiting.params
        online.run(gateway, inference, Held(waiting))
        with database.read() as db:
            assert db.execute(text("SELECT max(created_at) FROM online_branches")).scalar_one() > before

    [stream] = people[0].get("/streams", project_id=project).json()["items"]
    one, two = stream["cases"]
    assert one["prequential"] == one["live"], "before its first label the branch was the live style"
    assert two["prequential"] is not None and two["after"] is not None
    assert one["forgetting"] is None and two["forgetting"] is not None
    assert set(one) == {"number", "prequential", "live", "after", "forgetting"}, (
        "when it was finished is nobody's to see"
    )
    assert people[1].get("/streams", project_id=project).json() == {"items": []}
    assert hospital.admin.get("/streams", project_id=project).json()["items"] == [stream]
    with database.write() as db:
        rules.tick(db, NEVER_DUE)
    assert count(database, "jobs WHERE kind = 'update' AND state = 'queued'") == 0, "each case is learnt from once"


def test_killed_while_it_learns_the_next_worker_learns_the_same_once(
    hospital: Hospital, gateway: Gateway, inference: Inference, database: Database
) -> None:
    _, [reading], _ = scene(hospital)
    draw_and_propagate(reading, gateway, inference, 1, 7)
    lost = claim(gateway)
    assert lost is not None and lost.kind == "update"
    with database.write() as db:
        db.execute(text("UPDATE jobs SET lease_until = now() - interval '1 second' WHERE id = :id"), {"id": lost.id})
        rules.tick(db, NEVER_DUE)
    assert newest(reading)["is_learning"] is True, "a reload is told so, too"

    do(gateway, inference, "update")

    with pytest.raises(LeaseLost):
        online.run(gateway, inference, Held(lost))
    assert count(database, "online_branches") == 1
    assert count(database, "jobs WHERE kind = 'update' AND state = 'done' AND attempt = 2") == 1


def test_workers_killed_in_the_middle_of_a_session_leave_each_step_of_it_done_once(
    hospital: Hospital, workers: Workers, database: Database
) -> None:
    """One dies while it propagates, the next while it learns: neither can have kept anything, because what it must write to is locked."""
    _, [reading], _ = scene(hospital)
    reading.draw(block(1) | block(1, 2, 8))
    reading.draw(block(7) | block(7, 2, 8))
    began = [workers.start("interactive") for _ in range(2)]
    eventually("both at work", lambda: count(database, WORKING) == len(began), 120)

    with database.write() as db:
        db.execute(text("LOCK TABLE segmentations IN SHARE ROW EXCLUSIVE MODE"))
        assert post(reading).status_code == 202
        kill(workers, eventually("a propagation in hand", lambda: holder(database, "propagate"), 60))
    workers.start("interactive")
    with database.write() as db:
        db.execute(text("SELECT id FROM styles FOR UPDATE"))
        kill(workers, eventually("an update in hand", lambda: holder(database, "update"), 120))

    eventually("what was learnt", lambda: newest(reading)["is_learning"] is False, 120)
    found = newest(reading)
    assert found["is_current"] is True
    assert found["drawn"] == [{"label": label, "slices": [1, 7]} for label in (1, 2)]
    assert count(database, "revisions WHERE origin = 'propagate'") == 1
    assert count(database, "online_branches") == 1
    assert count(database, "jobs WHERE kind IN ('propagate', 'update') AND state = 'done' AND attempt = 2") == 2


WORKING = "worker_heartbeats WHERE device NOT IN ('cpu', 'cuda')"  # a starting one knows only the kind of its device


def holder(database: Database, kind: str) -> str | None:
    """The worker that has the job of this kind in hand."""
    with database.read() as db:
        found: str | None = db.scalar(
            text("SELECT worker FROM jobs WHERE kind = :kind AND state = 'running'"), {"kind": kind}
        )
    return found


def kill(workers: Workers, name: str) -> None:
    """At once and without a word."""
    [process] = [one for one in workers.running if name.endswith(f":{one.pid}")]
    process.kill()
    process.wait()


def test_stopped_between_two_steps_it_leaves_nothing_and_two_tabs_wait_for_one_update(
    hospital: Hospital, gateway: Gateway, inference: Inference, database: Database
) -> None:
    _, [reading], _ = scene(hospital)
    draw_and_propagate(reading, gateway, inference, 1, 7)
    job = claim(gateway)
    assert job is not None and job.kind == "update"
    held = Held(job)
    held.cancelled.set()

    with pytest.raises(Interrupted):
        online.run(gateway, inference, held)
    jobs.settle(gateway, job, stopping=True)
    assert count(database, "online_branches") == 0

    for _ in range(2):
        assert post(reading).status_code == 202
        claimed = claim(gateway)
        assert claimed is not None and claimed.kind == "propagate", "what a person asked for comes first"
        propagation.run(gateway, inference, Held(claimed))
    assert count(database, "jobs WHERE kind = 'update' AND state = 'queued'") == 1


def set_back(reading: Reading, revision_id: str) -> None:
    path = f"/segmentations/{reading.segmentation_id}/restore"
    restored = reading.person.post(path, {"revision_id": revision_id}, If_Match=reading.etag)
    assert restored.status_code == 200, restored.text
    reading.head, reading.etag = restored.json()["id"], restored.headers["etag"]


def reopen(reading: Reading) -> None:
    path = f"/segmentations/{reading.segmentation_id}"
    assert reading.person.post(f"{path}/reopen").status_code == 200
    now = reading.person.get(path)
    reading.head, reading.etag = now.json()["head_revision_id"], now.headers["etag"]


def test_a_reading_set_back_and_propagated_again_has_a_proxy_of_what_stands_now(
    hospital: Hospital, gateway: Gateway, inference: Inference
) -> None:
    _, [reading], _ = scene(hospital, personalise=False)
    for k in (1, 7):
        reading.draw(block(k))
    assert reading.submit().status_code == 200
    kept = reading.head
    reopen(reading)
    reading.draw(block(4, left=4))
    before = draw_and_propagate(reading, gateway, inference)
    set_back(reading, kept)
    reading.labels_zyx[4] = 0

    assert newest(reading)["is_current"] is False, "no stroke came since, and yet it is another drawing"
    after = draw_and_propagate(reading, gateway, inference)

    one, other = (hospital.labels_of(reading.person, found["revision_id"], SHAPE) for found in (before, after))
    assert after["is_current"] is True
    assert one[4].any() and not other[4].any()
    assert (one[3] != other[3]).any(), "it was carried from slice 4, which is empty now"


def test_along_another_axis_nothing_is_taken_for_unseen(
    hospital: Hospital, gateway: Gateway, inference: Inference
) -> None:
    _, [reading], _ = scene(hospital)
    first = draw_and_propagate(reading, gateway, inference, 1, 7)
    do(gateway, inference, "update")
    assert post(reading, axis="j").status_code == 202
    do(gateway, inference, "propagate")

    assert newest(reading)["network"]["slices"] == first["network"]["slices"], "the branch knows these voxels already"


def test_switched_off_while_it_learns_nothing_is_kept_and_nothing_drawn_by_a_branch(
    hospital: Hospital, gateway: Gateway, inference: Inference, database: Database
) -> None:
    _, [reading], _ = scene(hospital)
    draw_and_propagate(reading, gateway, inference, 1, 7)
    do(gateway, inference, "update")
    draw_and_propagate(reading, gateway, inference, 4)
    learning = claim(gateway)
    with database.write() as db:
        db.execute(text("UPDATE projects SET policy = jsonb_set(policy, '{personalise}', 'false')"))

    online.run(gateway, inference, Held(learning))

    assert count(database, "online_branches") == 1
    assert draw_and_propagate(reading, gateway, inference, 5)["network"]["is_branch"] is False


def test_a_case_submitted_twice_counts_once_for_the_interval(
    hospital: Hospital, gateway: Gateway, inference: Inference, database: Database
) -> None:
    project, [reading], people = scene(hospital)
    draw_and_propagate(reading, gateway, inference, 1, 7)
    do(gateway, inference, "update")
    for _ in range(2):
        assert reading.submit().status_code == 200
        with database.write() as db:
            rules.tick(db, NEVER_DUE)
        do(gateway, inference, "update")
        reopen(reading)

    with database.read() as db:
        expert = UUID(reading.person.get("/session").json()["expert_id"])
        assert count(database, "stream_cases") == 2
        assert len(calibration(db, UUID(project), expert)) == 1
