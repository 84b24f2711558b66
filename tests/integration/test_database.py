"""The door to PostgreSQL: what its transactions keep from one to the next."""

import psycopg
import pytest
from sqlalchemy import exc, text

from backend.database import Database


def test_a_statement_read_often_is_planned_no_more(database: Database) -> None:
    """A rollback after each read would have psycopg forget what it prepared: the blinding predicate alone plans 5 ms."""
    for _ in range(5):
        with database.read() as db:
            db.execute(text("SELECT name FROM users WHERE name = :name"), {"name": "nobody"})

    with database.read() as db:
        prepared = db.scalars(text("SELECT statement FROM pg_prepared_statements")).all()
    assert any("FROM users" in statement for statement in prepared)


@pytest.mark.parametrize("before", ["nothing", "read", "ask", "write"])
def test_neither_a_read_nor_one_question_can_write(database: Database, before: str) -> None:
    """Whatever its connection was used for last."""
    for enter in (database.read, database.ask):
        if before != "nothing":
            with getattr(database, before)() as db:
                db.execute(text("SELECT 1"))
        with pytest.raises(exc.InternalError, match="read-only"), enter() as db:
            db.execute(text("UPDATE users SET name = name"))


def test_a_connection_that_ended_while_idle_is_not_used(database: Database) -> None:
    """PostgreSQL was restarted, or an administrator ended its sessions: nobody's request fails for it."""
    ours = "pid <> pg_backend_pid() AND datname = current_database() AND backend_type = 'client backend'"
    with database.read() as first, database.read() as second, database.write() as third:
        [db.execute(text("SELECT 1")) for db in (first, second, third)]
    with psycopg.connect(database.url.set(drivername="postgresql").render_as_string(hide_password=False)) as other:
        other.execute(f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {ours}".encode())

    for enter in (database.read, database.ask, database.write):
        with enter() as db:
            assert db.scalar(text("SELECT 1")) == 1


def test_a_connection_closed_on_our_side_is_not_used(database: Database) -> None:
    """libpq lets go of the socket of a connection that it found broken; there is none left to listen to."""
    with database.read() as db:
        held = db.connection().connection.dbapi_connection
        db.execute(text("SELECT 1"))
    assert held is not None
    held.close()

    with database.read() as db:
        assert db.scalar(text("SELECT 1")) == 1


def test_one_question_leaves_the_connection_as_it_was(database: Database) -> None:
    """The next who is given it can still take back a write, and may still write nothing where they only read."""
    with database.ask() as db:
        pid = db.scalar(text("SELECT pg_backend_pid()"))

    with database.write() as db:
        assert db.scalar(text("SELECT pg_backend_pid()")) == pid
        first, second = (db.scalar(text("SELECT transaction_timestamp()")) for _ in range(2))
    assert first == second
    with database.read() as db:
        assert db.execute(text("SELECT pg_backend_pid(), current_setting('transaction_read_only')")).one() == (
            pid,
            "on",
        )


def test_one_question_is_asked_without_a_transaction(database: Database) -> None:
    with database.ask() as db:
        began, now = db.execute(text("SELECT transaction_timestamp(), statement_timestamp()")).one()
        later = db.scalar(text("SELECT transaction_timestamp()"))

    assert began == now < later
