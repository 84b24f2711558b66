"""Prompts on the wire: asking the model on one's own reading, and its proposals.

A prompt is answered by a job of kind `interact`; its end arrives as a `job` event, and `GET …/prompts` has the proposal. To
accept one, post an edit whose `edit_id` is the round's id: it settles the round, and an undo of it is an edit like any other.
"""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query, Response, status
from pydantic import BaseModel, ConfigDict, Field

from backend.accounts.api import CurrentActor, Router, policy
from backend.database import Reads, Writes
from backend.jobs import rules
from backend.jobs.api.jobs import JobErrorOut
from backend.paging import Limit

router = Router(prefix="/segmentations", tags=["prompts"])

PromptType = Literal["point", "scribble", "box", "lasso"]
Ijk = tuple[float, float, float]


class PromptIn(BaseModel):
    """One gesture. Prompts of one round are answered together; a new round begins after one was accepted or withdrawn.

    points: voxel indices (i, j, k), centres at integers; a box has two opposite corners. include: the label is there (box,
    lasso: within); exclude: it is not. slice_axis: the voxel axis across the slice it was made on; null for a box in 3D.
    radius_mm: of the disc around a point or scribble.
    """

    model_config = ConfigDict(extra="forbid")

    prompt_id: UUID
    round_id: UUID
    type: PromptType
    points: list[Ijk] = Field(min_length=1, max_length=2000)
    label: int = Field(ge=1, le=65535)
    sign: Literal["include", "exclude"]
    radius_mm: float = Field(default=0.0, ge=0, le=50)
    slice_axis: Literal["i", "j", "k"] | None = None


class PromptAddedOut(BaseModel):
    """The prompt is on disk under this number; the job answers it."""

    prompt_id: UUID
    seq: int
    job_id: UUID


class PromptOut(BaseModel):
    """A prompt with what became of it: settled when its round's proposal was accepted."""

    id: UUID
    round_id: UUID
    seq: int
    type: PromptType
    points_ijk: list[list[float]]
    label: int
    sign: Literal["include", "exclude"]
    radius_mm: float
    slice_axis: Literal["i", "j", "k"] | None
    state: Literal["open", "withdrawn", "settled"]
    created_at: datetime


class ProposalOut(BaseModel):
    """The answer up to one prompt of the open round.

    runs: base64 as in `EditOut`: the label where it is proposed, 0 where your drawing has it and the proposal does not; nothing
    is said elsewhere. box_ijk: [i0, j0, k0, i1, j1, k1], both ends included. style_id: null where values alone answered.
    """

    prompt_id: UUID
    round_id: UUID
    label: int
    runs: str
    box_ijk: list[int]
    voxels: int
    style_id: UUID | None


class PromptPageOut(BaseModel):
    """Prompts in order, and the open round: its newest proposal, whether a newer one is pending, or why there is none."""

    items: list[PromptOut]
    next_after: int | None
    proposal: ProposalOut | None
    pending: bool
    failure: JobErrorOut | None


@router.get("/{segmentation_id}/prompts", response_model=PromptPageOut, openapi_extra=policy("segmentation:read"))
def list_prompts(
    db: Reads,
    actor: CurrentActor,
    segmentation_id: UUID,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Limit = 500,
    only_open: bool = False,
) -> rules.PromptPage:
    """Prompts after a sequence number, in order (on request only those that still count), with the open round's proposal."""
    return rules.list_prompts(db, actor, segmentation_id, after, limit, only_open=only_open)


@router.post(
    "/{segmentation_id}/prompts",
    response_model=PromptAddedOut,
    status_code=status.HTTP_202_ACCEPTED,
    openapi_extra=policy("segmentation:update"),
)
def add_prompt(
    db: Writes, actor: CurrentActor, segmentation_id: UUID, body: PromptIn, response: Response
) -> rules.PromptAdded:
    """Ask the model; the same `prompt_id` again answers 200 with the first answer."""
    new = rules.NewPrompt(
        body.prompt_id, body.round_id, body.type, body.points, body.label, body.sign == "include", body.radius_mm,
        body.slice_axis,
    )  # fmt: skip
    added = rules.add_prompt(db, actor, segmentation_id, new)
    if added.is_repeat:
        response.status_code = status.HTTP_200_OK
    return added


@router.delete(
    "/{segmentation_id}/prompts/{prompt_id}", response_model=PromptPageOut, openapi_extra=policy("segmentation:update")
)
def withdraw_prompt(db: Writes, actor: CurrentActor, segmentation_id: UUID, prompt_id: UUID) -> rules.PromptPage:
    """Take the newest prompt back; the proposal before it stands again. It stays in the history as withdrawn."""
    return rules.withdraw_prompts(db, actor, segmentation_id, prompt_id)


@router.delete("/{segmentation_id}/prompts", response_model=PromptPageOut, openapi_extra=policy("segmentation:update"))
def withdraw_round(db: Writes, actor: CurrentActor, segmentation_id: UUID) -> rules.PromptPage:
    """Take all open prompts back, and their proposal with them."""
    return rules.withdraw_prompts(db, actor, segmentation_id, None)
