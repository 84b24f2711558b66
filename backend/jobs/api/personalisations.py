"""Personalisations to come on the wire: why the next one has not started yet."""

from dataclasses import asdict
from typing import Literal
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel

from backend.accounts.api import CurrentActor, Router, policy, settings_of
from backend.database import Reads
from backend.jobs import rules

router = Router(tags=["models"])


class NextPersonalisationOut(BaseModel):
    """An expert's submitted readings that no style of theirs has learnt from, and what the next personalisation waits for.

    changed: readings corrected; accepted: those submitted exactly as predicted, which count half. waits_for: "correction" where
    all were accepted, for accepting alone teaches nothing and starts no personalisation; "more", `missing` further corrected
    readings; "quiet", a pause in submitting; null, only its turn. anew: readings behind the live style were withdrawn, so that a style
    is learnt without them, and all readings that are left count.
    """

    expert_id: UUID
    expert_name: str
    changed: int
    accepted: int
    waits_for: Literal["correction", "more", "quiet"] | None
    missing: int
    anew: bool


class NextPersonalisationsOut(BaseModel):
    """Your own; for who runs the project, everybody's. Nobody is listed without new readings or while one is under way."""

    items: list[NextPersonalisationOut]


@router.get("/next-personalisations", openapi_extra=policy("style:list"))
def list_next_personalisations(
    request: Request, db: Reads, actor: CurrentActor, project_id: UUID
) -> NextPersonalisationsOut:
    """Why no personalisation has started by itself yet, expert by expert."""
    found = rules.list_next_personalisations(db, actor, project_id, settings_of(request))
    return NextPersonalisationsOut(items=[NextPersonalisationOut.model_validate(asdict(one)) for one in found])
