"""Jobs as a worker sees them: each call is one short transaction on the domains' rules."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from celery import Celery
from psycopg import Error as DriverError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from backend import queue as bells
from backend.errors import ConsiliumError as Refused
from backend.interop import imports
from backend.jobs import rules
from backend.jobs.rules import Claimed, JobFailure, LeaseLost, Timing, seconds_left
from backend.projects import rules as projects
from worker.gateway.connection import Gateway

__all__ = ["OUTAGES", "Claimed", "JobFailure", "LeaseLost", "Refused", "seconds_left"]

# The database, the disk or the network is away: nothing is wrong with the job, so it is tried again.
OUTAGES: tuple[type[Exception], ...] = (OperationalError, InterfaceError, PoolTimeout, DriverError, OSError)

TASK = bells.TASK
CHANNEL = bells.CHANNEL


def make_celery(gateway: Gateway) -> Celery:
    """The Celery application of this installation, configured like the one that rings."""
    return bells.make_celery(gateway.settings)


def answer_bell(celery: Celery, ring: Callable[[], None]) -> None:
    """Register the one task there is. The id it carries is not looked at: a look claims the job whose turn it is."""

    def work(job_id: str) -> None:
        ring()

    celery.task(work, name=TASK, shared=False)  # else it is a task of every Celery begun after this one, too


def claim(gateway: Gateway, queue: str, worker: str, *, asked_for_only: bool = False) -> Claimed | None:
    """Take the next job of a queue, or None. asked_for_only: what a person waits for."""
    with gateway.database.write() as db:
        return rules.claim(db, queue, worker, gateway.settings.job_lease_seconds, asked_for_only=asked_for_only)


def has_model(gateway: Gateway) -> bool:
    """Whether a model version is live anywhere: short trainings follow, whose beginning somebody waits for."""
    with gateway.database.read() as db:
        return bool(rules.live_versions(db, 1))


def load_claimed(gateway: Gateway, job_id: UUID, attempt: int) -> Claimed:
    """A job this process was handed by the one that claimed it. Raises LeaseLost when that attempt is over."""
    with gateway.database.write() as db:
        return rules.load_claimed(db, job_id, attempt)


def renew(gateway: Gateway, held: Sequence[tuple[UUID, int]]) -> dict[UUID, bool]:
    """Lengthen leases; returns job id → cancel requested for those still held."""
    with gateway.database.write() as db:
        return rules.renew(db, held, gateway.settings.job_lease_seconds)


def report(
    gateway: Gateway,
    job: Claimed,
    progress: Mapping[str, Any],
    figures: Sequence[tuple[int, str, float]],
    *,
    kept: bool,
) -> None:
    """Progress, figures of the curve, and whether a checkpoint was kept since the last report. Raises LeaseLost."""
    with gateway.database.write() as db:
        rules.report(db, job, progress)
        if figures:
            rules.add_metrics(db, job, figures)
        if kept:
            rules.keep_checkpoint(db, job)


def finish(gateway: Gateway, job: Claimed, result: Mapping[str, Any]) -> None:
    """End a job that published nothing more. Raises LeaseLost."""
    with gateway.database.write() as db:
        rules.hold(db, job)
        rules.finish(db, job, result)


def fail(gateway: Gateway, job: Claimed, failure: JobFailure) -> None:
    """End a job for good, in plain words; silently nothing when the attempt is over."""
    with gateway.database.write() as db:
        rules.settle_failed(db, job, failure)


def retry(gateway: Gateway, job: Claimed) -> None:
    """Let the job be tried again because something around it failed; silently nothing when the attempt is over."""
    with gateway.database.write() as db:
        rules.settle_retry(db, job)


def settle(gateway: Gateway, job: Claimed, *, stopping: bool) -> None:
    """Whatever is left of an attempt whose process has gone: cancelled, handed back, or counted as lost."""
    with gateway.database.write() as db:
        rules.settle(db, job, stopping=stopping)


def tick(gateway: Gateway) -> int | None:
    """Reaper, scheduler, and the sweepers of uploads and checkpoints left behind; None when another worker is at the first two."""
    settings = gateway.settings
    timing = Timing(
        settings.personalise_after,
        settings.personalise_every,
        settings.personalise_quiet_seconds,
        rering_seconds=max(10.0, 2 * settings.reaper_seconds),
    )
    with gateway.database.write() as db:
        projects.abandon_uploads(db, settings)
    with gateway.database.write() as db:
        touched = rules.tick(db, timing)
    if touched is not None:
        imports.sweep_quarantine(gateway.database, settings)
    sweep_job_folders(gateway)
    return touched


def sweep_job_folders(gateway: Gateway) -> None:
    """Drop the checkpoints on this machine that nobody will resume from: of jobs that have ended, in whatever way.

    What is not named like a job is none of ours and stays.
    """
    folder = gateway.job_folder("")
    for left in folder.iterdir() if folder.is_dir() else ():
        try:
            job_id = UUID(left.name)
        except ValueError:
            continue
        with gateway.database.read() as db:
            is_over = rules.is_over(db, job_id)
        if is_over:
            shutil.rmtree(left, ignore_errors=True)  # what is in use still is gone at the next look


def beat(gateway: Gateway, name: str, queue: str, device: str) -> None:
    """Say that this worker is alive."""
    with gateway.database.write() as db:
        rules.beat(db, name, queue, device, gateway.settings.job_lease_seconds)


def sign_off(gateway: Gateway, name: str) -> None:
    """Say that this worker ends in order."""
    with gateway.database.write() as db:
        rules.sign_off(db, name)
