"""Queries on projects: their labels, members, experts and images."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from backend.accounts.store import ExpertRow, UserRow
from backend.audit import AuditRow
from backend.database import AnySession, WriteSession
from backend.projects.store.tables import (
    Assignment,
    Label,
    Member,
    Project,
    ProjectExpert,
    ProjectImage,
)
from backend.studies.store import Image

# Projects


def find_project(db: AnySession, project_id: UUID) -> Project | None:
    return db.get(Project, project_id)


def find_project_and_role(db: AnySession, project_id: UUID, user_id: UUID | None) -> tuple[Project | None, str | None]:
    """A project and this user's role in it, in one question: nearly every request asks both."""
    mine = (Member.project_id == Project.id) & (Member.user_id == user_id)
    row = db.execute(select(Project, Member.role).outerjoin(Member, mine).where(Project.id == project_id)).one_or_none()
    return (row[0], row[1]) if row else (None, None)


def find_project_by_name(db: AnySession, name: str) -> Project | None:
    return db.scalar(select(Project).where(Project.name == name))


def add_project(
    db: WriteSession, name: str, description: str, policy: dict[str, Any], simulated: bool
) -> Project | None:
    """A new project, or None when the name is taken."""
    row = insert(Project).values(name=name, description=description, policy=policy, simulated=simulated)
    return db.scalar(row.on_conflict_do_nothing().returning(Project))


def change_project(db: WriteSession, project_id: UUID, changes: dict[str, Any]) -> None:
    db.execute(update(Project).where(Project.id == project_id).values(**changes))


def list_projects(
    db: AnySession, user_id: UUID, everything: bool, only: UUID | None, after: tuple[str, UUID] | None, limit: int
) -> list[tuple[Project, str | None]]:
    """Projects with this user's role in them, in order of name and id.

    everything: those without a role too. only: at most this project (an API token may be tied to one).
    """
    role = select(Member.role).where(Member.project_id == Project.id, Member.user_id == user_id).scalar_subquery()
    query = select(Project, role).order_by(Project.name, Project.id).limit(limit)
    if not everything:
        query = query.where(role.is_not(None))
    if only is not None:
        query = query.where(Project.id == only)
    if after is not None:
        query = query.where(tuple_(Project.name, Project.id) > tuple_(literal(after[0]), literal(after[1])))
    return [(row[0], row[1]) for row in db.execute(query)]


def labels_of(db: AnySession, project_ids: Sequence[UUID]) -> list[Label]:
    """The label sets of these projects, by value."""
    return list(db.scalars(select(Label).where(Label.project_id.in_(project_ids)).order_by(Label.value)))


def replace_labels(db: WriteSession, project_id: UUID, labels: list[dict[str, Any]]) -> None:
    """Set the whole label set. labels: rows of `labels` without their project."""
    db.execute(delete(Label).where(Label.project_id == project_id))
    if labels:
        db.execute(insert(Label).values([{**label, "project_id": project_id} for label in labels]))


def count_work(db: AnySession, project_id: UUID, user_id: UUID | None) -> tuple[int, int, int]:
    """Images, assignments not withdrawn and submitted ones; only this user's own assignments where one is given."""
    images = select(func.count()).select_from(ProjectImage).where(ProjectImage.project_id == project_id)
    assignments = select(func.count(), func.count().filter(Assignment.state == "submitted")).where(
        Assignment.project_id == project_id, Assignment.state != "withdrawn"
    )
    if user_id is not None:
        assignments = assignments.where(Assignment.expert_id.in_(experts_of_user(user_id)))
    made, submitted = db.execute(assignments).one()
    return db.scalar(images) or 0, made, submitted


# Members and experts


def role_of(db: AnySession, project_id: UUID, user_id: UUID) -> str | None:
    return db.scalar(select(Member.role).where(Member.project_id == project_id, Member.user_id == user_id))


def projects_judged(
    db: AnySession, user_id: UUID | None, project_ids: Collection[UUID], unless_blinding: str
) -> set[UUID]:
    """Those of these projects where this user is adjudicator, but for those of one blinding policy."""
    query = select(Project.id).join(Member, Member.project_id == Project.id)
    query = query.where(Member.user_id == user_id, Member.role == "adjudicator", Project.id.in_(project_ids))
    return set(db.scalars(query.where(Project.policy["blinding"].astext != unless_blinding)))


