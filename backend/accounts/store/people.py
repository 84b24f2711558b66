"""Queries on users, experts and what a person chose for themselves."""

from typing import Any
from uuid import UUID

from sqlalchemy import (
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from backend.accounts.store.tables import ExpertRow, PreferencesRow, UserRow
from backend.database import AnySession, WriteSession


def find_user(db: AnySession, user_id: UUID) -> UserRow | None:
    return db.get(UserRow, user_id)


def find_user_by_name(db: AnySession, name: str) -> UserRow | None:
    return db.scalar(select(UserRow).where(UserRow.name == name))


def count_users(db: AnySession, *, with_password: bool) -> int:
    query = select(func.count()).select_from(UserRow)
    return db.scalar(query.where(UserRow.password_hash.is_not(None)) if with_password else query) or 0


def list_users(db: AnySession, after: str | None, limit: int) -> list[UserRow]:
    """Users in order of name, those after the name given."""
    query = select(UserRow).order_by(UserRow.name).limit(limit)
    return list(db.scalars(query if after is None else query.where(UserRow.name > after)))


def add_user(db: WriteSession, name: str, display_name: str, role: str) -> UserRow | None:
    """A new account without a password, or None when the name is taken."""
    row = insert(UserRow).values(name=name, display_name=display_name, role=role).on_conflict_do_nothing()
    return db.scalar(row.returning(UserRow))


def load_users(db: AnySession, user_ids: list[UUID]) -> dict[UUID, UserRow]:
    return {row.id: row for row in db.scalars(select(UserRow).where(UserRow.id.in_(user_ids)))}


def set_password(db: WriteSession, user_id: UUID, password_hash: str) -> None:
    db.execute(update(UserRow).where(UserRow.id == user_id).values(password_hash=password_hash))


def replace_password(db: WriteSession, user_id: UUID, former_hash: str | None, password_hash: str) -> bool:
    """Set a password where the former one still holds; False where it was changed meanwhile, and then nothing changes."""
    row = update(UserRow).where(UserRow.id == user_id, UserRow.password_hash == former_hash)
    return db.scalar(row.values(password_hash=password_hash).returning(UserRow.id)) is not None


def change_user(
    db: WriteSession, user: UserRow, display_name: str | None, role: str | None, locked: bool | None
) -> None:
    """Change what is not None; a lock keeps the time it was first set."""
    if display_name is not None:
        user.display_name = display_name
    if role is not None:
        user.role = role
    if locked is not None:
        user.locked_at = (user.locked_at or db.scalar(select(func.now()))) if locked else None
    db.flush()


def find_expert(db: AnySession, expert_id: UUID) -> ExpertRow | None:
    return db.get(ExpertRow, expert_id)


def find_expert_of_user(db: AnySession, user_id: UUID) -> ExpertRow | None:
    return db.scalar(select(ExpertRow).where(ExpertRow.user_id == user_id))


def add_expert(
    db: WriteSession, name: str, description: str, user_id: UUID | None, simulated: bool
) -> ExpertRow | None:
    """A new expert, or None when the user already is one."""
    row = insert(ExpertRow).values(name=name, description=description, user_id=user_id, simulated=simulated)
    return db.scalar(row.on_conflict_do_nothing().returning(ExpertRow))


def load_experts(db: AnySession, expert_ids: list[UUID]) -> dict[UUID, ExpertRow]:
    return {row.id: row for row in db.scalars(select(ExpertRow).where(ExpertRow.id.in_(expert_ids)))}


def change_expert(
    db: WriteSession,
    expert: ExpertRow,
    name: str | None,
    description: str | None,
    user_id: UUID | None,
    unlink: bool,
) -> None:
    """Change what is not None; unlink: leave the expert without an account."""
    expert.name = expert.name if name is None else name
    expert.description = expert.description if description is None else description
    expert.user_id = None if unlink else user_id or expert.user_id
    db.flush()


def find_preferences(db: AnySession, user_id: UUID) -> PreferencesRow | None:
    return db.get(PreferencesRow, user_id)


def set_preferences(db: WriteSession, user_id: UUID, values: dict[str, Any]) -> None:
    row = insert(PreferencesRow).values(user_id=user_id, **values)
    db.execute(row.on_conflict_do_update(index_elements=["user_id"], set_=values))
