"""What an evaluate job needs, as arrays; and its figures as the job's result."""

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


def load_judged(gateway: Gateway, plan: EvaluatePlan, channels: int) -> list[Judged]:
    """Every unseen reading with the styles that draw it again."""
    rows = {expert: load_style(gateway, style.weights_sha256)["row"] for expert, style in plan.pretrained.items()}
    live = {expert: load_style(gateway, style.weights_sha256) for expert, style in plan.live.items()}
    average = torch.stack(list(rows.values())).mean(0)
    found = dict(zip(((r.image_id, r.expert_id) for r in plan.beside),
                     load_readings(gateway, plan.beside, plan.images, channels), strict=True))  # fmt: skip
    judged = []
    for row in plan.unseen:
        reading = found[row.image_id, row.expert_id]
        others = [
            r.labels_DHW for (image, expert), r in found.items() if image == row.image_id and expert != row.expert_id
        ]
        own, closest = live[row.expert_id], plan.closest.get(row.expert_id)
        candidates = {LIVE: Case(reading.image_CDHW, reading.spacing_mm, own["row"], own.get("adapter"))}
        if closest is not None:
            candidates["nearest"] = Case(reading.image_CDHW, reading.spacing_mm, rows[closest])
        candidates["average"] = Case(reading.image_CDHW, reading.spacing_mm, average)
        consensus = majority(others, plan.label_values) if len(others) >= LEAST_OTHERS else None
        judged.append(Judged(reading, candidates, consensus, row.image_id not in plan.without_spacing))
    return judged


def publish(gateway: Gateway, job: Claimed, plan: EvaluatePlan, rows: list[dict[str, Any]]) -> None:
    """End the job with its table. Raises LeaseLost."""
    experts = []
    for row in rows:
        expert_id = UUID(row.pop("expert"))
        about = {"expert_id": str(expert_id), "expert_name": plan.expert_names.get(expert_id, str(expert_id))}
        experts.append({**about, "style_id": str(plan.live[expert_id].style_id), **row})
    queue.finish(gateway, job, {"model_version_id": str(plan.version.version_id), "experts": experts})
