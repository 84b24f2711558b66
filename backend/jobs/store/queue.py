"""The queue's queries: ring, claim, renew, fence, reap.

Every statement a job makes carries `WHERE id AND attempt AND state = 'running'`: a worker that lost its lease and came
back finds no row and must stop. Leases run on the database's clock alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Interval, and_, case, cast, delete, func, not_, select, true, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from backend.database import AnySession, WriteSession
from backend.jobs.store.tables import Job, JobMetric, WorkerHeartbeat

# Any constant does, as long as nothing else of ours locks with it: "jobs" in ASCII.
TICK_LOCK = 0x6A6F6273

# A parameter of what a page asks for before its reader does.
AHEAD = "ahead"

# Jobs that tell how one reading goes on: hidden wherever that reading is.
OF_ONE_READING = ("interact", "propagate", "opinions", "update")


def seconds(value: float) -> ColumnElement[Any]:
    """A span of time on the database's clock."""
    return cast(func.make_interval(0, 0, 0, 0, 0, 0, value), Interval)


def fence(job_id: UUID, attempt: int) -> ColumnElement[bool]:
    """What every write by a running attempt asks first."""
    return and_(Job.id == job_id, Job.attempt == attempt, Job.state == "running")


def is_waited_for() -> ColumnElement[bool]:
    """A person asked for it, and not merely their page, ahead of them."""
    return and_(Job.owner_id.is_not(None), not_(Job.params.has_key(AHEAD)))


def add(db: WriteSession, values: Mapping[str, Any]) -> Job:
    """Append a queued job."""
    return db.scalars(insert(Job).values(dict(values)).returning(Job)).one()


def claim_next(
    db: WriteSession, queue: str, worker: str, lease_seconds: float, *, asked_for_only: bool = False
) -> Job | None:
    """Take the next waiting job of a queue under a new attempt, or None. asked_for_only: none that nobody waits for.

    Order: what a person waits for before what the scheduler or somebody's page asked for; of the former the owner served
    longest ago first, so that 500 predictions of one user do not hold up another's first; then age.
    """
    waited_for = is_waited_for()
    served = (  # of the last hour alone, found by index: what was served earlier no longer matters
        select(Job.owner_id, func.max(Job.started_at).label("last"))
        .where(Job.queue == queue, waited_for, Job.updated_at > func.now() - seconds(3600))
        .group_by(Job.owner_id)
        .subquery()
    )
    chosen = (
        select(Job.id)
        .outerjoin(served, served.c.owner_id == Job.owner_id)
        .where(Job.state == "queued", Job.queue == queue, waited_for if asked_for_only else true())
        .order_by(waited_for.desc(), case((waited_for, served.c.last)).asc().nulls_first(), Job.created_at, Job.id)
        .limit(1)
        .with_for_update(skip_locked=True, of=Job)
        .scalar_subquery()
    )
    return db.scalars(
        update(Job)
        .where(Job.id == chosen, Job.state == "queued")
        .values(
            state="running",
            attempt=Job.attempt + 1,
            worker=worker,
            lease_until=func.now() + seconds(lease_seconds),
            started_at=func.now(),
            updated_at=func.now(),
        )
        .returning(Job)
        .execution_options(synchronize_session=False)
    ).one_or_none()


def renew(db: WriteSession, held: Sequence[tuple[UUID, int]], lease_seconds: float) -> dict[UUID, bool]:
    """Lengthen the leases still held; returns job id → cancel requested. What is missing from the answer is lost."""
    rows = db.execute(
        update(Job)
        .where(tuple_(Job.id, Job.attempt).in_(list(held)), Job.state == "running")
        .values(lease_until=func.now() + seconds(lease_seconds))
        .returning(Job.id, Job.cancel_requested)
        .execution_options(synchronize_session=False)
    )
    return {row.id: row.cancel_requested for row in rows}


def hold(db: WriteSession, job_id: UUID, attempt: int) -> Job | None:
    """Lock the row of a running attempt for the rest of this transaction; None when the lease was lost."""
    return db.scalars(select(Job).where(fence(job_id, attempt)).with_for_update()).one_or_none()


