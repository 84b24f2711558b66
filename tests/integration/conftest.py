"""Fixtures of the integration floor: a hospital on the running application, and real workers beside it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from backend import queue
from backend.settings import Settings
from tests.conftest import sign_in
from tests.hospital import Hospital, Person
from tests.workers import Workers


@pytest.fixture
def hospital(client: TestClient, tmp_path: Path) -> Hospital:
    """The application with an admin signed in."""
    user = sign_in(client, "admin")["user"]
    assert isinstance(user, dict)
    return Hospital(client.app, Person(client, user["id"]), tmp_path)


@pytest.fixture
def workers(settings: Settings) -> Iterator[Workers]:
    """No worker yet; those a test starts are stopped before the application beneath them goes."""
    queue.connect(settings)
    started = Workers(settings)
    yield started
    started.stop()
