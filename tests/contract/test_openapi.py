"""The checked-in contract equals what the routes say. `make openapi` writes it."""

import json
from pathlib import Path

from backend.app import create_app
from backend.app.document import as_text, make_document
from backend.settings import Settings
from tests.conftest import ROOT


def test_the_checked_in_contract_is_what_the_routes_say(tmp_path: Path) -> None:
    app = create_app(Settings(data=tmp_path, database_url="postgresql:///never_asked"))

    assert as_text(make_document(app)) == (ROOT / "openapi.json").read_text(), (
        "run `make openapi` and commit openapi.json"
    )


def test_every_refusal_is_documented_as_a_problem() -> None:
    contract = json.loads((ROOT / "openapi.json").read_text())

    assert contract["openapi"].startswith("3.1")
    for path, operations in contract["paths"].items():
        for method, operation in operations.items():
            refusal = operation["responses"]["4XX"]["content"]
            assert list(refusal) == ["application/problem+json"], (method, path)
            assert "x-consilium-policy" in operation, (method, path)
