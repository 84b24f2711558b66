"""What is kept of projects: label set, members, experts, images, assignments, uploads under way; and every query on them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
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
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, mapped_column

from backend.accounts.store import ExpertRow, UserRow
from backend.audit import AuditRow
from backend.database import AnySession, Base, WriteSession
from backend.studies.store import Image


class Project(Base):
    """A label set, the images to read, the experts and the reading policy.

    policy: {blinding, prefill, reads_per_image, personalise}; its shape is `rules.Policy`.
    """

    __tablename__ = "projects"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    name: Mapped[str] = mapped_column(String(120), unique=True)
    description: Mapped[str] = mapped_column(Text, server_default="")
    simulated: Mapped[bool] = mapped_column(server_default="false")
    policy: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Label(Base):
    """One class of a project's label set: the value in the label map, its name and its coded meaning."""

    __tablename__ = "labels"
    __table_args__ = (
        UniqueConstraint("project_id", "name"),
        CheckConstraint("value BETWEEN 1 AND 255", name="value"),
    )

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    value: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    colour: Mapped[str] = mapped_column(String(7))
    code_scheme: Mapped[str | None] = mapped_column(String(16))
    code_value: Mapped[str | None] = mapped_column(String(64))
    code_meaning: Mapped[str | None] = mapped_column(String(120))


class Member(Base):
    """A user's role in a project."""

    __tablename__ = "members"
    __table_args__ = (
        CheckConstraint("role IN ('manager', 'reader', 'adjudicator')", name="role"),
        Index("ix_members_user_id", "user_id"),
    )

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(12))


class ProjectExpert(Base):
    """An expert whose way of drawing matters in a project."""

    __tablename__ = "project_experts"
    __table_args__ = (Index("ix_project_experts_expert_id", "expert_id"),)

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    expert_id: Mapped[UUID] = mapped_column(ForeignKey("experts.id"), primary_key=True)


