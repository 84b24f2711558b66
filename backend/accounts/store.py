"""Tables and queries of accounts: users, sign-ins, one-time links, API tokens, experts, failed sign-ins, replayed answers.

Unusual here: no secret that lets anybody in is stored, only its sha256 (secrets of 256 random bits need no slow hash;
passwords get argon2id). A journal key is kept as it is: it opens nothing here, only what waits in one browser. Times are the database's, so clocks of several API processes need not agree.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    and_,
    delete,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from backend.database import AnySession, Base, WriteSession

Time = DateTime(timezone=True)
_new_id = text("gen_random_uuid()")


class UserRow(Base):
    """An account. Without a password hash it can only be entered by a one-time link."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("role IN ('admin', 'expert', 'integrator')", name="role_is_known"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=_new_id)
    name: Mapped[str] = mapped_column(unique=True)
    display_name: Mapped[str]
    role: Mapped[str]
    password_hash: Mapped[str | None]
    locked_at: Mapped[datetime | None] = mapped_column(Time)
    created_at: Mapped[datetime] = mapped_column(Time, server_default=func.now())


class SessionRow(Base):
    """One sign-in of one browser."""

    __tablename__ = "sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=_new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    secret_sha256: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(Time, server_default=func.now())
    last_gesture_at: Mapped[datetime] = mapped_column(Time, server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(Time)
    user_agent: Mapped[str | None]


class JournalKeyRow(Base):
    """What one user's unsent strokes in one browser are encrypted with. `browser_id` is the browser's own random id."""

    __tablename__ = "journal_keys"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    browser_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(Time, server_default=func.now())
    last_used_at: Mapped[datetime] = mapped_column(Time, server_default=func.now())


class OneTimeLinkRow(Base):
    """A way in for somebody without a password yet; works once."""

    __tablename__ = "one_time_links"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=_new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    secret_sha256: Mapped[str] = mapped_column(unique=True)
    expires_at: Mapped[datetime] = mapped_column(Time)
    used_at: Mapped[datetime | None] = mapped_column(Time)


class ApiTokenRow(Base):
    """A key for a program. `prefix` is the part that may be shown again."""

    __tablename__ = "api_tokens"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=_new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    prefix: Mapped[str]
    secret_sha256: Mapped[str] = mapped_column(unique=True)
    # projects is a domain to the right: the column is plain here, and projects.rules proves that the id exists.
    project_id: Mapped[UUID | None]
    scopes: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(Time, server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(Time)
    last_used_at: Mapped[datetime | None] = mapped_column(Time)
    revoked_at: Mapped[datetime | None] = mapped_column(Time)


class ExpertRow(Base):
    """A person whose way of drawing matters; with or without an account."""

    __tablename__ = "experts"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=_new_id)
    name: Mapped[str]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), unique=True)
    simulated: Mapped[bool] = mapped_column(server_default=text("false"))
    description: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(Time, server_default=func.now())


