"""`kill -9` at random moments of the main loop: nothing acknowledged is lost, every job ends once.

`python -m tests.faults.kill --rounds 20 [--seed N]`. Two doctors draw and submit while trainings run; each round kills one of:
training child, training worker, interactive worker, API, PostgreSQL. At the end one more training must come through, every
acknowledged stroke is read back from the journal, every submitted revision is compared voxel by voxel with what its doctor had
drawn, and every job must have ended once.
"""

import argparse
import base64
import io
import json
import random
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import nibabel
import numpy as np
import psutil

from backend.imaging import labels as label_codec
from tests.running import PASSWORD, Client, Running, eventually, free_port

CASES, SIZE, EXPERTS = 12, 48, ("Ana", "Ben")
VICTIMS = ("training child", "training worker", "interactive worker", "API", "PostgreSQL")
TINY_TRAINING = {"config": {"steps": 40, "checkpoint_every": 10}}


@dataclass
class Doctor:
    """One simulated reader and everything the server has acknowledged to them."""

    client: Client
    project_id: str
    rng: random.Random
    stop: threading.Event
    acknowledged: dict[str, list[str]] = field(default_factory=dict)  # segmentation → edit ids in order
    drawn: dict[str, np.ndarray] = field(default_factory=dict)  # segmentation → label map as acknowledged
    submitted: dict[str, tuple[str, np.ndarray]] = field(default_factory=dict)  # revision → (image, label map)
    problem: BaseException | None = None

    def work(self) -> None:
        """Draw strokes and submit now and then until told to stop; retries what was not acknowledged with the same id."""
        try:
            mine = self.patiently(lambda: self.client.every("/assignments", project_id=self.project_id))
            while not self.stop.is_set():
                self.read(self.rng.choice(mine))
        except (AssertionError, httpx.HTTPError, KeyError) as problem:  # told to the main thread, which raises it
            self.problem = problem

    def read(self, assignment: dict[str, Any]) -> None:
        opened = self.patiently(lambda: self.client.post(f"/assignments/{assignment['id']}/open"))
        segmentation = opened["segmentation_id"]
        if self.patiently(lambda: self.client.get(f"/segmentations/{segmentation}"))["state"] == "submitted":
            self.patiently(lambda: self.client.call(
                "POST", f"/segmentations/{segmentation}/reopen", expect=(200, 204, 409), json={}))  # fmt: skip
        for _ in range(self.rng.randint(2, 6)):
            self.stroke(segmentation)
        if self.rng.random() < 0.5:
            self.submit(segmentation, opened["image_id"])

    def stroke(self, segmentation: str) -> None:
        before = self.drawn.get(segmentation, np.zeros(SIZE * SIZE, np.uint8))
        after = before.copy().reshape(SIZE, SIZE)
        y, x = self.rng.randrange(SIZE - 9), self.rng.randrange(SIZE - 9)
        after[y : y + self.rng.randint(2, 8), x : x + self.rng.randint(2, 8)] = self.rng.choice((0, 1, 1))
        after = after.ravel()
        if (after == before).all():
            return
        edit = {"edit_id": str(uuid4()), "tool": "brush",
                "runs": base64.b64encode(label_codec.difference(before, after)).decode()}  # fmt: skip
        self.patiently(lambda: self.post_edit(segmentation, edit))
        self.acknowledged.setdefault(segmentation, []).append(edit["edit_id"])
        self.drawn[segmentation] = after

    def post_edit(self, segmentation: str, edit: dict[str, str]) -> Any:
        now = self.client.get(f"/segmentations/{segmentation}")
        return self.client.post(f"/segmentations/{segmentation}/edits", {**edit, "base_revision_id": now["head_revision_id"]},
                                headers={"If-Match": now["etag"]})  # fmt: skip

    def submit(self, segmentation: str, image: str) -> None:
        expected = self.drawn.get(segmentation, np.zeros(SIZE * SIZE, np.uint8))

        def ask() -> dict[str, Any]:
            now = self.client.get(f"/segmentations/{segmentation}")
            if now["state"] == "submitted":  # the answer of an earlier try was lost
                done: dict[str, Any] = self.client.get(f"/revisions/{now['head_revision_id']}")
                return done
            revision: dict[str, Any] = self.client.post(
                f"/segmentations/{segmentation}/submit", headers={"If-Match": now["etag"]}
            )
            return revision

        self.submitted[self.patiently(ask)["id"]] = (image, expected.copy())

    def patiently(self, ask: Any, seconds: float = 90) -> Any:
        """Retry while the server is away or starting again (no answer, 5xx); anything else is a finding."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return ask()
            except httpx.TransportError:
                pass
            except AssertionError as problem:
                if not any(f": {status} " in str(problem) for status in (500, 502, 503, 504)):
                    raise
            if time.monotonic() > deadline:
                raise AssertionError(f"the server did not come back within {seconds:.0f} s")
            time.sleep(0.2)


def nifti(array_yx: np.ndarray) -> bytes:
    image = nibabel.Nifti1Image(np.ascontiguousarray(array_yx.T[..., None]), np.eye(4))
    buffer = io.BytesIO()
    holder = nibabel.FileHolder(fileobj=buffer)
    image.to_file_map({"image": holder, "header": holder})
    return buffer.getvalue()


def prepare(server: Running, seed: int) -> tuple[Client, str, list[Client]]:
    """A project with simulated readings of two experts on half of the cases, and two doctors who read the others."""
    rng = np.random.default_rng(seed)
    admin = Client(server.url).redeem(str(server.link))
    project = admin.post("/projects", {
        "name": f"Kill {seed}", "description": "fault run", "labels": [{"value": 1, "name": "blob", "colour": "#e69f00"}],
        "policy": {"blinding": "open", "prefill": "before", "reads_per_image": 2, "personalise": True},
    })  # fmt: skip
    files = {}
    yy, xx = np.mgrid[:SIZE, :SIZE]
    for case in range(CASES):
        cy, cx = rng.integers(16, 32, 2)
        distance = np.hypot(yy - cy, xx - cx)
        files[f"images/case{case:02d}.nii"] = nifti(
            (100 * (distance < 9) + rng.normal(0, 10, distance.shape)).astype(np.int16)
        )
        for radius, expert in ((8, EXPERTS[0]), (10, EXPERTS[1])):
            files[f"segmentations/{expert}/case{case:02d}.nii"] = nifti((distance < radius).astype(np.uint8))
    admin.upload(project["id"], files, experts=True)
    doctors = []
    for name in ("Dora", "Emil"):
        made = admin.post("/users", {"name": name.lower(), "display_name": name, "role": "expert"})
        expert = admin.post("/experts", {"name": name, "description": "", "user_id": made["user"]["id"]})
        admin.post(f"/projects/{project['id']}/members", {"user_id": made["user"]["id"], "role": "reader"})
        admin.post(f"/projects/{project['id']}/experts", {"expert_id": expert["id"], "assign": True})
        doctors.append(Client(server.url).redeem(made["link"]["url"], PASSWORD))
    return admin, project["id"], doctors


def victim(server: Running, name: str) -> psutil.Process | None:
    """One process of that kind, or None when there is none at this moment (no training under way)."""
    words = {"training child": ("worker.run_job",), "training worker": ("worker.app", "training"),
             "interactive worker": ("worker.app", "interactive"), "API": ("backend.embedded.serve",), "PostgreSQL": ("postgres", "-D")}  # fmt: skip
    found = server.processes(*words[name])
    return found[0] if found else None


def run(rounds: int, seed: int, folder: Path, say: Any = lambda sentence: None) -> dict[str, int]:
    """The whole fault run; returns the counts, raises AssertionError on any loss."""
    rng, stop = random.Random(seed), threading.Event()
    server = Running(folder / "data", free_port(), {"CONSILIUM_PERSONALISE_QUIET_SECONDS": "1"}).start()
    try:
        admin, project_id, clients = prepare(server, seed)
        doctors = [Doctor(client, project_id, random.Random(f"{seed}/{i}"), stop) for i, client in enumerate(clients)]
        threads = [threading.Thread(target=doctor.work, daemon=True) for doctor in doctors]
        for thread in threads:
            thread.start()
        overseer, killed = Doctor(admin, project_id, rng, stop), 0
        for number in range(rounds):
            name = VICTIMS[number % len(VICTIMS)]
            overseer.patiently(lambda: keep_training(admin, project_id))
            time.sleep(rng.uniform(0.5, 3.0))
            target = eventually(f"a {name} to kill", lambda name=name: victim(server, name), 60)
            target.kill()
            killed += 1
            say(f"round {number + 1}/{rounds}: killed the {name} (pid {target.pid})")
            eventually("the server to be ready again", lambda: ready(server), 60)
            for doctor in doctors:
                if doctor.problem:
                    raise doctor.problem
        stop.set()
        for thread in threads:
            thread.join(120)
        overseer.patiently(lambda: learn_again(admin, project_id))
        return {"rounds": rounds, "killed": killed, **check(admin, project_id, doctors, overseer)}
    finally:
        stop.set()
        server.stop()


def under_way(admin: Client, project_id: str) -> bool:
    jobs = admin.get("/jobs", project_id=project_id, kind="pretrain")["items"]
    return any(job["state"] in ("queued", "running") for job in jobs)


def keep_training(admin: Client, project_id: str) -> None:
    if not under_way(admin, project_id):
        admin.post("/jobs", {"kind": "pretrain", "project_id": project_id, "params": TINY_TRAINING})


def learn_again(admin: Client, project_id: str) -> None:
    """Whatever the killing did to the trainings before (two losses in a row set one aside), one more must come through."""
    eventually("the end of the trainings that were killed", lambda: not under_way(admin, project_id), 240, 1.0)
    keep_training(admin, project_id)


def ready(server: Running) -> bool:
    try:
        return httpx.get(f"{server.url}/readyz", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def check(admin: Client, project_id: str, doctors: list[Doctor], overseer: Doctor) -> dict[str, int]:
    """Read everything back. Every acknowledged edit once and in order, every revision equal, every job ended once."""
    strokes = 0
    for doctor in doctors:
        if doctor.problem:
            raise doctor.problem
        for segmentation, expected in doctor.acknowledged.items():
            stored = [edit["edit_id"] for edit in all_edits(doctor.client, segmentation)]
            assert [e for e in stored if e in set(expected)] == expected, (
                f"segmentation {segmentation}: strokes lost or out of order"
            )
            assert len(stored) == len(set(stored)), f"segmentation {segmentation}: a stroke was stored twice"
            strokes += len(expected)
        for revision, (image_id, expected_map) in doctor.submitted.items():
            image = doctor.client.get(f"/images/{image_id}")
            assert (doctor.client.labels(revision, image).ravel() == expected_map).all(), f"revision {revision} differs"

    def all_ended() -> list[dict[str, Any]] | None:
        jobs = admin.every("/jobs", project_id=project_id)
        return jobs if all(job["state"] in ("done", "failed", "cancelled") for job in jobs) else None

    jobs = eventually("the end of every job", lambda: overseer.patiently(all_ended), 240, 1.0)
    bad = [job for job in jobs if job["state"] == "failed" and job["error"]["code"] != "poison"]
    assert not bad, f"jobs failed: {[(job['kind'], job['error']) for job in bad]}"
    published = [model["job_id"] for model in admin.every("/models", project_id=project_id)]
    assert len(published) == len(set(published)), "a job published two model versions"
    trainings = sorted((job for job in jobs if job["kind"] == "pretrain"), key=lambda job: job["created_at"])
    assert trainings[-1]["state"] == "done", "the training begun after the last kill did not come through"
    done = [job["id"] for job in trainings if job["state"] == "done"]
    assert set(published) == set(done), "finished pretrainings and model versions differ"
    return {
        "strokes": strokes,
        "revisions": sum(len(d.submitted) for d in doctors),
        "jobs": len(jobs),
        "models": len(published),
    }


def all_edits(client: Client, segmentation: str) -> list[dict[str, Any]]:
    edits, after = [], 0
    while True:
        page = client.get(f"/segmentations/{segmentation}/edits", after=after)
        edits += page["items"]
        if not page["items"] or page["next_after"] is None:
            return edits
        after = page["next_after"]


def main() -> int:
    """Command line: prints progress on stderr and one JSON object of counts on stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    wanted = parser.parse_args()
    print(f"seed {wanted.seed}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="consilium-kill-", ignore_cleanup_errors=True) as folder:
        counts = run(
            wanted.rounds, wanted.seed, Path(folder), lambda sentence: print(sentence, file=sys.stderr, flush=True)
        )
    print(json.dumps({"name": "faults.kill", "seed": wanted.seed, **counts, "lost": 0}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
