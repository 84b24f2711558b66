"""Routes of accounts. Each parses, calls one rule and answers.

Signing in and redeeming a link are the only public ones; they, and changing one's password, take the database, not a
transaction, because a refused attempt must be remembered although the request fails.
"""

import base64
from uuid import UUID

from fastapi import Request, Response

from backend.accounts import rules
from backend.accounts.api.identity import CurrentActor, Router, actor_id, caller_of, cookie_name, policy, settings_of
from backend.accounts.api.wire import (
    ExpertChangeIn,
    ExpertIn,
    ExpertOut,
    GestureIn,
    InvitedOut,
    JournalKeyOut,
    LinkOut,
    LookIn,
    NewUserOut,
    PasswordChangeIn,
    PreferencesIn,
    PreferencesOut,
    RedeemIn,
    SessionOut,
    SignInIn,
    SignInOut,
    SignInsOut,
    TokenOut,
    TokenPageOut,
    UserChangeIn,
    UserIn,
    UserOut,
    UserPageOut,
)
from backend.accounts.rules import Actor, ApiTokenRow, ExpertRow, Link, Preferences, SessionRow, SignedIn, UserRow
from backend.database import Reads, Writes, of_request
from backend.paging import Cursor, Limit

router = Router(tags=["accounts"])


@router.post("/session", openapi_extra=policy("public"))
def create_session(body: SignInIn, request: Request, response: Response) -> SessionOut:
    """Sign in with a name and a password; the answer sets the cookie."""
    signed_in = rules.sign_in(of_request(request), settings_of(request), body.name, body.password, caller_of(request))
    return _open(signed_in, request, response)


@router.post("/one-time-links/look", openapi_extra=policy("public"))
def look_at_one_time_link(body: LookIn, request: Request) -> InvitedOut:
    """Whom a one-time link is for; asking does not use it up."""
    user = rules.find_invited(of_request(request), body.secret, caller_of(request))
    return InvitedOut(name=user.name, display_name=user.display_name)


@router.post("/one-time-links/redeem", openapi_extra=policy("public"))
def redeem_one_time_link(body: RedeemIn, request: Request, response: Response) -> SessionOut:
    """Use a one-time link: choose a password and be signed in. Works once."""
    signed_in = rules.redeem(
        of_request(request), settings_of(request), body.secret, body.password, body.display_name, caller_of(request)
    )
    return _open(signed_in, request, response)


@router.get("/session", openapi_extra=policy("session:read"))
def get_session(db: Reads, actor: CurrentActor, request: Request) -> SessionOut:
    """Who is signed in. Asking does not keep the session awake."""
    user = rules.load_user(db, actor_id(actor))
    ends = rules.session_ends(db, actor, settings_of(request))
    return SessionOut(
        user=_user(user),
        expert_id=actor.expert_id,
        expires_at=ends.expires_at if ends else None,
        idle_seconds=settings_of(request).session_idle_minutes * 60 if ends else None,
        idle_seconds_left=ends.idle_seconds_left if ends else None,
    )


@router.post("/session/gestures", status_code=204, openapi_extra=policy("session:update"))
def note_gesture(db: Writes, actor: CurrentActor, body: GestureIn | None = None) -> None:
    """Say that somebody was at work though nothing needed the server; keeps the session awake from that moment on."""
    rules.note_gesture(db, actor, body.seconds_ago if body else 0)


@router.put("/session/journal-keys/{browser_id}", openapi_extra=policy("session:journal"))
def open_journal(browser_id: UUID, db: Writes, actor: CurrentActor) -> JournalKeyOut:
    """The key of your crash journal in this browser; the browser numbers itself. Made when there is none."""
    return JournalKeyOut(key=base64.b64encode(rules.open_journal(db, actor, browser_id)).decode())


@router.delete("/session/journal-keys/{browser_id}", status_code=204, openapi_extra=policy("session:journal"))
def forget_journal(browser_id: UUID, db: Writes, actor: CurrentActor) -> None:
    """Forget the key of your crash journal in this browser: what it still holds can never be read again."""
    rules.forget_journal(db, actor, browser_id)


@router.delete("/session", status_code=204, openapi_extra=policy("session:delete"))
def delete_session(
    db: Writes, actor: CurrentActor, request: Request, response: Response, keep_storage: bool = False
) -> None:
    """Sign out, and have the browser forget everything of ours; keep_storage: but for other people's unsent strokes."""
    rules.sign_out(db, actor)
    settings = settings_of(request)
    response.delete_cookie(cookie_name(settings), path="/", secure=settings.is_https, httponly=True, samesite="lax")
    response.headers["Clear-Site-Data"] = '"cache", "cookies"' if keep_storage else '"cache", "cookies", "storage"'


@router.put("/account/password", status_code=204, openapi_extra=policy("password:update"))
def change_password(body: PasswordChangeIn, actor: CurrentActor, request: Request) -> None:
    """Change your own password; your other sign-ins end, this one and your API tokens stay."""
    rules.change_password(of_request(request), actor, body.present, body.new)


@router.get("/account/preferences", openapi_extra=policy("preference:read"))
def get_preferences(db: Reads, actor: CurrentActor) -> PreferencesOut:
    """Your own look, keys, hints seen and habits of drawing."""
    return _preferences(rules.load_preferences(db, actor))


@router.patch("/account/preferences", openapi_extra=policy("preference:update"))
def change_preferences(body: PreferencesIn, db: Writes, actor: CurrentActor) -> PreferencesOut:
    """Change your own look, keys, hints seen or habits of drawing."""
    shortcuts = None if body.shortcuts is None else {name: one.model_dump() for name, one in body.shortcuts.items()}
    return _preferences(rules.change_preferences(db, actor, body.theme, shortcuts, body.seen, body.habits))


