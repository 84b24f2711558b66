"""The audit trail: append-only, hash-chained, written in the transaction it describes.

`record` only notes the event; it is written as the last act before the commit, under an advisory lock that orders
the chain, so the lock is held for one insert. Each row's hash covers the previous row's hash and the canonical JSON
of every column. Fails closed: when the row cannot be written the whole transaction is rolled back.
The application's role may INSERT and SELECT only, and a trigger refuses the rest (`GUARD_SQL`, run by the migration).
Values hold pseudonyms and ids, never a patient's name.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, Final, Literal, Protocol
from uuid import UUID

from sqlalchemy import JSON, BigInteger, DateTime, Index, Select, func, insert, select, text, true
from sqlalchemy.orm import Mapped, mapped_column

from backend.database import AnySession, Base, WriteSession, before_commit

Action = Literal["C", "R", "U", "D", "E"]
Outcome = Literal["success", "refused", "failed"]
CHAIN_LOCK: Final = 0x636F6E73  # "cons": one advisory lock orders the chain
FIRST: Final = "0" * 64

GUARD_SQL: Final = (
    """
    CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$
    """,
    """
    CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()
    """,
)


class Acting(Protocol):
    """Who acts, as far as the audit asks; `accounts.rules.Actor` is one."""

    @property
    def user_id(self) -> UUID | None: ...
    @property
    def name(self) -> str: ...
    @property
    def address(self) -> str | None: ...
    @property
    def request_id(self) -> str | None: ...


class AuditRow(Base):
    """One event. `seq` is dense and assigned under the chain's lock, so a missing row shows."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_object", "kind", "object_id"),)

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    actor_id: Mapped[UUID | None]
    actor_name: Mapped[str]
    action: Mapped[str]
    outcome: Mapped[str]
    kind: Mapped[str]
    object_id: Mapped[str | None]
    project_id: Mapped[UUID | None] = mapped_column(index=True)
    old: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    new: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    reason: Mapped[str | None]
    request_id: Mapped[str | None]
    address: Mapped[str | None]
    previous_sha256: Mapped[str]
    sha256: Mapped[str]


_HASHED = [column.key for column in AuditRow.__table__.columns if column.key != "sha256"]


def record(
    db: WriteSession,
    actor: Acting | None,
    action: Action,
    kind: str,
    object_id: UUID | str | int | None,
    *,
    project_id: UUID | None = None,
    outcome: Outcome = "success",
    old: Any = None,
    new: Any = None,
    reason: str | None = None,
) -> None:
    """Note one event (create, read, update, delete, execute) of this transaction; it is written just before the commit.

    actor None means Consilium itself. old and new: small JSON values or hashes, never label bytes or identities.
    """
    event = {
        "actor_id": actor.user_id if actor else None,
        "actor_name": actor.name if actor else "consilium",
        "action": action,
        "outcome": outcome,
        "kind": kind,
        "object_id": None if object_id is None else str(object_id),
        "project_id": project_id,
        "old": _plain(old),
        "new": _plain(new),
        "reason": reason,
        "request_id": actor.request_id if actor else None,
        "address": actor.address if actor else None,
    }
    events: list[dict[str, Any]] | None = db.info.get("audit")
    if events is None:
        events = db.info["audit"] = []
        before_commit(db, lambda: _write(db))
    events.append(event)


def verify(db: AnySession) -> int | None:
    """The `seq` of the first row that was changed, moved or removed (where a row is missing: the one after), or None."""
    previous, expected = FIRST, 1
    for row in db.execute(_in_order().execution_options(yield_per=1000)):
        if row.seq != expected or row.previous_sha256 != previous or row.sha256 != _hash(row._asdict()):
            return int(row.seq)
        previous, expected = row.sha256, expected + 1
    return None


def head(db: AnySession) -> tuple[int, str]:
    """Sequence and hash of the newest row, to be kept outside the database; (0, zeros) when there is none."""
    row = db.execute(select(AuditRow.seq, AuditRow.sha256).order_by(AuditRow.seq.desc()).limit(1)).one_or_none()
    return (row.seq, row.sha256) if row else (0, FIRST)


def last_time(db: AnySession, kind: str) -> datetime | None:
    """When something of this kind was last noted; None when never."""
    return db.scalar(select(func.max(AuditRow.at)).where(AuditRow.kind == kind))


def hash_of(db: AnySession, seq: int) -> str | None:
    """The stored hash of one row, or None when there is no such row."""
    return db.scalar(select(AuditRow.sha256).where(AuditRow.seq == seq))


def _in_order() -> Select[Any]:
    return select(*AuditRow.__table__.columns).order_by(AuditRow.seq)


def _write(db: WriteSession) -> None:
    """Append the noted events to the chain; from the lock to the commit nobody else appends."""
    events = db.info.pop("audit", [])
    db.flush()
    db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": CHAIN_LOCK})
    newest = select(AuditRow.seq, AuditRow.sha256).order_by(AuditRow.seq.desc()).limit(1).subquery()
    clock = select(
        func.clock_timestamp().label("at")
    ).subquery()  # beside the head: fewer questions while others wait for the lock
    seq, previous, at = db.execute(
        select(func.coalesce(newest.c.seq, 0), func.coalesce(newest.c.sha256, FIRST), clock.c.at).select_from(
            clock.outerjoin(newest, true())
        )
    ).one()
    rows = []
    for number, event in enumerate(events, start=seq + 1):
        row = {**event, "seq": number, "at": at, "previous_sha256": previous}
        previous = row["sha256"] = _hash(row)
        rows.append(row)
    db.execute(insert(AuditRow), rows)


def _hash(row: dict[str, Any]) -> str:
    """sha256 over the canonical JSON of all columns, `previous_sha256` included."""
    plain = {key: _plain(row[key]) for key in _HASHED}
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """The value as it reads back from JSON: ids and times as text."""
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return json.loads(json.dumps(value, sort_keys=True, default=str))
