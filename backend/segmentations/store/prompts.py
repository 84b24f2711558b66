"""Prompts and what was proposed in answer: appended, never changed. A withdrawal is a row of its own.

Prompts of one gesture after another belong to a `round`, which has one label. The edit that accepts a round's proposal bears
the round's id, so a round is settled exactly when that edit is in the journal: one write, nothing to keep in step.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
    and_,
    exists,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, mapped_column

from backend.database import AnySession, Base, WriteSession
from backend.segmentations.store.tables import Edit


class Prompt(Base):
    """One gesture asked of the model. `id` comes from the client. points_ijk: voxel indices [[i, j, k], …].

    slice_axis: the voxel axis across the slice it was made on; None for a box in 3D.
    """

    __tablename__ = "prompts"
    __table_args__ = (
        UniqueConstraint("segmentation_id", "seq"),
        CheckConstraint("kind IN ('point', 'scribble', 'box', 'lasso')", name="kind"),
        CheckConstraint("slice_axis IN ('i', 'j', 'k')", name="slice_axis"),
    )

    segmentation_id: Mapped[UUID] = mapped_column(ForeignKey("segmentations.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(Integer)
    round_id: Mapped[UUID] = mapped_column()
    kind: Mapped[str] = mapped_column(String(8))
    points_ijk: Mapped[list[list[float]]] = mapped_column(JSONB)
    label: Mapped[int] = mapped_column(Integer)
    include: Mapped[bool] = mapped_column(Boolean)
    radius_mm: Mapped[float] = mapped_column(Double)
    slice_axis: Mapped[str | None] = mapped_column(String(1))
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class PromptWithdrawal(Base):
    """A prompt taken back."""

    __tablename__ = "prompt_withdrawals"
    __table_args__ = (
        ForeignKeyConstraint(["segmentation_id", "prompt_id"], ["prompts.segmentation_id", "prompts.id"]),
    )

    segmentation_id: Mapped[UUID] = mapped_column(primary_key=True)
    prompt_id: Mapped[UUID] = mapped_column(primary_key=True)
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Proposal(Base):
    """The answer to a prompt and those before it in its round.

    runs: the codec of edits; the label where it is proposed, 0 where the drawing has it and the proposal denies it; no
    opinion elsewhere. box_ijk: [i0, j0, k0, i1, j1, k1], both ends included. style_id: whose style drew; None from values alone.
    """

    __tablename__ = "proposals"
    __table_args__ = (
        ForeignKeyConstraint(["segmentation_id", "prompt_id"], ["prompts.segmentation_id", "prompts.id"]),
    )

    segmentation_id: Mapped[UUID] = mapped_column(primary_key=True)
    prompt_id: Mapped[UUID] = mapped_column(primary_key=True)
    runs: Mapped[bytes] = mapped_column(LargeBinary)
    box_ijk: Mapped[list[int]] = mapped_column(JSONB)
    voxels: Mapped[int] = mapped_column(BigInteger)
    style_id: Mapped[UUID | None] = mapped_column(ForeignKey("styles.id"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


@dataclass(frozen=True)
class PromptRow:
    """A prompt with what became of it."""

    prompt: Prompt
    is_withdrawn: bool
    is_settled: bool

    @property
    def is_open(self) -> bool:
        """Whether it still counts."""
        return not (self.is_withdrawn or self.is_settled)


def prompts_after(
    db: AnySession, segmentation_id: UUID, after: int, limit: int, *, only_open: bool = False
) -> list[PromptRow]:
    """Prompts with a greater sequence number, in order."""
    query = _rows(segmentation_id).where(Prompt.seq > after).order_by(Prompt.seq).limit(limit)
    if only_open:
        query = query.where(~_withdrawn(), ~_settled())
    rows = db.execute(query)
    return [PromptRow(*row) for row in rows]


def round_of(db: AnySession, segmentation_id: UUID, round_id: UUID) -> list[PromptRow]:
    """The prompts of one round, oldest first."""
    rows = db.execute(_rows(segmentation_id).where(Prompt.round_id == round_id).order_by(Prompt.seq))
    return [PromptRow(*row) for row in rows]


def find_prompt(db: AnySession, segmentation_id: UUID, prompt_id: UUID) -> PromptRow | None:
    row = db.execute(_rows(segmentation_id).where(Prompt.id == prompt_id)).one_or_none()
    return PromptRow(*row) if row else None


def last_open_prompt(db: AnySession, segmentation_id: UUID) -> Prompt | None:
    """The newest prompt that was neither withdrawn nor settled."""
    query = _rows(segmentation_id).where(~_withdrawn(), ~_settled()).order_by(Prompt.seq.desc()).limit(1)
    row = db.execute(query).one_or_none()
    return row[0] if row else None


def _rows(segmentation_id: UUID) -> Any:
    return select(Prompt, _withdrawn(), _settled()).where(Prompt.segmentation_id == segmentation_id)


def _withdrawn() -> Any:
    return exists().where(
        and_(PromptWithdrawal.segmentation_id == Prompt.segmentation_id, PromptWithdrawal.prompt_id == Prompt.id)
    )


def _settled() -> Any:
    return exists().where(and_(Edit.segmentation_id == Prompt.segmentation_id, Edit.id == Prompt.round_id))


def add_prompt(db: WriteSession, **values: Any) -> Prompt:
    """Append a prompt under the segmentation's next number; call with the segmentation locked."""
    segmentation_id = values["segmentation_id"]
    last = db.scalar(select(func.coalesce(func.max(Prompt.seq), 0)).where(Prompt.segmentation_id == segmentation_id))
    return db.scalars(insert(Prompt).values({"seq": (last or 0) + 1, **values}).returning(Prompt)).one()


def withdraw_prompt(db: WriteSession, segmentation_id: UUID, prompt_id: UUID, user_id: UUID | None) -> None:
    """Take a prompt back; again is harmless."""
    values = {"segmentation_id": segmentation_id, "prompt_id": prompt_id, "created_by": user_id}
    db.execute(insert(PromptWithdrawal).values(values).on_conflict_do_nothing())


def find_proposal(db: AnySession, segmentation_id: UUID, prompt_id: UUID) -> Proposal | None:
    return db.get(Proposal, (segmentation_id, prompt_id))


def add_proposal(db: WriteSession, **values: Any) -> None:
    """Keep an answer; a second answer to the same prompt changes nothing."""
    db.execute(insert(Proposal).values(values).on_conflict_do_nothing())
