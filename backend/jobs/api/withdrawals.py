"""What learnt from readings that were withdrawn since, on the wire."""

from dataclasses import asdict
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from backend.accounts.api import CurrentActor, Router, policy
from backend.database import Reads
from backend.jobs import rules

router = Router(tags=["models"])


class WithdrawnBehindOut(BaseModel):
    """A model version or style some of whose readings, those it learnt from or was judged by, were withdrawn since.

    readings, patients: how many were withdrawn, and of how many patients. withdrawn_at: the last of them.
    """

    kind: Literal["model", "style"]
    id: UUID
    readings: int
    patients: int
    withdrawn_at: datetime


class WithdrawnBehindListOut(BaseModel):
    """As far as you may see versions and styles; in a blinded project only your own readings count."""

    items: list[WithdrawnBehindOut]


@router.get("/withdrawn-lineage", openapi_extra=policy("style:list"))
def list_withdrawn_lineage(db: Reads, actor: CurrentActor, project_id: UUID) -> WithdrawnBehindListOut:
    """Which model versions and styles have withdrawn readings behind them. A read asked for again no longer counts."""
    found = rules.list_withdrawn_behind(db, actor, project_id)
    return WithdrawnBehindListOut(items=[WithdrawnBehindOut.model_validate(asdict(one)) for one in found])
