"""What is kept of what was learned: model versions, styles, the live pointer and the lineage; and every query on them.

A style row belongs to exactly one model version: comparing or moving rows between versions is meaningless.
Versions and styles are appended and named, never edited, except for `state`. What an expert sees is decided by one
row of `live_styles` alone, moved by an UPDATE guarded with its expected old value: of two jobs publishing at once
one wins, the other is told.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    String,
    UniqueConstraint,
    and_,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, distinct_on, insert
from sqlalchemy.orm import Mapped, mapped_column

from backend.accounts.store import ExpertRow as Expert
from backend.database import AnySession, Base, WriteSession
from backend.projects.store import Member, Project, ProjectExpert


class ModelVersion(Base):
    """Trained shared weights, named by the hash of their safetensors file."""

    __tablename__ = "model_versions"
    __table_args__ = (
        UniqueConstraint("project_id", "number"),
        CheckConstraint("state IN ('candidate', 'live', 'retired')", name="state"),
        Index("ix_model_versions_one_live", "project_id", unique=True, postgresql_where="state = 'live'"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"))
    number: Mapped[int] = mapped_column(Integer)
    method: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(12))
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("model_versions.id"))
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("jobs.id"), unique=True)
    config: Mapped[dict[str, Any]] = mapped_column(JSONB)
    config_sha256: Mapped[str] = mapped_column(String(64))
    weights_sha256: Mapped[str] = mapped_column(String(64))
    metrics: Mapped[dict[str, Any]] = mapped_column(JSONB)
    card: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Style(Base):
    """One expert's hand on one model version: a safetensors file with a row `[P]` and perhaps an adapter.

    live_at: when it went live last; None for one that never was.
    """

    __tablename__ = "styles"
    __table_args__ = (
        UniqueConstraint("project_id", "expert_id", "number"),
        CheckConstraint("state IN ('candidate', 'live', 'retired')", name="state"),
        CheckConstraint("origin IN ('consensus', 'pretrained', 'nearest', 'row', 'adapter')", name="origin"),
        Index("ix_styles_model_version_id", "model_version_id"),
        Index("ix_styles_job_id", "job_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    model_version_id: Mapped[UUID] = mapped_column(ForeignKey("model_versions.id"))
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"))
    expert_id: Mapped[UUID] = mapped_column(ForeignKey("experts.id"))
    number: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(12))
    origin: Mapped[str] = mapped_column(String(12))
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("styles.id"))
    weights_sha256: Mapped[str] = mapped_column(String(64))
    metrics: Mapped[dict[str, Any]] = mapped_column(JSONB)
    gate: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("jobs.id"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    live_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class LiveStyle(Base):
    """Which style draws for an expert now. One row per project and expert; moved only by `move_live_pointer`."""

    __tablename__ = "live_styles"

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    expert_id: Mapped[UUID] = mapped_column(ForeignKey("experts.id"), primary_key=True)
    style_id: Mapped[UUID] = mapped_column(ForeignKey("styles.id"))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class StyleLineage(Base):
    """Which revisions a style was trained on, and which judged it at the gate."""

    __tablename__ = "style_lineage"
    __table_args__ = (
        CheckConstraint("\"use\" IN ('train', 'gate')", name="use"),
        Index("ix_style_lineage_revision_id", "revision_id"),
    )

    style_id: Mapped[UUID] = mapped_column(ForeignKey("styles.id"), primary_key=True)
    revision_id: Mapped[UUID] = mapped_column(ForeignKey("revisions.id"), primary_key=True)
    use: Mapped[str] = mapped_column(String(8))


def find_version(db: AnySession, version_id: UUID) -> ModelVersion | None:
    """A model version by its id."""
    return db.get(ModelVersion, version_id)


def find_style(db: AnySession, style_id: UUID) -> Style | None:
    """A style by its id."""
    return db.get(Style, style_id)


def find_live_version(db: AnySession, project_id: UUID) -> ModelVersion | None:
    """The project's live model version; there is at most one."""
    return db.scalars(
        select(ModelVersion).where(ModelVersion.project_id == project_id, ModelVersion.state == "live")
    ).one_or_none()


def newest_live_versions(db: AnySession, limit: int) -> list[ModelVersion]:
    """The live model versions of all projects, newest first."""
    query = select(ModelVersion).where(ModelVersion.state == "live").order_by(ModelVersion.created_at.desc())
    return list(db.scalars(query.limit(limit)))