def list_members(
    db: AnySession, project_id: UUID, after: tuple[str, UUID] | None, limit: int
) -> list[tuple[UserRow, str]]:
    """Members with their roles, in order of user name and id."""
    query = (
        select(UserRow, Member.role)
        .join(Member, Member.user_id == UserRow.id)
        .where(Member.project_id == project_id)
        .order_by(UserRow.name, UserRow.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(UserRow.name, UserRow.id) > tuple_(literal(after[0]), literal(after[1])))
    return [(row[0], row[1]) for row in db.execute(query)]


def set_member(db: WriteSession, project_id: UUID, user_id: UUID, role: str) -> None:
    row = insert(Member).values(project_id=project_id, user_id=user_id, role=role)
    db.execute(row.on_conflict_do_update(index_elements=["project_id", "user_id"], set_={"role": role}))


def add_reader(db: WriteSession, project_id: UUID, user_id: UUID) -> None:
    """Make this user a reader unless they have a role already."""
    db.execute(insert(Member).values(project_id=project_id, user_id=user_id, role="reader").on_conflict_do_nothing())


def remove_member(db: WriteSession, project_id: UUID, user_id: UUID) -> None:
    db.execute(delete(Member).where(Member.project_id == project_id, Member.user_id == user_id))


def experts_of_user(user_id: UUID) -> Any:
    """A subquery of the experts this user is."""
    return select(ExpertRow.id).where(ExpertRow.user_id == user_id)


def is_project_expert(db: AnySession, project_id: UUID, expert_id: UUID) -> bool:
    return db.get(ProjectExpert, (project_id, expert_id)) is not None


def add_project_expert(db: WriteSession, project_id: UUID, expert_id: UUID) -> None:
    db.execute(insert(ProjectExpert).values(project_id=project_id, expert_id=expert_id).on_conflict_do_nothing())


def remove_project_expert(db: WriteSession, project_id: UUID, expert_id: UUID) -> None:
    db.execute(
        delete(ProjectExpert).where(ProjectExpert.project_id == project_id, ProjectExpert.expert_id == expert_id)
    )


def list_project_experts(
    db: AnySession, project_id: UUID, user_id: UUID | None, after: tuple[str, UUID] | None, limit: int
) -> list[tuple[ExpertRow, int, int]]:
    """A project's experts with their assignments and submitted ones, by name; only this user's own where one is given."""
    live = (Assignment.project_id == project_id) & (Assignment.expert_id == ExpertRow.id)
    made = select(func.count()).where(live, Assignment.state != "withdrawn").scalar_subquery()
    submitted = select(func.count()).where(live, Assignment.state == "submitted").scalar_subquery()
    query = (
        select(ExpertRow, made, submitted)
        .join(ProjectExpert, ProjectExpert.expert_id == ExpertRow.id)
        .where(ProjectExpert.project_id == project_id)
        .order_by(ExpertRow.name, ExpertRow.id)
        .limit(limit)
    )
    if user_id is not None:
        query = query.where(ExpertRow.user_id == user_id)
    if after is not None:
        query = query.where(tuple_(ExpertRow.name, ExpertRow.id) > tuple_(literal(after[0]), literal(after[1])))
    return [(row[0], row[1], row[2]) for row in db.execute(query)]


def list_known_experts(
    db: AnySession, user_id: UUID | None, everyone: bool, only: UUID | None, after: tuple[str, UUID] | None, limit: int
) -> list[ExpertRow]:
    """Experts in order of name: this user's own, and those of projects they manage or that are not blinded.

    everyone: those of all projects and of none. only: at most this project's (a token may be bound to one).
    """
    named = exists().where(ProjectExpert.expert_id == ExpertRow.id)
    if not everyone:
        named = named.where(
            Member.project_id == ProjectExpert.project_id,
            Member.user_id == user_id,
            Project.id == ProjectExpert.project_id,
            or_(Member.role == "manager", Project.policy["blinding"].astext == "open"),
        )
    if only is not None:
        named = named.where(ProjectExpert.project_id == only)
    query = select(ExpertRow).order_by(ExpertRow.name, ExpertRow.id).limit(limit)
    if not everyone or only is not None:
        query = query.where(or_(named, ExpertRow.user_id == user_id))
    if after is not None:
        query = query.where(tuple_(ExpertRow.name, ExpertRow.id) > tuple_(literal(after[0]), literal(after[1])))
    return list(db.scalars(query))


def project_experts_by_name(db: AnySession, project_id: UUID) -> dict[str, UUID]:
    """The experts of a project, and those who left it, under their names; of two with one name a present one, then the older."""
    present = ExpertRow.id.in_(select(ProjectExpert.expert_id).where(ProjectExpert.project_id == project_id))
    asked = ExpertRow.id.in_(select(Assignment.expert_id).where(Assignment.project_id == project_id))
    query = (
        select(ExpertRow.name, ExpertRow.id)
        .where(or_(present, asked))
        .order_by(present, ExpertRow.created_at.desc(), ExpertRow.id)
    )
    return {row[0]: row[1] for row in db.execute(query)}


# Images of a project


def may_see_image(user_id: UUID | None, everything: bool, only: UUID | None) -> ColumnElement[bool]:
    """True for images in a project this user is a member of.

    everything: images of all projects and of none. only: at most this project's (a token may be tied to one).
    """
    seen = exists().where(ProjectImage.image_id == Image.id)
    if not everything:
        seen = seen.where(Member.project_id == ProjectImage.project_id, Member.user_id == user_id)
    if only is not None:
        seen = seen.where(ProjectImage.project_id == only)
    return true() if everything and only is None else seen


def images_named(db: AnySession, project_id: UUID, names: Sequence[str]) -> list[Image]:
    """The project's images under these names, oldest first; a name may stand for several."""
    query = select(Image).where(Image.name.in_(names), in_project(project_id))
    return list(db.scalars(query.order_by(Image.created_at, Image.id)))


def in_project(project_id: UUID) -> ColumnElement[bool]:
    """True for images of this project."""
    return exists().where(ProjectImage.image_id == Image.id, ProjectImage.project_id == project_id)


def is_project_image(db: AnySession, project_id: UUID, image_id: UUID) -> bool:
    return db.get(ProjectImage, (project_id, image_id)) is not None


def opened_this_hour(db: AnySession, user_id: UUID, image_id: UUID) -> bool:
    """Whether the audit already says, in this clock hour, that this user opened this image."""
    opened = select(AuditRow.seq).where(
        AuditRow.kind == "image",
        AuditRow.object_id == str(image_id),
        AuditRow.actor_id == user_id,
        AuditRow.action == "R",
        AuditRow.at >= func.date_trunc("hour", func.now()),
    )
    return db.scalar(opened.limit(1)) is not None


def add_project_images(db: WriteSession, project_id: UUID, image_ids: Sequence[UUID]) -> list[UUID]:
    """Append images to the reading order; those already there stay. Returns the new ones."""
    if not image_ids:
        return []
    db.execute(select(Project.id).where(Project.id == project_id).with_for_update())  # one counter at a time
    last = db.scalar(select(func.max(ProjectImage.position)).where(ProjectImage.project_id == project_id)) or 0
    rows = [
        {"project_id": project_id, "image_id": image_id, "position": last + number}
        for number, image_id in enumerate(image_ids, start=1)
    ]
    statement = insert(ProjectImage).values(rows).on_conflict_do_nothing().returning(ProjectImage.image_id)
    return list(db.scalars(statement))


def remove_project_image(db: WriteSession, project_id: UUID, image_id: UUID) -> int | None:
    """Take an image nobody has begun to read out of a project; its untouched assignments go with it.

    Returns how many went, or None and changes nothing where a reading of it exists.
    """
    here = (Assignment.project_id == project_id) & (Assignment.image_id == image_id)
    db.execute(select(Assignment.id).where(here).with_for_update())  # nobody opens one meanwhile
    if db.scalar(select(Assignment.id).where(here, Assignment.segmentation_id.is_not(None)).limit(1)) is not None:
        return None
    gone = len(db.scalars(delete(Assignment).where(here).returning(Assignment.id)).all())
    db.execute(delete(ProjectImage).where(ProjectImage.project_id == project_id, ProjectImage.image_id == image_id))
    return gone
