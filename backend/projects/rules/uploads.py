"""Upload sessions: files on their way in wait in quarantine, outside the blobs, until their import is committed.

What a sender calls a file is text to show and group by; on disk a file is named by its hash. Nothing is parsed here.
"""

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

from backend import audit
from backend.accounts.rules import Actor, Resource, authorize
from backend.database import AnySession, WriteSession
from backend.errors import Conflict, Invalid, NotFound, TooLarge
from backend.projects import store
from backend.projects.rules.projects import authorize_in
from backend.settings import Settings

ABANDONED_DAYS = 7  # after which an upload nobody committed is forgotten
MAX_FILES = 20_000
MAX_BYTES = 64 << 30
MAX_NAME = 1000


@dataclass(frozen=True)
class ReceivedFile:
    """One file in quarantine under the sender's name."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Upload:
    """An upload session; its id becomes its import job's. `experts`: read segmentations/EXPERT/ as readings."""

    id: UUID
    project_id: UUID
    owner_id: UUID | None
    experts: bool
    state: Literal["receiving", "committed"]
    created_at: datetime
    files: list[ReceivedFile]


def quarantine(settings: Settings, import_id: UUID) -> Path:
    """Where an import's files wait."""
    return settings.work_folder / "quarantine" / str(import_id)


def create_import(db: WriteSession, actor: Actor, project_id: UUID, experts: bool) -> Upload:
    """Begin an upload into a project the actor runs."""
    authorize_in(db, actor, "create", "import", project_id)
    row = store.add_import(db, project_id, actor.user_id, experts)
    audit.record(db, actor, "C", "import", row.id, project_id=project_id, new={"experts": experts})
    return _view(row, [])


def load_import(db: AnySession, import_id: UUID) -> Upload:
    """An upload with its files, for the job that takes it in. Raises NotFound."""
    row = store.find_import(db, import_id)
    if row is None:
        raise NotFound
    return _view(row, store.import_files(db, import_id))


def find_import(db: AnySession, import_id: UUID) -> Upload | None:
    """An upload without its files, or None where it was forgotten."""
    row = store.find_import(db, import_id)
    return _view(row, []) if row else None


def load_own_import(db: AnySession, actor: Actor, action: Literal["read", "update"], import_id: UUID) -> Upload:
    """An upload the actor began, or may read because they run its project. Raises NotFound, Forbidden."""
    upload = load_import(db, import_id)
    role = store.role_of(db, upload.project_id, actor.user_id) if actor.user_id else None
    authorize(actor, action, Resource("import", upload.project_id, role, upload.owner_id, upload.state))
    return upload


def check_receiving(db: AnySession, actor: Actor, import_id: UUID, path: str) -> None:
    """Whether this upload takes one more file of this name. Raises Invalid, Conflict, TooLarge before a byte is read."""
    upload = load_own_import(db, actor, "update", import_id)
    check_name(path)
    if upload.state != "receiving":
        raise Conflict("This import was committed already; begin a new one for more files.")
    if len(upload.files) >= MAX_FILES:
        raise TooLarge(f"One import takes {MAX_FILES} files; send a zip or begin another import.")
    if sum(file.size_bytes for file in upload.files) > MAX_BYTES:
        raise TooLarge(f"One import takes {MAX_BYTES >> 30} GiB; begin another import for the rest.")


def check_name(path: str) -> None:
    """A name is plain text with forward slashes. Raises Invalid."""
    parts = path.split("/")
    if not 0 < len(path) <= MAX_NAME or not path.isprintable() or any(part in ("", ".", "..") for part in parts):
        raise Invalid("A file is named by its path within what you dropped, like images/case1.nii.gz.")


def keep_file(db: WriteSession, import_id: UUID, path: str, size_bytes: int, sha256: str) -> ReceivedFile:
    """Note a file that lies complete in quarantine; sent again under the same name, the later one counts."""
    row = store.lock_import(db, import_id)
    if row is None or row.state != "receiving":
        raise Conflict("This import was committed while the file was arriving; begin a new one for it.")
    file = store.keep_import_file(db, import_id, path, size_bytes, sha256)
    return ReceivedFile(file.path, file.size_bytes, file.sha256)


def check_complete(db: AnySession, actor: Actor, import_id: UUID) -> Upload:
    """An upload of the actor's that can be committed. Raises Invalid when nothing arrived, Conflict once it was committed."""
    upload = load_own_import(db, actor, "update", import_id)
    if upload.state != "receiving":
        raise Conflict("This import was committed already; its job has the same id.")
    if not upload.files:
        raise Invalid("No file has arrived yet; send at least one.")
    return upload


def commit_import(db: WriteSession, actor: Actor, import_id: UUID) -> Upload:
    """Close an upload; the caller queues the job. Raises Invalid when nothing arrived, Conflict the second time."""
    upload = check_complete(db, actor, import_id)
    row = store.lock_import(db, import_id)
    if row is None or row.state != "receiving":
        raise Conflict("This import was committed already; its job has the same id.")
    store.close_import(db, import_id)
    total = sum(file.size_bytes for file in upload.files)
    new = {"files": len(upload.files), "bytes": total}
    audit.record(db, actor, "E", "import", import_id, project_id=upload.project_id, new=new)
    return upload


def abandon_uploads(db: WriteSession, settings: Settings) -> int:
    """Forget uploads that were begun a week ago and never committed; returns how many.

    The files go first: killed before the commit, the row is found again.
    """
    abandoned = store.abandoned_imports(db, ABANDONED_DAYS)
    for row in abandoned:
        shutil.rmtree(quarantine(settings, row.id), ignore_errors=True)
        store.remove_import(db, row.id)
        reason = f"not committed for {ABANDONED_DAYS} days"
        audit.record(db, None, "D", "import", row.id, project_id=row.project_id, reason=reason)
    return len(abandoned)


def _view(row: store.Import, files: list[store.ImportFile]) -> Upload:
    received = [ReceivedFile(file.path, file.size_bytes, file.sha256) for file in files]
    state: Literal["receiving", "committed"] = "receiving" if row.state == "receiving" else "committed"
    return Upload(row.id, row.project_id, row.owner_id, row.experts, state, row.created_at, received)
