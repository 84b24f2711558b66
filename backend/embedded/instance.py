"""What makes a data folder one running Consilium: its lock, its listening socket, and a place its database can reach."""

import contextlib
import errno
import fcntl
import hashlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from backend.embedded.postgres import OWNER_URL_FILE, URL_FILE, PostgresServer, may_enter
from backend.embedded.processes import CannotStart, unprivileged_identity
from backend.settings import Settings

DEMO_DONE = "demo-loaded"  # a file in the data folder, written by `demo`
_DEFAULT_DATA = Path("data")
_ROOTS_FOLDER = Path("/var/lib")
_AFTER_CRASH_SECONDS = 5.0


class Lock:
    """Held while one supervisor runs in a data folder; the kernel lets go of it however the supervisor ends."""

    def __init__(self, data: Path, address: str) -> None:
        """Take it. Raises CannotStart naming the process that holds it. `address` is shown to whoever comes second."""
        self._descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        content = os.pread(self._descriptor, 1000, 0).decode(errors="replace")
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._descriptor)
            raise CannotStart(
                f"Consilium already runs in the data folder {data} ({content.strip() or 'starting'}); "
                "stop it first, or set CONSILIUM_DATA and CONSILIUM_PORT for a second one."
            ) from error
        self.last_one_crashed = bool(content)
        self._write(f"process {os.getpid()} at {address}\n")

    def release(self) -> None:
        """After an orderly end: leaves the file empty, which tells the next start that nothing crashed."""
        self._write("")
        os.close(self._descriptor)

    def _write(self, content: str) -> None:
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, content.encode(), 0)


def listen(host: str, port: int, *, patient: bool) -> socket.socket:
    """The API's listening socket, opened by the supervisor: a port in use is found at once, and while a killed API starts again
    the kernel keeps callers waiting instead of refusing them.

    `patient`: the last supervisor was killed, so its API may need a moment to follow it. Raises CannotStart.
    """
    give_up = time.monotonic() + (_AFTER_CRASH_SECONDS if patient else 0)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(512)
        except OSError as error:
            listener.close()
            if error.errno == errno.EADDRINUSE and time.monotonic() < give_up:
                time.sleep(0.1)
                continue
            raise CannotStart(_why_not(host, port, error)) from error
        return listener


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use by another program; stop that, or set CONSILIUM_PORT to a free port."
    if error.errno == errno.EACCES:
        return f"Port {port} is reserved for root; set CONSILIUM_PORT to a port above 1023."
    return f"Consilium cannot listen on {host}, port {port}: {error.strerror}; set CONSILIUM_HOST and CONSILIUM_PORT."


def reachable_data_folder(data: Path) -> Path:
    """`data`, or, for root in a folder closed to the database's user (such as /root), a symlink `data` to one that is not.

    Only the default `./data` that does not exist yet is moved; a folder somebody chose is used, or refused by name.
    """
    identity = unprivileged_identity()
    if identity is None or data != _DEFAULT_DATA or data.exists() or data.is_symlink():
        return data
    here = data.parent.resolve()
    if all(may_enter(folder, identity) for folder in (here, *here.parents)):
        return data
    elsewhere = _ROOTS_FOLDER / f"consilium-{hashlib.sha256(os.fsencode(here)).hexdigest()[:12]}"
    elsewhere.mkdir(mode=0o711, parents=True, exist_ok=True)
    data.symlink_to(elsewhere)
    return data


@contextlib.contextmanager
def empty_instance(settings: Settings) -> Iterator[Settings]:
    """A new data folder's database, running and empty while the block lasts, for a restore; yields settings that name it.

    Raises CannotStart for a folder that holds a database already. Afterwards `consilium run` takes the folder as it is,
    without a demo.
    """
    data = reachable_data_folder(settings.data).absolute()
    data.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    lock = Lock(data, "a restore")
    try:
        postgres = PostgresServer(data)
        if postgres.home.exists():
            raise CannotStart(
                f"{data} holds a database already, and a restore never overwrites; set CONSILIUM_DATA to another folder."
            )
        postgres.start()
        try:
            files = {
                "database_url_file": data / "secrets" / URL_FILE,
                "database_owner_url_file": data / "secrets" / OWNER_URL_FILE,
            }
            yield Settings(**{**settings.model_dump(), **files, "data": data})
            (data / DEMO_DONE).touch()
        finally:
            postgres.stop()
    finally:
        lock.release()
