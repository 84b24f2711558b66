"""The door to PostgreSQL: what its transactions keep from one to the next."""

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


def test_a_read_can_write_nothing(database: Database) -> None:
    with pytest.raises(exc.InternalError, match="read-only"), database.read() as db:
        db.execute(text("UPDATE users SET name = name"))
