"""Fixtures every floor shares: one real PostgreSQL per run, one fresh database per test, and the application on top of it.

The server is the embedded one (no fsync: nobody misses a test's data). Its template database is migrated once by Alembic, as an
administrator would; a test that asks for `database` gets a clone of it (about 30 ms) and shares nothing with other tests.
"""

import itertools
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import psycopg
import pytest
from psycopg import sql
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from backend.embedded.migrate import upgrade
from backend.embedded.postgres import OWNER, PostgresServer, create_database
from tests.running import let_through

# The rooms under test are imported by the fixtures that need them, so one broken room spoils only its tests.
if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from backend.blobs import Blobs
    from backend.database import Database
    from backend.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "correct horse battery 7"
ORIGIN = "http://127.0.0.1:8000"
FLOORS = ("faults", "acceptance", "contract", "unit", "integration")
_TEMPLATE = "template_consilium"
_numbers = itertools.count(1)


def shared_data(name: str) -> Path:
    """A folder of the real data lent for development; skips the test, naming what is missing, where it is absent."""
    folder = Path(os.environ.get("CONSILIUM_SHARED_DATA", ROOT.parent / "shared" / "data")) / name
    if not folder.is_dir():
        pytest.skip(f"real data absent: {name} (looked for {folder})")
    return folder


class Lanes(LoadScopeScheduling):
    """Two lanes for `pytest -n 2`: through the modules from both ends, each module as a whole, until they meet."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0]

    def _assign_work_unit(self, node: WorkerController) -> None:
        if node is not self.nodes[0]:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In front a whole server with a browser, the longest days (modules of one test) first; in the middle what is short."""
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (FLOORS.index(item.path.relative_to(ROOT / "tests").parts[0]), tests[item.path]))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Lanes:
    config.option.loadscopereorder = False  # the order above
    return Lanes(config, log)


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Say a figure that a reader of the log wants to see; all of them stand together at its end."""
    return lambda text: record_property("figure", text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    told = [
        f"{report.nodeid.rpartition('::')[2]}: {text}"
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, text in report.user_properties
        if name == "figure"
    ]
    if told:
        terminalreporter.section("figures")
        terminalreporter.write_line("\n".join(told))


@dataclass(frozen=True)
class Urls:
    """One test database's two connection URLs: the application's role and the schema owner's."""

    app: str
    owner: str


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL for the whole run, in a folder of its own.

    Not below pytest's own folder: every pytest that starts on this machine makes that one 0700 again, and a server
    that runs as somebody else (we are root) then loses its data folder in the middle of this run.
    """
    with tempfile.TemporaryDirectory(prefix="consilium-tests-", ignore_cleanup_errors=True) as folder:
        data = Path(folder)
        let_through(data)
        server = PostgresServer(data, durable=False)
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def template(postgres: PostgresServer) -> str:
    """The name of a database migrated to the newest schema; never connect to it, clone it."""
    with psycopg.connect(postgres.superuser_url(), autocommit=True) as connection:
        create_database(connection, _TEMPLATE)
    upgrade(postgres.url(OWNER, _TEMPLATE))
    return _TEMPLATE


@pytest.fixture
def database_urls(postgres: PostgresServer, template: str) -> Iterator[Urls]:
    """A fresh clone of the migrated template, dropped afterwards."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(postgres.superuser_url(), autocommit=True) as connection:
        create_database(connection, name, template)
        yield Urls(postgres.url(database=name), postgres.url(OWNER, name))
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def database(database_urls: Urls) -> "Iterator[Database]":
    """The door to a fresh database, in the application's role."""
    from backend.database import Database

    opened = Database(database_urls.app)
    yield opened
    opened.close()


@pytest.fixture
def blobs(tmp_path: Path) -> "Blobs":
    """An empty blob store, the same one `app` uses."""
    from backend.blobs import Blobs

    return Blobs(tmp_path / "data" / "blobs")


@pytest.fixture
def settings(tmp_path: Path, database_urls: Urls) -> "Settings":
    """Settings of a server in a temporary data folder on the test's own database."""
    from backend.settings import Settings

    return Settings(
        data=tmp_path / "data",
        database_url=database_urls.app,
        database_owner_url=database_urls.owner,
        public_url=ORIGIN,
        allow_unsafe_database=True,  # no fsync: nobody misses a test's data
    )


@pytest.fixture
def app(settings: "Settings") -> "FastAPI":
    """The whole application, not yet started: `client` runs its lifespan."""
    from backend.app import create_app

    return create_app(settings)


@pytest.fixture
def client(app: "FastAPI") -> "Iterator[TestClient]":
    """A browser without a session: nobody is signed in. It sends the Origin a real browser would."""
    from fastapi.testclient import TestClient

    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}) as browser:
        yield browser


def sign_in(
    client: "TestClient", role: Literal["admin", "expert", "integrator"] = "admin", name: str | None = None
) -> dict[str, object]:
    """Make a user of that role and sign them in on `client`, by the one way in there is: a one-time link, then a password.

    Returns the SessionOut body. A second call on the same client signs the first user out.
    """
    from backend.accounts import rules

    name = name or f"{role}-{next(_numbers)}"
    with client.app.state.database.write() as db:
        link = rules.create_user_from_shell(db, name=name, display_name=name.title(), role=role)
    client.cookies.clear()
    answer = client.post("/api/v1/one-time-links/redeem", json={"secret": link.secret, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    body: dict[str, object] = answer.json()
    return body
