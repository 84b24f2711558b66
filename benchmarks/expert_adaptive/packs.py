"""The multi-expert data sets: images, one label map per expert, who is new, and which cases are tested.

Label maps are scored on the pack's own grid. None of the real packs of `../shared/data` records a spacing, so their distances are in
pixels (px); the simulated experts draw on volumes whose spacing is known (mm). Synthetic results are never shown without real ones.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from benchmarks.expert_adaptive import simulated
from worker.learning import Reading

SHARED = Path(os.environ.get("CONSILIUM_SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
UNIT = (1.0, 1.0, 1.0)  # voxels
FOLDS = 7
REAL = ("qubiq-brain-growth", "bubil-ds1", "bubil-ds2a", "bubil-ds4")
SIMULATED = "hippocampus-simulated"
NAMES = (*REAL, SIMULATED)


class PackAbsent(Exception):
    """The data set is not on this machine."""


@dataclass(frozen=True)
class Pack:
    """images: N arrays float32 [1, D, H, W], D = 1 in 2D; drawn: N arrays uint8 [E, D, H, W], each expert's label map.

    pool and new are experts, train and test cases. spacing_mm: None where nobody knows it. learning: what the pack asks of the shared
    network's config.
    """

    name: str
    cases: tuple[str, ...]
    experts: tuple[str, ...]
    images: tuple[npt.NDArray[np.float32], ...]
    drawn: tuple[npt.NDArray[np.uint8], ...]
    pool: tuple[int, ...]
    new: tuple[int, ...]
    train: tuple[int, ...]
    test: tuple[int, ...]
    labels: tuple[int, ...] = (1,)
    spacing_mm: tuple[float, float, float] | None = None
    learning: Mapping[str, Any] = field(default_factory=dict)

    def reading(self, case: int, expert: int) -> Reading:
        """What one expert drew on one case; a case is a patient."""
        return Reading(
            self.images[case], self.spacing_mm or UNIT, self.drawn[case][expert], self.experts[expert], self.cases[case],
            f"{case}-{expert}",
        )  # fmt: skip

    def split(self, fold: int | None) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Training and test cases: of one of the seven folds (every seventh case), or, without a fold, as the pack says."""
        if fold is None:
            return self.train, self.test
        every = range(len(self.cases))
        return tuple(c for c in every if c % FOLDS != fold), tuple(c for c in every if c % FOLDS == fold)

    def majority(self, case: int, pool: tuple[int, ...]) -> npt.NDArray[np.uint8]:
        """What at least half of these experts drew [D, H, W]."""
        drawn = self.drawn[case][list(pool)]
        voted = np.zeros(drawn.shape[1:], np.uint8)
        for value in self.labels:
            voted[(drawn == value).mean(0) >= 0.5] = value
        return voted


def unit(name: str) -> Literal["px", "mm"]:
    """What a pack's distances are in, without loading it."""
    return "mm" if name == SIMULATED else "px"


@cache
def load(name: str) -> Pack:
    """A data set by name. Raises PackAbsent where it is not lent."""
    if name == SIMULATED:
        return _simulated()
    folder = SHARED / name
    if not (folder / "cases.npz").is_file():
        raise PackAbsent(f"{folder} is not here; this benchmark needs the real experts of that pack.")
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    with np.load(folder / "cases.npz") as arrays:
        images = tuple(image[None, None].astype(np.float32) for image in arrays["images"])
        drawn = tuple(masks[:, None].astype(np.uint8) for masks in arrays["masks"])
        cases, experts = tuple(map(str, arrays["case_ids"])), tuple(map(str, arrays["rater_ids"]))
    split = manifest["splits"]

    def places(names: list[str], among: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(among.index(one) for one in names)

    return Pack(
        name, cases, experts, images, drawn,
        places(split["pretrain_raters"], experts), places(split["new_raters"], experts),
        places(split["train"], cases), places(split["test"], cases),
    )  # fmt: skip


def _simulated() -> Pack:
    if not simulated.FOLDER.is_dir():
        raise PackAbsent(f"{simulated.FOLDER} is not here; the simulated experts draw on its volumes.")
    volumes = simulated.volumes()
    experts, every = len(simulated.POOL), range(len(volumes))
    return Pack(
        SIMULATED, tuple(one.case for one in volumes), tuple(hand.name for hand in (*simulated.POOL, *simulated.NEW)),
        tuple(one.image_DHW[None] for one in volumes), tuple(one.drawn_EDHW for one in volumes),
        tuple(range(experts)), tuple(range(experts, experts + len(simulated.NEW))),
        tuple(i for i in every if volumes[i].trains), tuple(i for i in every if not volumes[i].trains),
        simulated.LABELS, simulated.SPACING_MM, {"spatial_dims": 3, "size": simulated.PATCH},
    )  # fmt: skip
