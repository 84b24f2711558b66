"""The queue on a real PostgreSQL: one claim each, fenced writes, leases, the reaper, cancelling, poison."""

import threading
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from backend.accounts.rules import Actor
from backend.blobs import Blobs
from backend.database import Database
from backend.jobs import rules
from backend.jobs.rules import Claimed, JobFailure, LeaseLost, Timing
from backend.settings import Settings
from worker.gateway import Gateway, queue

TIMING = Timing(personalise_after=5, personalise_every=3, personalise_quiet_seconds=0, rering_seconds=10)


def queue_job(database: Database, kind: str = "pretrain") -> UUID:
    with database.write() as db:
        return rules.add_job(db, kind, project_id=None).id


def claim(database: Database, queue: str = "training", lease_seconds: float = 30) -> Claimed | None:
    with database.write() as db:
        return rules.claim(db, queue, "a test", lease_seconds)


def claimed(database: Database, queue: str = "training", lease_seconds: float = 30) -> Claimed:
    job = claim(database, queue, lease_seconds)
    assert job is not None
    return job


def state_of(database: Database, job_id: UUID) -> str:
    return str(column(database, job_id, "state"))


def column(database: Database, job_id: UUID, name: str) -> object:
    with database.read() as db:
        return db.execute(text(f"SELECT {name} FROM jobs WHERE id = :id"), {"id": job_id}).scalar_one()


def change(database: Database, job_id: UUID, assignment: str) -> None:
    """Let time pass for one job."""
    with database.write() as db:
        db.execute(text(f"UPDATE jobs SET {assignment} WHERE id = :id"), {"id": job_id})


def tick(database: Database) -> int | None:
    with database.write() as db:
        return rules.tick(db, TIMING)


def test_checkpoints_stay_until_their_job_has_ended_in_whatever_way(
    database: Database, blobs: Blobs, settings: Settings
) -> None:
    gateway = Gateway(database, blobs, settings)
    waiting, cancelled = queue_job(database), queue_job(database)
    change(database, cancelled, "state = 'cancelled'")
    for name in (waiting, cancelled, "lost+found"):
        gateway.job_folder(name).mkdir(parents=True)

    queue.sweep_job_folders(gateway)

    assert {folder.name for folder in gateway.job_folder("").iterdir()} == {str(waiting), "lost+found"}


def test_twenty_workers_claiming_ten_jobs_get_one_each(database: Database) -> None:
    made = {queue_job(database) for _ in range(10)}
    got: list[UUID] = []
    start = threading.Barrier(20)

    def work() -> None:
        start.wait()
        job = claim(database)
        if job is not None:
            got.append(job.id)

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(got, key=str) == sorted(made, key=str)


def test_a_job_being_claimed_is_passed_over_not_waited_for(database: Database) -> None:
    first, second = queue_job(database), queue_job(database)

    with database.write() as db:
        one = rules.claim(db, "training", "slow", 30)
        other = claimed(database)  # a second session, while the first has not committed

    assert one is not None
    assert {one.id, other.id} == {first, second}


def test_a_bell_heard_five_times_runs_the_job_once(database: Database) -> None:
    job_id = queue_job(database)

    answers = [claim(database) for _ in range(5)]

    assert [job.id for job in answers if job] == [job_id]
    assert column(database, job_id, "attempt") == 1


def test_interactive_work_is_not_given_to_the_training_queue(database: Database) -> None:
    queue_job(database, "predict")

    assert claim(database, "training") is None
    assert claim(database, "interactive") is not None


def test_the_last_hand_takes_nothing_the_scheduler_asked_for(database: Database) -> None:
    queue_job(database, "predict")
    person = make_user(database, "person")
    with database.write() as db:
        asked = rules.add_job(db, "predict", project_id=None, owner=person).id
        taken = [rules.claim(db, "interactive", "a test", 30, asked_for_only=True) for _ in range(2)]

    assert [job and job.id for job in taken] == [asked, None]


def test_what_a_person_asked_for_comes_before_what_the_scheduler_asked_for(database: Database) -> None:
    queue_job(database, "predict")
    person = make_user(database, "person")
    with database.write() as db:
        asked = rules.add_job(db, "predict", project_id=None, owner=person).id

    assert claimed(database, "interactive").id == asked


