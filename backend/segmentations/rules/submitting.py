"""What becomes of a reading as a whole: submitted, taken up again, withdrawn, an earlier revision restored, a browser's map kept beside.

Submitting twice from the same state answers the same. Nothing is overwritten: each is a revision more.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np

from backend.accounts.rules import Actor
from backend.blobs import Blobs
from backend.database import WriteSession
from backend.errors import Conflict, Invalid
from backend.imaging import labels as label_codec
from backend.projects import rules as projects
from backend.projects import store as project_store
from backend.segmentations import store
from backend.segmentations.rules.keeping import keep_labels
from backend.segmentations.rules.revisions import RevisionView, made_view
from backend.segmentations.rules.sight import SegmentationView, load_seen, make_etag, view_of, visible
from backend.segmentations.rules.writing import (
    DRAWN,
    Writing,
    check_source,
    check_writable,
    decode,
    fold,
    lock,
    move_assignment,
    note,
    same_etag,
    unwrap,
)


def submit(
    db: WriteSession,
    actor: Actor,
    blobs: Blobs,
    segmentation_id: UUID,
    if_match: str | None,
    checksums: Mapping[int, int],
) -> RevisionView:
    """Fold the journal into a revision and finish the reading; from the same state again, the same answer."""
    writing = lock(db, actor, "submit", segmentation_id)
    segmentation, head = writing.segmentation, writing.head
    before = make_etag(head.parent_id, head.folded_seq) if head.parent_id else None
    if segmentation.state == "submitted" and before and if_match and same_etag(if_match, before):
        return made_view(head, segmentation.edit_seq)
    check_writable(writing, if_match)
    revision = fold(db, actor, blobs, writing, checksums, submitted=True)
    move_assignment(db, segmentation, "submitted")
    new = {"revision": revision.id, "labels": revision.labels_sha256, "state": "submitted"}
    note(db, actor, segmentation, new, old={"revision": head.id})
    return made_view(revision, segmentation.edit_seq)


def reopen(db: WriteSession, actor: Actor, segmentation_id: UUID) -> SegmentationView:
    """Take a submitted reading up again. The submitted revision stays, further edits build on it."""
    row = load_seen(db, actor, "reopen", segmentation_id)
    if row.segmentation.author not in DRAWN:
        raise Conflict("Only a reading can be reopened; what a model drew stays as it is.")
    segmentation = store.lock_segmentation(db, segmentation_id)
    if segmentation is None or segmentation.state != "submitted":
        raise Conflict("This reading is not submitted, so there is nothing to reopen.")
    expert_id = segmentation.expert_id
    if expert_id is not None and not project_store.is_project_expert(db, segmentation.project_id, expert_id):
        raise Conflict("Its reader has left the project; add the expert again, then reopen it.")
    _take_up(db, actor, segmentation)
    db.refresh(segmentation)
    return view_of(row)


def _take_up(db: WriteSession, actor: Actor, segmentation: store.Segmentation) -> None:
    store.set_state(db, segmentation.id, "draft")
    move_assignment(db, segmentation, "drafting")
    note(db, actor, segmentation, {"state": "draft"}, old={"state": "submitted"})


def withdraw_reads(
    db: WriteSession,
    actor: Actor,
    project_id: UUID,
    image_ids: Sequence[UUID] | None,
    expert_ids: Sequence[UUID],
    reason: str,
    *,
    submitted: bool,
) -> int:
    """`projects.withdraw_reads`; submitted: those that were submitted as well, because a patient no longer consents or one is wrong.

    Each of these is taken up again first, so that one asked for once more comes back as a draft. What was submitted stays, as a
    revision; nothing learns from it. Raises Invalid where no images are named.
    """
    projects.authorize_in(db, actor, "withdraw", "assignment", project_id)
    if submitted and image_ids is None:
        raise Invalid("Name the images whose submitted readings are to be withdrawn.")
    for segmentation in store.lock_submitted(db, project_id, image_ids or (), expert_ids) if submitted else ():
        _take_up(db, actor, segmentation)
    return projects.withdraw_reads(db, actor, project_id, image_ids, expert_ids, reason)


def restore(
    db: WriteSession, actor: Actor, blobs: Blobs, segmentation_id: UUID, revision_id: UUID, if_match: str | None
) -> RevisionView:
    """Make an earlier revision of a reading its newest one. Edits not folded yet are kept in a revision of their own."""
    writing = lock(db, actor, "update", segmentation_id)
    check_writable(writing, if_match)
    row = store.find_revision(db, revision_id, visible(actor))
    if row is None or row.revision.segmentation_id != segmentation_id:
        raise Invalid("This segmentation has no such revision.")
    if writing.segmentation.edit_seq > writing.head.folded_seq:
        fold(db, actor, blobs, writing, {}, submitted=False)
    target = row.revision
    return _set_head(
        db,
        actor,
        writing,
        {"restored": target.id},
        parent_id=target.id,
        labels_sha256=target.labels_sha256,
        dtype=target.dtype,
        label_volumes=target.label_volumes,
        origin="restore",
        assisted=target.assisted,
        style_id=target.style_id,
    )


def fork(
    db: WriteSession,
    actor: Actor,
    blobs: Blobs,
    segmentation_id: UUID,
    runs: str,
    source_ids: Sequence[UUID],
    if_match: str | None,
) -> RevisionView:
    """Keep the label map a browser holds as a revision of its own, and make it the newest one.

    For a browser whose map differs from the server's (ChecksumMismatch). runs: the whole map, as an edit on an empty
    one. source_ids: revisions that edits not sent otherwise were taken from. What the server held is kept in a
    revision before it, so nothing is overwritten.
    """
    writing = lock(db, actor, "update", segmentation_id)
    check_writable(writing, if_match)
    labels_zyx = np.zeros(writing.shape_zyx, dtype=np.uint8 if writing.head.dtype == "uint8" else np.uint16)
    label_codec.apply(labels_zyx, decode(writing, unwrap(runs)))
    kept = keep_labels(blobs, labels_zyx, writing.allowed)
    sources = [source for source_id in source_ids if (source := check_source(db, actor, writing, source_id))]
    parent = writing.head
    if writing.segmentation.edit_seq > parent.folded_seq:
        parent = fold(db, actor, blobs, writing, {}, submitted=False)
    return _set_head(
        db,
        actor,
        writing,
        {"labels": kept.sha256, "forked": True},
        parent_id=parent.id,
        **kept.columns,
        origin="fork",
        assisted=parent.assisted or any(s.segmentation.author != "expert" or s.revision.assisted for s in sources),
        style_id=parent.style_id,
    )


def _set_head(db: WriteSession, actor: Actor, writing: Writing, how: Mapping[str, Any], **values: Any) -> RevisionView:
    """Append a revision made of `values` that was not folded from the journal, and let drawing go on from it."""
    segmentation = writing.segmentation
    revision = store.add_revision(
        db, segmentation, "draft", folded_seq=segmentation.edit_seq, created_by=actor.user_id, **values
    )
    move_assignment(db, segmentation, "drafting")
    note(db, actor, segmentation, {"revision": revision.id, **how}, old={"revision": writing.head.id})
    return made_view(revision, segmentation.edit_seq)
