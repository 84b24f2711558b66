"""Reviews: one person settles, region by region, where the readings of an image differ (PRODUCT 4.9).

The result is a segmentation of its own, author *consensus*, drawn like any other: it begins as the majority of the readings, and
each decision is an edit whose tool says what was decided and why (`decisions`). Readings are never touched. Which reader is which the
server keeps to itself: a reviewer gets letters, and the readings by letter alone. Where readings changed since, the review can begin
anew: a revision more, and another round of readings.
"""

import random
import string
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final, Literal
from uuid import UUID, uuid4

import numpy as np

from backend import audit
from backend.accounts.rules import Actor
from backend.blobs import Blobs
from backend.database import AnySession, WriteSession
from backend.errors import Conflict, Forbidden, NotFound, Unauthenticated
from backend.imaging import labels as label_codec
from backend.paging import Page, decode_cursor, page_of
from backend.projects import rules as projects
from backend.segmentations import store
from backend.segmentations.rules.decisions import Decision, standing_decisions, still_apply
from backend.segmentations.rules.keeping import keep_labels
from backend.segmentations.rules.majority import read_majority
from backend.segmentations.rules.revisions import LabelSlab, cut_label_slab
from backend.segmentations.rules.writing import Writing, announce, check_current, fold, lock, note
from backend.studies.store import Image

LEAST_READINGS: Final = 2
LETTERS: Final = string.ascii_uppercase
_shuffler = random.SystemRandom()


@dataclass(frozen=True)
class LetteredReading:
    """One of the readings under review; dtype is that of its labels."""

    letter: str
    dtype: str


@dataclass(frozen=True)
class ReadingChange:
    """What became of a reading since the review began; letter: None for one that is new.

    taken_up: again, and not submitted yet. submitted_anew: with other labels. withdrawn: nobody asks for it. added: submitted since.
    """

    letter: str | None
    what: Literal["taken_up", "submitted_anew", "withdrawn", "added"]


@dataclass(frozen=True)
class ReviewView:
    """A review. round: how often it began anew. changes: what it does not follow unless it begins anew, which it may if can_begin_anew."""

    segmentation_id: UUID
    project_id: UUID
    image_id: UUID
    state: str
    round: int
    readings: list[LetteredReading]
    changes: list[ReadingChange]
    can_begin_anew: bool


@dataclass(frozen=True)
class ReviewItemView:
    """An image that its reviewer has begun to review, or may. state is None before it is begun; is_outdated: its readings changed since."""

    image_id: UUID
    image_name: str
    image_sha256: str
    readings: int
    state: str | None
    is_outdated: bool


@dataclass(frozen=True)
class BegunAnew:
    """How many decisions of a review begun anew were kept, and how many stand in its history alone."""

    kept: int
    dropped: int


def list_reviews(
    db: AnySession, actor: Actor, project_id: UUID, cursor: str | None, limit: int
) -> Page[ReviewItemView]:
    """The images this reviewer has begun or may begin, in reading order. Says nothing of images whose readings are outstanding."""
    projects.authorize_in(db, actor, "list", "review", project_id)
    after = decode_cursor(cursor, int, UUID) if cursor else None
    rows = store.list_reviews(db, project_id, _user(actor), after, limit + 1)
    page = page_of(rows, limit, lambda row: (row.position, row.image.id))
    submitted = store.submitted_revisions(db, project_id, [row.image.id for row in page.items if row.review])
    pinned = store.review_readings(db, [row.review.id for row in page.items if row.review])
    items = [
        ReviewItemView(
            row.image.id,
            row.image.name,
            row.image.sha256,
            row.submitted,
            row.review.state if row.review else None,
            bool(row.review and _changes(pinned[row.review.id], submitted[row.image.id])),
        )
        for row in page.items
    ]
    return Page(items, page.next_cursor)


