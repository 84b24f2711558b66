"""Assignments as their readers see them, and opening one.

A reader sees their own. Who runs the project may look at another expert's worklist only where nothing is blinded:
in a blinded project managers see counts (`GET /projects/{id}/experts`), never content, time or progress of a reading.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np

from backend import audit
from backend.accounts.rules import Actor, Resource, authorize
from backend.blobs import Blobs
from backend.database import AnySession, WriteSession
from backend.errors import Conflict, Forbidden, Invalid, NotFound
from backend.events import notify
from backend.models.rules import OPEN, style_label
from backend.paging import Page, decode_cursor, page_of
from backend.projects import rules as projects
from backend.projects import store as project_store
from backend.segmentations import store
from backend.segmentations.rules.keeping import keep_labels
from backend.segmentations.store import Sight

BLINDED = (
    "This project is blinded: those who run it see how many readings are finished "
    "(the project's experts), not the readings."
)


ASKED = ("assigned", "opened", "drafting", "submitted")  # what a worklist shows unless asked for withdrawn reads


@dataclass(frozen=True)
class PredictionView:
    """The proposal a reader may begin from."""

    revision_id: UUID
    segmentation_id: UUID
    style_id: UUID
    style_label: str


@dataclass(frozen=True)
class LiveStyleView:
    """The style that draws for an expert now; a prediction may still be from one before it."""

    style_id: UUID
    style_label: str


@dataclass(frozen=True)
class SubmissionView:
    """When a reading was submitted and whether a model helped; the style named is the last that did, None where none is known."""

    submitted_at: datetime
    assisted: bool
    style_label: str | None


@dataclass(frozen=True)
class AssignmentView:
    """An assignment with what a worklist shows beside it; image_dims is [nx, ny, nz]."""

    id: UUID
    project_id: UUID
    project_name: str
    image_id: UUID
    image_name: str
    image_sha256: str
    image_dims: list[int]
    modality: str
    expert_id: UUID
    expert_name: str
    state: str
    position: int
    segmentation_id: UUID | None
    prediction: PredictionView | None
    live_style: LiveStyleView | None
    submission: SubmissionView | None
    updated_at: datetime


@dataclass(frozen=True)
class Asked:
    """What a caller asks a worklist for; None asks for all."""

    project_id: UUID | None = None
    state: str | None = None
    modality: str | None = None
    name: str | None = None
    expert_id: UUID | None = None


@dataclass(frozen=True)
class CountView:
    """How many assignments of one project, modality and state."""

    project_id: UUID
    modality: str
    state: str
    count: int


@dataclass(frozen=True)
class ReadingView:
    """Where one expert's reading of an image stands."""

    expert_id: UUID
    assignment_id: UUID
    state: str


@dataclass(frozen=True)
class ProgressView:
    """One image of a project: how many are asked and have submitted; who they are only where nothing is blinded."""

    image_id: UUID
    image_name: str
    image_sha256: str
    asked: int
    submitted: int
    readings: list[ReadingView] | None


def list_assignments(
    db: AnySession, actor: Actor, asked: Asked, sort: str, cursor: str | None, limit: int
) -> Page[AssignmentView]:
    """The actor's own assignments, or another expert's where the actor runs an unblinded project.

    sort: order (reading order, project by project), name (the image's) or updated (what moved last comes first).
    """
    if actor.user_id is None:
        return Page([], None)
    wanted = _wanted(db, actor, asked)
    kinds = {"order": (UUID, int, UUID), "name": (str, UUID), "updated": (datetime, UUID)}[sort]
    after = decode_cursor(cursor, *kinds) if cursor else None
    rows = store.list_assignments(db, Sight(actor.user_id, actor.project_id), wanted, sort, after, limit + 1)
    page = page_of(rows, limit, lambda row: store.place_in(row, sort))
    return Page([_view(row) for row in page.items], page.next_cursor)


def count_assignments(db: AnySession, actor: Actor, asked: Asked) -> list[CountView]:
    """How far a worklist is, by project, modality and state; withdrawn ones are left out unless asked for."""
    if actor.user_id is None:
        return []
    counted = store.count_assignments(db, _wanted(db, actor, asked))
    return [CountView(*row) for row in counted]


def list_progress(db: AnySession, actor: Actor, project_id: UUID, cursor: str | None, limit: int) -> Page[ProgressView]:
    """A project's images in reading order and how far their readings are, for who runs it; blinded: counts alone."""
    projects.authorize_in(db, actor, "read", "progress", project_id)
    blinded = projects.is_blinded(db, project_id)
    after = decode_cursor(cursor, int, UUID) if cursor else None
    rows = store.progress_of(db, project_id, after, limit + 1)
    page = page_of(rows, limit, lambda row: (row.position, row.image.id))
    return Page([_progress(row, blinded) for row in page.items], page.next_cursor)


def _wanted(db: AnySession, actor: Actor, asked: Asked) -> store.Wanted:
    """What the caller may ask for. Raises NotFound for a project that is not theirs, Forbidden for a blinded worklist."""
    authorize(actor, "list", Resource("assignment"))
    if asked.project_id is not None:
        projects.authorize_in(db, actor, "read", "project", asked.project_id)
    is_own = asked.expert_id is None or asked.expert_id == actor.expert_id
    if not is_own:
        if asked.project_id is None:
            raise Invalid("Name the project together with the expert.")
        projects.authorize_in(db, actor, "update", "assignment", asked.project_id)
        if projects.is_blinded(db, asked.project_id):
            raise Forbidden(BLINDED)
    return store.Wanted(
        user_id=actor.user_id if is_own else None,
        expert_id=None if is_own else asked.expert_id,
        project_id=asked.project_id if asked.project_id is not None else actor.project_id,
        states=[asked.state] if asked.state else ASKED,
        modality=asked.modality,
        name=asked.name,
    )


