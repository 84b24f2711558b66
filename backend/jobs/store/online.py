"""Branches that learn while their expert draws, and the finished cases that fed them: appended, never changed.

A branch belongs to one expert and to the live style it grew from; when another style goes live the next update begins there. Which
readings an update replays is read from the submitted readings each time, so nothing is copied here.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, String, cast, exists, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB, distinct_on, insert
from sqlalchemy.orm import Mapped, aliased, mapped_column

from backend.database import AnySession, Base, WriteSession
from backend.jobs.store.tables import Job
from backend.models.store import Style
from backend.projects.store import Assignment
from backend.segmentations.store import Revision, Segmentation
from backend.studies.store import Image, Study

MOST_DUE = 20  # finished cases taken up in one tick


class OnlineBranch(Base):
    """An expert's branch after one update. `id` is the job's; weights: row and adapter. segmentation_id: what it was learning from."""

    __tablename__ = "online_branches"
    __table_args__ = (Index("ix_online_branches_style_id", "style_id", "created_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"))
    expert_id: Mapped[UUID] = mapped_column(ForeignKey("experts.id"))
    segmentation_id: Mapped[UUID] = mapped_column(ForeignKey("segmentations.id"))
    style_id: Mapped[UUID] = mapped_column(ForeignKey("styles.id"))
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("online_branches.id"))
    weights_sha256: Mapped[str] = mapped_column(String(64))
    metrics: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class StreamCase(Base):
    """One submitted reading as the stream met it. branch_id: the branch that has learnt from it, None where no network may learn."""

    __tablename__ = "stream_cases"
    __table_args__ = (Index("ix_stream_cases_expert_id", "project_id", "expert_id", "created_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"))
    expert_id: Mapped[UUID] = mapped_column(ForeignKey("experts.id"))
    segmentation_id: Mapped[UUID] = mapped_column(ForeignKey("segmentations.id"))
    revision_id: Mapped[UUID] = mapped_column(ForeignKey("revisions.id"), unique=True)
    branch_id: Mapped[UUID | None] = mapped_column(ForeignKey("online_branches.id"))
    figures: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class DueCase(NamedTuple):
    """A submitted reading that propagation helped with and that no stream has met."""

    project_id: UUID
    expert_id: UUID
    segmentation_id: UUID
    revision_id: UUID


def add_branch(db: WriteSession, **values: Any) -> None:
    """Keep what an update made."""
    db.execute(insert(OnlineBranch).values(values))


def add_case(db: WriteSession, **values: Any) -> None:
    """Keep what a finished case said."""
    db.execute(insert(StreamCase).values(values))


def newest_branch(db: AnySession, style_id: UUID, before: datetime | None = None) -> OnlineBranch | None:
    """The branch of a live style, as it is or as it was; none that may have learnt from a reading withdrawn since.

    What a branch replayed is not kept, so all that were made before the withdrawal are passed over, and the next begins at the style.
    """
    withdrawn_at = (
        select(func.max(Assignment.updated_at))
        .where(
            Assignment.state == "withdrawn",
            Assignment.segmentation_id.is_not(None),
            Assignment.project_id == OnlineBranch.project_id,
            Assignment.expert_id == OnlineBranch.expert_id,
        )
        .correlate(OnlineBranch)
        .scalar_subquery()
    )
    query = select(OnlineBranch).where(
        OnlineBranch.style_id == style_id, or_(withdrawn_at.is_(None), OnlineBranch.created_at > withdrawn_at)
    )
    if before is not None:
        query = query.where(OnlineBranch.created_at < before)
    return db.scalar(query.order_by(OnlineBranch.created_at.desc(), OnlineBranch.id).limit(1))


def lock_stream(db: WriteSession, style_id: UUID) -> None:
    """Hold what grows from a live style until this transaction ends: one branch at a time is appended to it."""
    db.execute(select(Style.id).where(Style.id == style_id).with_for_update(key_share=True))


def learnt_in(db: AnySession, style_id: UUID, segmentation_id: UUID) -> list[dict[str, Any]]:
    """What each update of a style's branch from one reading said of itself."""
    mine = (OnlineBranch.style_id == style_id, OnlineBranch.segmentation_id == segmentation_id)
    return list(db.scalars(select(OnlineBranch.metrics).where(*mine).order_by(OnlineBranch.created_at)))


