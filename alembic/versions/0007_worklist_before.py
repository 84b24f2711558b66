"""Indexes for worklists of many reads, and account names in the one form they are compared in.

Runs before the new code: the old one gains from the indexes, and looks names up in the new form already (NFKC, no case).
The indexes are built within the migration's transaction and not concurrently: all or nothing, and no half-built index to be found and
dropped by hand; writes to images and assignments wait meanwhile (docs/admin.md, Upgrades).
A name that would become another account's gets a number behind it; Admin → Users shows it.
"""

import unicodedata
from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_index("ix_assignments_updated_at", "assignments", ["expert_id", "updated_at", "id"])
    op.create_index("ix_assignments_segmentation_id", "assignments", ["segmentation_id"])
    op.create_index("ix_assignments_image_id", "assignments", ["image_id", "expert_id"])
    op.execute("UPDATE images SET name = left(name, 400) WHERE length(name) > 400")  # as imports do from now on
    op.create_index("ix_images_name", "images", ["name", "id"])
    op.create_index("ix_images_modality", "images", ["id"], postgresql_include=["modality"])
    # How common the letters of names are: without it a search for a rare part of a name is planned as one for a common part.
    op.execute("CREATE STATISTICS st_images_name ON lower(name) FROM images")
    connection = op.get_bind()
    users = connection.execute(sa.text("SELECT id, name FROM users ORDER BY created_at, id")).all()
    strange = [(user_id, name, fold(name)) for user_id, name in users if fold(name) != name]
    taken = {name for _, name in users}
    for user_id, name, folded in strange:
        new = next(one for one in (folded, *(f"{folded}-{n}" for n in range(2, len(users) + 3))) if one not in taken)
        taken = taken - {name} | {new}
        connection.execute(sa.text("UPDATE users SET name = :name WHERE id = :id"), {"name": new, "id": user_id})


def fold(name: str) -> str:
    """How names are compared since they are folded at sign-up (accounts.rules.fold_name at that time)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()


def downgrade() -> None:
    op.execute("DROP STATISTICS st_images_name")
    op.drop_index("ix_images_modality", table_name="images")
    op.drop_index("ix_images_name", table_name="images")
    op.drop_index("ix_assignments_image_id", table_name="assignments")
    op.drop_index("ix_assignments_segmentation_id", table_name="assignments")
    op.drop_index("ix_assignments_updated_at", table_name="assignments")
