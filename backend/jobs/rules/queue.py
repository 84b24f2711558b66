"""What a worker may do with a job: claim, renew, report, end. PostgreSQL is the truth, a bell only a hint.

Fails closed: every report carries the attempt it was claimed under, and `LeaseLost` tells a worker that came back from
the dead to drop what it has. A job ends once: done, failed in plain words, or cancelled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from backend import audit, events
from backend.accounts.store import UserRow
from backend.database import AnySession, WriteSession
from backend.errors import Conflict
from backend.jobs.rules.decisions import JobFailure, after_loss, after_retry
from backend.jobs.store import Job
from backend.jobs.store import queue as store
from backend.models import store as models_store
from backend.queue import ring_after_commit


class LeaseLost(Conflict):
    """Another attempt of this job has begun, or the job has ended."""

    code = "lease-lost"


@dataclass(frozen=True)
class Claimed:
    """A job as the worker that holds it knows it. `attempt` is its fencing token."""

    id: UUID
    attempt: int
    kind: str
    queue: str
    project_id: UUID | None
    expert_id: UUID | None
    owner_id: UUID | None
    params: Mapping[str, Any]

    @property
    def is_waited_for(self) -> bool:
        """A person asked for it, and not merely their page, ahead of them."""
        return self.owner_id is not None and store.AHEAD not in self.params


def of(job: Job) -> Claimed:
    """What a worker needs of a job's row."""
    return Claimed(
        job.id, job.attempt, job.kind, job.queue, job.project_id, job.expert_id, job.owner_id, dict(job.params)
    )


def claim(
    db: WriteSession, queue: str, worker: str, lease_seconds: float, *, asked_for_only: bool = False
) -> Claimed | None:
    """Take the next job of a queue, or None. A job whose owner may no longer sign in is cancelled, not run.

    asked_for_only: what a person waits for, nothing the scheduler or somebody's page asked for.
    """
    while (job := store.claim_next(db, queue, worker, lease_seconds, asked_for_only=asked_for_only)) is not None:
        if may_run(db, job):
            tell(db, job)
            return of(job)
        _end_cancelled(db, job)
    return None


def may_run(db: WriteSession, job: Job) -> bool:
    """Whether the job's owner, if it has one, still has an open account and still belongs to the project.

    Asked at claim and again at publish.
    """
    if job.owner_id is None:
        return True
    owner = db.get(UserRow, job.owner_id)
    if owner is None or owner.locked_at is not None:
        return False
    if job.project_id is None or owner.role == "admin":
        return True
    facts = models_store.projects_of(db, job.owner_id, job.project_id)
    return bool(facts) and facts[0].role is not None


def _end_cancelled(db: WriteSession, job: Job) -> None:
    ended = store.end_cancelled(db, job.id, job.attempt)
    if ended is not None:
        tell(db, ended)
        audit.record(db, None, "U", "job", job.id, project_id=job.project_id, new={"state": "cancelled"})


def load_claimed(db: WriteSession, job_id: UUID, attempt: int) -> Claimed:
    """A job as another process of the same worker claimed it. Raises LeaseLost when that attempt is over."""
    row = store.hold(db, job_id, attempt)
    if row is None:
        raise LeaseLost
    return of(row)


def renew(db: WriteSession, held: Sequence[tuple[UUID, int]], lease_seconds: float) -> dict[UUID, bool]:
    """Lengthen leases; returns job id → cancel requested for those still held. The others are lost."""
    return store.renew(db, held, lease_seconds) if held else {}


def hold(db: WriteSession, job: Claimed) -> None:
    """Keep everybody else from ending this attempt until the transaction ends; call before publishing.

    Raises LeaseLost when the attempt is over, when its cancel was asked for or when its owner lost the right.
    """
    row = store.hold(db, job.id, job.attempt)
    if row is None or row.cancel_requested or not may_run(db, row):
        raise LeaseLost


def report(db: WriteSession, job: Claimed, progress: Mapping[str, Any]) -> None:
    """Write progress: {step, steps, phase, seconds_left, message}. Raises LeaseLost."""
    _told(db, store.write_progress(db, job.id, job.attempt, progress))


def add_metrics(db: WriteSession, job: Claimed, figures: Sequence[tuple[int, str, float]]) -> None:
    """Append (step, name, value) figures to the curve. Raises LeaseLost."""
    written = store.add_metrics(db, job.id, job.attempt, figures)
    if written is None:
        raise LeaseLost
    if written:
        row = {"type": "metric", "id": job.id, "project_id": job.project_id, "seq": written[-1]}
        events.notify(db, {**row, "expert_id": job.expert_id, "owner_id": job.owner_id})


