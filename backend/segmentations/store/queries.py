"""Queries on segmentations, revisions and the journal of edits. `sight` is a user's, or None for a job."""

import functools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Select, Uuid, and_, bindparam, exists, func, literal, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm.attributes import set_committed_value

from backend.accounts.store import ExpertRow
from backend.database import AnySession, WriteSession
from backend.models.store import Style, StyleLineage
from backend.projects.store import Assignment, Label
from backend.segmentations.store.opinions import OPINION_TOOL, newest_opinions
from backend.segmentations.store.prompts import Prompt, Proposal
from backend.segmentations.store.sight import Sight, of_oneself
from backend.segmentations.store.tables import SET_WHOLE, ChecksumAlarm, Edit, Revision, Segmentation
from backend.studies.store import Image

NOW = func.now()  # for rules that say "now" and mean the database's clock


@dataclass(frozen=True)
class Source:
    """Where an edit's voxels were taken from: whether a model had a hand in it, and in whose style."""

    assisted: bool
    style_id: UUID | None


@dataclass(frozen=True)
class SegmentationRow:
    """A segmentation with its head revision, and the names shown beside it."""

    segmentation: Segmentation
    head: Revision
    expert: ExpertRow | None
    style: Style | None


@dataclass(frozen=True)
class RevisionRow:
    """A revision with the segmentation and the image whose grid it is on."""

    revision: Revision
    segmentation: Segmentation
    image: Image


@dataclass(frozen=True)
class BehindRow:
    """A revision behind a style; withdrawn_at: since when nobody is asked for its reading, None where somebody is."""

    revision: Revision
    segmentation: Segmentation
    image_name: str
    expert_name: str | None
    use: str
    withdrawn_at: datetime | None


def _segmentations(sight: Sight | None) -> Select[Segmentation, Revision, ExpertRow, Style]:
    query = (
        select(Segmentation, Revision, ExpertRow, Style)
        .join(Revision, Revision.id == Segmentation.head_revision_id)
        .outerjoin(ExpertRow, ExpertRow.id == Segmentation.expert_id)
        .outerjoin(Style, Style.id == Segmentation.style_id)
    )
    return query if sight is None else query.where(sight.predicate)


def _params(sight: Sight | None) -> dict[str, UUID | None]:
    return {} if sight is None else sight.params


def find_segmentation(db: AnySession, segmentation_id: UUID, sight: Sight | None) -> SegmentationRow | None:
    """One segmentation. A user's own reading is looked for first: every stroke asks for it, and the whole predicate takes five times as long."""
    params = {"segmentation_id": segmentation_id, **_params(sight)}
    row = None if sight is None else db.execute(_one_segmentation(of_oneself()), params).one_or_none()
    row = row or db.execute(_one_segmentation(sight.predicate if sight else None), params).one_or_none()
    return SegmentationRow(*row) if row else None


@functools.cache
def _one_segmentation(seen: ColumnElement[bool] | None) -> Select[Segmentation, Revision, ExpertRow, Style]:
    """Built once for each `seen`: building it takes longer than the question."""
    query = _segmentations(None).where(Segmentation.id == bindparam("segmentation_id", type_=Uuid))
    return query if seen is None else query.where(seen)


