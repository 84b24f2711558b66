"""Tables of projects: label set, members, experts, images, assignments, uploads under way."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.database import Base


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
        Index("ix_assignments_updated_at", "expert_id", "updated_at", "id"),
        Index("ix_assignments_segmentation_id", "segmentation_id"),
        Index("ix_assignments_image_id", "image_id", "expert_id"),
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
