"""One's own password, changed by oneself: through the gates of signing in, because it proves the same thing.

Like a sign-in it is several short transactions: a refused attempt is remembered while the request fails, and no
connection is held while argon2 works.
"""

from uuid import UUID

from backend import audit
from backend.accounts import store
from backend.accounts.rules import passwords
from backend.accounts.rules.authorisation import Actor, Resource, authorize
from backend.accounts.rules.people import load_user
from backend.accounts.rules.signing_in import WINDOW_MINUTES, account_of, throttle
from backend.database import Database
from backend.errors import Forbidden, Invalid, WrongPresentPassword


def change_password(database: Database, actor: Actor, present: str, new: str) -> None:
    """Set the caller's password and end their other sign-ins; this one and API tokens stay.

    Raises Invalid for a new password that is refused, Throttled after too many failures as a sign-in does (the right
    password waits too), WrongPresentPassword (also where a one-time link set another while argon2 worked), Forbidden for an API token, Unavailable under a flood.
    """
    user_id = _person(actor)
    with database.read() as db:
        user = load_user(db, user_id)
        account = account_of(user.name)
        throttle(db, account, actor.address or "")
    passwords.check_password(new, user.name, user.display_name)
    if not passwords.verify_password(present, user.password_hash):
        with database.write() as db:
            store.add_failure(db, account, actor.address or "")
            audit.record(db, actor, "U", "password", user_id, outcome="refused")
        raise WrongPresentPassword
    if new == present:
        raise Invalid("This is your present password; choose another.")
    password_hash = passwords.hash_password(new)
    with database.write() as db:
        if not store.replace_password(db, user_id, user.password_hash, password_hash):
            raise WrongPresentPassword
        store.end_sessions_of(db, user_id, but=actor.session_id)
        store.forget_failures(db, account, WINDOW_MINUTES)
        audit.record(db, actor, "U", "password", user_id)


def _person(actor: Actor) -> UUID:
    authorize(actor, "update", Resource("password"))
    if actor.token_id is not None or actor.user_id is None:
        raise Forbidden("A password is changed by its owner in a browser; an API token may not.")
    return actor.user_id
