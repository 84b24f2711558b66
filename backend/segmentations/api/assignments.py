"""Assignments on the wire: who is asked to read what, and opening it.

They are served here and not by `projects` because opening one makes a segmentation and each names the prediction
it would begin from. Fails closed: a reader sees their own; a manager sees another's only where nothing is blinded.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from backend.accounts.api import CurrentActor, Router, policy
from backend.database import Reads, Writes
from backend.paging import Cursor, Limit, Page
from backend.projects import rules as projects
from backend.segmentations import rules

router = Router(prefix="/assignments", tags=["assignments"])

State = Literal["assigned", "opened", "drafting", "submitted", "withdrawn"]


class PredictionOut(BaseModel):
    """The proposal to begin from: a model's revision in the expert's own style."""

    revision_id: UUID
    segmentation_id: UUID
    style_id: UUID
    style_label: str


class AssignmentOut(BaseModel):
    """One expert asked to read one image. `image_dims` is [nx, ny, nz]; `segmentation_id` is null until it is opened."""

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
    updated_at: datetime


class AssignmentPageOut(BaseModel):
    """A page of assignments, in reading order."""

    items: list[AssignmentOut]
    next_cursor: str | None


class AssignmentsIn(BaseModel):
    """Which experts are asked to read which images; null means every image of the project."""

    model_config = ConfigDict(extra="forbid")

    project_id: UUID
    image_ids: list[UUID] | None = Field(None, max_length=10_000)
    expert_ids: list[UUID] = Field(min_length=1, max_length=1000)


class AssignedOut(BaseModel):
    """How many assignments are new."""

    created: int


@router.get("", response_model=AssignmentPageOut, openapi_extra=policy("assignment:list"))
def list_assignments(
    db: Reads,
    actor: CurrentActor,
    project_id: UUID | None = None,
    state: State | None = None,
    expert_id: UUID | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[rules.AssignmentView]:
    """Your own assignments in reading order; a manager of an unblinded project may name another expert."""
    return rules.list_assignments(db, actor, project_id, state, expert_id, cursor, limit)


@router.post("", openapi_extra=policy("assignment:create"))
def create_assignments(db: Writes, actor: CurrentActor, body: AssignmentsIn) -> AssignedOut:
    """Ask experts of a project to read images; those already asked stay as they are."""
    made = projects.assign_images(db, actor, body.project_id, body.image_ids, body.expert_ids)
    return AssignedOut(created=made)


@router.get("/next", response_model=AssignmentOut | None, openapi_extra=policy("assignment:list"))
def get_next_assignment(
    db: Reads, actor: CurrentActor, project_id: UUID | None = None, after: UUID | None = None
) -> rules.AssignmentView | None:
    """Your next unfinished assignment after this one, from the top again at the end; null when all are submitted."""
    return rules.next_assignment(db, actor, project_id, after)


@router.get("/{assignment_id}", response_model=AssignmentOut, openapi_extra=policy("assignment:read"))
def get_assignment(db: Reads, actor: CurrentActor, assignment_id: UUID) -> rules.AssignmentView:
    """One assignment."""
    return rules.load_assignment(db, actor, assignment_id)


@router.post("/{assignment_id}/open", response_model=AssignmentOut, openapi_extra=policy("assignment:open"))
def open_assignment(request: Request, db: Writes, actor: CurrentActor, assignment_id: UUID) -> rules.AssignmentView:
    """Begin a reading: its segmentation exists from now on. Opening again changes nothing."""
    return rules.open_assignment(db, actor, request.app.state.blobs, assignment_id)