def write_progress(db: WriteSession, job_id: UUID, attempt: int, progress: Mapping[str, Any]) -> Job | None:
    """Fenced; returns the row, None when the lease was lost."""
    return _write(db, job_id, attempt, progress=dict(progress))


def forgive(db: WriteSession, job_id: UUID, attempt: int) -> Job | None:
    """A checkpoint was kept: earlier losses no longer count against the job."""
    return _write(db, job_id, attempt, lost=0, retries=0)


def finish(db: WriteSession, job_id: UUID, attempt: int, result: Mapping[str, Any]) -> Job | None:
    """Fenced; the job is done."""
    return _write(db, job_id, attempt, state="done", result=dict(result), finished_at=func.now(), lease_until=None)


def fail(db: WriteSession, job_id: UUID, attempt: int, error: Mapping[str, Any]) -> Job | None:
    """Fenced; the job has failed for good."""
    return _write(db, job_id, attempt, state="failed", error=dict(error), finished_at=func.now(), lease_until=None)


def end_cancelled(db: WriteSession, job_id: UUID, attempt: int) -> Job | None:
    """Fenced; the worker has let go of a job whose cancel was asked for."""
    return _write(db, job_id, attempt, state="cancelled", finished_at=func.now(), lease_until=None)


def hurry(db: WriteSession, job_id: UUID) -> Job | None:
    """Somebody waits now for what was asked ahead of them; None where it no longer waits itself."""
    return db.scalars(
        update(Job)
        .where(Job.id == job_id, Job.state == "queued", Job.params.has_key(AHEAD))
        .values(params=Job.params.delete_path([AHEAD]), updated_at=func.now())
        .returning(Job)
        .execution_options(synchronize_session=False, populate_existing=True)
    ).one_or_none()


def requeue(db: WriteSession, job_id: UUID, attempt: int, *, lost: int = 0, retries: int = 0) -> Job | None:
    """Fenced; back into the queue, its place kept."""
    return _write(
        db,
        job_id,
        attempt,
        state="queued",
        lease_until=None,
        worker=None,
        rung_at=func.now(),
        lost=Job.lost + lost,
        retries=Job.retries + retries,
    )


def _write(db: WriteSession, job_id: UUID, attempt: int, **values: Any) -> Job | None:
    return db.scalars(
        update(Job)
        .where(fence(job_id, attempt))
        .values(updated_at=func.now(), **values)
        .returning(Job)
        .execution_options(synchronize_session=False, populate_existing=True)
    ).one_or_none()


def add_metrics(
    db: WriteSession, job_id: UUID, attempt: int, figures: Sequence[tuple[int, str, float]]
) -> list[int] | None:
    """Append (step, name, value) figures; returns their sequence numbers, None when the lease was lost."""
    if hold(db, job_id, attempt) is None:
        return None
    last = db.scalar(select(func.coalesce(func.max(JobMetric.seq), 0)).where(JobMetric.job_id == job_id)) or 0
    rows = [
        {"job_id": job_id, "seq": last + i, "attempt": attempt, "step": step, "name": name, "value": value}
        for i, (step, name, value) in enumerate(figures, start=1)
    ]
    if rows:
        db.execute(insert(JobMetric), rows)
    return list(range(last + 1, last + 1 + len(rows)))


def request_cancel(db: WriteSession, job_id: UUID) -> Job | None:
    """A queued job is cancelled at once, a running one is asked to stop; an ended one is left alone (None)."""
    return db.scalars(
        update(Job)
        .where(Job.id == job_id, Job.state.in_(("queued", "running")))
        .values(
            cancel_requested=True,
            state=case((Job.state == "queued", "cancelled"), else_=Job.state),
            finished_at=case((Job.state == "queued", func.now()), else_=None),
            updated_at=func.now(),
        )
        .returning(Job)
        .execution_options(synchronize_session=False, populate_existing=True)
    ).one_or_none()


