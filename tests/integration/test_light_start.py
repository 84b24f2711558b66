"""The API process is light: it starts without torch, soon, and idles small."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from backend import queue
from backend.settings import Settings
from tests.conftest import ROOT, Urls

LIMIT_MB = 150
PROBE = """
import importlib.abc, sys
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "monai", "worker", "scipy", "SimpleITK"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Refuse())
import uvicorn
uvicorn.run("backend.app:application", factory=True, port=int(sys.argv[1]), log_config=None, access_log=False)
"""

SWALLOWED = """
import logging, os, signal, sys
from worker import app
class Swallow(logging.Handler):
    def emit(self, record):
        if record.getMessage().endswith("is ready"):
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                for _ in range(1000): pass
            except SystemExit:
                pass
app.log.addHandler(Swallow())
sys.exit(app.main(["worker", "training"]))
"""


def test_the_api_starts_without_torch_and_idles_small(tmp_path: Path, database_urls: Urls) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        "PATH": os.environ["PATH"],
        "CONSILIUM_DATA": str(tmp_path),
        "CONSILIUM_PORT": str(port),
        "CONSILIUM_DATABASE_URL": database_urls.app,
        "CONSILIUM_ALLOW_UNSAFE_DATABASE": "true",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", PROBE, str(port)], cwd=ROOT, env=environment, stderr=subprocess.PIPE
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                ready = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5)
                break
            except httpx.TransportError:
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(
                        f"the API did not start: {process.communicate()[1].decode()[-2000:] if process.poll() is not None else 'too slow'}"
                    )
                time.sleep(0.05)
        pages = [
            httpx.get(f"http://127.0.0.1:{port}/{path}").status_code for path in ("healthz", "api/v1/openapi.json", "")
        ]
        status = Path(f"/proc/{process.pid}/status").read_text()
    finally:
        process.terminate()
        process.wait(10)

    resident_mb = int(status.split("VmRSS:")[1].split()[0]) / 1024
    assert ready.status_code == 200, ready.text
    assert pages == [200, 200, 200]
    assert resident_mb < LIMIT_MB


def test_a_worker_stops_whose_exit_was_swallowed_before_celery_listened(settings: Settings) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "CONSILIUM_DATA": str(settings.data),
        "CONSILIUM_DATABASE_URL": settings.database_url,
    }
    queue.connect(settings)

    done = subprocess.run([sys.executable, "-c", SWALLOWED], cwd=ROOT, env=environment, timeout=120, check=False)

    assert done.returncode == 0
