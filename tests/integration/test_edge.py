"""The edge and the transaction: what every request meets before a route and every answer before it leaves."""

import asyncio
import json
import re
from typing import Annotated, Any
from uuid import UUID

import psycopg
import pytest
from fastapi import FastAPI, Request
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from pydantic import BaseModel
from sqlalchemy import text

from backend import audit
from backend.accounts.api import POLICY, CurrentActor, Route, Router, policy
from backend.accounts.rules import Policy
from backend.app import API, create_app
from backend.app.edge import EDIT_BYTES, JSON_LIMIT
from backend.app.headers import FIXED
from backend.database import Writes, before_commit
from backend.settings import Settings
from tests.conftest import ORIGIN, sign_in

NOBODY = "00000000-0000-4000-8000-000000000000"


def every_route(app: FastAPI) -> list[Any]:
    return list(iter_route_contexts(app.routes))


def address_of(path: str) -> str:
    return re.sub(r"{[^}]*}", NOBODY, path)


class TestRoutes:
    def test_every_route_declares_a_policy_the_rules_know(self, app: FastAPI) -> None:
        routes = every_route(app)

        assert len(routes) > 30
        for route in routes:
            assert isinstance(route.original_route, Route), route.path
            Policy.parse(route.original_route.openapi_extra[POLICY])

    def test_the_public_routes_are_these(self, app: FastAPI) -> None:
        public = {
            f"{'/'.join(sorted(route.methods))} {route.path}"
            for route in every_route(app)
            if route.original_route.openapi_extra[POLICY] == "public"
        }

        assert public == {
            "POST /api/v1/session",
            "POST /api/v1/one-time-links/look",
            "POST /api/v1/one-time-links/redeem",
            "GET /api/v1/openapi.json",
            "GET /healthz",
            "GET /readyz",
            "GET/HEAD /{address:path}",
        }

    def test_every_other_route_refuses_a_stranger(self, client: TestClient, app: FastAPI) -> None:
        for route in every_route(app):
            if route.original_route.openapi_extra[POLICY] == "public":
                continue
            for method in route.methods:
                answer = client.request(method, address_of(route.path), json={} if method != "GET" else None)
                assert answer.status_code == 401, (method, route.path, answer.text)

    def test_a_route_without_a_policy_stops_the_start(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        careless = Router()
        careless.add_api_route("/careless", lambda: None)
        monkeypatch.setattr("backend.app.domains", lambda: careless.routes)

        with pytest.raises(RuntimeError, match=r"/careless declares no policy"):
            create_app(settings)

    def test_operation_ids_are_unique(self, app: FastAPI) -> None:
        names = [route.name for route in every_route(app)]

        assert len(names) == len(set(names))


class TestHeaders:
    @pytest.mark.parametrize("signed_in", [False, True])
    def test_every_answer_of_every_route_carries_them(self, client: TestClient, app: FastAPI, signed_in: bool) -> None:
        if signed_in:
            sign_in(client)
        for route in every_route(app):
            if route.path == f"{API}/events" and signed_in:
                continue  # a stream that does not end; its head is tested where it lives
            for method in sorted(route.methods):
                if (method, route.path) == ("DELETE", f"{API}/session"):
                    continue  # would sign us out
                answer = client.request(method, address_of(route.path))
                self.check(answer)

    @pytest.mark.parametrize(
        "address", ["/api/v1/nothing", "/", "/projects/7", "/healthz", "/%2e%2e/%2e%2e/etc/passwd"]
    )
    def test_pages_and_refusals_carry_them_too(self, client: TestClient, address: str) -> None:
        self.check(client.get(address))

    def test_an_internal_error_carries_them_and_says_nothing(self, settings: Settings) -> None:
        app = create_app(settings)
        router = Router()

        @router.get("/broken", openapi_extra=policy("public"))
        def break_down() -> None:
            raise ValueError("patient Müller")

        app.router.routes.insert(0, router.routes[0])
        with TestClient(app, base_url=ORIGIN) as client:
            answer = client.get("/broken")

        assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
        assert "Müller" not in answer.text
        self.check(answer)

    def check(self, answer: Any) -> None:
        assert {name: answer.headers.get(name) for name in FIXED} == FIXED
        csp = answer.headers["content-security-policy"]
        assert csp.startswith("default-src 'none'") or csp.startswith("sandbox")
        assert "unsafe" not in csp
        assert "cache-control" in answer.headers
        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])
        assert "server" not in answer.headers

    def test_the_nonce_is_fresh_for_each_answer(self, client: TestClient) -> None:
        nonces = {re.search(r"nonce-([^']+)", client.get("/").headers["content-security-policy"])[1] for _ in range(5)}

        assert len(nonces) == 5

    def test_under_tls_the_cookie_is_host_bound_and_transport_is_strict(self, settings: Settings) -> None:
        app = create_app(settings.model_copy(update={"public_url": "https://consilium.example"}))
        with TestClient(
            app, base_url="https://consilium.example", headers={"Origin": "https://consilium.example"}
        ) as client:
            sign_in(client)
            answer = client.get(f"{API}/session")

        assert answer.status_code == 200
        assert [cookie.name for cookie in client.cookies.jar] == ["__Host-consilium"]
        assert all(cookie.secure for cookie in client.cookies.jar)
        assert answer.headers["strict-transport-security"].startswith("max-age=31536000")


