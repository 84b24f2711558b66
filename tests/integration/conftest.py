"""Fixtures of the integration floor: a hospital on the running application."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.conftest import sign_in
from tests.hospital import Hospital, Person


@pytest.fixture
def hospital(client: TestClient, tmp_path: Path) -> Hospital:
    """The application with an admin signed in."""
    user = sign_in(client, "admin")["user"]
    assert isinstance(user, dict)
    return Hospital(client.app, Person(client, user["id"]), tmp_path)  # type: ignore[arg-type]
