"""Keys of crash journals, checksum alarms, and revisions saved by a browser whose map differed. Runs before the new code.

Only adds: the older code knows nothing of the new tables and makes no revision of origin `fork`.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

ORIGINS = "'blank', 'import', 'fold', 'predict', 'restore'"


def upgrade() -> None:
    op.create_table(
        "journal_keys",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("browser_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_journal_keys_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "browser_id", name=op.f("pk_journal_keys")),
    )
    op.create_table(
        "checksum_alarms",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("segmentation_id", sa.Uuid(), nullable=False),
        sa.Column("slices", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["segmentation_id"],
            ["segmentations.id"],
            name=op.f("fk_checksum_alarms_segmentation_id_segmentations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checksum_alarms")),
    )
    op.create_index(op.f("ix_checksum_alarms_at"), "checksum_alarms", ["at"], unique=False)
    _allow(f"{ORIGINS}, 'fork'")


def downgrade() -> None:
    _allow(ORIGINS)
    op.drop_index(op.f("ix_checksum_alarms_at"), table_name="checksum_alarms")
    op.drop_table("checksum_alarms")
    op.drop_table("journal_keys")


def _allow(origins: str) -> None:
    op.drop_constraint(op.f("ck_revisions_origin"), "revisions", type_="check")
    op.create_check_constraint(op.f("ck_revisions_origin"), "revisions", f"origin IN ({origins})")
