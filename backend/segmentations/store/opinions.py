"""Sets of plausible segmentations that a reader asked for: appended, never changed.

The edit that takes one of them over is told by its tool, `opinion`, so a reading knows that it was helped and by which style.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, func, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, mapped_column

from backend.database import AnySession, Base, WriteSession

OPINION_TOOL: Final = "opinion"


class OpinionSet(Base):
    """One answer. `id` is the job's that made it; style_id: the reader's own style it is compared with; content: see jobs' rules."""

    __tablename__ = "opinion_sets"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    segmentation_id: Mapped[UUID] = mapped_column(ForeignKey("segmentations.id"), index=True)
    style_id: Mapped[UUID] = mapped_column(ForeignKey("styles.id"))
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


def add_opinions(db: WriteSession, **values: Any) -> None:
    """Keep an answer."""
    db.execute(insert(OpinionSet).values(values))


def newest_opinions(db: AnySession, segmentation_id: UUID) -> OpinionSet | None:
    """The last answer for a reading."""
    query = select(OpinionSet).where(OpinionSet.segmentation_id == segmentation_id)
    return db.scalar(query.order_by(OpinionSet.created_at.desc(), OpinionSet.id).limit(1))
