"""Assignments with what a worklist shows beside them, the prediction to begin from included.

The prediction passes the same blinding predicate as any other segmentation. Of several the live style's is taken,
else the newest: right after a roll-back the live style's older drawing is the right one.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, case, func, literal, select, true, tuple_, update
from sqlalchemy.orm import aliased

from backend.accounts.store import ExpertRow
from backend.database import AnySession, WriteSession
from backend.models.store import LiveStyle, Style
from backend.projects.store import Assignment, Project
from backend.segmentations.store.sight import Sight, visible
from backend.segmentations.store.tables import Revision, Segmentation
from backend.studies.store import Image


@dataclass(frozen=True)
class AssignmentRow:
    """An assignment, and the revision and style of the prediction its reader may begin from."""

    assignment: Assignment
    project: Project
    image: Image
    expert: ExpertRow
    revision: Revision | None
    style: Style | None


def assignment_rows(
    db: AnySession,
    sight: Sight,
    *,
    assignment_id: UUID | None = None,
    user_id: UUID | None = None,
    expert_id: UUID | None = None,
    project_id: UUID | None = None,
    states: Sequence[str] = (),
    after: tuple[UUID, int, UUID] | None = None,
    limit: int = 1,
) -> list[AssignmentRow]:
    """Assignments in reading order, project by project. sight: the caller's, for the prediction."""
    query = _rows().order_by(Assignment.project_id, Assignment.position, Assignment.id).limit(limit)
    for column, value in (
        (Assignment.id, assignment_id),
        (ExpertRow.user_id, user_id),
        (Assignment.expert_id, expert_id),
        (Assignment.project_id, project_id),
    ):
        if value is not None:
            query = query.where(column == value)
    if states:
        query = query.where(Assignment.state.in_(states))
    if after is not None:
        place = tuple_(*(literal(part) for part in after))
        query = query.where(tuple_(Assignment.project_id, Assignment.position, Assignment.id) > place)
    return [AssignmentRow(*row) for row in db.execute(query, sight.params)]


def next_assignment(
    db: AnySession,
    sight: Sight,
    project_id: UUID | None,
    after: tuple[UUID, int, UUID] | None,
) -> AssignmentRow | None:
    """A user's first unfinished assignment after a place, else the first of all; never the one at that place."""
    place = tuple_(Assignment.project_id, Assignment.position, Assignment.id)
    query = _rows().where(ExpertRow.user_id == sight.user_id, Assignment.state.in_(("assigned", "opened", "drafting")))
    for bound in (project_id, sight.only):
        if bound is not None:
            query = query.where(Assignment.project_id == bound)
    order: list[Any] = [Assignment.project_id, Assignment.position, Assignment.id]
    if after is not None:
        here = tuple_(*(literal(part) for part in after))
        query = query.where(Assignment.id != after[2])
        order.insert(0, case((place > here, 0), else_=1))
    row = db.execute(query.order_by(*order).limit(1), sight.params).one_or_none()
    return AssignmentRow(*row) if row else None


def place_of(db: AnySession, assignment_id: UUID, user_id: UUID) -> tuple[UUID, int, UUID] | None:
    """Where one of a user's assignments stands in the reading order."""
    row = db.execute(
        select(Assignment.project_id, Assignment.position, Assignment.id)
        .join(ExpertRow, ExpertRow.id == Assignment.expert_id)
        .where(Assignment.id == assignment_id, ExpertRow.user_id == user_id)
    ).one_or_none()
    return (row[0], row[1], row[2]) if row else None


def set_assignment_state(db: WriteSession, assignment_id: UUID, state: str, segmentation_id: UUID) -> None:
    """Move an assignment on, keeping when it was first opened and last submitted."""
    changes: dict[str, Any] = {"state": state, "segmentation_id": segmentation_id}
    if state == "opened":
        changes["opened_at"] = func.coalesce(Assignment.opened_at, func.now())
    if state == "submitted":
        changes["submitted_at"] = func.now()
    db.execute(update(Assignment).where(Assignment.id == assignment_id).values(changes))


@functools.cache
def _rows() -> Select[Assignment, Project, Image, ExpertRow, Revision, Style]:
    live = select(LiveStyle.style_id).where(
        LiveStyle.project_id == Segmentation.project_id, LiveStyle.expert_id == Segmentation.expert_id
    )
    is_live = Segmentation.style_id == live.correlate(Segmentation).scalar_subquery()
    best = (
        select(Segmentation.head_revision_id, Segmentation.style_id)
        .where(
            Segmentation.project_id == Assignment.project_id,
            Segmentation.image_id == Assignment.image_id,
            Segmentation.expert_id == Assignment.expert_id,
            Segmentation.author == "model",
            visible(),
        )
        .order_by(func.coalesce(is_live, False).desc(), Segmentation.created_at.desc())
        .limit(1)
        .correlate(Assignment)
        .lateral("best")
    )
    drawn, style = aliased(Revision), aliased(Style)
    return (
        select(Assignment, Project, Image, ExpertRow, drawn, style)
        .join(Project, Project.id == Assignment.project_id)
        .join(Image, Image.id == Assignment.image_id)
        .join(ExpertRow, ExpertRow.id == Assignment.expert_id)
        .outerjoin(best, true())
        .outerjoin(drawn, drawn.id == best.c.head_revision_id)
        .outerjoin(style, style.id == best.c.style_id)
    )
