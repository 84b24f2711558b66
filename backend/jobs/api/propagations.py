"""Propagation: drawn slices carried through the volume by a job, and the slice to draw next."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from fastapi import status
from pydantic import BaseModel, ConfigDict

from backend.accounts.api import CurrentActor, Router, policy
from backend.database import Reads, Writes
from backend.jobs import rules
from backend.jobs.api.jobs import JobErrorOut, JobState

router = Router(prefix="/segmentations", tags=["propagations"])

Axis = Literal["i", "j", "k"]
Reason = Literal["first", "unsure", "differs", "changed", "far", "random"]


class PropagationIn(BaseModel):
    """axis: the voxel axis across the slices that were drawn. strategy: how the next slice is chosen."""

    model_config = ConfigDict(extra="forbid")

    axis: Axis
    strategy: rules.Strategy = "fixed_interval"


class DrawnSlicesOut(BaseModel):
    """Slices of one label drawn by hand, as the journal says; a proxy never changes them."""

    label: int
    slices: list[int]


class NextSliceOut(BaseModel):
    """A slice worth drawing next. voxels: about how many are wrong there; null where nothing says so.

    reason: `first` nothing is drawn yet; `unsure` the proxy is; `differs` proxy and network disagree; `changed` much changed since the last
    proxy; `far` the farthest from what is drawn; `random`.
    """

    slice: int
    reason: Reason
    voxels: int | None


class NetworkPartOut(BaseModel):
    """dice: points, of the network on the `slices` drawn so far, each predicted before anything learnt from it.

    used: it was merged into the proxy, because it does about as well there as the proxy's own left-out slices. is_branch: it has learnt within
    sessions, else it is the live style; whichever did better on these slices. live_dice, branch_dice: of either, null in older answers.
    """

    dice: float
    slices: int
    used: bool
    is_branch: bool
    live_dice: float | None
    branch_dice: float | None


class EstimateOut(BaseModel):
    """How good the whole proxy is thought to be, in Dice points against what would be submitted.

    low, high: a 90 % interval from your finished cases in this project; null until there are enough of them. goal: the project's;
    good_enough: low has reached it, null without an interval. An estimate is no measurement.
    """

    expected: float
    low: float | None
    high: float | None
    cases: int
    goal: float
    good_enough: bool | None


class PropagationOut(BaseModel):
    """One propagation of a reading's drawn slices. progress: 0-1, null before its first word (most are done before one is due).

    revision_id: the proxy, a revision like any other (`/revisions/{id}/slabs/{k}`; its confidence as `…/uncertainty/slabs/{k}`), null
    until the job is done and where nothing was drawn. Accept it by an edit whose source_revision_id it is. is_current: nothing
    was drawn since it was made. left_out_dice: how well the drawn slices are found again, each from its neighbours alone, 0-1; null with
    fewer than three. It is pessimistic: the gap it bridges is twice as wide as any that is left. network: null where no prediction in your
    style may be shown: the proxy is propagation alone. is_learning: your branch learns from this reading just now.
    """

    job_id: UUID
    state: JobState
    axis: Axis
    strategy: rules.Strategy
    created_at: datetime
    progress: float | None
    revision_id: UUID | None
    is_current: bool
    drawn: list[DrawnSlicesOut]
    left_out_dice: float | None
    next_slices: list[NextSliceOut]
    network: NetworkPartOut | None
    estimate: EstimateOut | None
    is_learning: bool
    failure: JobErrorOut | None


class PropagationsOut(BaseModel):
    """A reading's propagations, newest first, at most twenty."""

    items: list[PropagationOut]


@router.get(
    "/{segmentation_id}/propagations", response_model=PropagationsOut, openapi_extra=policy("segmentation:read")
)
def list_propagations(db: Reads, actor: CurrentActor, segmentation_id: UUID) -> dict[str, list[rules.PropagationView]]:
    """What was propagated from this reading, the newest first."""
    return {"items": rules.list_propagations(db, actor, segmentation_id)}


@router.post(
    "/{segmentation_id}/propagations",
    response_model=PropagationOut,
    status_code=status.HTTP_202_ACCEPTED,
    openapi_extra=policy("segmentation:update"),
)
def propagate(db: Writes, actor: CurrentActor, segmentation_id: UUID, body: PropagationIn) -> rules.PropagationView:
    """Carry the slices drawn so far through the volume; a request before this one that is not done is cancelled."""
    return rules.add_propagation(db, actor, segmentation_id, body.axis, body.strategy)
