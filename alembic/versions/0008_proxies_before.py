"""Proxies: one for each reading, their revisions of origin `propagate`. Runs before the new code: the old one makes none."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

BEFORE = "origin IN ('blank', 'import', 'fold', 'predict', 'restore', 'fork')"
AFTER = "origin IN ('blank', 'import', 'fold', 'predict', 'restore', 'fork', 'propagate')"


def upgrade() -> None:
    op.alter_column("revisions", "origin", type_=sa.String(12), existing_type=sa.String(8), existing_nullable=False)
    _check(AFTER)
    op.create_index(
        "uq_segmentations_proxy",
        "segmentations",
        ["project_id", "image_id", "expert_id"],
        unique=True,
        postgresql_where="author = 'proxy'",
    )


def downgrade() -> None:
    op.drop_index("uq_segmentations_proxy", table_name="segmentations")
    _check(BEFORE)


def _check(condition: str) -> None:
    op.drop_constraint(op.f("ck_revisions_origin"), "revisions", type_="check")
    op.create_check_constraint(op.f("ck_revisions_origin"), "revisions", condition)
