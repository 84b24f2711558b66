"""Model versions and styles on the wire.

Fails closed: a reader of a blinded project sees their own styles only, because another's figures and counts would
tell who has finished. Promoting and rolling back ask for a reason and leave an audit event.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, JsonValue

State = Literal["candidate", "live", "retired"]


class ModelOut(BaseModel):
    """A model version: trained shared weights with their card."""

    id: UUID
    project_id: UUID
    number: int
    method: str
    state: State
    parent_id: UUID | None
    metrics: dict[str, JsonValue]
    card: dict[str, JsonValue]
    created_at: datetime
    job_id: UUID | None


class ModelPageOut(BaseModel):
    """Model versions, newest first."""

    items: list[ModelOut]
    next_cursor: str | None


class StyleOut(BaseModel):
    """One expert's style; `gate` holds the figures it was admitted or refused by, null where no gate applied."""

    id: UUID
    model_version_id: UUID
    project_id: UUID
    expert_id: UUID
    expert_name: str
    number: int
    state: State
    origin: Literal["consensus", "pretrained", "nearest", "row", "adapter"]
    label: str
    metrics: dict[str, JsonValue]
    gate: dict[str, JsonValue] | None
    parent_id: UUID | None
    is_live: bool
    created_at: datetime
    lineage_count: int
    job_id: UUID | None


class StylePageOut(BaseModel):
    """Styles, newest first."""

    items: list[StyleOut]
    next_cursor: str | None


class PromoteIn(BaseModel):
    """Why this version goes live; kept in the audit trail."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=1000)
