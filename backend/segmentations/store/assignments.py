"""Assignments with what a worklist shows beside them, the prediction to begin from included.

The prediction passes the same blinding predicate as any other segmentation. Of several the live style's is taken,
else the newest: right after a roll-back the live style's older drawing is the right one.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, and_, case, func, literal, select, text, true, tuple_, update
from sqlalchemy.orm import aliased

from backend.accounts.store import ExpertRow
from backend.database import AnySession, WriteSession
from backend.models.store import LiveStyle, Style
from backend.projects.store import Assignment, Project, ProjectImage
from backend.segmentations.store.sight import Sight, visible
from backend.segmentations.store.tables import Revision, Segmentation
from backend.studies.store import Image


@dataclass(frozen=True)
class AssignmentRow:
    """An assignment, and the revision and style of the prediction its reader may begin from.

    live: the style that draws for its expert now. reading, helper: the head of its own reading, and whose help it had.
    """

    assignment: Assignment
    project: Project
    image: Image
    expert: ExpertRow
    revision: Revision | None
    style: Style | None
    live: Style | None
    reading: Revision | None
    helper: Style | None


@dataclass(frozen=True)
class Wanted:
    """Which assignments a list asks for; None and () ask for all. name: part of the image's name, in any case."""

    user_id: UUID | None = None
    expert_id: UUID | None = None
    project_id: UUID | None = None
    states: Sequence[str] = ()
    modality: str | None = None
    name: str | None = None


# Sort → (columns of the keyset, newest first). Each ends in the id, so that no two places are equal.
ORDERS: Final[dict[str, tuple[tuple[Any, ...], bool]]] = {
    "order": ((Assignment.project_id, Assignment.position, Assignment.id), False),
    "name": ((Image.name, Assignment.id), False),
    "updated": ((Assignment.updated_at, Assignment.id), True),
}


def place_in(row: AssignmentRow, sort: str) -> tuple[Any, ...]:
    """A row's sort key: what the next page's cursor says."""
    return tuple(getattr(row.image if column.class_ is Image else row.assignment, column.key)
                 for column in ORDERS[sort][0])  # fmt: skip


def list_assignments(
    db: AnySession, sight: Sight, wanted: Wanted, sort: str, after: tuple[Any, ...] | None, limit: int
) -> list[AssignmentRow]:
    """A page of a worklist. The page is cut on narrow rows first: what is shown beside them is looked up for it alone."""
    columns, newest_first = ORDERS[sort]
    _plan_for_what_is_asked(db)
    query = _wanted(select(Assignment.id), wanted)
    if after is not None:
        here, key = tuple_(*(literal(part) for part in after)), tuple_(*columns)
        query = query.where(key < here if newest_first else key > here)
        if (
            not newest_first
        ):  # said once more of the first column alone: an index serves it where the key is of two tables
            query = query.where(columns[0] >= literal(after[0]))
    order = [column.desc() for column in columns] if newest_first else list(columns)
    ids = list(db.scalars(query.order_by(*order).limit(limit)))
    rows = {row[0].id: AssignmentRow(*row) for row in db.execute(_rows().where(Assignment.id.in_(ids)), sight.params)}
    return [rows[found] for found in ids if found in rows]


def count_assignments(db: AnySession, wanted: Wanted) -> list[tuple[UUID, str, str, int]]:
    """How many there are by project, modality and state."""
    _plan_for_what_is_asked(db)
    by = (Assignment.project_id, Image.modality, Assignment.state)
    counted: Any = select(*by, func.count())
    query = _wanted(counted, wanted).group_by(*by).order_by(*by)
    return [(row[0], row[1], row[2], row[3]) for row in db.execute(query)]


def _plan_for_what_is_asked(db: AnySession) -> None:
    """For the rest of this transaction: no plan that was made for another search, filter or page (200 ms for 1 at 10⁵ reads)."""
    db.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))


