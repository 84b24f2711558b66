"""Uploads on the wire: begin, send files one by one, commit; or everything in one multipart request.

Bodies are streamed to quarantine while they are hashed, off the event loop, and no database connection is held
meanwhile. Fails closed: nothing sent is parsed here, a file that stops half way leaves nothing, and the disk keeps a tenth
free for readings.
"""

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, BinaryIO, Final, Literal
from uuid import UUID

from fastapi import Form, Query, Request, UploadFile, status
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool

from backend.accounts.api import CurrentActor, Router, policy, settings_of
from backend.accounts.rules import Actor
from backend.database import Database, Reads, Writes, of_request
from backend.errors import DiskFull, TooLarge
from backend.jobs import api as jobs_api
from backend.jobs import rules as jobs
from backend.jobs.api import JobOut
from backend.projects import rules as projects
from backend.projects.rules import ReceivedFile, Upload
from backend.settings import Settings

router = Router(prefix="/imports", tags=["imports"])

MIB: Final = 1 << 20
SMALL_UPLOAD_BYTES: Final = 64 * MIB
KEEP_FREE: Final = 0.10  # SAFETY section 2: at 90 % disk imports stop first, saves last
Name = Annotated[str, Query(alias="path", max_length=1000, description="Its path within what was dropped.")]


class ImportIn(BaseModel):
    """Where to import; `experts`: keep label maps below segmentations/EXPERT/ as submitted readings."""

    model_config = ConfigDict(extra="forbid")

    project_id: UUID
    experts: bool = False


class ReceivedFileOut(BaseModel):
    """A file that has arrived completely."""

    path: str
    size_bytes: int
    sha256: str


class ImportOut(BaseModel):
    """An upload; once committed, the job of the same id takes it in."""

    id: UUID
    project_id: UUID
    experts: bool
    state: Literal["receiving", "committed"]
    created_at: datetime
    files: list[ReceivedFileOut]


@router.post("", response_model=ImportOut, status_code=status.HTTP_201_CREATED, openapi_extra=policy("import:create"))
def create_import(db: Writes, actor: CurrentActor, body: ImportIn) -> Upload:
    """Begin an upload into a project you run."""
    return projects.create_import(db, actor, body.project_id, body.experts)


@router.post("/upload", status_code=status.HTTP_202_ACCEPTED, openapi_extra=policy("import:create"))
def upload_files(
    request: Request,
    db: Writes,
    actor: CurrentActor,
    project_id: Annotated[UUID, Form()],
    files: list[UploadFile],
    experts: Annotated[bool, Form()] = False,
) -> JobOut:
    """Everything in one request of at most 64 MiB; the answer is the import job."""
    settings = settings_of(request)
    refuse_full_disk(settings)
    upload = projects.create_import(db, actor, project_id, experts)
    left = SMALL_UPLOAD_BYTES
    with _folder_or_nothing(projects.quarantine(settings, upload.id)) as folder:
        for file in files:
            name = file.filename or ""
            projects.check_name(name)
            size_bytes, sha256 = _copy(file.file, folder, left)
            left -= size_bytes
            projects.keep_file(db, upload.id, name, size_bytes, sha256)
        return _commit(db, actor, upload.id)


@router.get("/{import_id}", response_model=ImportOut, openapi_extra=policy("import:read"))
def get_import(db: Reads, actor: CurrentActor, import_id: UUID) -> Upload:
    """An upload and the files that have arrived: what a broken connection has still to send."""
    return projects.load_own_import(db, actor, "read", import_id)


@router.put(
    "/{import_id}/files",
    response_model=ReceivedFileOut,
    openapi_extra={
        **policy("import:update"),
        "requestBody": {"required": True, "content": {"application/octet-stream": {}}},
    },
)
async def put_import_file(request: Request, actor: CurrentActor, import_id: UUID, name: Name) -> ReceivedFile:
    """Send one file, its bytes as the body; sent again under the same name, the later one counts."""
    settings, database = settings_of(request), of_request(request)
    refuse_full_disk(settings)
    await run_in_threadpool(_check, database, actor, import_id, name)
    folder = projects.quarantine(settings, import_id)
    size_bytes, sha256 = await _receive(request.stream(), folder, settings.upload_limit_mib * MIB)
    return await run_in_threadpool(_keep, database, import_id, name, size_bytes, sha256)


