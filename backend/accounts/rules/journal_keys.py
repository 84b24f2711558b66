"""The key of a browser's crash journal: strokes not yet on the server wait in the browser, encrypted with it.

The server keeps one key per user and browser and hands it out after each sign-in, so that a stolen browser profile is
noise and the same person, signed in again, has their strokes back (VIEWER section 8, SAFETY section 9). The browser
keeps it in memory only. Fails closed: programs get none, and signing out forgets it.
"""

import secrets
from uuid import UUID

from backend import audit
from backend.accounts import store
from backend.accounts.rules.authorisation import Actor, Resource, authorize
from backend.database import WriteSession
from backend.errors import Forbidden

KEY_BYTES = 32  # AES-256
UNUSED_DAYS = 180
MOST_BROWSERS = 100


def open_journal(db: WriteSession, actor: Actor, browser_id: UUID) -> bytes:
    """The key of the actor's journal in this browser, made when there is none; audited as access.

    Raises Forbidden for an API token. Forgets keys unused for half a year, and beyond a hundred browsers the oldest.
    """
    user_id = _person(actor)
    key, is_new = store.use_journal_key(db, user_id, browser_id, secrets.token_bytes(KEY_BYTES))
    if is_new:
        store.forget_old_journal_keys(db, user_id, UNUSED_DAYS, MOST_BROWSERS)
    audit.record(db, actor, "C" if is_new else "R", "journal_key", browser_id)
    return key


def forget_journal(db: WriteSession, actor: Actor, browser_id: UUID) -> None:
    """What this browser still holds can never be read again. Forgotten before, nothing changes."""
    if store.forget_journal_key(db, _person(actor), browser_id):
        audit.record(db, actor, "D", "journal_key", browser_id)


def _person(actor: Actor) -> UUID:
    authorize(actor, "journal", Resource("session"))
    if actor.token_id is not None or actor.user_id is None:
        raise Forbidden("A journal belongs to a person at a browser; an API token has none.")
    return actor.user_id
