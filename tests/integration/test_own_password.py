"""A password changed by its owner: the present one is asked for, through the gates of signing in, and other sign-ins end."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text

from backend.accounts import rules
from backend.accounts.rules import passwords
from backend.database import Database
from tests.conftest import PASSWORD, sign_in
from tests.integration.test_accounts import API, another_browser, enter
from tests.running import eventually

NEW = "green tractor violin 31"


def waits_for_a_lock(database: Database) -> bool:
    """Whether somebody waits for a row that another transaction has changed."""
    with database.read() as db:
        return bool(db.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")))


def change(browser: TestClient, present: str = PASSWORD, new: str = NEW, **headers: str) -> Any:
    return browser.put(f"{API}/account/password", json={"present": present, "new": new}, headers=headers)


def test_it_lets_in_from_now_on_and_ends_the_other_sign_ins_alone(client: TestClient, app: FastAPI) -> None:
    name = sign_in(client, "expert")["user"]["name"]
    other = another_browser(app)
    enter(other, name).raise_for_status()

    changed = change(client)

    assert changed.status_code == 204, changed.text
    assert client.get(f"{API}/session").status_code == 200
    assert other.get(f"{API}/session").status_code == 401
    assert enter(another_browser(app), name).status_code == 401
    assert enter(another_browser(app), name, NEW).status_code == 200


def test_a_wrong_present_password_changes_nothing_and_does_not_look_like_a_lost_session(client: TestClient) -> None:
    sign_in(client, "expert")

    answer = change(client, "wrong password 99")

    assert (answer.status_code, answer.json()["code"]) == (403, "wrong-present-password")
    assert change(client).status_code == 204


def test_guessing_it_is_throttled_with_the_guesses_at_the_door(client: TestClient, app: FastAPI) -> None:
    name = sign_in(client, "expert")["user"]["name"]
    for _ in range(5):
        enter(another_browser(app), name, "wrong password 99")
        change(client, "wrong password 99")

    throttled = change(client)

    assert (throttled.status_code, throttled.json()["code"]) == (429, "too-many-attempts")
    assert enter(another_browser(app), name).status_code == 429


def test_a_password_set_by_a_link_meanwhile_is_not_replaced(
    client: TestClient, database: Database, app: FastAPI
) -> None:
    """Whom an administrator's new link shut out must not come back by a change that had begun before."""
    name = sign_in(client, "expert")["user"]["name"]

    with ThreadPoolExecutor(1) as beside:
        with database.write() as db:
            rules.end_all_sign_ins(db)
            set_by_link = {"hash": passwords.hash_password("purple anchor meadow 72"), "name": name}
            db.execute(text("UPDATE users SET password_hash = :hash WHERE name = :name"), set_by_link)
            waiting = beside.submit(change, client)
            eventually("the change waits for the link", lambda: waits_for_a_lock(database))
        answer = waiting.result()

    assert answer.status_code == 403, answer.text
    assert answer.json()["code"] == "wrong-present-password"
    assert enter(another_browser(app), name, NEW).status_code == 401
    assert enter(another_browser(app), name, "purple anchor meadow 72").status_code == 200


@pytest.mark.parametrize("new", ["short", "password1234", PASSWORD])
def test_what_a_link_would_refuse_is_refused_and_so_is_the_present_one(client: TestClient, new: str) -> None:
    sign_in(client, "expert")

    assert change(client, new=new).status_code == 422


def test_a_token_may_not_whatever_its_scopes(client: TestClient, app: FastAPI) -> None:
    sign_in(client, "admin")
    scopes = {"name": "robot", "scopes": ["read", "write", "manage"]}
    secret = client.post(f"{API}/tokens", json=scopes).json()["secret"]

    answer = change(another_browser(app), Authorization=f"Bearer {secret}")

    assert answer.status_code == 403
    assert change(client).status_code == 204


def test_success_and_refusal_stand_in_the_audit_without_any_password(client: TestClient) -> None:
    sign_in(client, "expert")
    change(client, "wrong password 99")
    change(client)

    with client.app.state.database.read() as db:
        found = db.execute(text("SELECT outcome, old, new FROM audit WHERE kind = 'password' ORDER BY seq")).all()

    assert [tuple(row) for row in found] == [("refused", None, None), ("success", None, None)]
