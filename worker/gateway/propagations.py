"""What a propagation needs, as arrays, and its proxy as a revision."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from backend.jobs import rules
from backend.jobs.rules import Claimed, Estimate, NetworkPart, NextSlice, PropagatePlan, ProxyNumbers
from backend.segmentations import rules as segmentations
from worker.gateway.connection import Gateway
from worker.gateway.images import LabelArray, read_labels

__all__ = ["Estimate", "NetworkPart", "NextSlice", "PropagatePlan", "ProxyNumbers"]


def load_plan(gateway: Gateway, job: Claimed) -> PropagatePlan:
    """The reading as it stands, with the slices drawn by hand. Raises Conflict when it was submitted meanwhile."""
    with gateway.database.read() as db:
        return rules.load_propagate(db, gateway.blobs, job)


def load_former(gateway: Gateway, plan: PropagatePlan) -> LabelArray | None:
    """The label map [D, H, W] of the proxy before this one."""
    if plan.former is None:
        return None
    return read_labels(gateway.blobs, plan.former[0], plan.image.shape_zyx, plan.former[1])


def report(gateway: Gateway, job: Claimed, done: int, of: int) -> None:
    """How many of the gaps between drawn slices are bridged. Raises LeaseLost."""
    with gateway.database.write() as db:
        progress = {"step": done, "steps": of, "phase": "propagating", "seconds_left": None, "message": ""}
        rules.report(db, job, progress)


def publish(
    gateway: Gateway,
    job: Claimed,
    plan: PropagatePlan,
    proxy: tuple[LabelArray, npt.NDArray[np.uint8]] | None,
    next_slices: Sequence[NextSlice],
    numbers: ProxyNumbers,
) -> None:
    """Keep the proxy's label map with its uncertainty (255 · (1 - confidence)) and end the job, once. Raises LeaseLost."""
    kept = None if proxy is None else segmentations.keep_prediction(gateway.blobs, *proxy, plan.label_values)
    with gateway.database.write() as db:
        rules.publish_proxy(db, job, plan, kept, next_slices, numbers)
