"""Images as a project's members see them: lists, one image, its bytes; and which of them are read in a project.

Opening an image leaves one audit event per user, image and hour, written before the first byte; slab reads add none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from backend import audit
from backend.accounts.rules import Actor
from backend.blobs import Blobs
from backend.database import AnySession, WriteSession
from backend.errors import Conflict, Invalid, NotFound
from backend.events import notify
from backend.paging import Page, decode_cursor, page_of
from backend.projects import store
from backend.projects.rules.projects import authorize_in
from backend.studies import rules as studies
from backend.studies.ingest import Limits
from backend.studies.rules import ImageRow
from backend.studies.store import Filter, Image


@dataclass(frozen=True)
class SeriesView:
    """One series of a study and those of its images a caller may see."""

    id: UUID
    modality: str
    description: str
    number: int | None
    image_ids: list[UUID]


@dataclass(frozen=True)
class StudyView:
    """A study with the series and images a caller may see."""

    id: UUID
    patient_pseudonym: str
    description: str
    study_date: date | None
    series: list[SeriesView]
    image_ids: list[UUID]
    created_at: datetime


def list_images(
    db: AnySession, actor: Actor, project_id: UUID | None, cursor: str | None, limit: int
) -> Page[ImageRow]:
    """Images an actor may see, of one project or of all theirs, in order of arrival."""
    if project_id is not None:
        authorize_in(db, actor, "read", "project", project_id)
        seen = store.in_project(project_id)
    else:
        seen = store.may_see_image(actor.user_id, actor.is_admin, actor.project_id)
    after = decode_cursor(cursor, datetime, UUID) if cursor else None
    rows = studies.list_images(db, seen, after, limit + 1)
    return page_of(rows, limit, lambda row: (row.image.created_at, row.image.id))


def list_studies(db: AnySession, actor: Actor, cursor: str | None, limit: int) -> Page[StudyView]:
    """Studies in which an actor may see at least one image, newest first, with what they may see of them."""
    seen = store.may_see_image(actor.user_id, actor.is_admin, actor.project_id)
    after = decode_cursor(cursor, datetime, UUID) if cursor else None
    rows = studies.list_studies(db, seen, after, limit + 1)
    page = page_of(rows, limit, lambda row: (row[0].created_at, row[0].id))
    contents = studies.images_of_studies(db, [study.id for study, _ in page.items], seen)
    series_rows = studies.load_series(db, [series for _, series, _ in contents if series is not None])
    views = []
    for study, pseudonym in page.items:
        images = [(series, image) for of_study, series, image in contents if of_study == study.id]
        series = [
            SeriesView(row.id, row.modality, row.description, row.number, [i for s, i in images if s == row.id])
            for row in series_rows
            if row.study_id == study.id
        ]
        ids = [image for _, image in images]
        views.append(StudyView(study.id, pseudonym, study.description, study.study_date, series, ids, study.created_at))
    return Page(views, page.next_cursor)


def load_image(db: AnySession, actor: Actor, image_id: UUID) -> ImageRow:
    """One image an actor may see. Raises NotFound otherwise."""
    seen = store.may_see_image(actor.user_id, actor.is_admin, actor.project_id) if actor.kind == "user" else None
    row = studies.find_image(db, image_id, seen)
    if row is None:
        raise NotFound
    return row


def open_image(db: WriteSession, actor: Actor, image_id: UUID) -> ImageRow:
    """One image an actor is about to look at, noted in the audit once an hour. Raises NotFound otherwise."""
    row = load_image(db, actor, image_id)
    if actor.user_id is not None and not store.opened_this_hour(db, actor.user_id, image_id):
        audit.record(db, actor, "R", "image", image_id, new={"patient": row.pseudonym})
    return row


def load_slab(db: WriteSession, actor: Actor, blobs: Blobs, image_id: UUID, slab: int, v: str) -> studies.Slab:
    """Slab k of an image. Raises NotFound when `v` names other pixels."""
    image = open_image(db, actor, image_id).image
    if v != image.sha256:
        raise NotFound("This address names other pixels than the image has; read the image again.")
    return studies.load_slab(blobs, image, slab)


def load_thumbnail(db: AnySession, actor: Actor, blobs: Blobs, image_id: UUID, v: str) -> bytes:
    """A small PNG of an image's middle slice."""
    image = load_image(db, actor, image_id).image
    if v != image.sha256:
        raise NotFound("This address names other pixels than the image has; read the image again.")
    return studies.make_thumbnail(blobs, image)


def load_tags(
    db: WriteSession, actor: Actor, blobs: Blobs, image_id: UUID, limits: Limits
) -> tuple[tuple[str, str, str], ...]:
    """How an image was made, as its original's header says it: (tag, name, value) each, nothing that names a person."""
    tags = studies.load_tags(blobs, load_image(db, actor, image_id).image, limits)
    open_image(db, actor, image_id)  # last: the audit chain is locked from here on
    return tags


def put_images(db: WriteSession, actor: Actor, project_id: UUID, image_ids: Sequence[UUID]) -> int:
    """Add images the actor may see to a project's reading order, and ask its experts with accounts to read them.

    Returns how many were new. Raises Invalid naming an image that does not exist for this actor; then none is added.
    """
    authorize_in(db, actor, "create", "image", project_id)
    for image_id in image_ids:
        try:
            load_image(db, actor, image_id)
        except NotFound:
            raise Invalid(f"There is no image {image_id} that you may see; none was added.") from None
    return attach_images(db, actor, project_id, image_ids)


def attach_images(db: WriteSession, actor: Actor, project_id: UUID, image_ids: Sequence[UUID]) -> int:
    """`put_images` for a caller who has just stored them: rights are the caller's to check."""
    new = store.add_project_images(db, project_id, image_ids)
    if new:
        made = store.assign(db, project_id, new, None)
        audit.record(
            db, actor, "U", "project", project_id, project_id=project_id, new={"images": new, "assignments": made}
        )
        notify(db, {"type": "assignment", "id": None, "project_id": project_id})
    return len(new)


def remove_image(db: WriteSession, actor: Actor, project_id: UUID, image_id: UUID) -> None:
    """Take an image out of a project's reading order; the image itself stays. Raises Conflict once somebody reads it."""
    authorize_in(db, actor, "delete", "image", project_id)
    if not store.is_project_image(db, project_id, image_id):
        raise NotFound
    gone = store.remove_project_image(db, project_id, image_id)
    if gone is None:
        raise Conflict("An expert has begun to read this image, and a reading is never thrown away: the image stays.")
    audit.record(
        db, actor, "U", "project", project_id, project_id=project_id, old={"image": image_id, "assignments": gone}
    )
    notify(db, {"type": "assignment", "id": None, "project_id": project_id})


def in_project(project_id: UUID) -> Filter:
    """The filter that leaves a project's images."""
    return store.in_project(project_id)


def images_named(db: AnySession, project_id: UUID, names: Sequence[str]) -> dict[str, list[Image]]:
    """The project's images by name, for an import that brings readings of images stored before."""
    found: dict[str, list[Image]] = {}
    for image in store.images_named(db, project_id, names):
        found.setdefault(image.name, []).append(image)
    return found
