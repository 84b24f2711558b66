"""The edge: what happens to every request before a route sees it, and to every answer before it leaves.

One plain ASGI layer, outermost, so that no answer escapes it, not even a 500: request id, known hosts, cross-site
check, body limits and strict JSON on the way in; security headers, the log line and metrics on the way out.
Fails closed: an unsafe request that cannot prove it comes from our own pages is refused, unless a bearer token
speaks for it (then no cookie counts, see accounts.api.identity).
"""

import asyncio
import hashlib
import time
import uuid
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from prometheus_client import Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.app import strict
from backend.app.headers import new_nonce, secure
from backend.app.problems import InternalError, problem_response
from backend.errors import BadRequest, ConsiliumError, CrossSite, HeadersTooLarge, RequestTimeout, TooLarge, Unsupported
from backend.segmentations.api.segmentations import EDIT_BYTES
from backend.segmentations.rules import STEP_TOO_LARGE
from backend.settings import LOOPBACK, Settings

log = structlog.get_logger("consilium.requests")

MIB: Final = 1024 * 1024
JSON_LIMIT: Final = 1 * MIB
UPLOADS: Final = "/api/v1/imports"
FORM_LIMIT: Final = 65 * MIB  # 64 MiB of files in one request, and the form around them
HEADERS_BYTES: Final = 16 * 1024
HEADERS: Final = 100
BODY_SECONDS: Final = 30.0  # for a whole JSON body, and for the pause between two chunks of an upload
SAFE: Final = ("GET", "HEAD", "OPTIONS", "TRACE")
_FORMS: Final = ("text/plain", "application/x-www-form-urlencoded")

_requests = Counter("consilium_requests", "Answered requests.", ("method", "route", "status"))
_seconds = Histogram(
    "consilium_request_seconds", "Time to the last byte.", ("route",), buckets=(0.005, 0.02, 0.1, 0.5, 2, 10)
)


