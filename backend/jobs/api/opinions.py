"""Several opinions on the wire: distinct plausible segmentations of one's own reading's image, in projects that are not blinded.

Asked with POST, computed by a job whose end arrives as a `job` event, read with GET. To take one over, post an ordinary edit with
tool `opinion`; undo is an edit like any other.
"""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query, status
from pydantic import BaseModel

from backend.accounts.api import CurrentActor, Router, policy
from backend.database import Reads, Writes
from backend.jobs import rules
from backend.jobs.api.jobs import JobErrorOut

router = Router(prefix="/segmentations", tags=["opinions"])


class OpinionOut(BaseModel):
    """One plausible segmentation of the whole image.

    runs: base64 as in `EditOut`, every voxel that carries a label; empty where nothing is drawn. voxels: by label value. dice: with the prediction in the
    reader's own style, 0 to 1, mean over labels. probability: the share of all samples that are nearest to this one; null for a
    prediction in one expert's style, which is then named.
    """

    runs: str
    voxels: dict[str, int]
    dice: float
    probability: float | None
    expert_id: UUID | None
    expert_name: str | None


class ContourOut(BaseModel):
    """What at least `share` (0 to 1) of all samples show; runs as in `OpinionOut`."""

    share: float
    runs: str


class OpinionsOut(BaseModel):
    """Distinct opinions, likeliest first, then each expert's own.

    drawn: how many samples; chosen: how the ones shown were found. voxel_interval: by label value, the voxels that 10, 50 and
    90 % of the samples do not exceed. model_version_id, style_id: what drew them, and the reader's style they are compared with.
    """

    model_version_id: UUID
    style_id: UUID
    method: str
    drawn: int
    source: Literal["samples", "experts"]
    chosen: Literal["k-medoids"]
    items: list[OpinionOut]
    experts: list[OpinionOut]
    contours: list[ContourOut]
    voxel_interval: dict[str, list[float]]


class OpinionPageOut(BaseModel):
    """The newest answer, whether a newer one is pending, or why there is none."""

    pending: bool
    failure: JobErrorOut | None
    opinions: OpinionsOut | None


@router.post(
    "/{segmentation_id}/opinions",
    response_model=OpinionPageOut,
    status_code=status.HTTP_202_ACCEPTED,
    openapi_extra=policy("opinion:create"),
)
def ask_opinions(
    db: Writes,
    actor: CurrentActor,
    segmentation_id: UUID,
    ahead: Annotated[
        bool, Query(description="Nobody waits for them yet: whatever somebody waits for goes first.")
    ] = False,
) -> rules.OpinionPage:
    """Ask for several opinions on your own draft; 403 in a blinded project. Asking again costs nothing while an answer holds."""
    return rules.ask_opinions(db, actor, segmentation_id, ahead=ahead)


@router.get("/{segmentation_id}/opinions", response_model=OpinionPageOut, openapi_extra=policy("opinion:read"))
def load_opinions(db: Reads, actor: CurrentActor, segmentation_id: UUID) -> rules.OpinionPage:
    """The opinions asked for last; 403 in a blinded project."""
    return rules.load_opinions(db, actor, segmentation_id)
