"""What a doctor does to their reading: edits, submitting, reopening, restoring, saving as a revision of its own.

The order of checks is the contract. An edit's id is looked up before If-Match is judged, because a retry whose first
answer was lost is not a conflict; submitting twice from the same state answers the same. Everything that changes
labels locks the segmentation first, so two tabs are put in order by the database.
Fails closed: an edit is checked when it arrives and its result again when it is folded; where a checksum shows that
browser and server disagree, nothing is folded and the journal stays.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np

from backend import audit
from backend.accounts.rules import Actor
from backend.blobs import Blobs
from backend.database import WriteSession
from backend.errors import ChecksumMismatch, Conflict, Invalid, NotFound, PreconditionRequired, Stale, TooLarge
from backend.events import notify
from backend.imaging import labels as label_codec
from backend.imaging.labels import BadEdit, BadLabels, LabelArray, Runs
from backend.projects import rules as projects
from backend.projects import store as project_store
from backend.segmentations import store
from backend.segmentations.rules.keeping import keep_labels, read_labels
from backend.segmentations.rules.provenance import load_provenance
from backend.segmentations.rules.revisions import RevisionView, made_view
from backend.segmentations.rules.sight import SegmentationView, load_seen, make_etag, view_of, visible
from backend.studies.rules import find_image
from backend.studies.store import Image

MAX_RUNS_BYTES = 8 * 1024 * 1024
STEP_TOO_LARGE = (
    f"This step changes too much at once: its runs exceed {MAX_RUNS_BYTES >> 20} MiB. "
    "Take it back, and accept or draw it in parts: one label, or some slices at a time."
)
WITHDRAWN = (
    "This read was withdrawn: what was saved stays, nothing more is. "
    "Have the project's manager ask you again, then try again."
)
MAX_EDITS_UNFOLDED = 20_000


@dataclass(frozen=True)
class NewEdit:
    """One gesture as it arrives. runs: base64. checksums: slice z → CRC-32 as the client sees it after this edit."""

    edit_id: UUID
    base_revision_id: UUID
    tool: str
    runs: str
    source_revision_id: UUID | None = None
    undoes: UUID | None = None
    checksums: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class EditAccepted:
    """An edit is journalled; `is_repeat` when it already was."""

    edit_id: UUID
    seq: int
    etag: str
    is_repeat: bool


@dataclass(frozen=True)
class _Writing:
    """A segmentation locked for writing, with its head, its image and the values it may hold; withdrawn: nobody asks for it now."""

    segmentation: store.Segmentation
    head: store.Revision
    image: Image
    allowed: frozenset[int]
    withdrawn: bool

    @property
    def etag(self) -> str:
        return make_etag(self.head.id, self.segmentation.edit_seq)

    @property
    def shape_zyx(self) -> tuple[int, int, int]:
        return (self.image.nz, self.image.ny, self.image.nx)


def add_edit(
    db: WriteSession, actor: Actor, blobs: Blobs, segmentation_id: UUID, edit: NewEdit, if_match: str | None
) -> EditAccepted:
    """Journal one edit of the actor's own reading.

    Raises PreconditionRequired without If-Match, Stale (with the current etag) when another edit came first, Invalid
    for runs outside the grid or the label set, Conflict on a submitted reading, ChecksumMismatch.
    """
    writing = _lock(db, actor, "update", segmentation_id)
    runs_bytes = _unwrap(edit.runs)
    earlier = store.find_edit(db, segmentation_id, edit.edit_id)
    if earlier is not None:
        if earlier.runs != runs_bytes or earlier.tool != edit.tool:  # its base may differ: a fold came in between
            raise Invalid("This edit_id was used for another edit; every gesture needs an id of its own.")
        return EditAccepted(earlier.id, earlier.seq, make_etag(earlier.base_revision_id, earlier.seq), True)
    _check_writable(writing, if_match)
    if edit.base_revision_id != writing.head.id:
        raise Invalid(f"base_revision_id must be the head revision {writing.head.id} that If-Match names.")
    runs = _decode(writing, runs_bytes)
    source = _check_source(db, actor, writing, edit.source_revision_id)
    undone = _find_undone(db, writing, edit.undoes)
    if (
        source is not None
        and source.segmentation.author == "proxy"
        and not _only_takes_back(writing, undone, edit, runs)
    ):
        _check_overwrites_nothing_drawn(db, blobs, writing, runs)
    if writing.segmentation.edit_seq - writing.head.folded_seq >= MAX_EDITS_UNFOLDED:
        raise Conflict(f"{MAX_EDITS_UNFOLDED} edits wait to be folded; submit the reading and reopen it.")
    if edit.checksums:
        labels_zyx = _current(db, blobs, writing)
        label_codec.apply(labels_zyx, runs)
        _check_checksums(labels_zyx, edit.checksums)
    seq = writing.segmentation.edit_seq + 1
    _journal(db, actor, writing, edit, seq, runs_bytes, runs)
    return EditAccepted(edit.edit_id, seq, make_etag(writing.head.id, seq), False)


def submit(
    db: WriteSession,
    actor: Actor,
    blobs: Blobs,
    segmentation_id: UUID,
    if_match: str | None,
    checksums: Mapping[int, int],
) -> RevisionView:
    """Fold the journal into a revision and finish the reading; from the same state again, the same answer."""
    writing = _lock(db, actor, "submit", segmentation_id)
    segmentation, head = writing.segmentation, writing.head
    before = make_etag(head.parent_id, head.folded_seq) if head.parent_id else None
    if segmentation.state == "submitted" and before and if_match and _same_etag(if_match, before):
        return made_view(head, segmentation.edit_seq)
    _check_writable(writing, if_match)
    revision = _fold(db, actor, blobs, writing, checksums, submitted=True)
    store.move_head(db, segmentation.id, revision.id, "submitted")
    _move_assignment(db, segmentation, "submitted")
    audit.record(
        db,
        actor,
        "U",
        "segmentation",
        segmentation.id,
        project_id=segmentation.project_id,
        old={"revision": head.id},
        new={"revision": revision.id, "labels": revision.labels_sha256, "state": "submitted"},
    )
    return made_view(revision, segmentation.edit_seq)


def reopen(db: WriteSession, actor: Actor, segmentation_id: UUID) -> SegmentationView:
    """Take a submitted reading up again. The submitted revision stays, further edits build on it."""
    row = load_seen(db, actor, "reopen", segmentation_id)
    if row.segmentation.author != "expert":
        raise Conflict("Only a reading can be reopened; what a model drew stays as it is.")
    segmentation = store.lock_segmentation(db, segmentation_id)
    if segmentation is None or segmentation.state != "submitted":
        raise Conflict("This reading is not submitted, so there is nothing to reopen.")
    expert_id = segmentation.expert_id
    if expert_id is None or not project_store.is_project_expert(db, segmentation.project_id, expert_id):
        raise Conflict("Its reader has left the project; add the expert again, then reopen it.")
    store.set_state(db, segmentation_id, "draft")
    _move_assignment(db, segmentation, "drafting")
    audit.record(
        db,
        actor,
        "U",
        "segmentation",
        segmentation_id,
        project_id=segmentation.project_id,
        old={"state": "submitted"},
        new={"state": "draft"},
    )
    db.refresh(segmentation)
    return view_of(row)


def restore(
    db: WriteSession, actor: Actor, blobs: Blobs, segmentation_id: UUID, revision_id: UUID, if_match: str | None
) -> RevisionView:
    """Make an earlier revision of a reading its newest one. Edits not folded yet are kept in a revision of their own."""
    writing = _lock(db, actor, "update", segmentation_id)
    _check_writable(writing, if_match)
    row = store.find_revision(db, revision_id, visible(actor))
    if row is None or row.revision.segmentation_id != segmentation_id:
        raise Invalid("This segmentation has no such revision.")
    if writing.segmentation.edit_seq > writing.head.folded_seq:
        _fold(db, actor, blobs, writing, {}, submitted=False)
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
    writing = _lock(db, actor, "update", segmentation_id)
    _check_writable(writing, if_match)
    labels_zyx = np.zeros(writing.shape_zyx, dtype=np.uint8 if writing.head.dtype == "uint8" else np.uint16)
    label_codec.apply(labels_zyx, _decode(writing, _unwrap(runs)))
    kept = keep_labels(blobs, labels_zyx, writing.allowed)
    sources = [source for source_id in source_ids if (source := _check_source(db, actor, writing, source_id))]
    parent = writing.head
    if writing.segmentation.edit_seq > parent.folded_seq:
        parent = _fold(db, actor, blobs, writing, {}, submitted=False)
    return _set_head(
        db,
        actor,
        writing,
        {"labels": kept.sha256, "forked": True},
        parent_id=parent.id,
        labels_sha256=kept.sha256,
        dtype=kept.dtype,
        label_volumes=kept.volumes,
        origin="fork",
        assisted=parent.assisted or any(s.segmentation.author != "expert" or s.revision.assisted for s in sources),
        style_id=parent.style_id,
    )


def _set_head(
    db: WriteSession, actor: Actor, writing: _Writing, note: Mapping[str, Any], **values: Any
) -> RevisionView:
    """Append a revision made of `values` that was not folded from the journal, and let drawing go on from it."""
    segmentation = writing.segmentation
    revision = store.add_revision(
        db, segmentation_id=segmentation.id, folded_seq=segmentation.edit_seq, created_by=actor.user_id, **values
    )
    store.move_head(db, segmentation.id, revision.id, "draft")
    _move_assignment(db, segmentation, "drafting")
    audit.record(
        db,
        actor,
        "U",
        "segmentation",
        segmentation.id,
        project_id=segmentation.project_id,
        old={"revision": writing.head.id},
        new={"revision": revision.id, **note},
    )
    return made_view(revision, segmentation.edit_seq)


def note_mismatch(db: WriteSession, actor: Actor, segmentation_id: UUID, slices: list[int]) -> None:
    """Remember for system health and audit that browser and server differ, though the write that showed it failed."""
    segmentation = load_seen(db, actor, "update", segmentation_id).segmentation
    store.add_checksum_alarm(db, segmentation_id, slices)
    audit.record(
        db,
        actor,
        "U",
        "segmentation",
        segmentation_id,
        project_id=segmentation.project_id,
        outcome="failed",
        new={"alarm": "checksum_mismatch", "slices": slices},
    )


def _lock(db: WriteSession, actor: Actor, action: str, segmentation_id: UUID) -> _Writing:
    """Check the right to write, then lock: whoever comes second sees what the first one did."""
    load_seen(db, actor, action, segmentation_id)
    segmentation = store.lock_segmentation(db, segmentation_id)
    image = find_image(db, segmentation.image_id) if segmentation else None
    if segmentation is None or image is None:
        raise NotFound
    if segmentation.author != "expert":
        raise Conflict("What a model drew is never changed; accept it in your own reading and correct it there.")
    allowed = frozenset(label.value for label in projects.load_labels(db, segmentation.project_id))
    head, withdrawn = store.head_to_write(db, segmentation)
    return _Writing(segmentation, head, image.image, allowed, withdrawn)


def _same_etag(given: str, etag: str) -> bool:
    return given.strip().removeprefix("W/").strip('"') == etag.strip('"')


def _check_writable(writing: _Writing, if_match: str | None) -> None:
    if if_match is None or if_match.strip() == "*":
        raise PreconditionRequired("Send If-Match with the segmentation's ETag; last writer wins is not a mode.")
    if not _same_etag(if_match, writing.etag):
        raise Stale(
            "This reading was changed elsewhere meanwhile; fetch the missed edits and send yours again.",
            etag=writing.etag,
            head_revision_id=str(writing.head.id),
            edit_seq=writing.segmentation.edit_seq,
        )
    if writing.segmentation.state != "draft":
        raise Conflict("This reading is submitted; reopen it to go on drawing.")
    if writing.withdrawn:
        raise Conflict(WITHDRAWN)


def _unwrap(runs: str) -> bytes:
    try:
        content = base64.b64decode(runs, validate=True)
    except (binascii.Error, ValueError) as problem:
        raise Invalid("runs is not base64.", reason="base64") from problem
    if len(content) > MAX_RUNS_BYTES:
        raise TooLarge(STEP_TOO_LARGE)
    return content


def _decode(writing: _Writing, runs_bytes: bytes) -> Runs:
    """The runs, inside the grid and within the label set. Raises Invalid with the codec's reason."""
    depth, height, width = writing.shape_zyx
    try:
        runs = label_codec.decode(runs_bytes, depth * height * width, 1 if writing.head.dtype == "uint8" else 2)
        label_codec.check_values(runs.values, writing.allowed)
    except (BadEdit, BadLabels) as problem:
        raise Invalid(f"{problem.reason}.", reason=problem.code) from problem
    return runs


