"""Who asks: the parts every domain's routes are made of.

    router = Router(tags=["projects"])

    @router.get("/projects", openapi_extra=policy("project:list"))
    def list_projects(db: Reads, actor: CurrentActor) -> ProjectPageOut: ...

`Router` makes routes that refuse strangers, compare the declared policy with a token's scopes, and run a POST that
carries an Idempotency-Key once. A route without `policy(…)` stops the application's start, so none is forgotten.
The finer question (this project? this reading?) is the rule's, by `accounts.rules.authorize`.
Fails closed: a bearer header is the only credential looked at when there is one; a bad one never falls back to a cookie.
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response, params
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from backend.accounts import rules
from backend.accounts.rules import Actor, Answer, Caller, Policy
from backend.database import Writes, in_thread, of_request
from backend.errors import Forbidden, Unauthenticated
from backend.settings import Settings

POLICY = "x-consilium-policy"
BACKGROUND_HEADER = "x-consilium-background"
_SECRETIVE = ("user", "token")  # their creating answers hold a secret that is kept nowhere
_PASSIVE = ("/api/v1/events", "/api/v1/session", "/api/v1/jobs", "/api/v1/system")
_REPORT = "/api/v1/session/gestures"


class Replay(Exception):
    """The answer to a request whose Idempotency-Key was used before; `app` sends it again."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        super().__init__(answer.status)


def policy(declared: str) -> dict[str, Any]:
    """Declare a route's policy: `openapi_extra=policy("project:read")`, or "public". It shows in openapi.json.

    Raises LookupError at import for a pair that `accounts.rules.MAY` does not know.
    """
    Policy.parse(declared)
    return {POLICY: declared}


def settings_of(request: Request) -> Settings:
    """The settings the application was created with."""
    settings: Settings = request.app.state.settings
    return settings


def cookie_name(settings: Settings) -> str:
    """`__Host-` under TLS; on plain HTTP one name per port, because browsers share cookies between ports."""
    return "__Host-consilium" if settings.is_https else f"consilium_session_{settings.port}"


def caller_of(request: Request) -> Caller:
    """Where the request comes from. A forwarded address is believed only from a proxy named in the settings."""
    address = request.client.host if request.client else "unknown"
    forwarded = request.headers.get("x-forwarded-for")
    if forwarded and address in settings_of(request).trusted_proxies:
        address = forwarded.rsplit(",", 1)[-1].strip()[:64]
    return Caller(address, getattr(request.state, "request_id", None), request.headers.get("user-agent"))


async def _find_actor(request: Request) -> Actor | None:
    """Who asks, or None. Public routes ask nobody, so pages and health answer while the database is away."""
    actor = None
    if _declared(request).kind != "public":
        authorization, secret = (
            request.headers.get("authorization"),
            request.cookies.get(cookie_name(settings_of(request))),
        )
        if authorization is not None:
            actor = await run_in_threadpool(_of_token, request, authorization)
        elif secret:
            actor = await run_in_threadpool(_of_cookie, request, secret)
    request.state.actor = actor
    return actor


def _of_token(request: Request, authorization: str) -> Actor:
    """Takes a database connection only for the look-up and gives it back; so does `_of_cookie`."""
    scheme, _, token = authorization.partition(" ")
    is_bearer = scheme.lower() == "bearer"
    actor = rules.identify_token(of_request(request), token.strip(), caller_of(request)) if is_bearer else None
    if actor is None:
        raise Unauthenticated("This token is unknown, revoked or expired.")
    return actor


def _of_cookie(request: Request, secret: str) -> Actor | None:
    database, settings, gesture = of_request(request), settings_of(request), _is_gesture(request)
    return rules.identify_session(database, settings, secret, caller_of(request), gesture=gesture)


def _declared(request: Request) -> Policy:
    return Policy.parse(request.scope["route"].openapi_extra[POLICY])