def open_review(db: WriteSession, actor: Actor, blobs: Blobs, project_id: UUID, image_id: UUID) -> ReviewView:
    """Begin this reviewer's consensus of an image with the majority of its readings. Opened before, nothing changes.

    Raises Forbidden for who is asked to read the image themselves, Conflict while a reading is outstanding.
    """
    projects.authorize_in(db, actor, "create", "review", project_id)
    row = store.lock_for_review(db, project_id, image_id, _user(actor))
    if row is None:
        raise NotFound
    revisions = store.submitted_revisions(db, project_id, [image_id])[image_id]
    if row.review is not None:
        return _view(db, row, row.review, revisions)
    _check_ready(row, revisions)
    review = store.add_segmentation(
        db, project_id=project_id, image_id=image_id, author="consensus", reviewer_id=actor.user_id
    )
    _begin(db, actor, blobs, review, row.image, revisions)
    letters = _add_round(db, review, 0, revisions)
    audit.record(
        db, actor, "C", "segmentation", review.id, project_id=project_id, new={"review_of": sorted(map(str, letters.values()))}
    )  # fmt: skip
    return _view(db, row, review, revisions)


def begin_anew(db: WriteSession, actor: Actor, blobs: Blobs, segmentation_id: UUID, if_match: str | None) -> BegunAnew:
    """Follow what became of the readings: the majority of those submitted now, and the decisions that still apply as edits on it.

    What stood before is a revision of its own, submitted or not. Where nothing changed, nothing is done. Raises Stale, Conflict while a
    reading is outstanding.
    """
    writing = lock(db, actor, "update", segmentation_id)
    review, image = writing.segmentation, writing.image
    row = store.find_for_review(db, review.project_id, image.id, _user(actor))
    if review.author != "consensus" or row is None:
        raise Conflict("Only a review can begin anew; this is a reading.")
    revisions = store.submitted_revisions(db, review.project_id, [image.id])[image.id]
    pinned = store.review_readings(db, [review.id])[review.id]
    decisions = standing_decisions(
        store.list_revisions(db, review.id, None, None),
        store.edits_after(db, review.id, 0, None),
        image.nz * image.ny * image.nx,
    )
    if not _changes(pinned, revisions):
        return BegunAnew(len(decisions), 0)
    check_current(writing, if_match)
    _check_ready(row, revisions)
    before = writing.head
    if review.edit_seq > before.folded_seq:
        before = fold(db, actor, blobs, writing, {}, submitted=False)
    begun = _begin(db, actor, blobs, review, image, revisions, before)
    number = store.latest_round(db, review.id) + 1
    letters = _add_round(db, review, number, revisions)
    by_id = {one.id: one for one in revisions}
    after = {letter: by_id[revision_id] for letter, revision_id in letters.items()}
    kept = still_apply(blobs, decisions, {one.letter: one.revision for one in pinned}, after, writing.shape_zyx)
    _decide_again(db, actor, writing, begun, kept)
    what = {"round": number, "review_of": sorted(map(str, letters.values())), "decisions_kept": len(kept)}
    note(db, actor, review, {"revision": begun.id, **what, "state": "draft"}, old={"revision": before.id})
    announce(db, review)
    return BegunAnew(len(kept), len(decisions) - len(kept))


def _begin(
    db: WriteSession,
    actor: Actor,
    blobs: Blobs,
    review: store.Segmentation,
    image: Image,
    revisions: Sequence[store.Revision],
    before: store.Revision | None = None,
) -> store.Revision:
    """The majority of these readings as the review's newest revision. before: what the review had come to; a type is never narrowed."""
    labels_zyx = read_majority(blobs, revisions, (image.nz, image.ny, image.nx))
    if before is not None:
        labels_zyx = labels_zyx.astype(np.result_type(labels_zyx, np.dtype(before.dtype)), copy=False)
    kept = keep_labels(blobs, labels_zyx, [label.value for label in projects.load_labels(db, review.project_id)])
    return store.add_revision(
        db,
        review,
        "draft",
        parent_id=before.id if before else None,
        **kept.columns,
        origin="majority",
        assisted=any(one.assisted for one in revisions),
        folded_seq=review.edit_seq,
        created_by=actor.user_id,
    )


