"""What every change of a reading goes through: the lock, the checks, and the journal folded into a revision.

Everything that changes labels locks the segmentation first, so two tabs are put in order by the database. Fails closed: where a
checksum shows that browser and server disagree, nothing is folded and the journal stays.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from backend import audit
from backend.accounts.rules import Actor
from backend.audit import Outcome
from backend.blobs import Blobs
from backend.database import WriteSession
from backend.errors import ChecksumMismatch, Conflict, Invalid, NotFound, PreconditionRequired, Stale, TooLarge
from backend.events import notify
from backend.imaging import labels as label_codec
from backend.imaging.labels import BadEdit, BadLabels, LabelArray, Runs
from backend.segmentations import store
from backend.segmentations.rules.keeping import keep_labels, read_labels
from backend.segmentations.rules.sight import load_seen, make_etag, visible
from backend.studies.store import Image

DRAWN = ("expert", "consensus")  # the authors who are people; models and propagation never change what they made
MAX_RUNS_BYTES = 8 * 1024 * 1024
STEP_TOO_LARGE = (
    f"This step changes too much at once: its runs exceed {MAX_RUNS_BYTES >> 20} MiB. "
    "Take it back, and accept or draw it in parts: one label, or some slices at a time."
)
WITHDRAWN = (
    "This read was withdrawn: what was saved stays, nothing more is. "
    "Have the project's manager ask you again, then try again."
)


@dataclass(frozen=True)
class Writing:
    """A segmentation locked for writing, with its head, its image and the values it may hold; withdrawn: nobody asks for it now."""

    segmentation: store.Segmentation
    head: store.Revision
    image: Image
    allowed: frozenset[int]
    withdrawn: bool

    @property
    def etag(self) -> str:
        """What If-Match must name."""
        return make_etag(self.head.id, self.segmentation.edit_seq)

    @property
    def shape_zyx(self) -> tuple[int, int, int]:
        """The grid, slowest axis first."""
        return (self.image.nz, self.image.ny, self.image.nx)


def lock(db: WriteSession, actor: Actor, action: str, segmentation_id: UUID) -> Writing:
    """Check the right to write, then lock: whoever comes second sees what the first one did."""
    load_seen(db, actor, action, segmentation_id)
    segmentation = store.lock_segmentation(db, segmentation_id)
    ground = store.ground_of(db, segmentation) if segmentation else None
    if segmentation is None or ground is None:
        raise NotFound
    if segmentation.author not in DRAWN:
        raise Conflict("What a model drew is never changed; accept it in your own reading and correct it there.")
    return Writing(segmentation, ground.head, ground.image, ground.values, ground.withdrawn)


def same_etag(given: str, etag: str) -> bool:
    """Whether a client's If-Match names this state, weak or quoted as proxies may leave it."""
    return given.strip().removeprefix("W/").strip('"') == etag.strip('"')


def check_current(writing: Writing, if_match: str | None) -> None:
    """Raises PreconditionRequired without If-Match, Stale where it names an older state."""
    if if_match is None or if_match.strip() == "*":
        raise PreconditionRequired("Send If-Match with the segmentation's ETag; last writer wins is not a mode.")
    if not same_etag(if_match, writing.etag):
        raise Stale(
            "This reading was changed elsewhere meanwhile; fetch the missed edits and send yours again.",
            etag=writing.etag,
            head_revision_id=str(writing.head.id),
            edit_seq=writing.segmentation.edit_seq,
        )


def check_writable(writing: Writing, if_match: str | None) -> None:
    """As `check_current`; raises Conflict unless this is a draft that is asked for."""
    check_current(writing, if_match)
    if writing.segmentation.state != "draft":
        raise Conflict("This reading is submitted; reopen it to go on drawing.")
    if writing.withdrawn:
        raise Conflict(WITHDRAWN)


def unwrap(runs: str) -> bytes:
    """The codec's bytes of base64. Raises Invalid, TooLarge."""
    try:
        content = base64.b64decode(runs, validate=True)
    except (binascii.Error, ValueError) as problem:
        raise Invalid("runs is not base64.", reason="base64") from problem
    if len(content) > MAX_RUNS_BYTES:
        raise TooLarge(STEP_TOO_LARGE)
    return content


