"""Alembic's way into our schema: every store's tables, and the owner's connection.

The address comes from the caller (`config.attributes["url"]`, as `backend.embedded.migrate` sets it) or from Consilium's
settings, and is the owner role's: the application's role may not change the schema. All migrations run in one transaction,
under an advisory lock, so two processes that start at once do not both migrate.
"""

from alembic import context
from sqlalchemy import create_engine, text

import backend.accounts.store
import backend.audit
import backend.jobs.store
import backend.models.store
import backend.projects.store
import backend.segmentations.store
import backend.studies.store  # noqa: F401  imported for their tables
from backend.database import metadata
from backend.settings import SettingsError, load_settings

MIGRATION_LOCK = 0x6D696772  # "migr"


def owner_url() -> str:
    """Where to connect. Raises SettingsError when neither the caller nor the settings say."""
    url = context.config.attributes.get("url") or load_settings().database_owner_url
    if not url:
        raise SettingsError("Set CONSILIUM_DATABASE_OWNER_URL (or …_FILE): migrations run as the schema's owner.")
    return str(url)


def migrate() -> None:
    """Run what Alembic was asked for."""
    scheme, _, rest = owner_url().partition("://")
    engine = create_engine(f"{scheme.partition('+')[0]}+psycopg://{rest}", hide_parameters=True)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        context.configure(
            connection=connection, target_metadata=metadata, compare_type=True, compare_server_default=True
        )
        context.run_migrations()
    engine.dispose()


migrate()
