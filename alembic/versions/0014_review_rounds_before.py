"""Reviews that begin anew: the readings of each round. Runs before the new code: to the old one every review is in its first."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

KEY = op.f("pk_review_readings")


def upgrade() -> None:
    op.add_column("review_readings", sa.Column("round", sa.Integer(), server_default="0", nullable=False))
    op.drop_constraint(KEY, "review_readings", type_="primary")
    op.create_primary_key(KEY, "review_readings", ["segmentation_id", "round", "letter"])


def downgrade() -> None:
    op.execute(  # the round that the newest revision and its decisions are about
        "DELETE FROM review_readings r WHERE r.round < "
        "(SELECT max(n.round) FROM review_readings n WHERE n.segmentation_id = r.segmentation_id)"
    )
    op.drop_constraint(KEY, "review_readings", type_="primary")
    op.create_primary_key(KEY, "review_readings", ["segmentation_id", "letter"])
    op.drop_column("review_readings", "round")
