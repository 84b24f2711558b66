"""The confined process that reads originals, seen from outside: started, asked, timed, killed.

What it says is bounded in time and length and parsed as strict JSON; whether it is *true* is for `reading` to check.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Self, TypeAlias

from backend.imaging.refusal import Refusal
from backend.studies.ingest.answers import MIB, Limits

Answer: TypeAlias = dict[str, Any]

REQUESTS_PER_CHILD = 200
LONGEST_ANSWER_BYTES = 64 * MIB


class ChildDied(Exception):
    """The import child ended, hung or answered nonsense while it worked on a file."""


class Child:
    """One running `backend.imaging.parse`. Not thread-safe; the thread that starts it must outlive it."""

    def __init__(self, limits: Limits) -> None:
        arguments = json.dumps(asdict(limits.for_child()))
        # An empty environment but for two numbers: no secret, no address, and no thread pools that eat address space.
        environment = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-m", "backend.imaging.parse", arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
            close_fds=True, start_new_session=True, cwd="/",
        )  # fmt: skip
        self.unread = b""
        self.requests = 0
        try:
            self.isolation: dict[str, bool] = self._read(time.monotonic() + limits.parse_seconds)["isolation"]
        except (ChildDied, KeyError):
            self.close()
            raise

    def ask(self, request: dict[str, Any], seconds: float, report: Callable[[int, int], None]) -> Answer:
        """Send one request and wait for its answer. Raises ChildDied; Refusal where the child refuses the file."""
        self.requests += 1
        deadline = time.monotonic() + seconds
        try:
            if self.process.stdin is None:
                raise ChildDied("the import child has no input")
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except (BrokenPipeError, OSError) as error:
            raise ChildDied("the import child has gone") from error
        while True:
            answer = self._read(deadline)
            if isinstance(answer.get("progress"), list):
                report(*(int(number) for number in answer["progress"][:2]))
                continue
            if "refused" in answer:
                raise Refusal(str(answer["refused"]["code"])[:40], plain_text(str(answer["refused"]["reason"])))
            if not isinstance(answer.get("ok"), dict):
                raise ChildDied("the import child answered nonsense")
            return dict(answer["ok"])

    def _read(self, deadline: float) -> Answer:
        """One line of JSON from the child, bounded in time and length."""
        if self.process.stdout is None:
            raise ChildDied("the import child has no output")
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self.unread:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise ChildDied("the import child took too long")
                piece = os.read(self.process.stdout.fileno(), MIB)
                if not piece or len(self.unread) > LONGEST_ANSWER_BYTES:
                    raise ChildDied("the import child ended")
                self.unread += piece
        line, _, self.unread = self.unread.partition(b"\n")
        try:
            answer = json.loads(line, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise ChildDied("the import child answered nonsense") from error
        if not isinstance(answer, dict):
            raise ChildDied("the import child answered nonsense")
        return answer

    def close(self) -> None:
        """Kill the child, whatever it does, and take its pipes down."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no number")


def plain_text(text: str) -> str:
    """A sentence of the child's as plain, bounded text."""
    return "".join(c if c.isprintable() else " " for c in text)[:400]


class Children:
    """Hands requests to one child after another: a fresh one after 200 requests, and after every death."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.child: Child | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def ask(
        self, request: dict[str, Any], unpacked_bytes: int, report: Callable[[int, int], None] = lambda *_: None
    ) -> Answer:
        """Ask once; if that kills the child, once more in a fresh one. Raises Refusal `quarantined` after that."""
        for attempt in range(2):
            if self.child is None or self.child.requests >= REQUESTS_PER_CHILD or attempt:
                self._end()
                self.child = Child(self.limits)
            try:
                return self.child.ask(request, self.limits.seconds(unpacked_bytes), report)
            except ChildDied:
                self._end()
        raise Refusal(
            "quarantined",
            "reading the file took too long, too much memory, or crashed; an administrator can look at it",
        )

    def _end(self) -> None:
        if self.child is not None:
            self.child.close()
            self.child = None
