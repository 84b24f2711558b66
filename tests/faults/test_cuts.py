"""The short form of `python -m tests.faults.cuts`: cables pulled, answers lost and browsers killed while a doctor draws."""

from collections.abc import Callable
from pathlib import Path

from tests.faults.cuts import run

SEED = 20261121


def test_no_stroke_older_than_a_second_is_lost_and_none_arrives_twice(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    counts = run(rounds=4, seed=SEED, folder=tmp_path)

    tell(f"seed {SEED}: {dict(counts)}")
    assert counts["kills"] >= 1
    assert counts["strokes"] >= 8
