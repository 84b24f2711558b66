"""Real worker processes for tests that kill, stop and outlive them."""

import os
import subprocess
import sys
from pathlib import Path

from backend.settings import Settings


class Workers:
    """The worker processes of one test, impatient enough for one: short leases, a quick reaper."""

    def __init__(self, settings: Settings) -> None:
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CONSILIUM_")},
            "CONSILIUM_DATA": str(settings.data),
            "CONSILIUM_DATABASE_URL": settings.database_url,
            "CONSILIUM_THREADS": "1",
            "CONSILIUM_JOB_LEASE_SECONDS": "3",
            "CONSILIUM_REAPER_SECONDS": "0.5",
            "CONSILIUM_PERSONALISE_AFTER": "5",
            "CONSILIUM_PERSONALISE_QUIET_SECONDS": "0",
        }
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, name: str) -> "subprocess.Popen[bytes]":
        """One more worker of the queue `name`."""
        process = subprocess.Popen([sys.executable, "-m", "worker.app", name], env=self.environment)
        self.running.append(process)
        return process

    def stop(self) -> None:
        """Ask all that still run to stop, and wait for their end."""
        for process in self.running:
            if process.poll() is None:
                process.terminate()
        for process in self.running:
            process.wait(timeout=30)


class Starved:
    """How long these processes were ready to run and had no processor: what a crowded machine adds to a promise in seconds.

    Of their main threads, as Linux counts it (`/proc/PID/schedstat`, nanoseconds); 0 where it does not. A process that has ended keeps
    what was read last, so ask again and again.
    """

    def __init__(self, *pids: int) -> None:
        self._began = {pid: self._waited(pid, 0) for pid in pids}
        self._waited_ns = dict(self._began)

    def seconds(self) -> float:
        """Since this was made, all of them together."""
        self._waited_ns = {pid: self._waited(pid, last) for pid, last in self._waited_ns.items()}
        return sum(self._waited_ns[pid] - began for pid, began in self._began.items()) / 1e9

    @staticmethod
    def _waited(pid: int, last: int) -> int:
        try:
            return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1])
        except (OSError, IndexError):
            return last
