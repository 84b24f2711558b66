"""Who sees which jobs and which events.

Fails closed: what names no project is for admins only, what is about an expert is for that expert, for the project's
managers, and for members of a project that is not blinded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from backend.accounts.rules import Actor, Resource, authorize
from backend.database import AnySession, ReadSession
from backend.errors import NotFound
from backend.jobs.store import Job, JobMetric, WorkerHeartbeat, listing
from backend.jobs.store import queue as store
from backend.jobs.store.listing import JobSight, QueueLength
from backend.models import rules as models
from backend.models import store as models_store
from backend.paging import Page, decode_cursor, page_of
from backend.segmentations.store import ChecksumAlarm, list_checksum_alarms

REPLAYED = 200
ALARM_DAYS = 30
MOST_ALARMS = 100


def job_sight(db: AnySession, actor: Actor) -> JobSight:
    """Whose jobs this caller may see."""
    facts = [f for f in models_store.projects_of(db, actor.user_id) if actor.may_reach(f.project_id)]
    return JobSight(
        frozenset(f.project_id for f in facts if models.sees_everyone(actor, f)),
        frozenset(f.project_id for f in facts if f.role is not None),
        actor.expert_id,
        actor.user_id,
        frozenset(f.project_id for f in facts if f.policy.get("blinding") != models.OPEN),
    )


def load_job(db: AnySession, actor: Actor, job_id: UUID) -> Job:
    """A job the caller may know of. Raises NotFound."""
    job = listing.find_job(db, job_id, job_sight(db, actor))
    if job is None:
        raise NotFound
    return job


def list_jobs(
    db: ReadSession,
    actor: Actor,
    *,
    project_id: UUID | None,
    state: str | None,
    kind: str | None,
    cursor: str | None,
    limit: int,
) -> Page[Job]:
    """Jobs the caller may know of, newest first."""
    before = None if cursor is None else cast(tuple[datetime, UUID], decode_cursor(cursor, datetime, UUID))
    sight = job_sight(db, actor)
    rows = listing.jobs(db, sight, project_id=project_id, state=state, kind=kind, before=before, limit=limit + 1)
    return page_of(rows, limit, lambda job: (job.created_at, job.id))


def positions(db: AnySession, jobs: list[Job]) -> dict[UUID, int]:
    """Queued job → its place in the queue, counted from 1."""
    return store.positions(db, [job.id for job in jobs if job.state == "queued"])


def list_metrics(db: ReadSession, actor: Actor, job_id: UUID, after: int, limit: int) -> list[JobMetric]:
    """The figures of a job's curve after a sequence number. Raises NotFound."""
    load_job(db, actor, job_id)
    return listing.metrics(db, job_id, after, limit)


@dataclass(frozen=True)
class Sieve:
    """Which events one listener may hear; taken anew every half minute, so a lost right closes the stream."""

    sight: JobSight

    def lets_through(self, event: Mapping[str, Any]) -> bool:
        """Whether to pass an event on. Its ids are texts."""
        if event.get("type") == "reload":
            return True
        project_id = UUID(event["project_id"]) if event.get("project_id") else None
        if self._is_mine(event) and (project_id is None or project_id in self.sight.own_projects):
            return True
        if self._is_about_me(event) and project_id in self.sight.own_projects:
            return True
        tells_how_a_reading_goes_on = event["type"] == "segmentation" or event.get("kind") in store.OF_ONE_READING
        return project_id in self.sight.whole_projects and not (tells_how_a_reading_goes_on and self._hides(event))

    def shown(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """The event as sent: who owns or is meant and what kind of job stays here, and in a blinded project which reading moved."""
        sent = {key: value for key, value in event.items() if key not in ("owner_id", "expert_id", "kind")}
        return {**sent, "id": None} if event["type"] == "assignment" and self._hides(event) else sent

    def _is_mine(self, event: Mapping[str, Any]) -> bool:
        return event.get("owner_id") is not None and event["owner_id"] == str(self.sight.user_id)

    def _is_about_me(self, event: Mapping[str, Any]) -> bool:
        return event.get("expert_id") is not None and event["expert_id"] == str(self.sight.own_expert_id)

    def _hides(self, event: Mapping[str, Any]) -> bool:
        """Whether it is about another's reading in a blinded project: who runs one sees counts, not how a reading goes on."""
        project_id = UUID(event["project_id"]) if event.get("project_id") else None
        return project_id in self.sight.blinded and not self._is_about_me(event)


def sieve(db: AnySession, actor: Actor) -> Sieve:
    """What this caller may hear now."""
    return Sieve(job_sight(db, actor))


def event_clock(db: AnySession) -> datetime:
    """The database's clock: what event ids count by."""
    return listing.clock(db)


def missed(db: AnySession, heard_until: datetime) -> list[dict[str, Any]]:
    """Events since then, from the tables, unsifted; a little more than was missed, because a transaction's clock is its
    start and it may have ended later."""
    return listing.changed_since(db, heard_until - timedelta(seconds=10), REPLAYED)


@dataclass(frozen=True)
class SystemState:
    """What an administrator looks at first when something hangs."""

    now: datetime
    workers: list[WorkerHeartbeat]
    queues: dict[str, QueueLength]
    database_bytes: int
    database_version: str
    checksum_alarms: Sequence[ChecksumAlarm]


def look_at_system(db: AnySession, actor: Actor) -> SystemState:
    """Workers heard of lately, jobs waiting and running, how large the database is, alarms of 30 days. Admins only."""
    authorize(actor, "read", Resource("system"))
    size, database_version = listing.database_facts(db)
    return SystemState(
        listing.clock(db),
        list(listing.heartbeats(db)),
        listing.queue_lengths(db),
        size,
        database_version,
        list_checksum_alarms(db, ALARM_DAYS, MOST_ALARMS),
    )