def test_what_a_page_asks_ahead_of_its_reader_yields_to_what_somebody_waits_for(database: Database) -> None:
    eager, patient = make_user(database, "eager"), make_user(database, "patient")
    with database.write() as db:
        ahead = rules.add_job(db, "opinions", project_id=None, owner=eager, params={"ahead": True}).id
        waited_for = rules.add_job(db, "predict", project_id=None, owner=patient).id
        last_hand = rules.claim(db, "interactive", "a test", 30, asked_for_only=True)
        nothing = rules.claim(db, "interactive", "a test", 30, asked_for_only=True)

    assert last_hand is not None and (last_hand.id, last_hand.is_waited_for) == (waited_for, True)
    assert nothing is None
    taken = claimed(database, "interactive")
    assert (taken.id, taken.is_waited_for) == (ahead, False)


def test_what_nobody_waits_for_is_served_by_age(database: Database) -> None:
    """Neither the scheduler's work nor a page's can keep the other waiting for ever."""
    person = make_user(database, "person")
    made = [queue_job(database, "predict")]
    with database.write() as db:
        made.append(rules.add_job(db, "opinions", project_id=None, owner=person, params={"ahead": True}).id)
    made.append(queue_job(database, "predict"))

    assert [claimed(database, "interactive").id for _ in made] == made


def test_work_done_ahead_is_not_held_against_who_waits_later(database: Database) -> None:
    first, second = make_user(database, "first"), make_user(database, "second")
    with database.write() as db:
        rules.add_job(db, "opinions", project_id=None, owner=first, params={"ahead": True})
    claimed(database, "interactive")
    wanted = []
    for person in (first, second):
        with database.write() as db:
            wanted.append(rules.add_job(db, "predict", project_id=None, owner=person).id)

    assert [claimed(database, "interactive").id for _ in wanted] == wanted


def test_a_newcomer_need_not_wait_for_all_jobs_of_somebody_else(database: Database) -> None:
    busy, newcomer = make_user(database, "busy"), make_user(database, "newcomer")
    with database.write() as db:
        for _ in range(5):
            rules.add_job(db, "predict", project_id=None, owner=busy)
        theirs = rules.add_job(db, "predict", project_id=None, owner=newcomer).id

    # All six were made in one transaction, so either may be first; what must not happen is two of one person before the other.
    assert theirs in [claimed(database, "interactive").id for _ in range(2)]


def test_a_zombie_may_write_nothing(database: Database) -> None:
    job_id = queue_job(database)
    zombie = claimed(database, lease_seconds=-1)
    tick(database)
    alive = claimed(database)

    for write in (
        lambda db: rules.report(db, zombie, progress(1)),
        lambda db: rules.add_metrics(db, zombie, [(1, "loss", 0.5)]),
        lambda db: rules.keep_checkpoint(db, zombie),
        lambda db: rules.hold(db, zombie),
        lambda db: rules.finish(db, zombie, {"made by": "zombie"}),
        lambda db: rules.fail(db, zombie, JobFailure("x", "x", "x")),
    ):
        with pytest.raises(LeaseLost), database.write() as db:
            write(db)
    with database.write() as db:
        rules.finish(db, alive, {"made by": "the living"})

    assert column(database, job_id, "result") == {"made by": "the living"}


def test_an_expired_lease_brings_the_job_back(database: Database) -> None:
    job_id = queue_job(database)
    claimed(database, lease_seconds=-1)

    tick(database)

    assert state_of(database, job_id) == "queued"
    assert claimed(database).attempt == 2


def test_a_renewed_lease_does_not_expire(database: Database) -> None:
    job = claimed_new(database, lease_seconds=-1)

    with database.write() as db:
        still = rules.renew(db, [(job.id, job.attempt)], 30)
    tick(database)

    assert still == {job.id: False}
    assert state_of(database, job.id) == "running"


def test_a_lost_lease_is_missing_from_the_renewal(database: Database) -> None:
    job = claimed_new(database, lease_seconds=-1)
    tick(database)

    with database.write() as db:
        assert rules.renew(db, [(job.id, job.attempt)], 30) == {}


def test_a_job_that_ends_two_workers_in_a_row_is_set_aside(database: Database) -> None:
    job_id = queue_job(database)

    for _ in range(2):
        claimed(database, lease_seconds=-1)
        tick(database)

    assert state_of(database, job_id) == "failed"
    assert error_of(database, job_id)["code"] == "poison"
    assert claim(database) is None