class ProjectImage(Base):
    """An image to read in a project, at its place in the reading order."""

    __tablename__ = "project_images"
    __table_args__ = (
        Index("ix_project_images_image_id", "image_id"),
        Index("ix_project_images_position", "project_id", "position", "image_id"),
    )

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    image_id: Mapped[UUID] = mapped_column(ForeignKey("images.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer)


class Assignment(Base):
    """One expert asked to read one image. Its reading is `segmentation_id`, made when it is first opened."""

    __tablename__ = "assignments"
    __table_args__ = (
        UniqueConstraint("project_id", "image_id", "expert_id"),
        CheckConstraint("state IN ('assigned', 'opened', 'drafting', 'submitted', 'withdrawn')", name="state"),
        Index("ix_assignments_expert_id", "expert_id", "project_id", "position", "id"),
        Index("ix_assignments_project_id", "project_id", "position", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"))
    image_id: Mapped[UUID] = mapped_column(ForeignKey("images.id"))
    expert_id: Mapped[UUID] = mapped_column(ForeignKey("experts.id"))
    state: Mapped[str] = mapped_column(String(12), server_default="assigned")
    position: Mapped[int] = mapped_column(Integer)
    segmentation_id: Mapped[UUID | None] = mapped_column(ForeignKey("segmentations.id"))
    opened_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    submitted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), onupdate=func.now()
    )


class Import(Base):
    """An upload session: files wait in quarantine under its id until they are committed as a job of the same id."""

    __tablename__ = "imports"
    __table_args__ = (CheckConstraint("state IN ('receiving', 'committed')", name="state"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"))
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    experts: Mapped[bool] = mapped_column()
    state: Mapped[str] = mapped_column(String(12), server_default="receiving")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class ImportFile(Base):
    """One file in quarantine. `path` is the sender's name for it, shown and grouped by, never used as a path of ours."""

    __tablename__ = "import_files"
    __table_args__ = (UniqueConstraint("import_id", "path"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    import_id: Mapped[UUID] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"))
    path: Mapped[str] = mapped_column(Text)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))


# Projects


def find_project(db: AnySession, project_id: UUID) -> Project | None:
    return db.get(Project, project_id)


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
    """The experts of a project under their names; of two with one name the older."""
    query = (
        select(ExpertRow.name, ExpertRow.id)
        .join(ProjectExpert, ProjectExpert.expert_id == ExpertRow.id)
        .where(ProjectExpert.project_id == project_id)
        .order_by(ExpertRow.created_at.desc(), ExpertRow.id)
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


# Assignments


def assign(
    db: WriteSession, project_id: UUID, image_ids: Sequence[UUID] | None, expert_ids: Sequence[UUID] | None
) -> int:
    """Ask experts to read images of the project, where they are not asked yet; returns how many assignments are new.

    image_ids None: all images of the project. expert_ids None: all its experts that have an account.
    """
    pairs = (
        select(ProjectImage.project_id, ProjectImage.image_id, ProjectExpert.expert_id, ProjectImage.position)
        .join(ProjectExpert, ProjectExpert.project_id == ProjectImage.project_id)
        .join(ExpertRow, ExpertRow.id == ProjectExpert.expert_id)
        .where(ProjectImage.project_id == project_id)
    )
    if image_ids is not None:
        pairs = pairs.where(ProjectImage.image_id.in_(image_ids))
    pairs = pairs.where(ExpertRow.user_id.is_not(None) if expert_ids is None else ExpertRow.id.in_(expert_ids))
    row = insert(Assignment).from_select(["project_id", "image_id", "expert_id", "position"], pairs)
    return len(db.scalars(row.on_conflict_do_nothing().returning(Assignment.id)).all())


def lock_assignment(db: WriteSession, assignment_id: UUID) -> Assignment | None:
    """The assignment, locked against a second opening until this transaction ends."""
    return db.scalar(select(Assignment).where(Assignment.id == assignment_id).with_for_update())


def ensure_assignment(db: WriteSession, project_id: UUID, image_id: UUID, expert_id: UUID) -> Assignment:
    """The assignment of this expert for this image of the project, made if need be, locked until this transaction ends."""
    assign(db, project_id, [image_id], [expert_id])
    query = select(Assignment).where(
        Assignment.project_id == project_id, Assignment.image_id == image_id, Assignment.expert_id == expert_id
    )
    return db.scalars(query.with_for_update()).one()


def count_of_expert(db: AnySession, project_id: UUID, expert_id: UUID) -> tuple[int, int]:
    """An expert's assignments not withdrawn, and how many of them are submitted."""
    query = select(func.count(), func.count().filter(Assignment.state == "submitted")).where(
        Assignment.project_id == project_id, Assignment.expert_id == expert_id, Assignment.state != "withdrawn"
    )
    made, submitted = db.execute(query).one()
    return made, submitted


def is_read(db: AnySession, project_id: UUID) -> bool:
    """Whether any reading of this project has begun."""
    begun = select(Assignment.id).where(Assignment.project_id == project_id, Assignment.segmentation_id.is_not(None))
    return db.scalar(begun.limit(1)) is not None


# Uploads under way


def add_import(db: WriteSession, project_id: UUID, owner_id: UUID | None, experts: bool) -> Import:
    row = insert(Import).values(project_id=project_id, owner_id=owner_id, experts=experts)
    return db.scalars(row.returning(Import)).one()


def find_import(db: AnySession, import_id: UUID) -> Import | None:
    return db.get(Import, import_id)


def lock_import(db: WriteSession, import_id: UUID) -> Import | None:
    return db.scalar(select(Import).where(Import.id == import_id).with_for_update())


def keep_import_file(db: WriteSession, import_id: UUID, path: str, size_bytes: int, sha256: str) -> ImportFile:
    """Note a received file; sent again under the same name, the later one counts."""
    row = insert(ImportFile).values(import_id=import_id, path=path, size_bytes=size_bytes, sha256=sha256)
    again = row.on_conflict_do_update(
        index_elements=["import_id", "path"], set_={"size_bytes": size_bytes, "sha256": sha256}
    )
    return db.scalars(again.returning(ImportFile)).one()


def import_files(db: AnySession, import_id: UUID) -> list[ImportFile]:
    return list(db.scalars(select(ImportFile).where(ImportFile.import_id == import_id).order_by(ImportFile.path)))


def abandoned_imports(db: WriteSession, days: int) -> list[Import]:
    """Uploads begun this long ago and never committed, locked; those a file is just arriving for are left for another time."""
    old = Import.created_at < func.now() - timedelta(days=days)
    query = select(Import).where(Import.state == "receiving", old).with_for_update(skip_locked=True)
    return list(db.scalars(query))


def remove_import(db: WriteSession, import_id: UUID) -> None:
    """Forget an upload and its list of files."""
    db.execute(delete(Import).where(Import.id == import_id))


def close_import(db: WriteSession, import_id: UUID) -> None:
    db.execute(update(Import).where(Import.id == import_id).values(state="committed"))
