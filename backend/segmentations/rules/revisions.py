"""Revisions: what each holds, its labels as slabs or as a file, and how two agree.

A label map is one blob, so its slabs are cut from the whole; the last few maps stay unpacked in memory because a
viewer asks for all slabs of one revision in a row.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import numpy as np

from backend import audit
from backend.accounts.rules import Actor, load_users
from backend.blobs import Blobs
from backend.database import AnySession, WriteSession
from backend.errors import Invalid, NotFound
from backend.imaging import nifti, slabs
from backend.imaging.labels import LabelArray
from backend.models.rules import style_label
from backend.paging import Page, decode_cursor, page_of
from backend.projects import rules as projects
from backend.segmentations import store
from backend.segmentations.rules.keeping import read_labels
from backend.segmentations.rules.sight import load_seen, make_etag, nameless, visible
from backend.studies.store import Image

CACHE_BYTES = 96 * 1024 * 1024


@dataclass(frozen=True)
class RevisionView:
    """A revision; `etag` is its segmentation's after the act that made it, empty where it is only read.

    author: who made it, by name, and style_label: the last style that helped; only for the one whose reading it is, None
    for everybody else and where there is none.
    """

    id: UUID
    segmentation_id: UUID
    parent_id: UUID | None
    number: int
    dtype: str
    label_volumes: dict[str, int]
    origin: str
    assisted: bool
    style_id: UUID | None
    created_at: datetime
    submitted_at: datetime | None
    has_uncertainty: bool
    author: str | None = None
    style_label: str | None = None
    etag: str = ""


@dataclass(frozen=True)
class LabelSlab:
    """Some slices of a label map, or of its uncertainty, little endian, x fastest."""

    content: bytes
    dtype: str

    def gzipped(self) -> bytes:
        return slabs.pack_label_slab(self.content)


@dataclass(frozen=True)
class LabelAgreement:
    """Dice of one label, 1 where both leave it empty."""

    value: int
    dice: float


@dataclass(frozen=True)
class Comparison:
    """Agreement label by label."""

    labels: list[LabelAgreement]


def view_of(row: store.Revision, etag: str = "", *, named: bool = True) -> RevisionView:
    """A revision as it is told; named: whose it is may be said, which the style that helped would tell."""
    return RevisionView(
        id=row.id,
        segmentation_id=row.segmentation_id,
        parent_id=row.parent_id,
        number=row.number,
        dtype=row.dtype,
        label_volumes=row.label_volumes,
        origin=row.origin,
        assisted=row.assisted,
        style_id=row.style_id if named else None,
        created_at=row.created_at,
        submitted_at=row.submitted_at,
        has_uncertainty=row.uncertainty_sha256 is not None,
        etag=etag,
    )


def made_view(row: store.Revision, edit_seq: int) -> RevisionView:
    """A revision just made the head of its segmentation."""
    return view_of(row, make_etag(row.id, edit_seq))


def load_seen_revision(db: AnySession, actor: Actor, action: str, revision_id: UUID) -> store.RevisionRow:
    """A revision of a segmentation this actor may see. Raises NotFound, or Forbidden for the action alone."""
    row = store.find_revision(db, revision_id, visible(actor))
    if row is None:
        raise NotFound
    projects.authorize_in(db, actor, action, "revision", row.segmentation.project_id)
    return row


def load_revision(db: AnySession, actor: Actor, revision_id: UUID) -> RevisionView:
    """One revision. Raises NotFound when blinding hides it."""
    row = load_seen_revision(db, actor, "read", revision_id)
    return view_of(row.revision, named=not nameless(db, actor, [row.segmentation]))


def list_revisions(
    db: AnySession, actor: Actor, segmentation_id: UUID, cursor: str | None, limit: int
) -> Page[RevisionView]:
    """A segmentation's revisions, oldest first."""
    seen = load_seen(db, actor, "read", segmentation_id)
    after = decode_cursor(cursor, int)[0] if cursor else None
    rows = store.list_revisions(db, segmentation_id, after, limit + 1)
    page = page_of(rows, limit, lambda row: (row.number,))
    is_own = seen.expert is not None and seen.expert.user_id is not None and seen.expert.user_id == actor.user_id
    makers = load_users(db, [row.created_by for row in page.items if row.created_by]) if is_own else {}
    names = {user_id: user.display_name for user_id, user in makers.items()}
    helpers = store.styles_behind(db, page.items) if is_own else {}
    blinded = projects.is_blinded(db, seen.segmentation.project_id)
    named = not nameless(db, actor, [seen.segmentation])
    items = [
        replace(
            view_of(row, named=named),
            author=names.get(row.created_by) if row.created_by else None,
            style_label=style_label(helpers[row.style_id], blinded=blinded) if row.style_id in helpers else None,
        )
        for row in page.items
    ]
    return Page(items, page.next_cursor)


