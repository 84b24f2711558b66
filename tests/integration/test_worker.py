"""Real worker processes on the filesystem transport: a tiny network is pretrained, personalised and used, and killed meanwhile."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import psutil
import pytest
from sqlalchemy import text

from backend.accounts.rules import SYSTEM
from backend.blobs import Blobs
from backend.database import Database
from backend.imaging.labels import decompress
from backend.jobs import rules as jobs
from backend.projects import rules as projects
from backend.settings import Settings
from tests.published import publish_version
from tests.running import eventually
from tests.workers import Starved, Workers
from tests.worlds import EDGE, World, disc, draw, make_world

TINY = {"steps": 250, "batch": 4, "row_steps": 24, "checkpoint_every": 10, "size": 48}
HANDS = {"Small": -3.0, "Large": 3.0, "New": 2.0}


def ask(database: Database, kind: str, world: World, **more: object) -> UUID:
    with database.write() as db:
        return jobs.add_job(db, kind, project_id=world.project_id, **more).id


def row(database: Database, job_id: UUID) -> dict[str, object]:
    with database.read() as db:
        return dict(db.execute(text("SELECT * FROM jobs WHERE id = :id"), {"id": job_id}).mappings().one())


def scalar(database: Database, question: str, **values: object) -> object:
    with database.read() as db:
        return db.execute(text(question), values).scalar_one_or_none()


def ended(database: Database, job_id: UUID) -> Callable[[], dict[str, object] | None]:
    def look() -> dict[str, object] | None:
        job = row(database, job_id)
        return job if job["state"] in ("done", "failed", "cancelled") else None

    return look


def children_of(worker: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    """A training worker's children, busy or waiting."""
    return [one for one in psutil.Process(worker.pid).children() if "worker.run_job" in " ".join(one.cmdline())]


def child_of(worker: "subprocess.Popen[bytes]") -> psutil.Process:
    """The busy child of a training worker: the one that has used the most processor time."""
    return max(children_of(worker), key=lambda one: one.cpu_times().user)


@pytest.fixture
def world(database: Database, blobs: Blobs) -> World:
    made = make_world(database, blobs, HANDS, images=10)
    for name in ("Small", "Large"):
        draw(database, blobs, made, name, made.images[:6], HANDS[name])
    return made


def step_of(database: Database, job_id: UUID) -> int:
    progress = row(database, job_id)["progress"]
    return int(progress["step"]) if isinstance(progress, dict) else 0


def test_from_pretraining_over_corrections_to_a_better_prediction(
    database: Database, blobs: Blobs, world: World, workers: Workers
) -> None:
    workers.start("training")
    workers.start("interactive")

    pretrained = eventually(
        "pretraining", ended(database, ask(database, "pretrain", world, params={"config": TINY})), 180
    )
    assert pretrained["state"] == "done", pretrained["error"]
    with database.write() as db:
        projects.assign_images(db, SYSTEM, world.project_id, world.images[9:], [world.experts["New"]])
    first = eventually("the first prediction", lambda: prediction(database, blobs, world, "New", world.images[9]), 60)
    draw(database, blobs, world, "New", world.images[:5], HANDS["New"])
    style = eventually("the new expert's own style", lambda: judged_style(database, world), 120)
    assert style["state"] == "live", style["gate"]
    eventually("the newer prediction", lambda: prediction_by(database, world, world.images[9], style["id"]), 60)
    second = prediction(database, blobs, world, "New", world.images[9])

    y, x, radius = world.discs[world.images[9]]
    truth = disc(y, x, radius + HANDS["New"])
    assert dice(second, truth) > dice(first, truth), style["gate"]

    draw(database, blobs, world, "New", world.images[6:8], HANDS["New"])
    evaluated = eventually("evaluation", ended(database, ask(database, "evaluate", world)), 60)
    assert evaluated["state"] == "done", evaluated["error"]
    own = next(one for one in evaluated["result"]["experts"] if one["expert_id"] == str(world.experts["New"]))
    assert (own["cases"], own["unit"]) == (2, "mm")
    assert own["candidates"]["live"]["dice"]["mean"] > own["candidates"]["average"]["dice"]["mean"]


