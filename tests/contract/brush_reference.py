"""What the brush paints, written as plainly as possible: the truth for `frontend/src/engine/ops/capsule.ts`.

A stroke is a list of pointer samples in 1/64 voxel steps. It paints every voxel whose distance to the segment between
two consecutive samples is at most the radius, measured in the grid's metric G = AᵀA (so anisotropic and sheared grids
are right), and the voxel under each sample. A flat brush stays in its slice; a ball reaches into the others.

Both implementations work in IEEE doubles and in the same order of operations, so they agree voxel for voxel; this one
looks at every voxel of the grid for every segment and knows no shortcut.

`python -m tests.contract.brush_reference` writes the shared fixtures `brush.json` again.
"""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

FIXTURES = Path(__file__).with_name("brush.json")
STEPS_PER_VOXEL = 64  # pointer positions are rounded to this before any tool sees them

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Stroke:
    """One gesture. affine: 12 numbers, 3×4 row-major, voxel → RAS mm. samples_64: pointer positions in 1/64 voxel."""

    name: str
    size: tuple[int, int, int]
    affine: tuple[float, ...]
    slice_axis: int
    slice_index: int
    radius_mm: float
    is_ball: bool
    samples_64: tuple[tuple[int, int, int], ...]


def compute_metric(affine: tuple[float, ...]) -> list[list[float]]:
    """G = AᵀA in mm², from the affine's 3×3 part."""
    column = [[affine[4 * row + axis] for row in range(3)] for axis in range(3)]
    return [[p[0] * q[0] + p[1] * q[1] + p[2] * q[2] for q in column] for p in column]


def is_within(voxel: tuple[int, int, int], a: Triple, b: Triple, radius_mm: float, metric: list[list[float]]) -> bool:
    """Whether a voxel's centre lies within the radius of the segment from a to b (voxel positions)."""
    (ii, ij, ik), (_, jj, jk), (_, _, kk) = metric
    di, dj, dk = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    length_squared = ii * di * di + jj * dj * dj + kk * dk * dk + 2 * (ij * di * dj + ik * di * dk + jk * dj * dk)
    gi = ii * di + ij * dj + ik * dk
    gj = ij * di + jj * dj + jk * dk
    gk = ik * di + jk * dj + kk * dk
    wi, wj, wk = voxel[0] - a[0], voxel[1] - a[1], voxel[2] - a[2]
    t = 0.0
    if length_squared > 0:
        t = min(1.0, max(0.0, (wi * gi + wj * gj + wk * gk) / length_squared))
    ei, ej, ek = wi - t * di, wj - t * dj, wk - t * dk
    squared = ii * ei * ei + jj * ej * ej + kk * ek * ek + 2 * (ij * ei * ej + ik * ei * ek + jk * ej * ek)
    return squared <= radius_mm * radius_mm


def paint(stroke: Stroke) -> list[int]:
    """The flat indices x + nx * (y + ny * z) of all painted voxels, ascending."""
    nx, ny, nz = stroke.size
    metric = compute_metric(stroke.affine)
    samples: list[Triple] = [
        (i / STEPS_PER_VOXEL, j / STEPS_PER_VOXEL, k / STEPS_PER_VOXEL) for i, j, k in stroke.samples_64
    ]
    under = {tuple(math.floor(position + 0.5) for position in sample) for sample in samples}
    segments = list(zip(samples, samples[1:] or samples, strict=False))
    painted = []
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                voxel = (x, y, z)
                if not stroke.is_ball and voxel[stroke.slice_axis] != stroke.slice_index:
                    continue
                near = any(is_within(voxel, a, b, stroke.radius_mm, metric) for a, b in segments)
                if near or voxel in under:
                    painted.append(x + nx * (y + ny * z))
    return painted


def to_runs(indices: list[int]) -> list[tuple[int, int]]:
    """Ascending indices as (start, length) pairs."""
    runs: list[tuple[int, int]] = []
    for index in indices:
        if runs and runs[-1][0] + runs[-1][1] == index:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((index, 1))
    return runs


# ------------------------------------------------------------------------------------------------------- fixtures

ISOTROPIC = (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)
ANISOTROPIC = (-0.7, 0.0, 0.0, 10.0, 0.0, 0.45, 0.0, -3.0, 0.0, 0.0, 3.2, 7.0)
# Gantry tilt: k leans along j; the axes are also rotated about 12 degrees in the plane.
SHEARED = (0.88, -0.19, 0.05, 4.0, 0.187, 0.89, -1.1, 0.0, 0.0, 0.02, 2.4, -5.0)


def list_strokes() -> list[Stroke]:
    """The cases both languages are held to, each named for what is odd about it."""
    bend = ((200, 300, 192), (900, 420, 192), (1030, 1100, 192), (333, 777, 192))
    return [
        Stroke("one click", (24, 20, 5), ISOTROPIC, 2, 2, 3.0, False, ((640, 512, 128),)),
        Stroke(
            "radius below half a voxel", (24, 20, 5), ISOTROPIC, 2, 2, 0.1, False, ((660, 530, 128), (700, 530, 128))
        ),
        Stroke("a centre exactly on the rim", (24, 20, 5), ISOTROPIC, 2, 0, 2.0, False, ((640, 640, 0),)),
        Stroke("bent stroke on an anisotropic grid", (24, 20, 7), ANISOTROPIC, 2, 3, 1.3, False, bend),
        Stroke("bent stroke on a sheared grid", (24, 20, 7), SHEARED, 2, 3, 2.1, False, bend),
        Stroke(
            "sagittal slice of a sheared grid",
            (9, 20, 16),
            SHEARED,
            0,
            4,
            3.7,
            False,
            ((256, 200, 300), (256, 1000, 810)),
        ),
        Stroke(
            "coronal slice of an anisotropic grid",
            (24, 9, 9),
            ANISOTROPIC,
            1,
            4,
            2.9,
            False,
            ((111, 256, 100), (1400, 256, 430)),
        ),
        Stroke("ball on a sheared grid", (16, 16, 9), SHEARED, 2, 4, 3.3, True, ((400, 512, 256), (620, 530, 256))),
        Stroke(
            "leaves the grid and comes back",
            (16, 12, 3),
            ISOTROPIC,
            2,
            1,
            1.5,
            False,
            ((-300, 200, 64), (1200, 900, 64), (500, -64, 64)),
        ),
        Stroke(
            "samples on the border between two voxels",
            (16, 12, 3),
            ISOTROPIC,
            2,
            1,
            0.3,
            False,
            ((96, 96, 64), (160, 96, 64)),
        ),
        Stroke("a single slice", (16, 12, 1), ANISOTROPIC, 2, 0, 1.0, False, ((300, 301, 0), (700, 555, 0))),
    ]


def write_fixtures() -> None:
    """Write `brush.json`: each stroke with its painted voxels as (start, length) runs."""
    cases = [{**asdict(stroke), "painted": to_runs(paint(stroke))} for stroke in list_strokes()]
    lines = ",\n  ".join(json.dumps(case, separators=(",", ":")) for case in cases)
    about = "What the brush paints; written by tests/contract/brush_reference.py, read by Python and TypeScript."
    FIXTURES.write_text(f'{{"about": {json.dumps(about)}, "strokes": [\n  {lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    write_fixtures()
