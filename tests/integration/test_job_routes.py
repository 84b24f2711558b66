"""Jobs, models, styles and the event stream as a browser meets them."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from uuid import UUID, uuid4

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text

from backend.blobs import Blobs
from backend.database import Database
from backend.jobs import rules as jobs
from tests.conftest import ORIGIN, sign_in
from tests.running import eventually, free_port
from tests.worlds import World, draw, make_world


@pytest.fixture
def world(client: TestClient, database: Database, blobs: Blobs) -> World:
    """A project with one reading, whose manager is signed in on `client`."""
    made = make_world(database, blobs, {"Ada": 0}, images=2)
    draw(database, blobs, made, "Ada", made.images[:1], 0)
    who = sign_in(client, "admin")
    join(database, made, UUID(who["user"]["id"]), "manager")
    return made


def join(database: Database, world: World, user_id: UUID, role: str) -> None:
    with database.write() as db:
        values = {"p": world.project_id, "u": user_id, "r": role}
        db.execute(text("INSERT INTO members (project_id, user_id, role) VALUES (:p, :u, :r)"), values)


def post_job(client: TestClient, world: World, kind: str = "pretrain", **more: object) -> httpx.Response:
    return client.post("/api/v1/jobs", json={"kind": kind, "project_id": str(world.project_id), **more})


def test_a_job_is_accepted_queued_and_listed_with_its_place(client: TestClient, world: World) -> None:
    first, second = post_job(client, world), post_job(client, world)

    assert (first.status_code, second.json()["queue_position"]) == (202, 2)
    listed = client.get("/api/v1/jobs", params={"project_id": str(world.project_id), "limit": 1}).json()
    assert [job["id"] for job in listed["items"]] == [second.json()["id"]]
    rest = client.get("/api/v1/jobs", params={"cursor": listed["next_cursor"]}).json()
    assert [job["id"] for job in rest["items"]] == [first.json()["id"]]


def test_a_double_click_with_one_idempotency_key_makes_one_job(client: TestClient, world: World) -> None:
    body = {"kind": "pretrain", "project_id": str(world.project_id)}
    answers = [client.post("/api/v1/jobs", json=body, headers={"Idempotency-Key": "click"}).json() for _ in range(2)]

    assert answers[0]["id"] == answers[1]["id"]
    assert len(client.get("/api/v1/jobs").json()["items"]) == 1


@pytest.mark.parametrize("kind", ["export"])
def test_what_this_release_does_not_do_is_said_in_words(client: TestClient, world: World, kind: str) -> None:
    answer = post_job(client, world, kind)

    assert answer.status_code == 422
    assert "not part of this release" in answer.json()["detail"]


def test_a_prediction_before_any_model_says_what_to_do_first(client: TestClient, world: World) -> None:
    body = {"project_id": str(world.project_id), "expert_id": str(world.experts["Ada"])}

    answer = client.post(f"/api/v1/images/{world.images[0]}/predictions", json=body)

    assert answer.status_code == 409
    assert "pretrain" in answer.json()["detail"]


def test_a_cancelled_job_stays_cancelled(client: TestClient, world: World) -> None:
    job = post_job(client, world).json()

    answers = [client.post(f"/api/v1/jobs/{job['id']}/cancel").json() for _ in range(2)]

    assert [answer["state"] for answer in answers] == ["cancelled", "cancelled"]


def test_the_curve_is_served_after_a_sequence_number(client: TestClient, database: Database, world: World) -> None:
    job_id = post_job(client, world).json()["id"]
    with database.write() as db:
        job = jobs.claim(db, "training", "a test", 30)
        assert job is not None
        jobs.add_metrics(db, job, [(step, "loss", 1 / step) for step in (1, 2, 3)])

    items = client.get(f"/api/v1/jobs/{job_id}/metrics", params={"after": 1}).json()["items"]

    assert [(item["seq"], item["step"]) for item in items] == [(2, 2), (3, 3)]


def test_somebody_else_s_job_does_not_exist(client: TestClient, world: World) -> None:
    job_id = post_job(client, world).json()["id"]
    sign_in(client, "expert")

    hidden, unknown = client.get(f"/api/v1/jobs/{job_id}"), client.get(f"/api/v1/jobs/{uuid4()}")

    assert hidden.status_code == unknown.status_code == 404
    assert hidden.json()["detail"] == unknown.json()["detail"]


def test_an_administrator_sees_workers_queues_and_space_and_a_doctor_does_not(
    client: TestClient, database: Database, world: World
) -> None:
    post_job(client, world)
    with database.write() as db:
        jobs.beat(db, "training@here:1", "training", "cpu", 30)

    state = client.get("/api/v1/system").json()
    sign_in(client, "expert")
    refused = client.get("/api/v1/system").status_code

    assert [worker["name"] for worker in state["workers"]] == ["training@here:1"]
    training = state["queues"]["training"]
    assert (training["queued"], training["running"]) == (1, 0)
    assert training["oldest_queued_at"] is not None
    assert state["disk_free_bytes"] > 0 and state["database_bytes"] > 0
    assert refused in (403, 404)


@pytest.fixture
def served(app: FastAPI) -> Iterator[str]:
    """The application behind a real server: a stream needs one."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    eventually("the server", lambda: server.started, 20)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=10)


