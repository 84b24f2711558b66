"""Transactions: the only file with the word commit, and the types that say read or write.

One request, one transaction: `Reads` and `Writes` open it, and a `Writes` commits before the answer leaves, so a
commit that fails reaches the client as an error (`scope="function"`; with the default scope FastAPI would have sent
200 already). A job is several short transactions: `with database.write() as db: …`, never held while computing.
Sessions are lazy: no connection is taken before the first statement.
"""

import contextlib
import logging
import select
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, NewType, TypeVar

import psycopg
from anyio import CancelScope, CapacityLimiter, to_thread
from fastapi import Depends, Request
from sqlalchemy import MetaData, create_engine, event, exc, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

from backend.errors import Conflict, ConsiliumError, Invalid, Unavailable

log = logging.getLogger(__name__)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Base(DeclarativeBase):
    """Mother of every table; names of constraints follow one convention so that migrations can find them."""

    metadata = metadata


SESSION = "-c timezone=UTC -c default_transaction_read_only=on"  # of every connection of the pool

ReadSession = NewType("ReadSession", Session)
WriteSession = NewType("WriteSession", Session)
AnySession = ReadSession | WriteSession
Opened = TypeVar("Opened")


@dataclass(frozen=True)
class Fitness:
    """What a database is: `schema` is None when it was never migrated, `off` names durability switched off."""

    schema: str | None
    off: tuple[str, ...]
    may_change_audit: bool


class Database:
    """One PostgreSQL, its pool, and the two ways into a transaction."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        pool_wait_seconds: float = 1.5,
        statement_seconds: float = 10,
        lock_seconds: float = 2,
        idle_seconds: float = 30,
    ) -> None:
        """url: postgresql://… ; the timeouts are set on every connection and 0 switches one off."""
        self.url = make_url(url).set(drivername="postgresql+psycopg")
        options = " ".join(
            f"-c {name}={int(seconds * 1000)}"
            for name, seconds in (
                ("statement_timeout", statement_seconds),
                ("lock_timeout", lock_seconds),
                ("idle_in_transaction_session_timeout", idle_seconds),
            )
        )
        self.engine = create_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=pool_wait_seconds,
            pool_recycle=1800,
            hide_parameters=True,
            connect_args={"options": f"{options} {SESSION}", "connect_timeout": 3, "prepare_threshold": 3},
        )
        event.listen(self.engine, "checkout", _refuse_ended)
        self._write = sessionmaker(self.engine.execution_options(postgresql_readonly=False), expire_on_commit=False)
        self._read = sessionmaker(self.engine.execution_options(postgresql_readonly=True), expire_on_commit=False)
        self._ask = sessionmaker(self.engine.execution_options(isolation_level="AUTOCOMMIT"), expire_on_commit=False)

    @contextlib.contextmanager
    def read(self) -> Iterator[ReadSession]:
        """A read-only transaction: PostgreSQL itself refuses a write in it.

        It ends in a commit, of nothing: at a rollback psycopg forgets every statement it prepared, and planning the
        blinding predicate anew took a quarter of a request.
        """
        with self._read() as session:
            yield ReadSession(session)
            session.commit()

    @contextlib.contextmanager
    def ask(self) -> Iterator[ReadSession]:
        """For one question that stands alone: no transaction around it, so no BEGIN and COMMIT on their way, which are two thirds of its time.

        PostgreSQL refuses a write in it too: what does not say BEGIN READ WRITE, as `write` alone does, only reads.
        """
        with self._ask() as session:
            yield ReadSession(session)

    @contextlib.contextmanager
    def write(self) -> Iterator[WriteSession]:
        """A transaction that is committed at the end of the block, or rolled back whole when anything raises."""
        with self._write() as session:
            yield WriteSession(session)
            for finish in session.info.get("before_commit", ()):
                finish()
            session.commit()
            callbacks = session.info.pop("after_commit", [])
        for callback in callbacks:
            callback()

    @contextlib.contextmanager
    def listen(self, channel: str) -> Iterator[psycopg.Connection[Any]]:
        """A connection of its own, outside the pool, on which `LISTEN channel` is active; read it with `.notifies()`."""
        if not channel.isidentifier():
            raise ValueError(f"not a channel name: {channel!r}")
        target = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(target, autocommit=True, connect_timeout=3) as connection:
            connection.execute(f"LISTEN {channel}".encode())
            yield connection

    @contextlib.contextmanager
    def holding(self, lock: int) -> Iterator[bool]:
        """Hold an advisory lock while the block lasts, on a connection of its own; False where somebody else holds it."""
        target = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(target, autocommit=True, connect_timeout=3) as connection:
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", (lock,)).fetchone()
            yield bool(row and row[0])

    @property
    def environment(self) -> dict[str, str]:
        """What tells PostgreSQL's own programs which database to work on; holds the password, so hand it only to them."""
        socket = self.url.query.get("host")
        facts = {
            "PGHOST": self.url.host or (socket if isinstance(socket, str) else None),
            "PGPORT": str(self.url.port or self.url.query.get("port") or 5432),
            "PGUSER": self.url.username,
            "PGPASSWORD": self.url.password,
            "PGDATABASE": self.url.database,
        }
        return {name: str(value) for name, value in facts.items() if value}

    def is_empty(self) -> bool:
        """Whether nothing was ever made in it."""
        with self.read() as db:
            made = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            return bool(db.scalar(text(made)) == 0)

    def wait_until_ready(self, seconds: float) -> None:
        """Return once a connection works; raises the last error after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                with self.engine.connect():
                    return
            except ERRORS:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def examine(self) -> "Fitness":
        """What this database is: its schema's revision, which promises it does not keep, whether we may change the audit."""
        with self.read() as db:
            switches = ("fsync", "synchronous_commit", "full_page_writes")
            off = tuple(name for name in switches if db.scalar(text(f"SHOW {name}")) == "off")
            schema = may_change = None
            if db.scalar(text("SELECT to_regclass('alembic_version')")):
                schema = db.scalar(text("SELECT max(version_num) FROM alembic_version"))
            if db.scalar(text("SELECT to_regclass('audit')")):
                may_change = db.scalar(text("SELECT has_table_privilege('audit', 'UPDATE, DELETE, TRUNCATE')"))
        return Fitness(schema, off, bool(may_change))

    def close(self) -> None:
        self.engine.dispose()


