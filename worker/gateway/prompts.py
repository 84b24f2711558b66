"""What a prompt's job needs, as arrays, and its answer in run form."""

import numpy as np

from backend.imaging import labels as codec
from backend.jobs import rules
from backend.jobs.rules import Claimed, InteractPlan
from backend.segmentations import rules as segmentations
from worker.gateway.connection import Gateway
from worker.gateway.images import LabelArray

__all__ = ["InteractPlan"]


def load_plan(gateway: Gateway, job: Claimed) -> InteractPlan:
    """The round of prompts to answer. Raises LeaseLost when it was withdrawn meanwhile."""
    with gateway.database.read() as db:
        return rules.load_interact(db, job)


def load_drawing(gateway: Gateway, plan: InteractPlan) -> LabelArray:
    """What the doctor sees now: head revision and journal, uint8 [D, H, W], writable."""
    drawn = segmentations.read_labels(gateway.blobs, plan.head_sha256, plan.dtype, plan.image.shape_zyx)
    for runs in plan.edits:
        codec.apply(drawn, codec.decode(runs, drawn.size, drawn.dtype.itemsize))
    return drawn.astype(np.uint8, copy=False)


def load_former(plan: InteractPlan) -> tuple[codec.Int64Array, LabelArray]:
    """Flat voxel indices [N] and values [N] of the answer before this one; empty where there is none."""
    if plan.former is None:
        return np.zeros(0, np.int64), np.zeros(0, np.uint8)
    nz, ny, nx = plan.image.shape_zyx
    runs = codec.decode(plan.former, nz * ny * nx, 1)
    return runs.indices(), runs.values.astype(np.uint8)


def publish(gateway: Gateway, job: Claimed, plan: InteractPlan, indices: codec.Int64Array, values: LabelArray) -> None:
    """Keep a proposal and end the job, once. Raises LeaseLost.

    indices: flat voxel indices [N], ascending; values: the label where it is proposed, 0 where the drawing's is denied.
    """
    box = [0, 0, 0, -1, -1, -1]
    if indices.size:
        z, y, x = np.unravel_index(indices, plan.image.shape_zyx)
        box = [int(v) for v in (x.min(), y.min(), z.min(), x.max(), y.max(), z.max())]
    runs = codec.encode(indices, values)
    with gateway.database.write() as db:
        rules.publish_proposal(db, job, plan, runs, box, int(np.count_nonzero(values)))
