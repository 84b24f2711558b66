"""Who is asked to read what: asking, withdrawing, and taking an expert out of a project.

Withdrawing takes a read off its reader's list and out of every count; what was drawn stays, with all its revisions, and
asking again brings it back. A submitted reading is never withdrawn. In a blinded project a withdrawal can complete a
panel: readings show once everybody who is still asked has submitted.
"""

from collections.abc import Sequence
from uuid import UUID

from backend import audit
from backend.accounts.rules import Actor
from backend.database import WriteSession
from backend.errors import Invalid, NotFound
from backend.events import notify
from backend.projects import store
from backend.projects.rules.projects import authorize_in


def assign_images(
    db: WriteSession, actor: Actor, project_id: UUID, image_ids: Sequence[UUID] | None, expert_ids: Sequence[UUID]
) -> int:
    """Ask experts of a project to read some of its images (None: all), withdrawn reads included; returns how many are new."""
    _check_named(db, actor, "create", project_id, image_ids, expert_ids)
    made = store.assign(db, project_id, image_ids, expert_ids)
    new = {"experts": list(expert_ids), "assignments": made}
    audit.record(db, actor, "C", "assignment", None, project_id=project_id, new=new)
    _tell(db, project_id)
    return made


def withdraw_reads(
    db: WriteSession,
    actor: Actor,
    project_id: UUID,
    image_ids: Sequence[UUID] | None,
    expert_ids: Sequence[UUID],
    reason: str,
) -> int:
    """No longer ask experts to read some of a project's images (None: all); returns how many reads that took back.

    Submitted ones stay. Raises Invalid for an expert or an image that is not the project's.
    """
    _check_named(db, actor, "withdraw", project_id, image_ids, expert_ids)
    withdrawn = store.withdraw(db, project_id, image_ids, expert_ids)
    for assignment_id in withdrawn:
        audit.record(
            db,
            actor,
            "U",
            "assignment",
            assignment_id,
            project_id=project_id,
            new={"state": "withdrawn"},
            reason=reason,
        )
    _tell(db, project_id)
    return len(withdrawn)


def remove_expert(db: WriteSession, actor: Actor, project_id: UUID, expert_id: UUID, reason: str) -> int:
    """Take an expert out of a project: reads they have not submitted are withdrawn, what they drew and their styles stay.

    Their user stays a member. Returns how many reads were withdrawn. Raises NotFound for an expert who is not in it.
    """
    authorize_in(db, actor, "withdraw", "assignment", project_id)
    if not store.is_project_expert(db, project_id, expert_id):
        raise NotFound
    withdrawn = withdraw_reads(db, actor, project_id, None, [expert_id], reason)
    store.remove_project_expert(db, project_id, expert_id)
    old = {"expert": expert_id, "withdrawn": withdrawn}
    audit.record(db, actor, "U", "project", project_id, project_id=project_id, old=old, reason=reason)
    return withdrawn


def _check_named(
    db: WriteSession,
    actor: Actor,
    action: str,
    project_id: UUID,
    image_ids: Sequence[UUID] | None,
    expert_ids: Sequence[UUID],
) -> None:
    authorize_in(db, actor, action, "assignment", project_id)
    for expert_id in expert_ids:
        if not store.is_project_expert(db, project_id, expert_id):
            raise Invalid(f"Expert {expert_id} does not belong to this project; add the expert first.")
    for image_id in image_ids or ():
        if not store.is_project_image(db, project_id, image_id):
            raise Invalid(f"Image {image_id} does not belong to this project; add the image first.")


def _tell(db: WriteSession, project_id: UUID) -> None:
    notify(db, {"type": "assignment", "id": None, "project_id": project_id})