def _refuse_ended(connection: psycopg.Connection[Any], *_: object) -> None:
    """Have the pool connect anew where PostgreSQL has ended an idle connection.

    That is nearly all that can be heard while it is idle (another is TLS, of itself), so only then it is asked:
    `pool_pre_ping` asks each time, twice a request.
    """
    listening = select.poll()
    try:
        listening.register(connection.fileno(), select.POLLIN)
        if not listening.poll(0):
            return
        connection.execute("SELECT 1")
        connection.rollback()
    except psycopg.Error as problem:
        raise exc.InvalidatePoolError from problem


def after_commit(db: WriteSession, callback: Callable[[], None]) -> None:
    """Call back once this transaction is committed; forgotten when it is rolled back. For doorbells only."""
    db.info.setdefault("after_commit", []).append(callback)


def before_commit(db: WriteSession, callback: Callable[[], None]) -> None:
    """Call back as the last act inside this transaction; whatever it raises rolls everything back."""
    db.info.setdefault("before_commit", []).append(callback)


def of_request(request: Request) -> Database:
    """The database the application was created with."""
    database: Database = request.app.state.database
    return database


@contextlib.asynccontextmanager
async def _of_the_request(transaction: contextlib.AbstractContextManager[Opened]) -> AsyncIterator[Opened]:
    """Begin at once, for a session that is lazy waits for nothing; end in a thread, for a commit waits for the disk.

    That thread is not of the pool: all of those may be waiting for the connection that this one gives back.
    """
    opened = transaction.__enter__()
    try:
        yield opened
    except BaseException as problem:
        with CancelScope(shield=True):
            await in_thread(transaction.__exit__, type(problem), problem, problem.__traceback__)
        raise
    await in_thread(transaction.__exit__, None, None, None)


async def in_thread(work: Callable[..., Any], *arguments: Any) -> None:
    """Do the last work of a transaction in a thread that is always free."""
    await to_thread.run_sync(work, *arguments, limiter=CapacityLimiter(1))


async def _reads(request: Request) -> AsyncIterator[ReadSession]:
    async with _of_the_request(of_request(request).read()) as db:
        yield db


async def _writes(request: Request) -> AsyncIterator[WriteSession]:
    async with _of_the_request(of_request(request).write()) as db:
        yield db


Reads = Annotated[ReadSession, Depends(_reads, scope="function")]
Writes = Annotated[WriteSession, Depends(_writes, scope="function")]


ERRORS: tuple[type[Exception], ...] = (exc.SQLAlchemyError, psycopg.Error)
_BUSY = ("08", "40001", "40P01", "53", "55P03", "57")  # connection, deadlock, resources, lock timeout, cancelled


def explain(problem: Exception) -> ConsiliumError | None:
    """What a client is told about a database's error, or None where it is our mistake. Never quotes the database."""
    if isinstance(problem, exc.TimeoutError | exc.InterfaceError):
        return Unavailable("The database is busy; please try again in a few seconds.")
    original = getattr(problem, "orig", problem)
    state = getattr(original, "sqlstate", None) or ""
    if state.startswith(_BUSY) or (not state and isinstance(problem, exc.OperationalError | psycopg.OperationalError)):
        return Unavailable("The database is busy or restarting; please try again in a few seconds.")
    if state.startswith("23"):
        return Conflict("This contradicts what is already stored: something of that name or id exists, or is gone.")
    if state.startswith("22") or (not state and isinstance(problem, exc.DataError | psycopg.DataError)):
        return Invalid("A value in the request cannot be stored: too large, too long or not a text.")
    return None
