"""Images and studies on the wire, as members of a project see them: lists, grids, slabs and thumbnails.

Only slabs and thumbnails may be cached, privately and for ever: their address names their content.
"""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from backend.accounts.api import CurrentActor, Router, policy
from backend.database import Reads, Writes
from backend.paging import Cursor, Limit, Page
from backend.projects import rules
from backend.studies.api import (
    ImageOut,
    ImagePageOut,
    ImageTagsOut,
    StudyPageOut,
    TagOut,
    accepts_gzip,
    image_out,
)
from backend.studies.ingest import Limits

router = Router(tags=["studies"])

IMMUTABLE = "private, max-age=31536000, immutable"
Version = Annotated[str, Query(pattern="^[0-9a-f]{64}$", description="The image's `sha256`.")]


class ProjectImagesIn(BaseModel):
    """Images to add to a project, in reading order."""

    model_config = ConfigDict(extra="forbid")

    image_ids: list[UUID] = Field(min_length=1, max_length=10_000)


class AddedOut(BaseModel):
    """How many were not there before."""

    added: int


@router.get("/studies", response_model=StudyPageOut, openapi_extra=policy("study:list"))
def list_studies(db: Reads, actor: CurrentActor, cursor: Cursor = None, limit: Limit = 100) -> Page[rules.StudyView]:
    """Studies with images you may see, newest first."""
    return rules.list_studies(db, actor, cursor, limit)


@router.get("/images", openapi_extra=policy("image:list"))
def list_images(
    db: Reads, actor: CurrentActor, project_id: UUID | None = None, cursor: Cursor = None, limit: Limit = 100
) -> ImagePageOut:
    """Images you may see, of one project or of all yours, in order of arrival."""
    page = rules.list_images(db, actor, project_id, cursor, limit)
    return ImagePageOut(items=[image_out(row) for row in page.items], next_cursor=page.next_cursor)


@router.get("/projects/{project_id}/images", openapi_extra=policy("project:read"))
def list_project_images(
    db: Reads, actor: CurrentActor, project_id: UUID, cursor: Cursor = None, limit: Limit = 100
) -> ImagePageOut:
    """A project's images, in order of arrival."""
    page = rules.list_images(db, actor, project_id, cursor, limit)
    return ImagePageOut(items=[image_out(row) for row in page.items], next_cursor=page.next_cursor)


@router.post("/projects/{project_id}/images", openapi_extra=policy("image:create"))
def add_project_images(db: Writes, actor: CurrentActor, project_id: UUID, body: ProjectImagesIn) -> AddedOut:
    """Add images to a project and ask its experts with accounts to read them."""
    return AddedOut(added=rules.put_images(db, actor, project_id, body.image_ids))


@router.delete("/projects/{project_id}/images/{image_id}", status_code=204, openapi_extra=policy("image:delete"))
def remove_project_image(db: Writes, actor: CurrentActor, project_id: UUID, image_id: UUID) -> None:
    """Take an image that nobody has begun to read out of a project."""
    rules.remove_image(db, actor, project_id, image_id)


@router.get("/images/{image_id}", openapi_extra=policy("image:read"))
def get_image(db: Writes, actor: CurrentActor, image_id: UUID) -> ImageOut:
    """One image's grid and how to show it; the audit notes that you opened it."""
    return image_out(rules.open_image(db, actor, image_id))


@router.get("/images/{image_id}/tags", openapi_extra=policy("image:read"))
def get_image_tags(request: Request, db: Writes, actor: CurrentActor, image_id: UUID) -> ImageTagsOut:
    """How the image was made, from its DICOM header: acquisition, geometry and display, nothing that names a person."""
    state = request.app.state
    tags = rules.load_tags(db, actor, state.blobs, image_id, Limits.of(state.settings))
    return ImageTagsOut(items=[TagOut(tag=tag, name=name, value=value) for tag, name, value in tags])


@router.get(
    "/images/{image_id}/slabs/{slab}",
    openapi_extra=policy("image:read"),
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}, "description": "The slab's planes."}},
)
def get_slab(request: Request, db: Writes, actor: CurrentActor, image_id: UUID, slab: int, v: Version) -> Response:
    """Slab k of an image: int16 as low bytes then high bytes, or R, G and B planes; header X-Slab-Encoding says which."""
    kept = rules.load_slab(db, actor, request.app.state.blobs, image_id, slab, v)
    headers = {"Cache-Control": IMMUTABLE, "Vary": "Accept-Encoding", "X-Slab-Encoding": kept.encoding}
    if accepts_gzip(request):
        headers["Content-Encoding"] = "gzip"
        return Response(kept.gzipped, media_type="application/octet-stream", headers=headers)
    return Response(kept.inflated(), media_type="application/octet-stream", headers=headers)


@router.get(
    "/images/{image_id}/thumbnail",
    openapi_extra=policy("image:read"),
    response_class=Response,
    responses={200: {"content": {"image/png": {}}, "description": "PNG, longest side 96 pixels."}},
)
def get_thumbnail(request: Request, db: Reads, actor: CurrentActor, image_id: UUID, v: Version) -> Response:
    """The middle slice in the default window, small."""
    png = rules.load_thumbnail(db, actor, request.app.state.blobs, image_id, v)
    return Response(png, media_type="image/png", headers={"Cache-Control": IMMUTABLE})
