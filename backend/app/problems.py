"""Every refusal as problem+json, whoever raised it: our own errors, the framework's, the database's.

The body has type, title, status, detail, code, instance and whatever members the error adds. Nothing a client sent
is echoed, no database text is shown.
"""

import http
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from backend import database
from backend.accounts.api import Replay
from backend.errors import BadRequest, ConsiliumError, Forbidden, Invalid, NotFound, Unavailable

log = structlog.get_logger("consilium.requests")

MEDIA_TYPE: Final = "application/problem+json"
SCHEMA: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "A refusal: `code` is stable, `detail` names the culprit and the remedy.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "instance"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "instance": {"type": "string", "description": "The request id, as in the log."},
        "errors": {
            "type": "array",
            "description": "Where the request is wrong, as JSON pointers.",
            "items": {
                "type": "object",
                "required": ["pointer", "message"],
                "properties": {"pointer": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}


class MethodNotAllowed(ConsiliumError):
    """This address does not know that method."""

    status = 405
    code = "method-not-allowed"


class InternalError(ConsiliumError):
    """Consilium made a mistake; it has been logged."""


def problem_response(problem: ConsiliumError, request_id: str) -> Response:
    """The answer a client gets for this error."""
    body = {
        **problem.extra,
        "type": f"urn:consilium:problem:{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "instance": f"urn:consilium:request:{request_id}",
    }
    headers = dict(problem.headers)
    if problem.status == http.HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="consilium"'
    return Response(json.dumps(body, default=str), problem.status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Teach the application to answer each kind of exception."""
    translations: tuple[tuple[type[Exception], Callable[[Any], ConsiliumError]], ...] = (
        (ConsiliumError, _same),
        (RequestValidationError, _from_validation),
        (HTTPException, _from_http),
        (UnicodeEncodeError, _from_half_character),
        *((kind, _from_database) for kind in database.ERRORS),
    )
    for kind, translate in translations:
        app.add_exception_handler(kind, _handler(translate))
    app.add_exception_handler(Replay, _replay)


def _handler(translate: Callable[[Any], ConsiliumError]) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        problem, request_id = translate(error), getattr(request.state, "request_id", "")
        if problem.status == http.HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("request failed", request_id=request_id, code=problem.code, exc_info=error)
        response = problem_response(problem, request_id)
        if isinstance(error, HTTPException) and error.headers and "allow" in {name.lower() for name in error.headers}:
            response.headers["Allow"] = next(v for k, v in error.headers.items() if k.lower() == "allow")
        return response

    return answer


async def _replay(request: Request, error: Exception) -> Response:
    if not isinstance(error, Replay):
        raise error
    return Response(
        error.answer.body, error.answer.status, {"Idempotency-Replayed": "true"}, media_type="application/json"
    )


def _same(error: ConsiliumError) -> ConsiliumError:
    return error


def _from_validation(error: RequestValidationError) -> ConsiliumError:
    errors = []
    for item in error.errors():
        place = [str(part).replace("~", "~0").replace("/", "~1") for part in item["loc"]]
        errors.append({"pointer": "/" + "/".join(place), "message": _without_input(str(item["msg"]))})
    first = errors[0] if errors else {"pointer": "/", "message": "invalid"}
    return Invalid(f"{first['pointer']}: {first['message']}", errors=errors[:50])


def _without_input(message: str) -> str:
    """Pydantic's sentence without quoted input, cut to a readable length."""
    return re.sub(r"input_value=.*", "", message)[:300]


def _from_http(error: HTTPException) -> ConsiliumError:
    if isinstance(error.__cause__, ConsiliumError):  # our own limit, wrapped by a form parser
        return error.__cause__
    known = {400: BadRequest, 403: Forbidden, 404: NotFound, 405: MethodNotAllowed, 422: Invalid, 503: Unavailable}
    if error.status_code in known:
        return known[error.status_code](str(error.detail) if error.status_code in (400, 422) else "")
    return BadRequest(str(error.detail)) if error.status_code < 500 else InternalError()


def _from_half_character(error: UnicodeEncodeError) -> ConsiliumError:
    return Invalid("A text holds half a character (a lone surrogate).")


def _from_database(error: Exception) -> ConsiliumError:
    return database.explain(error) or InternalError()
