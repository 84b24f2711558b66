"""What is kept of segmentations: their revisions and the journal of edits; and every query on them.

Revisions and edits are appended, never changed. What is on a segmentation now = its head revision with the edits whose
base is that revision applied in the order of `seq`; `seq` counts on over the segmentation's whole life.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.database import Base


class Segmentation(Base):
    """One label map on an image's grid by one author.

    expert_id: who drew, or in whose style the model drew. reviewer_id: the user who settles the readings in a consensus.
    """

    __tablename__ = "segmentations"
    __table_args__ = (
        CheckConstraint("author IN ('expert', 'model', 'consensus', 'proxy')", name="author"),
        CheckConstraint("state IN ('draft', 'submitted')", name="state"),
        ForeignKeyConstraint(["head_revision_id"], ["revisions.id"], use_alter=True),
        Index(
            "uq_segmentations_reading",
            "project_id",
            "image_id",
            "expert_id",
            unique=True,
            postgresql_where="author = 'expert'",
        ),
        Index(
            "uq_segmentations_prediction",
            "image_id",
            "style_id",
            unique=True,
            postgresql_where="author = 'model'",
        ),
        Index(
            "uq_segmentations_proxy",
            "project_id",
            "image_id",
            "expert_id",
            unique=True,
            postgresql_where="author = 'proxy'",
        ),
        Index(
            "uq_segmentations_review",
            "project_id",
            "image_id",
            "reviewer_id",
            unique=True,
            postgresql_where="author = 'consensus'",
        ),
        Index("ix_segmentations_image_id", "image_id", "project_id"),
        Index("ix_segmentations_expert_id", "project_id", "expert_id", "author"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"))
    image_id: Mapped[UUID] = mapped_column(ForeignKey("images.id"))
    author: Mapped[str] = mapped_column(String(12))
    expert_id: Mapped[UUID | None] = mapped_column(ForeignKey("experts.id"))
    style_id: Mapped[UUID | None] = mapped_column(ForeignKey("styles.id"))
    reviewer_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    head_revision_id: Mapped[UUID | None] = mapped_column()
    edit_seq: Mapped[int] = mapped_column(Integer, server_default="0")
    state: Mapped[str] = mapped_column(String(12), server_default="draft")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


# Origins of a later revision that no edits lead to: restored, saved by a browser, a review begun anew.
SET_WHOLE = frozenset({"restore", "fork", "majority"})


class Revision(Base):
    """A whole label map at one moment, immutable.

    labels_sha256: the zstd blob of the x-fastest label map. uncertainty_sha256: of the same grid, uint8, what the model
    was unsure of (0-255 = 0-1); None where nobody measured it. label_volumes: {value as text: voxels}, background left
    out. folded_seq: the last edit in it. assisted: a model's edit was accepted somewhere in its ancestry.
    """

    __tablename__ = "revisions"
    __table_args__ = (
        UniqueConstraint("segmentation_id", "number"),
        CheckConstraint("dtype IN ('uint8', 'uint16')", name="dtype"),
        CheckConstraint(
            "origin IN ('blank', 'import', 'fold', 'predict', 'restore', 'fork', 'propagate', 'majority')",
            name="origin",
        ),
        Index("ix_revisions_submitted_at", "submitted_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    segmentation_id: Mapped[UUID] = mapped_column(ForeignKey("segmentations.id"))
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("revisions.id"))
    number: Mapped[int] = mapped_column(Integer)
    labels_sha256: Mapped[str] = mapped_column(String(64))
    uncertainty_sha256: Mapped[str | None] = mapped_column(String(64))
    dtype: Mapped[str] = mapped_column(String(6))
    label_volumes: Mapped[dict[str, int]] = mapped_column(JSONB)
    origin: Mapped[str] = mapped_column(String(12))
    assisted: Mapped[bool] = mapped_column()
    style_id: Mapped[UUID | None] = mapped_column(ForeignKey("styles.id"))
    folded_seq: Mapped[int] = mapped_column(Integer)
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    submitted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class ChecksumAlarm(Base):
    """Browser and server saw different labels: nothing was folded, an administrator should know. slices: their z."""

    __tablename__ = "checksum_alarms"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now(), index=True)
    segmentation_id: Mapped[UUID] = mapped_column(ForeignKey("segmentations.id"))
    slices: Mapped[list[int]] = mapped_column(JSONB)


class Edit(Base):
    """One gesture's changed voxels. `id` comes from the client and is unique within the segmentation only."""

    __tablename__ = "edits"
    __table_args__ = (UniqueConstraint("segmentation_id", "seq"),)

    segmentation_id: Mapped[UUID] = mapped_column(ForeignKey("segmentations.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(Integer)
    base_revision_id: Mapped[UUID] = mapped_column(ForeignKey("revisions.id"))
    tool: Mapped[str] = mapped_column(String(40))
    source_revision_id: Mapped[UUID | None] = mapped_column(ForeignKey("revisions.id"))
    undoes: Mapped[UUID | None] = mapped_column()
    runs: Mapped[bytes] = mapped_column(LargeBinary)
    voxels: Mapped[int] = mapped_column(BigInteger)
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
