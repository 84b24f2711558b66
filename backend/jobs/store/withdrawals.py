"""What was learnt from readings that were withdrawn since: found by lineage, so that nothing keeps one without a word.

A read asked for again is no longer withdrawn, and what learnt from it is no longer found.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Subquery, and_, func, or_, select

from backend.database import AnySession
from backend.models.store import LiveStyle, Style, StyleLineage, StyleSight
from backend.projects.store import Assignment
from backend.segmentations.store import Revision
from backend.studies.store import Image, Study

# The code of a job that was refused because a reading it had learnt from was withdrawn meanwhile.
READING_WITHDRAWN = "reading-withdrawn"


class WithdrawnRow(NamedTuple):
    """How many of the readings behind a model version or style were withdrawn, of how many patients, and when the last was."""

    id: UUID
    readings: int
    patients: int
    withdrawn_at: datetime


def is_any_withdrawn(db: AnySession, revision_ids: Iterable[UUID]) -> bool:
    """Whether one of these revisions belongs to a read that nobody is asked for any more."""
    withdrawn = select(Revision.id).join(Assignment, _withdrawn()).where(Revision.id.in_(list(revision_ids)))
    return bool(db.scalar(select(withdrawn.exists())))


def is_withdrawn(db: AnySession, segmentation_id: UUID) -> bool:
    """Whether nobody is asked for this reading any more."""
    here = (Assignment.segmentation_id == segmentation_id, Assignment.state == "withdrawn")
    return bool(db.scalar(select(select(Assignment.id).where(*here).exists())))


def behind_live_styles() -> Subquery:
    """Expert → when a reading behind their live style was withdrawn last; nobody whose live style rests on none.

    A style learnt in pretraining is left out: it is its model version's, and a personalisation would begin at it again.
    """
    return (
        select(LiveStyle.project_id, LiveStyle.expert_id, func.max(Assignment.updated_at).label("withdrawn_at"))
        .join(Style, Style.id == LiveStyle.style_id)
        .join(StyleLineage, StyleLineage.style_id == Style.id)
        .join(Revision, Revision.id == StyleLineage.revision_id)
        .join(Assignment, _withdrawn())
        .where(Style.origin != "pretrained")
        .group_by(LiveStyle.project_id, LiveStyle.expert_id)
        .subquery()
    )


def behind_styles(db: AnySession, sight: StyleSight) -> list[WithdrawnRow]:
    """Styles within the caller's sight with withdrawn readings behind them; where blinding hides others' readings, only one's own count."""
    known = or_(Style.project_id.in_(sight.whole_projects), Assignment.expert_id == Style.expert_id)
    return _behind(db, Style.id, and_(sight.predicate(), known))


def behind_versions(db: AnySession, project_ids: Iterable[UUID]) -> list[WithdrawnRow]:
    """These projects' model versions with withdrawn readings behind them: their lineage is that of their pretrained styles."""
    return _behind(
        db, Style.model_version_id, and_(Style.project_id.in_(list(project_ids)), Style.origin == "pretrained")
    )


def _behind(db: AnySession, learnt: Any, which: ColumnElement[bool]) -> list[WithdrawnRow]:
    rows = db.execute(
        select(
            learnt,
            func.count(StyleLineage.revision_id.distinct()),
            func.count(Study.patient_id.distinct()),
            func.max(Assignment.updated_at),
        )
        .select_from(Style)
        .join(StyleLineage, StyleLineage.style_id == Style.id)
        .join(Revision, Revision.id == StyleLineage.revision_id)
        .join(Assignment, _withdrawn())
        .join(Image, Image.id == Assignment.image_id)
        .join(Study, Study.id == Image.study_id)
        .where(which)
        .group_by(learnt)
    )
    return [WithdrawnRow(*row) for row in rows]


def _withdrawn() -> ColumnElement[bool]:
    """Joins a revision's withdrawn assignment, which nothing changes before it is asked for again: updated_at says since when."""
    return and_(Assignment.segmentation_id == Revision.segmentation_id, Assignment.state == "withdrawn")