def _check_source(
    db: WriteSession, actor: Actor, writing: _Writing, source_id: UUID | None
) -> store.RevisionRow | None:
    """Where voxels were taken from. Raises Invalid unless that is on the same image and visible to the actor."""
    if source_id is None:
        return None
    source = store.find_revision(db, source_id, visible(actor))
    if (
        source is None
        or source.segmentation.image_id != writing.image.id
        or source.segmentation.project_id != writing.segmentation.project_id
    ):
        raise Invalid("source_revision_id names no revision of this image that you may see.")
    return source


def _check_overwrites_nothing_drawn(db: WriteSession, blobs: Blobs, writing: _Writing, runs: Runs) -> None:
    """Raises Conflict where a proxy would change a voxel that was drawn by hand, before it was made or since."""
    now = load_provenance(db, blobs, writing.segmentation, writing.shape_zyx, 0)
    indices = runs.indices()
    changes = now.labels_zyx.reshape(-1)[indices] != runs.values
    if bool((now.by_hand_zyx.reshape(-1)[indices] & changes).any()):
        raise Conflict(
            "You drew there since this was propagated, and a proxy never overwrites drawing; propagate again."
        )


def _find_undone(db: WriteSession, writing: _Writing, undone_id: UUID | None) -> store.Edit | None:
    """The edit that is taken back, None where none is. Raises Invalid where it is not in this journal."""
    if undone_id is None:
        return None
    undone = store.find_edit(db, writing.segmentation.id, undone_id)
    if undone is None:
        raise Invalid("undoes names no edit of this segmentation.")
    return undone


