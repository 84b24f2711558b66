"""Projects themselves: name, policy, label set, and the one question every rule to the right asks first.

A label that a stored label map may use is never taken out of the set: its voxels would lose their meaning.
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from backend import audit
from backend.accounts.rules import Actor, ProjectRole, Resource, authorize, may
from backend.database import AnySession, WriteSession
from backend.errors import Conflict, Forbidden, Invalid, NotFound
from backend.paging import Page, decode_cursor, page_of
from backend.projects import store

Blinding = Literal["open", "until_own_submitted", "until_all_submitted", "until_settled"]
Prefill = Literal["before", "never"]
_COLOUR = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True)
class ReadingPolicy:
    """How a project is read.

    blinding: until when a reader sees only their own work. prefill: whether the model's proposal is offered before
    the first pass. reads_per_image: how many experts should read each. personalise: train styles on submissions.
    goal_dice: when a propagated reading is good enough, in Dice points.
    """

    blinding: Blinding = "until_all_submitted"
    prefill: Prefill = "before"
    reads_per_image: int = 1
    personalise: bool = True
    goal_dice: float = 90.0


@dataclass(frozen=True)
class LabelView:
    """One class of a label set."""

    value: int
    name: str
    colour: str
    code_scheme: str | None = None
    code_value: str | None = None
    code_meaning: str | None = None


@dataclass(frozen=True)
class WorkCounts:
    """Images, and assignments with those submitted: of the whole project for who runs it, else the caller's own."""

    images: int
    assignments: int
    submitted: int


@dataclass(frozen=True)
class ProjectView:
    """A project as one caller sees it; `role` is None for an admin who is no member."""

    id: UUID
    name: str
    description: str
    simulated: bool
    policy: ReadingPolicy
    labels: list[LabelView]
    role: ProjectRole | None
    counts: WorkCounts
    created_at: datetime


def authorize_in(
    db: AnySession, actor: Actor, action: str, kind: str, project_id: UUID, owner_id: UUID | None = None
) -> str | None:
    """Return the actor's role in the project when they may do this to a `kind` in it; raises NotFound or Forbidden."""
    project, role = store.find_project_and_role(db, project_id, actor.user_id)
    seen = Resource("project", project_id, role, visible=project is not None)
    authorize(actor, "read", seen)
    if project is None:
        raise NotFound
    authorize(actor, action, Resource(kind, project_id, role, owner_id))
    return role


def load_policy(db: AnySession, project_id: UUID) -> ReadingPolicy:
    """The reading policy of a project that is known to exist."""
    project = store.find_project(db, project_id)
    if project is None:
        raise NotFound
    return ReadingPolicy(**project.policy)


def is_blinded(db: AnySession, project_id: UUID) -> bool:
    """Whether readers of this project work without seeing each other's readings at first."""
    return load_policy(db, project_id).blinding != "open"


def judged_blindly(db: AnySession, actor: Actor, project_ids: Collection[UUID]) -> set[UUID]:
    """The blinded ones of these projects in which the actor is adjudicator: there nobody's name stands beside a reading."""
    return store.projects_judged(db, actor.user_id, project_ids, "open")


def load_labels(db: AnySession, project_id: UUID) -> list[LabelView]:
    """The label set, by value; empty for a project that has none yet."""
    return [_label(row) for row in store.labels_of(db, [project_id])]


def create_project(
    db: WriteSession,
    actor: Actor,
    name: str,
    description: str,
    policy: ReadingPolicy,
    labels: Sequence[LabelView],
    simulated: bool = False,
) -> ProjectView:
    """A new project whose manager is its maker. Raises Conflict when the name is taken, Invalid for a bad label set."""
    if not may(actor, "create", Resource("project")):
        raise Forbidden("Only admins and integrators make projects; ask one of them.")
    _check_labels(labels)
    row = store.add_project(db, name, description, asdict(policy), simulated)
    if row is None:
        raise Conflict(f"There is a project called {name} already; choose another name.")
    store.replace_labels(db, row.id, [asdict(label) for label in labels])
    if actor.user_id is not None:
        store.set_member(db, row.id, actor.user_id, "manager")
    audit.record(db, actor, "C", "project", row.id, project_id=row.id, new={"name": name, "policy": asdict(policy)})
    return _view(db, actor, row, "manager" if actor.user_id else None)


