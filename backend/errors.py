"""Every refusal Consilium can speak, as a class with a sentence, a status and a stable code.

Unusual here: the class docstring is the title a person reads, and the code is spelled out by hand so that
renaming a class never breaks a client. `app.py` turns each into problem+json; nothing else does. `detail` names the
culprit and the remedy and never holds a patient's name or a path. Pure rooms (`imaging`, `worker.learning`) raise
small exceptions of their own; the rule that called them translates into one of these.
"""

from typing import Any, ClassVar


class ConsiliumError(Exception):
    """Consilium could not do this."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal-error"

    def __init__(self, detail: str = "", **extra: Any) -> None:
        """detail: one or two sentences for the person who can act. extra: JSON members added to the problem body."""
        self.detail = detail or self.title
        self.extra = extra
        super().__init__(self.detail)

    @property
    def title(self) -> str:
        return (type(self).__doc__ or "").strip().splitlines()[0]

    @property
    def headers(self) -> dict[str, str]:
        """Headers the answer carries besides its body."""
        seconds = self.extra.get("retry_after_seconds")
        return {} if seconds is None else {"Retry-After": str(max(1, int(seconds)))}


class BadRequest(ConsiliumError):
    """The request cannot be read."""

    status = 400
    code = "bad-request"


class Unauthenticated(ConsiliumError):
    """Please sign in."""

    status = 401
    code = "sign-in-required"


class WrongPassword(Unauthenticated):
    """The name or the password is not right."""

    code = "wrong-name-or-password"


class Forbidden(ConsiliumError):
    """Your role does not allow this."""

    status = 403
    code = "forbidden"


class WrongPresentPassword(Forbidden):
    """Your present password is not right."""

    code = "wrong-present-password"


class CrossSite(Forbidden):
    """This request did not come from Consilium's own pages."""

    code = "cross-site-request"


class NotFound(ConsiliumError):
    """There is no such thing, or you may not know of it."""

    status = 404
    code = "not-found"


class RequestTimeout(ConsiliumError):
    """The request took too long to arrive."""

    status = 408
    code = "request-too-slow"


class Conflict(ConsiliumError):
    """This contradicts what is already stored."""

    status = 409
    code = "conflict"


class CorruptBlob(Conflict):
    """Stored bytes are damaged and are not shown."""

    code = "corrupt-blob"


class ChecksumMismatch(Conflict):
    """Browser and server see different labels; nothing was saved."""

    code = "checksum-mismatch"


class Gone(ConsiliumError):
    """This has been used or has expired."""

    status = 410
    code = "used-or-expired"


class Stale(ConsiliumError):
    """Somebody saved a newer revision meanwhile."""

    status = 412
    code = "revision-is-stale"


class TooLarge(ConsiliumError):
    """This is larger than the limit."""

    status = 413
    code = "too-large"


class Unsupported(ConsiliumError):
    """This kind of content is not accepted here."""

    status = 415
    code = "unsupported-content"


class Invalid(ConsiliumError):
    """The request is understood but cannot be right."""

    status = 422
    code = "invalid"


class KeyReused(Invalid):
    """This Idempotency-Key was used for a different request."""

    code = "idempotency-key-reused"


class PreconditionRequired(ConsiliumError):
    """Say which revision you are changing: send If-Match."""

    status = 428
    code = "if-match-required"


class Throttled(ConsiliumError):
    """Too many attempts; please wait."""

    status = 429
    code = "too-many-attempts"


class HeadersTooLarge(ConsiliumError):
    """The request's headers are too large."""

    status = 431
    code = "headers-too-large"


class Unavailable(ConsiliumError):
    """Consilium cannot do this at the moment; please try again shortly."""

    status = 503
    code = "unavailable"

    def __init__(self, detail: str = "", *, retry_after_seconds: int = 2, **extra: Any) -> None:
        super().__init__(detail, retry_after_seconds=retry_after_seconds, **extra)


class DiskFull(ConsiliumError):
    """The disk is nearly full; free space before importing or exporting."""

    status = 507
    code = "disk-full"