def keep_checkpoint(db: WriteSession, job: Claimed) -> None:
    """Say that the job got further: what it survived before no longer counts against it. Raises LeaseLost."""
    if store.forgive(db, job.id, job.attempt) is None:
        raise LeaseLost


def finish(db: WriteSession, job: Claimed, result: Mapping[str, Any]) -> None:
    """End the job as done, in the transaction that publishes what it made. Raises LeaseLost."""
    _told(db, store.finish(db, job.id, job.attempt, result))
    audit.record(db, None, "E", "job", job.id, project_id=job.project_id, new={"kind": job.kind, "state": "done"})


def fail(db: WriteSession, job: Claimed, failure: JobFailure) -> None:
    """End the job for good, in plain words. Raises LeaseLost."""
    _told(db, store.fail(db, job.id, job.attempt, failure.as_dict()))
    new = {"kind": job.kind, "state": "failed", "code": failure.code}
    audit.record(db, None, "E", "job", job.id, project_id=job.project_id, outcome="failed", new=new)


def settle(db: WriteSession, job: Job | Claimed, *, stopping: bool = False) -> None:
    """Decide what becomes of an attempt whose process is gone; nothing when it had ended or another has begun.

    Its cancel was asked for, or its owner lost the right: cancelled. The worker is stopping: back into the queue,
    nothing held against it. Otherwise it counts as lost: another attempt, or the end when it was the second in a row.
    """
    row = store.hold(db, job.id, job.attempt)
    if row is None:
        return
    if row.cancel_requested or not may_run(db, row):
        _end_cancelled(db, row)
        return
    failure = None if stopping else after_loss(row.lost + 1)
    if failure is not None:
        fail(db, of(row), failure)
        return
    _requeue(db, row, lost=0 if stopping else 1)


def settle_retry(db: WriteSession, job: Claimed) -> None:
    """Put a job back because something around it failed; the third time it fails. Nothing when the attempt is over."""
    row = store.hold(db, job.id, job.attempt)
    if row is None:
        return
    failure = after_retry(row.retries + 1)
    if failure is not None:
        fail(db, job, failure)
        return
    _requeue(db, row, retries=1)


def settle_failed(db: WriteSession, job: Claimed, failure: JobFailure) -> None:
    """Fail a job; cancelled instead where that was asked for. Nothing when the attempt is over."""
    row = store.hold(db, job.id, job.attempt)
    if row is None:
        return
    if row.cancel_requested:
        _end_cancelled(db, row)
        return
    fail(db, job, failure)


def _requeue(db: WriteSession, row: Job, *, lost: int = 0, retries: int = 0) -> None:
    _told(db, store.requeue(db, row.id, row.attempt, lost=lost, retries=retries))
    ring_after_commit(db, row.id, row.queue)


def reap(db: WriteSession, rering_seconds: float) -> int:
    """Take back what dead workers held and ring again for what nobody heard. Call with the tick's lock.

    Returns how many jobs were touched.
    """
    lost = store.expired(db)
    for job in lost:
        settle(db, job)
    unheard = store.unheard(db, rering_seconds)
    for job in unheard:
        ring_after_commit(db, job.id, job.queue)
    return len(lost) + len(unheard)


def is_over(db: AnySession, job_id: UUID) -> bool:
    """Whether this job has ended, in whatever way; True for one that never was."""
    return store.state_of(db, job_id) not in ("queued", "running")


def beat(db: WriteSession, name: str, queue: str, device: str, lease_seconds: float) -> None:
    """Say that a worker is alive; workers silent for an hour or 20 leases are forgotten."""
    store.beat(db, name, queue, device)
    store.bury_heartbeats(db, max(3600.0, 20 * lease_seconds))


def sign_off(db: WriteSession, name: str) -> None:
    """Say that a worker ends in order, so that the health page neither counts nor misses it."""
    store.sign_off(db, name)


def tell(db: WriteSession, job: Job | None) -> None:
    """Let whoever watches know that this job changed."""
    if job is not None:
        event = {"type": "job", "id": job.id, "project_id": job.project_id}
        events.notify(
            db, {**event, "expert_id": job.expert_id, "owner_id": job.owner_id, "kind": job.kind, "state": job.state}
        )


def _told(db: WriteSession, job: Job | None) -> None:
    if job is None:
        raise LeaseLost
    tell(db, job)