class TestHosts:
    @pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "", "127.0.0.1.evil.example", "[::1"])
    def test_a_foreign_host_name_is_refused(self, client: TestClient, host: str) -> None:
        assert client.get("/healthz", headers={"Host": host}).status_code == 400

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8000", "[::1]:8000"])
    def test_our_own_names_are_answered(self, client: TestClient, host: str) -> None:
        assert client.get("/healthz", headers={"Host": host}).status_code == 200


BAD_JSON = {
    "not JSON": b'{"name": "a"',
    "NaN": b'{"name": NaN}',
    "infinity": b'{"name": -Infinity}',
    "overflow": b'{"name": 1e999}',
    "a key twice": b'{"name": "a", "name": "b"}',
    "an escaped NUL": b'{"name": "a\\u0000b"}',
    "half a character": b'{"name": "\\ud800"}',
    "latin-1": '{"name": "Müller"}'.encode("latin-1"),
    "too deep": b'{"name": ' + b"[" * 100 + b"]" * 100 + b"}",
    "absurdly deep": b"[" * 500_000,
    "a huge integer": b'{"name": ' + b"9" * 30 + b"}",
    "unknown field": b'{"name": "a", "is_admin": true}',
    "empty": b"",
}


class TestBodies:
    @pytest.mark.parametrize("body", BAD_JSON.values(), ids=BAD_JSON.keys())
    def test_json_is_strict(self, client: TestClient, body: bytes) -> None:
        sign_in(client)

        answer = client.post(f"{API}/experts", content=body, headers={"Content-Type": "application/json"})

        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
        assert client.get(f"{API}/experts").json()["items"] == []

    def test_a_body_over_its_limit_is_refused_by_length_and_by_count(self, client: TestClient) -> None:
        sign_in(client)
        headers = {"Content-Type": "application/json"}

        by_length = client.post(f"{API}/experts", content=b" " * (JSON_LIMIT + 1), headers=headers)
        by_count = client.post(f"{API}/experts", content=(b" " * 65536 for _ in range(17)), headers=headers)
        not_json = client.post(
            f"{API}/experts",
            content=(b" " * 65536 for _ in range(17)),
            headers={"Content-Type": "application/octet-stream"},
        )

        assert [answer.status_code for answer in (by_length, by_count, not_json)] == [413, 413, 413]

    def test_edits_may_be_larger(self, client: TestClient) -> None:
        sign_in(client)
        body = json.dumps({"runs": "A" * (JSON_LIMIT + 1)}).encode()
        headers = {"Content-Type": "application/json", "If-Match": '"x"'}

        larger = client.post(f"{API}/segmentations/{NOBODY}/edits", content=body, headers=headers)
        largest = client.post(f"{API}/segmentations/{NOBODY}/edits", content=b" " * (EDIT_BYTES + 1), headers=headers)

        assert larger.status_code != 413
        assert largest.status_code == 413
        assert "in parts" in largest.json()["detail"]

    @pytest.mark.parametrize("headers", [{"X-Long": "x" * 17_000}, {f"X-{n}": "x" for n in range(101)}])
    def test_too_many_or_too_long_headers_are_refused(self, client: TestClient, headers: dict[str, str]) -> None:
        assert client.get("/healthz", headers=headers).status_code == 431

    @pytest.mark.parametrize("media_type", ["application/json", "application/octet-stream"])
    def test_a_body_that_never_ends_is_given_up(
        self, client: TestClient, monkeypatch: pytest.MonkeyPatch, media_type: str
    ) -> None:
        """The head promises more than is sent; an ASGI server would wait for it."""
        monkeypatch.setattr("backend.app.edge.BODY_SECONDS", 0.1)

        async def ask() -> int:
            headers = {"host": "127.0.0.1", "origin": ORIGIN, "content-type": media_type, "content-length": "10"}
            scope = {
                "type": "http", "method": "POST", "path": f"{API}/experts", "raw_path": b"", "query_string": b"",
                "headers": [(name.encode(), value.encode()) for name, value in headers.items()], "client": ("1.1.1.1", 1),
                "scheme": "http", "server": ("127.0.0.1", 8000), "http_version": "1.1", "root_path": "", "asgi": {},
            }  # fmt: skip
            statuses: list[int] = []

            async def receive() -> dict[str, Any]:
                await asyncio.sleep(60)
                return {"type": "http.disconnect"}

            async def send(message: Any) -> None:
                statuses.append(message.get("status", 0))

            await client.app(scope, receive, send)
            return statuses[0]

        assert asyncio.run(ask()) == 408

    def test_a_compressed_body_is_refused(self, client: TestClient) -> None:
        answer = client.post(
            f"{API}/session", content=b"x", headers={"Content-Type": "application/json", "Content-Encoding": "gzip"}
        )

        assert answer.status_code == 415

    def test_long_lists_are_compressed_for_who_asks(self, client: TestClient) -> None:
        answer = client.get(f"{API}/openapi.json", headers={"Accept-Encoding": "gzip"})

        assert answer.headers["content-encoding"] == "gzip"
        assert answer.json()["openapi"].startswith("3.1")

    def test_refusals_never_echo_what_was_sent(self, client: TestClient) -> None:
        sign_in(client)

        answer = client.post(f"{API}/experts", json={"name": {"secret": "patient Müller"}})

        assert answer.status_code == 422
        assert "Müller" not in answer.text


