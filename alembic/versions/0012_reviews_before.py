"""Reviews: a consensus drawn by a reviewer, and the readings it decides between. Runs before the new code: the old one makes none."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

APP = "consilium_app"
BEFORE = "origin IN ('blank', 'import', 'fold', 'predict', 'restore', 'fork', 'propagate')"
AFTER = "origin IN ('blank', 'import', 'fold', 'predict', 'restore', 'fork', 'propagate', 'majority')"


def upgrade() -> None:
    _check(AFTER)
    op.add_column("segmentations", sa.Column("reviewer_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_segmentations_reviewer_id_users"), "segmentations", "users", ["reviewer_id"], ["id"])
    op.create_index(
        "uq_segmentations_review",
        "segmentations",
        ["project_id", "image_id", "reviewer_id"],
        unique=True,
        postgresql_where="author = 'consensus'",
    )
    op.create_table(
        "review_readings",
        sa.Column("segmentation_id", sa.Uuid(), nullable=False),
        sa.Column("letter", sa.String(length=1), nullable=False),
        sa.Column("revision_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["segmentation_id"], ["segmentations.id"], name=op.f("fk_review_readings_segmentation_id_segmentations")
        ),
        sa.ForeignKeyConstraint(
            ["revision_id"], ["revisions.id"], name=op.f("fk_review_readings_revision_id_revisions")
        ),
        sa.PrimaryKeyConstraint("segmentation_id", "letter", name=op.f("pk_review_readings")),
    )
    op.execute(f"REVOKE UPDATE, DELETE ON review_readings FROM {APP}")


def downgrade() -> None:
    op.drop_table("review_readings")
    op.drop_index("uq_segmentations_review", table_name="segmentations")
    op.drop_constraint(op.f("fk_segmentations_reviewer_id_users"), "segmentations", type_="foreignkey")
    op.drop_column("segmentations", "reviewer_id")
    _check(BEFORE)


def _check(condition: str) -> None:
    op.drop_constraint(op.f("ck_revisions_origin"), "revisions", type_="check")
    op.create_check_constraint(op.f("ck_revisions_origin"), "revisions", condition)
