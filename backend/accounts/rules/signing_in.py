"""Ways in: password, one-time link, cookie, token; all through the same gates (lock, throttle, audit).

Unusual here: a password sign-in is several short transactions, because a refused attempt must be remembered while
the request fails, and because no connection is held during the quarter of a second that argon2 takes.
Fails closed: whatever is unknown, used, expired, locked or idle is nobody.
"""

import hashlib
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from backend import audit
from backend.accounts import store
from backend.accounts.rules import credentials, passwords
from backend.accounts.rules.authorisation import Actor
from backend.database import AnySession, Database, WriteSession
from backend.errors import Gone, Throttled, WrongPassword
from backend.settings import Settings

LINK_MINUTES: Final = 15
WINDOW_MINUTES: Final = 15
FAILURES_PER_ACCOUNT: Final = 10
FAILURES_PER_ADDRESS: Final = 50
ANOTHER_LINK: Final = "Ask your administrator for a new one-time link."


@dataclass(frozen=True)
class Caller:
    """Where a request comes from, before anyone is known."""

    address: str
    request_id: str | None = None
    user_agent: str | None = None


@dataclass(frozen=True)
class SignedIn:
    """A fresh sign-in: `secret` goes into the cookie and is kept nowhere else."""

    user: store.UserRow
    expert_id: UUID | None
    expires_at: datetime
    secret: str


@dataclass(frozen=True)
class SessionEnds:
    """When a sign-in ends whatever happens, and the seconds until it ends for want of a gesture."""

    expires_at: datetime
    idle_seconds_left: int


@dataclass(frozen=True)
class Link:
    """A one-time link's secret; printed once."""

    user: store.UserRow
    secret: str
    expires_at: datetime

    def url(self, settings: Settings) -> str:
        """The address to give to the person. The secret is in the fragment, so it never reaches a log."""
        return f"{settings.origin}/welcome#{self.secret}"


def sign_in(database: Database, settings: Settings, name: str, password: str, caller: Caller) -> SignedIn:
    """Exchange name and password for a session.

    Raises Throttled after 10 failures of the account or 50 of the address in 15 minutes (the right password waits
    too), WrongPassword for a wrong password, an unknown or a locked user alike, Unavailable under a flood.
    """
    name = fold_name(name)
    account = account_of(name)
    with database.read() as db:
        throttle(db, account, caller.address)
        user = store.find_user_by_name(db, name)
    right = passwords.verify_password(password, user.password_hash if user else None)
    if user is None or not right or user.locked_at is not None:
        _remember_failure(database, account, caller, user)
        raise WrongPassword
    rehashed = passwords.hash_password(password) if passwords.needs_rehash(user.password_hash or "") else None
    with database.write() as db:
        store.forget_failures(db, account, WINDOW_MINUTES)
        if rehashed:
            store.replace_password(db, user.id, user.password_hash, rehashed)
        return _open_session(db, settings, user, caller, "password")


def find_invited(database: Database, secret: str, caller: Caller) -> store.UserRow:
    """Whom a one-time link lets in; asking does not use it up. Raises Gone for a link unknown, used or expired, Throttled."""
    with database.read() as db:
        throttle(db, None, caller.address)
        user = store.find_user_of_link(db, credentials.keep(secret))
    if user is None:
        _remember_failure(database, account_of("one-time link"), caller, None)
        raise Gone(ANOTHER_LINK)
    return user


def redeem(
    database: Database, settings: Settings, secret: str, password: str, display_name: str | None, caller: Caller
) -> SignedIn:
    """Use a one-time link: set the password, end the user's other sessions and open one.

    Raises Gone for a link unknown, used or expired, Throttled, and Invalid for a bad password (the link survives that).
    """
    kept = credentials.keep(secret)
    invited = find_invited(database, secret, caller)
    passwords.check_password(password, invited.name, invited.display_name)
    password_hash = passwords.hash_password(password)
    with database.write() as db:
        entered = store.use_link(db, kept)
        if entered is None:
            raise Gone(ANOTHER_LINK)
        store.set_password(db, entered.id, password_hash)
        if display_name:
            entered.display_name = display_name
        store.end_sessions_of(db, entered.id)
        store.forget_failures(db, account_of(entered.name), WINDOW_MINUTES)
        return _open_session(db, settings, entered, caller, "one-time link")


def sign_out(db: WriteSession, actor: Actor) -> None:
    """End this sign-in, once and for all browsers' tabs of it. A token cannot sign out; it is revoked."""
    if actor.session_id:
        store.end_session(db, actor.session_id)
        audit.record(db, actor, "E", "session", actor.session_id, new={"event": "110114 signed out"})


