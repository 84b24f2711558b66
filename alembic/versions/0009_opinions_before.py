"""Sets of plausible segmentations that a reader asked for. Runs before the new code: a table of its own, append-only."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

APP = "consilium_app"


def upgrade() -> None:
    op.create_table(
        "opinion_sets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("segmentation_id", sa.Uuid(), nullable=False),
        sa.Column("style_id", sa.Uuid(), nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["segmentation_id"], ["segmentations.id"], name=op.f("fk_opinion_sets_segmentation_id_segmentations")
        ),
        sa.ForeignKeyConstraint(["style_id"], ["styles.id"], name=op.f("fk_opinion_sets_style_id_styles")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opinion_sets")),
    )
    op.create_index(op.f("ix_opinion_sets_segmentation_id"), "opinion_sets", ["segmentation_id"])
    op.execute(f"REVOKE UPDATE, DELETE ON opinion_sets FROM {APP}")


def downgrade() -> None:
    op.drop_table("opinion_sets")
