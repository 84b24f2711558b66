"""Label maps going into and coming out of the store, and the ways in besides a doctor's edits: imports and predictions.

Blob first, row after: `keep_labels` needs no transaction and is called before one is opened or while nothing depends
on it. Whatever the door, the same checks hold: exactly the image's grid, only labels of the project's set.
"""

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

import numpy as np
import numpy.typing as npt

from backend import audit
from backend.accounts.rules import Actor, load_expert
from backend.blobs import Blobs
from backend.database import WriteSession
from backend.errors import Conflict, CorruptBlob, Invalid
from backend.events import notify
from backend.imaging import labels as label_codec
from backend.imaging.labels import BadLabels, LabelArray
from backend.projects import store as projects
from backend.segmentations import store
from backend.studies.rules import find_image


@dataclass(frozen=True)
class KeptLabels:
    """A label map that lies among the blobs: its name, its type, and voxels per label (background left out)."""

    sha256: str
    dtype: Literal["uint8", "uint16"]
    shape_zyx: tuple[int, int, int]
    volumes: dict[str, int]
    uncertainty_sha256: str | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """What a revision's row says of it."""
        return {
            "labels_sha256": self.sha256,
            "uncertainty_sha256": self.uncertainty_sha256,
            "dtype": self.dtype,
            "label_volumes": self.volumes,
        }


def keep_labels(blobs: Blobs, labels_zyx: LabelArray, allowed: Collection[int]) -> KeptLabels:
    """Store a label map. labels_zyx: uint8 or uint16. Raises Invalid for a value that is neither 0 nor in `allowed`."""
    try:
        label_codec.check_values(labels_zyx, allowed)
    except BadLabels as problem:
        raise Invalid(f"{problem.reason}.", reason=problem.code) from problem
    volumes = {str(value): voxels for value, voxels in label_codec.label_volumes(labels_zyx).items()}
    sha256 = blobs.put(label_codec.compress(labels_zyx))
    depth, height, width = labels_zyx.shape
    dtype: Literal["uint8", "uint16"] = "uint8" if labels_zyx.dtype == np.uint8 else "uint16"
    return KeptLabels(sha256, dtype, (depth, height, width), volumes)


def keep_prediction(
    blobs: Blobs, labels_zyx: LabelArray, uncertainty_zyx: npt.NDArray[np.uint8], allowed: Collection[int]
) -> KeptLabels:
    """Store what a model drew and how unsure it was of each voxel (0-255 = 0-1), on one grid. Raises Invalid."""
    if uncertainty_zyx.shape != labels_zyx.shape:
        raise Invalid("The uncertainty does not lie on the label map's grid.", reason="grid_mismatch")
    with ThreadPoolExecutor(1) as beside:  # two fsyncs side by side take the time of one
        uncertainty = beside.submit(lambda: blobs.put(label_codec.compress(uncertainty_zyx)))
        return replace(keep_labels(blobs, labels_zyx, allowed), uncertainty_sha256=uncertainty.result())


def read_labels(blobs: Blobs, sha256: str, dtype: str, shape_zyx: tuple[int, int, int]) -> LabelArray:
    """A stored label map `labels_zyx`, writable. Raises CorruptBlob rather than return wrong labels."""
    return next(read_label_slices(blobs, sha256, dtype, shape_zyx, shape_zyx[0]))


def read_label_slices(
    blobs: Blobs, sha256: str, dtype: str, shape_zyx: tuple[int, int, int], depth: int
) -> Iterator[LabelArray]:
    """A stored label map, `depth` slices at a time. Raises CorruptBlob, at the latest in the place of the last piece."""
    try:
        yield from label_codec.decompress_slices(blobs.read(sha256), shape_zyx, dtype, depth)
    except BadLabels as problem:
        raise CorruptBlob(f"{problem.reason}.") from problem


