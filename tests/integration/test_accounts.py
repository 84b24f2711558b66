"""Coming in: links, passwords, sessions, tokens, and who may do what to accounts. Real PostgreSQL, real cookies."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text

from backend.accounts import rules
from tests.conftest import ORIGIN, PASSWORD, sign_in

API = "/api/v1"


def another_browser(app: FastAPI) -> TestClient:
    """A second browser on the same running application."""
    return TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN})


def new_link(client: TestClient, name: str = "anna", role: str = "expert") -> rules.Link:
    with client.app.state.database.write() as db:
        return rules.create_user_from_shell(db, name=name, display_name=name.title(), role=role)


def shift(client: TestClient, statement: str, by: timedelta) -> None:
    """Move a time in the database instead of waiting for it."""
    with client.app.state.database.write() as db:
        db.execute(text(statement), {"by": by})


def redeem(client: TestClient, secret: str, password: str = PASSWORD) -> Any:
    return client.post(f"{API}/one-time-links/redeem", json={"secret": secret, "password": password})


def enter(client: TestClient, name: str, password: str = PASSWORD) -> Any:
    return client.post(f"{API}/session", json={"name": name, "password": password})


class TestSigningIn:
    def test_a_link_sets_the_password_and_the_password_signs_in(self, client: TestClient) -> None:
        redeem(client, new_link(client).secret).raise_for_status()
        client.delete(f"{API}/session").raise_for_status()

        answer = enter(client, "ANNA")

        assert answer.status_code == 200
        assert answer.json()["user"] == {**answer.json()["user"], "name": "anna", "role": "expert", "locked": False}
        assert client.get(f"{API}/session").json()["user"]["name"] == "anna"

    def test_the_cookie_is_http_only_lax_and_named_after_the_port(self, client: TestClient) -> None:
        cookie = redeem(client, new_link(client).secret).headers["set-cookie"]

        assert cookie.startswith("consilium_session_8000=")
        assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/" in cookie and "Domain" not in cookie

    def test_a_link_tells_whom_it_is_for_without_being_used_up(self, client: TestClient) -> None:
        secret = new_link(client).secret

        told = client.post(f"{API}/one-time-links/look", json={"secret": secret})
        redeem(client, secret).raise_for_status()
        afterwards = client.post(f"{API}/one-time-links/look", json={"secret": secret})

        assert told.json() == {"name": "anna", "display_name": "Anna"}
        assert (afterwards.status_code, afterwards.json()["code"]) == (410, "used-or-expired")

    def test_a_link_works_once(self, client: TestClient, app: FastAPI) -> None:
        secret = new_link(client).secret
        assert redeem(client, secret).status_code == 200

        again = redeem(another_browser(app), secret)

        assert (again.status_code, again.json()["code"]) == (410, "used-or-expired")

    def test_a_link_expires_after_a_quarter_of_an_hour(self, client: TestClient) -> None:
        secret = new_link(client).secret
        shift(client, "UPDATE one_time_links SET expires_at = expires_at - :by", timedelta(minutes=15, seconds=1))

        assert redeem(client, secret).status_code == 410

    def test_a_bad_password_is_refused_and_the_link_survives_it(self, client: TestClient) -> None:
        secret = new_link(client).secret

        assert redeem(client, secret, "short").status_code == 422
        assert redeem(client, secret, "password1234").status_code == 422
        assert redeem(client, secret).status_code == 200

    @pytest.mark.parametrize("name", ["anna", "nobody"])
    def test_a_wrong_password_and_an_unknown_user_look_alike(self, client: TestClient, name: str) -> None:
        redeem(client, new_link(client).secret)
        client.cookies.clear()

        answer = enter(client, name, "wrong password 99")

        assert (answer.status_code, answer.json()["code"]) == (401, "wrong-name-or-password")
        assert "set-cookie" not in answer.headers

    def test_after_ten_failures_the_right_password_waits_too_and_others_do_not_notice(
        self, client: TestClient, app: FastAPI
    ) -> None:
        redeem(client, new_link(client).secret)
        redeem(another_browser(app), new_link(client, "berta").secret)
        for _ in range(10):
            enter(another_browser(app), "anna", "wrong password 99")

        throttled = enter(another_browser(app), "anna")

        assert (throttled.status_code, throttled.json()["code"]) == (429, "too-many-attempts")
        assert 0 < int(throttled.headers["retry-after"]) <= 15 * 60
        assert enter(another_browser(app), "berta").status_code == 200
        assert client.get(f"{API}/session").status_code == 200

    def test_failures_are_forgotten_after_the_window(self, client: TestClient, app: FastAPI) -> None:
        redeem(client, new_link(client).secret)
        for _ in range(10):
            enter(another_browser(app), "anna", "wrong password 99")
        shift(client, "UPDATE login_failures SET at = at - :by", timedelta(minutes=16))

        assert enter(another_browser(app), "anna").status_code == 200

    def test_fifty_failures_of_one_address_close_every_way_in(self, client: TestClient) -> None:
        with client.app.state.database.write() as db:
            db.execute(
                text(
                    "INSERT INTO login_failures (account, address) SELECT 'x', 'testclient' FROM generate_series(1, 50)"
                )
            )

        assert enter(client, "anna").status_code == 429
        assert redeem(client, "guess").status_code == 429
        assert client.get(f"{API}/users", headers={"Authorization": "Bearer guess"}).status_code == 429

    def test_signing_out_ends_the_session_on_the_server(self, client: TestClient, app: FastAPI) -> None:
        sign_in(client)
        thief = another_browser(app)
        thief.cookies = client.cookies

        answer = client.delete(f"{API}/session")

        assert answer.status_code == 204
        assert answer.headers["clear-site-data"] == '"cache", "cookies", "storage"'
        assert thief.get(f"{API}/session").status_code == 401

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE sessions SET last_gesture_at = last_gesture_at - :by * 15",
            "UPDATE sessions SET expires_at = expires_at - :by * 12 * 60",
        ],
    )
    def test_a_session_ends_when_idle_and_in_any_case_after_its_hours(self, client: TestClient, statement: str) -> None:
        sign_in(client)
        shift(client, statement, timedelta(minutes=1, seconds=1))

        assert client.get(f"{API}/experts").status_code == 401

    def test_a_gesture_keeps_the_session_awake_and_a_poll_does_not(self, client: TestClient) -> None:
        sign_in(client)

        def idle_seconds() -> float:
            with client.app.state.database.read() as db:
                return float(
                    db.execute(text("SELECT extract(epoch FROM now() - last_gesture_at) FROM sessions")).scalar_one()
                )

        shift(client, "UPDATE sessions SET last_gesture_at = last_gesture_at - :by", timedelta(minutes=10))
        client.get(f"{API}/session")
        client.get(f"{API}/experts", headers={"X-Consilium-Background": "1"})
        assert idle_seconds() > 599
        client.post(f"{API}/session/gestures", json={"seconds_ago": 90}).raise_for_status()
        assert 89 < idle_seconds() < 150
        client.post(f"{API}/session/gestures", headers={"X-Consilium-Background": "1"}).raise_for_status()
        assert idle_seconds() < 60
        client.post(f"{API}/session/gestures", json={"seconds_ago": 600}).raise_for_status()
        assert idle_seconds() < 60

    def test_nobody_is_signed_in_without_a_cookie(self, client: TestClient) -> None:
        answer = client.get(f"{API}/session")

        assert (answer.status_code, answer.json()["code"]) == (401, "sign-in-required")
        assert answer.headers["content-type"] == "application/problem+json"


class TestCrossSite:
    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"Sec-Fetch-Site": "cross-site"}, 403),
            ({"Sec-Fetch-Site": "same-site"}, 403),
            ({"Sec-Fetch-Site": "none"}, 403),
            ({"Origin": "http://evil.example"}, 403),
            ({"Origin": "null"}, 403),
            ({"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"}, 403),
            ({"Sec-Fetch-Site": "same-origin"}, 204),
            ({"Origin": ORIGIN}, 204),
        ],
    )
    def test_an_unsafe_request_must_come_from_our_own_pages(
        self, client: TestClient, headers: dict[str, str], status: int
    ) -> None:
        sign_in(client)
        del client.headers["Origin"]

        assert client.post(f"{API}/session/gestures", headers=headers).status_code == status

    def test_a_request_that_says_nothing_of_its_origin_is_refused(self, client: TestClient) -> None:
        sign_in(client)
        del client.headers["Origin"]

        answer = client.post(f"{API}/session/gestures")

        assert (answer.status_code, answer.json()["code"]) == (403, "cross-site-request")

    @pytest.mark.parametrize(
        "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
    )
    def test_what_a_foreign_form_can_send_is_refused(self, client: TestClient, media_type: str) -> None:
        answer = client.post(
            f"{API}/session", content=b'{"name":"a","password":"b"}', headers={"Content-Type": media_type}
        )

        assert answer.status_code == 415


class TestTokens:
    def token(self, client: TestClient, *scopes: str) -> dict[str, Any]:
        answer = client.post(f"{API}/tokens", json={"name": "script", "scopes": list(scopes)})
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def test_a_token_speaks_for_its_user_without_cookie_or_origin(self, client: TestClient, app: FastAPI) -> None:
        sign_in(client)
        secret = self.token(client, "read", "write")["secret"]
        script = TestClient(app, base_url=ORIGIN, headers={"Authorization": f"Bearer {secret}"})

        assert script.get(f"{API}/session").json()["user"]["role"] == "admin"
        assert script.post(f"{API}/experts", json={"name": "Exp1"}).status_code == 201

    def test_a_token_does_only_what_its_scopes_allow(self, client: TestClient, app: FastAPI) -> None:
        sign_in(client)
        script = TestClient(
            app, base_url=ORIGIN, headers={"Authorization": f"Bearer {self.token(client, 'read')['secret']}"}
        )

        assert script.get(f"{API}/experts").status_code == 200
        assert script.post(f"{API}/experts", json={"name": "Exp1"}).status_code == 403
        assert script.get(f"{API}/users").status_code == 403

    def test_a_token_cannot_make_a_token(self, client: TestClient, app: FastAPI) -> None:
        sign_in(client)
        script = TestClient(
            app, base_url=ORIGIN, headers={"Authorization": f"Bearer {self.token(client, 'manage')['secret']}"}
        )

        assert script.post(f"{API}/tokens", json={"name": "child", "scopes": ["read"]}).status_code == 403

    def test_a_bad_token_does_not_fall_back_to_the_cookie(self, client: TestClient) -> None:
        sign_in(client)

        assert client.get(f"{API}/session", headers={"Authorization": "Bearer nonsense"}).status_code == 401

    def test_a_revoked_or_expired_token_is_nobody(self, client: TestClient, app: FastAPI) -> None:
        sign_in(client)
        revoked, expired = self.token(client, "read"), self.token(client, "read")
        client.delete(f"{API}/tokens/{revoked['token']['id']}").raise_for_status()
        with client.app.state.database.write() as db:
            db.execute(text("UPDATE api_tokens SET expires_at = now() WHERE revoked_at IS NULL"))

        for secret in (revoked["secret"], expired["secret"]):
            script = TestClient(app, base_url=ORIGIN, headers={"Authorization": f"Bearer {secret}"})
            assert script.get(f"{API}/session").status_code == 401

    def test_a_token_is_bound_only_to_a_project_its_maker_sees(self, client: TestClient) -> None:
        sign_in(client, "admin")
        project = client.post(f"{API}/projects", json={"name": "P", "policy": {}, "labels": []}).json()["id"]

        def ask(project_id: str) -> int:
            body = {"name": "t", "scopes": ["read"], "project_id": project_id, "days": 1}
            return client.post(f"{API}/tokens", json=body).status_code

        assert ask(project) == 201
        assert ask("00000000-0000-4000-8000-000000000000") == 404
        sign_in(client, "expert")
        assert ask(project) == 404

    def test_the_secret_is_shown_once_and_not_kept(self, client: TestClient) -> None:
        sign_in(client)
        secret = self.token(client, "read")["secret"]

        assert secret not in client.get(f"{API}/tokens").text
        with client.app.state.database.read() as db:
            assert secret not in str(db.execute(text("SELECT * FROM api_tokens")).all())

    def test_another_users_token_does_not_exist_for_me(self, client: TestClient, app: FastAPI) -> None:
        sign_in(client, "expert", "anna")
        token_id = self.token(client, "read")["token"]["id"]
        sign_in(client, "expert", "berta")

        assert client.delete(f"{API}/tokens/{token_id}").status_code == 404
        assert client.get(f"{API}/tokens").json()["items"] == []


class TestUsers:
    def test_an_admin_creates_a_user_who_enters_by_the_link(self, client: TestClient, app: FastAPI) -> None:
        sign_in(client)
        new = client.post(f"{API}/users", json={"name": "Carla", "display_name": "Dr. Carla", "role": "expert"}).json()

        secret = new["link"]["url"].partition("/welcome#")[2]

        assert new["user"]["name"] == "carla"
        assert redeem(another_browser(app), secret).json()["user"]["display_name"] == "Dr. Carla"

    def test_one_name_is_one_account_however_the_keyboard_composed_it(self, client: TestClient, app: FastAPI) -> None:
        sign_in(client, "admin")
        composed, decomposed = "ren\u00e9", "rene\u0301"
        made = client.post(f"{API}/users", json={"name": decomposed, "display_name": "René", "role": "expert"})
        assert made.json()["user"]["name"] == composed
        again = client.post(f"{API}/users", json={"name": composed, "display_name": "René", "role": "expert"})
        assert again.status_code == 409
        browser = another_browser(app)
        redeem(browser, made.json()["link"]["url"].partition("#")[2]).raise_for_status()

        for typed in (composed, decomposed, "\uff32\uff25\uff2e\u00c9"):
            assert enter(another_browser(app), typed).status_code == 200, typed

    def test_a_taken_name_is_a_conflict(self, client: TestClient) -> None:
        sign_in(client)
        client.post(f"{API}/users", json={"name": "carla", "role": "expert"})

        assert client.post(f"{API}/users", json={"name": "CARLA", "role": "expert"}).status_code == 409

    @pytest.mark.parametrize("role", ["expert", "integrator"])
    def test_only_an_admin_creates_users(self, client: TestClient, role: Any) -> None:
        sign_in(client, role)

        assert client.post(f"{API}/users", json={"name": "carla", "role": "admin"}).status_code in (403, 404)

    def test_a_locked_user_is_out_at_once_and_cannot_come_back(self, client: TestClient, app: FastAPI) -> None:
        sign_in(client)
        link = new_link(client, "dora")
        hers = another_browser(app)
        redeem(hers, link.secret).raise_for_status()

        client.patch(f"{API}/users/{link.user.id}", json={"locked": True}).raise_for_status()

        assert hers.get(f"{API}/session").status_code == 401
        assert enter(hers, "dora").status_code == 401

    def test_a_changed_role_ends_the_session(self, client: TestClient, app: FastAPI) -> None:
        sign_in(client)
        link = new_link(client, "dora")
        hers = another_browser(app)
        redeem(hers, link.secret).raise_for_status()

        client.patch(f"{API}/users/{link.user.id}", json={"role": "integrator"}).raise_for_status()

        assert hers.get(f"{API}/session").status_code == 401
        assert enter(hers, "dora").json()["user"]["role"] == "integrator"

    def test_nobody_changes_their_own_role(self, client: TestClient) -> None:
        me = sign_in(client)["user"]

        assert client.patch(f"{API}/users/{me['id']}", json={"role": "expert"}).status_code == 403

    def test_users_page_by_cursor(self, client: TestClient) -> None:
        sign_in(client, name="admin")
        for name in ("eva", "fritz", "gerda"):
            new_link(client, name)

        first = client.get(f"{API}/users?limit=3").json()
        second = client.get(f"{API}/users", params={"limit": 3, "cursor": first["next_cursor"]}).json()

        assert [user["name"] for user in first["items"] + second["items"]] == ["admin", "eva", "fritz", "gerda"]
        assert second["next_cursor"] is None

    def test_unknown_fields_are_refused(self, client: TestClient) -> None:
        sign_in(client)

        answer = client.post(f"{API}/users", json={"name": "carla", "role": "expert", "password_hash": "x"})

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/body/password_hash"


class TestExperts:
    def test_an_expert_may_be_only_a_name_or_linked_to_a_user(self, client: TestClient) -> None:
        me = sign_in(client)["user"]
        nameless = client.post(f"{API}/experts", json={"name": "Exp1", "description": "imported"}).json()
        mine = client.post(f"{API}/experts", json={"name": "Me", "user_id": me["id"]}).json()

        assert nameless["user_id"] is None
        assert client.get(f"{API}/session").json()["expert_id"] == mine["id"]
        assert client.post(f"{API}/experts", json={"name": "Twice", "user_id": me["id"]}).status_code == 409
        assert [expert["name"] for expert in client.get(f"{API}/experts").json()["items"]] == ["Exp1", "Me"]


class TestFirstLink:
    def test_the_first_admins_link_is_offered_until_somebody_has_a_password(self, client: TestClient) -> None:
        database, settings = client.app.state.database, client.app.state.settings

        def first_link() -> str | None:
            with database.write() as db:
                return rules.first_link(db, settings)

        first, second = first_link(), first_link()
        assert first and second and first != second
        assert redeem(client, first.partition("#")[2]).status_code == 410
        assert redeem(client, second.partition("#")[2]).json()["user"]["role"] == "admin"
        assert first_link() is None