class Edge:
    """Wraps the application; see the head of the file."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings
        self.hosts = {*settings.hosts, *LOOPBACK}
        self.upload_limit = settings.upload_limit_mib * MIB

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"] = request_id = uuid.uuid4().hex
        state["csp_nonce"] = nonce = new_nonce()

        async def send_secured(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                secure(MutableHeaders(scope=message), nonce, request_id, https=self.settings.is_https)
            await send(message)

        try:
            try:
                self._check_head(scope)
                receive = await self._check_body(scope, receive)
            except ConsiliumError as problem:
                await problem_response(problem, request_id)(scope, receive, send_secured)
            else:
                await self.app(scope, receive, send_secured)
        except Exception as problem:  # the outermost layer: nothing above it would answer
            log.error("request failed", request_id=request_id, route=_route(scope), exc_info=problem)
            if status == 500:  # nothing sent yet
                await problem_response(InternalError(), request_id)(scope, receive, send_secured)
        finally:
            self._note(scope, status, time.perf_counter() - started)

    def _check_head(self, scope: Scope) -> None:
        """Host, cross-site and content type: what can be judged without the body."""
        headers = Headers(scope=scope)
        size = sum(len(name) + len(value) for name, value in scope["headers"]) + len(scope.get("query_string", b""))
        if size > HEADERS_BYTES or len(scope["headers"]) > HEADERS:
            raise HeadersTooLarge(f"At most {HEADERS} headers of {HEADERS_BYTES // 1024} KiB together.")
        if _host_name(headers.get("host", "")) not in self.hosts:
            raise BadRequest("This server does not answer to that host name; see CONSILIUM_TRUSTED_HOSTS.")
        if scope["method"] in SAFE:
            return
        if not headers.get("authorization", "").lower().startswith("bearer "):
            self._check_same_site(headers, f"{scope['scheme']}://{headers.get('host', '')}")
        if headers.get("content-encoding", "identity") != "identity":
            raise Unsupported("Send the body without Content-Encoding.")
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        is_upload = scope["path"].startswith(UPLOADS)
        has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        if media_type in _FORMS or (media_type.startswith("multipart/") and not is_upload):
            raise Unsupported(f"{media_type} is not accepted here; send application/json.")
        if has_body and not media_type and not is_upload:
            raise Unsupported("Say what the body is: send Content-Type: application/json.")

    def _check_same_site(self, headers: Headers, own: str) -> None:
        site = headers.get("sec-fetch-site")
        if site is not None:
            if site != "same-origin":
                raise CrossSite("Use Consilium's own pages, or an API token.")
        elif headers.get("origin") not in (self.settings.origin, own):
            raise CrossSite("The Origin header does not name this server; use its own pages, or an API token.")

    async def _check_body(self, scope: Scope, receive: Receive) -> Receive:
        """A strict, complete JSON body, or a receive that counts bytes and refuses the one too many."""
        headers = Headers(scope=scope)
        limit = self._limit(scope)
        length = headers.get("content-length")
        if length is not None and (not length.isdecimal() or int(length) > limit):
            raise _too_large(limit) if length.isdecimal() else BadRequest()
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if scope["method"] in SAFE or not (media_type == "application/json" or media_type.endswith("+json")):
            return _counting(receive, limit)
        body = await _read(receive, limit)
        scope["state"]["body_sha256"] = hashlib.sha256(body).hexdigest()
        if len(body) > 64 * 1024:
            await asyncio.to_thread(strict.check_json, body)
        elif body:
            strict.check_json(body)
        return _replaying(body, receive)

    def _limit(self, scope: Scope) -> int:
        path: str = scope["path"]
        if path.startswith(UPLOADS) and scope["method"] in ("PUT", "POST"):
            return min(FORM_LIMIT, self.upload_limit) if path == f"{UPLOADS}/upload" else self.upload_limit
        return EDIT_BYTES if path.endswith(("/edits", "/forks")) else JSON_LIMIT

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        """One log line and the metrics, by route template: a path may hold what a log may not."""
        route, actor = _route(scope), scope["state"].get("actor")
        _requests.labels(scope["method"], route, str(status)).inc()
        _seconds.labels(route).observe(seconds)
        log.info(
            "request",
            request_id=scope["state"]["request_id"],
            method=scope["method"],
            route=route,
            status=status,
            milliseconds=round(seconds * 1000, 1),
            user_id=str(actor.user_id) if actor else None,
        )


def _host_name(host: str) -> str:
    """The name in a Host header, without port; "" for anything that is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _too_large(limit: int) -> TooLarge:
    return TooLarge(STEP_TOO_LARGE if limit == EDIT_BYTES else f"A request here has at most {limit // MIB} MiB.")


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "unknown")


def _counting(receive: Receive, limit: int) -> Receive:
    """A receive that refuses the byte too many and the pause too long; after the body's end it only waits for the client."""
    received, more = 0, True

    async def receive_counted() -> Message:
        nonlocal received, more
        if not more:
            return await receive()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                message = await receive()
        except TimeoutError:
            raise RequestTimeout(f"Nothing arrived for {BODY_SECONDS:.0f} seconds.") from None
        received += len(message.get("body", b""))
        more = message.get("more_body", False)
        if received > limit:
            raise _too_large(limit)
        return message

    return receive_counted


async def _read(receive: Receive, limit: int) -> bytes:
    """The whole body. Raises TooLarge at the first byte too many and RequestTimeout for one that does not end."""
    chunks, more = bytearray(), True
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise BadRequest("The connection ended before the body did.")
                chunks += message.get("body", b"")
                more = message.get("more_body", False)
                if len(chunks) > limit:
                    raise _too_large(limit)
    except TimeoutError:
        raise RequestTimeout(f"The body did not arrive within {BODY_SECONDS:.0f} seconds.") from None
    return bytes(chunks)


def _replaying(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
