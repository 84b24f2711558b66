"""Assignments on the wire: who is asked to read what, and opening it.

They are served here and not by `projects` because opening one makes a segmentation and each names the prediction
it would begin from. Fails closed: a reader sees their own; a manager sees another's only where nothing is blinded.
"""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field

from backend.accounts.api import CurrentActor, Router, policy
from backend.database import Reads, Writes
from backend.paging import Cursor, Limit, Page
from backend.projects import rules as projects
from backend.segmentations import rules

router = Router(tags=["assignments"])

Reason = Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")]
State = Literal["assigned", "opened", "drafting", "submitted", "withdrawn"]


class PredictionOut(BaseModel):
    """The proposal to begin from: a model's revision in the expert's own style."""

    revision_id: UUID
    segmentation_id: UUID
    style_id: UUID
    style_label: str


class LiveStyleOut(BaseModel):
    """The style that draws for this expert now; the prediction may still be from one before it."""

    style_id: UUID
    style_label: str


class SubmissionOut(BaseModel):
    """When the reading was submitted, whether a model helped, and the last style that did where one is known."""

    submitted_at: datetime
    assisted: bool
    style_label: str | None


class AssignmentOut(BaseModel):
    """One expert asked to read one image. `image_dims` is [nx, ny, nz]; `segmentation_id` is null until it is opened.

    live_style: null before the project's first model. submission: null unless it is submitted now.
    """

    id: UUID
    project_id: UUID
    project_name: str
    image_id: UUID
    image_name: str
    image_sha256: str
    image_dims: list[int]
    modality: str
    expert_id: UUID
    expert_name: str
    state: State
    position: int
    segmentation_id: UUID | None
    prediction: PredictionOut | None
    live_style: LiveStyleOut | None
    submission: SubmissionOut | None
    updated_at: datetime


class AssignmentPageOut(BaseModel):
    """A page of assignments, in reading order."""

    items: list[AssignmentOut]
    next_cursor: str | None


class CountOut(BaseModel):
    """How many assignments of one project, modality and state."""

    project_id: UUID
    modality: str
    state: State
    count: int


class CountsOut(BaseModel):
    """Counts of a worklist; only combinations there are."""

    items: list[CountOut]


class ReadingOut(BaseModel):
    """Where one expert's reading of an image stands."""

    expert_id: UUID
    assignment_id: UUID
    state: State


class ImageProgressOut(BaseModel):
    """How far the readings of one image are; `readings` is null in a blinded project."""

    image_id: UUID
    image_name: str
    image_sha256: str
    asked: int
    submitted: int
    readings: list[ReadingOut] | None


class ImageProgressPageOut(BaseModel):
    """A page of a project's images, in reading order."""

    items: list[ImageProgressOut]
    next_cursor: str | None


class AssignmentsIn(BaseModel):
    """Which experts are asked to read which images; null means every image of the project."""

    model_config = ConfigDict(extra="forbid")

    project_id: UUID
    image_ids: list[UUID] | None = Field(None, max_length=10_000)
    expert_ids: list[UUID] = Field(min_length=1, max_length=1000)


class WithdrawalIn(AssignmentsIn):
    """Which experts are no longer asked to read which images, and why; null means every image of the project.

    submitted: readings that were submitted as well, of images that are named.
    """

    reason: Reason = ""
    submitted: bool = False


class WithdrawnOut(BaseModel):
    """How many reads were taken back."""

    withdrawn: int


class AssignedOut(BaseModel):
    """How many assignments are new, or asked for again."""

    created: int


Modality = Annotated[str | None, Query(max_length=16)]
Name = Annotated[str | None, Query(max_length=200, description="Part of the image's name, in any case.")]


@router.get("/assignments", response_model=AssignmentPageOut, openapi_extra=policy("assignment:list"))
def list_assignments(
    db: Reads,
    actor: CurrentActor,
    project_id: UUID | None = None,
    state: State | None = None,
    modality: Modality = None,
    name: Name = None,
    expert_id: UUID | None = None,
    sort: Literal["order", "name", "updated"] = "order",
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[rules.AssignmentView]:
    """Your own assignments, in reading order unless sorted; a manager of an unblinded project may name another expert."""
    asked = rules.Asked(project_id, state, modality, name, expert_id)
    return rules.list_assignments(db, actor, asked, sort, cursor, limit)


@router.get("/assignments/counts", response_model=CountsOut, openapi_extra=policy("assignment:list"))
def count_assignments(
    db: Reads,
    actor: CurrentActor,
    project_id: UUID | None = None,
    state: State | None = None,
    modality: Modality = None,
    name: Name = None,
) -> dict[str, list[rules.CountView]]:
    """How many assignments you have, by project, modality and state; withdrawn ones only when asked for."""
    return {"items": rules.count_assignments(db, actor, rules.Asked(project_id, state, modality, name))}


@router.get(
    "/projects/{project_id}/progress", response_model=ImageProgressPageOut, openapi_extra=policy("progress:read")
)
def list_progress(
    db: Reads, actor: CurrentActor, project_id: UUID, cursor: Cursor = None, limit: Limit = 100
) -> Page[rules.ProgressView]:
    """A project's images and how far their readings are, for who runs it; in a blinded project counts alone."""
    return rules.list_progress(db, actor, project_id, cursor, limit)


@router.post("/assignments", openapi_extra=policy("assignment:create"))
def create_assignments(db: Writes, actor: CurrentActor, body: AssignmentsIn) -> AssignedOut:
    """Ask experts of a project to read images; those asked now stay as they are, withdrawn ones are asked again."""
    made = projects.assign_images(db, actor, body.project_id, body.image_ids, body.expert_ids)
    return AssignedOut(created=made)


@router.post("/assignments/withdrawals", openapi_extra=policy("assignment:withdraw"))
def withdraw_assignments(db: Writes, actor: CurrentActor, body: WithdrawalIn) -> WithdrawnOut:
    """No longer ask experts to read images. What they drew stays, and asking again brings it back; nothing learns from it.

    Submitted readings are not touched unless `submitted` says so.
    """
    named = (body.project_id, body.image_ids, body.expert_ids)
    return WithdrawnOut(withdrawn=rules.withdraw_reads(db, actor, *named, body.reason, submitted=body.submitted))


@router.get("/assignments/next", response_model=AssignmentOut | None, openapi_extra=policy("assignment:list"))
def get_next_assignment(
    db: Reads, actor: CurrentActor, project_id: UUID | None = None, after: UUID | None = None
) -> rules.AssignmentView | None:
    """Your next unfinished assignment after this one, from the top again at the end; null when all are submitted."""
    return rules.next_assignment(db, actor, project_id, after)


@router.get("/assignments/{assignment_id}", response_model=AssignmentOut, openapi_extra=policy("assignment:read"))
def get_assignment(db: Reads, actor: CurrentActor, assignment_id: UUID) -> rules.AssignmentView:
    """One assignment."""
    return rules.load_assignment(db, actor, assignment_id)


@router.post("/assignments/{assignment_id}/open", response_model=AssignmentOut, openapi_extra=policy("assignment:open"))
def open_assignment(request: Request, db: Writes, actor: CurrentActor, assignment_id: UUID) -> rules.AssignmentView:
    """Begin a reading: its segmentation exists from now on. Opening again changes nothing."""
    return rules.open_assignment(db, actor, request.app.state.blobs, assignment_id)
