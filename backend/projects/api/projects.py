"""Projects on the wire: settings, label set, members and experts.

Fails closed: a project one does not belong to answers 404 like one that does not exist, except to an admin.
"""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query, status
from pydantic import BaseModel, ConfigDict, Field

from backend.accounts.api import CurrentActor, Router, policy
from backend.accounts.rules import ProjectRole
from backend.database import Reads, Writes
from backend.paging import Cursor, Limit, Page
from backend.projects import rules

router = Router(prefix="/projects", tags=["projects"])

Name = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f]+$")]
Text = Annotated[str, Field(max_length=4000, pattern=r"^[^\x00]*$")]
Blinding = Literal["open", "until_own_submitted", "until_all_submitted", "until_settled"]
Prefill = Literal["before", "never"]


class PolicyOut(BaseModel):
    """How a project is read: until when readers see only their own work, and whether the model proposes first."""

    blinding: Blinding
    prefill: Prefill
    reads_per_image: int
    personalise: bool
    goal_dice: float


class PolicyIn(BaseModel):
    """A reading policy; what is left out keeps its value, in a new project the default."""

    model_config = ConfigDict(extra="forbid")

    blinding: Blinding = "until_all_submitted"
    prefill: Prefill = "before"
    reads_per_image: int = Field(1, ge=1, le=100)
    personalise: bool = True
    goal_dice: float = Field(
        90.0, ge=50, le=100, description="Dice, in points: when a propagated reading is good enough"
    )


class LabelOut(BaseModel):
    """One class of the label set; the value stands in the label map, colour is `#rrggbb`."""

    value: int
    name: str
    colour: str
    code_scheme: str | None
    code_value: str | None
    code_meaning: str | None


class LabelIn(BaseModel):
    """One class of the label set; the code is a DICOM coded concept, for example SCT 80891009 Heart."""

    model_config = ConfigDict(extra="forbid")

    value: int = Field(ge=1, le=255)
    name: Name
    colour: str = Field(pattern="^#[0-9a-f]{6}$")
    code_scheme: Annotated[str, Field(max_length=16)] | None = None
    code_value: Annotated[str, Field(max_length=64)] | None = None
    code_meaning: Annotated[str, Field(max_length=120)] | None = None


class LabelSetIn(BaseModel):
    """A whole label set; background is value 0 and is not listed."""

    model_config = ConfigDict(extra="forbid")

    labels: list[LabelIn] = Field(max_length=255)


class WorkCountsOut(BaseModel):
    """Images, and assignments with those submitted: of the whole project for who runs it, else your own."""

    images: int
    assignments: int
    submitted: int


class ProjectOut(BaseModel):
    """A project as you see it; `role` is null for an admin who is no member. `simulated`: no real expert's work."""

    id: UUID
    name: str
    description: str
    simulated: bool
    policy: PolicyOut
    labels: list[LabelOut]
    role: ProjectRole | None
    counts: WorkCountsOut
    created_at: datetime


class ProjectPageOut(BaseModel):
    """A page of projects, in order of name."""

    items: list[ProjectOut]
    next_cursor: str | None


class ProjectIn(BaseModel):
    """A new project; you become its manager."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    description: Text = ""
    policy: PolicyIn = Field(default_factory=PolicyIn)
    labels: list[LabelIn] = Field(default_factory=list, max_length=255)


class ProjectChangeIn(BaseModel):
    """What to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    description: Text | None = None
    policy: PolicyIn | None = None


class MemberOut(BaseModel):
    """A user and their role in the project."""

    user_id: UUID
    name: str
    display_name: str
    role: ProjectRole


class MemberPageOut(BaseModel):
    """A page of members, in order of name."""

    items: list[MemberOut]
    next_cursor: str | None


class MemberIn(BaseModel):
    """Which user gets which role; a user has one role per project."""

    model_config = ConfigDict(extra="forbid")

    user_id: UUID
    role: ProjectRole


class ProjectExpertOut(BaseModel):
    """An expert of the project, their assignments that are not withdrawn, and how many of these are submitted."""

    expert_id: UUID
    name: str
    user_id: UUID | None
    simulated: bool
    assignments: int
    submitted: int


class ProjectExpertPageOut(BaseModel):
    """A page of experts, in order of name."""

    items: list[ProjectExpertOut]
    next_cursor: str | None


class ProjectExpertIn(BaseModel):
    """Which expert to add; `assign` asks them at once to read every image of the project."""

    model_config = ConfigDict(extra="forbid")

    expert_id: UUID
    assign: bool = True


