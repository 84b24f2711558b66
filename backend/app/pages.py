"""The built front-end: `frontend/dist` at `/`.

Files are found by looking their name up in a list made at the start, never by joining a path, so no address leaves
the folder. Hashed assets are cached for ever; `index.html` is written fresh with this response's CSP nonce and serves
every other address, because the browser routes them. Unknown addresses below /api are 404.
"""

import mimetypes
from pathlib import Path
from typing import Final

from fastapi import Request, Response
from fastapi.responses import FileResponse, HTMLResponse

from backend.accounts.api import Router, policy
from backend.errors import NotFound

DIST: Final = Path(__file__).resolve().parent.parent.parent / "frontend" / "dist"
NONCE_MARK: Final = "__CSP_NONCE__"
_NOT_BUILT = "<!doctype html><title>Consilium</title><p>The pages are not built yet: run <code>make run</code>."
mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("application/wasm", ".wasm")


def make_router(dist: Path = DIST) -> Router:
    """The routes that serve what lies in `dist` now."""
    router = Router(include_in_schema=False)
    files = {str(file.relative_to(dist)): file for file in dist.rglob("*") if file.is_file()} if dist.is_dir() else {}
    index = files["index.html"].read_text(encoding="utf-8") if "index.html" in files else _NOT_BUILT

    @router.api_route("/{address:path}", methods=["GET", "HEAD"], openapi_extra=policy("public"))
    async def get_page(address: str, request: Request) -> Response:
        """A file of the front-end, or its index."""
        if address == "api" or address.startswith("api/"):
            raise NotFound("There is no such address in the API; see /api/v1/openapi.json.")
        file = files.get(address)
        if file is None or address == "index.html":
            return HTMLResponse(index.replace(NONCE_MARK, request.state.csp_nonce))
        is_hashed = address.startswith("assets/")
        headers = {"Cache-Control": "public, max-age=31536000, immutable" if is_hashed else "no-cache"}
        return FileResponse(file, media_type=mimetypes.guess_type(address)[0], headers=headers)

    return router