def judged_style(database: Database, world: World) -> dict[str, object] | None:
    with database.read() as db:
        found = db.execute(
            text("SELECT id, state, gate FROM styles WHERE expert_id = :e AND gate IS NOT NULL"),
            {"e": world.experts["New"]},
        ).mappings().first()  # fmt: skip
        return dict(found) if found else None


def prediction_by(database: Database, world: World, image_id: UUID, style_id: object) -> object:
    question = "SELECT id FROM segmentations WHERE author = 'model' AND image_id = :i AND style_id = :s"
    return scalar(database, question, i=image_id, s=style_id)


def prediction(database: Database, blobs: Blobs, world: World, expert: str, image_id: UUID) -> object:
    """What the expert's live style drew on an image, or None."""
    question = (
        "SELECT r.labels_sha256 FROM segmentations s JOIN revisions r ON r.id = s.head_revision_id "
        "JOIN live_styles l ON l.style_id = s.style_id WHERE s.image_id = :i AND l.expert_id = :e"
    )
    sha256 = scalar(database, question, i=image_id, e=world.experts[expert])
    return None if sha256 is None else Labels(decompress(blobs.read(str(sha256)), (1, EDGE, EDGE), "uint8"))


class Labels:
    """A label map that is true as an answer even when it is all background."""

    def __init__(self, array: object) -> None:
        self.array = array


def dice(found: object, truth: object) -> float:
    a, b = found.array > 0, truth > 0
    return float(2 * (a & b).sum() / max(1, a.sum() + b.sum()))


def test_killing_the_child_half_way_resumes_from_its_checkpoint_and_publishes_once(
    database: Database, blobs: Blobs, world: World, workers: Workers, settings: Settings
) -> None:
    worker = workers.start("training")
    job_id = ask(database, "pretrain", world, params={"config": {**TINY, "steps": 400}})
    manifest = settings.work_folder / "jobs" / str(job_id) / "manifest.json"
    eventually("a checkpoint", manifest.exists, 90)
    eventually("progress past it", lambda: step_of(database, job_id) > 10, 60)

    child_of(worker).kill()
    eventually("the second attempt", lambda: row(database, job_id)["attempt"] == 2)
    done = eventually("the end", ended(database, job_id), 180)

    assert done["state"] == "done", done["error"]
    assert scalar(database, "SELECT count(*) FROM model_versions WHERE job_id = :j", j=job_id) == 1
    resumed_at = scalar(database, "SELECT min(step) FROM job_metrics WHERE job_id = :j AND attempt = 2", j=job_id)
    assert isinstance(resumed_at, int) and resumed_at > 10, f"the second attempt began again at step {resumed_at}"
    eventually("the checkpoints' removal", lambda: not manifest.parent.exists())


def test_killing_one_of_two_processes_that_train_together_ends_both_and_the_next_attempt_resumes(
    database: Database, world: World, workers: Workers, settings: Settings
) -> None:
    workers.environment["CONSILIUM_TRAINING_PROCESSES"] = "2"
    worker = workers.start("training")
    job_id = ask(database, "pretrain", world, params={"config": {**TINY, "channels": [6, 12], "stem": 2, "steps": 60}})
    manifest = settings.work_folder / "jobs" / str(job_id) / "manifest.json"
    eventually("a checkpoint", manifest.exists, 300)
    pair = [one for one in child_of(worker).children() if "spawn_main" in " ".join(one.cmdline())]
    assert len(pair) == 2

    pair[1].kill()
    done = eventually("the end", ended(database, job_id), 400)

    assert (done["state"], done["attempt"]) == ("done", 2), done["error"]
    assert not any(one.is_running() for one in pair)
    resumed_at = scalar(database, "SELECT min(step) FROM job_metrics WHERE job_id = :j AND attempt = 2", j=job_id)
    assert isinstance(resumed_at, int) and resumed_at > 10, f"the second attempt began again at step {resumed_at}"


