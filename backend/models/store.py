"""What is kept of what was learned: model versions, styles, the live pointer and the lineage; and every query on them.

A style row belongs to exactly one model version: comparing or moving rows between versions is meaningless.
Versions and styles are appended and named, never edited, except for `state`. What an expert sees is decided by one
row of `live_styles` alone, moved by an UPDATE guarded with its expected old value: of two jobs publishing at once
one wins, the other is told.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    DateTime,
    ForeignKey,
    Index,
    Integer,
    String,
    UniqueConstraint,
    CheckConstraint,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.accounts.store import Expert
from backend.database import Base, ReadSession, WriteSession


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
    """One expert's hand on one model version: a safetensors file with a row `[P]` and perhaps an adapter."""

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
    gate: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("jobs.id"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


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
        CheckConstraint('"use" IN (\'train\', \'gate\')', name="use"),
        Index("ix_style_lineage_revision_id", "revision_id"),
    )

    style_id: Mapped[UUID] = mapped_column(ForeignKey("styles.id"), primary_key=True)
    revision_id: Mapped[UUID] = mapped_column(ForeignKey("revisions.id"), primary_key=True)
    use: Mapped[str] = mapped_column(String(8))