@router.post("/{import_id}/inspection", status_code=status.HTTP_202_ACCEPTED, openapi_extra=policy("import:update"))
def inspect_import(db: Writes, actor: CurrentActor, import_id: UUID) -> JobOut:
    """Have what arrived looked at, and nothing kept: the job's result tells each image's grid, and one verdict per file."""
    upload = projects.check_complete(db, actor, import_id)
    job = jobs.add_inspection(db, actor, upload.project_id, upload.id)
    return jobs_api.jobs.load_out(db, actor, job.id)


@router.post("/{import_id}/commit", status_code=status.HTTP_202_ACCEPTED, openapi_extra=policy("import:update"))
def commit_import(db: Writes, actor: CurrentActor, import_id: UUID) -> JobOut:
    """Everything has arrived: queue the import. Its result has one verdict per file."""
    return _commit(db, actor, import_id)


def refuse_full_disk(settings: Settings) -> None:
    """Raises DiskFull while less than a tenth of the disk is free."""
    usage = shutil.disk_usage(settings.data)
    if usage.free < KEEP_FREE * usage.total:
        raise DiskFull


def _commit(db: Writes, actor: Actor, import_id: UUID) -> JobOut:
    upload = projects.commit_import(db, actor, import_id)
    jobs.add_job(db, "import", project_id=upload.project_id, owner=actor, job_id=upload.id)
    return jobs_api.jobs.load_out(db, actor, import_id)


def _check(database: Database, actor: Actor, import_id: UUID, name: str) -> None:
    with database.read() as db:
        projects.check_receiving(db, actor, import_id, name)


def _keep(database: Database, import_id: UUID, name: str, size_bytes: int, sha256: str) -> ReceivedFile:
    with database.write() as db:
        return projects.keep_file(db, import_id, name, size_bytes, sha256)


async def _receive(stream: AsyncIterator[bytes], folder: Path, limit_bytes: int) -> tuple[int, str]:
    """Write a body to quarantine under its hash; returns its size and sha256. Whatever goes wrong leaves nothing."""
    digest, size_bytes = hashlib.sha256(), 0
    temporary, file = await run_in_threadpool(_new_file, folder)
    try:
        async for chunk in stream:
            size_bytes += len(chunk)
            if size_bytes > limit_bytes:
                raise TooLarge(f"A file may have {limit_bytes // MIB} MiB; ask your administrator for more.")
            digest.update(chunk)
            await run_in_threadpool(file.write, chunk)
        await run_in_threadpool(_finish_file, file, temporary, folder / digest.hexdigest())
        return size_bytes, digest.hexdigest()
    finally:
        file.close()
        temporary.unlink(missing_ok=True)


def _copy(source: BinaryIO, folder: Path, limit_bytes: int) -> tuple[int, str]:
    """`_receive` for a part of a multipart body, which lies in a temporary file already."""
    digest, size_bytes = hashlib.sha256(), 0
    temporary, file = _new_file(folder)
    try:
        while chunk := source.read(MIB):
            size_bytes += len(chunk)
            if size_bytes > limit_bytes:
                raise TooLarge("More than 64 MiB in one request; begin an import and send the files one by one.")
            digest.update(chunk)
            file.write(chunk)
        _finish_file(file, temporary, folder / digest.hexdigest())
        return size_bytes, digest.hexdigest()
    finally:
        file.close()
        temporary.unlink(missing_ok=True)


def _new_file(folder: Path) -> tuple[Path, BinaryIO]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = folder / f"tmp-{secrets.token_hex(8)}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    return temporary, os.fdopen(descriptor, "wb")


def _finish_file(file: BinaryIO, temporary: Path, target: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    temporary.rename(target)


@contextlib.contextmanager
def _folder_or_nothing(folder: Path) -> Iterator[Path]:
    """A quarantine folder that vanishes again when the request fails."""
    try:
        yield folder
    except BaseException:  # a cancelled request leaves nothing either
        shutil.rmtree(folder, ignore_errors=True)
        raise