def decode(writing: Writing, runs_bytes: bytes) -> Runs:
    """The runs, inside the grid and within the label set. Raises Invalid with the codec's reason."""
    depth, height, width = writing.shape_zyx
    try:
        runs = label_codec.decode(runs_bytes, depth * height * width, 1 if writing.head.dtype == "uint8" else 2)
        label_codec.check_values(runs.values, writing.allowed)
    except (BadEdit, BadLabels) as problem:
        raise Invalid(f"{problem.reason}.", reason=problem.code) from problem
    return runs


def check_source(db: WriteSession, actor: Actor, writing: Writing, source_id: UUID | None) -> store.RevisionRow | None:
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


def current_labels(db: WriteSession, blobs: Blobs, writing: Writing) -> LabelArray:
    """Head and journal together: what the doctor sees now, `labels_zyx`, writable."""
    head = writing.head
    labels_zyx = read_labels(blobs, head.labels_sha256, head.dtype, writing.shape_zyx)
    for edit in store.edits_on(db, writing.segmentation.id, head.id):
        label_codec.apply(labels_zyx, label_codec.decode(edit.runs, labels_zyx.size, labels_zyx.dtype.itemsize))
    return labels_zyx


def check_checksums(labels_zyx: LabelArray, checksums: Mapping[int, int]) -> None:
    """Compare slices with what the browser sees; checksums: slice z → CRC-32. Raises ChecksumMismatch, Invalid."""
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


def fold(
    db: WriteSession, actor: Actor, blobs: Blobs, writing: Writing, checksums: Mapping[int, int], submitted: bool
) -> store.Revision:
    """Append the revision that head and journal make together, the new head. The blob lies safe before the row is written."""
    labels_zyx = current_labels(db, blobs, writing)
    check_checksums(labels_zyx, checksums)
    kept = keep_labels(blobs, labels_zyx, writing.allowed)
    sources = store.sources_of(db, writing.segmentation.id, writing.head.id)
    is_review = writing.segmentation.author == "consensus"  # in nobody's style, and which ones helped would tell whose
    styles = [] if is_review else [source.style_id for source in sources if source.style_id is not None]
    return store.add_revision(
        db,
        writing.segmentation,
        "submitted" if submitted else "draft",
        parent_id=writing.head.id,
        **kept.columns,
        origin="fold",
        assisted=writing.head.assisted or any(source.assisted for source in sources),
        style_id=styles[-1] if styles else writing.head.style_id,
        folded_seq=writing.segmentation.edit_seq,
        created_by=actor.user_id,
        submitted_at=store.NOW if submitted else None,
    )


def note(
    db: WriteSession,
    actor: Actor,
    segmentation: store.Segmentation,
    new: Mapping[str, Any],
    *,
    old: Mapping[str, Any] | None = None,
    outcome: Outcome = "success",
) -> None:
    """Tell the audit what becomes of a reading."""
    where = segmentation.project_id
    audit.record(db, actor, "U", "segmentation", segmentation.id, project_id=where, outcome=outcome, old=old, new=new)


def move_assignment(db: WriteSession, segmentation: store.Segmentation, state: str) -> None:
    """Let the worklist follow its reading, and tell whoever listens. Raises Conflict where it was withdrawn meanwhile."""
    if segmentation.expert_id is not None:
        assignment_id = store.find_assignment(db, segmentation.id)
        if assignment_id is not None:
            if not store.set_assignment_state(db, assignment_id, state, segmentation.id):
                raise Conflict(WITHDRAWN)
            event = {"project_id": segmentation.project_id, "expert_id": segmentation.expert_id}
            notify(db, {"type": "assignment", "id": assignment_id, **event})
    announce(db, segmentation)


def announce(db: WriteSession, segmentation: store.Segmentation) -> None:
    """Tell whoever listens that the reading goes on."""
    event = {
        "project_id": segmentation.project_id, "expert_id": segmentation.expert_id, "owner_id": segmentation.reviewer_id
    }  # fmt: skip
    state = {"edit_seq": segmentation.edit_seq, "head_revision_id": segmentation.head_revision_id}
    notify(db, {"type": "segmentation", "id": segmentation.id, **event, **state})
