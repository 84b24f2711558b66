"""Prompts, their withdrawals and what was proposed. Runs before the new code: tables of their own, append-only."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

APP = "consilium_app"
TABLES = ("proposals", "prompt_withdrawals", "prompts")


def upgrade() -> None:
    op.create_table(
        "prompts",
        sa.Column("segmentation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("round_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("points_ijk", postgresql.JSONB(), nullable=False),
        sa.Column("label", sa.Integer(), nullable=False),
        sa.Column("include", sa.Boolean(), nullable=False),
        sa.Column("radius_mm", sa.Double(), nullable=False),
        sa.Column("slice_axis", sa.String(length=1), nullable=True),
        *_signed(),
        sa.CheckConstraint("kind IN ('point', 'scribble', 'box', 'lasso')", name=op.f("ck_prompts_kind")),
        sa.CheckConstraint("slice_axis IN ('i', 'j', 'k')", name=op.f("ck_prompts_slice_axis")),
        sa.ForeignKeyConstraint(
            ["segmentation_id"], ["segmentations.id"], name=op.f("fk_prompts_segmentation_id_segmentations")
        ),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_prompts_created_by_users")),
        sa.PrimaryKeyConstraint("segmentation_id", "id", name=op.f("pk_prompts")),
        sa.UniqueConstraint("segmentation_id", "seq", name=op.f("uq_prompts_segmentation_id_seq")),
    )
    op.create_table(
        "prompt_withdrawals",
        *_of_prompt("prompt_withdrawals"),
        *_signed(),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_prompt_withdrawals_created_by_users")),
    )
    op.create_table(
        "proposals",
        *_of_prompt("proposals"),
        sa.Column("runs", sa.LargeBinary(), nullable=False),
        sa.Column("box_ijk", postgresql.JSONB(), nullable=False),
        sa.Column("voxels", sa.BigInteger(), nullable=False),
        sa.Column("style_id", sa.Uuid(), nullable=True),
        _signed()[1],
        sa.ForeignKeyConstraint(["style_id"], ["styles.id"], name=op.f("fk_proposals_style_id_styles")),
    )
    for table in TABLES:
        op.execute(f"REVOKE UPDATE, DELETE ON {table} FROM {APP}")


def _signed() -> list[sa.Column[object]]:
    return [
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    ]


def _of_prompt(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("segmentation_id", sa.Uuid(), nullable=False),
        sa.Column("prompt_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("segmentation_id", "prompt_id", name=op.f(f"pk_{table}")),
        sa.ForeignKeyConstraint(
            ["segmentation_id", "prompt_id"],
            ["prompts.segmentation_id", "prompts.id"],
            name=op.f(f"fk_{table}_segmentation_id_prompts"),
        ),
    ]


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