class NoteIn(BaseModel):
    name: str


@pytest.fixture
def notes(settings: Settings) -> FastAPI:
    """The application with one more route: it makes an expert, and fails as it is told."""
    app = create_app(settings)
    router = Router()

    def fail_in_commit() -> None:
        raise RuntimeError("the disk is full")

    @router.post("/notes", status_code=201, openapi_extra=policy("expert:create"))
    def create_note(body: NoteIn, db: Writes, actor: CurrentActor, fail: Annotated[str, ...] = "") -> dict[str, str]:
        made = db.execute(
            text("INSERT INTO experts (name) VALUES (:name) RETURNING id"), {"name": body.name}
        ).scalar_one()
        audit.record(db, actor, "C", "expert", made)
        if fail == "route":
            raise RuntimeError("a mistake")
        if fail == "deferred":
            db.execute(text("INSERT INTO later VALUES (1), (1)"))
        if fail == "commit":
            before_commit(db, fail_in_commit)
        return {"id": str(made)}

    @router.get("/slow", openapi_extra=policy("expert:list"))
    def wait_long(db: Writes) -> None:
        db.execute(text("SET LOCAL statement_timeout = 50"))
        db.execute(text("SELECT pg_sleep(5)"))

    app.router.routes[0:0] = router.routes
    return app


