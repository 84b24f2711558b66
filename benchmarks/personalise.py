"""From the fifth submitted correction to a live style of the doctor's own, as the doctor experiences it.

`python -m benchmarks.personalise [--small | --full]`: 128×128 images, five simulated experts, a new doctor. The clock starts when the fifth submission is
acknowledged and stops when the new style is live; it includes the queue, the child's start, training and the gate. A job's own
overhead is what it takes from begun to finished beyond learning and judging: start, loading, publishing (LEARNING S3); how long it
waited for the job before it is told apart.
"""

import argparse
import tempfile
import time
from datetime import datetime
from pathlib import Path

import numpy as np

from benchmarks.figures import Figure, report, say
from benchmarks.workload import Workload, prepare
from tests.running import dice, eventually, running

LIMIT_S, OVERHEAD_LIMIT_S, CORRECTIONS = 60.0, 1.2, 5


def main() -> int:
    """Run the loop once and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--small", action="store_true")
    steps = {} if parser.parse_args().full else {"config": {"steps": 300}}
    with (
        tempfile.TemporaryDirectory(prefix="consilium-personalise-", ignore_cleanup_errors=True) as folder,
        running(Path(folder) / "data", CONSILIUM_PERSONALISE_QUIET_SECONDS="0") as server,
    ):
        work = prepare(server, cases=16, size=128, drawn=10)
        say("pretraining …")
        began = time.monotonic()
        work.admin.wait_job(
            work.admin.post("/jobs", {"kind": "pretrain", "project_id": work.project_id, "params": steps}), 900
        )
        pretrain_s = time.monotonic() - began
        before = score(work, None)
        for name in list(work.images)[:CORRECTIONS]:
            read(work, name)
        began = time.monotonic()
        style = eventually("a style of the doctor's own going live", lambda: own_live_style(work), 300, 0.1)
        live_s = time.monotonic() - began
        say(f"live after {live_s:.1f} s: {style['label']}")
        after = score(work, style["id"])
        model = work.admin.get("/models", project_id=work.project_id)["items"][0]
        waited, personalising = overhead(work, style["job_id"], style["metrics"]["seconds"])
        _, pretraining = overhead(work, model["job_id"], model["card"]["seconds"])
    return report("personalise", [
        Figure("fifth submission to live style, 5 cases of 128×128", round(live_s, 1), "s", LIMIT_S),
        Figure("that job's own overhead", round(personalising, 2), "s", OVERHEAD_LIMIT_S),
        Figure("its wait in the queue, behind the jobs of the corrections before", round(waited, 2), "s"),
        Figure("pretraining before it", round(pretrain_s, 1), "s"),
        Figure("that pretraining's own overhead", round(pretraining, 2), "s", OVERHEAD_LIMIT_S),
        Figure("Dice on unread cases, first style", round(100 * before, 2), "points"),
        Figure("Dice on unread cases, own style minus first style", round(100 * (after - before), 2), "points", 0.0, "at least"),
    ])  # fmt: skip


def read(work: Workload, name: str) -> None:
    """The doctor opens, draws and submits one case."""
    image_id = work.images[name]["id"]
    mine = next(a for a in work.doctor.every("/assignments", project_id=work.project_id) if a["image_id"] == image_id)
    opened = work.doctor.post(f"/assignments/{mine['id']}/open")
    work.doctor.draw(opened["segmentation_id"], np.zeros_like(work.truth[name]), work.truth[name])
    work.doctor.submit(opened["segmentation_id"])


def own_live_style(work: Workload) -> dict | None:
    """The live style, if it was learnt from the doctor's own corrections."""
    styles = work.admin.get("/styles", project_id=work.project_id, expert_id=work.expert_id)["items"]
    return next((s for s in styles if s["is_live"] and s["origin"] in ("nearest", "row", "adapter")), None)


def overhead(work: Workload, job_id: str, learning_s: float) -> tuple[float, float]:
    """Seconds a finished job waited in the queue, and those it ran beyond learning, which its card rounds to a tenth."""
    job = work.admin.get(f"/jobs/{job_id}")
    made, begun, finished = (datetime.fromisoformat(job[at]) for at in ("created_at", "started_at", "finished_at"))
    return (begun - made).total_seconds(), (finished - begun).total_seconds() - learning_s


def score(work: Workload, style_id: str | None) -> float:
    """Mean Dice of the predictions shown on the cases the doctor has not read, in the given style (any if None)."""
    unread = list(work.images)[CORRECTIONS + 5 :]

    def shown() -> dict | None:
        found = {a["image_id"]: a["prediction"] for a in work.doctor.every("/assignments", project_id=work.project_id)}
        wanted = {name: found.get(work.images[name]["id"]) for name in unread}
        return wanted if all(p and style_id in (None, p["style_id"]) for p in wanted.values()) else None

    ready = eventually("predictions", shown, 120, 0.2)
    details = {name: work.doctor.get(f"/images/{work.images[name]['id']}") for name in unread}
    return float(
        np.mean([dice(work.doctor.labels(p["revision_id"], details[n])[0], work.truth[n]) for n, p in ready.items()])
    )


if __name__ == "__main__":
    raise SystemExit(main())
