"""Streams on the wire: how well an expert's branch drew each case before it learnt from it, and what it has forgotten."""

from dataclasses import asdict
from uuid import UUID

from pydantic import BaseModel

from backend.accounts.api import CurrentActor, Router, policy
from backend.database import Reads
from backend.jobs import rules

router = Router(tags=["models"])


class StreamCaseOut(BaseModel):
    """One finished case, Dice in points against what was submitted.

    prequential, live: of the branch and of the live style as they were before any label of this patient was used; null where either knew
    the patient. after: of the branch once it had learnt from the case. forgetting: mean over the first five cases of `after` minus
    what the branch draws of them now.
    """

    number: int
    prequential: float | None
    live: float | None
    after: float | None
    forgetting: float | None


class StreamOut(BaseModel):
    """One expert's finished cases, in the order their branch met them."""

    expert_id: UUID
    expert_name: str
    cases: list[StreamCaseOut]


class StreamsOut(BaseModel):
    """Your own stream; for who runs the project, everybody's."""

    items: list[StreamOut]


@router.get("/streams", openapi_extra=policy("style:list"))
def list_streams(db: Reads, actor: CurrentActor, project_id: UUID) -> StreamsOut:
    """How each stream of finished cases went: the branch's prequential Dice and its forgetting."""
    return StreamsOut(
        items=[StreamOut.model_validate(asdict(one)) for one in rules.list_streams(db, actor, project_id)]
    )
