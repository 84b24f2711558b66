"""A creating request runs once: its key and its answer are kept in the transaction that created the thing."""

from dataclasses import dataclass
from uuid import UUID

from backend.accounts import store
from backend.database import WriteSession
from backend.errors import Conflict, Invalid, KeyReused


@dataclass(frozen=True)
class Answer:
    """An answer given before, to be given again."""

    status: int
    body: str


def claim_key(db: WriteSession, user_id: UUID, route: str, key: str, body_sha256: str) -> Answer | None:
    """None when this request is the first with its key, else the first one's answer.

    A parallel duplicate waits for the first. Raises KeyReused when the key came with another body.
    """
    if not 1 <= len(key) <= 200 or not key.isprintable():
        raise Invalid("An Idempotency-Key is 1 to 200 printable characters, best a UUID.")
    earlier = store.claim_key(db, user_id, route, key, body_sha256)
    if earlier is None:
        return None
    if earlier.body_sha256 != body_sha256:
        raise KeyReused("Use a new Idempotency-Key for a different request.")
    if earlier.status is None or earlier.body is None:
        raise Conflict(
            "The first request with this Idempotency-Key left no answer to be shown again; look what it did, then use a new key."
        )
    return Answer(earlier.status, earlier.body)


def keep_answer(db: WriteSession, user_id: UUID, route: str, key: str, answer: Answer) -> None:
    """Keep the answer beside what it announces; both are committed together or not at all."""
    store.keep_answer(db, user_id, route, key, answer.status, answer.body)
