"""What a process that trains owes its neighbours: it ends with who started it, comes last in every queue, and stops when told to."""

import contextlib
import ctypes
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Final

NICENESS: Final = 10
PR_SET_PDEATHSIG: Final = 1


def die_with_parent() -> None:
    """Ask the kernel to kill us when the thread that started us is gone."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel knew
        sys.exit(1)


def be_humble() -> None:
    """Let requests, predictions and the database have the processor first.

    We are a session of our own, and where the kernel groups processes by session (sched(7), autogroup) niceness counts within
    the group alone: there the group itself must be nice. Kernels without groups have no such file.
    """
    os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICENESS), encoding="ascii")


def told_to_stop() -> threading.Event:
    """Set from SIGTERM on. Ctrl-C, which reaches the whole group, is left to whoever started us."""
    stop = threading.Event()

    def on_signal(signum: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return stop