def first_learnt(db: AnySession, style_id: UUID, patient_id: UUID, but_revision: UUID) -> datetime | None:
    """When this style's branch may first have learnt from anything of a patient: in a session, or replayed since it was submitted.

    but_revision: the reading that is new.
    """
    of_patient = (
        select(Segmentation.id)
        .join(Image, Image.id == Segmentation.image_id)
        .join(Study, Study.id == Image.study_id)
        .where(Study.patient_id == patient_id)
    )
    in_session = select(func.min(OnlineBranch.created_at)).where(
        OnlineBranch.style_id == style_id, OnlineBranch.segmentation_id.in_(of_patient)
    )
    owner = select(Style.expert_id).where(Style.id == style_id).scalar_subquery()
    replayed = (
        select(func.min(Revision.submitted_at))
        .join(Segmentation, Segmentation.id == Revision.segmentation_id)
        .where(Segmentation.id.in_(of_patient), Segmentation.expert_id == owner, Revision.id != but_revision)
    )
    moments = [one for one in (db.scalar(in_session), db.scalar(replayed)) if one is not None]
    return min(moments, default=None)


def stream(db: AnySession, project_id: UUID, expert_id: UUID | None = None) -> Sequence[StreamCase]:
    """Finished cases in the order the stream met them, of one expert or of all."""
    query = select(StreamCase).where(StreamCase.project_id == project_id)
    if expert_id is not None:
        query = query.where(StreamCase.expert_id == expert_id)
    return db.scalars(query.order_by(StreamCase.created_at, StreamCase.id)).all()


def due_cases(db: AnySession) -> list[DueCase]:
    """Submitted readings with a proxy beside them that no job has been asked to learn from; each is asked once.

    One of each expert at a time, while nothing else of theirs is learnt from: every update goes on from the branch before it.
    """
    proxy = aliased(Segmentation)
    helped = (
        select(proxy.id)
        .where(
            proxy.author == "proxy",
            proxy.project_id == Segmentation.project_id,
            proxy.image_id == Segmentation.image_id,
            proxy.expert_id == Segmentation.expert_id,
        )
        .exists()
    )
    asked = exists().where(Job.kind == "update", Job.params["revision_id"].astext == cast(Revision.id, String))
    busy = exists().where(
        Job.kind == "update",
        Job.state.in_(("queued", "running")),
        Job.project_id == Segmentation.project_id,
        Job.expert_id == Segmentation.expert_id,
    )
    rows = db.execute(
        select(Segmentation.project_id, Segmentation.expert_id, Segmentation.id, Revision.id)
        .join(Revision, Revision.id == Segmentation.head_revision_id)
        .where(
            Segmentation.author == "expert",
            Segmentation.state == "submitted",
            Revision.submitted_at.is_not(None),
            helped,
            ~asked,
            ~busy,
        )
        .ext(distinct_on(Segmentation.project_id, Segmentation.expert_id))
        .order_by(Segmentation.project_id, Segmentation.expert_id, Revision.submitted_at, Revision.id)
        .limit(MOST_DUE)
    )
    return [DueCase(row[0], row[1], row[2], row[3]) for row in rows if row[1] is not None]


def updates_of(db: AnySession, segmentation_id: UUID) -> list[Job]:
    """The updates of a reading that are not over."""
    query = select(Job).where(
        Job.kind == "update",
        Job.state.in_(("queued", "running")),
        Job.params["segmentation_id"].astext == str(segmentation_id),
        Job.params["revision_id"].astext.is_(None),
    )
    return list(db.scalars(query))
