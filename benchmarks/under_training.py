"""What a doctor feels while a network trains on the same two cores: API calls and slice predictions, idle against busy.

`python -m benchmarks.under_training [--small | --full]`. Calls are those of a reading session (worklist, image, edit); each is timed in the same run, in blocks that
alternate between a pretraining job running and the same job's process stopped by a signal, so that whatever else the machine does falls on both. A
prediction is timed from asking for it to its job being done.
"""

import argparse
import contextlib
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.figures import Figure, percentile, report, say
from benchmarks.workload import Workload, prepare
from tests.running import Running, eventually, running

API_LIMIT_MS, PREDICTION_RATIO_LIMIT = 100.0, 1.5
BLOCKS = 6
SETTLE_SECONDS = 0.3


def main() -> int:
    """Measure idle, then busy, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--small", action="store_true")
    rounds = 90 if parser.parse_args().full else 60  # a prediction is never asked twice: 200 pairs in all
    with (
        tempfile.TemporaryDirectory(prefix="consilium-under-", ignore_cleanup_errors=True) as folder,
        running(Path(folder) / "data", CONSILIUM_PERSONALISE_QUIET_SECONDS="3600") as server,
    ):
        work = prepare(server, cases=40, size=128, drawn=8)
        work.admin.wait_job(
            work.admin.post(
                "/jobs", {"kind": "pretrain", "project_id": work.project_id, "params": {"config": {"steps": 60}}}
            ),
            600,
        )
        eventually("predictions of every case", lambda: settled(work), 120, 0.5)
        time.sleep(5)
        pairs = work.never_predicted()
        predict(work, pairs, 5)
        job = work.admin.post(
            "/jobs", {"kind": "pretrain", "project_id": work.project_id, "params": {"config": {"steps": 100_000}}}
        )
        eventually("the first training step", lambda: training(work, job["id"]), 60)
        idle_api, idle_prediction, busy_api, busy_prediction = [], [], [], []
        for block in range(BLOCKS):
            say(f"block {block + 1} of {BLOCKS} …")
            with stopped(server):
                idle_api += calls(work, rounds // BLOCKS)
                idle_prediction += predict(work, pairs, rounds // BLOCKS)
            busy_api += calls(work, rounds // BLOCKS)
            busy_prediction += predict(work, pairs, rounds // BLOCKS)
        assert training(work, job["id"]), "the training ended during the measurement: nothing was measured under load"
        work.admin.post(f"/jobs/{job['id']}/cancel")
    ratio = percentile(busy_prediction, 0.95) / percentile(idle_prediction, 0.95)
    return report("under_training", [
        Figure("API calls while training, p95", round(percentile(busy_api, 0.95), 1), "ms", API_LIMIT_MS),
        Figure("API calls idle, p95", round(percentile(idle_api, 0.95), 1), "ms"),
        Figure("slice prediction p95 while training / idle", round(ratio, 2), "ratio", PREDICTION_RATIO_LIMIT),
        Figure("slice prediction median, idle", round(percentile(idle_prediction, 0.5), 1), "ms"),
        Figure("slice prediction median, while training", round(percentile(busy_prediction, 0.5), 1), "ms"),
        Figure("slice prediction p95, idle", round(percentile(idle_prediction, 0.95), 1), "ms"),
        Figure("slice prediction p95, while training", round(percentile(busy_prediction, 0.95), 1), "ms"),
    ])  # fmt: skip


@contextlib.contextmanager
def stopped(server: Running) -> Iterator[None]:
    """The training child stands still; its lease is renewed by its parent, so nobody takes the job away."""
    children = server.processes("worker.run_job")
    assert children, "no training child found: nothing would be stopped"
    try:
        for child in children:
            child.suspend()
        time.sleep(SETTLE_SECONDS)
        yield
    finally:
        for child in children:
            child.resume()
        time.sleep(SETTLE_SECONDS)


def timed(ask: Callable[[], object]) -> float:
    """Milliseconds one call takes."""
    began = time.perf_counter()
    ask()
    return (time.perf_counter() - began) * 1000


def calls(work: Workload, rounds: int) -> list[float]:
    """Times of a reading session's calls, edits included."""
    name = next(iter(work.images))
    image = work.images[name]
    mine = next(
        a for a in work.doctor.every("/assignments", project_id=work.project_id) if a["image_id"] == image["id"]
    )
    segmentation = work.doctor.post(f"/assignments/{mine['id']}/open")["segmentation_id"]
    empty = np.zeros_like(work.truth[name])
    times = []
    for number in range(rounds):
        times.append(timed(lambda: work.doctor.get("/assignments", project_id=work.project_id)))
        times.append(timed(lambda: work.doctor.get(f"/images/{image['id']}")))
        before, after = (empty, work.truth[name]) if number % 2 == 0 else (work.truth[name], empty)
        times.append(timed(lambda before=before, after=after: work.doctor.draw(segmentation, before, after)))
    return times


def predict(work: Workload, pairs: Iterator[tuple[str, str]], rounds: int) -> list[float]:
    """Times from asking for a prediction of one slice, never drawn before in that style, to its job being done."""
    times = []
    for expert_id, image_id in itertools.islice(pairs, rounds):
        began = time.perf_counter()
        job = work.admin.post(
            f"/images/{image_id}/predictions", {"project_id": work.project_id, "expert_id": expert_id}
        )
        eventually("a prediction", lambda job=job: work.admin.get(f"/jobs/{job['id']}")["state"] == "done", 60, 0.005)
        times.append((time.perf_counter() - began) * 1000)
    return times


def settled(work: Workload) -> bool:
    return all(
        a["prediction"]
        for a in work.doctor.every("/assignments", project_id=work.project_id)
        if a["state"] != "submitted"
    )


def training(work: Workload, job_id: str) -> bool:
    job = work.admin.get(f"/jobs/{job_id}")
    return job["state"] == "running" and bool(job["progress"]) and job["progress"]["step"] > 0


if __name__ == "__main__":
    raise SystemExit(main())
