"""Where a worker process takes its jobs: hands that work, a keeper that renews leases, a ticker, and the bells.

A bell only says "look": each look claims the oldest waiting job, so a bell lost, doubled or out of order does no
harm. This is the job edge: whatever a job raises ends here, is logged once with the job's id, and becomes
words for the person who asked. Fails closed: when in doubt whether an attempt still holds, its fenced writes decide.
"""

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from worker.gateway import Gateway, queue
from worker.gateway.memory import NoRoom
from worker.gateway.queue import OUTAGES, Claimed, JobFailure, LeaseLost, Refused

log = logging.getLogger(__name__)

RENEW_SECONDS: Final = 2.0  # at most: a cancel is read with the renewal, and nobody should wait long for one
BEAT_SECONDS: Final = 5.0
REMEDY: Final = "Start the job again; if it happens again, send the job's id to your administrator."


@dataclass
class Held:
    """A job in hand. The keeper sets the events; the hand looks at them where it can stop. until_end: what is given back at its end."""

    job: Claimed
    cancelled: threading.Event = field(default_factory=threading.Event)
    lost: threading.Event = field(default_factory=threading.Event)
    until_end: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)


class Interrupted(Exception):
    """The job was put down before its end; `settle` decides what becomes of it."""


Handler = Callable[[Held], None]


