"""An index for the scheduler's question which images a style was asked to draw. Runs before the new code: the old one gains too."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_index(
        "ix_jobs_asked_style", "jobs", [sa.text("(params ->> 'style_id')")], postgresql_where="kind = 'predict'"
    )


def downgrade() -> None:
    op.drop_index("ix_jobs_asked_style", table_name="jobs")
