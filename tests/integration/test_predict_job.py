"""Predictions asked for together: what can be drawn is drawn."""

import pytest
from sqlalchemy import text

from tests.hospital import Hospital
from tests.integration.test_opinions import publish_model
from tests.running import eventually
from worker import tasks
from worker.desk import Desk
from worker.gateway import Gateway
from worker.inference import Inference


def test_an_image_too_large_for_the_worker_keeps_none_of_the_others_waiting(
    hospital: Hospital, caplog: pytest.LogCaptureFixture
) -> None:
    """Its whole batch failed, and what failed is not asked for again by itself: sixteen cases went without a prediction."""
    state = hospital.app.state
    gateway = Gateway(state.database, state.blobs, state.settings)
    project = hospital.project(blinding="open", prefill="before")
    drawable, huge = hospital.images(project, 2)
    reader = hospital.reader(project)
    publish_model(hospital, project, [reader], "expert_adaptive")
    with state.database.write() as db:
        db.execute(text("UPDATE images SET nx = 4000, ny = 4000, nz = 4000 WHERE id = :id"), {"id": huge})
    body = {
        "kind": "predict", "project_id": project, "expert_id": reader.expert_id, "params": {"image_ids": [huge, drawable]},
    }  # fmt: skip
    job = reader.post("/jobs", body).json()
    inference = Inference(gateway)
    inference.start()
    desk = Desk(gateway, "interactive", {"predict": tasks.handlers(gateway, inference)["predict"]}, 1, "cpu")

    desk.start()
    ended = eventually("its end", lambda: (now := reader.get(f"/jobs/{job['id']}").json())["finished_at"] and now)
    desk.stop(10)
    inference.stop()

    assert ended["state"] == "done"
    assert list(ended["result"]["revision_ids"]) == [drawable]
    failure = ended["result"]["failed_images"][huge]
    assert failure["code"] == "no-memory" and "4000 × 4000 × 4000 voxels" in failure["message"]
    assert f"leaves out image {huge}: {failure['message']}" in caplog.text, (
        "the job is done, so the health page is silent"
    )