def test_killing_the_whole_worker_takes_its_child_along_and_another_worker_finishes(
    database: Database, world: World, workers: Workers
) -> None:
    first = workers.start("training")
    job_id = ask(database, "pretrain", world, params={"config": {**TINY, "steps": 200}})
    eventually("progress", lambda: step_of(database, job_id) > 0, 90)
    child = child_of(first)

    first.kill()
    first.wait()
    eventually("the child's end", lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    workers.start("training")
    done = eventually("the end", ended(database, job_id), 180)

    assert (done["state"], done["attempt"]) == ("done", 2), done["error"]


def test_stopping_the_worker_requeues_within_ten_seconds_with_a_checkpoint(
    database: Database, world: World, workers: Workers, settings: Settings
) -> None:
    worker = workers.start("training")
    job_id = ask(database, "pretrain", world, params={"config": {**TINY, "steps": 5000, "checkpoint_every": 5000}})
    eventually("progress", lambda: step_of(database, job_id) > 0, 90)
    assert scalar(database, "SELECT count(*) FROM worker_heartbeats") == 1
    starved = Starved(worker.pid, child_of(worker).pid)

    def requeued() -> bool:
        starved.seconds()
        return row(database, job_id)["state"] == "queued"

    asked_at = scalar(database, "SELECT clock_timestamp()")
    worker.send_signal(signal.SIGTERM)
    eventually("the job back in the queue", requeued, 60)
    worker.wait(timeout=60)

    stopped = row(database, job_id)
    took = (stopped["updated_at"] - asked_at).total_seconds()
    assert took - starved.seconds() <= 10, (
        f"requeued after {took:.1f} s, {starved.seconds():.1f} s of them without a processor"
    )
    assert stopped["lost"] == 0
    assert (settings.work_folder / "jobs" / str(job_id) / "manifest.json").exists()
    assert scalar(database, "SELECT count(*) FROM worker_heartbeats") == 0, "it was stopped in order, so it signs off"


def test_a_worker_is_heard_of_before_it_has_loaded_its_networks_and_signs_off_even_then(
    database: Database, workers: Workers
) -> None:
    worker = workers.start("interactive")
    eventually("its heartbeat", lambda: scalar(database, "SELECT count(*) FROM worker_heartbeats") == 1, 60, 0.01)

    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=60) == 0

    assert scalar(database, "SELECT count(*) FROM worker_heartbeats") == 0


def test_a_child_waits_for_the_next_job_as_soon_as_there_is_a_model_to_personalise(
    database: Database, world: World, workers: Workers
) -> None:
    worker = workers.start("training")
    look = "SELECT last_seen FROM worker_heartbeats"
    at_first = eventually("its first heartbeat", lambda: scalar(database, look))
    eventually("its desk's", lambda: scalar(database, look) != at_first)
    before = children_of(worker)
    workers.stop()
    publish_version(database, world, ("Small", "Large"))

    worker = workers.start("training")

    eventually("a child that waits", lambda: children_of(worker))
    assert before == []


def test_cancelling_a_training_ends_it_within_seconds(database: Database, world: World, workers: Workers) -> None:
    workers.start("training")
    job_id = ask(database, "pretrain", world, params={"config": {**TINY, "steps": 5000}})
    eventually("progress", lambda: step_of(database, job_id) > 0, 90)

    with database.write() as db:
        jobs.cancel(db, SYSTEM, job_id)

    assert eventually("the end", ended(database, job_id), 10)["state"] == "cancelled"


def test_a_reading_that_cannot_be_learned_from_fails_in_plain_words(
    database: Database, blobs: Blobs, workers: Workers
) -> None:
    empty = make_world(database, blobs, {"Nobody": 0}, images=1)
    workers.start("training")

    failed = eventually("the end", ended(database, ask(database, "pretrain", empty)), 60)

    assert failed["state"] == "failed"
    assert isinstance(failed["error"], dict)
    assert "submit" in failed["error"]["message"].lower()
    assert Path(str(failed["error"]["remedy"])) != Path()