def load_assignment(db: AnySession, actor: Actor, assignment_id: UUID) -> AssignmentView:
    """One assignment. Raises NotFound unless it is the actor's own or they run the project, Forbidden when blinded."""
    row = _load(db, actor, assignment_id)
    owner_id = row.expert.user_id
    projects.authorize_in(db, actor, "read", "project", row.project.id)
    projects.authorize_in(db, actor, "read", "assignment", row.project.id, owner_id)
    if actor.kind == "user" and owner_id != actor.user_id and projects.is_blinded(db, row.project.id):
        raise Forbidden(BLINDED)
    return _view(row)


def next_assignment(db: AnySession, actor: Actor, project_id: UUID | None, after: UUID | None) -> AssignmentView | None:
    """The actor's first unfinished assignment after one of theirs, from the top again at the end."""
    authorize(actor, "list", Resource("assignment"))
    if actor.user_id is None:
        return None
    if project_id is not None:
        projects.authorize_in(db, actor, "read", "project", project_id)
    place = store.place_of(db, after, actor.user_id) if after is not None else None
    row = store.next_assignment(db, Sight(actor.user_id, actor.project_id), project_id, place)
    return _view(row) if row else None


def open_assignment(db: WriteSession, actor: Actor, blobs: Blobs, assignment_id: UUID) -> AssignmentView:
    """Begin the actor's own reading with an empty label map. Opened before, nothing changes."""
    row = _load(db, actor, assignment_id)
    projects.authorize_in(db, actor, "read", "project", row.project.id)
    projects.authorize_in(db, actor, "open", "assignment", row.project.id, row.expert.user_id)
    assignment = project_store.lock_assignment(db, assignment_id)
    if assignment is None or assignment.state == "withdrawn":
        raise Conflict("This assignment was withdrawn; ask the project's manager.")
    if assignment.segmentation_id is None:
        _begin(db, actor, blobs, row)
    return _view(_load(db, actor, assignment_id))


def _begin(db: WriteSession, actor: Actor, blobs: Blobs, row: store.AssignmentRow) -> None:
    image, project_id = row.image, row.project.id
    blank = np.zeros((image.nz, image.ny, image.nx), dtype=np.uint8)
    kept = keep_labels(blobs, blank, ())
    segmentation = store.add_segmentation(
        db, project_id=project_id, image_id=image.id, author="expert", expert_id=row.expert.id
    )
    store.add_revision(
        db,
        segmentation,
        "draft",
        **kept.columns,
        origin="blank",
        assisted=False,
        folded_seq=0,
        created_by=actor.user_id,
    )
    store.set_assignment_state(db, row.assignment.id, "opened", segmentation.id)
    event = {"project_id": project_id, "expert_id": row.expert.id}
    notify(db, {"type": "assignment", "id": row.assignment.id, **event})
    audit.record(
        db, actor, "C", "segmentation", segmentation.id, project_id=project_id, new={"assignment": row.assignment.id}
    )


def _load(db: AnySession, actor: Actor, assignment_id: UUID) -> store.AssignmentRow:
    row = store.find_row(db, Sight(actor.user_id, actor.project_id), assignment_id)
    if row is None:
        raise NotFound
    db.refresh(row.assignment)
    return row


def _progress(row: store.ProgressRow, blinded: bool) -> ProgressView:
    readings = [ReadingView(expert_id, assignment_id, state) for expert_id, state, assignment_id in row.readings]
    submitted = sum(one.state == "submitted" for one in readings)
    image = row.image
    return ProgressView(image.id, image.name, image.sha256, len(readings), submitted, None if blinded else readings)


def _view(row: store.AssignmentRow) -> AssignmentView:
    blinded = row.project.policy.get("blinding") != OPEN
    prediction = None
    if row.revision is not None and row.style is not None:
        label = style_label(row.style, blinded=blinded)
        prediction = PredictionView(row.revision.id, row.revision.segmentation_id, row.style.id, label)
    live = None if row.live is None else LiveStyleView(row.live.id, style_label(row.live, blinded=blinded))
    return AssignmentView(
        id=row.assignment.id,
        project_id=row.project.id,
        project_name=row.project.name,
        image_id=row.image.id,
        image_name=row.image.name,
        image_sha256=row.image.sha256,
        image_dims=[row.image.nx, row.image.ny, row.image.nz],
        modality=row.image.modality,
        expert_id=row.expert.id,
        expert_name=row.expert.name,
        state=row.assignment.state,
        position=row.assignment.position,
        segmentation_id=row.assignment.segmentation_id,
        prediction=prediction,
        live_style=live,
        submission=_submission(row, blinded=blinded),
        updated_at=row.assignment.updated_at,
    )


def _submission(row: store.AssignmentRow, *, blinded: bool) -> SubmissionView | None:
    submitted_at = row.assignment.submitted_at
    if row.assignment.state != "submitted" or submitted_at is None or row.reading is None:
        return None
    helper = row.helper if row.reading.assisted else None
    label = None if helper is None else style_label(helper, blinded=blinded)
    return SubmissionView(submitted_at, row.reading.assisted, label)
