"""The contract: the OpenAPI 3.1 document, with our problem schema on every refusal.

Deterministic, so that the checked-in `openapi.json` can be compared byte by byte.
"""

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from backend.app.problems import MEDIA_TYPE, SCHEMA

VERSION = "1"
_REFUSALS = {
    "4XX": "Refused; `code` says why.",
    "422": "The request is understood but cannot be right.",
    "5XX": "Not possible at the moment, or our mistake.",
}


def make_document(app: FastAPI) -> dict[str, Any]:
    """The document of everything below /api/v1, and of health."""
    document = get_openapi(
        title="Consilium",
        version=VERSION,
        description="On-premise annotation of medical images by several experts. Refusals are problem+json.",
        routes=app.routes,
        openapi_version="3.1.0",
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = SCHEMA
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    document["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "An API token from POST /tokens."}
    }
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path in document["paths"].values():
        for operation in path.values():
            for status, description in _REFUSALS.items():
                operation["responses"][status] = {"description": description, "content": content}
            operation["responses"] = dict(sorted(operation["responses"].items()))
            if operation.get("x-consilium-policy") != "public":
                operation["security"] = [{"token": []}]
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    document["paths"] = dict(sorted(document["paths"].items()))
    return document


def as_text(document: dict[str, Any]) -> str:
    """The document as it is checked in: indented, one line end at the end."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