class PreferencesRow(Base):
    """What a person chose for themselves; no row means the defaults.

    shortcuts: command id → {"keys": [chord…], "on": bool}, only where it differs from the table. seen: hints not to be shown again.
    """

    __tablename__ = "preferences"
    __table_args__ = (CheckConstraint("theme IN ('dark', 'light', 'auto')", name="theme_is_known"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    theme: Mapped[str]
    shortcuts: Mapped[dict[str, Any]] = mapped_column(JSON)
    seen: Mapped[list[str]] = mapped_column(JSON)


class LoginFailureRow(Base):
    """One failed attempt, for throttling. `account` is the name as typed, hashed: people type passwords there."""

    __tablename__ = "login_failures"
    __table_args__ = (
        Index("ix_login_failures_account_at", "account", "at"),
        Index("ix_login_failures_address_at", "address", "at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(Time, server_default=func.now())
    account: Mapped[str]
    address: Mapped[str]


class IdempotencyKeyRow(Base):
    """An answer kept for a day so that a repeated creating POST gets it again."""

    __tablename__ = "idempotency_keys"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    route: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    body_sha256: Mapped[str]
    status: Mapped[int | None]
    body: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(Time, server_default=func.now(), index=True)


# Users


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


# Sign-ins


def add_session(db: WriteSession, user_id: UUID, secret_sha256: str, hours: int, user_agent: str | None) -> SessionRow:
    row = insert(SessionRow).values(
        user_id=user_id,
        secret_sha256=secret_sha256,
        expires_at=func.now() + timedelta(hours=hours),
        user_agent=user_agent,
    )
    return db.scalars(row.returning(SessionRow)).one()


def find_session(
    db: AnySession, secret_sha256: str, idle_minutes: int
) -> tuple[SessionRow, UserRow, UUID | None, bool] | None:
    """The live sign-in of an unlocked user, the expert they are, and whether its last gesture is worth noting anew.

    That is after 30 s, or a sixth of the idle time where that is shorter: a warning's *stay* must never fall inside.
    """
    stale = SessionRow.last_gesture_at < func.now() - min(timedelta(seconds=30), timedelta(minutes=idle_minutes) / 6)
    row = db.execute(
        select(SessionRow, UserRow, ExpertRow.id, stale)
        .join(UserRow, UserRow.id == SessionRow.user_id)
        .outerjoin(ExpertRow, ExpertRow.user_id == UserRow.id)
        .where(
            SessionRow.secret_sha256 == secret_sha256,
            SessionRow.expires_at > func.now(),
            SessionRow.last_gesture_at > func.now() - timedelta(minutes=idle_minutes),
            UserRow.locked_at.is_(None),
        )
    ).one_or_none()
    return (row[0], row[1], row[2], row[3]) if row else None


def touch_session(db: WriteSession, session_id: UUID) -> None:
    db.execute(update(SessionRow).where(SessionRow.id == session_id).values(last_gesture_at=func.now()))


def find_session_ends(db: AnySession, session_id: UUID, idle_minutes: int) -> tuple[datetime, int] | None:
    """When a sign-in expires, and the whole seconds until it is idle for too long."""
    idle_end = SessionRow.last_gesture_at + timedelta(minutes=idle_minutes)
    left = func.floor(func.extract("epoch", idle_end - func.now()))
    row = db.execute(select(SessionRow.expires_at, left).where(SessionRow.id == session_id)).one_or_none()
    return (row[0], int(row[1])) if row else None


def end_session(db: WriteSession, session_id: UUID) -> None:
    db.execute(delete(SessionRow).where(SessionRow.id == session_id))


def list_sessions(db: AnySession, user_id: UUID) -> list[SessionRow]:
    """A user's sign-ins that are not over, the last used first."""
    query = select(SessionRow).where(SessionRow.user_id == user_id, SessionRow.expires_at > func.now())
    return list(db.scalars(query.order_by(SessionRow.last_gesture_at.desc(), SessionRow.id).limit(200)))


def find_session_of(db: AnySession, user_id: UUID, session_id: UUID) -> SessionRow | None:
    return db.scalar(select(SessionRow).where(SessionRow.id == session_id, SessionRow.user_id == user_id))


def end_sessions_of(db: WriteSession, user_id: UUID) -> None:
    db.execute(delete(SessionRow).where(SessionRow.user_id == user_id))


def forget_expired(db: WriteSession, user_id: UUID) -> None:
    """Drop this user's sessions and links that cannot be used any more."""
    db.execute(delete(SessionRow).where(SessionRow.user_id == user_id, SessionRow.expires_at < func.now()))
    dead = OneTimeLinkRow.expires_at < func.now()
    db.execute(delete(OneTimeLinkRow).where(OneTimeLinkRow.user_id == user_id, dead))


# Journal keys


def use_journal_key(db: WriteSession, user_id: UUID, browser_id: UUID, fresh: bytes) -> tuple[bytes, bool]:
    """The key of this user in this browser, and whether it is new, because there was none and `fresh` was kept."""
    row = insert(JournalKeyRow).values(user_id=user_id, browser_id=browser_id, key=fresh)
    used = row.on_conflict_do_update(
        index_elements=["user_id", "browser_id"], set_={"last_used_at": func.now()}
    ).returning(JournalKeyRow.key)
    key = db.scalars(used).one()
    return key, key == fresh


def forget_journal_key(db: WriteSession, user_id: UUID, browser_id: UUID) -> bool:
    """Whether there was one."""
    here = and_(JournalKeyRow.user_id == user_id, JournalKeyRow.browser_id == browser_id)
    return db.scalar(delete(JournalKeyRow).where(here).returning(JournalKeyRow.user_id)) is not None


def forget_old_journal_keys(db: WriteSession, user_id: UUID, days: int, most: int) -> None:
    """Keep the `most` keys of a user that were used last, none of them longer ago than `days`."""
    mine = select(JournalKeyRow.browser_id).where(JournalKeyRow.user_id == user_id)
    kept = mine.where(JournalKeyRow.last_used_at > func.now() - timedelta(days=days))
    kept = kept.order_by(JournalKeyRow.last_used_at.desc()).limit(most)
    old = JournalKeyRow.browser_id.not_in(kept)
    db.execute(delete(JournalKeyRow).where(JournalKeyRow.user_id == user_id, old))


# One-time links


def add_link(db: WriteSession, user_id: UUID, secret_sha256: str, minutes: int) -> OneTimeLinkRow:
    """A fresh link; the user's earlier unused ones stop working."""
    db.execute(delete(OneTimeLinkRow).where(OneTimeLinkRow.user_id == user_id, OneTimeLinkRow.used_at.is_(None)))
    row = insert(OneTimeLinkRow).values(
        user_id=user_id, secret_sha256=secret_sha256, expires_at=func.now() + timedelta(minutes=minutes)
    )
    return db.scalars(row.returning(OneTimeLinkRow)).one()


def use_link(db: WriteSession, secret_sha256: str) -> UserRow | None:
    """Mark the link used and return its user; None when unknown, used, expired or the user is locked. Wins once."""
    user_id = db.scalar(
        update(OneTimeLinkRow)
        .where(
            OneTimeLinkRow.secret_sha256 == secret_sha256,
            OneTimeLinkRow.used_at.is_(None),
            OneTimeLinkRow.expires_at > func.now(),
            OneTimeLinkRow.user_id.in_(select(UserRow.id).where(UserRow.locked_at.is_(None))),
        )
        .values(used_at=func.now())
        .returning(OneTimeLinkRow.user_id)
    )
    return db.get(UserRow, user_id) if user_id else None


def find_user_of_link(db: AnySession, secret_sha256: str) -> UserRow | None:
    """The unlocked user of a link that still works; looking does not use it."""
    return db.scalar(
        select(UserRow)
        .join(OneTimeLinkRow, OneTimeLinkRow.user_id == UserRow.id)
        .where(
            OneTimeLinkRow.secret_sha256 == secret_sha256,
            OneTimeLinkRow.used_at.is_(None),
            OneTimeLinkRow.expires_at > func.now(),
            UserRow.locked_at.is_(None),
        )
    )


# API tokens


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


# Experts


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


# Preferences


def find_preferences(db: AnySession, user_id: UUID) -> PreferencesRow | None:
    return db.get(PreferencesRow, user_id)


def set_preferences(db: WriteSession, user_id: UUID, values: dict[str, Any]) -> None:
    row = insert(PreferencesRow).values(user_id=user_id, **values)
    db.execute(row.on_conflict_do_update(index_elements=["user_id"], set_=values))


# Throttling


def count_failures(db: AnySession, account: str, address: str, minutes: int) -> tuple[int, int, float]:
    """Failures in the window per account and per address, and the seconds until the oldest of them is forgotten."""
    since = func.now() - timedelta(minutes=minutes)
    row = db.execute(
        select(
            func.count().filter(LoginFailureRow.account == account),
            func.count().filter(LoginFailureRow.address == address),
            func.coalesce(func.extract("epoch", func.min(LoginFailureRow.at) - since), 0),
        ).where(LoginFailureRow.at > since, (LoginFailureRow.account == account) | (LoginFailureRow.address == address))
    ).one()
    return int(row[0]), int(row[1]), float(row[2])


def add_failure(db: WriteSession, account: str, address: str) -> None:
    db.add(LoginFailureRow(account=account, address=address))


def forget_failures(db: WriteSession, account: str, older_than_minutes: int) -> None:
    """A success clears its account; what no window counts any more goes too."""
    horizon = func.now() - timedelta(minutes=older_than_minutes)
    db.execute(delete(LoginFailureRow).where((LoginFailureRow.account == account) | (LoginFailureRow.at < horizon)))


# Replayed answers


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
