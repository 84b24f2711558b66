"""Model versions and styles on the wire.

Fails closed: a reader of a blinded project sees their own styles only, because another's figures and counts would
tell who has finished. Promoting and rolling back ask for a reason and leave an audit event.
"""

from collections.abc import Set
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Body, Query, Request, Response, status
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from backend.accounts.api import CurrentActor, Router, policy
from backend.database import Reads, Writes
from backend.models import rules
from backend.models.exchange import LIMIT_BYTES
from backend.models.rules import ModelVersion, StyleRow
from backend.paging import Cursor, Limit

router = Router(tags=["models"])

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


class CurvePointOut(BaseModel):
    """One personalisation: Dice in points on the expert's held-out corrections, beside its rivals on the same cases."""

    number: int
    readings: int
    dice: float
    live: float | None
    nearest: float | None
    consensus: float | None
    passed: bool


class ForecastOut(BaseModel):
    """reachable: in `more` further readings; far: beyond four times the present ones; beyond: the curve flattens below."""

    outlook: Literal["reached", "reachable", "far", "beyond", "unknown"]
    more: int | None
    ceiling: float | None
    spread: float | None


class LearningCurveOut(BaseModel):
    """One expert's curve on the live model version."""

    expert_id: UUID
    expert_name: str
    points: list[CurvePointOut]
    forecast: ForecastOut


class LearningCurvesOut(BaseModel):
    """The curves of the experts you may see, by name."""

    items: list[LearningCurveOut]


class PromoteIn(BaseModel):
    """Why this version goes live; kept in the audit trail."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=1000)


@router.get("/models", openapi_extra=policy("model:list"))
def list_models(
    db: Reads, actor: CurrentActor, project_id: UUID | None = None, cursor: Cursor = None, limit: Limit = 50
) -> ModelPageOut:
    """Model versions of your projects, newest first."""
    page = rules.list_models(db, actor, project_id, cursor, limit)
    return ModelPageOut(items=[_model(row) for row in page.items], next_cursor=page.next_cursor)


@router.post("/models/{model_id}/promote", openapi_extra=policy("model:promote"))
def promote_model(model_id: UUID, body: PromoteIn, db: Writes, actor: CurrentActor) -> ModelOut:
    """Make a model version live with the styles on it; promoting an older one rolls back."""
    return _model(rules.promote_model(db, actor, model_id, body.reason))


@router.get("/styles", openapi_extra=policy("style:list"))
def list_styles(
    db: Reads,
    actor: CurrentActor,
    project_id: UUID | None = None,
    expert_id: UUID | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> StylePageOut:
    """Styles you may see, newest first, with the figures they were admitted or refused by."""
    page = rules.list_styles(db, actor, project_id, expert_id, cursor, limit)
    named = rules.style_sight(db, actor).whole_projects
    return StylePageOut(items=[_style(row, named) for row in page.items], next_cursor=page.next_cursor)


@router.get("/learning-curves", openapi_extra=policy("style:list"))
def list_learning_curves(
    db: Reads,
    actor: CurrentActor,
    project_id: UUID,
    goal: Annotated[float, Query(gt=0, lt=100, description="Dice, in points")] = 90,
) -> LearningCurvesOut:
    """How each expert's style grew with their annotations, and how many more the curve asks for until the goal."""
    return LearningCurvesOut(
        items=[
            LearningCurveOut.model_validate(asdict(one)) for one in rules.learning_curves(db, actor, project_id, goal)
        ]
    )


@router.get(
    "/styles/{style_id}/file",
    openapi_extra=policy("style:export"),
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}, "description": "safetensors with a card."}},
)
def download_style(request: Request, db: Writes, actor: CurrentActor, style_id: UUID) -> Response:
    """A style as a safetensors file: a row of numbers, perhaps an adapter, and a card that names the network it fits."""
    name, content = rules.export_style(db, actor, request.app.state.blobs, style_id)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(content, media_type="application/octet-stream", headers=headers)


@router.post(
    "/projects/{project_id}/experts/{expert_id}/styles",
    status_code=status.HTTP_201_CREATED,
    openapi_extra=policy("style:import"),
)
def import_style(
    request: Request,
    db: Writes,
    actor: CurrentActor,
    project_id: UUID,
    expert_id: UUID,
    content: Annotated[bytes, Body(media_type="application/octet-stream", max_length=LIMIT_BYTES)],
) -> StyleOut:
    """Take in a style file as a candidate of this expert's; promote it to let it draw."""
    row = rules.import_style(db, actor, request.app.state.blobs, project_id, expert_id, content)
    return _style(row, rules.style_sight(db, actor).whole_projects)


@router.post("/styles/{style_id}/promote", openapi_extra=policy("style:promote"))
def promote_style(style_id: UUID, body: PromoteIn, db: Writes, actor: CurrentActor) -> StyleOut:
    """Make one style live; promoting an older one rolls back, instantly."""
    return _style(rules.promote_style(db, actor, style_id, body.reason), rules.style_sight(db, actor).whole_projects)


def _model(row: ModelVersion) -> ModelOut:
    return ModelOut.model_validate(
        {
            "id": row.id,
            "project_id": row.project_id,
            "number": row.number,
            "method": row.method,
            "state": row.state,
            "parent_id": row.parent_id,
            "metrics": row.metrics,
            "card": row.card,
            "created_at": row.created_at,
            "job_id": row.job_id,
        }
    )


def _style(row: StyleRow, named: Set[UUID]) -> StyleOut:
    """named: the projects in which this caller may learn of others."""
    style, blinded = row.style, row.style.project_id not in named
    return StyleOut.model_validate(
        {
            "id": style.id,
            "model_version_id": style.model_version_id,
            "project_id": style.project_id,
            "expert_id": style.expert_id,
            "expert_name": row.expert_name,
            "number": style.number,
            "state": style.state,
            "origin": style.origin,
            "label": rules.style_label(style, blinded=blinded),
            "metrics": rules.shown_metrics(style, blinded=blinded),
            "gate": style.gate,
            "parent_id": style.parent_id,
            "is_live": row.is_live,
            "created_at": style.created_at,
            "lineage_count": row.lineage_count,
            "job_id": style.job_id,
        }
    )
