"""What an evaluate job needs, as arrays; and its figures as the job's result."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import torch

from backend.jobs import rules
from backend.jobs.rules import Claimed, EvaluatePlan
from worker.gateway import queue
from worker.gateway.connection import Gateway
from worker.gateway.training import load_readings, load_style
from worker.learning import Case, Predictor, load_safetensors, methods
from worker.learning.evaluation import LIVE, Judged, majority

LEAST_OTHERS = 3  # readers besides the expert, from whom on a majority means something


def load_plan(gateway: Gateway, job: Claimed) -> EvaluatePlan:
    """What is to be judged. Raises Conflict, Invalid."""
    with gateway.database.read() as db:
        return rules.load_evaluate(db, job)


def load_predictor(gateway: Gateway, plan: EvaluatePlan, device: str) -> Predictor:
    """The live network, warm."""
    method = methods.load(plan.version.method)
    weights, _ = load_safetensors(gateway.blobs.read(plan.version.weights_sha256))
    return method.predictor(weights, method.config(plan.version.config), device)


def load_judged(gateway: Gateway, plan: EvaluatePlan, channels: int) -> Iterator[Judged]:
    """Every unseen reading with the styles that draw it again; one image's voxels and readings are held at a time."""
    rows = {expert: load_style(gateway, style.weights_sha256)["row"] for expert, style in plan.pretrained.items()}
    live = {expert: load_style(gateway, style.weights_sha256) for expert, style in plan.live.items()}
    average = torch.stack(list(rows.values())).mean(0)
    for image_id in dict.fromkeys(row.image_id for row in plan.unseen):
        here = [row for row in plan.beside if row.image_id == image_id]
        loaded = load_readings(gateway, here, plan.images, channels)
        readings = {row.expert_id: reading for row, reading in zip(here, loaded, strict=True)}
        for row in (one for one in plan.unseen if one.image_id == image_id):
            reading = readings[row.expert_id]
            others = [one.labels_DHW for expert, one in readings.items() if expert != row.expert_id]
            own, closest = live[row.expert_id], plan.closest.get(row.expert_id)
            candidates = {LIVE: Case(reading.image_CDHW, reading.spacing_mm, own["row"], own.get("adapter"))}
            if closest is not None:
                candidates["nearest"] = Case(reading.image_CDHW, reading.spacing_mm, rows[closest])
            candidates["average"] = Case(reading.image_CDHW, reading.spacing_mm, average)
            consensus = majority(others, plan.label_values) if len(others) >= LEAST_OTHERS else None
            yield Judged(reading, candidates, consensus)


def experts_in_px(plan: EvaluatePlan) -> set[str]:
    """Experts with an unseen image that has no lengths."""
    return {str(row.expert_id) for row in plan.unseen if row.image_id in plan.without_spacing}


def publish(gateway: Gateway, job: Claimed, plan: EvaluatePlan, rows: list[dict[str, Any]]) -> None:
    """End the job with its table. Raises LeaseLost."""
    experts = []
    for row in rows:
        expert_id = UUID(row.pop("expert"))
        about = {"expert_id": str(expert_id), "expert_name": plan.expert_names.get(expert_id, str(expert_id))}
        experts.append({**about, "style_id": str(plan.live[expert_id].style_id), **row})
    queue.finish(gateway, job, {"model_version_id": str(plan.version.version_id), "experts": experts})