def end_all_sign_ins(db: WriteSession) -> None:
    """After a restore: who signed out, was locked or used a link since the backup must not be let in by its copy."""
    store.end_all(db)


def identify_session(
    database: Database, settings: Settings, secret: str, caller: Caller, *, gesture: bool
) -> Actor | None:
    """Who a cookie belongs to, or None. `gesture`: the request was made by a person's act, so idleness starts anew."""
    with database.ask() as db:
        found = store.find_session(db, credentials.keep(secret), settings.session_idle_minutes)
        if found is None:
            return None
    session, user, expert_id, is_due = found
    if gesture and is_due:
        with database.write() as db:
            store.touch_session(db, session.id)
    return Actor(
        user.id,
        user.name,
        user.role,
        session_id=session.id,
        expert_id=expert_id,
        address=caller.address,
        request_id=caller.request_id,
    )


def note_gesture(db: WriteSession, actor: Actor, seconds_ago: float) -> None:
    """A person's act that needed no request, reported afterwards: idleness counts from when it was made. A token never idles."""
    if actor.session_id:
        store.note_gesture(db, actor.session_id, seconds_ago)


def identify_token(database: Database, token: str, caller: Caller) -> Actor | None:
    """Who a bearer token belongs to, or None. Raises Throttled for an address that keeps sending bad ones."""
    with database.read() as db:
        found = store.find_token(db, credentials.keep(token)) if credentials.is_token(token) else None
        if found is None:
            throttle(db, None, caller.address)
    if found is None:
        _remember_failure(database, account_of("api token"), caller, None)
        return None
    row, user, expert_id, is_due = found
    if is_due:
        with database.write() as db:
            store.touch_token(db, row.id)
    return Actor(
        user.id,
        user.name,
        user.role,
        token_id=row.id,
        project_id=row.project_id,
        scopes=frozenset(row.scopes),
        expert_id=expert_id,
        address=caller.address,
        request_id=caller.request_id,
    )


def session_ends(db: AnySession, actor: Actor, settings: Settings) -> SessionEnds | None:
    """When this sign-in ends whatever happens, and when without a gesture; None for a token."""
    found = store.find_session_ends(db, actor.session_id, settings.session_idle_minutes) if actor.session_id else None
    return SessionEnds(*found) if found else None


def new_link(db: WriteSession, actor: Actor, user: store.UserRow) -> Link:
    """A fresh one-time link for this user; earlier ones stop working."""
    secret = credentials.make_secret()
    row = store.add_link(db, user.id, credentials.keep(secret), LINK_MINUTES)
    audit.record(db, actor, "C", "one_time_link", row.id, new={"user_id": str(user.id)})
    return Link(user, secret, row.expires_at)


def fold_name(name: str) -> str:
    """Account names are compared without case and in one Unicode form (NFKC), however the keyboard composed them."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()


def _open_session(db: WriteSession, settings: Settings, user: store.UserRow, caller: Caller, way: str) -> SignedIn:
    store.forget_expired(db, user.id)
    secret = credentials.make_secret()
    agent = (caller.user_agent or "")[:200] or None
    row = store.add_session(db, user.id, credentials.keep(secret), settings.session_hours, agent)
    expert = store.find_expert_of_user(db, user.id)
    actor = Actor(
        user.id, user.name, user.role, session_id=row.id, address=caller.address, request_id=caller.request_id
    )
    audit.record(db, actor, "E", "session", row.id, new={"event": "110114 signed in", "way": way})
    return SignedIn(user, expert.id if expert else None, row.expires_at, secret)


def throttle(db: AnySession, account: str | None, address: str) -> None:
    """Raises Throttled where this account (as `account_of` names it) or this address has failed too often."""
    of_account, of_address, seconds = store.count_failures(db, account or "", address, WINDOW_MINUTES)
    if of_account >= FAILURES_PER_ACCOUNT or of_address >= FAILURES_PER_ADDRESS:
        raise Throttled(
            "Too many failed attempts; please wait before trying again.", retry_after_seconds=int(seconds) + 1
        )


def _remember_failure(database: Database, account: str, caller: Caller, user: store.UserRow | None) -> None:
    stranger = Actor(None, "nobody", "", address=caller.address, request_id=caller.request_id)
    with database.write() as db:
        store.add_failure(db, account, caller.address)
        audit.record(
            db, stranger, "E", "session", user.id if user else None, outcome="refused", new={"event": "110114"}
        )


def account_of(name: str) -> str:
    """What is kept of a typed name: people type their password there."""
    return hashlib.sha256(name.encode()).hexdigest()