def _wanted(query: Select[Any], wanted: Wanted) -> Select[Any]:
    query = query.select_from(Assignment).join(Image, Image.id == Assignment.image_id)
    if wanted.user_id is not None:  # a scalar, so that the index of the reading order serves it
        mine = select(ExpertRow.id).where(ExpertRow.user_id == wanted.user_id).scalar_subquery()
        query = query.where(Assignment.expert_id == mine)
    for column, value in (
        (Assignment.expert_id, wanted.expert_id),
        (Assignment.project_id, wanted.project_id),
        (Image.modality, wanted.modality),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.states:
        query = query.where(Assignment.state.in_(wanted.states))
    if wanted.name:
        query = query.where(Image.name.icontains(wanted.name, autoescape=True))
    return query


def find_row(db: AnySession, sight: Sight, assignment_id: UUID) -> AssignmentRow | None:
    """One assignment. sight: the caller's, for the prediction."""
    row = db.execute(_rows().where(Assignment.id == assignment_id), sight.params).one_or_none()
    return AssignmentRow(*row) if row else None


@dataclass(frozen=True)
class ProgressRow:
    """One image of a project, and who is asked to read it: (expert, state, assignment)."""

    image: Image
    position: int
    readings: list[tuple[UUID, str, UUID]]


def progress_of(db: AnySession, project_id: UUID, after: tuple[int, UUID] | None, limit: int) -> list[ProgressRow]:
    """A project's images in reading order with their assignments that are not withdrawn."""
    place = tuple_(ProjectImage.position, ProjectImage.image_id)
    query = (
        select(Image, ProjectImage.position)
        .join(ProjectImage, ProjectImage.image_id == Image.id)
        .where(ProjectImage.project_id == project_id)
        .order_by(ProjectImage.position, ProjectImage.image_id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(place > tuple_(*(literal(part) for part in after)))
    rows = {image.id: ProgressRow(image, position, []) for image, position in db.execute(query)}
    asked = select(Assignment.image_id, Assignment.expert_id, Assignment.state, Assignment.id).where(
        Assignment.project_id == project_id, Assignment.image_id.in_(rows), Assignment.state != "withdrawn"
    )
    for image_id, expert_id, state, assignment_id in db.execute(asked):
        rows[image_id].readings.append((expert_id, state, assignment_id))
    return list(rows.values())


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


def set_assignment_state(db: WriteSession, assignment_id: UUID, state: str, segmentation_id: UUID) -> bool:
    """Move an assignment on, keeping when it was first opened and last submitted; False for one withdrawn meanwhile, which stays so."""
    changes: dict[str, Any] = {"state": state, "segmentation_id": segmentation_id}
    if state == "opened":
        changes["opened_at"] = func.coalesce(Assignment.opened_at, func.now())
    if state == "submitted":
        changes["submitted_at"] = func.now()
    asked = update(Assignment).where(Assignment.id == assignment_id, Assignment.state != "withdrawn")
    return db.scalar(asked.values(changes).returning(Assignment.id)) is not None


@functools.cache
def _rows() -> Select[Assignment, Project, Image, ExpertRow, Revision, Style, Style, Revision, Style]:
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
    drawn, style, now = aliased(Revision), aliased(Style), aliased(Style)
    own, reading, helper = aliased(Segmentation), aliased(Revision), aliased(Style)
    here = and_(LiveStyle.project_id == Assignment.project_id, LiveStyle.expert_id == Assignment.expert_id)
    return (
        select(Assignment, Project, Image, ExpertRow, drawn, style, now, reading, helper)
        .join(Project, Project.id == Assignment.project_id)
        .join(Image, Image.id == Assignment.image_id)
        .join(ExpertRow, ExpertRow.id == Assignment.expert_id)
        .outerjoin(best, true())
        .outerjoin(drawn, drawn.id == best.c.head_revision_id)
        .outerjoin(style, style.id == best.c.style_id)
        .outerjoin(LiveStyle, here)
        .outerjoin(now, now.id == LiveStyle.style_id)
        .outerjoin(own, own.id == Assignment.segmentation_id)
        .outerjoin(reading, reading.id == own.head_revision_id)
        .outerjoin(helper, helper.id == reading.style_id)
    )
