"""A prediction of one slice, warm: what everything around the network's forward pass costs.

`python -m benchmarks.prediction [--small | --full]`: a running server with a trained 128×128 project. Two things are held against 1.3 × bare forward + 10 ms,
all measured interleaved on the same machine in the same minutes:
- the worker's own path, from the request to the label map (decoded image, warm network and style, frame, forward, label map);
- the whole job as Postgres saw it, from the row being made to its revision being published (bells, claim, queries, blob with fsync, commit).
"""

import argparse
import itertools
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import torch

from backend.jobs.rules import Claimed, ImageFacts, VersionFacts
from backend.settings import Settings
from benchmarks.figures import Figure, percentile, report, say
from benchmarks.workload import prepare
from tests.running import eventually, running
from worker.gateway import open_gateway, predictions
from worker.inference import Inference
from worker.learning.frames import normalise, to_frame


def main() -> int:
    """Train a little, then measure bare forward, worker path and whole job in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--network", choices=("small", "resnet18"), default="small", help="resnet18 is the paper's")
    wanted = parser.parse_args()
    rounds = 100 if wanted.full else 30
    with (
        tempfile.TemporaryDirectory(prefix="consilium-prediction-", ignore_cleanup_errors=True) as folder,
        running(Path(folder) / "data", CONSILIUM_PERSONALISE_QUIET_SECONDS="3600") as server,
    ):
        work = prepare(server, cases=24, size=128, drawn=8)
        say("pretraining …")
        params = {"config": {"steps": 60} if wanted.network == "small" else {"steps": 5, "network": "resnet18"}}
        work.admin.wait_job(
            work.admin.post("/jobs", {"kind": "pretrain", "project_id": work.project_id, "params": params}), 600
        )
        eventually("predictions of every case", lambda: all(
            a["prediction"] for a in work.doctor.every("/assignments", project_id=work.project_id)), 180, 0.5)  # fmt: skip
        time.sleep(6)
        fresh = work.never_predicted()
        with Bench(server.data, work.project_id, *next(fresh)) as bench:
            bare, inside, whole, waited = [], [], [], []
            for expert_id, image_id in itertools.islice(fresh, rounds + 3):
                bare.append(bench.forward())
                inside.append(bench.request())
                body = {"project_id": work.project_id, "expert_id": expert_id}
                job = work.admin.post(f"/images/{image_id}/predictions", body)
                done = work.admin.wait_job(job, 60)
                whole.append(milliseconds(done))
                waited.append(milliseconds(done, until="started_at"))
    bare, inside, whole = bare[3:], inside[3:], whole[3:]
    forward = percentile(bare, 0.5)
    limit = round(1.3 * forward + 10, 1)
    say(f"bare forward {forward:.1f} ms; limit {limit} ms")
    return report(f"prediction {wanted.network}", [
        Figure("bare forward pass, one slice, median", round(forward, 1), "ms"),
        Figure("request to label map in the worker, median", round(percentile(inside, 0.5), 1), "ms", limit),
        Figure("whole job, row made to revision published, median", round(percentile(whole, 0.5), 1), "ms", limit),
        Figure("of it, row made to claimed, median", round(percentile(waited[3:], 0.5), 1), "ms"),
        Figure("whole job, p95", round(percentile(whole, 0.95), 1), "ms"),
    ])  # fmt: skip


def milliseconds(job: dict[str, Any], since: str = "created_at", until: str = "finished_at") -> float:
    """Between two moments of a job, by the database's clock."""
    first, last = (datetime.fromisoformat(job[name]) for name in (since, until))
    return (last - first).total_seconds() * 1000


class Bench:
    """The worker's inference loop in this process, on the server's own database and blobs, and the bare network beside it."""

    def __init__(self, data: Path, project_id: str, expert_id: str, image_id: str) -> None:
        self.gateway = open_gateway(Settings(data=data, database_url_file=data / "secrets" / "database_url"))
        self.inference = Inference(self.gateway)
        wanted = Claimed(
            uuid4(), 1, "predict", "interactive", UUID(project_id), UUID(expert_id), None, {"image_ids": [image_id]}
        )
        self.plan = predictions.load_plan(self.gateway, wanted)

    def __enter__(self) -> "Bench":
        self.inference.start()
        self.request()
        return self

    def __exit__(self, *_: object) -> None:
        self.inference.stop()
        self.gateway.database.close()

    @property
    def _asked(self) -> tuple[VersionFacts, str, ImageFacts]:
        return self.plan.version, self.plan.style.weights_sha256, self.plan.images[0]

    def request(self) -> float:
        """Milliseconds from asking the resident loop to its label map."""
        began = time.perf_counter()
        self.inference.predict(*self._asked, is_urgent=True).result(60)
        return (time.perf_counter() - began) * 1000

    def forward(self) -> float:
        """Milliseconds of the network alone on the same slice, already in its frame."""
        request = self.inference._request(*self._asked, True)
        predictor = self.inference._network(request.method, request.weights_sha256, request.config)
        framed, _ = to_frame(normalise(request.case.image_CDHW, predictor.config).transpose(0, 1), predictor.frame)
        with torch.no_grad():
            began = time.perf_counter()
            predictor._forward(framed, [request.case])
            return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    raise SystemExit(main())
