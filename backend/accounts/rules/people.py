"""Users, experts and API tokens: what may be created and changed.

Nobody changes their own role or locks themselves, so the last admin cannot vanish. Changing a role or locking ends
every session of that user at once. A token cannot make tokens.
"""

from dataclasses import dataclass
from typing import Final, get_args
from uuid import UUID

from backend import audit
from backend.accounts import store
from backend.accounts.rules import credentials
from backend.accounts.rules.authorisation import SYSTEM, Actor, GlobalRole, Resource, authorize
from backend.accounts.rules.signing_in import Link, fold_name, new_link
from backend.database import AnySession, WriteSession
from backend.errors import Conflict, Forbidden, Invalid, NotFound
from backend.paging import Page, decode_cursor, page_of
from backend.settings import Settings

SCOPES: Final = ("read", "write", "manage")
ROLES: Final = get_args(GlobalRole)
FIRST_ADMIN: Final = "admin"
TOKEN_DAYS: Final = 90
TOKEN_DAYS_MOST: Final = 365


@dataclass(frozen=True)
class NewToken:
    """A token just made; `secret` is shown once and kept nowhere."""

    token: store.ApiTokenRow
    secret: str


def list_users(db: AnySession, actor: Actor, cursor: str | None, limit: int) -> Page[store.UserRow]:
    """All users in order of name."""
    authorize(actor, "list", Resource("user"))
    after = None if cursor is None else str(decode_cursor(cursor, str)[0])
    return page_of(store.list_users(db, after, limit + 1), limit, lambda user: (user.name,))


def create_user(db: WriteSession, actor: Actor, name: str, display_name: str, role: str) -> Link:
    """A new account and the one-time link to enter it. Raises Conflict when the name is taken."""
    authorize(actor, "create", Resource("user"))
    if role not in ROLES:
        raise Invalid(f"{role!r} is no role; use one of {', '.join(ROLES)}.")
    user = store.add_user(db, fold_name(name), display_name or name, role)
    if user is None:
        raise Conflict(f"There is already a user {fold_name(name)!r}.")
    audit.record(db, actor, "C", "user", user.id, new={"name": user.name, "role": role})
    return new_link(db, actor, user)


def create_user_from_shell(db: WriteSession, *, name: str, display_name: str, role: str) -> Link:
    """The machine's shell needs no account: this is how the first admin comes in."""
    return create_user(db, SYSTEM, name, display_name, role)


def create_link(db: WriteSession, actor: Actor, user_id: UUID) -> Link:
    """A new one-time link for an existing user."""
    authorize(actor, "update", Resource("user", owner_id=user_id))
    return new_link(db, actor, _load_user(db, user_id))


def create_link_from_shell(db: WriteSession, name: str) -> Link:
    """A new one-time link, asked for on the machine itself. Raises NotFound."""
    user = store.find_user_by_name(db, fold_name(name))
    if user is None:
        raise NotFound(f"There is no user {name!r}.")
    return new_link(db, SYSTEM, user)


def first_link(db: WriteSession, settings: Settings) -> str | None:
    """The address by which the first admin comes in, or None once anybody has a password. Creates that admin if needed."""
    if store.count_users(db, with_password=True):
        return None
    user = store.find_user_by_name(db, FIRST_ADMIN)
    link = new_link(db, SYSTEM, user) if user else create_user(db, SYSTEM, FIRST_ADMIN, "Administrator", "admin")
    return link.url(settings)


def change_user(
    db: WriteSession, actor: Actor, user_id: UUID, display_name: str | None, role: str | None, locked: bool | None
) -> store.UserRow:
    """Change what is not None. A changed role or a lock ends the user's sessions."""
    authorize(actor, "update", Resource("user", owner_id=user_id))
    user = _load_user(db, user_id)
    old = {"display_name": user.display_name, "role": user.role, "locked": user.locked_at is not None}
    changes_power = (role is not None and role != user.role) or (locked is not None and locked != old["locked"])
    if changes_power and user_id == actor.user_id:
        raise Forbidden("Nobody changes their own role or lock; ask another admin.")
    store.change_user(db, user, display_name, role, locked)
    if changes_power:
        store.end_sessions_of(db, user_id)
    new = {"display_name": user.display_name, "role": user.role, "locked": user.locked_at is not None}
    audit.record(db, actor, "U", "user", user_id, old=old, new=new)
    return user


def list_sessions(db: AnySession, actor: Actor, user_id: UUID) -> list[store.SessionRow]:
    """A user's sign-ins that are not over: one's own, or anybody's for an admin."""
    authorize(actor, "read", Resource("user", owner_id=user_id))
    return store.list_sessions(db, _load_user(db, user_id).id)


def end_session(db: WriteSession, actor: Actor, user_id: UUID, session_id: UUID) -> None:
    """Sign a browser out from afar. Raises NotFound for a session that is not this user's."""
    authorize(actor, "sign_out", Resource("user", owner_id=user_id))
    if store.find_session_of(db, user_id, session_id) is None:
        raise NotFound("There is no such session; it may have ended by itself.")
    store.end_session(db, session_id)
    audit.record(db, actor, "E", "session", session_id, new={"event": "110114 signed out", "user_id": str(user_id)})


