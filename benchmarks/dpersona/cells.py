"""What is measured once: one method, trained on all experts of one pack without one fold, and scored on that fold's cases."""

from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np

from benchmarks.expert_adaptive.packs import FOLDS, SHARED, Pack, PackAbsent
from benchmarks.expert_adaptive.packs import load as load_pack

LIDC = "lidc-crops-28"
# Readers of LIDC are columns, not persons, so nothing about identity is said there; and these crops are slices of one patient.
ONE_PATIENT = frozenset(f"training_{n}" for n in (0, 1, 3, 4, 6, 7, 15))
PACKS = ("qubiq-brain-growth", "bubil-ds2a", LIDC)
METHODS = ("unified", "published", "probabilistic_unet", "expert_adaptive", "majority", "staple")


@dataclass(frozen=True)
class Cell:
    """One training. method: a variant of `dpersona`, the table of `expert_adaptive` rows, or one network on fused masks."""

    data: str
    fold: int
    method: str
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


@cache
def load(name: str) -> Pack:
    """A pack by name, LIDC's crops too. Raises PackAbsent where it is not lent."""
    if name != LIDC:
        return load_pack(name)
    path = SHARED / LIDC / "cases.npz"
    if not path.is_file():
        raise PackAbsent(f"{path.parent} is not here; this benchmark needs the readers of that pack.")
    with np.load(path) as arrays:
        images = tuple(image[None, None].astype(np.float32) for image in arrays["images"])
        cases, experts = tuple(map(str, arrays["case_ids"])), tuple(map(str, arrays["rater_ids"]))
        drawn = tuple((masks[:, None] > 0).astype(np.uint8) for masks in arrays["masks"])
    return Pack(name, cases, experts, images, drawn, tuple(range(len(experts))), (), tuple(range(len(cases))), ())


def has_persons(name: str) -> bool:
    """Whether a pack's experts are the same people in every case."""
    return name != LIDC


def split(pack: Pack, fold: int) -> tuple[list[int], list[int]]:
    """Training and test cases of one of seven folds; a patient's cases are never on both sides."""
    patients: dict[str, list[int]] = {}
    for case, name in enumerate(pack.cases):
        patients.setdefault("one" if pack.name == LIDC and name in ONE_PATIENT else name, []).append(case)
    groups = list(patients.values())
    test = sorted(case for n, group in enumerate(groups) if n % FOLDS == fold for case in group)
    return [case for case in range(len(pack.cases)) if case not in test], test