def supersede(db: WriteSession, project_id: UUID, expert_id: UUID) -> list[Job]:
    """Cancel personalisations of this expert that still wait; returns them."""
    rows = db.scalars(
        update(Job)
        .where(
            Job.kind == "personalise", Job.state == "queued", Job.project_id == project_id, Job.expert_id == expert_id
        )
        .values(state="cancelled", cancel_requested=True, finished_at=func.now(), updated_at=func.now())
        .returning(Job)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return list(rows)


def jobs_of_segmentation(db: AnySession, segmentation_id: UUID, prompt_id: UUID | None = None) -> list[Job]:
    """The jobs that answer this segmentation's prompts (or one of them), newest first."""
    return _jobs_of(db, "interact", segmentation_id, prompt_id)


def propagations_of(db: AnySession, segmentation_id: UUID) -> list[Job]:
    """The jobs that propagate this segmentation's drawn slices, newest first."""
    return _jobs_of(db, "propagate", segmentation_id)


def opinion_jobs_of(db: AnySession, segmentation_id: UUID) -> list[Job]:
    """The jobs that gave several opinions on this segmentation, newest first."""
    return _jobs_of(db, "opinions", segmentation_id)


def waiting_inspection(db: AnySession, import_id: UUID) -> Job | None:
    """The job that will look at this upload and has not begun."""
    query = select(Job).where(Job.kind == "import", Job.state == "queued")
    return db.scalars(query.where(Job.params["inspect"].astext == str(import_id)).limit(1)).one_or_none()


def _jobs_of(db: AnySession, kind: str, segmentation_id: UUID, prompt_id: UUID | None = None) -> list[Job]:
    query = select(Job).where(Job.kind == kind, Job.params["segmentation_id"].astext == str(segmentation_id))
    if prompt_id is not None:
        query = query.where(Job.params["prompt_id"].astext == str(prompt_id))
    return list(db.scalars(query.order_by(Job.created_at.desc(), Job.id.desc()).limit(20)))


def try_tick_lock(db: WriteSession) -> bool:
    """One reaper and one scheduler at a time, over all machines; held until the transaction ends."""
    return bool(db.scalar(select(func.pg_try_advisory_xact_lock(TICK_LOCK))))


def expired(db: WriteSession) -> list[Job]:
    """Running jobs whose lease has run out, locked; those a worker is just writing to are left for the next tick."""
    return list(
        db.scalars(
            select(Job).where(Job.state == "running", Job.lease_until < func.now()).with_for_update(skip_locked=True)
        )
    )


def unheard(db: WriteSession, after_seconds: float) -> list[Job]:
    """Queued jobs whose bell nobody answered, marked as rung again now."""
    rows = db.scalars(
        update(Job)
        .where(Job.state == "queued", Job.rung_at < func.now() - seconds(after_seconds))
        .values(rung_at=func.now())
        .returning(Job)
        .execution_options(synchronize_session=False)
    )
    return list(rows)


def state_of(db: AnySession, job_id: UUID) -> str | None:
    return db.scalar(select(Job.state).where(Job.id == job_id))


def positions(db: AnySession, job_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many jobs of the same queue stand before each queued one, plus one; by age, which is close to the truth."""
    if not job_ids:
        return {}
    ranked = (
        select(Job.id, func.rank().over(partition_by=Job.queue, order_by=(Job.created_at, Job.id)).label("rank"))
        .where(Job.state == "queued")
        .subquery()
    )
    rows = db.execute(select(ranked.c.id, ranked.c.rank).where(ranked.c.id.in_(list(job_ids))))
    return {row.id: row.rank for row in rows}


def beat(db: WriteSession, name: str, queue: str, device: str) -> None:
    """Say that a worker is alive, on the database's clock."""
    db.execute(
        insert(WorkerHeartbeat)
        .values(name=name, queue=queue, device=device, last_seen=func.now())
        .on_conflict_do_update(
            index_elements=[WorkerHeartbeat.name],
            set_={"queue": queue, "device": device, "last_seen": func.now()},
        )
    )


def sign_off(db: WriteSession, name: str) -> None:
    """Forget one worker's heartbeat."""
    db.execute(delete(WorkerHeartbeat).where(WorkerHeartbeat.name == name))


def bury_heartbeats(db: WriteSession, older_than_seconds: float) -> None:
    """Forget workers that have been silent this long."""
    db.execute(delete(WorkerHeartbeat).where(WorkerHeartbeat.last_seen < func.now() - seconds(older_than_seconds)))
