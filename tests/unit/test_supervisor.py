"""The training worker's children: the next one waits before the job in hand is over."""

import errno
import signal
import subprocess
import sys
import threading
import time
from typing import Any
from uuid import uuid4

import psutil
import pytest

from tests.running import eventually
from worker import supervisor
from worker.desk import Held, Interrupted
from worker.gateway.queue import Claimed


def children() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "worker.run_job" in " ".join(one.cmdline())]


def test_the_next_child_is_made_while_a_job_still_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "SPARE_SECONDS", 0.0)
    watcher, stopping = supervisor.Supervisor(), threading.Event()
    held = Held(
        Claimed(uuid4(), 1, "pretrain", supervisor.QUEUE, None, None, None, {})
    )  # its child is put down while it still imports
    ended: list[BaseException] = []

    def work() -> None:
        try:
            watcher.watch(held, stopping)
        except Interrupted as end:
            ended.append(end)
        stopping.wait()  # a child dies with the thread that made it

    hand = threading.Thread(target=work, daemon=True)
    hand.start()
    eventually("a spare beside the busy child", lambda: len(children()) == 2)
    held.lost.set()
    eventually("the end of the job", lambda: ended)
    assert len(children()) == 1, "the spare waits for the next job"
    watcher.nursery.close()
    stopping.set()
    hand.join()
    for spare in children():  # it reads the end of its input when its imports are done; nobody waits for that
        spare.kill()


def test_a_child_that_dies_before_it_is_told_its_job_leaves_the_job_to_be_settled() -> None:
    class Deadly(supervisor.Nursery):
        def take(self) -> "subprocess.Popen[str]":
            child = super().take()
            child.kill()
            child.wait()
            return child

    watcher, stopping = supervisor.Supervisor(), threading.Event()
    watcher.nursery = Deadly()
    stopping.set()  # no spare for a job after this one

    with pytest.raises(Interrupted):
        watcher.watch(Held(Claimed(uuid4(), 1, "pretrain", supervisor.QUEUE, None, None, None, {})), stopping)


def test_a_job_goes_on_where_no_further_process_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "SPARE_SECONDS", 0.0)
    watcher, held = (
        supervisor.Supervisor(),
        Held(Claimed(uuid4(), 1, "pretrain", supervisor.QUEUE, None, None, None, {})),
    )
    make, made, refused = subprocess.Popen, list[subprocess.Popen[str]](), threading.Event()

    def popen(command: list[str], **how: Any) -> "subprocess.Popen[str]":
        if made:
            refused.set()
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        made.append(make([sys.executable, "-c", "input(); input()"], **how))
        return made[0]

    def end_it() -> None:
        refused.wait(30)
        time.sleep(3 * supervisor.WATCH_SECONDS)
        made[0].terminate()

    monkeypatch.setattr(supervisor.subprocess, "Popen", popen)
    threading.Thread(target=end_it, daemon=True).start()

    with pytest.raises(Interrupted):
        watcher.watch(held, threading.Event())

    assert made[0].returncode == -signal.SIGTERM, "nobody but its own end put it down"
