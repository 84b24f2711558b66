"""Queries on uploads under way."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import (
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from backend.database import AnySession, WriteSession
from backend.projects.store.tables import Import, ImportFile

# Uploads under way


def add_import(db: WriteSession, project_id: UUID, owner_id: UUID | None, experts: bool) -> Import:
    row = insert(Import).values(project_id=project_id, owner_id=owner_id, experts=experts)
    return db.scalars(row.returning(Import)).one()


def find_import(db: AnySession, import_id: UUID) -> Import | None:
    return db.get(Import, import_id)


def lock_import(db: WriteSession, import_id: UUID) -> Import | None:
    return db.scalar(select(Import).where(Import.id == import_id).with_for_update())


def keep_import_file(db: WriteSession, import_id: UUID, path: str, size_bytes: int, sha256: str) -> ImportFile:
    """Note a received file; sent again under the same name, the later one counts."""
    row = insert(ImportFile).values(import_id=import_id, path=path, size_bytes=size_bytes, sha256=sha256)
    again = row.on_conflict_do_update(
        index_elements=["import_id", "path"], set_={"size_bytes": size_bytes, "sha256": sha256}
    )
    return db.scalars(again.returning(ImportFile)).one()


def import_files(db: AnySession, import_id: UUID) -> list[ImportFile]:
    return list(db.scalars(select(ImportFile).where(ImportFile.import_id == import_id).order_by(ImportFile.path)))


def abandoned_imports(db: WriteSession, days: int) -> list[Import]:
    """Uploads begun this long ago and never committed, locked; those a file is just arriving for are left for another time."""
    old = Import.created_at < func.now() - timedelta(days=days)
    query = select(Import).where(Import.state == "receiving", old).with_for_update(skip_locked=True)
    return list(db.scalars(query))


def remove_import(db: WriteSession, import_id: UUID) -> None:
    """Forget an upload and its list of files."""
    db.execute(delete(Import).where(Import.id == import_id))


def close_import(db: WriteSession, import_id: UUID) -> None:
    db.execute(update(Import).where(Import.id == import_id).values(state="committed"))
