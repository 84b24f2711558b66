"""When a style went live last. Runs before the new code: a column that may be empty, filled as well as it is known."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("styles", sa.Column("live_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE styles SET live_at = created_at"
        " WHERE state <> 'candidate' AND NOT coalesce((gate ->> 'refused')::boolean, false)"
    )
    op.execute("UPDATE styles SET live_at = l.updated_at FROM live_styles l WHERE l.style_id = styles.id")


def downgrade() -> None:
    op.drop_column("styles", "live_at")
