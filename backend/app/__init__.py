"""The API process: composes the domains' routers and wraps them in the edge.

`uvicorn backend.app:application --factory`. It never imports torch, starts in about a second and idles below 150 MB,
so heavy libraries are imported where they are used. Fails closed at the start: a route without a declared policy, a
database that may lose commits, or a schema that is not this code's stop it with a sentence.
"""

import contextlib
import functools
import gc
import logging
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import BaseRoute

from backend import queue
from backend.accounts.api import POLICY, Router, policy
from backend.accounts.api import router as accounts_router
from backend.app import health, logs, pages, problems, system
from backend.app.document import VERSION, as_text, make_document
from backend.app.edge import Edge
from backend.app.witness import Witness, heads_file
from backend.blobs import Blobs
from backend.database import Database
from backend.events import Events
from backend.interop.api import router as imports_router
from backend.jobs.api import router as jobs_router
from backend.models.api import router as models_router
from backend.projects.api import router as projects_router
from backend.segmentations.api import router as segmentations_router
from backend.settings import Settings, load_settings

log = logging.getLogger("consilium")

API = "/api/v1"
_COMPRESSED = (
    "text/event-stream", "application/octet-stream", "application/gzip", "application/zip", "application/dicom",
    "image/", "video/", "font/", "application/x-gzip",
)  # fmt: skip


def create_app(settings: Settings | None = None) -> FastAPI:
    """The whole application, not yet started. settings None: read from the environment."""
    settings = settings or load_settings()
    logs.configure(settings.log_level)
    app = FastAPI(
        title="Consilium",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        routes=domains(),
    )
    app.state.settings = settings
    app.state.database = Database(settings.database_url)
    app.state.blobs = Blobs(settings.blobs_folder)
    app.state.events = Events(app.state.database)
    problems.install(app)
    app.include_router(_contract(app), prefix=API)
    app.include_router(system.router, prefix=API)
    app.include_router(health.router)
    app.include_router(pages.make_router())
    _refuse_undeclared(app)
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=4, exclude_content_types=_COMPRESSED)
    app.add_middleware(Edge, settings=settings)
    return app


def application() -> FastAPI:
    """The application of a process that serves nothing else: what is there by now stays, and is looked at for garbage no more.

    There are half a million objects, and one look at them all held every request up for 0.2 s.
    """
    app = create_app()
    gc.collect()
    gc.freeze()
    return app


@functools.cache
def domains() -> list[BaseRoute]:
    """The domains' routes, left to right. FastAPI makes their validators where they are included: here, once for every application."""
    whole = APIRouter(generate_unique_id_function=_operation_id)
    for router in (accounts_router, projects_router, models_router, segmentations_router, jobs_router, imports_router):
        whole.include_router(router, prefix=API)
    return whole.routes


def _operation_id(route: APIRoute) -> str:
    return route.name


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    app.state.database.wait_until_ready(10)
    health.assert_fit(app.state.database, settings)
    settings.work_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    queue.connect(settings)
    app.state.events.start()
    witness = Witness(app.state.database, heads_file(settings.data))
    witness.start()
    log.info("ready")
    yield
    witness.stop()
    app.state.events.stop()
    app.state.database.close()


def _contract(app: FastAPI) -> Router:
    router = Router(include_in_schema=False)
    made: list[str] = []

    @router.get("/openapi.json", openapi_extra=policy("public"))
    def get_contract() -> Response:
        """This document."""
        if not made:
            made.append(as_text(make_document(app)))
        return Response(made[0], media_type="application/json", headers={"Cache-Control": "no-cache"})

    return router


def _refuse_undeclared(app: FastAPI) -> None:
    """Every route declares who may ask: one without a policy would be a door nobody watches."""
    for route in iter_route_contexts(app.routes):
        extra: dict[str, Any] | None = getattr(route.original_route, "openapi_extra", None)
        if not extra or POLICY not in extra:
            raise RuntimeError(f"{route.methods} {route.path} declares no policy; add openapi_extra=policy(…)")


__all__ = ["API", "VERSION", "application", "create_app"]
