"""The front-end's engine as a child process: questions in, answers out, one JSON object a line (frontend/tests/contract)."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

FRONTEND = ROOT / "frontend"


def build_engine(folder: Path) -> Path:
    """Build the engine for Node into a folder; returns the script. Skips where Node or the packages are missing."""
    if not shutil.which("node") or not (FRONTEND / "node_modules").exists():
        pytest.skip("no Node or no frontend/node_modules here: `make test` installs both")
    build = ["npx", "vite", "build", "--config", "tests/contract/vite.config.ts", "--outDir", str(folder)]
    subprocess.run([*build, "--logLevel", "error"], cwd=FRONTEND, check=True, timeout=120)
    return folder / "replay.js"


def ask_engine(script: Path, questions: Sequence[dict[str, Any]]) -> list[Any]:
    """The engine's answers, in order. AssertionError with its words when it stops."""
    lines = "".join(json.dumps(question) + "\n" for question in questions)
    done = subprocess.run(["node", str(script)], input=lines, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]
