"""`consilium backup` and `consilium restore`: everything that is kept, in files from which another machine can begin.

    PATH/blobs/…                     every blob, shared by all backups in PATH: only new ones are copied
    PATH/2026-11-21T14-05-00-…Z/     database.dump (pg_dump's custom format) and manifest.json

Works under load. The database comes first: a blob never changes and its row always comes after it, so the blobs copied
later hold all that the dump names; no sweeper runs meanwhile. Each blob is hashed on the way; one that lies in PATH already is
believed unless asked to `verify`, which reads it and puts a good one in a damaged one's place. The manifest is written
last, so a folder without one is a backup that did not finish, and is never restored.
A restore goes into an empty place only, the blobs first and the database in one transaction, so that one which fails leaves
no server that lacks bytes; it brings the schema to this version, ends every sign-in of that day (some were ended since), and is
believed when `fsck` finds no fault. API tokens come back as they were: look through them where one was revoked since.
Left out: passwords of the machine and its certificates (made anew), uploads nobody committed, the middle of a training
(it begins again).
"""

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from backend import audit
from backend.accounts.rules import SYSTEM, end_all_sign_ins
from backend.app import fsck
from backend.app.health import MIGRATIONS
from backend.blobs import Blobs
from backend.database import Database
from backend.embedded.migrate import upgrade
from backend.embedded.postgres import find_program
from backend.errors import Conflict, CorruptBlob, NotFound
from backend.settings import Settings

DUMP: Final = "database.dump"
MANIFEST: Final = "manifest.json"
CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True)
class Manifest:
    """What one backup holds. schema: the migration its dump is at; audit: sequence and hash of the newest row before it."""

    made_at: str
    schema: str
    audit_rows: int
    audit_head: str
    dump_sha256: str
    dump_bytes: int
    blobs: int
    new_blobs: int
    new_bytes: int

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises CorruptBlob where the dump beside it is not the one it speaks of, Conflict for one that speaks of more than we know."""
        try:
            manifest = cls(**json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
        except (TypeError, ValueError) as problem:
            raise Conflict(
                f"{folder / MANIFEST} is not a manifest of this Consilium; install the version that made it, or name another backup."
            ) from problem
        if _sha256(folder / DUMP) != manifest.dump_sha256:
            raise CorruptBlob(f"{folder / DUMP} is damaged; restore another backup.")
        return manifest


def back_up(database: Database, settings: Settings, target: Path, *, verify: bool = False) -> Manifest:
    """Add a backup to the folder `target` and note it in the audit. database: as the schema's owner.

    verify: read the blobs that lie there already as well, and replace those that are damaged (they count as new).

    Raises Conflict while another backup or a sweep runs, CorruptBlob for a blob that is not what its name says; then
    this backup does not count, and those before it stay.
    """
    made_at = datetime.now(UTC)
    folder = target / made_at.strftime("%Y-%m-%dT%H-%M-%S-%fZ")
    folder.mkdir(mode=0o700, parents=True)
    with database.holding(fsck.BLOBS_LOCK) as alone:
        if not alone:
            raise Conflict("Another backup or a sweep is at work; try again when it has ended.")
        with database.read() as db:
            rows, head = audit.head(db)
        schema = database.examine().schema
        if schema is None:
            raise NotFound("This database was never migrated; there is nothing to back up.")
        _run("pg_dump", database, "--format=custom", f"--file={folder / DUMP}")
        blobs, new_blobs, new_bytes = _copy_blobs(Blobs(settings.blobs_folder), Blobs(target / "blobs"), verify)
    dump = folder / DUMP
    manifest = Manifest(
        made_at.isoformat(timespec="seconds"), schema, rows, head, _sha256(dump), dump.stat().st_size,
        blobs, new_blobs, new_bytes,
    )  # fmt: skip
    _write_last(folder / MANIFEST, json.dumps(asdict(manifest), indent=2))
    with database.write() as db:
        audit.record(db, SYSTEM, "E", "backup", folder.name, new=asdict(manifest))
    return manifest


def restore(owner: Database, settings: Settings, source: Path) -> fsck.Report:
    """Fill an empty database and data folder from a backup, or from the newest one below `source`; returns what fsck found.

    owner: the empty database, as the schema's owner. Raises NotFound where there is no finished backup, Conflict where
    something is in the way, CorruptBlob for damage.
    """
    folder = find_backup(source)
    manifest = Manifest.read(folder)
    if not any(file.name.startswith(f"{manifest.schema}_") for file in MIGRATIONS.glob("*.py")):
        raise Conflict(f"{folder} comes from a newer Consilium (schema {manifest.schema}); install that version first.")
    blobs = Blobs(settings.blobs_folder)
    if not owner.is_empty() or any(blobs.names()):
        raise Conflict("A restore never overwrites: name an empty data folder (CONSILIUM_DATA) and an empty database.")
    _copy_blobs(Blobs(folder.parent / "blobs"), blobs, reads_present=False)
    _run("pg_restore", owner, "--single-transaction", "--exit-on-error", "--no-owner", "--dbname",
         owner.environment["PGDATABASE"], str(folder / DUMP))  # fmt: skip
    upgrade(owner.url.set(drivername="postgresql").render_as_string(hide_password=False))
    with owner.write() as db:
        end_all_sign_ins(db)
    report = fsck.examine(owner, settings)
    with owner.write() as db:
        audit.record(db, SYSTEM, "E", "restore", folder.name, new={**asdict(manifest), "faults": len(report.faults)})
    return report


def find_backup(source: Path) -> Path:
    """`source` where it is a finished backup, else the newest finished one in it. Raises NotFound."""
    if (source / MANIFEST).is_file():
        return source
    finished = sorted(file.parent for file in source.glob(f"*/{MANIFEST}"))
    if not finished:
        raise NotFound(f"There is no finished backup in {source}: none of its folders has a {MANIFEST}.")
    return finished[-1]


def _copy_blobs(source: Blobs, target: Blobs, reads_present: bool) -> tuple[int, int, int]:
    """Copy what `target` lacks, or holds damaged where that is looked for; returns how many there are, how many were new, and the new ones' bytes."""
    present = set(target.names())
    count = new = new_bytes = 0
    for sha256 in source.names():
        count += 1
        is_there = sha256 in present
        if is_there and (not reads_present or _sha256(target.path(sha256)) == sha256):
            continue
        file = source.path(sha256)
        if target.put(_chunks(file), mends=is_there) != sha256:
            raise CorruptBlob(f"The stored bytes {sha256[:12]}… are damaged; run `consilium fsck`, and restore them.")
        new, new_bytes = new + 1, new_bytes + file.stat().st_size
    return count, new, new_bytes


def _run(program: str, database: Database, *arguments: str) -> None:
    """One of PostgreSQL's programs on this database; the password travels in the environment, never in the arguments."""
    done = subprocess.run(
        [find_program(program), *arguments],
        env=database.environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        last = done.stderr.strip().rpartition("\n")[2]
        raise Conflict(f"{program} ended with status {done.returncode}: {last}")


def _write_last(file: Path, content: str) -> None:
    """On the disk, with everything beside it, before anybody relies on it."""
    with (file.parent / DUMP).open("rb") as dump:
        os.fsync(dump.fileno())
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while chunk := opened.read(CHUNK_BYTES):
            yield chunk


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
