"""Segmentations on the wire: reading them, journalling edits, submitting and restoring.

Every label write needs `If-Match` (428 without, 412 with the current ETag when stale). An edit's `edit_id` is looked
up before `If-Match` is judged, so that a retry whose first answer was lost gets that answer again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Header, Query, Request, Response, status
from pydantic import BaseModel, ConfigDict, Field

from backend.accounts.api import CurrentActor, Router, policy
from backend.accounts.rules import Actor
from backend.database import Reads, Writes, of_request
from backend.errors import ChecksumMismatch
from backend.paging import Cursor, Limit, Page
from backend.segmentations import rules
from backend.segmentations.api.revisions import RevisionOut, RevisionPageOut

router = Router(prefix="/segmentations", tags=["segmentations"])

IfMatch = Annotated[str | None, Header(description="The segmentation's ETag that this write builds on.")]
EDIT_BYTES = 11 * 1024 * 1024  # 8 MiB of runs in base64, and what stands beside them


class SegmentationOut(BaseModel):
    """One label map on an image's grid by one author.

    expert_id, expert_name: null too for an adjudicator of a blinded project, who judges readings without names.
    What is on it now = the head revision with the edits after `folded_seq` applied in order; `etag` names that state.
    """

    id: UUID
    project_id: UUID
    image_id: UUID
    author: Literal["expert", "model", "consensus", "proxy"]
    expert_id: UUID | None
    expert_name: str | None
    style_id: UUID | None
    style_label: str | None
    state: Literal["draft", "submitted"]
    head_revision_id: UUID
    edit_seq: int
    folded_seq: int
    etag: str
    dtype: Literal["uint8", "uint16"]
    created_at: datetime


class SegmentationPageOut(BaseModel):
    """A page of segmentations, in order of creation."""

    items: list[SegmentationOut]
    next_cursor: str | None


class EditOut(BaseModel):
    """One journalled gesture; `runs` is base64 of varint gaps, lengths and values after the edit."""

    edit_id: UUID
    seq: int
    tool: str
    source_revision_id: UUID | None
    undoes: UUID | None
    base_revision_id: UUID
    runs: str
    created_at: datetime


class EditPageOut(BaseModel):
    """Edits in order; `next_after` is the `after` of the next page, null on the last."""

    items: list[EditOut]
    next_after: int | None


class ChecksumIn(BaseModel):
    """CRC-32 (zlib's) of one axial label slice as the client sees it after this write."""

    model_config = ConfigDict(extra="forbid")

    z: int = Field(ge=0)
    crc32: int = Field(ge=0, le=0xFFFFFFFF)


class EditIn(BaseModel):
    """One gesture's changed voxels, numbered by the client.

    source_revision_id: the revision its voxels were taken from (accepting a prediction). undoes: the edit it takes
    back. runs: base64, see `EditOut`. tool: any name; `decide-…` are the decisions of a review
    (`decide-{take-a…take-z | union | intersection | undecidable | redrawn}[-{boundary | extent | missed | absent | label | protocol}]`).
    """

    model_config = ConfigDict(extra="forbid")

    base_revision_id: UUID
    edit_id: UUID
    tool: str = Field(min_length=1, max_length=40, pattern="^[a-z][a-z0-9_-]*$")
    source_revision_id: UUID | None = None
    undoes: UUID | None = None
    runs: str = Field(max_length=EDIT_BYTES)
    checksums: list[ChecksumIn] = Field(default_factory=list, max_length=5000)


class EditAcceptedOut(BaseModel):
    """An edit is on disk under this sequence number; `etag` is the segmentation's after it."""

    edit_id: UUID
    seq: int
    etag: str


class SubmitIn(BaseModel):
    """Checksums of slices as the client sees them; the server refuses to fold where they differ."""

    model_config = ConfigDict(extra="forbid")

    checksums: list[ChecksumIn] = Field(default_factory=list, max_length=5000)


class ForkIn(BaseModel):
    """The whole label map a browser holds, coded as an edit on an empty one.

    source_revision_ids: revisions that strokes not sent otherwise were taken from (accepting a prediction).
    """

    model_config = ConfigDict(extra="forbid")

    runs: str = Field(max_length=EDIT_BYTES)
    source_revision_ids: list[UUID] = Field(default_factory=list, max_length=100)


class RestoreIn(BaseModel):
    """Which earlier revision becomes the newest one."""

    model_config = ConfigDict(extra="forbid")

    revision_id: UUID


@router.get("", response_model=SegmentationPageOut, openapi_extra=policy("segmentation:list"))
def list_segmentations(
    db: Reads,
    actor: CurrentActor,
    project_id: UUID | None = None,
    image_id: UUID | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[rules.SegmentationView]:
    """The segmentations you may see: your own, and others' where blinding allows."""
    return rules.list_segmentations(db, actor, project_id, image_id, cursor, limit)


@router.get("/{segmentation_id}", response_model=SegmentationOut, openapi_extra=policy("segmentation:read"))
def get_segmentation(
    db: Reads, actor: CurrentActor, segmentation_id: UUID, response: Response
) -> rules.SegmentationView:
    """One segmentation, with its ETag."""
    view = rules.load_segmentation(db, actor, segmentation_id)
    response.headers["ETag"] = view.etag
    return view


@router.get("/{segmentation_id}/edits", response_model=EditPageOut, openapi_extra=policy("segmentation:read"))
def list_edits(
    db: Reads,
    actor: CurrentActor,
    segmentation_id: UUID,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Limit = 500,
) -> rules.EditPage:
    """The journal of edits after a sequence number, in order."""
    return rules.list_edits(db, actor, segmentation_id, after, limit)


@router.post(
    "/{segmentation_id}/edits",
    response_model=EditAcceptedOut,
    status_code=status.HTTP_201_CREATED,
    openapi_extra=policy("segmentation:update"),
)
def add_edit(
    request: Request,
    db: Writes,
    actor: CurrentActor,
    segmentation_id: UUID,
    body: EditIn,
    response: Response,
    if_match: IfMatch = None,
) -> rules.EditAccepted:
    """Journal one edit; the same `edit_id` again answers 200 with the first answer."""
    edit = rules.NewEdit(
        edit_id=body.edit_id,
        base_revision_id=body.base_revision_id,
        tool=body.tool,
        runs=body.runs,
        source_revision_id=body.source_revision_id,
        undoes=body.undoes,
        checksums={check.z: check.crc32 for check in body.checksums},
    )
    with _sounding_the_alarm(request, actor, segmentation_id):
        accepted = rules.add_edit(db, actor, request.app.state.blobs, segmentation_id, edit, if_match)
    if accepted.is_repeat:
        response.status_code = status.HTTP_200_OK
    response.headers["ETag"] = accepted.etag
    return accepted


@router.post("/{segmentation_id}/submit", response_model=RevisionOut, openapi_extra=policy("segmentation:submit"))
def submit_segmentation(
    request: Request,
    db: Writes,
    actor: CurrentActor,
    segmentation_id: UUID,
    response: Response,
    body: SubmitIn | None = None,
    if_match: IfMatch = None,
) -> rules.RevisionView:
    """Fold the journal into a revision and sign the reading as finished."""
    checksums = {check.z: check.crc32 for check in body.checksums} if body else {}
    with _sounding_the_alarm(request, actor, segmentation_id):
        view = rules.submit(db, actor, request.app.state.blobs, segmentation_id, if_match, checksums)
    response.headers["ETag"] = view.etag
    return view


@router.post("/{segmentation_id}/reopen", response_model=SegmentationOut, openapi_extra=policy("segmentation:reopen"))
def reopen_segmentation(db: Writes, actor: CurrentActor, segmentation_id: UUID) -> rules.SegmentationView:
    """Take a submitted reading up again; the submitted revision stays as it is."""
    return rules.reopen(db, actor, segmentation_id)


@router.post("/{segmentation_id}/restore", response_model=RevisionOut, openapi_extra=policy("segmentation:update"))
def restore_revision(
    request: Request,
    db: Writes,
    actor: CurrentActor,
    segmentation_id: UUID,
    body: RestoreIn,
    response: Response,
    if_match: IfMatch = None,
) -> rules.RevisionView:
    """Make an earlier revision the newest one; unfolded edits are folded into a revision first, and restoring that takes it back."""
    view = rules.restore(db, actor, request.app.state.blobs, segmentation_id, body.revision_id, if_match)
    response.headers["ETag"] = view.etag
    return view


@router.post("/{segmentation_id}/forks", response_model=RevisionOut, openapi_extra=policy("segmentation:update"))
def fork_segmentation(
    request: Request,
    db: Writes,
    actor: CurrentActor,
    segmentation_id: UUID,
    body: ForkIn,
    response: Response,
    if_match: IfMatch = None,
) -> rules.RevisionView:
    """Keep the label map your browser holds as a revision of its own, after one with what the server held."""
    blobs = request.app.state.blobs
    view = rules.fork(db, actor, blobs, segmentation_id, body.runs, body.source_revision_ids, if_match)
    response.headers["ETag"] = view.etag
    return view


@router.get("/{segmentation_id}/revisions", response_model=RevisionPageOut, openapi_extra=policy("segmentation:read"))
def list_revisions(
    db: Reads, actor: CurrentActor, segmentation_id: UUID, cursor: Cursor = None, limit: Limit = 100
) -> Page[rules.RevisionView]:
    """A segmentation's revisions, oldest first."""
    return rules.list_revisions(db, actor, segmentation_id, cursor, limit)


@contextmanager
def _sounding_the_alarm(request: Request, actor: Actor, segmentation_id: UUID) -> Iterator[None]:
    """Browser and server differ: the write fails, the alarm is kept, in a transaction of its own."""
    try:
        yield
    except ChecksumMismatch as mismatch:
        with of_request(request).write() as db:
            rules.note_mismatch(db, actor, segmentation_id, list(mismatch.extra["slices"]))
        raise
