"""Reviews on the wire: settling, region by region, where the readings of one image differ.

The result is an ordinary segmentation (`/segmentations/{id}`, its edits, its submission) of author `consensus`. A decision is an edit on
it of the whole disputed region, even where that changes no voxel, with `tool`
`decide-{take-a…take-z | union | intersection | undecidable | redrawn}`, then where a reason is given
`-{boundary | extent | missed | absent | label | protocol}`. Letters stand for readers and are all that is told of them.
"""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Path, Request, Response
from pydantic import BaseModel

from backend.accounts.api import CurrentActor, Router, policy
from backend.database import Reads, Writes
from backend.paging import Cursor, Limit, Page
from backend.segmentations import rules
from backend.segmentations.api.revisions import SLAB, slab_response
from backend.segmentations.api.segmentations import IfMatch

router = Router(tags=["reviews"])


class LetteredReadingOut(BaseModel):
    """One of the readings under review: the letter its reader goes by in this one, and the type of its labels."""

    letter: str
    dtype: Literal["uint8", "uint16"]


class ReadingChangeOut(BaseModel):
    """What became of a reading since this round of the review began; letter: null for one that is new.

    what: `taken_up` again and not submitted yet; `submitted_anew` with other labels; `withdrawn`, nobody asks for it; `added`, submitted since.
    """

    letter: str | None
    what: Literal["taken_up", "submitted_anew", "withdrawn", "added"]


class ReviewOut(BaseModel):
    """A review of one image by you; `segmentation_id` is what it makes.

    round: how often it began anew. changes: what it does not follow unless it begins anew; can_begin_anew: no reading is outstanding.
    """

    segmentation_id: UUID
    project_id: UUID
    image_id: UUID
    state: Literal["draft", "submitted"]
    round: int
    readings: list[LetteredReadingOut]
    changes: list[ReadingChangeOut]
    can_begin_anew: bool


class BegunAnewOut(BaseModel):
    """How many decisions were kept, as edits on the new beginning, and how many stand in the history alone."""

    kept: int
    dropped: int


class ReviewItemOut(BaseModel):
    """An image that you have begun to review or may review, and of how many readings.

    state: null before it is begun. is_outdated: readings changed since it began (`changes` of the review says how).
    """

    image_id: UUID
    image_name: str
    image_sha256: str
    readings: int
    state: Literal["draft", "submitted"] | None
    is_outdated: bool


class ReviewPageOut(BaseModel):
    """A page of images to review, in reading order."""

    items: list[ReviewItemOut]
    next_cursor: str | None


@router.get("/projects/{project_id}/reviews", response_model=ReviewPageOut, openapi_extra=policy("review:list"))
def list_reviews(
    db: Reads, actor: CurrentActor, project_id: UUID, cursor: Cursor = None, limit: Limit = 100
) -> Page[rules.ReviewItemView]:
    """The images of a project whose readings are all submitted, for its adjudicators; not those you read yourself."""
    return rules.list_reviews(db, actor, project_id, cursor, limit)


@router.post(
    "/projects/{project_id}/images/{image_id}/review", response_model=ReviewOut, openapi_extra=policy("review:create")
)
def open_review(
    request: Request, db: Writes, actor: CurrentActor, project_id: UUID, image_id: UUID
) -> rules.ReviewView:
    """Begin your review of an image, or go on with it. It starts as the majority of its readings."""
    return rules.open_review(db, actor, request.app.state.blobs, project_id, image_id)


@router.post(
    "/segmentations/{segmentation_id}/review-rounds",
    response_model=BegunAnewOut,
    openapi_extra=policy("segmentation:update"),
)
def begin_review_anew(
    request: Request, db: Writes, actor: CurrentActor, segmentation_id: UUID, if_match: IfMatch = None
) -> rules.BegunAnew:
    """Begin your review anew, submitted or not, with the readings as they are submitted now.

    It goes on as a draft from their majority. Decisions are kept, as new edits, on regions where the opinions are what they were; what
    stood before is a revision of its own. Where no reading changed, nothing is done.
    """
    return rules.begin_anew(db, actor, request.app.state.blobs, segmentation_id, if_match)


@router.get(
    "/segmentations/{segmentation_id}/readings/{letter}/slabs/{slab}",
    openapi_extra=policy("review:compare"),
    response_class=Response,
    responses=SLAB,
)
def get_reading_slab(
    request: Request,
    db: Reads,
    actor: CurrentActor,
    segmentation_id: UUID,
    letter: Annotated[str, Path(pattern="^[A-Z]$")],
    slab: Annotated[int, Path(ge=0)],
) -> Response:
    """Slab k of a reading under your review, by its letter; as `GET /revisions/{id}/slabs/{k}`."""
    blobs = request.app.state.blobs
    return slab_response(request, rules.load_reading_slab(db, actor, blobs, segmentation_id, letter, slab))
