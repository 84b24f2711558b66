"""One edit of a doctor's reading, journalled.

The order of checks is the contract. An edit's id is looked up before If-Match is judged, because a retry whose first
answer was lost is not a conflict. Fails closed: an edit is checked when it arrives and its result again when it is folded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from backend.accounts.rules import Actor
from backend.blobs import Blobs
from backend.database import WriteSession
from backend.errors import Conflict, Invalid
from backend.imaging import labels as label_codec
from backend.imaging.labels import Runs
from backend.segmentations import store
from backend.segmentations.rules.decisions import check_decision
from backend.segmentations.rules.provenance import overwrites_drawn
from backend.segmentations.rules.sight import load_seen, make_etag
from backend.segmentations.rules.writing import (
    Writing,
    announce,
    check_checksums,
    check_source,
    check_writable,
    current_labels,
    decode,
    lock,
    move_assignment,
    note,
    unwrap,
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


def add_edit(
    db: WriteSession, actor: Actor, blobs: Blobs, segmentation_id: UUID, edit: NewEdit, if_match: str | None
) -> EditAccepted:
    """Journal one edit of the actor's own reading.

    Raises PreconditionRequired without If-Match, Stale (with the current etag) when another edit came first, Invalid
    for runs outside the grid or the label set, Conflict on a submitted reading, ChecksumMismatch.
    """
    writing = lock(db, actor, "update", segmentation_id)
    runs_bytes = unwrap(edit.runs)
    earlier = store.find_edit(db, segmentation_id, edit.edit_id)
    if earlier is not None:
        if earlier.runs != runs_bytes or earlier.tool != edit.tool:  # its base may differ: a fold came in between
            raise Invalid("This edit_id was used for another edit; every gesture needs an id of its own.")
        return EditAccepted(earlier.id, earlier.seq, make_etag(earlier.base_revision_id, earlier.seq), True)
    check_writable(writing, if_match)
    if edit.base_revision_id != writing.head.id:
        raise Invalid(f"base_revision_id must be the head revision {writing.head.id} that If-Match names.")
    check_decision(db, writing.segmentation, edit.tool)
    runs = decode(writing, runs_bytes)
    source = check_source(db, actor, writing, edit.source_revision_id)
    undone = _find_undone(db, writing, edit.undoes)
    if (
        source is not None
        and source.segmentation.author == "proxy"
        and not _only_takes_back(writing, undone, edit, runs)
    ):
        _check_overwrites_nothing_drawn(db, blobs, writing, source.revision, runs)
    if writing.segmentation.edit_seq - writing.head.folded_seq >= MAX_EDITS_UNFOLDED:
        raise Conflict(f"{MAX_EDITS_UNFOLDED} edits wait to be folded; submit the reading and reopen it.")
    if edit.checksums:
        labels_zyx = current_labels(db, blobs, writing)
        label_codec.apply(labels_zyx, runs)
        check_checksums(labels_zyx, edit.checksums)
    seq = writing.segmentation.edit_seq + 1
    _journal(db, actor, writing, edit, seq, runs_bytes, runs)
    return EditAccepted(edit.edit_id, seq, make_etag(writing.head.id, seq), False)


def _check_overwrites_nothing_drawn(
    db: WriteSession, blobs: Blobs, writing: Writing, proxy: store.Revision, runs: Runs
) -> None:
    """Raises Conflict where a proxy would change a voxel that was drawn by hand, before it was made or since."""
    if overwrites_drawn(db, blobs, writing.segmentation, proxy, runs, writing.shape_zyx):
        raise Conflict(
            "You drew there since this was propagated, and a proxy never overwrites drawing; propagate again."
        )


def _find_undone(db: WriteSession, writing: Writing, undone_id: UUID | None) -> store.Edit | None:
    """The edit that is taken back, None where none is. Raises Invalid where it is not in this journal."""
    if undone_id is None:
        return None
    undone = store.find_edit(db, writing.segmentation.id, undone_id)
    if undone is None:
        raise Invalid("undoes names no edit of this segmentation.")
    return undone


def _only_takes_back(writing: Writing, undone: store.Edit | None, edit: NewEdit, runs: Runs) -> bool:
    """Whether an edit from a proxy is no more than the undo (or redo) of one that was, on no other voxels."""
    if undone is None or undone.source_revision_id != edit.source_revision_id:
        return False
    return decode(writing, undone.runs).covers(runs)


def _journal(
    db: WriteSession, actor: Actor, writing: Writing, edit: NewEdit, seq: int, runs_bytes: bytes, runs: Runs
) -> None:
    segmentation = writing.segmentation
    store.add_edit(
        db,
        segmentation,
        seq,
        id=edit.edit_id,
        base_revision_id=writing.head.id,
        tool=edit.tool,
        source_revision_id=edit.source_revision_id,
        undoes=edit.undoes,
        runs=runs_bytes,
        voxels=int(runs.values.size),
        created_by=actor.user_id,
    )
    if seq == writing.head.folded_seq + 1:
        move_assignment(db, segmentation, "drafting")
    else:
        announce(db, segmentation)
    note(
        db, actor, segmentation, {"edit": edit.edit_id, "seq": seq, "tool": edit.tool, "voxels": int(runs.values.size)}
    )


def note_mismatch(db: WriteSession, actor: Actor, segmentation_id: UUID, slices: list[int]) -> None:
    """Remember for system health and audit that browser and server differ, though the write that showed it failed."""
    segmentation = load_seen(db, actor, "update", segmentation_id).segmentation
    store.add_checksum_alarm(db, segmentation_id, slices)
    note(db, actor, segmentation, {"alarm": "checksum_mismatch", "slices": slices}, outcome="failed")
