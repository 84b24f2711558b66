"""`consilium run`: one machine, one command, every process of Consilium under one parent.

    supervisor (this, small on purpose: no web, no SQLAlchemy)
      ├─ postgres             unless CONSILIUM_DATABASE_URL names a server of your own
      ├─ first_steps          migrates, makes the one-time link, ends
      ├─ API                  imports while PostgreSQL starts, serves on a socket the supervisor opened
      ├─ worker interactive   started when the API answers: importing torch must not delay the first page
      ├─ worker training
      └─ demo                 first start only: imports the demo project, ends

A child that dies is started again, at once the first time, then ever more slowly. Every child gets a signal from the kernel when
the supervisor dies, so `kill -9` leaves no orphan. Ctrl-C stops the API, then the workers, then PostgreSQL.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from backend.embedded.instance import DEMO_DONE, Lock, listen, reachable_data_folder
from backend.embedded.postgres import OWNER_URL_FILE, URL_FILE, PostgresServer
from backend.embedded.processes import CannotStart, spawn, stop
from backend.settings import PREFIX, Settings

_DEMO_QUIET_SECONDS = "2"
_READY_SECONDS = 120.0
_LONG_LIFE_SECONDS = 30.0
_LONGEST_PAUSE_SECONDS = 30.0
_POSTGRES_PAUSE_SECONDS = 2.0
_LOG_LIMIT_BYTES = 20 * 1024 * 1024
Say = Callable[[str], None]


@dataclass
class Child:
    """One process that is to be kept alive: how to start it and how it has fared. `patience_seconds`: what its SIGTERM may take."""

    name: str
    arguments: list[str]
    patience_seconds: float
    pass_fds: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    early_deaths: int = 0
    start_again_at: float = field(default=0.0)

    def pause_seconds(self) -> float:
        """How long to wait before starting it again: nothing after a long life, then 0.5 s, doubling up to half a minute."""
        return 0.0 if self.early_deaths <= 1 else min(_LONGEST_PAUSE_SECONDS, 0.25 * 2.0 ** min(self.early_deaths, 10))


class Supervisor:
    """Everything `consilium run` started. Made, started, watched and stopped by the main thread, whose death the children notice."""

    def __init__(self, settings: Settings, say: Say) -> None:
        """Takes the folder's lock and the port; raises CannotStart with a sentence. Starts nothing yet."""
        self.data = _data_folder(settings)
        self.address = settings.public_url
        self._say = say
        self._wants_demo = settings.demo
        self._lock = Lock(self.data, self.address)
        self._listener = listen(settings.host, settings.port, patient=self._lock.last_one_crashed)
        self._postgres = None if settings.database_url else PostgresServer(self.data)
        self._environment = _children_environment(settings, self.data, self._postgres)
        self._children: list[Child] = []
        self._stop_asked = threading.Event()
        self._logs = self.data / "logs"
        self._logs.mkdir(mode=0o700, exist_ok=True)

    def start(self) -> None:
        """Bring everything up and say where; returns once the API answers, while the workers still import.

        Raises CannotStart; what had been started is stopped by `stop`.
        """
        go, ready_to_go = os.pipe()
        serve = [sys.executable, "-m", "backend.embedded.serve", str(self._listener.fileno())]
        api = Child("api", [*serve, str(go)], patience_seconds=6, pass_fds=(self._listener.fileno(), go))
        self._start(api)
        self._children.append(api)
        os.close(go)
        first_steps = self._helper("first_steps", subprocess.PIPE)
        if self._postgres is not None:
            self._postgres.start()
        link = self._finish_first_steps(first_steps)
        os.close(ready_to_go)
        api.arguments, api.pass_fds = serve, (self._listener.fileno(),)
        self._wait_for_api(api)
        self._announce(link)
        for queue in ("interactive", "training"):
            worker = Child(f"worker-{queue}", [sys.executable, "-m", "worker.app", queue], patience_seconds=15)
            self._start(worker)
            self._children.append(worker)

    def watch(self) -> None:
        """Keep everything alive until a stop is asked for; loads the demo project meanwhile."""
        wanted = self._wants_demo and not (self.data / DEMO_DONE).exists()
        demo = self._helper("demo", self._open_log("demo")) if wanted else None
        while not self._stop_asked.wait(0.1):
            if self._postgres is not None and self._postgres.pid is None:
                self._restart(self._postgres)
            for child in self._children:
                self._keep_alive(child)
            if demo is not None and demo.poll() is not None:
                self._report_demo(demo.returncode)
                demo = None
        if demo is not None:
            stop(demo, first=signal.SIGTERM, patience_seconds=2)

    def ask_to_stop(self) -> None:
        """From a signal handler: `watch` returns soon after."""
        self._stop_asked.set()

    def stop(self) -> None:
        """Stop accepting, let the workers put their jobs back, then shut the database down. Safe to call half started."""
        self._listener.close()
        running = [child for child in self._children if child.process is not None]
        for child in running:
            assert child.process is not None
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
        for child in running:
            assert child.process is not None
            stop(child.process, first=signal.SIGTERM, patience_seconds=child.patience_seconds)
        if self._postgres is not None:
            self._postgres.stop()
        self._lock.release()

    def _start(self, child: Child) -> None:
        with self._open_log(child.name) as log:
            child.process = spawn(child.arguments, environment=self._environment, output=log, pass_fds=child.pass_fds)
        child.started_at = time.monotonic()

    def _keep_alive(self, child: Child) -> None:
        """Start a dead child again when its pause is over."""
        now = time.monotonic()
        if child.process is not None:
            status = child.process.poll()
            if status is None:
                return
            child.early_deaths = 1 if now - child.started_at > _LONG_LIFE_SECONDS else child.early_deaths + 1
            child.start_again_at = now + child.pause_seconds()
            child.process = None
            self._say(
                f"The process {child.name} ended unexpectedly ({_status(status)}) and is started again; its log is {self._log(child.name)}."
            )
        if now >= child.start_again_at:
            self._start(child)

    def _restart(self, postgres: PostgresServer) -> None:
        """PostgreSQL again, however long that takes: its orphaned processes may hold on to their memory for a while."""
        self._say("PostgreSQL ended unexpectedly and is started again.")
        while not self._stop_asked.is_set():
            try:
                postgres.start()
            except CannotStart as refusal:
                self._say(f"{refusal} Trying again in {_POSTGRES_PAUSE_SECONDS:.0f} s.")
                self._stop_asked.wait(_POSTGRES_PAUSE_SECONDS)
            else:
                return

    def _helper(self, module: str, output: IO[bytes] | int) -> subprocess.Popen[bytes]:
        return spawn([sys.executable, "-m", f"backend.embedded.{module}"], environment=self._environment, output=output)

    def _finish_first_steps(self, helper: subprocess.Popen[bytes]) -> str | None:
        """The one-time link, if one is needed. Raises CannotStart with the helper's last line when it failed."""
        said = helper.communicate()[0].decode(errors="replace").strip()
        last = said.rpartition("\n")[2]
        if helper.returncode != 0:
            with self._open_log("first_steps") as log:
                log.write(said.encode())
            raise CannotStart(
                f"The database could not be brought to this version's schema: {last} (all of it: {self._log('first_steps')})"
            )
        link: str | None = json.loads(last)["link"]
        return link

    def _wait_for_api(self, api: Child) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        host, port = self._listener.getsockname()[:2]
        while not _is_ready(host, port, urlsplit(self.address).netloc):
            assert api.process is not None
            status = api.process.poll()
            if status is not None or time.monotonic() > deadline:
                why = "is not ready after two minutes" if status is None else f"ended ({_status(status)})"
                raise CannotStart(f"The API {why}; its log is {self._log('api')}.")
            if self._stop_asked.wait(0.02):
                raise CannotStart("Stopped before it was ready.")

    def _announce(self, link: str | None) -> None:
        lines = [f"Sign in with this one-time link (valid for 15 minutes): {link}"] if link else []
        if link:
            lines.append(f"Later, a new one: {_command(self.data)} user link admin")
        self._say("\n".join([*lines, f"Consilium is ready at {self.address}"]))

    def _report_demo(self, status: int) -> None:
        if status == 0:
            self._say("The demo project is loaded.")
        else:
            self._say(
                f"The demo project could not be loaded ({_status(status)}), the next start tries again; its log is {self._log('demo')}."
            )

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _open_log(self, name: str) -> IO[bytes]:
        """The child's log, appended to; the previous one is kept once it has outgrown 20 MiB."""
        file = self._log(name)
        if file.exists() and file.stat().st_size > _LOG_LIMIT_BYTES:
            file.replace(file.with_suffix(".previous.log"))
        return file.open("ab")


