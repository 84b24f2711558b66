"""Fixtures of the integration floor: a hospital on the running application, and real workers beside it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from backend import queue
from backend.accounts import rules as accounts
from backend.accounts import store
from backend.accounts.api import cookie_name
from backend.accounts.rules import SYSTEM, credentials
from backend.settings import Settings
from tests.hospital import Hospital, Person
from tests.workers import Workers

if TYPE_CHECKING:
    from worker.gateway import Gateway
    from worker.inference import Inference


@pytest.fixture
def hospital(client: TestClient, settings: Settings, tmp_path: Path) -> Hospital:
    """The application with an admin signed in since before the test: hashing a password takes longer than many of them."""
    secret = credentials.make_secret()
    with client.app.state.database.write() as db:
        user = accounts.create_user(db, SYSTEM, "admin", "Admin", "admin").user
        store.add_session(db, user.id, credentials.keep(secret), settings.session_hours, None)
    client.cookies.set(cookie_name(settings), secret)
    return Hospital(client.app, Person(client, str(user.id)), tmp_path)


@pytest.fixture
def gateway(hospital: Hospital) -> "Gateway":
    """What a worker holds open, on the hospital's own database and blobs."""
    from worker.gateway import Gateway

    state = hospital.app.state
    return Gateway(state.database, state.blobs, state.settings)


@pytest.fixture
def inference(gateway: "Gateway") -> "Iterator[Inference]":
    """The interactive worker's resident networks, in this process: torch is imported once for all tests that use it."""
    from worker.inference import Inference

    made = Inference(gateway)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def workers(settings: Settings) -> Iterator[Workers]:
    """No worker yet; those a test starts are stopped before the application beneath them goes."""
    queue.connect(settings)
    started = Workers(settings)
    yield started
    started.stop()
