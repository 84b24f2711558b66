"""Branches that learn while somebody draws, and the finished cases of their streams. Runs before the new code: tables of their own, append-only."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

APP = "consilium_app"
OWNERS = ("project_id", "expert_id", "segmentation_id")


def upgrade() -> None:
    op.create_table(
        "online_branches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("expert_id", sa.Uuid(), nullable=False),
        sa.Column("segmentation_id", sa.Uuid(), nullable=False),
        sa.Column("style_id", sa.Uuid(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("weights_sha256", sa.String(length=64), nullable=False),
        sa.Column("metrics", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        *_owned("online_branches"),
        sa.ForeignKeyConstraint(["style_id"], ["styles.id"], name=op.f("fk_online_branches_style_id_styles")),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["online_branches.id"], name=op.f("fk_online_branches_parent_id_online_branches")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_online_branches")),
    )
    op.create_index("ix_online_branches_style_id", "online_branches", ["style_id", "created_at"])
    op.create_table(
        "stream_cases",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("expert_id", sa.Uuid(), nullable=False),
        sa.Column("segmentation_id", sa.Uuid(), nullable=False),
        sa.Column("revision_id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Uuid(), nullable=True),
        sa.Column("figures", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        *_owned("stream_cases"),
        sa.ForeignKeyConstraint(["revision_id"], ["revisions.id"], name=op.f("fk_stream_cases_revision_id_revisions")),
        sa.ForeignKeyConstraint(
            ["branch_id"], ["online_branches.id"], name=op.f("fk_stream_cases_branch_id_online_branches")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stream_cases")),
        sa.UniqueConstraint("revision_id", name=op.f("uq_stream_cases_revision_id")),
    )
    op.create_index("ix_stream_cases_expert_id", "stream_cases", ["project_id", "expert_id", "created_at"])
    for table in ("online_branches", "stream_cases"):
        op.execute(f"REVOKE UPDATE, DELETE ON {table} FROM {APP}")


def downgrade() -> None:
    op.drop_table("stream_cases")
    op.drop_table("online_branches")


def _owned(table: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([column], [f"{to}.id"], name=op.f(f"fk_{table}_{column}_{to}"))
        for column, to in zip(OWNERS, ("projects", "experts", "segmentations"), strict=True)
    ]
