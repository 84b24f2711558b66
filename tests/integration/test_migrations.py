"""The schema: migrations and stores say the same, and the application's role can append to what is append-only, no more."""

from uuid import uuid4

import psycopg
import pytest
from alembic import command

from backend.embedded.migrate import configuration
from tests.conftest import Urls


def test_the_migrations_make_exactly_the_tables_of_the_stores(database_urls: Urls) -> None:
    command.check(configuration(database_urls.owner))


def test_a_migration_can_be_undone_and_run_again(database_urls: Urls) -> None:
    config = configuration(database_urls.owner)

    command.downgrade(config, "base")
    command.upgrade(config, "head")

    command.check(config)


def test_account_names_of_older_days_take_the_form_they_are_looked_up_in(database_urls: Urls) -> None:
    config = configuration(database_urls.owner)
    command.downgrade(config, "0006")
    with psycopg.connect(database_urls.owner) as connection:
        for name in ("Ana", "ana", "\ufb01ona"):  # the last with the sign for fi
            connection.execute("INSERT INTO users (name, display_name, role) VALUES (%s, 'x', 'expert')", (name,))

    command.upgrade(config, "head")

    with psycopg.connect(database_urls.owner) as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM users")}
    assert names == {"ana", "ana-2", "fiona"}


def test_undoing_rounds_leaves_each_review_the_readings_it_decides_between_now(database_urls: Urls) -> None:
    config = configuration(database_urls.owner)
    once, anew = uuid4(), uuid4()
    with psycopg.connect(database_urls.owner) as connection:
        for foreign_key in ("segmentation_id_segmentations", "revision_id_revisions"):  # rows of this table alone
            connection.execute(f"ALTER TABLE review_readings DROP CONSTRAINT fk_review_readings_{foreign_key}".encode())
        for review, number, letter in (
            (once, 0, "A"),
            (once, 0, "B"),
            (anew, 0, "A"),
            (anew, 0, "B"),
            (anew, 1, "B"),
            (anew, 1, "C"),
        ):
            connection.execute(
                "INSERT INTO review_readings (segmentation_id, round, letter, revision_id) VALUES (%s, %s, %s, %s)",
                (review, number, letter, uuid4()),
            )

    command.downgrade(config, "0013")

    with psycopg.connect(database_urls.owner) as connection:
        left = set(connection.execute("SELECT segmentation_id, letter FROM review_readings"))
    assert left == {(once, "A"), (once, "B"), (anew, "B"), (anew, "C")}


@pytest.mark.parametrize(
    "table", ["audit", "revisions", "edits", "prompts", "prompt_withdrawals", "proposals", "review_readings"]
)
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_application_may_not_rewrite_what_is_append_only(database_urls: Urls, table: str, statement: str) -> None:
    column = {
        "revisions": "number",
        "prompt_withdrawals": "prompt_id",
        "proposals": "box_ijk",
        "review_readings": "letter",
    }.get(table, "seq")

    with psycopg.connect(database_urls.app) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.format(table, column, column).encode())


def test_the_application_may_not_change_the_schema(database_urls: Urls) -> None:
    with psycopg.connect(database_urls.app) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("CREATE TABLE extra (id int)")