def _is_gesture(request: Request) -> bool:
    """Whether a person's act made this request: polls, event streams and marked background requests are none.

    A report of gestures is none either: it says itself how long ago they were made.
    """
    path = request.url.path
    if BACKGROUND_HEADER in request.headers or path == _REPORT:
        return False
    return request.method not in ("GET", "HEAD") or not path.startswith(_PASSIVE)


OptionalActor = Annotated[Actor | None, Depends(_find_actor)]


async def _require_actor(actor: OptionalActor) -> Actor:
    if actor is None:
        raise Unauthenticated
    return actor


CurrentActor = Annotated[Actor, Depends(_require_actor)]


async def _enforce(request: Request, actor: OptionalActor) -> None:
    """Refuse strangers on every route that is not declared public, and tokens without the scope the policy asks for."""
    declared = _declared(request)
    if declared.kind == "public":
        return
    if actor is None:
        raise Unauthenticated
    if declared.scope and actor.scopes is not None and declared.scope not in actor.scopes:
        raise Forbidden(f"This token lacks the scope {declared.scope!r}.")


async def _run_once(
    request: Request,
    db: Writes,
    actor: OptionalActor,
    idempotency_key: Annotated[
        str | None, Header(max_length=200, description="Send the same key to try again safely.")
    ] = None,
) -> AsyncIterator[None]:
    """With an Idempotency-Key: claim it first, keep the answer last, all in the route's own transaction."""
    if idempotency_key is None or actor is None or actor.user_id is None:
        yield
        return
    key = (actor.user_id, f"{request.method} {request.url.path}", idempotency_key)
    answer = await run_in_threadpool(rules.claim_key, db, *key, getattr(request.state, "body_sha256", ""))
    if answer is not None:
        raise Replay(answer)
    yield
    response: Response | None = getattr(request.state, "response", None)
    shown_once = _declared(request).kind in _SECRETIVE
    if response is not None and response.status_code < 300 and isinstance(response.body, bytes) and not shown_once:
        await in_thread(rules.keep_answer, db, *key, Answer(response.status_code, response.body.decode()))


async def _receive_form(request: Request) -> None:
    """Parse a form for the route, and name it for `_run_once`; only for who may send one: its files go to disk."""
    await _enforce(request, await _find_actor(request))
    form = await request.form()
    if "idempotency-key" in request.headers:
        request.state.body_sha256 = await run_in_threadpool(_digest, form)


def _digest(form: FormData) -> str:
    """What a form holds, without the boundary, which is another at every try."""
    digest = hashlib.sha256()
    for name, value in form.multi_items():
        text = f"{value.filename!r}" if isinstance(value, UploadFile) else f"={value!r}"
        digest.update(f"{name!r}{text}\n".encode(errors="backslashreplace"))
        if isinstance(value, UploadFile):
            while chunk := value.file.read(1 << 20):
                digest.update(chunk)
            value.file.seek(0)
    return digest.hexdigest()


class Route(APIRoute):
    """A route that declares a policy and may be asked to run once."""

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        dependencies: Sequence[params.Depends] | None = None,
        methods: set[str] | list[str] | None = None,
        **options: Any,
    ) -> None:
        guards = [Depends(_enforce)]
        if methods and "POST" in methods:
            guards.append(Depends(_run_once, scope="function"))
        super().__init__(path, endpoint, dependencies=[*guards, *(dependencies or ())], methods=methods, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Leaves the finished response where `_run_once` finds it, still inside the transaction."""
        answer = super().get_route_handler()

        async def answer_and_show(request: Request) -> Response:
            if request.headers.get("content-type", "").lower().startswith("multipart/"):
                await _receive_form(request)
            response = await answer(request)
            request.state.response = response
            return response

        return answer_and_show


class Router(APIRouter):
    """What every domain's `api.py` calls `router`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=Route, **options)


def actor_id(actor: Actor) -> UUID:
    """The signed-in user's id. Raises Unauthenticated for an actor without an account."""
    if actor.user_id is None:
        raise Unauthenticated
    return actor.user_id