class RemovedExpertOut(BaseModel):
    """How many reads that were not submitted are withdrawn."""

    withdrawn: int


@router.get("", response_model=ProjectPageOut, openapi_extra=policy("project:list"))
def list_projects(db: Reads, actor: CurrentActor, cursor: Cursor = None, limit: Limit = 100) -> Page[rules.ProjectView]:
    """The projects you belong to, for an admin all of them."""
    return rules.list_projects(db, actor, cursor, limit)


@router.post("", response_model=ProjectOut, status_code=status.HTTP_201_CREATED, openapi_extra=policy("project:create"))
def create_project(db: Writes, actor: CurrentActor, body: ProjectIn) -> rules.ProjectView:
    """Create a project."""
    reading = rules.ReadingPolicy(**body.policy.model_dump())
    labels = [rules.LabelView(**label.model_dump()) for label in body.labels]
    return rules.create_project(db, actor, body.name, body.description, reading, labels)


@router.get("/{project_id}", response_model=ProjectOut, openapi_extra=policy("project:read"))
def get_project(db: Reads, actor: CurrentActor, project_id: UUID) -> rules.ProjectView:
    """One project."""
    return rules.load_project(db, actor, project_id)


@router.patch("/{project_id}", response_model=ProjectOut, openapi_extra=policy("project:update"))
def update_project(db: Writes, actor: CurrentActor, project_id: UUID, body: ProjectChangeIn) -> rules.ProjectView:
    """Change a project's name, description or reading policy."""
    changes = body.model_dump(exclude_unset=True, exclude_none=True)
    return rules.change_project(db, actor, project_id, changes)


@router.put("/{project_id}/labels", response_model=ProjectOut, openapi_extra=policy("project:update"))
def set_labels(db: Writes, actor: CurrentActor, project_id: UUID, body: LabelSetIn) -> rules.ProjectView:
    """Replace the label set; once a reading has begun, labels can be renamed and added but not removed."""
    return rules.set_labels(db, actor, project_id, [rules.LabelView(**label.model_dump()) for label in body.labels])


@router.get("/{project_id}/members", response_model=MemberPageOut, openapi_extra=policy("member:list"))
def list_members(
    db: Reads, actor: CurrentActor, project_id: UUID, cursor: Cursor = None, limit: Limit = 100
) -> Page[rules.MemberView]:
    """Who belongs to the project; in a blinded one only its managers may ask."""
    return rules.list_members(db, actor, project_id, cursor, limit)


@router.post("/{project_id}/members", response_model=MemberOut, openapi_extra=policy("member:create"))
def put_member(db: Writes, actor: CurrentActor, project_id: UUID, body: MemberIn) -> rules.MemberView:
    """Give a user a role in the project, in place of the one they had."""
    return rules.put_member(db, actor, project_id, body.user_id, body.role)


@router.delete(
    "/{project_id}/members/{user_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    openapi_extra=policy("member:delete"),
)
def remove_member(db: Writes, actor: CurrentActor, project_id: UUID, user_id: UUID) -> None:
    """Take a user out of the project; what they drew stays."""
    rules.remove_member(db, actor, project_id, user_id)


@router.get("/{project_id}/experts", response_model=ProjectExpertPageOut, openapi_extra=policy("project:read"))
def list_project_experts(
    db: Reads, actor: CurrentActor, project_id: UUID, cursor: Cursor = None, limit: Limit = 100
) -> Page[rules.ExpertView]:
    """The project's experts and how far they are; a reader of a blinded project sees only themself."""
    return rules.list_experts(db, actor, project_id, cursor, limit)


@router.post("/{project_id}/experts", response_model=ProjectExpertOut, openapi_extra=policy("project:update"))
def add_project_expert(db: Writes, actor: CurrentActor, project_id: UUID, body: ProjectExpertIn) -> rules.ExpertView:
    """Add an expert to the project; their user becomes a reader."""
    return rules.put_expert(db, actor, project_id, body.expert_id, body.assign)


@router.delete("/{project_id}/experts/{expert_id}", openapi_extra=policy("assignment:withdraw"))
def remove_project_expert(
    db: Writes,
    actor: CurrentActor,
    project_id: UUID,
    expert_id: UUID,
    reason: Annotated[str, Query(max_length=1000, description="Why, for the audit.")] = "",
) -> RemovedExpertOut:
    """Take an expert out of the project: reads they have not submitted are withdrawn; what they drew and their styles stay."""
    return RemovedExpertOut(withdrawn=rules.remove_expert(db, actor, project_id, expert_id, reason))
