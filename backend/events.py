"""Events to browsers: one LISTEN connection, many listeners.

`notify` is part of the caller's transaction: PostgreSQL delivers at the commit and never after a rollback. Payloads
carry ids only; whether a listener may see an event is asked for each listener by whoever streams it (jobs.api), and
what was missed is replayed from tables there. Fails open: a slow listener loses events and is told to reload with
an event of type `reload`, it never slows another. No database session is held while streaming.
"""

import asyncio
import contextlib
import json
import logging
import threading
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from uuid import UUID

import psycopg
from sqlalchemy import text

from backend.database import Database, WriteSession

log = logging.getLogger(__name__)

CHANNEL: Final = "events"
RELOAD: Final[dict[str, Any]] = {"type": "reload", "id": None, "project_id": None}
_WAITING = 256  # events kept for a listener that does not read
MOST_LISTENERS: Final = 1000  # together; 200 were measured to hear within 21 ms
MOST_OF_ONE_USER: Final = 12  # a browser opens six to one server over HTTP/1.1; two browsers are a lot
Event = dict[str, Any]


def notify(db: WriteSession, payload: Mapping[str, object], channel: str = CHANNEL) -> None:
    """Tell everyone, once this transaction is committed. payload: {"type", "id", "project_id", …}, ids and numbers only."""
    message = json.dumps({key: str(value) if isinstance(value, UUID) else value for key, value in payload.items()})
    db.execute(text("SELECT pg_notify(:channel, :message)"), {"channel": channel, "message": message})


class Events:
    """The process's one ear. `start` inside the event loop, `listen` for each browser."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: dict[asyncio.Queue[Event], UUID | None] = {}
        self._stopping = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to listen, in a thread of its own; survives a restart of PostgreSQL."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._listen, name="events", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread:
            self._thread.join(timeout=3)

    @contextlib.asynccontextmanager
    async def listen(self, user_id: UUID | None) -> AsyncIterator["asyncio.Queue[Event] | None"]:
        """A queue that receives every event from now on, or None while this user, or all together, listen often enough.

        Subscribe first, then replay, so that none falls between.
        """
        if len(self._listeners) >= MOST_LISTENERS or list(self._listeners.values()).count(user_id) >= MOST_OF_ONE_USER:
            yield None
            return
        waiting: asyncio.Queue[Event] = asyncio.Queue(_WAITING)
        self._listeners[waiting] = user_id
        try:
            yield waiting
        finally:
            del self._listeners[waiting]

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._database.listen(CHANNEL) as connection:
                    self._publish(RELOAD)  # whatever happened while nobody listened
                    while not self._stopping.is_set():
                        for notice in connection.notifies(timeout=0.1):
                            self._publish(json.loads(notice.payload))
            except psycopg.Error as problem:
                log.warning("The event connection was lost: %s", type(problem).__name__)
                time.sleep(0.5)

    def _publish(self, event: Event) -> None:
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._deliver, event)

    def _deliver(self, event: Event) -> None:
        for waiting in self._listeners:
            if waiting.full():
                while not waiting.empty():
                    waiting.get_nowait()
                waiting.put_nowait(RELOAD)
            else:
                waiting.put_nowait(event)