def list_tokens_of(db: AnySession, actor: Actor, user_id: UUID) -> list[store.ApiTokenRow]:
    """A user's tokens, newest first, for an admin or the user."""
    authorize(actor, "read", Resource("user", owner_id=user_id))
    return store.list_tokens(db, _load_user(db, user_id).id)


def list_tokens(db: AnySession, actor: Actor) -> list[store.ApiTokenRow]:
    """The caller's own tokens, newest first."""
    authorize(actor, "list", Resource("token", owner_id=actor.user_id))
    return store.list_tokens(db, actor.user_id) if actor.user_id else []


def create_token(
    db: WriteSession, actor: Actor, name: str, scopes: list[str], project_id: UUID | None, days: int
) -> NewToken:
    """A token for the caller's programs, with at most the caller's own rights. Lives 90 days by default, a year at most.

    Whether the caller may reach `project_id` is asked before, by `projects`, which knows.
    """
    authorize(actor, "create", Resource("token"))
    if actor.token_id is not None or actor.user_id is None:
        raise Forbidden("A token cannot make tokens; sign in with a browser.")
    secret = credentials.make_token()
    row = store.add_token(
        db,
        actor.user_id,
        name,
        secret[: credentials.SHOWN],
        credentials.keep(secret),
        sorted(set(scopes)),
        project_id,
        days,
    )
    audit.record(
        db, actor, "C", "token", row.id, project_id=project_id, new={"prefix": row.prefix, "scopes": row.scopes}
    )
    return NewToken(row, secret)


def revoke_token(db: WriteSession, actor: Actor, token_id: UUID) -> None:
    """The token stops working at once."""
    row = store.load_token(db, token_id)
    if row is None:
        raise NotFound
    authorize(actor, "delete", Resource("token", owner_id=row.user_id))
    store.revoke_token(db, token_id)
    audit.record(db, actor, "D", "token", token_id, old={"prefix": row.prefix})


def load_expert(db: AnySession, expert_id: UUID) -> store.ExpertRow:
    """One expert. Raises NotFound."""
    expert = store.find_expert(db, expert_id)
    if expert is None:
        raise NotFound("There is no such expert.")
    return expert


def load_experts(db: AnySession, expert_ids: list[UUID]) -> dict[UUID, store.ExpertRow]:
    """Experts by id, for names in lists; unknown ids are left out."""
    return store.load_experts(db, expert_ids)


def load_user(db: AnySession, user_id: UUID) -> store.UserRow:
    """One user. Raises NotFound."""
    return _load_user(db, user_id)


def load_users(db: AnySession, user_ids: list[UUID]) -> dict[UUID, store.UserRow]:
    """Users by id, for names in lists; unknown ids are left out."""
    return store.load_users(db, user_ids)


def create_expert(
    db: WriteSession,
    actor: Actor,
    name: str,
    description: str = "",
    user_id: UUID | None = None,
    *,
    simulated: bool = False,
) -> store.ExpertRow:
    """A person whose way of drawing matters, linked to an account or only a name of an imported data set."""
    authorize(actor, "create", Resource("expert"))
    if user_id is not None:
        _load_user(db, user_id)
    expert = store.add_expert(db, name, description, user_id, simulated)
    if expert is None:
        raise Conflict("This user is linked to another expert already.")
    audit.record(db, actor, "C", "expert", expert.id, new={"name": name, "user_id": str(user_id) if user_id else None})
    return expert


def change_expert(
    db: WriteSession,
    actor: Actor,
    expert_id: UUID,
    name: str | None,
    description: str | None,
    user_id: UUID | None,
    *,
    unlink: bool = False,
) -> store.ExpertRow:
    """Change what is not None. Linking an account takes effect at once: it may draw as this expert.

    Only an admin gives an expert who has an account to another, or to nobody (unlink): it is somebody's hand and readings.
    """
    authorize(actor, "update", Resource("expert"))
    expert = load_expert(db, expert_id)
    if user_id is not None and expert.user_id not in (None, user_id) and not actor.is_admin:
        raise Forbidden("This expert has an account already; only an admin links another.")
    if unlink and expert.user_id is not None and not actor.is_admin:
        raise Forbidden("Only an admin takes an expert's account away.")
    if user_id is not None:
        _load_user(db, user_id)
        other = store.find_expert_of_user(db, user_id)
        if other is not None and other.id != expert_id:
            raise Conflict("This user is linked to another expert already.")
    old = {"name": expert.name, "user_id": str(expert.user_id) if expert.user_id else None}
    store.change_expert(db, expert, name, description, user_id, unlink)
    new = {"name": expert.name, "user_id": str(expert.user_id) if expert.user_id else None}
    audit.record(db, actor, "U", "expert", expert_id, old=old, new=new)
    return expert


def _load_user(db: AnySession, user_id: UUID) -> store.UserRow:
    user = store.find_user(db, user_id)
    if user is None:
        raise NotFound("There is no such user.")
    return user