def test_a_checkpoint_between_two_losses_lets_the_job_go_on(database: Database) -> None:
    job_id = queue_job(database)

    for _ in range(3):
        job = claimed(database, lease_seconds=-1)
        with database.write() as db:
            rules.keep_checkpoint(db, job)
        tick(database)

    assert state_of(database, job_id) == "queued"


def test_a_job_that_keeps_finding_the_database_away_fails_the_third_time(database: Database) -> None:
    job_id = queue_job(database)

    for _ in range(3):
        job = claimed(database)
        with database.write() as db:
            rules.settle_retry(db, job)

    assert error_of(database, job_id)["code"] == "out-of-retries"


def test_a_worker_that_stops_hands_its_job_back_with_nothing_held_against_it(database: Database) -> None:
    job_id = queue_job(database)

    for _ in range(5):
        job = claimed(database)
        with database.write() as db:
            rules.settle(db, job, stopping=True)

    assert state_of(database, job_id) == "queued"
    assert column(database, job_id, "lost") == 0


def test_a_bell_nobody_heard_is_rung_again(database: Database) -> None:
    job_id = queue_job(database)
    change(database, job_id, "rung_at = now() - interval '1 minute'")

    with database.listen("jobs") as ear:
        tick(database)
        heard = [notice.payload for notice in ear.notifies(timeout=2, stop_after=1)]

    assert heard == ["training"]


def test_only_one_worker_ticks_at_a_time(database: Database) -> None:
    with database.write() as db:
        assert rules.tick(db, TIMING) is not None
        assert tick(database) is None


def test_cancelling_a_queued_job_ends_it_at_once(database: Database) -> None:
    person = make_user(database, "owner")
    with database.write() as db:
        job_id = rules.add_job(db, "predict", project_id=None, owner=person).id

    with database.write() as db:
        rules.cancel(db, person, job_id)

    assert state_of(database, job_id) == "cancelled"
    assert claim(database, "interactive") is None


def test_cancelling_a_running_job_is_told_with_the_renewal_and_stops_its_publication(database: Database) -> None:
    person = make_user(database, "owner")
    with database.write() as db:
        rules.add_job(db, "predict", project_id=None, owner=person)
    job = claimed(database, "interactive")

    with database.write() as db:
        rules.cancel(db, person, job.id)
    with database.write() as db:
        told = rules.renew(db, [(job.id, job.attempt)], 30)
    with pytest.raises(LeaseLost), database.write() as db:
        rules.hold(db, job)
    with database.write() as db:
        rules.settle(db, job)

    assert told == {job.id: True}
    assert state_of(database, job.id) == "cancelled"


def test_a_locked_owner_s_job_is_cancelled_not_run(database: Database) -> None:
    person = make_user(database, "leaver")
    with database.write() as db:
        job_id = rules.add_job(db, "predict", project_id=None, owner=person).id
        db.execute(text("UPDATE users SET locked_at = now() WHERE id = :id"), {"id": person.user_id})

    assert claim(database, "interactive") is None
    assert state_of(database, job_id) == "cancelled"


def test_the_curve_is_numbered_from_one_over_all_attempts(database: Database) -> None:
    job = claimed_new(database)

    for step in (10, 20):
        with database.write() as db:
            rules.add_metrics(db, job, [(step, "loss", 1 / step), (step, "dice", 50.0)])

    with database.read() as db:
        numbers = db.execute(text("SELECT seq FROM job_metrics ORDER BY seq")).scalars().all()
    assert numbers == [1, 2, 3, 4]


def progress(step: int) -> dict[str, object]:
    return {"step": step, "steps": 10, "phase": "training", "seconds_left": None, "message": ""}


def claimed_new(database: Database, lease_seconds: float = 30) -> Claimed:
    queue_job(database)
    return claimed(database, lease_seconds=lease_seconds)


def error_of(database: Database, job_id: UUID) -> dict[str, str]:
    error = column(database, job_id, "error")
    assert isinstance(error, dict)
    return error


def make_user(database: Database, name: str) -> Actor:
    with database.write() as db:
        user_id = uuid4()
        db.execute(
            text("INSERT INTO users (id, name, display_name, role) VALUES (:id, :name, :name, 'expert')"),
            {"id": user_id, "name": f"{name} {user_id}"},
        )
    return Actor(user_id=user_id, name=name, role="expert")
