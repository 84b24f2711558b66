"""The short form of `python -m tests.faults.kill`: every kind of process dies once while doctors draw and a network trains."""

from collections.abc import Callable
from pathlib import Path

from tests.faults.kill import VICTIMS, run

SEED = 20261121


def test_no_acknowledged_stroke_is_lost_and_every_job_ends_once(tmp_path: Path, tell: Callable[[str], None]) -> None:
    counts = run(rounds=len(VICTIMS), seed=SEED, folder=tmp_path)

    tell(f"seed {SEED}: {counts}")
    assert counts["killed"] == len(VICTIMS)
    assert counts["strokes"] > 20
    assert counts["models"] >= 1
