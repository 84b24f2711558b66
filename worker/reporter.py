"""What a training loop says, as rows: progress with time left, the curve, and checkpoints that count.

Called after every few steps from the thread that trains. Writes at most twice a second. Fails open for the
curve: while the database is away figures wait here and training goes on; fails closed for the attempt: LeaseLost ends it.
"""

import logging
import time
from threading import Event
from types import TracebackType
from typing import Final, Self

from worker.courtesy import Courtesy
from worker.gateway import Gateway, queue
from worker.gateway.queue import OUTAGES, Claimed, seconds_left

log = logging.getLogger(__name__)

WRITE_SECONDS: Final = 0.5


class Reporter:
    """Both callbacks of a training: `progress` by calling it, and `should_stop`, which also gives way to predictions."""

    def __init__(self, gateway: Gateway, job: Claimed, stop: Event) -> None:
        self.gateway, self.job, self.stop = gateway, job, stop
        self.courtesy = Courtesy(gateway.courtesy_file)
        self._figures: list[tuple[int, str, float]] = []
        self._progress: dict[str, object] = {
            "step": 0,
            "steps": 0,
            "phase": "loading",
            "seconds_left": None,
            "message": "",
        }
        self._first: tuple[str, int, float] | None = None
        self._written_at = 0.0
        self._checkpoint_seen = self._checkpoint()

    def __enter__(self) -> Self:
        self._write()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.courtesy.rest()

    def __call__(self, step: int, steps: int, metrics: dict[str, float], phase: str) -> None:
        """Progress of the learning room. Raises LeaseLost when the attempt is over."""
        now = time.monotonic()
        if self._first is None or self._first[0] != phase:
            self._first = (phase, step, now)
        left = seconds_left(step, steps, self._first[1], now - self._first[2])
        self._progress = {"step": step, "steps": steps, "phase": phase, "seconds_left": left, "message": ""}
        self._figures += [(step, name, float(value)) for name, value in metrics.items()]
        if now - self._written_at >= WRITE_SECONDS or step >= steps:
            self._write()

    def phase(self, name: str) -> None:
        """Say what goes on now that the steps are done."""
        self._progress = {**self._progress, "phase": name, "seconds_left": None}
        self._write()

    def should_stop(self) -> bool:
        """Asked before every step: waits while a prediction waits, then says whether to stop."""
        self.courtesy.give_way()
        return self.stop.is_set()

    def _checkpoint(self) -> int:
        """When the manifest of this job's checkpoints was last replaced; 0 before there is one."""
        try:
            return (self.gateway.job_folder(self.job.id) / "manifest.json").stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def _write(self) -> None:
        checkpoint = self._checkpoint()
        kept = checkpoint not in (0, self._checkpoint_seen)
        try:
            queue.report(self.gateway, self.job, self._progress, self._figures, kept=kept)
        except OUTAGES as problem:
            log.warning("progress waits: %s", type(problem).__name__)
        else:
            self._figures.clear()
            self._checkpoint_seen = checkpoint
        self._written_at = time.monotonic()
