"""The doorbell: tells a worker that a job waits. PostgreSQL is the truth, Celery only carries ids.

Fails open: a bell that cannot ring (Redis down, disk full) is logged and forgotten, because the reaper rings again
for every job still queued. Two bells ring for one job, the broker's and a NOTIFY on channel `jobs`; a claim never
depends on which was heard.
"""

import functools
import logging
from typing import TYPE_CHECKING, Final
from uuid import UUID

from sqlalchemy import text

from backend.database import WriteSession, after_commit
from backend.settings import Settings

if TYPE_CHECKING:
    from celery import Celery

log = logging.getLogger(__name__)

TASK: Final = "consilium.work"
CHANNEL: Final = "jobs"
QUEUES: Final[dict[str, str]] = {
    "predict": "interactive",
    "import": "interactive",
    "export": "interactive",
    "propagate": "interactive",
    "interact": "interactive",
    "opinions": "interactive",
    "update": "interactive",
    "pretrain": "training",
    "personalise": "training",
    "evaluate": "training",
}

_settings: Settings | None = None


def make_celery(settings: Settings) -> "Celery":
    """The Celery application, configured alike for the one who rings and the one who listens.

    Threads pool, early acknowledgement, JSON only, no result backend, prefetch 1 (DESIGN section 8 says why).
    """
    from celery import Celery  # noqa: PLC0415 30 MB that an idle API need not load

    celery = Celery("consilium", set_as_current=False)
    celery.conf.update(
        broker_url=settings.broker_url,
        broker_transport_options=_transport(settings),
        broker_connection_retry_on_startup=True,
        task_serializer="json",
        accept_content=["json"],
        result_backend=None,
        task_ignore_result=True,
        task_acks_late=False,
        task_publish_retry=False,
        worker_prefetch_multiplier=1,
        worker_pool="threads",
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        enable_utc=True,
    )
    return celery


def connect(settings: Settings) -> None:
    """Say once, at the start of a process, where the bell hangs. Connects to nothing yet."""
    global _settings  # noqa: PLW0603 one bell per process; rules ring it without knowing settings
    _settings = settings
    _bell.cache_clear()


@functools.cache
def _bell() -> "Celery":
    if _settings is None:
        raise RuntimeError("queue.connect(settings) comes first")
    return make_celery(_settings)


def ring(job_id: UUID | str, queue: str) -> None:
    """Ring for one committed job. Never raises for an unreachable broker."""
    if _settings is None:
        log.warning("No doorbell is connected in this process; the reaper will ring for queue %s.", queue)
        return
    try:
        _bell().send_task(TASK, args=[str(job_id)], queue=queue, ignore_result=True, retry=False)
    except Exception as problem:  # noqa: BLE001 every transport has its own errors; the reaper rings again
        log.warning("The doorbell of queue %s did not ring: %s", queue, type(problem).__name__)


def ring_after_commit(db: WriteSession, job_id: UUID | str, queue: str) -> None:
    """Ring both bells once this transaction is committed; none rings when it is rolled back."""
    db.execute(text("SELECT pg_notify(:channel, :queue)"), {"channel": CHANNEL, "queue": queue})
    after_commit(db, lambda: ring(job_id, queue))


def _transport(settings: Settings) -> dict[str, object]:
    if not settings.broker_url.startswith("filesystem:"):
        # One further try at once: kombu's own patience would hold up a request for six seconds while Redis is away.
        patience = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
        return {"socket_timeout": 2, "socket_connect_timeout": 1, "visibility_timeout": 3600, **patience}
    folder = settings.broker_folder.absolute()
    (folder / "control").mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "messages").mkdir(mode=0o700, exist_ok=True)
    messages = str(folder / "messages")
    return {
        "data_folder_in": messages,
        "data_folder_out": messages,
        "control_folder": str(folder / "control"),
        "polling_interval": 0.05,
        "store_processed": False,
    }
