"""Strict JSON: what a request body must be before anybody parses it in earnest.

UTF-8, no NaN or Infinity, no key twice, no NUL (PostgreSQL's text cannot hold it) and no half characters, at most 64
levels deep, integers of at most 64 bits. Unknown fields are refused later, by the request classes.
"""

import json
from typing import Any, Final, NoReturn

from backend.errors import Invalid

DEPTH: Final = 64
_INTEGER_DIGITS = 19


def check_json(body: bytes) -> None:
    """Return when `body` is strict JSON; raises Invalid saying what is wrong and where."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise Invalid(f"The JSON body is not UTF-8 (byte {problem.start}).") from None
    try:
        value = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_int=_bounded, parse_float=_finite
        )
    except json.JSONDecodeError as problem:
        raise Invalid(
            f"The body is not JSON: {problem.msg} at line {problem.lineno}, column {problem.colno}."
        ) from None
    except RecursionError:
        raise Invalid(f"The JSON body is nested deeper than {DEPTH} levels.") from None
    if "\\u" in text or "\x00" in text or text.count("[") + text.count("{") > DEPTH:
        _walk(value)


def _walk(value: Any) -> None:
    """Check depth and texts, without recursion: the sender chooses the shape."""
    waiting: list[tuple[Any, int]] = [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        if isinstance(item, str):
            _check_text(item)
        elif isinstance(item, dict | list):
            if depth > DEPTH:
                raise Invalid(f"The JSON body is nested deeper than {DEPTH} levels.")
            parts = [*item, *item.values()] if isinstance(item, dict) else item
            waiting.extend((part, depth + 1) for part in parts)


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise Invalid("A text in the JSON body holds a NUL character.")
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise Invalid("A text in the JSON body holds half a character (a lone surrogate).")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        raise Invalid(f"The JSON body has the key {max(names, key=names.count)[:100]!r} twice.")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise Invalid(f"The JSON body holds {name}, which is no JSON number.")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise Invalid("The JSON body holds a number too large to keep.")
    return number


def _bounded(digits: str) -> int:
    if len(digits.lstrip("-")) > _INTEGER_DIGITS:
        raise Invalid("The JSON body holds an integer of more than 64 bits.")
    return int(digits)
