"""What a click waits for while the same worker learns: `python -m benchmarks.interactive.clicks [--small | --full]`.

The worker's own loop in this process, on a running server's database and files: the network's say on one 128×128 slice, as Ask AI asks for it, first with
nothing else going on and then while one online update follows another. Both in blocks that alternate, so that whatever else the machine does
falls on both. The rest of a click (bell, claim, queries, the answer's way to the screen) is not in it: `benchmarks.asking` measures it whole.
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.figures import Figure, percentile, report, say
from benchmarks.prediction import Bench
from benchmarks.workload import prepare
from tests.running import running
from worker.learning import Case, Predictor, Reading
from worker.learning.online import Branch, OnlineConfig, update, whole_labels

BLOCKS = 4
# From a click to its answer on the screen, median, nothing else going on: `benchmarks.asking` on two cores, another run.
CLICK_MS = 307.2
SHARE = 0.5  # of it that learning may add
PAUSE_SECONDS = 0.05


def main() -> int:
    """Train a little, then click, idle and busy in turns."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.interactive.clicks", description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--small", action="store_true")
    clicks = 50 if parser.parse_args().full else 20
    with (
        tempfile.TemporaryDirectory(prefix="consilium-clicks-", ignore_cleanup_errors=True) as folder,
        running(Path(folder) / "data", CONSILIUM_PERSONALISE_QUIET_SECONDS="3600") as server,
    ):
        work = prepare(server, cases=12, size=128, drawn=6)
        params = {"config": {"steps": 40}}
        work.admin.wait_job(
            work.admin.post("/jobs", {"kind": "pretrain", "project_id": work.project_id, "params": params}), 600
        )
        with Bench(server.data, work.project_id, *next(work.never_predicted())) as bench:
            idle, busy = [], []
            for block in range(BLOCKS):
                say(f"block {block + 1} of {BLOCKS} …")
                idle += [click(bench) for _ in range(clicks)]
                with Learning(bench):
                    busy += [click(bench) for _ in range(clicks)]
    # Against the idle median in both: an idle click that was disturbed does not flatter.
    added = [percentile(busy, share) - percentile(idle, 0.5) for share in (0.5, 0.95)]
    return report("interactive-clicks", [
        Figure("a click's network, nothing else going on, median", round(percentile(idle, 0.5), 1), "ms"),
        Figure("the same during an update, median", round(percentile(busy, 0.5), 1), "ms"),
        Figure("the same during an update, p95", round(percentile(busy, 0.95), 1), "ms"),
        Figure("added to a click by an update, median", round(added[0], 1), "ms", SHARE * CLICK_MS),
        Figure("added to a click by an update, p95", round(added[1], 1), "ms", SHARE * CLICK_MS),
    ])  # fmt: skip


def click(bench: Bench) -> float:
    """Milliseconds from the question to the network's answer on one slice."""
    version, style, [image, *_] = bench.plan.version, bench.plan.style, bench.plan.images
    time.sleep(PAUSE_SECONDS)
    began = time.perf_counter()
    bench.inference.chances(version, style.weights_sha256, image, 1, slice(0, 1)).result(60)
    return (time.perf_counter() - began) * 1000


class Learning:
    """One update after another while it is entered, from the middle of the image as if it were drawn."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._learn)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()

    def _learn(self) -> None:
        plan = self.bench.plan
        while not self.over.is_set():
            self.bench.inference.learn(plan.version, plan.style.weights_sha256, plan.images[0], self._update).result(60)

    def _update(self, predictor: Predictor, case: Case, give_way: Callable[[], None]) -> Branch:
        labels = np.zeros(case.image_CDHW.shape[1:], np.uint8)
        labels[:, 40:90, 40:90] = 1
        reading = Reading(case.image_CDHW, case.spacing_mm, labels, "doctor", "one", "one")

        def should_stop() -> bool:
            give_way()
            return False

        return update(
            predictor.network, predictor.config, Branch(case.row, case.adapter), whole_labels(reading, predictor.config.labels),
            [reading], {}, OnlineConfig(), generator_seed=0, device=predictor.device, should_stop=should_stop,
        )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
