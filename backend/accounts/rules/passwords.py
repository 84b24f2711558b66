"""Passwords: what is accepted, how it is kept, and how much work guessing costs.

argon2id with 64 MiB, 3 passes, 4 lanes. At most as many hashes at once as cores, so that a flood of sign-ins cannot
take the memory or the machine; the rest get 503 after half a second. The list of common passwords is bundled
(from zxcvbn, MIT: those of 12 letters and more, and the 10,000 commonest as stems), because no hospital
server can ask a service. Pure of the database.
"""

import contextlib
import functools
import os
import threading
from collections.abc import Iterator
from importlib import resources

import argon2

from backend.errors import Invalid, Unavailable

MIN_LENGTH = 12
MAX_LENGTH = 256
_hasher = argon2.PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4)
_places = threading.BoundedSemaphore(os.cpu_count() or 1)


def check_password(password: str, *names: str) -> None:
    """Refuse what is too short, common, or made of the account's own names. Raises Invalid saying what to change."""
    if len(password) < MIN_LENGTH:
        raise Invalid(f"Choose a password of at least {MIN_LENGTH} characters; three unrelated words make a good one.")
    if len(password) > MAX_LENGTH:
        raise Invalid(f"A password has at most {MAX_LENGTH} characters.")
    folded = password.casefold()
    if len(set(folded)) < 5:  # aaaaaaaaaaaa, 121212121212
        raise Invalid("This password repeats itself too much; three unrelated words make a good one.")
    own = {name.casefold() for name in names} | {"consilium"}
    stem = folded.strip("0123456789 !?.,;:-_+*#$%&/()=@")
    if stem in own or folded in common_passwords() or _unrepeated(stem) in common_passwords() | own:
        raise Invalid("This password is on the list of common ones; three unrelated words make a good one.")


def hash_password(password: str) -> str:
    """The argon2id hash to keep. Takes a quarter of a second and 64 MiB. Raises Unavailable when all places are taken."""
    with _place():
        return _hasher.hash(password)


def verify_password(password: str, password_hash: str | None) -> bool:
    """Whether this is the password. Costs the same when there is no hash: a stranger cannot learn who has an account."""
    if len(password) > MAX_LENGTH:
        return False
    with _place():
        try:
            return _hasher.verify(password_hash or _hash_of_nobody(), password) and password_hash is not None
        except argon2.exceptions.VerificationError:
            return False


def needs_rehash(password_hash: str) -> bool:
    """True for a hash made with other parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


@functools.cache
def common_passwords() -> frozenset[str]:
    """The bundled list, in lower case."""
    text = resources.files("backend.accounts.rules").joinpath("common_passwords.txt").read_text(encoding="ascii")
    return frozenset(text.split())


@functools.cache
def _hash_of_nobody() -> str:
    """A hash no password matches, with today's parameters."""
    return _hasher.hash(os.urandom(32).hex())


def _unrepeated(stem: str) -> str:
    """ "passwordpassword" → "password"."""
    for length in range(1, len(stem) // 2 + 1):
        if len(stem) % length == 0 and stem[:length] * (len(stem) // length) == stem:
            return stem[:length]
    return stem


@contextlib.contextmanager
def _place() -> Iterator[None]:
    if not _places.acquire(timeout=0.5):
        raise Unavailable("Many people are signing in at this moment; please try again in a few seconds.")
    try:
        yield
    finally:
        _places.release()
