"""Reviews: which readings a reviewer decides between, under which letters, and which images are ready for one.

The letters are drawn once and kept: the same reader is the same letter after a reload and when the review begins anew, another one in
the next case. A review begun anew has another *round* of readings; the latest one counts.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Integer,
    Select,
    String,
    Subquery,
    and_,
    func,
    literal,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, aliased, mapped_column

from backend.accounts.store import ExpertRow
from backend.database import AnySession, Base, WriteSession
from backend.projects.store import Assignment, ProjectImage
from backend.segmentations.store.queries import RevisionRow
from backend.segmentations.store.tables import Revision, Segmentation
from backend.studies.store import Image


class ReviewReading(Base):
    """One reading that a review decides between, at the revision it had when this round of the review began; `letter` stands for its reader."""

    __tablename__ = "review_readings"

    segmentation_id: Mapped[UUID] = mapped_column(ForeignKey("segmentations.id"), primary_key=True)
    round: Mapped[int] = mapped_column(Integer, primary_key=True, server_default="0", autoincrement=False)
    letter: Mapped[str] = mapped_column(String(1), primary_key=True)
    revision_id: Mapped[UUID] = mapped_column(ForeignKey("revisions.id"))


@dataclass(frozen=True)
class ReviewReadingRow:
    """A reading that a review decides between. revision: what it is to the review; head, state: how it is now; withdrawn: nobody asks for it."""

    letter: str
    revision: Revision
    head: Revision
    state: str
    withdrawn: bool


@dataclass(frozen=True)
class ReviewRow:
    """An image of a project as one reviewer finds it; asked and submitted count its reads that are not withdrawn.

    reads_it: the reviewer is asked to read it too. review: what they made of it so far.
    """

    image: Image
    position: int
    asked: int
    submitted: int
    reads_it: bool
    review: Segmentation | None


def list_reviews(
    db: AnySession, project_id: UUID, user_id: UUID, after: tuple[int, UUID] | None, limit: int
) -> list[ReviewRow]:
    """Images in reading order that this reviewer has begun or may begin: two reads or more, all submitted, none their own."""
    counts = _count_reads(project_id, user_id)
    ready = and_(counts.c.submitted == counts.c.asked, counts.c.submitted > 1, counts.c.reads_it.is_not(True))
    query = _rows(counts, project_id, user_id).where(or_(Segmentation.id.is_not(None), ready))
    query = query.order_by(ProjectImage.position, ProjectImage.image_id).limit(limit)
    if after is not None:
        place = tuple_(ProjectImage.position, ProjectImage.image_id)
        query = query.where(place > tuple_(*(literal(part) for part in after)))
    return [ReviewRow(*row) for row in db.execute(query)]


def lock_for_review(db: WriteSession, project_id: UUID, image_id: UUID, user_id: UUID) -> ReviewRow | None:
    """One image of a project, its place locked: whoever opens it a second time finds the review that the first one made.

    Locked first and asked afterwards: a statement that waits for a lock goes on with what it saw before.
    """
    place = select(ProjectImage).where(ProjectImage.project_id == project_id, ProjectImage.image_id == image_id)
    db.execute(place.with_for_update(key_share=True))  # asking for further reads goes on
    return find_for_review(db, project_id, image_id, user_id)


def find_for_review(db: AnySession, project_id: UUID, image_id: UUID, user_id: UUID) -> ReviewRow | None:
    """One image of a project as this reviewer finds it."""
    query = _rows(_count_reads(project_id, user_id), project_id, user_id).where(Image.id == image_id)
    row = db.execute(query).one_or_none()
    return ReviewRow(*row) if row else None


def _count_reads(project_id: UUID, user_id: UUID) -> Subquery:
    """For each image of a project how many are asked, how many have submitted, and whether this user is among them."""
    return (
        select(
            Assignment.image_id,
            func.count().label("asked"),
            func.count().filter(Assignment.state == "submitted").label("submitted"),
            func.bool_or(ExpertRow.user_id == user_id).label("reads_it"),
        )
        .join(ExpertRow, ExpertRow.id == Assignment.expert_id)
        .where(Assignment.project_id == project_id, Assignment.state != "withdrawn")
        .group_by(Assignment.image_id)
        .subquery("counts")
    )


def _rows(counts: Subquery, project_id: UUID, user_id: UUID) -> Select[Image, int, int, int, bool, Segmentation]:
    review = and_(
        Segmentation.image_id == Image.id,
        Segmentation.project_id == project_id,
        Segmentation.author == "consensus",
        Segmentation.reviewer_id == user_id,
    )
    asked, submitted = func.coalesce(counts.c.asked, 0), func.coalesce(counts.c.submitted, 0)
    return (
        select(Image, ProjectImage.position, asked, submitted, func.coalesce(counts.c.reads_it, False), Segmentation)
        .join(ProjectImage, ProjectImage.image_id == Image.id)
        .outerjoin(counts, counts.c.image_id == Image.id)
        .outerjoin(Segmentation, review)
        .where(ProjectImage.project_id == project_id)
    )


def submitted_revisions(db: AnySession, project_id: UUID, image_ids: Collection[UUID]) -> dict[UUID, list[Revision]]:
    """What the experts submitted, one revision each, by image."""
    query = (
        select(Segmentation.image_id, Revision)
        .join(Segmentation, Segmentation.head_revision_id == Revision.id)
        .join(Assignment, Assignment.segmentation_id == Segmentation.id)
        .where(
            Segmentation.project_id == project_id,
            Segmentation.image_id.in_(image_ids),
            Segmentation.author == "expert",
            Segmentation.state == "submitted",
            Assignment.state == "submitted",
        )
    )
    found: dict[UUID, list[Revision]] = {image_id: [] for image_id in image_ids}
    for image_id, revision in db.execute(query):
        found[image_id].append(revision)
    return found


def add_review_readings(db: WriteSession, segmentation_id: UUID, number: int, letters: Mapping[str, UUID]) -> None:
    """Keep which revision each letter stands for in this round."""
    rows = [
        {"segmentation_id": segmentation_id, "round": number, "letter": letter, "revision_id": revision_id}
        for letter, revision_id in letters.items()
    ]
    db.execute(insert(ReviewReading).values(rows))


def review_readings(db: AnySession, review_ids: Collection[UUID]) -> dict[UUID, list[ReviewReadingRow]]:
    """The readings that these reviews decide between, by letter."""
    head = aliased(Revision)
    query = (
        select(ReviewReading, Revision, head, Segmentation.state, Assignment.state)
        .join(Revision, Revision.id == ReviewReading.revision_id)
        .join(Segmentation, Segmentation.id == Revision.segmentation_id)
        .join(head, head.id == Segmentation.head_revision_id)
        .outerjoin(Assignment, Assignment.segmentation_id == Segmentation.id)
        .where(ReviewReading.segmentation_id.in_(review_ids), _is_latest())
        .order_by(ReviewReading.letter)
    )
    found: dict[UUID, list[ReviewReadingRow]] = {review_id: [] for review_id in review_ids}
    for one, revision, now, state, asked in db.execute(query):
        row = ReviewReadingRow(one.letter, revision, now, state, asked == "withdrawn")
        found[one.segmentation_id].append(row)
    return found


def letters_given(db: AnySession, review_id: UUID) -> dict[UUID, str]:
    """The letter of each reading in any round of a review, by the reading's segmentation."""
    query = select(Revision.segmentation_id, ReviewReading.letter).join(
        ReviewReading, ReviewReading.revision_id == Revision.id
    )
    return {row[0]: row[1] for row in db.execute(query.where(ReviewReading.segmentation_id == review_id))}


def latest_round(db: AnySession, review_id: UUID) -> int:
    """The number of a review's latest round, from 0."""
    return db.scalar(select(func.max(ReviewReading.round)).where(ReviewReading.segmentation_id == review_id)) or 0


def _is_latest() -> ColumnElement[bool]:
    other = aliased(ReviewReading)
    latest = select(func.max(other.round)).where(other.segmentation_id == ReviewReading.segmentation_id)
    return ReviewReading.round == latest.scalar_subquery()


def find_review_reading(db: AnySession, segmentation_id: UUID, letter: str, user_id: UUID | None) -> RevisionRow | None:
    """The reading behind a letter of this user's own review."""
    review = aliased(Segmentation)
    query = (
        select(Revision, Segmentation, Image)
        .join(ReviewReading, ReviewReading.revision_id == Revision.id)
        .join(review, review.id == ReviewReading.segmentation_id)
        .join(Segmentation, Segmentation.id == Revision.segmentation_id)
        .join(Image, Image.id == Segmentation.image_id)
        .where(
            review.id == segmentation_id, review.reviewer_id == user_id, ReviewReading.letter == letter, _is_latest()
        )
    )
    row = db.execute(query).one_or_none()
    return RevisionRow(*row) if row else None
