"""Jobs on the wire, and the one stream of server-sent events.

Fails closed: a job or event about an expert is told to that expert, to the project's managers, and to other members
only where the project is not blinded. A caller who may not know a job exists gets the 404 of a random id.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue

JobKind = Literal["pretrain", "personalise", "predict", "import", "export", "evaluate", "propagate", "interact"]
JobState = Literal["queued", "running", "done", "failed", "cancelled"]


class JobIn(BaseModel):
    """What to do, for which project. `import` jobs are made by `POST /imports`."""

    model_config = ConfigDict(extra="forbid")

    kind: JobKind
    project_id: UUID
    expert_id: UUID | None = None
    params: dict[str, JsonValue] = Field(default_factory=dict)


class PredictionIn(BaseModel):
    """In whose style to predict."""

    model_config = ConfigDict(extra="forbid")

    project_id: UUID
    expert_id: UUID


class ProgressOut(BaseModel):
    """How far a running job is; `seconds_left` is null until it can be estimated."""

    step: int
    steps: int
    phase: str
    seconds_left: float | None
    message: str


class JobErrorOut(BaseModel):
    """Why a job failed, for the person who can act."""

    code: str
    message: str
    remedy: str


class JobOut(BaseModel):
    """A job; `queue_position` counts from 1 (next) and is null unless the job is queued."""

    id: UUID
    kind: JobKind
    state: JobState
    queue: Literal["interactive", "training"]
    project_id: UUID | None
    expert_id: UUID | None
    owner_id: UUID | None
    params: dict[str, JsonValue]
    attempt: int
    cancel_requested: bool
    progress: ProgressOut | None
    result: dict[str, JsonValue] | None
    error: JobErrorOut | None
    queue_position: int | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobPageOut(BaseModel):
    """A page of jobs, newest first."""

    items: list[JobOut]
    next_cursor: str | None


class MetricOut(BaseModel):
    """One figure of a job's curve; `seq` is what `?after=` takes."""

    seq: int
    attempt: int
    step: int
    name: str
    value: float


class MetricPageOut(BaseModel):
    """Figures in order."""

    items: list[MetricOut]
