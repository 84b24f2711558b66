"""Withdrawn readings: refused while a job still learns from them, and named where something has learnt from them before."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from backend.accounts.rules import Actor
from backend.database import AnySession
from backend.errors import Conflict
from backend.jobs.rules.queue import Claimed
from backend.jobs.store import withdrawals as store
from backend.models import rules as models


class ReadingWithdrawn(Conflict):
    """A reading that this learnt from was withdrawn meanwhile."""

    code = store.READING_WITHDRAWN


@dataclass(frozen=True)
class WithdrawnBehind:
    """A model version or style, and how many of the readings behind it were withdrawn since, of how many patients; the last one when."""

    kind: Literal["model", "style"]
    id: UUID
    readings: int
    patients: int
    withdrawn_at: datetime


def refuse_withdrawn(db: AnySession, job: Claimed, revision_ids: Iterable[UUID]) -> None:
    """Raises ReadingWithdrawn where somebody withdrew one of these readings while the job learnt from it.

    What the scheduler began it begins again by itself (`store.learning.due_experts`).
    """
    if store.is_any_withdrawn(db, revision_ids):
        begins_again = job.kind == "personalise" and job.owner_id is None
        raise ReadingWithdrawn(
            "A reading that this learnt from was withdrawn meanwhile, so nothing was published.",
            remedy="Nothing is to be done: a personalisation without it begins by itself, as soon as enough corrected readings are there."
            if begins_again
            else "Start the job again; it does without that reading.",
        )


def list_withdrawn_behind(db: AnySession, actor: Actor, project_id: UUID) -> list[WithdrawnBehind]:
    """What in a project has withdrawn readings behind it, as far as the caller may see versions and styles. Raises NotFound."""
    models.project_facts(db, actor, project_id)
    sight = models.style_sight(db, actor).within(project_id)
    return [
        *(WithdrawnBehind("model", *row) for row in store.behind_versions(db, sight.whole_projects)),
        *(WithdrawnBehind("style", *row) for row in store.behind_styles(db, sight)),
    ]
