"""Child processes that never outlive us, and the one error a start may end with.

Unusual here: every child asks the kernel for a signal at its parent's death (PR_SET_PDEATHSIG), so that even `kill -9` of the
supervisor leaves no orphan. The kernel watches the *thread* that spawned the child: call `spawn` from a thread that lives as
long as the child should, in practice the main thread.
"""

import ctypes
import os
import pwd
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
# Loaded here, in the parent: between fork and exec nothing may be imported or locked.
_libc = ctypes.CDLL(None, use_errno=True)


class CannotStart(Exception):
    """Consilium cannot start here; the sentence names the culprit and the remedy."""


@dataclass(frozen=True)
class Identity:
    """The operating-system user a child runs as; `None` wherever an Identity is optional means: as ourselves."""

    name: str
    uid: int
    gid: int


def unprivileged_identity() -> Identity | None:
    """Whom PostgreSQL runs as: None (ourselves) for an ordinary user, else the first suitable user that exists already.

    PostgreSQL refuses to run as root, and we never add users to a machine. Raises CannotStart when root finds nobody to be.
    """
    if os.geteuid() != 0:
        return None
    for name in ("consilium", "postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Identity(name, entry.pw_uid, entry.pw_gid)
    raise CannotStart(
        "PostgreSQL does not run as root, and none of the users consilium, postgres and nobody exists on this machine; "
        "start Consilium as an ordinary user."
    )


def spawn(
    arguments: Sequence[str | Path],
    *,
    death_signal: signal.Signals = signal.SIGKILL,
    identity: Identity | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    output: IO[bytes] | int | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a child that gets `death_signal` when the calling thread ends, in whatever way it ends.

    The child leads its own process group, so a terminal's Ctrl-C reaches only the supervisor, which then stops the children in
    order. `output` takes both its stdout and its stderr. As root, `identity` drops every privilege before the program starts.
    """
    return subprocess.Popen(
        [str(argument) for argument in arguments],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        env=dict(environment) if environment is not None else None,
        cwd=folder,
        pass_fds=pass_fds,
        process_group=0,
        preexec_fn=_die_with(os.getpid(), death_signal),
        user=identity.uid if identity else None,
        group=identity.gid if identity else None,
        extra_groups=[] if identity else None,
    )


def stop(child: subprocess.Popen[bytes], *, first: signal.Signals, patience_seconds: float) -> int:
    """Ask the child to end with `first`; after `patience_seconds` make it. Returns its exit status; fine on a dead child."""
    if child.poll() is None:
        child.send_signal(first)
        try:
            child.wait(timeout=patience_seconds)
        except subprocess.TimeoutExpired:
            child.kill()
    return child.wait()


def _die_with(parent: int, death_signal: signal.Signals) -> Callable[[], None]:
    """What a child does between fork and exec; runs after the user was changed, which would clear the request."""

    def ask() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:  # the parent died before we could ask
            os._exit(1)

    return ask
