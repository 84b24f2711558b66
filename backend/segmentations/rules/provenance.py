"""Which part of a reading its reader drew, from the journal: what propagation starts from and may never overwrite."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt

from backend.blobs import Blobs
from backend.database import AnySession
from backend.imaging import labels as codec
from backend.imaging.drawn import History
from backend.imaging.labels import LabelArray, Runs
from backend.segmentations import store
from backend.segmentations.rules.keeping import read_labels
from backend.segmentations.store import OPINION_TOOL, SET_WHOLE, Edit

MACHINE_TOOLS = frozenset({"interpolate", OPINION_TOOL})


@dataclass(frozen=True)
class Provenance:
    """A reading as it is now, `labels_zyx`; the slices drawn by hand, by label, across one axis; the voxels drawn by hand.

    revisions, edit_seq: how many revisions it had and its last edit.
    """

    revisions: int
    edit_seq: int
    labels_zyx: LabelArray
    slices: Mapping[int, list[int]]
    by_hand_zyx: npt.NDArray[np.bool_]


def load_provenance(
    db: AnySession, blobs: Blobs, segmentation: store.Segmentation, shape_zyx: tuple[int, int, int], axis: int
) -> Provenance:
    """Replay the whole journal. axis: of the array [z, y, x], 0 = z. Raises CorruptBlob."""
    revisions = {row.id: row for row in store.list_revisions(db, segmentation.id, None, None)}
    edits = store.edits_after(db, segmentation.id, 0, None)
    from_models = store.edits_from_models(db, segmentation.id)
    standing = standing_ids(edits)
    first = min(revisions.values(), key=lambda row: row.number)
    history = History(read_labels(blobs, first.labels_sha256, first.dtype, shape_zyx))
    base = first.id
    for edit in edits:
        base = _follow(history, blobs, revisions, base, edit.base_revision_id, shape_zyx)
        if edit.id not in standing:
            continue
        by_hand = is_by_hand(edit, from_models)
        itemsize = 1 if revisions[base].dtype == "uint8" else 2
        history.apply(codec.decode(edit.runs, history.labels_zyx.size, itemsize), by_hand=by_hand)
    history.jump(_current(blobs, store.head_of(db, segmentation), edits, shape_zyx))
    return Provenance(
        len(revisions), segmentation.edit_seq, history.labels_zyx, history.slices(axis), history.by_hand_zyx
    )


def _follow(
    history: History,
    blobs: Blobs,
    revisions: Mapping[UUID, store.Revision],
    base: UUID,
    wanted: UUID,
    shape_zyx: tuple[int, int, int],
) -> UUID:
    """Move on to a later revision: one folded from edits is where the history is already, others are read."""
    if wanted != base and revisions[wanted].origin in SET_WHOLE:
        history.jump(read_labels(blobs, revisions[wanted].labels_sha256, revisions[wanted].dtype, shape_zyx))
    return wanted


def _current(blobs: Blobs, head: store.Revision, edits: Sequence[Edit], shape_zyx: tuple[int, int, int]) -> LabelArray:
    """What is on the screen: the head revision and every edit on it. What the replay missed of it was a person's act."""
    labels_zyx = read_labels(blobs, head.labels_sha256, head.dtype, shape_zyx)
    for edit in edits:
        if edit.base_revision_id == head.id:
            codec.apply(labels_zyx, codec.decode(edit.runs, labels_zyx.size, labels_zyx.dtype.itemsize))
    return labels_zyx


def is_by_hand(edit: Edit, from_models: Collection[UUID]) -> bool:
    """Whether a person drew it. from_models: edits whose voxels were taken from a prediction or a proxy."""
    return edit.tool not in MACHINE_TOOLS and edit.id not in from_models


def overwrites_drawn(
    db: AnySession,
    blobs: Blobs,
    segmentation: store.Segmentation,
    proxy: store.Revision,
    runs: Runs,
    shape_zyx: tuple[int, int, int],
) -> bool:
    """Whether taking these voxels over from a proxy would change one that was drawn by hand, before it was made or since.

    The proxy shows whatever was drawn before it was made (`put_proxy`), so only what it does not know is replayed: edits that
    stand now and did not then. An edit taken back since brings to light what lay under it; then all is replayed. True as well
    where that cannot be told: the voxels are not the proxy's, or the reading was set back to a revision that no edits lead to.
    Raises CorruptBlob.
    """
    set_back = store.newest_set_back(db, segmentation.id)
    if set_back is not None and set_back.created_at > proxy.created_at:
        return True
    indices = runs.indices()
    shown = read_labels(blobs, proxy.labels_sha256, proxy.dtype, shape_zyx).reshape(-1)
    if not np.array_equal(shown[indices], runs.values):
        return True
    steps = store.steps_of(db, segmentation.id)
    standing, stood = standing_ids(steps), standing_ids([step for step in steps if step.seq <= proxy.folded_seq])
    if not stood <= standing:
        now = load_provenance(db, blobs, segmentation, shape_zyx, 0)
        differs = now.labels_zyx.reshape(-1)[indices] != runs.values
        return bool((now.by_hand_zyx.reshape(-1)[indices] & differs).any())
    fresh = standing - stood
    from_models = store.edits_from_models(db, segmentation.id)
    drawn_here, drawn_as = np.zeros(indices.size, bool), runs.values.copy()
    for edit in store.edits_named(db, segmentation.id, fresh):
        later = codec.decode(edit.runs, shown.size, runs.values.dtype.itemsize)
        voxels = later.indices()
        at = np.searchsorted(indices, voxels)
        met = np.flatnonzero(at < indices.size)
        met = met[indices[at[met]] == voxels[met]]
        drawn_here[at[met]] = is_by_hand(edit, from_models)
        drawn_as[at[met]] = later.values[met]
    return bool((drawn_here & (drawn_as != runs.values)).any())


def standing_ids(edits: Sequence[Edit | store.Step]) -> set[UUID]:
    """Edits that still count: neither taken back nor taking back. Undoing an undoing brings the first one back."""
    taken_back: set[UUID] = set()
    standing: set[UUID] = set()
    for edit in reversed(edits):
        if edit.id in taken_back:
            continue
        if edit.undoes is None:
            standing.add(edit.id)
        else:
            taken_back.add(edit.undoes)
    return standing
