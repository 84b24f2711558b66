"""Secrets we hand out: how they are made, recognised and kept.

Each has 256 random bits, so a plain sha256 is enough to keep. An API token carries a prefix and a checksum: scanners
can find a leaked one, and a mistyped one is refused without asking the database.
"""

import hashlib
import secrets
import string
import zlib

TOKEN_PREFIX = "csl_"  # noqa: S105 a prefix, not a secret
SHOWN = len(TOKEN_PREFIX) + 8
_DIGITS = string.digits + string.ascii_letters
_BODY, _CHECK = 43, 6


def make_secret() -> str:
    """256 random bits for a cookie or a one-time link, URL-safe."""
    return secrets.token_urlsafe(32)


def keep(secret: str) -> str:
    """What is stored of a secret: its sha256."""
    return hashlib.sha256(secret.encode()).hexdigest()


def make_token() -> str:
    """A new API token: csl_, 43 characters of 62, 6 of checksum."""
    body = "".join(secrets.choice(_DIGITS) for _ in range(_BODY))
    return TOKEN_PREFIX + body + _checksum(body)


def is_token(text: str) -> bool:
    """Whether this can be one of our tokens at all."""
    body, check = text[len(TOKEN_PREFIX) : -_CHECK], text[-_CHECK:]
    return text.startswith(TOKEN_PREFIX) and len(body) == _BODY and check == _checksum(body)


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(_CHECK):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
