"""Which readings a style learnt from, as far as the person who asks may know of them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from backend.accounts.rules import Actor
from backend.database import AnySession
from backend.models import rules as models
from backend.segmentations import store
from backend.segmentations.rules.sight import nameless, visible


@dataclass(frozen=True)
class LineageReading:
    """A reading behind a style. use: `train`, or `gate` when it only judged. withdrawn_at: since when nobody is asked for it any more."""

    revision_id: UUID
    segmentation_id: UUID
    image_id: UUID
    image_name: str
    expert_name: str | None
    number: int
    use: str
    submitted_at: datetime | None
    withdrawn_at: datetime | None


@dataclass(frozen=True)
class Lineage:
    """hidden: how many more there are that blinding keeps from whoever asks; the style's count is theirs to know."""

    items: list[LineageReading]
    hidden: int


def load_lineage(db: AnySession, actor: Actor, style_id: UUID) -> Lineage:
    """The readings behind a style the actor may see, by image name. Raises NotFound."""
    found = models.load_style(db, actor, "read", style_id)
    rows = store.readings_behind(db, style_id, visible(actor))
    hidden = nameless(db, actor, [row.segmentation for row in rows])
    items = [
        LineageReading(
            row.revision.id,
            row.segmentation.id,
            row.segmentation.image_id,
            row.image_name,
            None if row.segmentation.id in hidden else row.expert_name,
            row.revision.number,
            row.use,
            row.revision.submitted_at,
            row.withdrawn_at,
        )
        for row in rows
    ]
    return Lineage(items, found.lineage_count - len(items))
