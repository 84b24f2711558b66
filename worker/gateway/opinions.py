"""What a job of kind `opinions` needs, and its answer in run form."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backend.imaging import labels as codec
from backend.jobs import rules
from backend.jobs.rules import Claimed, OpinionPlan
from worker.gateway.connection import Gateway
from worker.gateway.images import LabelArray

__all__ = ["OpinionPlan"]


def load_plan(gateway: Gateway, job: Claimed) -> OpinionPlan:
    """Which image to sample, from which styles. Raises Forbidden where the project was blinded meanwhile."""
    with gateway.database.read() as db:
        return rules.load_opinion_plan(db, job)


def in_runs(labels_DHW: LabelArray) -> str:
    """Every voxel with a label, base64 of the codec of edits; an empty text where there is none."""
    indices = np.flatnonzero(labels_DHW).astype(np.int64)
    if not indices.size:
        return ""
    return base64.b64encode(codec.encode(indices, labels_DHW.reshape(-1)[indices])).decode()


def voxels(labels_DHW: LabelArray, values: Sequence[int]) -> dict[str, int]:
    """Voxels by label value."""
    return {str(value): int((labels_DHW == value).sum()) for value in values}


def publish(gateway: Gateway, job: Claimed, plan: OpinionPlan, content: Mapping[str, Any]) -> None:
    """Keep the answer and end the job, once. Raises LeaseLost, Forbidden."""
    with gateway.database.write() as db:
        rules.publish_opinions(db, job, plan, content)
