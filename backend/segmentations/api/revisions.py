"""Revisions on the wire: what each holds, its label slabs, as a NIfTI file, and how two of them agree.

Label bytes are never cached by a browser: whether they may be seen can change with every submission.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from backend.accounts.api import CurrentActor, Router, policy
from backend.database import Reads, Writes
from backend.segmentations import rules
from backend.studies.api import accepts_gzip

router = Router(tags=["revisions"])

SLAB: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"application/octet-stream": {}}, "description": "uint8 or uint16, x fastest."}
}


class RevisionOut(BaseModel):
    """A whole label map at one moment, immutable. `label_volumes`: voxels per label value, background left out.

    has_uncertainty: a model drew it and said how sure it was (`GET /revisions/{id}/uncertainty/slabs/{k}`).
    author: who made it, and style_label: the last style that helped, in the list of one's own reading; null elsewhere. origin `fork`: saved by a browser whose map
    differed from the server's; `majority`: what a review begins with.
    """

    id: UUID
    segmentation_id: UUID
    parent_id: UUID | None
    number: int
    dtype: Literal["uint8", "uint16"]
    label_volumes: dict[str, int]
    origin: Literal["blank", "import", "fold", "predict", "restore", "fork", "propagate", "majority"]
    assisted: bool
    style_id: UUID | None
    created_at: datetime
    submitted_at: datetime | None
    has_uncertainty: bool
    author: str | None
    style_label: str | None


class RevisionPageOut(BaseModel):
    """A page of revisions, oldest first."""

    items: list[RevisionOut]
    next_cursor: str | None


class LineageReadingOut(BaseModel):
    """A reading behind a style; `gate` readings only judged it, `withdrawn_at` is null unless it was withdrawn since."""

    revision_id: UUID
    segmentation_id: UUID
    image_id: UUID
    image_name: str
    expert_name: str | None
    number: int
    use: Literal["train", "gate"]
    submitted_at: datetime | None
    withdrawn_at: datetime | None


class LineageOut(BaseModel):
    """The readings behind a style that you may know of, by image name; `hidden` counts the others."""

    items: list[LineageReadingOut]
    hidden: int


class ComparisonIn(BaseModel):
    """Two revisions of the same image."""

    model_config = ConfigDict(extra="forbid")

    revision_a: UUID
    revision_b: UUID


class LabelAgreementOut(BaseModel):
    """Dice of one label, 1 where both leave it empty."""

    value: int
    dice: float


class ComparisonOut(BaseModel):
    """Agreement of two revisions, label by label of the project's set."""

    labels: list[LabelAgreementOut]


@router.get("/styles/{style_id}/readings", response_model=LineageOut, openapi_extra=policy("style:read"))
def list_style_readings(db: Reads, actor: CurrentActor, style_id: UUID) -> rules.Lineage:
    """Which readings a style learnt from, and which judged it."""
    return rules.load_lineage(db, actor, style_id)


@router.get("/revisions/{revision_id}", response_model=RevisionOut, openapi_extra=policy("revision:read"))
def get_revision(db: Reads, actor: CurrentActor, revision_id: UUID) -> rules.RevisionView:
    """One revision."""
    return rules.load_revision(db, actor, revision_id)


@router.get(
    "/revisions/{revision_id}/slabs/{slab}",
    openapi_extra=policy("revision:read"),
    response_class=Response,
    responses=SLAB,
)
def get_label_slab(
    request: Request, db: Reads, actor: CurrentActor, revision_id: UUID, slab: Annotated[int, Path(ge=0)]
) -> Response:
    """Slab k of a label map: the slices of the image's slab k, little endian, x fastest; header X-Slab-Dtype says which type."""
    return slab_response(request, rules.load_label_slab(db, actor, request.app.state.blobs, revision_id, slab))


@router.get(
    "/revisions/{revision_id}/uncertainty/slabs/{slab}",
    openapi_extra=policy("revision:read"),
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}, "description": "uint8, x fastest, 0-255 = 0-1."}},
)
def get_uncertainty_slab(
    request: Request, db: Reads, actor: CurrentActor, revision_id: UUID, slab: Annotated[int, Path(ge=0)]
) -> Response:
    """Slab k of how unsure the model was: the slices of the image's slab k, one byte a voxel; 404 where nobody measured it.

    The byte is 255 · (1 - p) · K / (K - 1), p the probability of the likeliest of the K classes, background included; of a
    proxy, 255 · (1 - its confidence).
    """
    return slab_response(request, rules.load_uncertainty_slab(db, actor, request.app.state.blobs, revision_id, slab))


def slab_response(request: Request, labels: rules.LabelSlab) -> Response:
    """Label bytes as they travel: never kept by a browser."""
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding", "X-Slab-Dtype": labels.dtype}
    if accepts_gzip(request):
        headers["Content-Encoding"] = "gzip"
        return Response(labels.gzipped(), media_type="application/octet-stream", headers=headers)
    return Response(labels.content, media_type="application/octet-stream", headers=headers)


@router.get(
    "/revisions/{revision_id}/file",
    openapi_extra=policy("revision:export"),
    response_class=Response,
    responses={200: {"content": {"application/gzip": {}}, "description": "A .nii.gz on the source file's own axes."}},
)
def download_revision(
    request: Request,
    db: Writes,
    actor: CurrentActor,
    revision_id: UUID,
    file_format: Annotated[Literal["nifti"], Query(alias="format")] = "nifti",
) -> Response:
    """The label map as a file that opens on the image as you imported it."""
    content = rules.export_revision(db, actor, request.app.state.blobs, revision_id)
    disposition = f'attachment; filename="revision-{revision_id}.nii.gz"'
    headers = {"Content-Disposition": disposition, "Content-Security-Policy": "sandbox"}
    return Response(content, media_type="application/gzip", headers=headers)


@router.post("/comparisons", response_model=ComparisonOut, openapi_extra=policy("segmentation:compare"))
def compare_revisions(request: Request, db: Reads, actor: CurrentActor, body: ComparisonIn) -> rules.Comparison:
    """How two revisions of one image agree; you must be allowed to see both."""
    return rules.compare(db, actor, request.app.state.blobs, body.revision_a, body.revision_b)
