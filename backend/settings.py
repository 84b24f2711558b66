"""The one frozen class of settings, and the only reader of the environment.

Every field is `CONSILIUM_<NAME>`; defaults suit `make run`. Secrets come as files: `database_url_file`,
`database_owner_url_file` and `broker_url_file` name a file whose content replaces the plain field.
Fails closed: an unknown CONSILIUM_… variable stops the start and names the nearest match, because
pydantic-settings alone would silently keep the default.
"""

import difflib
import os
import stat
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "CONSILIUM_"
SECRETS = ("database_url", "database_owner_url", "broker_url")
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class SettingsError(ValueError):
    """A setting is missing, misspelt or unsafe."""


class Settings(BaseSettings):
    """Where Consilium keeps its data, listens and finds its neighbours."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    data: Path = Field(Path("./data"), description="Folder of everything that is kept: blobs, database, broker.")
    host: str = Field("127.0.0.1", description="Address the API listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port the API listens on.")
    public_url: str = Field("", description="Address users type; default http://host:port.")
    database_url: str = Field("", description="PostgreSQL as the application's role, which may not change the audit.")
    database_url_file: Path | None = None
    database_owner_url: str = Field("", description="PostgreSQL as the schema's owner; migrations only.")
    database_owner_url_file: Path | None = None
    broker_url: str = Field("filesystem://", description="filesystem:// (in <data>/broker) or redis://…")
    broker_url_file: Path | None = None
    trusted_hosts: Annotated[tuple[str, ...], NoDecode] = Field((), description="Further host names accepted.")
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Proxies whose forwarding is believed."
    )
    upload_limit_mib: int = Field(2048, ge=1, description="Largest upload request.")
    image_limit_mib: int = Field(1024, ge=1, description="Largest image, unpacked.")
    import_seconds: float = Field(10, gt=0, description="Time the parser child gets for each file.")
    session_idle_minutes: int = Field(15, ge=1, description="A sign-in ends after this long without a gesture.")
    session_hours: int = Field(12, ge=1, description="A sign-in ends after this long whatever happens.")
    job_lease_seconds: float = Field(30, gt=0, description="A worker silent for this long has lost its job.")
    reaper_seconds: float = Field(5, gt=0, description="How often lost jobs are looked for.")
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N, for the workers.")
    threads: int = Field(
        0, ge=0, description="Threads for the workers' mathematics; 0: all cores, but for training all but one."
    )
    training_processes: int = Field(
        0, ge=0, description="Processes that share one pretraining; 0: one for each GPU, one where there is none."
    )
    personalise_after: int = Field(5, ge=1, description="Submitted readings before an expert's first personalisation.")
    personalise_every: int = Field(3, ge=1, description="New submitted readings before each later one.")
    personalise_quiet_seconds: float = Field(60, ge=0, description="Quiet time after a submission before training.")
    allow_plain_http: bool = Field(False, description="Accept http:// beyond loopback; shows a permanent banner.")
    allow_unsafe_database: bool = Field(False, description="Accept a PostgreSQL that may lose commits: for tests only.")
    demo: bool = Field(True, description="Load the demo project on the first start of `consilium run`.")
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, values: dict[str, object]) -> dict[str, object]:
        """Read secret files, split comma lists and derive the public address."""
        values = dict(values)
        for name in SECRETS:
            path = values.get(f"{name}_file")
            if path:
                values[name] = _read_secret(Path(str(path)), name)
        for name in ("trusted_hosts", "trusted_proxies"):
            if isinstance(values.get(name), str):
                values[name] = tuple(part.strip() for part in str(values[name]).split(",") if part.strip())
        if not values.get("public_url"):
            host = str(values.get("host", "127.0.0.1"))
            shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 compared, not bound
            values["public_url"] = f"http://{f'[{shown}]' if ':' in shown else shown}:{values.get('port', 8000)}"
        return values

    @model_validator(mode="after")
    def _refuse_unsafe(self) -> Self:
        parts = urlsplit(self.public_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
            raise SettingsError(
                f"CONSILIUM_PUBLIC_URL must look like https://host or http://host:port: {self.public_url}"
            )
        loopback = parts.hostname in LOOPBACK and self.host in LOOPBACK
        if parts.scheme == "http" and not loopback and not self.allow_plain_http:
            raise SettingsError(
                f"{self.public_url} on {self.host} would send passwords in the clear. "
                "Put TLS in front and set CONSILIUM_PUBLIC_URL=https://…, or set CONSILIUM_ALLOW_PLAIN_HTTP=true."
            )
        return self

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def origin(self) -> str:
        """Scheme, host and port of our own pages, as a browser writes it in Origin."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Host names accepted in the Host header, without port."""
        own = urlsplit(self.public_url).hostname or "127.0.0.1"
        names = {own, *self.trusted_hosts}
        return tuple(sorted(names | set(LOOPBACK) if own in LOOPBACK else names))

    @property
    def blobs_folder(self) -> Path:
        return self.data / "blobs"

    @property
    def broker_folder(self) -> Path:
        return self.data / "broker"

    @property
    def work_folder(self) -> Path:
        """Quarantine, uploads and attempts: everything that may be swept."""
        return self.data / "work"


def _read_secret(path: Path, name: str) -> str:
    try:
        if path.stat().st_mode & stat.S_IROTH:
            raise SettingsError(f"{PREFIX}{name.upper()}_FILE is readable by everybody; chmod 600 {path}")
        return path.read_text(encoding="utf-8").strip()
    except OSError as problem:
        raise SettingsError(f"{PREFIX}{name.upper()}_FILE cannot be read: {path}: {problem.strerror}") from problem


def load_settings() -> Settings:
    """Settings from the environment. Raises SettingsError for a misspelt CONSILIUM_… variable or an unsafe value."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.0)
            raise SettingsError(f"{name} is no setting of Consilium; did you mean {near[0]}?")
    return Settings()
