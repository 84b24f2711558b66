"""What an administrator looks at first when something hangs: workers, queues, room, versions, backups, the audit's chain.

Says what is known and null where nothing is: a machine without /proc tells no memory, an installation that was never
backed up tells no time. Reading the whole audit is a route of its own, because it takes as long as the audit is.
"""

import os
import platform
import shutil
from datetime import datetime
from importlib.metadata import version
from typing import Literal
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel

from backend import audit
from backend.accounts.api import CurrentActor, Router, policy, settings_of
from backend.accounts.rules import Resource, authorize
from backend.database import Reads
from backend.jobs import rules as jobs
from backend.memory import read_memory

router = Router(tags=["system"])


class WorkerOut(BaseModel):
    """A worker process and the device it works on; one that has been silent for three leases is gone."""

    name: str
    queue: Literal["interactive", "training"]
    device: str
    last_seen: datetime


class QueueOut(BaseModel):
    """How many jobs wait and run in one queue, and since when the oldest of them waits."""

    queued: int
    running: int
    oldest_queued_at: datetime | None


class ChecksumAlarmOut(BaseModel):
    """A browser and the server saw different labels; nothing was folded. slices: their axial numbers."""

    at: datetime
    segmentation_id: UUID
    slices: list[int]


class SystemOut(BaseModel):
    """The state of this installation. Sizes in bytes; load is the machine's mean over a minute, per core.

    last_backup_at: null when no backup was ever recorded. memory: null where the machine does not tell.
    checksum_alarms: those of 30 days, newest first.
    """

    version: str
    versions: dict[str, str]
    now: datetime
    workers: list[WorkerOut]
    queues: dict[str, QueueOut]
    disk_free_bytes: int
    disk_total_bytes: int
    memory_available_bytes: int | None
    memory_total_bytes: int | None
    load: float
    database_bytes: int
    last_backup_at: datetime | None
    checksum_alarms: list[ChecksumAlarmOut]


class AuditCheckOut(BaseModel):
    """The audit's chain, read from its first row to its last; broken_at is the first row that was changed or is missing."""

    rows: int
    broken_at: int | None


@router.get("/system", openapi_extra=policy("system:read"))
def get_system(db: Reads, actor: CurrentActor, request: Request) -> SystemOut:
    """Workers, queues, room, versions and the last backup."""
    state = jobs.look_at_system(db, actor)
    disk = shutil.disk_usage(settings_of(request).data)
    available, total = read_memory()
    return SystemOut(
        version=version("consilium"),
        versions={
            "Python": platform.python_version(),
            "PostgreSQL": state.database_version,
            "system": platform.platform(),
        },
        now=state.now,
        workers=[WorkerOut.model_validate(one, from_attributes=True) for one in state.workers],
        queues={
            name: QueueOut(queued=n.queued, running=n.running, oldest_queued_at=n.oldest_queued_at)
            for name, n in state.queues.items()
        },
        disk_free_bytes=disk.free,
        disk_total_bytes=disk.total,
        memory_available_bytes=available,
        memory_total_bytes=total,
        load=os.getloadavg()[0] / (os.cpu_count() or 1),
        database_bytes=state.database_bytes,
        last_backup_at=audit.last_time(db, "backup"),
        checksum_alarms=[
            ChecksumAlarmOut.model_validate(alarm, from_attributes=True) for alarm in state.checksum_alarms
        ],
    )


@router.get("/system/audit", openapi_extra=policy("audit:read"))
def check_audit(db: Reads, actor: CurrentActor) -> AuditCheckOut:
    """Read the audit's chain from end to end."""
    authorize(actor, "read", Resource("audit"))
    rows, _ = audit.head(db)
    return AuditCheckOut(rows=rows, broken_at=audit.verify(db))