@pytest.fixture
def noting(notes: FastAPI, settings: Settings) -> Any:
    with psycopg.connect(settings.database_owner_url) as owner:
        owner.execute("CREATE TABLE later (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        owner.execute("GRANT INSERT ON later TO consilium_app")
    with TestClient(notes, base_url=ORIGIN, headers={"Origin": ORIGIN}) as client:
        sign_in(client)
        yield client


def count(client: TestClient, table: str) -> int:
    with client.app.state.database.read() as db:
        return int(db.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


class TestOneTransaction:
    @pytest.mark.parametrize(("fail", "status"), [("route", 500), ("commit", 500), ("deferred", 409)])
    def test_a_failing_commit_reaches_the_client_as_an_error(self, noting: TestClient, fail: str, status: int) -> None:
        before = count(noting, "audit")

        answer = noting.post("/notes", params={"fail": fail}, json={"name": "Exp1"})

        assert answer.status_code == status
        assert count(noting, "experts") == 0
        assert count(noting, "audit") == before

    def test_a_slow_statement_is_a_503_with_a_time_to_come_back(self, noting: TestClient) -> None:
        answer = noting.get("/slow")

        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) >= 1


class TestRunOnce:
    def post(self, client: TestClient, key: str, name: str = "Exp1", **params: str) -> Any:
        return client.post("/notes", params=params, json={"name": name}, headers={"Idempotency-Key": key})

    def test_a_repeated_request_gets_the_first_answer(self, noting: TestClient) -> None:
        first, second = self.post(noting, "k1"), self.post(noting, "k1")

        assert (first.status_code, second.status_code) == (201, 201)
        assert second.json() == first.json()
        assert second.headers["idempotency-replayed"] == "true"
        assert count(noting, "experts") == 1

    def test_another_body_under_the_same_key_is_refused(self, noting: TestClient) -> None:
        self.post(noting, "k1")

        answer = self.post(noting, "k1", name="Exp2")

        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency-key-reused")

    def test_a_failed_request_leaves_its_key_free(self, noting: TestClient) -> None:
        assert self.post(noting, "k1", fail="commit").status_code == 500

        assert self.post(noting, "k1").status_code == 201

    def test_another_user_has_keys_of_their_own(self, noting: TestClient) -> None:
        self.post(noting, "k1")
        sign_in(noting, "integrator")

        assert "idempotency-replayed" not in self.post(noting, "k1").headers
        assert count(noting, "experts") == 2

    def test_parallel_duplicates_run_once(self, noting: TestClient) -> None:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: self.post(noting, "k1"), range(16)))

        assert {answer.status_code for answer in answers} == {201}
        assert len({UUID(answer.json()["id"]) for answer in answers}) == 1
        assert count(noting, "experts") == 1


class TestHealth:
    def test_it_is_alive_and_ready(self, client: TestClient) -> None:
        assert client.get("/healthz").json() == {"status": "ok"}
        assert client.get("/readyz").json() == {"database": True, "schema_is_current": True, "blobs": True}

    def test_it_is_not_ready_without_a_place_for_blobs(self, client: TestClient, settings: Settings) -> None:
        settings.blobs_folder.rmdir()

        answer = client.get("/readyz")

        assert answer.status_code == 503
        assert (answer.json()["database"], answer.json()["blobs"]) == (True, False)

    def test_pages_and_life_answer_while_the_database_is_away(self, client: TestClient, settings: Settings) -> None:
        sign_in(client)
        with psycopg.connect(settings.database_owner_url) as blocker:
            blocker.execute("LOCK TABLE sessions, users IN ACCESS EXCLUSIVE MODE")

            assert client.get("/").status_code == 200
            assert client.get("/healthz").status_code == 200
            assert client.get(f"{API}/session").status_code == 503

    def test_figures_are_for_admins_and_name_templates_only(self, client: TestClient) -> None:
        sign_in(client, "expert")
        assert client.get("/metrics").status_code in (403, 404)
        sign_in(client, "admin")
        client.get(f"{API}/images/{NOBODY}")

        figures = client.get("/metrics").text

        assert "consilium_requests_total" in figures
        assert NOBODY not in figures

    def test_unknown_addresses_in_the_api_are_problems_and_elsewhere_the_page(self, client: TestClient) -> None:
        assert client.get(f"{API}/nothing").json()["code"] == "not-found"
        assert client.get("/projects/7").headers["content-type"].startswith("text/html")
        assert client.put("/healthz", json={}).json()["code"] == "method-not-allowed"


def test_the_contracts_requests_are_named_after_the_function(app: FastAPI) -> None:
    """Integrators' generated clients get these names."""
    from backend.app.document import make_document

    operations = [operation for path in make_document(app)["paths"].values() for operation in path.values()]

    assert all(re.fullmatch(r"[a-z_]+", operation["operationId"]) for operation in operations)
    assert all("4XX" in operation["responses"] for operation in operations)


def test_a_request_knows_nothing_of_proxies_it_does_not_trust(notes: FastAPI, settings: Settings) -> None:
    from backend.accounts.api import caller_of

    request = Request(
        {
            "type": "http",
            "app": notes,
            "client": ("10.0.0.9", 1),
            "headers": [(b"x-forwarded-for", b"1.1.1.1, 2.2.2.2")],
            "state": {},
        }
    )
    assert caller_of(request).address == "10.0.0.9"

    notes.state.settings = settings.model_copy(update={"trusted_proxies": ("10.0.0.9",)})
    assert caller_of(request).address == "2.2.2.2"
