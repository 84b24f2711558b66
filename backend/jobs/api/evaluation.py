"""Evaluations on the wire: how the live styles do on readings that nothing has learnt from, beside the controls."""

from dataclasses import asdict
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from backend.accounts.api import CurrentActor, Router, policy
from backend.database import Reads
from backend.jobs import rules

router = Router(tags=["models"])


class IntervalOut(BaseModel):
    """A mean over patients with its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float


class AgreementOut(BaseModel):
    """How like the expert's own readings, on `cases` of them; dice in points, distances in the row's unit.

    one_empty: labels that one of the two maps has and the other has not; their distance counts as the image's diagonal.
    """

    cases: int
    one_empty: int
    dice: IntervalOut
    assd: IntervalOut
    hd95: IntervalOut


class LeadOut(IntervalOut):
    """Live minus a control in Dice points, paired by patient; p: Wilcoxon signed-rank after Holm over the evaluation."""

    p: float


class EvaluatedOut(BaseModel):
    """One expert's live style on their own unseen readings.

    candidates: `live`, and as controls `nearest` (the closest colleague's untrained row), `average` (the mean of all rows) and
    `others` (the majority of three other readers or more). assisted: readings that were drawn over a prediction, which flatters it.
    """

    expert_id: UUID
    expert_name: str
    style_id: UUID
    patients: int
    cases: int
    assisted: int
    unit: Literal["mm", "px"]
    candidates: dict[Literal["live", "nearest", "average", "others"], AgreementOut]
    leads: dict[Literal["nearest", "average", "others"], LeadOut]


class EvaluationOut(BaseModel):
    """A finished `evaluate` job's table."""

    job_id: UUID
    model_version_id: UUID
    finished_at: datetime
    experts: list[EvaluatedOut]


class NewestEvaluationOut(BaseModel):
    """The project's newest evaluation; null before there is one. Ask for one with POST /jobs, kind `evaluate`."""

    evaluation: EvaluationOut | None


@router.get("/evaluations", openapi_extra=policy("style:list"))
def load_newest_evaluation(db: Reads, actor: CurrentActor, project_id: UUID) -> NewestEvaluationOut:
    """How each live style does on submitted readings it has not learnt from. A reader of a blinded project finds their own alone."""
    found = rules.newest_evaluation(db, actor, project_id)
    return NewestEvaluationOut(evaluation=None if found is None else EvaluationOut.model_validate(asdict(found)))
