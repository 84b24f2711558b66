"""Seven simulated experts who draw both labels of the hippocampus in 3D (LEARNING 7): the same questions as in 2D, with a spacing in mm.

Five archetypes are the pool. New are a second person of one of those archetypes, whom the pool knows well, and one who draws 0.6 mm
inside the trusted outline, tighter than anybody in it. Training and test volumes are the pack's own; one volume counts as one patient.
"""

import json
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.interactive import sets
from worker.learning.simulate import draw_labels, simulated_expert

FOLDER = sets.HIPPOCAMPI
POOL = tuple(
    simulated_expert(archetype, archetype)
    for archetype in ("generous", "smooth-convex", "intensity-chaser", "conservative", "novice")
)
NEW = (simulated_expert("similar", "smooth-convex"), replace(simulated_expert("outlier", "tight"), offset=-1.2))
UNIT_MM = 0.5  # of a hand's lengths: so the pool agrees among itself as real experts do, at about 82 points of Dice
LABELS = (1, 2)  # anterior, posterior
SPACING_MM = (1.0, 1.0, 1.0)
PATCH = 24  # voxels: every volume is larger than the four patches' worth that are predicted whole
TRAIN, TEST = 24, 16


class Volume(NamedTuple):
    """image_DHW: displayed values; drawn_EDHW: what POOL and then NEW drew; trains: on which side of the split it is."""

    case: str
    image_DHW: npt.NDArray[np.float32]
    drawn_EDHW: npt.NDArray[np.uint8]
    trains: bool


def volumes(train: int = TRAIN, test: int = TEST) -> list[Volume]:
    """The first so many volumes of either side of the pack's split, the same on every machine. Raises ValueError on another spacing."""
    split = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))["splits"]
    chosen = [(case, True) for case in split["train"][:train]] + [(case, False) for case in split["test"][:test]]
    return [_volume(number, case, trains=trains) for number, (case, trains) in enumerate(chosen)]


def _volume(number: int, case: str, *, trains: bool) -> Volume:
    file = f"{case}.nii.gz"
    image, truth, spacing_mm = sets.load(FOLDER / "images" / file, FOLDER / "labels" / file)
    if not np.allclose(spacing_mm, SPACING_MM):
        raise ValueError(f"{file} has voxels of {spacing_mm} mm, not {SPACING_MM}; leave it out or resample it.")
    labels = truth.astype(np.uint8)
    drawn = [
        draw_labels(
            labels, image, SPACING_MM, hand, data_set="hippocampus-simulated", case=case, unit_mm=UNIT_MM, case_number=number
        )
        for hand in (*POOL, *NEW)
    ]  # fmt: skip
    return Volume(case, image, np.stack(drawn), trains)