def _add_round(
    db: WriteSession, review: store.Segmentation, number: int, revisions: Sequence[store.Revision]
) -> dict[str, UUID]:
    """Pin these readings: each goes by the letter it once had in this review, new ones by others in no order. Raises Conflict."""
    given = store.letters_given(db, review.id)
    new = [one for one in revisions if one.segmentation_id not in given]
    free = [letter for letter in LETTERS if letter not in given.values()]
    if len(new) > len(free):
        raise Conflict(f"A review is of at most {len(LETTERS)} readings; this one has had {len(given) + len(new)}.")
    _shuffler.shuffle(new)
    names = given | {one.segmentation_id: letter for one, letter in zip(new, free, strict=False)}
    letters = {names[one.segmentation_id]: one.id for one in revisions}
    store.add_review_readings(db, review.id, number, letters)
    return letters


def _decide_again(
    db: WriteSession, actor: Actor, writing: Writing, begun: store.Revision, kept: Sequence[Decision]
) -> None:
    """These decisions as edits on the majority, in their order."""
    for seq, decision in zip(count(writing.segmentation.edit_seq + 1), kept, strict=False):
        runs = decision.runs._replace(values=decision.runs.values.astype(begun.dtype))
        store.add_edit(
            db,
            writing.segmentation,
            seq,
            id=uuid4(),
            base_revision_id=begun.id,
            tool=decision.tool,
            runs=label_codec.encode_runs(runs),
            voxels=int(runs.values.size),
            created_by=actor.user_id,
        )


def _check_ready(row: store.ReviewRow, revisions: Sequence[store.Revision]) -> None:
    """Raises Forbidden for who is asked to read the image themselves, Conflict unless two readings or more are there and none is outstanding."""
    if row.reads_it:
        raise Forbidden("You are asked to read this image yourself; somebody else has to review it.")
    if not _is_ready(row, revisions):
        raise Conflict(
            f"{len(revisions)} of {row.asked} readings are submitted; a review takes {LEAST_READINGS} or more, and all of them."
        )


def _is_ready(row: store.ReviewRow, revisions: Sequence[store.Revision]) -> bool:
    return len(revisions) >= max(row.asked, LEAST_READINGS)


def _changes(pinned: Sequence[store.ReviewReadingRow], revisions: Sequence[store.Revision]) -> list[ReadingChange]:
    """What became of the readings that a review decides between, by letter, then those that came since."""
    changes: list[ReadingChange] = []
    for one in pinned:
        if one.withdrawn:
            changes.append(ReadingChange(one.letter, "withdrawn"))
        elif one.state != "submitted":
            changes.append(ReadingChange(one.letter, "taken_up"))
        elif one.head.labels_sha256 != one.revision.labels_sha256:
            changes.append(ReadingChange(one.letter, "submitted_anew"))
    known = {one.revision.segmentation_id for one in pinned}
    return [*changes, *(ReadingChange(None, "added") for one in revisions if one.segmentation_id not in known)]


def load_reading_slab(
    db: AnySession, actor: Actor, blobs: Blobs, segmentation_id: UUID, letter: str, slab: int
) -> LabelSlab:
    """Slab k of the reading behind a letter, for its reviewer alone. Raises NotFound."""
    row = store.find_review_reading(db, segmentation_id, letter, _user(actor))
    if row is None:
        raise NotFound
    projects.authorize_in(db, actor, "compare", "review", row.segmentation.project_id)
    return cut_label_slab(blobs, row, slab)


def _user(actor: Actor) -> UUID:
    """Whose reviews these are: a person's. Raises Unauthenticated for a job."""
    if actor.user_id is None:
        raise Unauthenticated
    return actor.user_id


def _view(
    db: AnySession, row: store.ReviewRow, review: store.Segmentation, revisions: Sequence[store.Revision]
) -> ReviewView:
    pinned = store.review_readings(db, [review.id])[review.id]
    changes = _changes(pinned, revisions)
    return ReviewView(
        segmentation_id=review.id,
        project_id=review.project_id,
        image_id=review.image_id,
        state=review.state,
        round=store.latest_round(db, review.id),
        readings=[LetteredReading(one.letter, one.revision.dtype) for one in pinned],
        changes=changes,
        can_begin_anew=bool(changes) and not row.reads_it and _is_ready(row, revisions),
    )