def _only_takes_back(writing: _Writing, undone: store.Edit | None, edit: NewEdit, runs: Runs) -> bool:
    """Whether an edit from a proxy is no more than the undo (or redo) of one that was, on no other voxels."""
    if undone is None or undone.source_revision_id != edit.source_revision_id:
        return False
    return bool(np.isin(runs.indices(), _decode(writing, undone.runs).indices()).all())


def _journal(
    db: WriteSession, actor: Actor, writing: _Writing, edit: NewEdit, seq: int, runs_bytes: bytes, runs: Runs
) -> None:
    segmentation = writing.segmentation
    store.add_edit(
        db,
        segmentation_id=segmentation.id,
        id=edit.edit_id,
        seq=seq,
        base_revision_id=writing.head.id,
        tool=edit.tool,
        source_revision_id=edit.source_revision_id,
        undoes=edit.undoes,
        runs=runs_bytes,
        voxels=int(runs.values.size),
        created_by=actor.user_id,
    )
    store.set_edit_seq(db, segmentation.id, seq)
    if seq == writing.head.folded_seq + 1:
        _move_assignment(db, segmentation, "drafting")
    else:
        _announce(db, segmentation)
    audit.record(
        db,
        actor,
        "U",
        "segmentation",
        segmentation.id,
        project_id=segmentation.project_id,
        new={"edit": edit.edit_id, "seq": seq, "tool": edit.tool, "voxels": int(runs.values.size)},
    )