@router.get("/users", openapi_extra=policy("user:list"))
def list_users(db: Reads, actor: CurrentActor, cursor: Cursor = None, limit: Limit = 100) -> UserPageOut:
    """Accounts, in order of name."""
    page = rules.list_users(db, actor, cursor, limit)
    return UserPageOut(items=[_user(row) for row in page.items], next_cursor=page.next_cursor)


@router.post("/users", status_code=201, openapi_extra=policy("user:create"))
def create_user(body: UserIn, db: Writes, actor: CurrentActor, request: Request) -> NewUserOut:
    """Create an account and the one-time link its owner enters by."""
    link = rules.create_user(db, actor, body.name, body.display_name, body.role)
    return NewUserOut(user=_user(link.user), link=_link(link, request))


@router.patch("/users/{user_id}", openapi_extra=policy("user:update"))
def change_user(user_id: UUID, body: UserChangeIn, db: Writes, actor: CurrentActor) -> UserOut:
    """Change a name, a role or the lock; a new role or a lock ends the user's sessions."""
    return _user(rules.change_user(db, actor, user_id, body.display_name, body.role, body.locked))


@router.post("/users/{user_id}/one-time-links", status_code=201, openapi_extra=policy("user:update"))
def create_one_time_link(user_id: UUID, db: Writes, actor: CurrentActor, request: Request) -> LinkOut:
    """Make a new one-time link for a user; earlier ones stop working."""
    return _link(rules.create_link(db, actor, user_id), request)


@router.get("/users/{user_id}/sessions", openapi_extra=policy("user:read"))
def list_sessions(user_id: UUID, db: Reads, actor: CurrentActor) -> SignInsOut:
    """A user's sign-ins: your own, or anybody's for an admin."""
    return SignInsOut(items=[_sign_in(row, actor) for row in rules.list_sessions(db, actor, user_id)])


@router.delete("/users/{user_id}/sessions/{session_id}", status_code=204, openapi_extra=policy("user:sign_out"))
def delete_session_of_user(user_id: UUID, session_id: UUID, db: Writes, actor: CurrentActor) -> None:
    """Sign a browser out from afar."""
    rules.end_session(db, actor, user_id, session_id)


@router.get("/users/{user_id}/tokens", openapi_extra=policy("user:read"))
def list_tokens_of_user(user_id: UUID, db: Reads, actor: CurrentActor) -> TokenPageOut:
    """A user's API tokens, newest first; an admin revokes them by `DELETE /tokens/{token_id}`."""
    return TokenPageOut(items=[_token(row) for row in rules.list_tokens_of(db, actor, user_id)], next_cursor=None)


@router.get("/tokens", openapi_extra=policy("token:list"))
def list_tokens(db: Reads, actor: CurrentActor) -> TokenPageOut:
    """Your own API tokens, newest first."""
    return TokenPageOut(items=[_token(row) for row in rules.list_tokens(db, actor)], next_cursor=None)


@router.delete("/tokens/{token_id}", status_code=204, openapi_extra=policy("token:delete"))
def delete_token(token_id: UUID, db: Writes, actor: CurrentActor) -> None:
    """Revoke a token; it stops working at once."""
    rules.revoke_token(db, actor, token_id)


@router.post("/experts", status_code=201, openapi_extra=policy("expert:create"))
def create_expert(body: ExpertIn, db: Writes, actor: CurrentActor) -> ExpertOut:
    """Create an expert, linked to an account or only a name."""
    return _expert(rules.create_expert(db, actor, body.name, body.description, body.user_id))


@router.patch("/experts/{expert_id}", openapi_extra=policy("expert:update"))
def change_expert(expert_id: UUID, body: ExpertChangeIn, db: Writes, actor: CurrentActor) -> ExpertOut:
    """Change an expert's name, description or account; `user_id` null takes the account away, left out leaves it."""
    unlink = "user_id" in body.model_fields_set and body.user_id is None
    changed = rules.change_expert(db, actor, expert_id, body.name, body.description, body.user_id, unlink=unlink)
    return _expert(changed)


def _open(signed_in: SignedIn, request: Request, response: Response) -> SessionOut:
    settings = settings_of(request)
    response.set_cookie(
        cookie_name(settings),
        signed_in.secret,
        path="/",
        secure=settings.is_https,
        httponly=True,
        samesite="lax",
        max_age=settings.session_hours * 3600,
    )
    return SessionOut(
        user=_user(signed_in.user),
        expert_id=signed_in.expert_id,
        expires_at=signed_in.expires_at,
        idle_seconds=settings.session_idle_minutes * 60,
        idle_seconds_left=settings.session_idle_minutes * 60,
    )


def _link(link: Link, request: Request) -> LinkOut:
    return LinkOut(url=link.url(settings_of(request)), expires_at=link.expires_at)


def _user(row: UserRow) -> UserOut:
    return UserOut(
        id=row.id,
        name=row.name,
        display_name=row.display_name,
        role=row.role,
        locked=row.locked_at is not None,
        invited=row.password_hash is None,
    )


def _sign_in(row: SessionRow, actor: Actor) -> SignInOut:
    return SignInOut.model_validate({
        "id": row.id, "created_at": row.created_at, "last_gesture_at": row.last_gesture_at,
        "expires_at": row.expires_at, "user_agent": row.user_agent, "is_this": row.id == actor.session_id,
    })  # fmt: skip


def _preferences(chosen: Preferences) -> PreferencesOut:
    return PreferencesOut.model_validate(chosen, from_attributes=True)


def _token(row: ApiTokenRow) -> TokenOut:
    return TokenOut.model_validate(row, from_attributes=True)


def _expert(row: ExpertRow) -> ExpertOut:
    return ExpertOut.model_validate(row, from_attributes=True)
