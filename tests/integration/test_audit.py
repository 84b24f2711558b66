"""The audit trail: complete, chained, and out of the application's reach."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from backend import audit
from backend.accounts.rules import Actor
from backend.app.witness import contradicted_head, write_head
from backend.database import Database
from tests.conftest import Urls, sign_in

DOCTOR = Actor(uuid4(), "anna", "expert", address="10.0.0.7", request_id="r1")
COLUMNS = [column.key for column in audit.AuditRow.__table__.columns]


def write_events(database: Database, number: int) -> None:
    for n in range(number):
        with database.write() as db:
            audit.record(db, DOCTOR, "U", "image", n, old={"n": n}, new={"n": n + 1, "text": "é"}, reason="because")


@pytest.fixture
def owner(database_urls: Urls) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Somebody with the owner's password: may do what the application may not, but not unnoticed."""
    with psycopg.connect(database_urls.owner, autocommit=True) as connection:
        connection.execute("ALTER TABLE audit DISABLE TRIGGER USER")
        yield connection


def test_events_of_one_transaction_are_kept_in_order_and_chained(database: Database) -> None:
    with database.write() as db:
        audit.record(db, DOCTOR, "R", "image", 1)
        audit.record(db, None, "E", "job", 2, outcome="failed")

    with database.read() as db:
        rows = db.execute(text("SELECT seq, actor_name, kind, previous_sha256, sha256 FROM audit ORDER BY seq")).all()
        assert [(row.seq, row.actor_name, row.kind) for row in rows] == [(1, "anna", "image"), (2, "consilium", "job")]
        assert rows[0].previous_sha256 == audit.FIRST and rows[1].previous_sha256 == rows[0].sha256
        assert audit.verify(db) is None


def test_what_is_rolled_back_leaves_no_event_and_no_gap(database: Database) -> None:
    write_events(database, 1)
    with pytest.raises(RuntimeError), database.write() as db:
        audit.record(db, DOCTOR, "C", "image", 1)
        raise RuntimeError
    write_events(database, 1)

    with database.read() as db:
        assert audit.head(db)[0] == 2
        assert audit.verify(db) is None


def test_parallel_transactions_make_one_chain(database: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: write_events(database, 5), range(8)))

    with database.read() as db:
        assert audit.head(db)[0] == 40
        assert audit.verify(db) is None


def test_every_flipped_byte_is_found_at_its_row(
    database: Database, owner: psycopg.Connection[tuple[object, ...]]
) -> None:
    write_events(database, 20)
    generator = random.Random(7)
    for _ in range(60):
        seq, column = (
            generator.randint(1, 20),
            generator.choice([name for name in COLUMNS if name not in ("seq", "actor_id", "project_id")]),
        )
        kept = owner.execute(f"SELECT {column}::text FROM audit WHERE seq = %s", (seq,)).fetchone()
        changed = {
            "at": "(at + interval '1 microsecond')",
            "old": "'{\"n\": 999}'::json",
            "new": "'{\"n\": 999}'::json",
        }.get(column, f"coalesce({column}, '') || 'x'")
        owner.execute(f"UPDATE audit SET {column} = {changed} WHERE seq = %s", (seq,))

        with database.read() as db:
            assert audit.verify(db) == seq, column

        kind = {"at": "timestamptz", "old": "json", "new": "json"}.get(column, "text")
        owner.execute(f"UPDATE audit SET {column} = %s::{kind} WHERE seq = %s", (kept[0] if kept else None, seq))
    with database.read() as db:
        assert audit.verify(db) is None


def test_a_removed_row_is_found_at_the_next(database: Database, owner: psycopg.Connection[tuple[object, ...]]) -> None:
    write_events(database, 5)
    owner.execute("DELETE FROM audit WHERE seq = 3")

    with database.read() as db:
        assert audit.verify(db) == 4


@pytest.mark.parametrize("statement", ["UPDATE audit SET reason = 'x'", "DELETE FROM audit", "TRUNCATE audit"])
def test_the_application_may_not_rewrite_the_audit(database: Database, statement: str) -> None:
    write_events(database, 1)

    with pytest.raises(Exception, match="permission denied|append-only"), database.write() as db:
        db.execute(text(statement))


@pytest.mark.parametrize("statement", ["UPDATE audit SET reason = 'x'", "DELETE FROM audit", "TRUNCATE audit"])
def test_the_trigger_stops_even_the_owner(database: Database, database_urls: Urls, statement: str) -> None:
    write_events(database, 1)

    with psycopg.connect(database_urls.owner) as connection, pytest.raises(psycopg.Error, match="append-only"):
        connection.execute(statement)


def test_when_the_audit_is_locked_nothing_is_saved_and_the_client_hears_503(
    client: TestClient, database_urls: Urls
) -> None:
    sign_in(client)
    with psycopg.connect(database_urls.owner) as blocker:
        blocker.execute("LOCK TABLE audit IN ACCESS EXCLUSIVE MODE")
        answer = client.post("/api/v1/experts", json={"name": "Exp1"})

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert client.get("/api/v1/experts").json()["items"] == []


def test_signing_in_and_out_and_failing_to_are_events_with_an_address(client: TestClient) -> None:
    sign_in(client, name="admin")
    client.delete("/api/v1/session")
    client.post("/api/v1/session", json={"name": "admin", "password": "wrong password 99"})

    with client.app.state.database.read() as db:
        rows = db.execute(
            text("SELECT actor_name, outcome, address FROM audit WHERE kind = 'session' ORDER BY seq")
        ).all()
    assert [tuple(row) for row in rows] == [
        ("admin", "success", "testclient"),
        ("admin", "success", "testclient"),
        ("nobody", "refused", "testclient"),
    ]


def test_rows_cut_off_the_end_are_missed_by_the_witness(
    database: Database, owner: psycopg.Connection[tuple[object, ...]], tmp_path: Path
) -> None:
    write_events(database, 5)
    write_head(database, tmp_path / "heads")
    write_head(database, tmp_path / "heads")
    owner.execute("DELETE FROM audit WHERE seq >= 4")

    with database.read() as db:
        assert audit.verify(db) is None  # the chain alone cannot know
        assert contradicted_head(db, tmp_path / "heads") == 5
    assert len((tmp_path / "heads").read_text().splitlines()) == 1