def load_label_slab(db: AnySession, actor: Actor, blobs: Blobs, revision_id: UUID, slab: int) -> LabelSlab:
    """Slab k of a revision's label map. Raises NotFound beyond the last slab."""
    return cut_label_slab(blobs, load_seen_revision(db, actor, "read", revision_id), slab)


def cut_label_slab(blobs: Blobs, row: store.RevisionRow, slab: int) -> LabelSlab:
    """Slab k of a label map that the caller may see. Raises NotFound beyond the last slab."""
    if slab >= slabs.slab_count(row.image.nz):
        raise NotFound(f"The image has {slabs.slab_count(row.image.nz)} slabs, counted from 0.")
    return LabelSlab(slabs.label_slab(_recent_labels(blobs, row), slab), row.revision.dtype)


def load_uncertainty_slab(db: AnySession, actor: Actor, blobs: Blobs, revision_id: UUID, slab: int) -> LabelSlab:
    """Slab k of how unsure a model was of this revision, uint8, 0-255 = 0-1. Raises NotFound where none was measured."""
    row = load_seen_revision(db, actor, "read", revision_id)
    sha256 = row.revision.uncertainty_sha256
    if sha256 is None:
        raise NotFound("This revision has no uncertainty map; only what a model drew has one.")
    if slab >= slabs.slab_count(row.image.nz):
        raise NotFound(f"The image has {slabs.slab_count(row.image.nz)} slabs, counted from 0.")
    return LabelSlab(slabs.label_slab(_recent(blobs, sha256, "uint8", row.image), slab), "uint8")


def export_revision(db: WriteSession, actor: Actor, blobs: Blobs, revision_id: UUID) -> bytes:
    """A revision as .nii.gz on the axes of the file its image came from; audited."""
    row = load_seen_revision(db, actor, "export", revision_id)
    image = row.image
    if image.geometry in ("irregular", "uncalibrated"):
        raise Invalid(f"The image's geometry is {image.geometry}: a NIfTI file would claim a grid it does not have.")
    audit.record(db, actor, "R", "revision", revision_id, project_id=row.segmentation.project_id, new={"as": "nifti"})
    return nifti.export_label(_recent_labels(blobs, row), image.affine, image.source_axes)


def compare(db: AnySession, actor: Actor, blobs: Blobs, revision_a: UUID, revision_b: UUID) -> Comparison:
    """Dice of two revisions on one grid: 2|A∩B| / (|A|+|B|), for each label of the project's set."""
    a, b = (load_seen_revision(db, actor, "read", revision) for revision in (revision_a, revision_b))
    if a.image.id != b.image.id:
        raise Invalid("These revisions are of different images; only label maps on one grid can be compared.")
    labels_a, labels_b = (_recent_labels(blobs, row) for row in (a, b))
    agreement = []
    for label in projects.load_labels(db, a.segmentation.project_id):
        in_a, in_b = labels_a == label.value, labels_b == label.value
        total = np.count_nonzero(in_a) + np.count_nonzero(in_b)
        agreement.append(LabelAgreement(label.value, 2 * np.count_nonzero(in_a & in_b) / total if total else 1.0))
    return Comparison(agreement)


class _Unpacked:
    """The label maps unpacked last, read-only, within a number of bytes; any thread may ask."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._maps: OrderedDict[tuple[str, tuple[int, int, int]], LabelArray] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: tuple[str, tuple[int, int, int]]) -> LabelArray | None:
        with self._lock:
            if key in self._maps:
                self._maps.move_to_end(key)
            return self._maps.get(key)

    def keep(self, key: tuple[str, tuple[int, int, int]], labels_zyx: LabelArray) -> None:
        """A map larger than the limit is not kept at all."""
        labels_zyx.flags.writeable = False
        with self._lock:
            self._maps[key] = labels_zyx
            while self._maps and sum(kept.nbytes for kept in self._maps.values()) > self._limit_bytes:
                self._maps.popitem(last=False)


_unpacked = _Unpacked(CACHE_BYTES)


def _recent_labels(blobs: Blobs, row: store.RevisionRow) -> LabelArray:
    return _recent(blobs, row.revision.labels_sha256, row.revision.dtype, row.image)


def _recent(blobs: Blobs, sha256: str, dtype: str, image: Image) -> LabelArray:
    """A stored map of this image's grid [z, y, x], read-only, from memory where it was asked for a moment ago."""
    shape_zyx = (image.nz, image.ny, image.nx)
    key = (sha256, shape_zyx)
    labels_zyx = _unpacked.find(key)
    if labels_zyx is None:
        labels_zyx = read_labels(blobs, sha256, dtype, shape_zyx)
        _unpacked.keep(key, labels_zyx)
    return labels_zyx
