"""What the training worker does with a job: give it to a waiting child process and watch over it.

A spare child, its imports done, waits on a pipe, because importing torch takes longer than a short personalisation; before the first
model is live there is none, because a pretraining takes minutes. The next one is made while a longer job still runs, so that the
job after it begins at once too.
The child writes its own progress and result; here its end is judged. Whatever it left undone, `queue.settle`
decides: cancelled, handed back because we are stopping, or lost and to be tried again from the last checkpoint.
"""

import json
import logging
import math
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import Final

from worker.desk import Handler, Held, Interrupted

log = logging.getLogger(__name__)

QUEUE: Final = "training"
HANDS: Final = 1
STOP_SECONDS: Final = 9.0  # from SIGTERM to SIGKILL: time to save a checkpoint
WATCH_SECONDS: Final = 0.1
# Importing leaves no garbage, and looking for it among a million objects takes a fifth of the time.
CHILD: Final = """import gc, sys
gc.disable()
import worker.run_job
gc.freeze()
gc.enable()
sys.exit(worker.run_job.main())"""
SPARE_SECONDS: Final = 5.0  # into a job the next child is made: its imports do not hold up a short job


class Nursery:
    """Keeps one spare child waiting. Used from one long-lived thread: the child dies with the thread that started it."""

    def __init__(self) -> None:
        self._spare: subprocess.Popen[str] | None = None

    def prepare(self) -> None:
        """Start a spare unless one waits."""
        if self._spare is None or self._spare.poll() is not None:
            self._spare = subprocess.Popen(
                [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, text=True, start_new_session=True
            )

    def take(self) -> "subprocess.Popen[str]":
        """The spare, or a fresh child when it has died while it waited."""
        self.prepare()
        child, self._spare = self._spare, None
        if child is None:
            raise RuntimeError("prepare() always leaves a child")
        return child

    def close(self) -> None:
        """Let the spare go: end of input means there is no job."""
        if self._spare is not None and self._spare.stdin is not None:
            self._spare.stdin.close()
            self._spare = None


class Supervisor:
    """The training worker's one hand."""

    def __init__(self) -> None:
        self.nursery = Nursery()

    def handlers(self, stopping: threading.Event) -> dict[str, Handler]:
        """Kind → what to do; every kind is done by a child."""

        def watch(held: Held) -> None:
            self.watch(held, stopping)

        return dict.fromkeys(("pretrain", "personalise", "evaluate"), watch)

    def watch(self, held: Held, stopping: threading.Event) -> None:
        """Hand the job over and wait for the child's end. Always raises Interrupted: `settle` finds out what is left."""
        child = self.nursery.take()
        try:
            if child.stdin is not None:
                child.stdin.write(json.dumps({"job_id": str(held.job.id), "attempt": held.job.attempt}) + "\n")
                child.stdin.flush()
            self._wait(child, held, stopping)
        except BrokenPipeError:
            log.warning("the child for job %s was gone before it began", held.job.id)
        finally:
            if child.poll() is None:
                child.kill()
            child.wait()
            if child.stdin is not None:
                with suppress(BrokenPipeError):  # what it never read is still to be sent
                    child.stdin.close()
        log.info("job %s attempt %s: the child ended with %s", held.job.id, held.job.attempt, child.returncode)
        if not stopping.is_set():
            self._prepare()
        raise Interrupted

    def _prepare(self) -> None:
        """A child for the next job; the one in hand does not suffer where the machine has no room for another."""
        try:
            self.nursery.prepare()
        except OSError as problem:
            log.warning("no child could be made in advance: %s", problem)

    def _wait(self, child: "subprocess.Popen[str]", held: Held, stopping: threading.Event) -> None:
        kill_at: float | None = None
        spare_at = time.monotonic() + SPARE_SECONDS
        while child.poll() is None:
            if time.monotonic() > spare_at and not stopping.is_set():
                self._prepare()
                spare_at = math.inf
            if held.lost.is_set() or held.cancelled.is_set() or (kill_at is not None and time.monotonic() > kill_at):
                child.kill()  # nobody will resume from what it could still save
            elif kill_at is None and stopping.is_set():
                child.terminate()
                kill_at = time.monotonic() + STOP_SECONDS
            try:
                child.wait(timeout=WATCH_SECONDS)
            except subprocess.TimeoutExpired:
                continue
