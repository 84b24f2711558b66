"""What an online update needs, as arrays, and the branch it makes as a file."""

from collections.abc import Mapping
from typing import Any, Final

from torch import Tensor

from backend.jobs import rules
from backend.jobs.rules import BranchMoved, Claimed, ImageFacts, ProxyFacts, UpdatePlan
from backend.segmentations.rules import Provenance
from worker.gateway.connection import Gateway
from worker.gateway.images import LabelArray, read_labels
from worker.gateway.training import load_readings, load_style
from worker.learning import Reading, save_safetensors

__all__ = ["BranchMoved", "ImageFacts", "Provenance", "ProxyFacts", "UpdatePlan"]

REPLAYED: Final = 6  # readings
MOST_REPLAYED_VOXELS: Final = 2**26  # of all of them together: a quarter of a gigabyte


def load_plan(gateway: Gateway, job: Claimed) -> UpdatePlan:
    """What to learn from, as things stand now."""
    with gateway.database.read() as db:
        return rules.load_update(db, gateway.blobs, job, REPLAYED)


def load_replay(gateway: Gateway, plan: UpdatePlan, channels: int) -> list[Reading]:
    """The replayed readings, as many as fit."""
    chosen, voxels = [], 0
    for row in plan.replay:
        depth, height, width = plan.images[row.image_id].shape_zyx
        voxels += depth * height * width
        if voxels <= MOST_REPLAYED_VOXELS:
            chosen.append(row)
    return load_readings(gateway, chosen, plan.images, channels)


def load_rows(gateway: Gateway, plan: UpdatePlan) -> dict[str, Tensor]:
    """The rows of those whose readings are replayed."""
    return {str(expert): load_style(gateway, style.weights_sha256)["row"] for expert, style in plan.rows.items()}


def load_labels(gateway: Gateway, plan: UpdatePlan, sha256: str, dtype: str) -> LabelArray:
    """A label map [D, H, W] on the plan's image."""
    return read_labels(gateway.blobs, sha256, plan.image.shape_zyx, dtype)


def load_labels_of(gateway: Gateway, plan: UpdatePlan, row: rules.ReadingRow) -> LabelArray:
    """A reading's label map [D, H, W], on the plan's image or one of its others."""
    image = plan.images.get(row.image_id, plan.image)
    return read_labels(gateway.blobs, row.labels_sha256, image.shape_zyx, row.dtype)


def keep(gateway: Gateway, job: Claimed, style: Mapping[str, Tensor]) -> str:
    """Keep a branch's row and adapter as a file; returns its name."""
    return gateway.blobs.put(save_safetensors(dict(style), {"kind": "online branch", "job": str(job.id)}))


def publish(
    gateway: Gateway,
    job: Claimed,
    plan: UpdatePlan,
    weights_sha256: str | None,
    metrics: Mapping[str, Any],
    figures: Mapping[str, Any] | None = None,
) -> None:
    """Append the branch and what a finished case said, and end the job, once. Raises LeaseLost, BranchMoved."""
    with gateway.database.write() as db:
        rules.publish_update(db, job, plan, weights_sha256, metrics, figures)