def run(settings: Settings, say: Say) -> int:
    """Run Consilium until Ctrl-C, SIGTERM or SIGHUP; returns the exit status. `say` prints one line for a person."""
    try:
        supervisor = Supervisor(settings, say)
    except CannotStart as refusal:
        say(str(refusal))
        return 1
    for wanted in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(wanted, lambda *_: supervisor.ask_to_stop())
    try:
        supervisor.start()
        supervisor.watch()
        say("Stopping …")
    except CannotStart as refusal:
        say(str(refusal))
        return 1
    finally:
        supervisor.stop()
    say("Consilium has stopped.")
    return 0


def _data_folder(settings: Settings) -> Path:
    """The folder, made if need be and absolute from here on: children may be started from anywhere."""
    data = reachable_data_folder(settings.data).absolute()
    try:
        data.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(
            f"The data folder {data} cannot be made ({error.strerror}); set CONSILIUM_DATA to a writable one."
        ) from error
    if not os.access(data, os.W_OK | os.X_OK):
        raise CannotStart(f"The data folder {data} is not writable for you; set CONSILIUM_DATA to one that is.")
    return data


def _children_environment(settings: Settings, data: Path, postgres: PostgresServer | None) -> Mapping[str, str]:
    """Our own environment, with the data folder made absolute and the embedded server's URLs as secret files."""
    environment = {**os.environ, f"{PREFIX}DATA": str(data), "PYTHONUNBUFFERED": "1"}
    if settings.demo:  # whoever tries it out waits for the first style of their own, not for a quiet minute
        environment.setdefault(f"{PREFIX}PERSONALISE_QUIET_SECONDS", _DEMO_QUIET_SECONDS)
    if postgres is not None:
        postgres.prepare()
        environment[f"{PREFIX}DATABASE_URL_FILE"] = str(data / "secrets" / URL_FILE)
        environment[f"{PREFIX}DATABASE_OWNER_URL_FILE"] = str(data / "secrets" / OWNER_URL_FILE)
    return environment


def _is_ready(host: str, port: int, name: str) -> bool:
    """Whether /readyz says yes; asked under the server's public name, because others are refused."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/readyz", headers={"Host": name})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _command(data: Path) -> str:
    """What to type in a shell for `consilium` as it was started here, with the same data folder."""
    program = Path(sys.executable).with_name("consilium")
    typed = os.path.relpath(program) if program.is_relative_to(Path.cwd()) else str(program)
    return typed if data == Path("data").absolute() else f"{PREFIX}DATA={data} {typed}"


def _status(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
