"""Bring a database to this code's schema, with Alembic, as the owner role. Idempotent, and safe when two start at once."""

from pathlib import Path

from alembic import command
from alembic.config import Config

ROOT = Path(__file__).resolve().parent.parent.parent


def configuration(url: str) -> Config:
    """Alembic's configuration for the database at `url`; `alembic/env.py` reads the URL from its attributes."""
    config = Config(ROOT / "alembic.ini")
    config.set_main_option("script_location", str(ROOT / "alembic"))
    config.attributes["url"] = url
    return config


def upgrade(url: str) -> None:
    """Run every migration that is missing. Raises what the database raised; a failed migration is rolled back whole."""
    command.upgrade(configuration(url), "head")
