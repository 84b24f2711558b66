"""What is kept of accounts: users, sign-ins, one-time links, API tokens, experts, failed sign-ins, replayed answers.

Unusual here: no secret that lets anybody in is stored, only its sha256 (secrets of 256 random bits need no slow hash;
passwords get argon2id). A journal key is kept as it is: it opens nothing here, only what waits in one browser.
"""

from datetime import datetime
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
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.database import Base

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
    habits: the last used tool and its settings, by the browser's own ids.
    """

    __tablename__ = "preferences"
    __table_args__ = (CheckConstraint("theme IN ('dark', 'light', 'auto')", name="theme_is_known"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    theme: Mapped[str]
    shortcuts: Mapped[dict[str, Any]] = mapped_column(JSON)
    seen: Mapped[list[str]] = mapped_column(JSON)
    habits: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")


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
