"""The administrator's commands, each in a process of its own as on a shell."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from fastapi.testclient import TestClient

from tests.conftest import PASSWORD, ROOT, Urls


class Shell:
    """A shell whose environment names the test's database and data folder."""

    def __init__(self, data: Path, urls: Urls) -> None:
        self.environment = {
            "PATH": os.environ["PATH"],
            "CONSILIUM_DATA": str(data),
            "CONSILIUM_DATABASE_URL": urls.app,
            "CONSILIUM_DATABASE_OWNER_URL": urls.owner,
        }

    def __call__(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "backend.cli", *arguments]
        environment = {**self.environment, **more}
        return subprocess.run(
            command, capture_output=True, text=True, timeout=120, cwd=ROOT, env=environment, check=False
        )


@pytest.fixture
def shell(tmp_path: Path, database_urls: Urls) -> Shell:
    return Shell(tmp_path / "data", database_urls)


def test_a_user_made_on_the_shell_enters_by_the_printed_link(shell: Shell, client: TestClient) -> None:
    made = shell("user", "add", "anna", "--role", "admin")
    renewed = shell("user", "link", "Anna")

    old, new = (answer.stdout.strip().partition("/welcome#")[2] for answer in (made, renewed))
    redeemed = [
        client.post("/api/v1/one-time-links/redeem", json={"secret": secret, "password": PASSWORD}).status_code
        for secret in (old, new)
    ]

    assert (made.returncode, renewed.returncode) == (0, 0), made.stderr + renewed.stderr
    assert redeemed == [410, 200]


def test_refusals_are_one_sentence_and_status_1(shell: Shell) -> None:
    shell("user", "add", "anna")

    for answer, sentence in (
        (shell("user", "add", "anna"), "already a user"),
        (shell("user", "add", "berta", "--role", "king"), "no role"),
        (shell("user", "link", "nobody"), "no user"),
        (shell("fsck", CONSILIUM_PORTT="1"), "did you mean CONSILIUM_PORT"),
        (shell("fsck", CONSILIUM_DATABASE_URL=""), "consilium run"),
    ):
        assert answer.returncode == 1
        assert sentence in answer.stderr and "Traceback" not in answer.stderr


def test_the_audit_is_verified_and_tampering_ends_with_1(shell: Shell, database_urls: Urls) -> None:
    shell("user", "add", "anna")
    whole = shell("audit", "verify")
    with psycopg.connect(database_urls.owner) as owner:
        owner.execute("ALTER TABLE audit DISABLE TRIGGER USER")
        owner.execute("UPDATE audit SET actor_name = 'nobody' WHERE seq = 2")
    broken = shell("audit", "verify")

    assert whole.returncode == 0 and "2 rows" in whole.stdout
    assert broken.returncode == 1 and "row 2" in broken.stderr


def test_fsck_and_migrate_pass_on_a_fresh_database(shell: Shell) -> None:
    for command in ("migrate", "fsck"):
        answer = shell(command)
        assert answer.returncode == 0, answer.stderr