def versions(
    db: AnySession, project_ids: Iterable[UUID], before: tuple[datetime, UUID] | None, limit: int
) -> list[ModelVersion]:
    """Model versions of these projects, newest first, older than `before`."""
    query = select(ModelVersion).where(ModelVersion.project_id.in_(list(project_ids)))
    if before is not None:
        query = query.where(tuple_(ModelVersion.created_at, ModelVersion.id) < before)
    return list(db.scalars(query.order_by(ModelVersion.created_at.desc(), ModelVersion.id.desc()).limit(limit)))


@dataclass(frozen=True)
class StyleSight:
    """Whose styles a caller may see: every expert's in `whole_projects`, their own everywhere."""

    whole_projects: frozenset[UUID]
    own_projects: frozenset[UUID]
    own_expert_id: UUID | None

    def within(self, project_id: UUID) -> "StyleSight":
        """The part of it that lies in one project."""
        return StyleSight(self.whole_projects & {project_id}, self.own_projects & {project_id}, self.own_expert_id)

    def predicate(self) -> ColumnElement[bool]:
        """The same, as a filter on styles."""
        own = and_(Style.project_id.in_(self.own_projects), Style.expert_id == self.own_expert_id)
        return or_(Style.project_id.in_(self.whole_projects), own)


class StyleRow(NamedTuple):
    """A style with what a list shows beside it."""

    style: Style
    expert_name: str
    is_live: bool
    lineage_count: int


def styles(
    db: AnySession,
    sight: StyleSight,
    *,
    expert_id: UUID | None = None,
    style_id: UUID | None = None,
    before: tuple[datetime, UUID] | None = None,
    limit: int,
) -> list[StyleRow]:
    """Styles within the caller's sight, newest first, older than `before`."""
    live = select(LiveStyle.style_id).where(LiveStyle.style_id == Style.id).exists()
    behind = select(func.count()).where(StyleLineage.style_id == Style.id).correlate(Style).scalar_subquery()
    query = select(Style, Expert.name, live, behind).join(Expert, Expert.id == Style.expert_id).where(sight.predicate())
    if expert_id is not None:
        query = query.where(Style.expert_id == expert_id)
    if style_id is not None:
        query = query.where(Style.id == style_id)
    if before is not None:
        query = query.where(tuple_(Style.created_at, Style.id) < before)
    rows = db.execute(query.order_by(Style.created_at.desc(), Style.id.desc()).limit(limit))
    return [StyleRow(*row) for row in rows]


def styles_by_number(db: AnySession, sight: StyleSight, version_id: UUID) -> list[tuple[Style, str]]:
    """The styles on a model version within the caller's sight with their experts' names, oldest first."""
    query = select(Style, Expert.name).join(Expert, Expert.id == Style.expert_id)
    query = query.where(Style.model_version_id == version_id, sight.predicate()).order_by(Style.number)
    return [(style, name) for style, name in db.execute(query)]


def find_live_style(db: AnySession, project_id: UUID, expert_id: UUID) -> Style | None:
    """What draws for this expert now."""
    return db.scalars(
        select(Style)
        .join(LiveStyle, LiveStyle.style_id == Style.id)
        .where(LiveStyle.project_id == project_id, LiveStyle.expert_id == expert_id)
    ).one_or_none()


def live_styles(db: AnySession, project_id: UUID) -> dict[UUID, Style]:
    """Expert → live style."""
    rows = db.scalars(
        select(Style).join(LiveStyle, LiveStyle.style_id == Style.id).where(LiveStyle.project_id == project_id)
    )
    return {style.expert_id: style for style in rows}


def styles_of_version(db: AnySession, version_id: UUID) -> list[Style]:
    """Every style on this model version, newest first."""
    query = (
        select(Style).where(Style.model_version_id == version_id).order_by(Style.created_at.desc(), Style.number.desc())
    )
    return list(db.scalars(query))


def styles_to_return_to(db: AnySession, version_id: UUID, base_origins: Iterable[str]) -> dict[UUID, Style]:
    """Expert → the style that drew for them last on this model version; where none did, the newest of these origins."""
    query = (
        select(Style)
        .where(Style.model_version_id == version_id, or_(Style.live_at.is_not(None), Style.origin.in_(base_origins)))
        .ext(distinct_on(Style.expert_id))
        .order_by(Style.expert_id, Style.live_at.desc().nulls_last(), Style.created_at.desc(), Style.number.desc())
    )
    return {style.expert_id: style for style in db.scalars(query)}


