"""How alike two label maps are, by brute force: every surface voxel against every other. `python -m tests.contract.agreement_reference` writes agreement.json.

The browser's k-d tree (frontend/src/engine/ops/agreement.ts) and the worker's distance transform (worker/learning/metrics.py)
must both give what this gives: on sheared grids only the browser can, because a distance transform needs straight axes.
"""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.distance import cdist

FIXTURES = Path(__file__).with_name("agreement.json")
Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class Pair:
    """Two label maps [z, y, x] on one grid; affine: 12 numbers, voxel → mm."""

    name: str
    a_zyx: Labels
    b_zyx: Labels
    affine: tuple[float, ...]


def list_pairs() -> list[Pair]:
    """Balls of labels 1 and 2, shifted and torn; label 3 only in a, label 4 in neither."""
    straight = (0.8, 0, 0, 0, 0, 1.1, 0, 0, 0, 0, 2.5, 0)
    turn = np.deg2rad(31)
    oblique = (
        0.8 * np.cos(turn),
        -1.1 * np.sin(turn),
        0,
        5,
        0.8 * np.sin(turn),
        1.1 * np.cos(turn),
        0,
        -3,
        0,
        0,
        2.5,
        9,
    )
    sheared = (0.8, 0.2, 0, 0, 0, 1.1, 0.9, 0, 0, 0, 2.5, 0)
    flat = (0.5, 0, 0, 0, 0, 0.7, 0, 0, 0, 0, 1, 0)
    return [
        Pair("straight", *maps((9, 16, 20), 1), straight),
        Pair("oblique", *maps((9, 16, 20), 2), tuple(float(v) for v in oblique)),
        Pair("sheared", *maps((9, 16, 20), 3), sheared),
        Pair("one slice", *maps((1, 24, 30), 4), flat),
    ]


def maps(shape_zyx: tuple[int, int, int], seed: int) -> tuple[Labels, Labels]:
    rng = np.random.default_rng(seed)
    made = []
    for shift in (0.0, 1.5):
        labels = np.zeros(shape_zyx, np.uint8)
        zz, yy, xx = np.ogrid[tuple(slice(n) for n in shape_zyx)]
        depth = max(1.0, shape_zyx[0] / 2)
        labels[((zz - shape_zyx[0] // 2) / depth) ** 2 + ((yy - 7) / 6) ** 2 + ((xx - 7 - shift) / 6) ** 2 < 1] = 1
        labels[((zz - shape_zyx[0] // 2) / depth) ** 2 + ((yy - 8) / 5) ** 2 + ((xx - 17) / 4) ** 2 < 1] = 2
        labels[rng.random(shape_zyx) < 0.05] = 0
        made.append(labels)
    made[0][0, 0, :3] = 3
    return made[0], made[1]


def measure(pair: Pair, label: int) -> dict[str, Any]:
    """Dice, HD95 and ASSD in mm of one label, None where a side has none."""
    a, b = pair.a_zyx == label, pair.b_zyx == label
    total = int(a.sum()) + int(b.sum())
    dice = 2 * int((a & b).sum()) / total if total else 1.0
    told = {
        "label": label,
        "voxels_a": int(a.sum()),
        "voxels_b": int(b.sum()),
        "dice": dice,
        "hd95_mm": None,
        "assd_mm": None,
    }
    if a.any() and b.any():
        between = cdist(surface_mm(a, pair.affine), surface_mm(b, pair.affine))
        from_a, from_b = between.min(axis=1), between.min(axis=0)
        told["hd95_mm"] = float(max(np.percentile(from_a, 95), np.percentile(from_b, 95)))
        told["assd_mm"] = float(np.concatenate([from_a, from_b]).mean())
    return told


def surface_mm(mask_zyx: NDArray[np.bool_], affine: tuple[float, ...]) -> NDArray[np.float64]:
    flat = mask_zyx.squeeze()
    eroded = ndimage.binary_erosion(flat, ndimage.generate_binary_structure(flat.ndim, 1), border_value=0)
    k, j, i = np.nonzero((flat & ~eroded).reshape(mask_zyx.shape))
    matrix = np.array(affine).reshape(3, 4)
    return np.asarray(np.stack([i, j, k], axis=1) @ matrix[:, :3].T + matrix[:, 3])


def write() -> None:
    """Write the fixtures anew."""
    rows = [
        {
            "name": pair.name,
            "size": list(pair.a_zyx.shape[::-1]),
            "affine": list(pair.affine),
            "a": base64.b64encode(pair.a_zyx.tobytes()).decode(),
            "b": base64.b64encode(pair.b_zyx.tobytes()).decode(),
            "agreement": [measure(pair, label) for label in (1, 2, 3, 4)],
        }
        for pair in list_pairs()
    ]
    FIXTURES.write_text(
        json.dumps({"about": __doc__.splitlines()[0], "pairs": rows}, indent=1) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    write()