def list_segmentations(
    db: AnySession,
    sight: Sight | None,
    project_id: UUID | None,
    image_id: UUID | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[SegmentationRow]:
    """Segmentations a caller may see, in order of creation."""
    query = _segmentations(sight).order_by(Segmentation.created_at, Segmentation.id).limit(limit)
    if project_id is not None:
        query = query.where(Segmentation.project_id == project_id)
    if image_id is not None:
        query = query.where(Segmentation.image_id == image_id)
    if after is not None:
        later = tuple_(literal(after[0]), literal(after[1]))
        query = query.where(tuple_(Segmentation.created_at, Segmentation.id) > later)
    return [SegmentationRow(*row) for row in db.execute(query, _params(sight))]


def lock_segmentation(db: WriteSession, segmentation_id: UUID) -> Segmentation | None:
    """The segmentation, locked until this transaction ends: label writes happen one after the other.

    Rows elsewhere may still name it meanwhile, as a checksum alarm does that outlives this transaction's end.
    """
    query = select(Segmentation).where(Segmentation.id == segmentation_id).with_for_update(key_share=True)
    return db.scalar(query.execution_options(populate_existing=True))


def lock_submitted(
    db: WriteSession, project_id: UUID, image_ids: Sequence[UUID], expert_ids: Sequence[UUID]
) -> list[Segmentation]:
    """These experts' submitted readings of these images that somebody is still asked for, locked until this transaction ends."""
    query = (
        select(Segmentation)
        .join(Assignment, Assignment.segmentation_id == Segmentation.id)
        .where(
            Segmentation.project_id == project_id,
            Segmentation.image_id.in_(image_ids),
            Segmentation.expert_id.in_(expert_ids),
            Segmentation.state == "submitted",
            Assignment.state != "withdrawn",
        )
    )
    return list(db.scalars(query.order_by(Segmentation.id).with_for_update(key_share=True, of=Segmentation)))


def find_reading(db: AnySession, project_id: UUID, image_id: UUID, expert_id: UUID) -> Segmentation | None:
    """An expert's own segmentation of an image in a project."""
    return db.scalar(
        select(Segmentation).where(
            Segmentation.project_id == project_id,
            Segmentation.image_id == image_id,
            Segmentation.expert_id == expert_id,
            Segmentation.author == "expert",
        )
    )


def find_proxy(db: AnySession, reading: Segmentation) -> Segmentation | None:
    """What was propagated from the slices that this reading's expert drew."""
    return db.scalar(
        select(Segmentation).where(
            Segmentation.author == "proxy",
            Segmentation.project_id == reading.project_id,
            Segmentation.image_id == reading.image_id,
            Segmentation.expert_id == reading.expert_id,
        )
    )


def prediction_head(db: AnySession, image_id: UUID, style_id: UUID) -> UUID:
    """The revision that this style drew on this image. Raises NoResultFound."""
    return db.scalars(
        select(Revision.id)
        .join(Segmentation, Segmentation.head_revision_id == Revision.id)
        .where(Segmentation.author == "model", Segmentation.image_id == image_id, Segmentation.style_id == style_id)
    ).one()


def add_segmentation(db: WriteSession, **values: Any) -> Segmentation:
    """A new segmentation; its head is set with its first revision. values: columns of `segmentations`."""
    return db.scalars(insert(Segmentation).values(values).returning(Segmentation)).one()


def add_prediction(db: WriteSession, **values: Any) -> Segmentation | None:
    """A new segmentation drawn by a style, or None where that style's drawing of that image is there already.

    Waits for a worker who is just adding the same one: after None, `prediction_head` finds it.
    """
    query = insert(Segmentation).values(author="model", **values)
    query = query.on_conflict_do_nothing(index_elements=["image_id", "style_id"], index_where=text("author = 'model'"))
    return db.scalars(query.returning(Segmentation)).one_or_none()


def set_state(db: WriteSession, segmentation_id: UUID, state: str) -> None:
    db.execute(update(Segmentation).where(Segmentation.id == segmentation_id).values(state=state))


# Revisions


def add_revision(db: WriteSession, segmentation: Segmentation, state: str, **values: Any) -> Revision:
    """Append a revision under the segmentation's next number and make it the one edits build on. Call with that locked or new.

    values: the other columns of `revisions`. Its time is that of this moment, not of the transaction's beginning, which may
    have waited for the lock.
    """
    head = {"head_revision_id": uuid4(), "state": state}
    moved = update(Segmentation).where(Segmentation.id == segmentation.id).values(head).cte("moved")
    row = {
        "id": head["head_revision_id"],
        "segmentation_id": segmentation.id,
        "number": _count_of(segmentation.id).scalar_subquery(),
        "created_at": func.clock_timestamp(),
    }
    revision = db.scalars(insert(Revision).values({**row, **values}).add_cte(moved).returning(Revision)).one()
    for column, value in head.items():
        set_committed_value(segmentation, column, value)
    return revision


def newest_set_back(db: AnySession, segmentation_id: UUID) -> Revision | None:
    """The newest revision that no edits lead to; None where every one was drawn."""
    query = select(Revision).where(Revision.segmentation_id == segmentation_id, Revision.origin.in_(SET_WHOLE))
    return db.scalar(query.order_by(Revision.number.desc()).limit(1))


def count_of_revisions(db: AnySession, segmentation_id: UUID) -> int:
    """How many revisions there are; they are numbered from 0 without gaps."""
    return db.scalar(_count_of(segmentation_id)) or 0


def _count_of(segmentation_id: UUID) -> Select[int]:
    return select(func.count()).where(Revision.segmentation_id == segmentation_id)


def head_of(db: AnySession, segmentation: Segmentation) -> Revision:
    """The revision edits build on."""
    return db.scalars(select(Revision).where(Revision.id == segmentation.head_revision_id)).one()


@dataclass(frozen=True)
class Ground:
    """What an edit is judged against. values: the project's labels; withdrawn: its reader is no longer asked for it."""

    head: Revision
    image: Image
    values: frozenset[int]
    withdrawn: bool


def ground_of(db: AnySession, segmentation: Segmentation) -> Ground | None:
    """What edits build on, asked in one question: every stroke asks it. Call with the segmentation locked."""
    values = select(func.array_agg(Label.value)).where(Label.project_id == segmentation.project_id).scalar_subquery()
    query = (
        select(Revision, Image, values, Assignment.state)
        .select_from(Revision)
        .join(Image, Image.id == segmentation.image_id)
        .outerjoin(Assignment, Assignment.segmentation_id == Revision.segmentation_id)
        .where(Revision.id == segmentation.head_revision_id)
    )
    row = db.execute(query).one_or_none()
    return Ground(row[0], row[1], frozenset(row[2] or ()), row[3] == "withdrawn") if row else None


def find_revision(db: AnySession, revision_id: UUID, sight: Sight | None) -> RevisionRow | None:
    query = _one_revision(sight.predicate if sight else None)
    row = db.execute(query, {"revision_id": revision_id, **_params(sight)}).one_or_none()
    return RevisionRow(*row) if row else None


@functools.cache
def _one_revision(seen: ColumnElement[bool] | None) -> Select[Revision, Segmentation, Image]:
    query = (
        select(Revision, Segmentation, Image)
        .join(Segmentation, Segmentation.id == Revision.segmentation_id)
        .join(Image, Image.id == Segmentation.image_id)
        .where(Revision.id == bindparam("revision_id", type_=Uuid))
    )
    return query if seen is None else query.where(seen)


def list_revisions(db: AnySession, segmentation_id: UUID, after: int | None, limit: int | None) -> list[Revision]:
    """A segmentation's revisions, oldest first. limit: None for all of them."""
    query = select(Revision).where(Revision.segmentation_id == segmentation_id).order_by(Revision.number).limit(limit)
    return list(db.scalars(query if after is None else query.where(Revision.number > after)))


def styles_behind(db: AnySession, revisions: Iterable[Revision]) -> dict[UUID, Style]:
    """The styles that helped with these revisions, by id."""
    wanted = {revision.style_id for revision in revisions}
    return {style.id: style for style in db.scalars(select(Style).where(Style.id.in_(wanted - {None})))}


def last_submitted(db: AnySession, segmentation_id: UUID) -> Revision | None:
    """The newest submitted revision of a reading."""
    query = select(Revision).where(Revision.segmentation_id == segmentation_id, Revision.submitted_at.is_not(None))
    return db.scalar(query.order_by(Revision.number.desc()).limit(1))


# The journal of edits


def readings_behind(db: AnySession, style_id: UUID, sight: Sight | None) -> list[BehindRow]:
    """The revisions a style learnt from or was judged by, as far as the caller may see them, by image name."""
    query = (
        select(Revision, Segmentation, Image.name, ExpertRow.name, StyleLineage.use, Assignment.updated_at)
        .join(StyleLineage, StyleLineage.revision_id == Revision.id)
        .join(Segmentation, Segmentation.id == Revision.segmentation_id)
        .join(Image, Image.id == Segmentation.image_id)
        .outerjoin(ExpertRow, ExpertRow.id == Segmentation.expert_id)
        .outerjoin(Assignment, and_(Assignment.segmentation_id == Segmentation.id, Assignment.state == "withdrawn"))
        .where(StyleLineage.style_id == style_id)
        .order_by(Image.name, Revision.id)
    )
    if sight is not None:
        query = query.where(sight.predicate)
    return [BehindRow(*row) for row in db.execute(query, _params(sight))]


def find_edit(db: AnySession, segmentation_id: UUID, edit_id: UUID) -> Edit | None:
    return db.get(Edit, (segmentation_id, edit_id))


def add_edit(db: WriteSession, segmentation: Segmentation, seq: int, **values: Any) -> None:
    """Journal an edit under this number, and count it. Call with the segmentation locked. values: the other columns of `edits`."""
    counted = update(Segmentation).where(Segmentation.id == segmentation.id).values(edit_seq=seq).cte("counted")
    db.execute(insert(Edit).values(segmentation_id=segmentation.id, seq=seq, **values).add_cte(counted))
    set_committed_value(segmentation, "edit_seq", seq)


def edits_after(db: AnySession, segmentation_id: UUID, after: int, limit: int | None) -> list[Edit]:
    """Edits with a greater sequence number, in order. limit: None for all of them."""
    query = select(Edit).where(Edit.segmentation_id == segmentation_id, Edit.seq > after)
    return list(db.scalars(query.order_by(Edit.seq).limit(limit)))


def edits_on(db: AnySession, segmentation_id: UUID, revision_id: UUID) -> Sequence[Edit]:
    """The edits made on top of one revision, in order."""
    query = select(Edit).where(Edit.segmentation_id == segmentation_id, Edit.base_revision_id == revision_id)
    return db.scalars(query.order_by(Edit.seq)).all()


def sources_of(db: AnySession, segmentation_id: UUID, revision_id: UUID) -> list[Source]:
    """What edits on top of one revision were taken from: revisions in the order of the edits, then proposals, then opinions."""
    query = (
        select(Segmentation.author != "expert", Revision.assisted, Segmentation.style_id, Revision.style_id)
        .join(Segmentation, Segmentation.id == Revision.segmentation_id)
        .join(Edit, Edit.source_revision_id == Revision.id)
        .where(Edit.segmentation_id == segmentation_id, Edit.base_revision_id == revision_id)
        .order_by(Edit.seq)
    )
    sources = [Source(model or assisted, drew or began) for model, assisted, drew, began in db.execute(query)]
    answered = (  # the edit that accepts a proposal bears the id of its round of prompts
        select(Proposal.style_id)
        .join(Prompt, and_(Prompt.segmentation_id == Proposal.segmentation_id, Prompt.id == Proposal.prompt_id))
        .join(Edit, and_(Edit.segmentation_id == Prompt.segmentation_id, Edit.id == Prompt.round_id))
        .where(Edit.segmentation_id == segmentation_id, Edit.base_revision_id == revision_id)
        .order_by(Edit.seq, Prompt.seq)
    )
    sources += [Source(True, style_id) for style_id in db.scalars(answered)]
    taken_over = exists().where(
        Edit.segmentation_id == segmentation_id,
        Edit.base_revision_id == revision_id,
        Edit.tool == OPINION_TOOL,
    )
    if db.scalar(select(taken_over)):
        opinions = newest_opinions(db, segmentation_id)
        sources.append(Source(True, opinions.style_id if opinions else None))
    return sources


@dataclass(frozen=True)
class Step:
    """An edit without its voxels."""

    id: UUID
    seq: int
    undoes: UUID | None


def steps_of(db: AnySession, segmentation_id: UUID) -> list[Step]:
    """Every edit in order, without its voxels."""
    query = select(Edit.id, Edit.seq, Edit.undoes).where(Edit.segmentation_id == segmentation_id)
    return [Step(*row) for row in db.execute(query.order_by(Edit.seq))]


def edits_named(db: AnySession, segmentation_id: UUID, ids: Collection[UUID]) -> Sequence[Edit]:
    """These edits, in order."""
    query = select(Edit).where(Edit.segmentation_id == segmentation_id, Edit.id.in_(ids))
    return db.scalars(query.order_by(Edit.seq)).all() if ids else []


def edits_from_models(db: AnySession, segmentation_id: UUID) -> set[UUID]:
    """The edits whose voxels were taken from a prediction or a proxy."""
    query = (
        select(Edit.id)
        .join(Revision, Revision.id == Edit.source_revision_id)
        .join(Segmentation, Segmentation.id == Revision.segmentation_id)
        .where(Edit.segmentation_id == segmentation_id, Segmentation.author != "expert")
    )
    return set(db.scalars(query))


def find_assignment(db: AnySession, segmentation_id: UUID) -> UUID | None:
    """The assignment whose reading this is."""
    return db.scalar(select(Assignment.id).where(Assignment.segmentation_id == segmentation_id))


# Checksum alarms


def add_checksum_alarm(db: WriteSession, segmentation_id: UUID, slices: list[int]) -> None:
    db.execute(insert(ChecksumAlarm).values(segmentation_id=segmentation_id, slices=slices))


def list_checksum_alarms(db: AnySession, days: int, limit: int) -> Sequence[ChecksumAlarm]:
    """The alarms of the last days, newest first."""
    recent = ChecksumAlarm.at > func.now() - timedelta(days=days)
    return db.scalars(select(ChecksumAlarm).where(recent).order_by(ChecksumAlarm.at.desc()).limit(limit)).all()
