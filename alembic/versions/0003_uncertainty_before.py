"""What a model was unsure of, beside what it drew. Runs before the new code: the old one leaves the column alone."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("revisions", sa.Column("uncertainty_sha256", sa.String(length=64), nullable=True))


def downgrade() -> None:
    op.drop_column("revisions", "uncertainty_sha256")
