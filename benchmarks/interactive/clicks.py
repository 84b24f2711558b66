"""What a click waits for while the same worker learns: `python -m benchmarks.interactive.clicks [--small | --full]`.

A click as the doctor waits for it, on a running server: the prompt is posted, the job's end is heard on the event stream, the proposal is fetched. First with
nothing else going on, then while one online update of the same expert follows another (each after a propagation, which is waited for), in
blocks of one run that alternate, so that whatever else the machine does falls on both. Only the browser's drawing of the answer is not in it.
A click counts as busy when an update was running as it was made.
"""

import argparse
import json
import tempfile
import threading
import time
from pathlib import Path
from queue import Queue
from typing import Any
from uuid import uuid4

import httpx
import numpy as np

from benchmarks.figures import Figure, percentile, report, say
from benchmarks.workload import Workload, prepare
from tests.running import Client, eventually, running

BLOCKS = 4
LIMIT = 1.5
DEPTH = 9
PAUSE_SECONDS = 0.05
ENDS = ("done", "failed", "cancelled")


def main() -> int:
    """Train a little, draw, then click, idle and busy in turns."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.interactive.clicks", description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--small", action="store_true")
    clicks = 50 if parser.parse_args().full else 15
    with (
        tempfile.TemporaryDirectory(prefix="consilium-clicks-", ignore_cleanup_errors=True) as folder,
        running(Path(folder) / "data", CONSILIUM_PERSONALISE_QUIET_SECONDS="3600") as server,
    ):
        work = prepare(server, cases=4, size=128, drawn=3, depth=DEPTH)
        params = {"config": {"steps": 40}}
        work.admin.wait_job(
            work.admin.post("/jobs", {"kind": "pretrain", "project_id": work.project_id, "params": params}), 600
        )
        eventually("the end of every job", lambda: not any(active(work, None)) or None, 300, 0.5)
        doctor = Doctor(work, draw(work))
        idle, busy = list[float](), list[float]()
        doctor.learn()
        doctor.click()  # the first of all wakes what sleeps
        for block in range(BLOCKS):
            say(f"block {block + 1} of {BLOCKS} …")
            doctor.rest()
            idle += [doctor.click() for _ in range(clicks)]
            made = list[float]()
            while len(made) < clicks:
                if not doctor.is_learning():
                    doctor.learn()
                made.append(doctor.click())
            busy += made
    medians, tails = ([percentile(times, share) for times in (idle, busy)] for share in (0.5, 0.95))
    return report("interactive-clicks", [
        Figure("a click to its proposal over REST, nothing else going on, median", round(medians[0], 1), "ms"),
        Figure("the same during an update, median", round(medians[1], 1), "ms"),
        Figure("a click to its proposal over REST, nothing else going on, p95", round(tails[0], 1), "ms"),
        Figure("the same during an update, p95", round(tails[1], 1), "ms"),
        Figure("click during an update / idle, median", round(medians[1] / medians[0], 2), "ratio", LIMIT),
        Figure("click during an update / idle, p95", round(tails[1] / tails[0], 2), "ratio", LIMIT),
    ], clicks=len(idle) + len(busy))  # fmt: skip


def draw(work: Workload) -> str:
    """The doctor's drawing on three slices of one image; returns its segmentation."""
    name, image = next(iter(work.images.items()))
    mine = next(
        a for a in work.doctor.every("/assignments", project_id=work.project_id) if a["image_id"] == image["id"]
    )
    segmentation_id: str = work.doctor.post(f"/assignments/{mine['id']}/open")["segmentation_id"]
    before = np.zeros((DEPTH, *work.truth[name].shape), np.uint8)
    for k in (0, DEPTH // 2, DEPTH - 1):
        after = before.copy()
        after[k] = work.truth[name]
        work.doctor.draw(segmentation_id, before, after)
        before = after
    return segmentation_id


class Doctor:
    """One reading on the screen: clicks, propagates, and hears the server's events as a browser does."""

    def __init__(self, work: Workload, segmentation_id: str) -> None:
        self.work, self.client, self.path = work, work.doctor, f"/segmentations/{segmentation_id}"
        self.heard = Queue[dict[str, Any]]()
        self.clicks = 0
        threading.Thread(target=hear, args=(self.client, self.heard), daemon=True).start()
        assert self.heard.get(timeout=30)["type"] == "hello"

    def click(self) -> float:
        """Milliseconds from the prompt to its proposal, which is withdrawn again."""
        self.clicks += 1
        time.sleep(PAUSE_SECONDS)
        point = [60 + self.clicks % 9, 64, 1 + self.clicks % 3]
        body = {
            "prompt_id": str(uuid4()), "round_id": str(uuid4()), "type": "point", "points": [point], "label": 1,
            "sign": "include", "radius_mm": 0, "slice_axis": "k",
        }  # fmt: skip
        began = time.perf_counter()
        job_id = self.client.post(f"{self.path}/prompts", body)["job_id"]
        self.wait_for(job_id)
        proposal = self.client.get(f"{self.path}/prompts")["proposal"]
        took = (time.perf_counter() - began) * 1000
        assert proposal is not None and proposal["style_id"] is not None, "the network had no say"
        self.client.call("DELETE", f"{self.path}/prompts")
        return took

    def wait_for(self, job_id: str) -> None:
        while True:
            event = self.heard.get(timeout=60)
            if event["type"] == "job" and event["id"] == job_id and event["state"] in ENDS:
                return

    def learn(self) -> None:
        """Propagate, and come back when the update that follows is running."""
        self.rest()
        self.client.post(f"{self.path}/propagations", {"axis": "k"})
        eventually("an update that runs", lambda: self.is_learning() or None, 60, 0.01)

    def is_learning(self) -> bool:
        _, runs = active(self.work, "update")
        return runs

    def rest(self) -> None:
        """Wait until nothing is learnt any more."""
        eventually("the end of learning", lambda: not any(active(self.work, "update")) or None, 300, 0.02)


def active(work: Workload, kind: str | None) -> tuple[bool, bool]:
    """Whether a job of this kind, or of any, waits, and whether one runs."""
    asked = {"project_id": work.project_id, "limit": 1, **({} if kind is None else {"kind": kind})}
    waits, runs = (bool(work.admin.get("/jobs", state=state, **asked)["items"]) for state in ("queued", "running"))
    return waits, runs


def hear(client: Client, heard: "Queue[dict[str, Any]]") -> None:
    """Every event of the server, until it goes away."""
    headers = {"Origin": client.url}
    with httpx.Client(
        base_url=f"{client.url}/api/v1", cookies=client.http.cookies, headers=headers, timeout=None
    ) as own:
        try:
            with own.stream("GET", "/events") as answer:
                for line in answer.iter_lines():
                    if line == "event: hello":
                        heard.put({"type": "hello"})
                    elif line.startswith("data: ") and '"type"' in line:
                        heard.put(json.loads(line.removeprefix("data: ")))
        except httpx.HTTPError:
            return  # the server was stopped: the measurement is over


if __name__ == "__main__":
    raise SystemExit(main())