def _current(db: WriteSession, blobs: Blobs, writing: _Writing) -> LabelArray:
    """Head and journal together: what the doctor sees now, `labels_zyx`, writable."""
    head = writing.head
    labels_zyx = read_labels(blobs, head.labels_sha256, head.dtype, writing.shape_zyx)
    for edit in store.edits_on(db, writing.segmentation.id, head.id):
        label_codec.apply(labels_zyx, label_codec.decode(edit.runs, labels_zyx.size, labels_zyx.dtype.itemsize))
    return labels_zyx


def _check_checksums(labels_zyx: LabelArray, checksums: Mapping[int, int]) -> None:
    beyond = [z for z in checksums if z >= labels_zyx.shape[0]]
    if beyond:
        raise Invalid(f"There is no slice {beyond[0]}; the image has {labels_zyx.shape[0]}.")
    found = label_codec.slice_checksums(labels_zyx, checksums)
    wrong = sorted(z for z, crc32 in checksums.items() if found[z] != crc32)
    if wrong:
        raise ChecksumMismatch(
            f"Slice {wrong[0]} differs between your browser and the server; nothing was folded. "
            "Save yours as a new revision.",
            slices=wrong,
        )


def _fold(
    db: WriteSession, actor: Actor, blobs: Blobs, writing: _Writing, checksums: Mapping[int, int], submitted: bool
) -> store.Revision:
    """Append the revision that head and journal make together. The blob lies safe before the row is written."""
    labels_zyx = _current(db, blobs, writing)
    _check_checksums(labels_zyx, checksums)
    kept = keep_labels(blobs, labels_zyx, writing.allowed)
    sources = store.sources_of(db, writing.segmentation.id, writing.head.id)
    styles = [source.style_id for source in sources if source.style_id is not None]
    return store.add_revision(
        db,
        segmentation_id=writing.segmentation.id,
        parent_id=writing.head.id,
        labels_sha256=kept.sha256,
        dtype=kept.dtype,
        label_volumes=kept.volumes,
        origin="fold",
        assisted=writing.head.assisted or any(source.assisted for source in sources),
        style_id=styles[-1] if styles else writing.head.style_id,
        folded_seq=writing.segmentation.edit_seq,
        created_by=actor.user_id,
        submitted_at=store.NOW if submitted else None,
    )


def _move_assignment(db: WriteSession, segmentation: store.Segmentation, state: str) -> None:
    """Let the worklist follow its reading, and tell whoever listens. Raises Conflict where it was withdrawn meanwhile."""
    if segmentation.expert_id is not None:
        assignment_id = store.find_assignment(db, segmentation.id)
        if assignment_id is not None:
            if not store.set_assignment_state(db, assignment_id, state, segmentation.id):
                raise Conflict(WITHDRAWN)
            event = {"project_id": segmentation.project_id, "expert_id": segmentation.expert_id}
            notify(db, {"type": "assignment", "id": assignment_id, **event})
    _announce(db, segmentation)


def _announce(db: WriteSession, segmentation: store.Segmentation) -> None:
    event = {"project_id": segmentation.project_id, "expert_id": segmentation.expert_id}
    state = {"edit_seq": segmentation.edit_seq, "head_revision_id": segmentation.head_revision_id}
    notify(db, {"type": "segmentation", "id": segmentation.id, **event, **state})
