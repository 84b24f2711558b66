"""The real multi-expert data sets of `../shared/data`: images, one mask per expert, who is new, and which cases are tested.

Masks are scored on the pack's own grid. None of the packs records a spacing, so every distance is in pixels (px).
"""

import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from worker.learning import Reading

SHARED = Path(os.environ.get("CONSILIUM_SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
UNIT = (1.0, 1.0, 1.0)  # voxels
FOLDS = 7
NAMES = ("qubiq-brain-growth", "bubil-ds1", "bubil-ds2a", "bubil-ds4")


class PackAbsent(Exception):
    """The data set is not on this machine."""


@dataclass(frozen=True)
class Pack:
    """images: N arrays float32 [1, 1, H, W]; masks_NEHW: uint8, 1 where expert E drew. pool and new are experts, train and test cases."""

    name: str
    cases: tuple[str, ...]
    experts: tuple[str, ...]
    images: tuple[npt.NDArray[np.float32], ...]
    masks_NEHW: npt.NDArray[np.uint8]
    pool: tuple[int, ...]
    new: tuple[int, ...]
    train: tuple[int, ...]
    test: tuple[int, ...]

    def reading(self, case: int, expert: int) -> Reading:
        """What one expert drew on one case; a case is a patient."""
        labels = self.masks_NEHW[case, expert][None]
        return Reading(self.images[case], UNIT, labels, self.experts[expert], self.cases[case], f"{case}-{expert}")

    def split(self, fold: int | None) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Training and test cases: of one of the seven folds (every seventh case), or, without a fold, as the pack says."""
        if fold is None:
            return self.train, self.test
        every = range(len(self.cases))
        return tuple(c for c in every if c % FOLDS != fold), tuple(c for c in every if c % FOLDS == fold)

    def majority(self, case: int, pool: tuple[int, ...]) -> npt.NDArray[np.uint8]:
        """What more than half of these experts drew [H, W]; a tie counts as drawn."""
        votes = self.masks_NEHW[case, list(pool)].mean(0)
        drawn: npt.NDArray[np.uint8] = (votes >= 0.5).astype(np.uint8)
        return drawn


@cache
def load(name: str) -> Pack:
    """A data set by name. Raises PackAbsent where it is not lent."""
    folder = SHARED / name
    if not (folder / "cases.npz").is_file():
        raise PackAbsent(f"{folder} is not here; this benchmark needs the real experts of that pack.")
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    with np.load(folder / "cases.npz") as arrays:
        images = tuple(image[None, None].astype(np.float32) for image in arrays["images"])
        masks = arrays["masks"].astype(np.uint8)
        cases, experts = tuple(map(str, arrays["case_ids"])), tuple(map(str, arrays["rater_ids"]))
    split = manifest["splits"]

    def places(names: list[str], among: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(among.index(one) for one in names)

    return Pack(
        name, cases, experts, images, masks,
        places(split["pretrain_raters"], experts), places(split["new_raters"], experts),
        places(split["train"], cases), places(split["test"], cases),
    )  # fmt: skip
