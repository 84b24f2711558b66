"""What accounts say and hear. Requests refuse unknown fields; answers have no defaults; no answer holds a hash."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from backend.accounts.rules import GlobalRole

Scope = Literal["read", "write", "manage"]
AccountName = Annotated[
    str, Field(pattern=r"^[\w.@+-]{1,64}$", description="Letters, digits and . @ + - _; case does not matter.")
]
DisplayName = Annotated[str, Field(min_length=1, max_length=200)]
Password = Annotated[str, Field(max_length=1024)]


class In(BaseModel):
    """A request: unknown fields are refused, so nothing can be assigned that is not listed."""

    model_config = ConfigDict(extra="forbid")


class SignInIn(In):
    name: Annotated[str, Field(max_length=200)]
    password: Password


LinkSecret = Annotated[str, Field(max_length=200, description="What follows the # in the link.")]


class LookIn(In):
    secret: LinkSecret


class RedeemIn(In):
    secret: LinkSecret
    password: Password
    display_name: DisplayName | None = None


class PasswordChangeIn(In):
    """Your present password, which proves that it is you, and the one to sign in with from now on."""

    present: Password
    new: Password


class GestureIn(In):
    """When the last gesture was made: so many seconds before this report."""

    seconds_ago: Annotated[float, Field(ge=0, le=3600)] = 0


class UserIn(In):
    name: AccountName
    display_name: Annotated[str, Field(max_length=200)] = ""
    role: GlobalRole


class UserChangeIn(In):
    display_name: DisplayName | None = None
    role: GlobalRole | None = None
    locked: bool | None = None


class TokenIn(In):
    name: Annotated[str, Field(min_length=1, max_length=200)]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=3)]
    project_id: UUID | None = None
    days: Annotated[int, Field(ge=1, le=365, description="Days until it expires.")] = 90


CommandName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,60}$")]
Theme = Literal["dark", "light", "auto"]
Habit = Annotated[str, Field(max_length=40)] | bool | Annotated[float, Field(allow_inf_nan=False)]


class ShortcutIn(In):
    """A person's own keys for one command of the reading screen, as the browser writes them: "Ctrl+Shift+Z"."""

    keys: Annotated[list[Annotated[str, Field(min_length=1, max_length=40)]], Field(max_length=4)]
    on: bool


class PreferencesIn(In):
    """What is left out stays as it is; a member that is given is replaced as a whole."""

    theme: Theme | None = None
    shortcuts: Annotated[dict[CommandName, ShortcutIn] | None, Field(max_length=300)] = None
    seen: Annotated[list[CommandName] | None, Field(max_length=100)] = None
    habits: Annotated[dict[CommandName, Habit] | None, Field(max_length=100)] = None


class ExpertIn(In):
    name: DisplayName
    description: Annotated[str, Field(max_length=2000)] = ""
    user_id: UUID | None = None


class ExpertChangeIn(In):
    name: DisplayName | None = None
    description: Annotated[str | None, Field(max_length=2000)] = None
    user_id: UUID | None = None


class UserOut(BaseModel):
    """An account; invited: it has no password yet and waits for its one-time link to be used."""

    id: UUID
    name: str
    display_name: str
    role: GlobalRole
    locked: bool
    invited: bool


class SessionOut(BaseModel):
    """Who is signed in; expert_id is the expert this user draws as.

    expires_at: when the sign-in ends whatever happens; idle_seconds: after how long without a gesture it ends, and
    idle_seconds_left: how much of that is left. All three null for a token.
    """

    user: UserOut
    expert_id: UUID | None
    expires_at: datetime | None
    idle_seconds: int | None
    idle_seconds_left: int | None


class SignInOut(BaseModel):
    """One browser's sign-in. `is_this`: the one this request came by."""

    id: UUID
    created_at: datetime
    last_gesture_at: datetime
    expires_at: datetime
    user_agent: str | None
    is_this: bool


class SignInsOut(BaseModel):
    """Sign-ins that are not over, the last used first."""

    items: list[SignInOut]


class LinkOut(BaseModel):
    """A one-time link; shown once, works once."""

    url: str
    expires_at: datetime


class InvitedOut(BaseModel):
    """Whom a one-time link lets in: `name` is what they sign in with."""

    name: str
    display_name: str


class JournalKeyOut(BaseModel):
    """The AES-256 key of this user's crash journal in this browser, base64; to be kept in memory only."""

    key: str


class NewUserOut(BaseModel):
    user: UserOut
    link: LinkOut


class UserPageOut(BaseModel):
    items: list[UserOut]
    next_cursor: str | None


class TokenOut(BaseModel):
    """An API token, without its secret."""

    id: UUID
    name: str
    prefix: str
    scopes: list[Scope]
    project_id: UUID | None
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


class NewTokenOut(BaseModel):
    """A token just made; `secret` is shown once."""

    token: TokenOut
    secret: str


class TokenPageOut(BaseModel):
    items: list[TokenOut]
    next_cursor: str | None


class ShortcutOut(BaseModel):
    """`on` false: the shortcut is switched off and its keys do nothing."""

    keys: list[str]
    on: bool


class PreferencesOut(BaseModel):
    """The caller's own choices. shortcuts holds only commands whose keys differ from the browser's table; theme auto
    follows the browser; seen names the hints not to be shown again; habits holds the last used tool and its settings."""

    theme: Theme
    shortcuts: dict[str, ShortcutOut]
    seen: list[str]
    habits: dict[str, str | bool | float]


class ExpertOut(BaseModel):
    """A person whose way of drawing matters; user_id null where there is only a name."""

    id: UUID
    name: str
    description: str
    user_id: UUID | None
    simulated: bool


class ExpertPageOut(BaseModel):
    items: list[ExpertOut]
    next_cursor: str | None
