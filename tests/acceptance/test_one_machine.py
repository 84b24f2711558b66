"""`consilium run` as a whole: starts, refuses with a sentence, survives `kill -9` of any of its processes, leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.running import PASSWORD, ROOT, Client, Running, eventually, free_port, running

Clue = tuple[str, ...]
API: Clue = ("backend.embedded.serve",)
POSTGRES: Clue = ("postgres", "-D")
INTERACTIVE: Clue = ("worker.app", "interactive")
TRAINING: Clue = ("worker.app", "training")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One running server for the tests that leave it running."""
    with running(tmp_path_factory.mktemp("one-machine") / "data", CONSILIUM_DEMO="false") as started:
        yield started


def _pid(server: Running, clue: Clue) -> int | None:
    """The process id of the direct child that `clue` names."""
    children = [child for child in server.processes(*clue) if child.ppid() == _supervisor(server)]
    return children[0].pid if children else None


def _supervisor(server: Running) -> int:
    assert server.process is not None
    return server.process.pid


def _refusal(data: Path, port: int) -> str:
    """What a start says that must not succeed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CONSILIUM_")}
    done = subprocess.run(
        [sys.executable, "-m", "backend.cli", "run"],
        cwd=ROOT,
        env={**environment, "CONSILIUM_DATA": str(data), "CONSILIUM_PORT": str(port)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    return done.stdout + done.stderr


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def test_a_second_start_in_the_same_folder_is_refused_naming_the_first(server: Running) -> None:
    said = _refusal(server.data, free_port())

    assert f"already runs in the data folder {server.data}" in said
    assert f"process {_supervisor(server)} at {server.url}" in said
    assert "CONSILIUM_DATA" in said


def test_a_port_in_use_is_refused_naming_the_remedy(server: Running, tmp_path: Path) -> None:
    said = _refusal(tmp_path / "data", server.port)

    assert f"Port {server.port} on 127.0.0.1 is in use" in said
    assert "CONSILIUM_PORT" in said


@pytest.mark.parametrize(
    "clue", [API, POSTGRES, INTERACTIVE, TRAINING], ids=["api", "postgres", "interactive", "training"]
)
def test_a_killed_process_is_started_again(server: Running, clue: Clue) -> None:
    before = eventually(f"the process {clue}", lambda: _pid(server, clue))

    os.kill(before, signal.SIGKILL)

    eventually(f"another process {clue}", lambda: _pid(server, clue) not in (None, before))
    eventually("readiness", lambda: _answers(server.url))


def test_two_servers_in_two_folders_know_nothing_of_each_other(server: Running, tmp_path: Path) -> None:
    with running(tmp_path / "data", CONSILIUM_DEMO="false") as second:
        assert second.port != server.port
        assert second.link is not None
        assert _answers(server.url)
        assert _answers(second.url)


def test_a_killed_supervisor_leaves_no_orphan_and_the_next_start_finds_everything(tmp_path: Path) -> None:
    server = Running(tmp_path / "data", free_port(), {"CONSILIUM_DEMO": "false"}).start()
    Client(server.url).redeem(str(server.link))
    eventually("both workers", lambda: _pid(server, INTERACTIVE) and _pid(server, TRAINING))
    family = psutil.Process(_supervisor(server)).children(recursive=True)
    assert len(family) >= 4

    os.kill(_supervisor(server), signal.SIGKILL)
    assert server.process is not None
    server.process.wait()

    eventually("the end of every child", lambda: not [p for p in family if _lives(p)], seconds=10)
    server.link = None
    server.start()
    assert server.link is None, "somebody has a password: no link is offered"
    signed_in = httpx.post(
        f"{server.url}/api/v1/session", json={"name": "admin", "password": PASSWORD}, headers={"Origin": server.url}
    )
    assert signed_in.status_code == 200
    server.stop()


def test_ctrl_c_ends_every_process_and_frees_the_port(tmp_path: Path) -> None:
    server = Running(tmp_path / "data", free_port(), {"CONSILIUM_DEMO": "false"}).start()
    eventually("the training worker", lambda: _pid(server, TRAINING))
    family = psutil.Process(_supervisor(server)).children(recursive=True)
    process = server.process
    assert process is not None

    process.send_signal(signal.SIGINT)

    assert process.wait(30) == 0
    eventually("the end of every child", lambda: not [p for p in family if _lives(p)], seconds=5)
    assert not (tmp_path / "data" / "postgres" / "18" / "postmaster.pid").exists(), "the database was shut down cleanly"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", server.port))


def test_the_api_idles_below_150_mb_without_torch(server: Running) -> None:
    pid = eventually("the API", lambda: _pid(server, API))
    eventually("readiness", lambda: _answers(server.url))

    resident_mb = psutil.Process(pid).memory_info().rss / 1e6
    mapped = Path(f"/proc/{pid}/maps").read_text()

    assert resident_mb < 150
    assert "libtorch" not in mapped


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
