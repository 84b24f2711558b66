"""Who sees which segmentation, and what they are shown of it.

`visible` is the one blinding predicate (PRODUCT section 4): a filter handed to every query, so that what it hides
answers exactly like what does not exist. Jobs and Consilium itself see everything; their owners' rights are checked
where jobs are claimed and published.
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from backend.accounts.rules import Actor, Resource, authorize
from backend.database import AnySession
from backend.errors import NotFound
from backend.models.rules import style_label
from backend.paging import Page, decode_cursor, page_of
from backend.projects import rules as projects
from backend.segmentations import store
from backend.segmentations.store import Sight


@dataclass(frozen=True)
class SegmentationView:
    """A segmentation as one caller sees it; `etag` names its state: head revision and last edit, in quotes."""

    id: UUID
    project_id: UUID
    image_id: UUID
    author: str
    expert_id: UUID | None
    expert_name: str | None
    style_id: UUID | None
    style_label: str | None
    state: str
    head_revision_id: UUID
    edit_seq: int
    folded_seq: int
    etag: str
    dtype: str
    created_at: datetime


@dataclass(frozen=True)
class EditView:
    """One journalled edit; `runs` as base64."""

    edit_id: UUID
    seq: int
    tool: str
    source_revision_id: UUID | None
    undoes: UUID | None
    base_revision_id: UUID
    runs: str
    created_at: datetime


@dataclass(frozen=True)
class EditPage:
    """Some edits in order; `next_after` is None on the last page."""

    items: list[EditView]
    next_after: int | None


def visible(actor: Actor) -> Sight | None:
    """What this actor may know of, as a filter for every query; None for a job: no filter."""
    return Sight(actor.user_id, actor.project_id) if actor.kind == "user" else None


def make_etag(head_revision_id: UUID, edit_seq: int) -> str:
    """The name of a segmentation's state, as it stands in the ETag header."""
    return f'"{head_revision_id}.{edit_seq}"'


def load_seen(db: AnySession, actor: Actor, action: str, segmentation_id: UUID) -> store.SegmentationRow:
    """A segmentation this actor may do `action` to. Raises NotFound when they may not see it, Forbidden when only that."""
    row = store.find_segmentation(db, segmentation_id, visible(actor))
    if row is None:
        raise NotFound
    segmentation = row.segmentation
    owner_id = row.expert.user_id if row.expert else segmentation.reviewer_id
    kind = "review" if segmentation.author == "consensus" else "segmentation"
    projects.authorize_in(db, actor, action, kind, segmentation.project_id, owner_id)
    return row


def view_of(row: store.SegmentationRow, *, named: bool = True) -> SegmentationView:
    """A segmentation as it is told; named: whose it is may be said (see `nameless`)."""
    segmentation = row.segmentation
    expert = row.expert if named else None
    return SegmentationView(
        id=segmentation.id,
        project_id=segmentation.project_id,
        image_id=segmentation.image_id,
        author=segmentation.author,
        expert_id=expert.id if expert else None,
        expert_name=expert.name if expert else None,
        style_id=segmentation.style_id if named else None,
        style_label=style_label(row.style) if row.style and named else None,
        state=segmentation.state,
        head_revision_id=row.head.id,
        edit_seq=segmentation.edit_seq,
        folded_seq=row.head.folded_seq,
        etag=make_etag(row.head.id, segmentation.edit_seq),
        dtype=row.head.dtype,
        created_at=segmentation.created_at,
    )


def load_segmentation(db: AnySession, actor: Actor, segmentation_id: UUID) -> SegmentationView:
    """One segmentation. Raises NotFound when blinding hides it."""
    row = load_seen(db, actor, "read", segmentation_id)
    return view_of(row, named=not nameless(db, actor, [row.segmentation]))


def nameless(db: AnySession, actor: Actor, segmentations: Iterable[store.Segmentation]) -> set[UUID]:
    """Those among these of which the actor must not learn whose they are: others' in a blinded project whose readings the actor judges
    (PRODUCT 4.9). A style says it too."""
    others = [one for one in segmentations if one.expert_id is not None and one.expert_id != actor.expert_id]
    judged = projects.judged_blindly(db, actor, {one.project_id for one in others})
    return {one.id for one in others if one.project_id in judged}


def list_segmentations(
    db: AnySession, actor: Actor, project_id: UUID | None, image_id: UUID | None, cursor: str | None, limit: int
) -> Page[SegmentationView]:
    """Segmentations the actor may see, in order of creation; none for a project or image they may not know of."""
    if project_id is not None:
        projects.authorize_in(db, actor, "list", "segmentation", project_id)
    else:
        authorize(actor, "list", Resource("segmentation", project_role="reader"))  # the filter asks each project's role
    after = decode_cursor(cursor, datetime, UUID) if cursor else None
    rows = store.list_segmentations(db, visible(actor), project_id, image_id, after, limit + 1)
    page = page_of(rows, limit, lambda row: (row.segmentation.created_at, row.segmentation.id))
    hidden = nameless(db, actor, [row.segmentation for row in page.items])
    return Page([view_of(row, named=row.segmentation.id not in hidden) for row in page.items], page.next_cursor)


def list_edits(db: AnySession, actor: Actor, segmentation_id: UUID, after: int, limit: int) -> EditPage:
    """The journal after a sequence number."""
    load_seen(db, actor, "read", segmentation_id)
    rows = store.edits_after(db, segmentation_id, after, limit + 1)
    items = [
        EditView(
            edit_id=row.id,
            seq=row.seq,
            tool=row.tool,
            source_revision_id=row.source_revision_id,
            undoes=row.undoes,
            base_revision_id=row.base_revision_id,
            runs=base64.b64encode(row.runs).decode(),
            created_at=row.created_at,
        )
        for row in rows[:limit]
    ]
    return EditPage(items, items[-1].seq if len(rows) > limit else None)