def put_imported_reading(
    db: WriteSession, actor: Actor, project_id: UUID, image_id: UUID, expert_id: UUID, kept: KeptLabels
) -> Literal["added", "duplicate", "conflict", "not_theirs"]:
    """Keep an imported label map as the submitted reading of one expert.

    An expert who has a reading of this image already keeps it: the same labels are a duplicate, others a conflict. An
    expert with an account submits their own readings; nobody else's import speaks for them (`not_theirs`).
    """
    _check_grid(db, image_id, kept)
    account = load_expert(db, expert_id).user_id
    if account is not None and account != actor.user_id:
        return "not_theirs"
    old = store.find_reading(db, project_id, image_id, expert_id)
    if old is None:  # else nobody is asked again: neither for a read that was withdrawn nor an expert who left
        projects.add_project_expert(db, project_id, expert_id)
        assignment = projects.ensure_assignment(db, project_id, image_id, expert_id)
        old = store.find_reading(db, project_id, image_id, expert_id)  # begun before the lock was ours
    if old is not None:
        submitted = store.last_submitted(db, old.id)
        return "duplicate" if submitted and submitted.labels_sha256 == kept.sha256 else "conflict"
    segmentation = store.add_segmentation(
        db, project_id=project_id, image_id=image_id, author="expert", expert_id=expert_id
    )
    revision = store.add_revision(
        db,
        segmentation,
        "submitted",
        **kept.columns,
        origin="import",
        assisted=False,
        folded_seq=0,
        created_by=actor.user_id,
        submitted_at=store.NOW,
    )
    store.set_assignment_state(db, assignment.id, "submitted", segmentation.id)
    audit.record(
        db,
        actor,
        "C",
        "segmentation",
        segmentation.id,
        project_id=project_id,
        new={"expert": expert_id, "revision": revision.id, "labels": kept.sha256, "origin": "import"},
    )
    return "added"


def put_prediction(
    db: WriteSession, project_id: UUID, image_id: UUID, expert_id: UUID, style_id: UUID, kept: KeptLabels
) -> UUID:
    """Keep what a style drew on an image, and return the revision; drawn before, the first drawing stays."""
    _check_grid(db, image_id, kept)
    segmentation = store.add_prediction(
        db, project_id=project_id, image_id=image_id, expert_id=expert_id, style_id=style_id
    )
    if segmentation is None:
        return store.prediction_head(db, image_id, style_id)
    revision = store.add_revision(
        db,
        segmentation,
        "submitted",
        **kept.columns,
        origin="predict",
        assisted=True,
        style_id=style_id,
        folded_seq=0,
    )
    audit.record(db, None, "C", "segmentation", segmentation.id, project_id=project_id, new={"style": style_id})
    notify(db, {"type": "segmentation", "id": segmentation.id, "project_id": project_id, "expert_id": expert_id})
    return revision.id


def put_proxy(db: WriteSession, reading: store.Segmentation, kept: KeptLabels, revisions: int, edit_seq: int) -> UUID:
    """Keep what was propagated from a reading's drawn slices as its proxy's newest revision, and return that.

    revisions, edit_seq: how far the reading was when it was read; what was drawn until then is in the proxy as it was drawn. Raises
    Conflict when the reading was set back to another revision since.

    A proxy is a segmentation of its own: its reader alone sees it, nothing learns from it and nothing is measured by it. It has no
    style: a branch that had a part in it is none.
    """
    _check_grid(db, reading.image_id, kept)
    set_back = store.newest_set_back(db, reading.id)
    if set_back is not None and set_back.number >= revisions:
        raise Conflict("The reading was set back to another revision while it was propagated; propagate again.")
    proxy = store.find_proxy(db, reading)
    if proxy is None:
        proxy = store.add_segmentation(
            db, project_id=reading.project_id, image_id=reading.image_id, author="proxy", expert_id=reading.expert_id
        )
    revision = store.add_revision(
        db,
        proxy,
        "draft",
        parent_id=proxy.head_revision_id,
        **kept.columns,
        origin="propagate",
        assisted=True,
        folded_seq=edit_seq,
    )
    audit.record(db, None, "C", "segmentation", proxy.id, project_id=reading.project_id, new={"proxy_of": reading.id})
    return revision.id


def _check_grid(db: WriteSession, image_id: UUID, kept: KeptLabels) -> None:
    row = find_image(db, image_id)
    if row is None:
        raise Invalid("The image of this label map does not exist any more.")
    expected = (row.image.nz, row.image.ny, row.image.nx)
    if kept.shape_zyx != expected:
        raise Invalid(
            f"The label map has {kept.shape_zyx[::-1]} voxels (x, y, z), its image has {expected[::-1]}; "
            "nothing is resampled, so make it on the image's own grid.",
            reason="grid_mismatch",
        )