def change_project(db: WriteSession, actor: Actor, project_id: UUID, changes: dict[str, Any]) -> ProjectView:
    """Change name, description or policy. changes: only what changes; `policy` may name only some of its members."""
    authorize_in(db, actor, "update", "project", project_id)
    row = _load(db, project_id)
    old = {key: getattr(row, key) for key in changes}
    if "policy" in changes:
        changes = {**changes, "policy": asdict(ReadingPolicy(**{**row.policy, **changes["policy"]}))}
    namesake = store.find_project_by_name(db, changes["name"]) if "name" in changes else None
    if namesake is not None and namesake.id != project_id:
        raise Conflict(f"There is a project called {changes['name']} already; choose another name.")
    if changes:
        store.change_project(db, project_id, changes)
        audit.record(db, actor, "U", "project", project_id, project_id=project_id, old=old, new=changes)
    return load_project(db, actor, project_id)


def set_labels(db: WriteSession, actor: Actor, project_id: UUID, labels: Sequence[LabelView]) -> ProjectView:
    """Replace the label set. Raises Conflict when a label goes missing that a reading may already use."""
    authorize_in(db, actor, "update", "project", project_id)
    _check_labels(labels)
    old = load_labels(db, project_id)
    gone = sorted({label.value for label in old} - {label.value for label in labels})
    if gone and store.is_read(db, project_id):
        names = ", ".join(f"{label.value} ({label.name})" for label in old if label.value in gone)
        raise Conflict(f"Readings of this project may use {names}; labels in use can be renamed but not removed.")
    store.replace_labels(db, project_id, [asdict(label) for label in labels])
    audit.record(
        db,
        actor,
        "U",
        "project",
        project_id,
        project_id=project_id,
        old={"labels": [asdict(label) for label in old]},
        new={"labels": [asdict(label) for label in labels]},
    )
    return load_project(db, actor, project_id)


def list_projects(db: AnySession, actor: Actor, cursor: str | None, limit: int) -> Page[ProjectView]:
    """The projects an actor belongs to, an admin's all, in order of name."""
    if actor.user_id is None:
        return Page([], None)
    after = decode_cursor(cursor, str, UUID) if cursor else None
    rows = store.list_projects(db, actor.user_id, actor.is_admin, actor.project_id, after, limit + 1)
    page = page_of(rows, limit, lambda row: (row[0].name, row[0].id))
    return Page([_view(db, actor, row, role) for row, role in page.items], page.next_cursor)


def load_project(db: AnySession, actor: Actor, project_id: UUID) -> ProjectView:
    role = authorize_in(db, actor, "read", "project", project_id)
    return _view(db, actor, _load(db, project_id), role)


def find_project_named(db: AnySession, name: str) -> UUID | None:
    """For the command line: a project's id by its name."""
    row = store.find_project_by_name(db, name)
    return row.id if row else None


def _load(db: AnySession, project_id: UUID) -> store.Project:
    row = store.find_project(db, project_id)
    if row is None:
        raise NotFound
    return row


def _view(db: AnySession, actor: Actor, row: store.Project, role: str | None) -> ProjectView:
    runs_it = role == "manager" or actor.is_admin or actor.user_id is None
    return ProjectView(
        id=row.id,
        name=row.name,
        description=row.description,
        simulated=row.simulated,
        policy=ReadingPolicy(**row.policy),
        labels=load_labels(db, row.id),
        role=role,  # type: ignore[arg-type]  # the table's check constraint allows exactly these
        counts=WorkCounts(*store.count_work(db, row.id, None if runs_it else actor.user_id)),
        created_at=row.created_at,
    )


def _label(row: store.Label) -> LabelView:
    return LabelView(row.value, row.name, row.colour, row.code_scheme, row.code_value, row.code_meaning)


def _check_labels(labels: Sequence[LabelView]) -> None:
    """Refuse values or names that repeat, values outside 1 to 255 and colours that are no `#rrggbb`."""
    for kind in ("value", "name"):
        seen = Counter(str(getattr(label, kind)) for label in labels)
        twice = [item for item, count in seen.items() if count > 1]
        if twice:
            raise Invalid(f"The {kind} {twice[0]} stands twice in the label set; each label needs its own.")
    for label in labels:
        if not 1 <= label.value <= 255:
            raise Invalid(f"Label {label.name} has the value {label.value}; label values go from 1 to 255.")
        if not _COLOUR.fullmatch(label.colour):
            raise Invalid(f"Label {label.name} has the colour {label.colour}; write it like #1f77b4.")
