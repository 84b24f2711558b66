"""The edit codec in both languages: ten thousand random edits, equal bytes."""

import base64
from pathlib import Path
from typing import Any

import numpy as np

from backend.imaging import labels as codec
from tests.contract.typescript import ask_engine, build_engine

EDITS = 10_000
SEED = 20_261_121


def test_ten_thousand_random_edits_are_the_same_bytes_in_both_languages(tmp_path: Path) -> None:
    """TypeScript makes the edit between two maps as Python does, and reads and writes Python's edits unchanged."""
    random = np.random.default_rng(SEED)
    maps = [make_maps(random) for _ in range(EDITS)]
    edits = [codec.difference(before, after) for before, after in maps]
    questions = [as_question(*pair, edit) for pair, edit in zip(maps, edits, strict=True)]

    answers = ask_engine(build_engine(tmp_path), questions)

    for number, (edit, answer) in enumerate(zip(edits, answers, strict=True)):
        where = f"seed {SEED}, edit {number}"
        assert base64.b64decode(answer["difference"]) == edit, where
        assert base64.b64decode(answer["again"]) == edit, where


def make_maps(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A map and what a gesture makes of it: nothing, voxels, runs or everything, of few labels or of many."""
    dtype = np.uint8 if random.random() < 0.7 else np.dtype("<u2")
    highest = int(random.choice([1, 3, 255, 255 if dtype == np.uint8 else 65535]))
    before = random.integers(0, highest + 1, int(random.choice([1, 7, 130, 400]))).astype(dtype)
    after = before.copy()
    for _ in range(int(random.integers(0, 6))):
        start, length = int(random.integers(0, before.size)), int(random.choice([1, 3, 127, 129, 400]))
        stretch = after[start : start + length]
        stretch[:] = random.integers(0, highest + 1, stretch.size if random.random() < 0.3 else 1)
    return before, after


def as_question(before: np.ndarray, after: np.ndarray, edit: bytes) -> dict[str, Any]:
    dtype = "uint8" if before.dtype == np.uint8 else "uint16"
    before_64, after_64, edit_64 = (
        base64.b64encode(part).decode() for part in (before.tobytes(), after.tobytes(), edit)
    )
    return {"codec": {"dtype": dtype, "before": before_64, "after": after_64, "edit": edit_64}}
