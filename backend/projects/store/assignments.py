"""Queries on assignments: asking, withdrawing, counting."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import (
    case,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from backend.accounts.store import ExpertRow
from backend.database import AnySession, WriteSession
from backend.projects.store.tables import (
    Assignment,
    ProjectExpert,
    ProjectImage,
)

# Assignments


def assign(
    db: WriteSession, project_id: UUID, image_ids: Sequence[UUID] | None, expert_ids: Sequence[UUID] | None
) -> int:
    """Ask experts to read images of the project, where they are not asked now; returns how many assignments are new or back.

    image_ids None: all images of the project. expert_ids None: all its experts that have an account.
    """
    pairs = (
        select(ProjectImage.project_id, ProjectImage.image_id, ProjectExpert.expert_id, ProjectImage.position)
        .join(ProjectExpert, ProjectExpert.project_id == ProjectImage.project_id)
        .join(ExpertRow, ExpertRow.id == ProjectExpert.expert_id)
        .where(ProjectImage.project_id == project_id)
    )
    if image_ids is not None:
        pairs = pairs.where(ProjectImage.image_id.in_(image_ids))
    pairs = pairs.where(ExpertRow.user_id.is_not(None) if expert_ids is None else ExpertRow.id.in_(expert_ids))
    row = insert(Assignment).from_select(["project_id", "image_id", "expert_id", "position"], pairs)
    again = row.on_conflict_do_update(
        index_elements=["project_id", "image_id", "expert_id"],
        set_={
            "state": case((Assignment.segmentation_id.is_(None), "assigned"), else_="drafting"),
            "updated_at": func.now(),
        },
        where=Assignment.state == "withdrawn",
    )
    return len(db.scalars(again.returning(Assignment.id)).all())


def withdraw(
    db: WriteSession, project_id: UUID, image_ids: Sequence[UUID] | None, expert_ids: Sequence[UUID]
) -> list[UUID]:
    """Take back the assignments of these experts (image_ids None: of all images) that are not submitted; returns them."""
    query = update(Assignment).where(
        Assignment.project_id == project_id,
        Assignment.expert_id.in_(expert_ids),
        Assignment.state.not_in(("submitted", "withdrawn")),
    )
    if image_ids is not None:
        query = query.where(Assignment.image_id.in_(image_ids))
    return list(db.scalars(query.values(state="withdrawn").returning(Assignment.id)))


def lock_assignment(db: WriteSession, assignment_id: UUID) -> Assignment | None:
    """The assignment, locked against a second opening until this transaction ends."""
    return db.scalar(select(Assignment).where(Assignment.id == assignment_id).with_for_update())


def ensure_assignment(db: WriteSession, project_id: UUID, image_id: UUID, expert_id: UUID) -> Assignment:
    """The assignment of this expert for this image of the project, made if need be, locked until this transaction ends."""
    assign(db, project_id, [image_id], [expert_id])
    query = select(Assignment).where(
        Assignment.project_id == project_id, Assignment.image_id == image_id, Assignment.expert_id == expert_id
    )
    return db.scalars(query.with_for_update()).one()


def count_of_expert(db: AnySession, project_id: UUID, expert_id: UUID) -> tuple[int, int]:
    """An expert's assignments not withdrawn, and how many of them are submitted."""
    query = select(func.count(), func.count().filter(Assignment.state == "submitted")).where(
        Assignment.project_id == project_id, Assignment.expert_id == expert_id, Assignment.state != "withdrawn"
    )
    made, submitted = db.execute(query).one()
    return made, submitted


def is_read(db: AnySession, project_id: UUID) -> bool:
    """Whether any reading of this project has begun."""
    begun = select(Assignment.id).where(Assignment.project_id == project_id, Assignment.segmentation_id.is_not(None))
    return db.scalar(begun.limit(1)) is not None
