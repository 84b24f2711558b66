"""What a worker does when a bell is broken, heard in vain, or rung by a signal that is none of ours."""

import signal
import threading

import pytest
from sqlalchemy import text

from backend import queue as bells
from backend.blobs import Blobs
from backend.database import Database
from backend.jobs import rules as jobs
from backend.settings import Settings
from tests.running import eventually
from tests.workers import Workers
from worker.desk import Desk, Held
from worker.gateway import Gateway, queue


def count(database: Database, table: str) -> object:
    with database.read() as db:
        return db.scalar(text(f"SELECT count(*) FROM {table}"))


def test_a_message_seen_before_it_is_written_does_not_end_the_worker(settings: Settings, workers: Workers) -> None:
    """kombu's filesystem transport opens the file under its final name, then writes: a starved writer shows an empty one."""
    worker = workers.start("training")
    folder = settings.broker_folder / "messages"

    for n in range(2):  # the second is taken only where somebody listens after the first
        message = folder / f"{n}_half.training.msg"
        eventually("the broker's folder", folder.is_dir)
        message.touch()
        eventually(f"message {n} to be taken", lambda message=message: not message.exists())

    assert worker.poll() is None


@pytest.mark.filterwarnings("error::celery.exceptions.DuplicateTaskNameWarning")
def test_a_bell_hung_up_again_is_the_only_one(settings: Settings) -> None:
    heard: list[int] = []
    for n in range(2):
        celery = bells.make_celery(settings)
        queue.answer_bell(celery, lambda n=n: heard.append(n))
        celery.finalize()
    celery.tasks[queue.TASK]("a job")

    assert heard == [1]


def test_a_hang_up_stops_a_worker_in_order(database: Database, settings: Settings, workers: Workers) -> None:
    worker = workers.start("training")
    message = settings.broker_folder / "messages" / "1_half.training.msg"
    eventually("the broker's folder", message.parent.is_dir)
    message.touch()
    eventually("Celery to listen", lambda: not message.exists())

    worker.send_signal(signal.SIGHUP)

    assert worker.wait(timeout=60) == 0
    assert count(database, "worker_heartbeats") == 0


def test_a_bell_heard_in_vain_is_answered_once_the_database_is_back(
    database: Database, blobs: Blobs, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """Else the job waited for the reaper, which rings again after ten seconds at the earliest."""
    url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    gateway = Gateway(Database(url, lock_seconds=0.1), blobs, settings)
    done = threading.Event()

    def work(held: Held) -> None:
        queue.finish(gateway, held.job, {})
        done.set()

    with database.write() as db:
        job = jobs.add_job(db, "export", project_id=None)
        rung_at = job.rung_at
    desk = Desk(gateway, "interactive", {"export": work}, 1, "cpu")

    with database.write() as db:
        db.execute(text("LOCK TABLE jobs"))
        desk.start()
        eventually("two looks in vain", lambda: caplog.text.count("looking for work failed") >= 2)

    assert done.wait(60)
    desk.stop(10)
    gateway.database.close()
    with database.read() as db:
        assert db.scalar(text("SELECT rung_at FROM jobs")) == rung_at, "nobody rang again for it"
