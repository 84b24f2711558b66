"""A witness of the audit outside the database: its head, appended to a file every ten minutes.

The chain alone cannot show that its newest rows were cut off, or that somebody with the owner's password rebuilt it
whole; a line kept elsewhere can. The file is `<data>/audit-heads.log`: time, sequence, hash; ship it off the machine
for a stronger witness. Fails open: a head that could not be written is logged, the service goes on.
"""

import logging
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from backend import audit
from backend.database import ERRORS, AnySession, Database

log = logging.getLogger("consilium.audit")

EVERY_SECONDS: Final = 600.0
_FORGIVEN: Final[tuple[type[Exception], ...]] = (*ERRORS, OSError)


def heads_file(data: Path) -> Path:
    """Where the heads are kept below the data folder."""
    return data / "audit-heads.log"


class Witness:
    """A thread that writes the head down until it is stopped, and once more then."""

    def __init__(self, database: Database, file: Path) -> None:
        self._database, self._file = database, file
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="audit-witness", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=3)

    def _watch(self) -> None:
        while True:
            is_last = self._stopping.wait(EVERY_SECONDS)
            try:
                write_head(self._database, self._file)
            except _FORGIVEN as problem:
                log.warning("The audit's head could not be written down: %s", type(problem).__name__)
            if is_last:
                return


def write_head(database: Database, file: Path) -> None:
    """Append the newest row's sequence and hash, durably, if it is not the last line already."""
    with database.read() as db:
        seq, sha256 = audit.head(db)
    lines = file.read_text(encoding="ascii").splitlines() if file.exists() else []
    if seq == 0 or (lines and lines[-1].split()[1:] == [str(seq), sha256]):
        return
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w", encoding="ascii") as out:
        out.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {seq} {sha256}\n")
        out.flush()
        os.fsync(out.fileno())


def contradicted_head(db: AnySession, file: Path) -> int | None:
    """The first sequence written down whose row has another hash now, or is gone; None when all agree."""
    for line in file.read_text(encoding="ascii").splitlines() if file.exists() else []:
        _, seq, sha256 = line.split()
        if audit.hash_of(db, int(seq)) != sha256:
            return int(seq)
    return None
