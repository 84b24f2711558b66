"""A whole Consilium for tests and benchmarks: real supervisor, PostgreSQL, API and workers in a data folder of its own.

`Running` starts what `make run` starts and speaks to it only as a person or an integrator would: over HTTP, and by signals.
Nothing in here reaches into the server's Python.
"""

import base64
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import numpy as np
import psutil

from backend.imaging import labels as label_codec

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "correct horse battery 7"


def free_port() -> int:
    """A TCP port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(what: str, look: Callable[[], T | None], seconds: float = 60.0, pause: float = 0.05) -> T:
    """Poll `look` until it returns something true; AssertionError naming `what` after `seconds`.

    Less often the longer it takes: what is waited for needs the same cores.
    """
    began = time.monotonic()
    while True:
        found = look()
        if found:
            return found
        waited = time.monotonic() - began
        if waited > seconds:
            raise AssertionError(f"{what}: not seen within {seconds:.0f} s")
        time.sleep(max(pause, min(waited / 10, 0.25)))


def let_through(folder: Path) -> None:
    """Let other users pass through a temporary folder of ours: pytest makes them 0700, and root's PostgreSQL is somebody else."""
    for part in (folder, *folder.parents):
        facts = part.stat()
        if os.geteuid() == 0 and facts.st_uid == 0 and Path(tempfile.gettempdir()) in part.parents:
            part.chmod(stat.S_IMODE(facts.st_mode) | stat.S_IXOTH)


@dataclass
class Running:
    """One running server; `link` is the one-time sign-in address of a first start, None on later ones."""

    data: Path
    port: int
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    link: str | None = None
    seconds_to_ready: float = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def origin(self) -> str:
        """The address people type, where it is another one."""
        return self.settings.get("CONSILIUM_PUBLIC_URL", self.url)

    def start(self, seconds: float = 120.0) -> "Running":
        """Start the supervisor and wait for its line `Consilium is ready at …`."""
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("CONSILIUM_")},
            "CONSILIUM_DATA": str(self.data),
            "CONSILIUM_PORT": str(self.port),
            "CONSILIUM_DEMO": "false",
            **self.settings,
        }
        self.data.parent.mkdir(parents=True, exist_ok=True)
        let_through(self.data.parent)
        log = self.data.parent / f"{self.data.name}.log"
        offset = log.stat().st_size if log.exists() else 0
        started = time.monotonic()
        with log.open("a") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "backend.cli", "run"],
                cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
        try:
            eventually("the line 'Consilium is ready'", lambda: self._ready(log, offset), seconds)
        except AssertionError as problem:
            raise AssertionError(f"{problem}\n{log.read_text()[-4000:]}") from problem
        self.seconds_to_ready = time.monotonic() - started
        return self

    def _ready(self, log: Path, offset: int) -> bool:
        assert self.process is not None
        text = log.read_bytes()[offset:].decode()
        if self.process.poll() is not None:
            raise AssertionError(f"the supervisor ended with status {self.process.returncode}:\n{text[-4000:]}")
        link = re.search(r"http://\S+/welcome#\S+", text)
        self.link = link.group(0) if link else self.link
        return "Consilium is ready at" in text

    def stop(self, seconds: float = 30.0) -> None:
        """Ctrl-C, and wait for everything to have ended."""
        if self.process is None:
            return
        children = psutil.Process(self.process.pid).children(recursive=True) if self.process.poll() is None else []
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(seconds)
        finally:
            for child in children:
                if child.is_running():
                    child.kill()
            self.process = None

    def processes(self, *words: str) -> list[psutil.Process]:
        """Our descendants whose command line contains every one of `words`."""
        assert self.process is not None
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                line = " ".join(child.cmdline())
            except psutil.Error:
                continue
            if all(word in line for word in words):
                found.append(child)
        return found


@contextmanager
def running(data: Path, **settings: str) -> Iterator[Running]:
    """A started server that is stopped in the end; settings are CONSILIUM_… names and values."""
    server = Running(data, free_port(), settings)
    try:
        yield server.start()
    finally:
        server.stop()