class Desk:
    """One worker process's jobs.

    handlers: kind → what to do. hands: how many jobs at once. on_bell: told at once that work has come, before any claim.
    """

    def __init__(
        self,
        gateway: Gateway,
        name: str,
        handlers: dict[str, Handler],
        hands: int,
        device: str,
        on_bell: Callable[[], None] = lambda: None,
    ) -> None:
        self.on_bell = on_bell
        self.gateway, self.queue, self.handlers, self.device = gateway, name, handlers, device
        self.name = worker_name(name)
        self.stopping = threading.Event()
        self._bell = threading.Semaphore(0)
        self._held: dict[UUID, Held] = {}
        self._lock = threading.Lock()
        self._taking = threading.Lock()
        self._hands = [threading.Thread(target=self._work, name=f"hand-{n}", daemon=True) for n in range(hands)]
        others = (self._keep, self._tick, self._listen)
        self._others = [threading.Thread(target=what, name=what.__name__, daemon=True) for what in others]
        self._ticker = self._others[others.index(self._tick)]

    def start(self) -> None:
        """Begin, and look once at once: work may have waited for a worker."""
        for thread in (*self._hands, *self._others):
            thread.start()
        self._wake_all()

    def ring(self) -> None:
        """One job more: one free hand looks. More would only ask the database in vain, in front of the one that works."""
        self._bell.release()

    def _wake_all(self) -> None:
        for _ in self._hands:
            self._bell.release()

    def stop(self, seconds: float) -> None:
        """Take no more jobs and let those in hand be put down; returns after `seconds` at the latest."""
        self.stopping.set()
        self._wake_all()
        deadline = time.monotonic() + seconds
        for thread in self._hands:
            thread.join(timeout=max(0.0, deadline - time.monotonic()))
        for held in self._in_hand():
            with contextlib.suppress(*OUTAGES):  # the lease runs out by itself and the reaper takes it back
                queue.settle(self.gateway, held.job, stopping=True)
        self._ticker.join(timeout=max(1.0, deadline - time.monotonic()))  # no heartbeat after the sign-off

    def _in_hand(self) -> list[Held]:
        with self._lock:
            return list(self._held.values())

    def _work(self) -> None:
        """A hand: on every bell, jobs until there are none."""
        while not self.stopping.is_set():
            self._bell.acquire()
            try:
                while not self.stopping.is_set():
                    held = self._take()
                    if held is None:
                        break
                    with self._holding(held):
                        self._run(held)
            except Exception as problem:  # noqa: BLE001 the job edge; what waits still does
                log.warning("looking for work failed: %s", type(problem).__name__)
                self.stopping.wait(0.5)
                self.ring()  # this bell was heard in vain

    def _take(self) -> Held | None:
        """The next job. The last free hand takes only what a person waits for: no batch of predictions keeps a prompt waiting."""
        with self._taking:
            is_last = len(self._hands) > 1 and len(self._in_hand()) == len(self._hands) - 1
            job = queue.claim(self.gateway, self.queue, self.name, asked_for_only=is_last)
            if job is None:
                return None
            held = Held(job)
            with self._lock:
                self._held[job.id] = held
            return held

    @contextlib.contextmanager
    def _holding(self, held: Held) -> Iterator[None]:
        try:
            with held.until_end:
                yield
        finally:
            with self._lock:
                self._held.pop(held.job.id, None)

    def _run(self, held: Held) -> None:
        job = held.job
        log.info("job %s attempt %s begins: %s", job.id, job.attempt, job.kind)
        try:
            self.handlers[job.kind](held)
        except (LeaseLost, Interrupted):
            queue.settle(self.gateway, job, stopping=self.stopping.is_set())
        except NoRoom as problem:
            queue.fail(self.gateway, job, problem.failure)
        except OUTAGES as problem:
            log.warning("job %s attempt %s is tried again: %s", job.id, job.attempt, type(problem).__name__)
            queue.retry(self.gateway, job)
        except Refused as problem:
            queue.fail(self.gateway, job, JobFailure(problem.code, problem.detail, problem.extra.get("remedy", REMEDY)))
        except Exception:  # the job edge: whatever was raised becomes words, once
            log.exception("job %s attempt %s failed", job.id, job.attempt)
            queue.fail(self.gateway, job, unexpected(job.id))

    def _keep(self) -> None:
        """Renew every lease in hand and read its cancel flag."""
        pause = min(self.gateway.settings.job_lease_seconds / 3, RENEW_SECONDS)
        while not self.stopping.wait(pause) or self._in_hand():
            in_hand = self._in_hand()
            if not in_hand:
                continue
            try:
                still = queue.renew(self.gateway, [(held.job.id, held.job.attempt) for held in in_hand])
            except OUTAGES as problem:
                log.warning("leases were not renewed: %s", type(problem).__name__)
                continue
            for held in in_hand:
                if held.job.id not in still:
                    held.lost.set()
                elif still[held.job.id]:
                    held.cancelled.set()
            if self.stopping.is_set():
                time.sleep(pause)

    def _tick(self) -> None:
        """Heartbeat, reaper and scheduler."""
        pause = min(self.gateway.settings.reaper_seconds, BEAT_SECONDS)
        while not self.stopping.is_set():
            try:
                queue.beat(self.gateway, self.name, self.queue, self.device)
                queue.tick(self.gateway)
            except Exception as problem:  # noqa: BLE001 the ticker must outlive whatever the database says
                log.warning("the ticker missed a beat: %s", type(problem).__name__)
            self.stopping.wait(pause)

    def _listen(self) -> None:
        """The faster bell: NOTIFY on channel `jobs`."""
        while not self.stopping.is_set():
            try:
                with self.gateway.database.listen(queue.CHANNEL) as connection:
                    self._wake_all()
                    while not self.stopping.is_set():
                        for notice in connection.notifies(timeout=1.0, stop_after=1):
                            if notice.payload == self.queue:
                                self.on_bell()
                                self.ring()
            except OUTAGES as problem:
                log.warning("the bell's connection was lost: %s", type(problem).__name__)
                self.stopping.wait(1.0)


def worker_name(queue_name: str) -> str:
    """How this process is called in claims and on the health page."""
    return f"{queue_name}@{socket.gethostname()}:{os.getpid()}"


def unexpected(job_id: UUID) -> JobFailure:
    """What a person reads when we did not foresee what happened; the log has the rest, under the same id."""
    return JobFailure(
        "internal-error", f"Something unforeseen ended job {job_id}; the worker's log has the details.", REMEDY
    )
