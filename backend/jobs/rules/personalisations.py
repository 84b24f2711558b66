"""What each expert's next personalisation waits for, told to people; the scheduler decides by the same function."""

from dataclasses import dataclass
from uuid import UUID

from backend.accounts.rules import Actor
from backend.database import AnySession
from backend.jobs.rules.decisions import Obstacle, obstacle, readings_missing
from backend.jobs.store import learning
from backend.models import rules as models
from backend.settings import Settings


@dataclass(frozen=True)
class NextPersonalisation:
    """An expert's submitted readings that no style has learnt from, and what keeps a personalisation from starting; None: nothing does.

    anew: readings behind the live style were withdrawn, and all that are left count.
    """

    expert_id: UUID
    expert_name: str
    changed: int
    accepted: int
    waits_for: Obstacle | None
    missing: int
    anew: bool


def list_next_personalisations(
    db: AnySession, actor: Actor, project_id: UUID, settings: Settings
) -> list[NextPersonalisation]:
    """One's own; everybody's for who runs the project. Nothing where nothing new was submitted or one is under way. Raises NotFound."""
    facts = models.project_facts(db, actor, project_id)
    runs_it = actor.is_admin or facts.role == "manager"
    names = learning.expert_names(db, project_id)
    after, every, quiet_seconds = (
        settings.personalise_after, settings.personalise_every, settings.personalise_quiet_seconds,
    )  # fmt: skip
    waiting = [
        NextPersonalisation(
            expert.expert_id,
            names.get(expert.expert_id, ""),
            expert.changed,
            expert.accepted,
            obstacle(expert, after, every, quiet_seconds),
            readings_missing(expert, after, every),
            expert.is_anew,
        )
        for expert in learning.due_experts(db, project_id)
        if runs_it or expert.expert_id == actor.expert_id
    ]
    return sorted(waiting, key=lambda one: one.expert_name)
