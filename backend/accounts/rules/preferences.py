"""What a person chose for themselves: look, keys, hints they have seen, tools as they left them. Theirs alone; nobody else reads or changes it.

Ids of commands, hints and habits belong to the browser: a newer or older page keeps what it does not know.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from backend.accounts import store
from backend.accounts.rules.authorisation import Actor, Resource, authorize
from backend.database import AnySession, WriteSession
from backend.errors import Unauthenticated

THEME: Final = "dark"


@dataclass(frozen=True)
class Preferences:
    """theme: dark, light, or auto (as the browser says). shortcuts: command id → {"keys": [...], "on": bool}. habits: id → setting."""

    theme: str = THEME
    shortcuts: Mapping[str, Any] = field(default_factory=dict)
    seen: tuple[str, ...] = ()
    habits: Mapping[str, Any] = field(default_factory=dict)


def load_preferences(db: AnySession, actor: Actor) -> Preferences:
    """The caller's own choices, or the defaults."""
    row = store.find_preferences(db, _owner(actor, "read"))
    return Preferences(row.theme, row.shortcuts, tuple(row.seen), row.habits) if row else Preferences()


def change_preferences(
    db: WriteSession,
    actor: Actor,
    theme: str | None,
    shortcuts: Mapping[str, Any] | None,
    seen: list[str] | None,
    habits: Mapping[str, Any] | None,
) -> Preferences:
    """Replace each member that is not None. Not audited: it touches no patient and nobody else."""
    user_id = _owner(actor, "update")
    now = load_preferences(db, actor)
    after = replace(
        now,
        theme=now.theme if theme is None else theme,
        shortcuts=now.shortcuts if shortcuts is None else shortcuts,
        seen=now.seen if seen is None else tuple(sorted(set(seen))),
        habits=now.habits if habits is None else habits,
    )
    values = {
        "theme": after.theme,
        "shortcuts": dict(after.shortcuts),
        "seen": list(after.seen),
        "habits": dict(after.habits),
    }
    store.set_preferences(db, user_id, values)
    return after


def _owner(actor: Actor, action: str) -> UUID:
    authorize(actor, action, Resource("preference", owner_id=actor.user_id))
    if actor.user_id is None:
        raise Unauthenticated
    return actor.user_id
