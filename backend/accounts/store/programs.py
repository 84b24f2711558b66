"""Queries on what programs need: API tokens, and answers kept so that a repeated request gets them again."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    and_,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from backend.accounts.store.tables import ApiTokenRow, ExpertRow, IdempotencyKeyRow, UserRow
from backend.database import AnySession, WriteSession


def add_token(
    db: WriteSession,
    user_id: UUID,
    name: str,
    prefix: str,
    secret_sha256: str,
    scopes: list[str],
    project_id: UUID | None,
    days: int,
) -> ApiTokenRow:
    row = insert(ApiTokenRow).values(
        user_id=user_id,
        name=name,
        prefix=prefix,
        secret_sha256=secret_sha256,
        scopes=scopes,
        project_id=project_id,
        expires_at=func.now() + timedelta(days=days),
    )
    return db.scalars(row.returning(ApiTokenRow)).one()


def find_token(db: AnySession, secret_sha256: str) -> tuple[ApiTokenRow, UserRow, UUID | None, bool] | None:
    """The live token of an unlocked user, the expert they are, and whether to note its use again (once a minute)."""
    unnoted = func.coalesce(ApiTokenRow.last_used_at < func.now() - timedelta(minutes=1), True)
    row = db.execute(
        select(ApiTokenRow, UserRow, ExpertRow.id, unnoted)
        .join(UserRow, UserRow.id == ApiTokenRow.user_id)
        .outerjoin(ExpertRow, ExpertRow.user_id == UserRow.id)
        .where(
            ApiTokenRow.secret_sha256 == secret_sha256,
            ApiTokenRow.revoked_at.is_(None),
            ApiTokenRow.expires_at > func.now(),
            UserRow.locked_at.is_(None),
        )
    ).one_or_none()
    return (row[0], row[1], row[2], row[3]) if row else None


def touch_token(db: WriteSession, token_id: UUID) -> None:
    db.execute(update(ApiTokenRow).where(ApiTokenRow.id == token_id).values(last_used_at=func.now()))


def list_tokens(db: AnySession, user_id: UUID) -> list[ApiTokenRow]:
    """A user's tokens that are not revoked, newest first."""
    query = select(ApiTokenRow).where(ApiTokenRow.user_id == user_id, ApiTokenRow.revoked_at.is_(None))
    return list(db.scalars(query.order_by(ApiTokenRow.created_at.desc(), ApiTokenRow.id).limit(200)))


def load_token(db: AnySession, token_id: UUID) -> ApiTokenRow | None:
    return db.get(ApiTokenRow, token_id)


def revoke_token(db: WriteSession, token_id: UUID) -> None:
    db.execute(update(ApiTokenRow).where(ApiTokenRow.id == token_id).values(revoked_at=func.now()))


def claim_key(db: WriteSession, user_id: UUID, route: str, key: str, body_sha256: str) -> IdempotencyKeyRow | None:
    """Claim this key for the running transaction and return None, or return the finished row of an earlier request.

    A parallel duplicate waits here until the first one commits (then gets its row) or rolls back (then claims).
    """
    old = IdempotencyKeyRow.created_at < func.now() - timedelta(hours=24)
    db.execute(delete(IdempotencyKeyRow).where(IdempotencyKeyRow.user_id == user_id, old))
    values: dict[str, Any] = {"user_id": user_id, "route": route, "key": key, "body_sha256": body_sha256}
    claimed = db.scalar(
        insert(IdempotencyKeyRow).values(values).on_conflict_do_nothing().returning(IdempotencyKeyRow.key)
    )
    return None if claimed else db.get(IdempotencyKeyRow, (user_id, route, key))


def keep_answer(db: WriteSession, user_id: UUID, route: str, key: str, status: int, body: str) -> None:
    same = and_(IdempotencyKeyRow.user_id == user_id, IdempotencyKeyRow.route == route, IdempotencyKeyRow.key == key)
    db.execute(update(IdempotencyKeyRow).where(same).values(status=status, body=body))
