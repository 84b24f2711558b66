"""What people see of jobs: lists, figures, and what an event stream replays after a gap."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, tuple_

from backend.database import AnySession
from backend.jobs.store.queue import OF_ONE_READING
from backend.jobs.store.tables import Job, JobMetric, WorkerHeartbeat
from backend.models.store import LiveStyle
from backend.projects.store import Assignment
from backend.segmentations.store import Revision, Segmentation


@dataclass(frozen=True)
class JobSight:
    """Whose jobs a caller may see: all of `whole_projects`, and in `own_projects` their own and those about their own style.

    blinded: those of `whole_projects` whose single readings the caller must not follow.
    """

    whole_projects: frozenset[UUID]
    own_projects: frozenset[UUID]
    own_expert_id: UUID | None
    user_id: UUID | None
    blinded: frozenset[UUID] = frozenset()

    def predicate(self) -> ColumnElement[bool]:
        """The same, as a filter on jobs."""
        here = or_(Job.project_id.is_(None), Job.project_id.in_(self.own_projects))
        mine = and_(here, Job.owner_id.is_not(None), Job.owner_id == self.user_id)
        own = and_(
            Job.project_id.in_(self.own_projects), Job.expert_id.is_not(None), Job.expert_id == self.own_expert_id
        )
        whole = and_(
            Job.project_id.in_(self.whole_projects),
            or_(Job.kind.not_in(OF_ONE_READING), Job.project_id.not_in(self.blinded)),
        )
        return or_(whole, mine, own)


def find_job(db: AnySession, job_id: UUID, sight: JobSight | None = None) -> Job | None:
    """A job by its id, within the caller's sight if one is given."""
    query = select(Job).where(Job.id == job_id)
    if sight is not None:
        query = query.where(sight.predicate())
    return db.scalars(query).one_or_none()


def newest_done(db: AnySession, project_id: UUID, kind: str) -> Job | None:
    """The job of this kind that finished last in a project."""
    query = select(Job).where(Job.project_id == project_id, Job.kind == kind, Job.state == "done")
    return db.scalar(query.order_by(Job.finished_at.desc(), Job.id).limit(1))


def jobs(
    db: AnySession,
    sight: JobSight,
    *,
    project_id: UUID | None,
    state: str | None,
    kind: str | None,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Job]:
    """Jobs within sight, newest first, older than `before`."""
    query = select(Job).where(sight.predicate())
    if kind is None:
        query = query.where(Job.kind.not_in(OF_ONE_READING))  # one for every prompt: shown to who asks for them
    for column, value in ((Job.project_id, project_id), (Job.state, state), (Job.kind, kind)):
        if value is not None:
            query = query.where(column == value)
    if before is not None:
        query = query.where(tuple_(Job.created_at, Job.id) < before)
    return list(db.scalars(query.order_by(Job.created_at.desc(), Job.id.desc()).limit(limit)))


def metrics(db: AnySession, job_id: UUID, after: int, limit: int) -> list[JobMetric]:
    """Figures after this sequence number, in order."""
    query = select(JobMetric).where(JobMetric.job_id == job_id, JobMetric.seq > after)
    return list(db.scalars(query.order_by(JobMetric.seq).limit(limit)))


def clock(db: AnySession) -> datetime:
    """The database's clock, the only one events are numbered by."""
    now: datetime = db.scalars(select(func.clock_timestamp())).one()
    return now


def changed_since(db: AnySession, since: datetime, limit: int) -> list[dict[str, Any]]:
    """What an event stream has to tell after a gap, as events: jobs, styles, segmentations and assignments that changed.

    Unfiltered: the caller passes each through the same sieve as live events. Newest `limit` of each type.
    """
    return [
        *_events(db, "job", Job.updated_at, since, limit, id=Job.id, project_id=Job.project_id, expert_id=Job.expert_id,
                 owner_id=Job.owner_id, kind=Job.kind),
        *_events(db, "style", LiveStyle.updated_at, since, limit, id=LiveStyle.style_id, project_id=LiveStyle.project_id,
                 expert_id=LiveStyle.expert_id),
        *_events(db, "assignment", Assignment.updated_at, since, limit, id=Assignment.id,
                 project_id=Assignment.project_id, expert_id=Assignment.expert_id),
        *_segmentation_events(db, since, limit),
    ]  # fmt: skip


def _events(
    db: AnySession, event_type: str, clock_column: Any, since: datetime, limit: int, **columns: Any
) -> list[dict[str, Any]]:
    query = select(*(column.label(name) for name, column in columns.items())).where(clock_column > since)
    rows = db.execute(query.order_by(clock_column.desc()).limit(limit))
    return [
        {"type": event_type, **{name: value and str(value) for name, value in row._mapping.items()}} for row in rows
    ]


def _segmentation_events(db: AnySession, since: datetime, limit: int) -> list[dict[str, Any]]:
    """As live: a proxy is nobody's but its reader's, who hears of the job that made it."""
    query = (
        select(Segmentation.id, Segmentation.project_id, Segmentation.expert_id, Segmentation.reviewer_id)
        .join(Revision, Revision.id == Segmentation.head_revision_id)
        .where(Revision.created_at > since, Segmentation.author != "proxy")
        .order_by(Revision.created_at.desc())
        .limit(limit)
    )
    return [
        {"type": "segmentation", "id": str(row.id), "project_id": str(row.project_id),
         "expert_id": row.expert_id and str(row.expert_id), "owner_id": row.reviewer_id and str(row.reviewer_id)}
        for row in db.execute(query)
    ]  # fmt: skip


def heartbeats(db: AnySession) -> Sequence[WorkerHeartbeat]:
    """Every worker heard of lately, by name."""
    return db.scalars(select(WorkerHeartbeat).order_by(WorkerHeartbeat.name)).all()


@dataclass(frozen=True)
class QueueLength:
    """Jobs that wait and run in one queue."""

    queued: int = 0
    running: int = 0
    oldest_queued_at: datetime | None = None


def queue_lengths(db: AnySession) -> dict[str, QueueLength]:
    """Every queue and what waits and runs in it."""
    queued = Job.state == "queued"
    rows = db.execute(
        select(
            Job.queue,
            func.count().filter(queued),
            func.count().filter(Job.state == "running"),
            func.min(Job.created_at).filter(queued),
        )
        .where(Job.state.in_(("queued", "running")))
        .group_by(Job.queue)
    )
    lengths = {"interactive": QueueLength(), "training": QueueLength()}
    return lengths | {queue: QueueLength(waits, runs, since) for queue, waits, runs, since in rows}


def database_facts(db: AnySession) -> tuple[int, str]:
    """How much disk this database takes, in bytes, and PostgreSQL's version."""
    size, name = db.execute(
        select(func.pg_database_size(func.current_database()), func.current_setting("server_version"))
    ).one()
    return int(size), str(name)
