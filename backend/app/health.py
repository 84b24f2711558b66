"""Whether this process lives, whether it can work, and what it measured; and what must be true before it starts.

Fails closed: the start is refused on a PostgreSQL that may lose acknowledged commits, on a schema that is not this
code's, and on a database role that may rewrite the audit.
"""

import re
from pathlib import Path
from typing import Final

from fastapi import Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from backend import database as databases
from backend.accounts.api import CurrentActor, Router, policy
from backend.accounts.rules import Resource, authorize
from backend.database import Database, of_request
from backend.errors import Unavailable
from backend.settings import Settings, SettingsError

MIGRATIONS: Final = Path(__file__).resolve().parent.parent.parent / "alembic" / "versions"
router = Router(tags=["health"])


class HealthOut(BaseModel):
    """`ok` when the process answers."""

    status: str


class ReadinessOut(BaseModel):
    """What works: the database, its schema, the blob store."""

    database: bool
    schema_is_current: bool
    blobs: bool


@router.get("/healthz", openapi_extra=policy("public"))
async def get_health() -> HealthOut:
    """Whether the process is alive; asks nobody else."""
    return HealthOut(status="ok")


@router.get("/readyz", openapi_extra=policy("public"))
def get_readiness(request: Request) -> ReadinessOut:
    """Whether it can work: 200, or 503 saying what cannot."""
    ready = _look(request)
    if not (ready.database and ready.schema_is_current and ready.blobs):
        raise Unavailable("Consilium is not ready.", **ready.model_dump())
    return ready


@router.get("/metrics", openapi_extra=policy("system:read"))
def get_metrics(actor: CurrentActor) -> Response:
    """Figures for Prometheus; an admin's token with the scope `manage` reads them."""
    authorize(actor, "read", Resource("system"))
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def assert_fit(database: Database, settings: Settings) -> None:
    """Refuse to start on a database that would break a promise. Raises SettingsError with the remedy."""
    found = database.examine()
    if found.schema != newest_migration():
        raise SettingsError(
            f"The database's schema is {found.schema or 'empty'}, this version needs {newest_migration()}: "
            "run `consilium migrate` (or use the matching version of Consilium)."
        )
    if settings.allow_unsafe_database:
        return
    if found.off:
        raise SettingsError(
            f"PostgreSQL has {', '.join(found.off)} off: acknowledged work could be lost. Switch it on."
        )
    if found.may_change_audit:
        raise SettingsError("The application's database role may change the audit; use the role consilium_app.")


def newest_migration() -> str | None:
    """The revision no other migration builds on, read from the files; None where there are none."""
    ours, built_on = set(), set()
    for file in MIGRATIONS.glob("*.py"):
        text = file.read_text(encoding="utf-8")
        ours.update(re.findall(r"^revision\b[^=]*=\s*[\"']([^\"']+)", text, re.MULTILINE))
        built_on.update(re.findall(r"^down_revision\b[^=]*=\s*[\"']([^\"']+)", text, re.MULTILINE))
    heads = sorted(ours - built_on)
    return heads[-1] if heads else None


def _look(request: Request) -> ReadinessOut:
    try:
        schema = of_request(request).examine().schema
        works = True
    except databases.ERRORS:
        schema, works = None, False
    try:
        request.app.state.blobs.check_writable()
        writable = True
    except OSError:
        writable = False
    return ReadinessOut(database=works, schema_is_current=works and schema == newest_migration(), blobs=writable)
