"""What every benchmark says at the end: one JSON object, the same for people, CI and the docs.

A figure *holds* by its value and its limit alone; nothing here can be told to pass. Limits that depend on the machine are
stated as ratios to something measured in the same run, so that a busy or slow computer does not decide the verdict.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Figure:
    """One measured number with its unit and the limit it is held against; `sense` says which side of the limit is good."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    sense: Literal["at most", "at least"] = "at most"

    @property
    def holds(self) -> bool | None:
        """True or false by value and limit alone; None where the figure is only reported."""
        if self.limit is None:
            return None
        return self.value <= self.limit if self.sense == "at most" else self.value >= self.limit


def machine() -> dict[str, str | int]:
    """The computer a figure was measured on: processor, cores and Python, nothing that names a person or a hospital."""
    cpu = next(
        (line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.machine()
    )
    return {"processor": cpu, "cores": os.cpu_count() or 1, "python": platform.python_version()}


def commit() -> str:
    """The commit of this tree, shortened; "unknown" outside of one."""
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def report(name: str, figures: list[Figure], **extra: object) -> int:
    """Print the closing JSON line on stdout; return the exit status: 1 when a stated limit does not hold."""
    rows = [{**asdict(figure), "holds": figure.holds} for figure in figures]
    print(json.dumps({"name": name, "commit": commit(), "machine": machine(), "figures": rows, **extra}))
    return 1 if any(figure.holds is False for figure in figures) else 0


def write_table(path: Path, table: Mapping[str, Any]) -> None:
    """A benchmark's table as JSON, its folders made where they are missing; each row of a list has a line, so a later run is a small difference."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f'"{key}": {_one_a_line(value)}' for key, value in table.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def say(sentence: str) -> None:
    """Progress for the person watching: stderr, so that stdout keeps its one JSON line."""
    print(sentence, file=sys.stderr, flush=True)


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` (0..1) of the sorted values lie, nearest rank; raises ValueError on an empty list."""
    if not values:
        raise ValueError("no values: nothing was measured")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _one_a_line(value: Any) -> str:
    if not isinstance(value, list):
        return json.dumps(value)
    return "[\n" + ",\n".join("  " + json.dumps(row) for row in value) + "\n]"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []
