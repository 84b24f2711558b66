"""Reviews: one person settles, region by region, where the readings of an image differ (PRODUCT 4.9).

The result is a segmentation of its own, author *consensus*, drawn like any other: it begins as the majority of the readings, and
each decision is an edit whose tool says what was decided and why. Readings are never touched. Which reader is which the server
keeps to itself: a reviewer gets letters, and the readings by letter alone.
"""

import random
import re
import string
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np

from backend import audit
from backend.accounts.rules import Actor
from backend.blobs import Blobs
from backend.database import AnySession, WriteSession
from backend.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from backend.imaging.labels import LabelArray
from backend.paging import Page, decode_cursor, page_of
from backend.projects import rules as projects
from backend.segmentations import store
from backend.segmentations.rules.keeping import keep_labels, read_labels
from backend.segmentations.rules.revisions import LabelSlab, cut_label_slab
from backend.studies.store import Image

LEAST_READINGS: Final = 2
LETTERS: Final = string.ascii_uppercase
DECISION: Final = re.compile(
    r"decide-(take-(?P<letter>[a-z])|union|intersection|undecidable|redrawn)"
    r"(-(boundary|extent|missed|absent|label|protocol))?"
)
_shuffler = random.SystemRandom()


@dataclass(frozen=True)
class LetteredReading:
    """One of the readings under review; dtype is that of its labels."""

    letter: str
    dtype: str


@dataclass(frozen=True)
class ReviewView:
    """A review; is_outdated: a reading was taken up again since it began, which this review does not follow."""

    segmentation_id: UUID
    project_id: UUID
    image_id: UUID
    state: str
    readings: list[LetteredReading]
    is_outdated: bool


@dataclass(frozen=True)
class ReviewItemView:
    """An image that its reviewer has begun to review, or may. state is None before it is begun."""

    image_id: UUID
    image_name: str
    image_sha256: str
    readings: int
    state: str | None


def majority(readings: list[LabelArray]) -> LabelArray:
    """The label most readings give each voxel [z, y, x]; a tie goes to background where it is among the first, else to the smallest label.

    readings: two or more on one grid. Returns the widest of their types. `frontend/src/engine/labels/Votes.ts` shows the same.
    """
    voted = readings[0].astype(np.result_type(*readings), copy=True)
    differs = np.zeros(voted.shape, bool)
    for other in readings[1:]:
        differs |= readings[0] != other
    ballots_RN = np.stack([reading[differs] for reading in readings])  # readings × disputed voxels
    best = np.zeros(ballots_RN.shape[1], voted.dtype)
    most = np.count_nonzero(ballots_RN == 0, axis=0)
    for label in np.unique(ballots_RN):
        votes = np.count_nonzero(ballots_RN == label, axis=0)
        wins = votes > most
        best[wins], most[wins] = label, votes[wins]
    voted[differs] = best
    return voted


def check_decision(db: AnySession, segmentation: store.Segmentation, tool: str) -> None:
    """Raises Invalid for a decision that is none we know, for a letter that is nobody's, or on what is no review."""
    if not tool.startswith("decide-"):
        return
    decision = DECISION.fullmatch(tool)
    if decision is None or segmentation.author != "consensus":
        raise Invalid(f"{tool} is no decision of a review; see the interface's description of `tool`.")
    taken = decision["letter"]
    letters = [letter for letter, _ in store.review_readings(db, segmentation.id)] if taken else []
    if taken and taken.upper() not in letters:
        raise Invalid(f"{tool} takes reader {taken.upper()}; this review's readers are {', '.join(letters)}.")


def list_reviews(
    db: AnySession, actor: Actor, project_id: UUID, cursor: str | None, limit: int
) -> Page[ReviewItemView]:
    """The images this reviewer has begun or may begin, in reading order. Says nothing of images whose readings are outstanding."""
    projects.authorize_in(db, actor, "list", "review", project_id)
    after = decode_cursor(cursor, int, UUID) if cursor else None
    rows = store.list_reviews(db, project_id, _user(actor), after, limit + 1)
    page = page_of(rows, limit, lambda row: (row.position, row.image.id))
    items = [
        ReviewItemView(
            row.image.id, row.image.name, row.image.sha256, row.submitted, row.review.state if row.review else None
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
    if row.review is not None:
        return _view(db, row.review)
    if row.reads_it:
        raise Forbidden("You are asked to read this image yourself; somebody else has to review it.")
    revisions = store.submitted_revisions(db, project_id, image_id)
    if len(revisions) < max(row.asked, LEAST_READINGS):
        raise Conflict(
            f"{len(revisions)} of {row.asked} readings are submitted; a review takes {LEAST_READINGS} or more, and all of them."
        )
    if len(revisions) > len(LETTERS):
        raise Conflict(f"A review is of at most {len(LETTERS)} readings; this image has {len(revisions)}.")
    return _view(db, _begin(db, actor, blobs, project_id, row.image, revisions))


def _begin(
    db: WriteSession, actor: Actor, blobs: Blobs, project_id: UUID, image: Image, revisions: list[store.Revision]
) -> store.Segmentation:
    shape_zyx = (image.nz, image.ny, image.nx)
    labels_zyx = majority([read_labels(blobs, one.labels_sha256, one.dtype, shape_zyx) for one in revisions])
    kept = keep_labels(blobs, labels_zyx, [label.value for label in projects.load_labels(db, project_id)])
    segmentation = store.add_segmentation(
        db, project_id=project_id, image_id=image.id, author="consensus", reviewer_id=actor.user_id
    )
    store.add_revision(
        db,
        segmentation,
        "draft",
        **kept.columns,
        origin="majority",
        assisted=any(one.assisted for one in revisions),
        folded_seq=0,
        created_by=actor.user_id,
    )
    _shuffler.shuffle(revisions)
    letters = {letter: one.id for letter, one in zip(LETTERS, revisions, strict=False)}
    store.add_review_readings(db, segmentation.id, letters)
    audit.record(
        db, actor, "C", "segmentation", segmentation.id, project_id=project_id, new={"review_of": sorted(map(str, letters.values()))}
    )  # fmt: skip
    return segmentation


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


def _view(db: AnySession, review: store.Segmentation) -> ReviewView:
    readings = [LetteredReading(letter, revision.dtype) for letter, revision in store.review_readings(db, review.id)]
    return ReviewView(
        review.id, review.project_id, review.image_id, review.state, readings, store.is_outdated(db, review.id)
    )
