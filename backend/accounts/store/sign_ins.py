"""Queries on ways in that a person uses: sign-ins, one-time links, failed attempts, and the journal keys that come with a sign-in.

Times are the database's, so clocks of several API processes need not agree.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    and_,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from backend.accounts.store.tables import (
    ExpertRow,
    JournalKeyRow,
    LoginFailureRow,
    OneTimeLinkRow,
    SessionRow,
    UserRow,
)
from backend.database import AnySession, WriteSession


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


def note_gesture(db: WriteSession, session_id: UUID, seconds_ago: float) -> None:
    """Count idleness from a gesture made so long ago, unless a later one is known."""
    made_at = func.now() - timedelta(seconds=seconds_ago)
    db.execute(
        update(SessionRow)
        .where(SessionRow.id == session_id, SessionRow.last_gesture_at < made_at)
        .values(last_gesture_at=made_at)
    )


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


def end_sessions_of(db: WriteSession, user_id: UUID, *, but: UUID | None = None) -> None:
    """Every sign-in of this user, `but` the one named."""
    ended = delete(SessionRow).where(SessionRow.user_id == user_id)
    db.execute(ended if but is None else ended.where(SessionRow.id != but))


def end_all(db: WriteSession) -> None:
    """Every sign-in and every one-time link of everybody."""
    db.execute(delete(SessionRow))
    db.execute(delete(OneTimeLinkRow))


def forget_expired(db: WriteSession, user_id: UUID) -> None:
    """Drop this user's sessions and links that cannot be used any more."""
    db.execute(delete(SessionRow).where(SessionRow.user_id == user_id, SessionRow.expires_at < func.now()))
    dead = OneTimeLinkRow.expires_at < func.now()
    db.execute(delete(OneTimeLinkRow).where(OneTimeLinkRow.user_id == user_id, dead))


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