class Client:
    """An integrator's side of the REST contract: bearer token, problem+json turned into AssertionError."""

    def __init__(self, url: str, token: str | None = None, origin: str | None = None) -> None:
        self.url = url
        headers = {"Authorization": f"Bearer {token}"} if token else {"Origin": origin or url}
        self.http = httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=60)

    def call(self, method: str, path: str, expect: int | tuple[int, ...] = (200, 201, 202, 204), **options: Any) -> Any:
        """One request; returns the parsed JSON body, or None where there is none. Fails on another status than expected."""
        answer = self.http.request(method, path, **options)
        expected = (expect,) if isinstance(expect, int) else expect
        assert answer.status_code in expected, f"{method} {path}: {answer.status_code} {answer.text[:600]}"
        return answer.json() if answer.content and "json" in answer.headers.get("content-type", "") else None

    def get(self, path: str, **params: Any) -> Any:
        return self.call("GET", path, params=params)

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        return self.call("POST", path, json=body if body is not None else {}, **options)

    def every(self, path: str, **params: Any) -> list[Any]:
        """All items of a list route, page after page."""
        items, cursor = [], None
        while True:
            page = self.get(path, **params, **({"cursor": cursor} if cursor else {}))
            items += page["items"]
            cursor = page["next_cursor"]
            if not cursor:
                return items

    def redeem(self, link: str, password: str = PASSWORD) -> "Client":
        """Use a one-time link: sets the password; from here on this client carries the session's cookie."""
        self.post("/one-time-links/redeem", {"secret": link.rsplit("#", 1)[1], "password": password})
        return self

    def wait_job(self, job: dict[str, Any] | str, seconds: float = 600.0) -> dict[str, Any]:
        """The finished job; AssertionError with its error when it failed."""
        job_id = job if isinstance(job, str) else job["id"]

        def ended() -> dict[str, Any] | None:
            now: dict[str, Any] = self.get(f"/jobs/{job_id}")
            return now if now["state"] in ("done", "failed", "cancelled") else None

        done = eventually(f"the end of job {job_id}", ended, seconds, pause=0.25)
        assert done["state"] == "done", f"job {done['kind']} {done['state']}: {done['error']}"
        return done

    def upload(self, project_id: str, files: dict[str, bytes], experts: bool = False) -> dict[str, Any]:
        """Import files (relative name → bytes) into a project through the resumable door; returns the finished job."""
        begun = self.post("/imports", {"project_id": project_id, "experts": experts})
        for name, content in files.items():
            self.call("PUT", f"/imports/{begun['id']}/files", params={"path": name}, content=content,
                      headers={"Content-Type": "application/octet-stream"})  # fmt: skip
        return self.wait_job(self.post(f"/imports/{begun['id']}/commit"))

    def labels(self, revision_id: str, image: dict[str, Any]) -> np.ndarray:
        """A revision's label map [z, y, x] on its image's grid."""
        flat = b"".join(
            self.http.get(f"/revisions/{revision_id}/slabs/{k}").raise_for_status().content
            for k in range(image["slab_count"])
        )
        dtype = np.uint8 if len(flat) == image["nx"] * image["ny"] * image["nz"] else np.dtype("<u2")
        return np.frombuffer(flat, dtype).reshape(image["nz"], image["ny"], image["nx"])

    def draw(self, segmentation_id: str, before: np.ndarray, after: np.ndarray) -> dict[str, Any]:
        """Post one edit that turns label map `before` into `after` (flat or [z, y, x], uint8); returns the server's receipt."""
        now = self.get(f"/segmentations/{segmentation_id}")
        runs = label_codec.difference(before.ravel(), after.ravel())
        body = {
            "base_revision_id": now["head_revision_id"], "edit_id": str(uuid4()), "tool": "brush",
            "runs": base64.b64encode(runs).decode(),
        }  # fmt: skip
        receipt: dict[str, Any] = self.post(
            f"/segmentations/{segmentation_id}/edits", body, headers={"If-Match": now["etag"]}
        )
        return receipt

    def submit(self, segmentation_id: str) -> dict[str, Any]:
        """Submit a reading as it stands on the server; returns the new revision."""
        now = self.get(f"/segmentations/{segmentation_id}")
        revision: dict[str, Any] = self.post(
            f"/segmentations/{segmentation_id}/submit", headers={"If-Match": now["etag"]}
        )
        return revision


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """2|A∩B| / (|A|+|B|) of the foregrounds; 1 when both are empty."""
    a, b = a > 0, b > 0
    total = int(a.sum() + b.sum())
    return 1.0 if total == 0 else 2.0 * int((a & b).sum()) / total
