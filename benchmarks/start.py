"""How long until the API answers and until everything has stopped, and how much memory it takes to wait.

`python -m benchmarks.start [--small | --full]`: one first start and 2 (small) or 10 (full) later ones in a data folder of their own.
The API is ready when `/readyz` says so: database reached, schema at head, blobs writable. The workers may still be importing torch;
a stop is timed once they listen, from Ctrl-C to the end of the last process.
"""

import argparse
import tempfile
import threading
import time
from pathlib import Path

import httpx

from benchmarks.figures import Figure, report, say
from tests.running import Running, eventually, free_port

FIRST_LIMIT_S, LATER_LIMIT_S, STOP_LIMIT_S, IDLE_LIMIT_MB = 10.0, 3.0, 2.0, 150.0


def main() -> int:
    """Run the starts and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--small", action="store_true")
    later_starts = 10 if parser.parse_args().full else 2
    with tempfile.TemporaryDirectory(prefix="consilium-start-", ignore_cleanup_errors=True) as folder:
        server = Running(Path(folder) / "data", free_port())
        first = timed_start(server)
        say(f"first start: API ready after {first:.2f} s")
        time.sleep(5)
        api = server.processes("backend.embedded.serve")
        idle_mb = max(process.memory_info().rss for process in api) / 1e6
        stops = [timed_stop(server, 1)]
        later = []
        for n in range(later_starts):
            later.append(timed_start(server))
            stops.append(timed_stop(server, n + 2))
            say(f"later start: API ready after {later[-1]:.2f} s; stopped after {stops[-1]:.2f} s")
    return report(
        "start",
        [
            Figure("API ready, first start after installation", round(first, 2), "s", FIRST_LIMIT_S),
            Figure("API ready, later start (median)", round(sorted(later)[len(later) // 2], 2), "s", LATER_LIMIT_S),
            Figure(
                "everything stopped, from Ctrl-C (median)", round(sorted(stops)[len(stops) // 2], 2), "s", STOP_LIMIT_S
            ),
            Figure("API process, idle", round(idle_mb, 1), "MB", IDLE_LIMIT_MB),
        ],
    )


def timed_start(server: Running) -> float:
    """Seconds from starting the supervisor to the first good answer of `/readyz`."""
    began, answered = time.monotonic(), []

    def watch() -> None:
        while not answered and time.monotonic() - began < 120:
            try:
                if httpx.get(f"{server.url}/readyz", timeout=1).status_code == 200:
                    answered.append(time.monotonic() - began)
            except httpx.TransportError:
                time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    server.start()
    watcher.join()
    return answered[0]


def timed_stop(server: Running, starts: int) -> float:
    """Seconds from Ctrl-C to the end, both workers listening; starts: how often the server was started until now."""
    logs = [server.data / "logs" / f"worker-{queue}.log" for queue in ("interactive", "training")]
    eventually("both workers", lambda: all(log.read_text().count(" is ready") == starts for log in logs), 120)
    began = time.monotonic()
    server.stop()
    return time.monotonic() - began


if __name__ == "__main__":
    raise SystemExit(main())