def lock_project_models(db: WriteSession, project_id: UUID) -> None:
    """Publishing and promoting within one project happen one after the other until the transaction ends."""
    db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"models:{project_id}", 0))))


def add_version(db: WriteSession, **values: Any) -> ModelVersion:
    """Append a model version under the project's next number. Call with `lock_project_models` held."""
    last = db.scalar(select(func.max(ModelVersion.number)).where(ModelVersion.project_id == values["project_id"])) or 0
    version = ModelVersion(number=last + 1, **values)
    db.add(version)
    db.flush()
    db.refresh(version)
    return version


def add_style(db: WriteSession, *, lineage: Iterable[tuple[UUID, str]] = (), **values: Any) -> Style:
    """Append a style under the expert's next number, with the revisions behind it. Call with `lock_project_models` held."""
    last = db.scalar(
        select(func.max(Style.number)).where(
            Style.project_id == values["project_id"], Style.expert_id == values["expert_id"]
        )
    )
    style = Style(number=(last or 0) + 1, **values)
    db.add(style)
    db.flush()
    db.refresh(style)
    rows = [{"style_id": style.id, "revision_id": revision_id, "use": use} for revision_id, use in lineage]
    if rows:
        db.execute(insert(StyleLineage), rows)
    return style


def set_version_state(db: WriteSession, version_id: UUID, state: str) -> None:
    """Mark a model version."""
    db.execute(update(ModelVersion).where(ModelVersion.id == version_id).values(state=state))


def set_style_state(db: WriteSession, style_id: UUID, state: str) -> None:
    """Mark a style, and when it went live."""
    live_at = {"live_at": func.clock_timestamp()} if state == "live" else {}
    db.execute(update(Style).where(Style.id == style_id).values(state=state, **live_at))


def move_live_pointer(
    db: WriteSession, project_id: UUID, expert_id: UUID, *, expected: UUID | None, style_id: UUID
) -> bool:
    """One guarded statement: True when the pointer stood at `expected` (None: did not exist) and now stands at the new one."""
    if expected is None:
        statement = (
            insert(LiveStyle)
            .values(project_id=project_id, expert_id=expert_id, style_id=style_id)
            .on_conflict_do_nothing()
            .returning(LiveStyle.style_id)
        )
        return db.execute(statement).one_or_none() is not None
    moved = db.execute(
        update(LiveStyle)
        .where(LiveStyle.project_id == project_id, LiveStyle.expert_id == expert_id, LiveStyle.style_id == expected)
        .values(style_id=style_id, updated_at=func.now())
        .returning(LiveStyle.style_id)
    )
    return moved.one_or_none() is not None


def lineage(db: AnySession, style_id: UUID) -> list[StyleLineage]:
    """The revisions behind a style."""
    return list(db.scalars(select(StyleLineage).where(StyleLineage.style_id == style_id)))


def name_of_expert(db: AnySession, expert_id: UUID) -> str:
    """The expert's name as shown."""
    return db.scalars(select(Expert.name).where(Expert.id == expert_id)).one()


@dataclass(frozen=True)
class ProjectFacts:
    """What models and jobs ask of a project: its policy and the caller's role in it."""

    project_id: UUID
    policy: dict[str, Any]
    role: str | None


def projects_of(db: AnySession, user_id: UUID | None, project_id: UUID | None = None) -> list[ProjectFacts]:
    """Every project (or the one asked for) with this user's role in it, None where they are no member."""
    query = select(Project.id, Project.policy, Member.role).outerjoin(
        Member, and_(Member.project_id == Project.id, Member.user_id == user_id)
    )
    if project_id is not None:
        query = query.where(Project.id == project_id)
    return [ProjectFacts(*row) for row in db.execute(query)]


def find_project_expert(db: AnySession, project_id: UUID, expert_id: UUID) -> Expert | None:
    """An expert of this project."""
    return db.scalars(
        select(Expert)
        .join(ProjectExpert, ProjectExpert.expert_id == Expert.id)
        .where(ProjectExpert.project_id == project_id, Expert.id == expert_id)
    ).one_or_none()