def events_of(answer: httpx.Response) -> Iterator[dict[str, str]]:
    """Server-sent events as dicts of their fields."""
    event: dict[str, str] = {}
    for line in answer.iter_lines():
        name, _, value = line.partition(": ")
        if line and name:
            event[name] = value
        elif event:
            yield event
            event = {}


def test_progress_reaches_a_listening_browser_at_once_and_is_replayed_after_a_gap(
    served: str, client: TestClient, database: Database, world: World
) -> None:
    job_id = post_job(client, world).json()["id"]
    cookies = dict(client.cookies)
    with httpx.Client(base_url=served, cookies=cookies, headers={"Origin": ORIGIN}, timeout=20) as browser:
        with browser.stream("GET", "/api/v1/events") as answer:
            stream = events_of(answer)
            hello = next(stream)
            with database.write() as db:
                assert jobs.claim(db, "training", "a test", 30)
            began = time.monotonic()
            heard = next(event for event in stream if event["event"] == "job")
            waited = time.monotonic() - began
        with browser.stream("GET", "/api/v1/events", headers={"Last-Event-ID": hello["id"]}) as answer:
            replayed = next(event for event in events_of(answer) if event["event"] == "job")

    assert json.loads(heard["data"]) == {
        "type": "job",
        "id": job_id,
        "project_id": str(world.project_id),
        "state": "running",
    }
    assert json.loads(replayed["data"])["id"] == job_id
    assert waited < 2


def test_one_stream_too_many_ends_at_once_and_is_told_when_to_come_again(
    served: str, client: TestClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.events.MOST_OF_ONE_USER", 2)
    mine = httpx.Client(base_url=served, cookies=dict(client.cookies), headers={"Origin": ORIGIN}, timeout=5)
    sign_in(client, "expert")
    other = httpx.Client(base_url=served, cookies=dict(client.cookies), headers={"Origin": ORIGIN}, timeout=5)
    with mine, other, contextlib.ExitStack() as open_streams:

        def stream(browser: httpx.Client) -> Iterator[dict[str, str]]:
            return events_of(open_streams.enter_context(browser.stream("GET", "/api/v1/events")))

        streams = [stream(mine), stream(mine)]  # kept: a stream nobody holds any more is closed
        assert [next(one)["event"] for one in streams] == ["hello", "hello"]
        refused = list(stream(mine))
        assert next(stream(other))["event"] == "hello"

    assert [(one.get("event"), one["retry"]) for one in refused] == [(None, "30000")]


def test_a_stranger_hears_nothing_of_a_project(
    served: str, client: TestClient, database: Database, world: World
) -> None:
    sign_in(client, "expert")
    cookies = dict(client.cookies)
    heard: list[str] = []
    with (
        httpx.Client(base_url=served, cookies=cookies, headers={"Origin": ORIGIN}, timeout=2) as browser,
        browser.stream("GET", "/api/v1/events") as answer,
    ):
        stream = events_of(answer)
        heard.append(next(stream)["event"])
        with database.write() as db:
            jobs.add_job(db, "pretrain", project_id=world.project_id)
        with pytest.raises(httpx.ReadTimeout):
            heard.append(next(stream)["event"])

    assert heard == ["hello"]
