"""Where voxels are: the only place that makes, permutes, inverts or compares affines.

An affine here is a 4x4 float64 matrix, voxel (i, j, k) -> patient millimetres in RAS+ (x to the right, y to the front,
z to the head); voxel centres lie at whole indices. It is kept and sent as its first three rows, row-major (12 numbers).
DICOM speaks LPS: `lps_to_ras` is applied once, here. Affines take (x, y, z) while arrays are [z, y, x]; `SourceAxes`
crosses that line and nothing else does. No function resamples: axes are permuted and flipped, never mixed.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from backend.imaging.refusal import Refusal

Affine: TypeAlias = npt.NDArray[np.float64]
Geometry: TypeAlias = Literal["regular", "sheared", "irregular", "uncalibrated"]
Sides: TypeAlias = Literal["known", "doubtful", "unknown"]
Triple: TypeAlias = tuple[float, float, float]

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
SPACING_RANGE_MM = (1e-5, 1e3)
POSITION_LIMIT_MM = 1e5
GAP_TOLERANCE = (0.01, 0.01)  # millimetres, share of the gap: SAFETY section 3
SHEAR_COSINE = 1e-3  # columns this far from perpendicular are a shear, not rounding
GRID_TOLERANCE = 0.01  # of the smallest voxel edge


def lps_to_ras(affine: Affine) -> Affine:
    """Turn a DICOM affine (LPS) into ours; the same call turns it back."""
    return LPS_TO_RAS @ affine


def to_rows(affine: Affine) -> list[float]:
    """The 12 numbers that are kept and sent: the first three rows, row-major."""
    return [float(value) for value in affine[:3].reshape(-1)]


def from_rows(rows: Sequence[float]) -> Affine:
    """The 4x4 affine of 12 kept numbers."""
    if len(rows) != 12:
        raise ValueError(f"an affine is kept as 12 numbers, not {len(rows)}")
    return np.vstack([np.asarray(rows, dtype=np.float64).reshape(3, 4), [0.0, 0.0, 0.0, 1.0]])


def spacing_mm(affine: Affine) -> Triple:
    """Edge lengths of a voxel along x, y, z."""
    edges = np.linalg.norm(affine[:3, :3], axis=0)
    return float(edges[0]), float(edges[1]), float(edges[2])


def check_affine(affine: Affine) -> Geometry:
    """`regular` or `sheared` for an affine that can be true.

    Raises Refusal `geometry` when an entry is not finite, a voxel edge or the origin is out of range, or the axes are
    nearly in one plane (determinant of the normalised columns under 0.1).
    """
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise Refusal("geometry", "the affine holds a number that is not finite")
    for axis, edge in zip("xyz", spacing_mm(affine), strict=True):
        check_spacing(edge, f"voxel size along {axis}")
    if np.abs(affine[:3, 3]).max() > POSITION_LIMIT_MM:
        raise Refusal("geometry", "the origin lies more than 100 m from the patient's")
    unit = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    if abs(float(np.linalg.det(unit))) < 0.1:
        raise Refusal("geometry", "the affine's axes lie nearly in one plane; it maps the volume flat")
    cosines = np.abs(unit.T @ unit - np.eye(3)).max()
    return "sheared" if cosines > SHEAR_COSINE else "regular"


def check_spacing(millimetres: float, what: str) -> None:
    """Refuse a distance that is not finite or not between 1e-5 and 1e3 mm."""
    low, high = SPACING_RANGE_MM
    if not (math.isfinite(millimetres) and low <= millimetres <= high):
        raise Refusal("geometry", f"the {what} is {millimetres:g} mm; it must be between 0.00001 and 1000 mm")


# --------------------------------------------------------------------------------------------------------- axis orders


@dataclass(frozen=True)
class SourceAxes:
    """How a file's axes became ours: our axis a is the file's axis `axes[a]`, reversed where `flips[a]`.

    Undone on export, so that a label opens on the user's own file.
    """

    axes: tuple[int, int, int] = (0, 1, 2)
    flips: tuple[bool, bool, bool] = (False, False, False)

    def to_json(self) -> dict[str, list[int] | list[bool]]:
        return {"axes": list(self.axes), "flips": list(self.flips)}

    @classmethod
    def from_json(cls, data: dict[str, Any] | None) -> "SourceAxes":
        """Read what `to_json` wrote; None is the identity."""
        if data is None:
            return cls()
        axes = tuple(int(axis) for axis in data["axes"])
        flips = tuple(bool(flip) for flip in data["flips"])
        if sorted(axes) != [0, 1, 2] or len(flips) != 3:
            raise ValueError(f"not a permutation of three axes: {data}")
        return cls((axes[0], axes[1], axes[2]), (flips[0], flips[1], flips[2]))

    def apply(self, source_zyx: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A view of the file's array [.., z, y, x] in our axis order."""
        lead = source_zyx.ndim - 3
        order = [lead + 2 - self.axes[2 - place] for place in range(3)]
        z, y, x = (slice(None, None, -1 if self.flips[2 - place] else 1) for place in range(3))
        return source_zyx.transpose(*range(lead), *order)[..., z, y, x]

    def undo(self, ours_zyx: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A view of our array [.., z, y, x] in the file's axis order."""
        return self.inverse().apply(ours_zyx)

    def inverse(self) -> "SourceAxes":
        axes = (self.axes.index(0), self.axes.index(1), self.axes.index(2))
        return SourceAxes(axes, (self.flips[axes[0]], self.flips[axes[1]], self.flips[axes[2]]))

    def apply_affine(self, source: Affine, source_shape_xyz: tuple[int, int, int]) -> Affine:
        """Our affine from the file's: columns permuted and negated exactly, the origin moved to our first voxel."""
        ours = source.copy()
        for axis in range(3):
            column = source[:3, self.axes[axis]]
            ours[:3, axis] = -column if self.flips[axis] else column
            if self.flips[axis]:
                ours[:3, 3] += column * (source_shape_xyz[self.axes[axis]] - 1)
        return ours

    def undo_affine(self, ours: Affine, our_shape_xyz: tuple[int, int, int]) -> Affine:
        """The file's affine from ours."""
        return self.inverse().apply_affine(ours, our_shape_xyz)


def closest_canonical(affine: Affine) -> SourceAxes:
    """The axis order that brings a grid closest to RAS+: the largest sum of |cos| between its axes and R, A, S."""
    cosines = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    best = max(itertools.permutations(range(3)), key=lambda order: sum(abs(cosines[a, order[a]]) for a in range(3)))
    flips = [bool(cosines[a, best[a]] < 0) for a in range(3)]
    return SourceAxes((best[0], best[1], best[2]), (flips[0], flips[1], flips[2]))


def axis_sides(affine: Affine) -> tuple[str, float]:
    """Which side of the patient each voxel axis runs to, such as "LPS", and the degrees of the axis furthest off its side."""
    order = closest_canonical(affine)
    cosines = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    sides, furthest = ["", "", ""], 0.0
    for patient, (axis, flipped) in enumerate(zip(order.axes, order.flips, strict=True)):
        sides[axis] = ("LPI" if flipped else "RAS")[patient]
        furthest = max(furthest, math.degrees(math.acos(min(1.0, abs(float(cosines[patient, axis]))))))
    return "".join(sides), furthest


def sides_of(geometry: str, warnings: Sequence[str]) -> Sides:
    """Whether an image's left and right may be named, from its kept geometry and the codes of its import's warnings.

    doubtful: the file places the image twice and differently. unknown: it does not say how the image lies in the patient.
    """
    codes = {warning.partition(":")[0] for warning in warnings}
    if "forms_disagree" in codes:
        return "doubtful"
    return "unknown" if geometry == "uncalibrated" or "orientation_unknown" in codes else "known"


# ------------------------------------------------------------------------------------------------------ stacked slices


@dataclass(frozen=True)
class Stack:
    """Slices in order along their normal. `order[k]` is the slice that becomes z = k; the affine is RAS."""

    order: list[int]
    affine: Affine
    geometry: Geometry
    warnings: list[str]


def stack_slices(
    positions_mm: Sequence[Triple],
    row_direction: Triple,
    column_direction: Triple,
    spacing_xy_mm: tuple[float, float],
    thickness_mm: float | None,
) -> Stack:
    """Order parallel DICOM slices by position and say what grid they form.

    positions_mm: centre of each slice's first voxel, LPS. row_direction: the way x grows (DICOM's row vector);
    column_direction: the way y grows; both unit, LPS. thickness_mm is used for a single slice only: the distance
    between slices always comes from their positions.
    """
    x_axis, y_axis = np.array(row_direction), np.array(column_direction)
    normal = np.cross(x_axis, y_axis)
    normal /= np.linalg.norm(normal)
    points = np.array(positions_mm, dtype=np.float64)
    heights = points @ normal
    order = np.argsort(heights, kind="stable")
    points, heights = points[order], heights[order]
    step, geometry, warnings = _step(points, heights, normal, thickness_mm)
    lps = np.eye(4)
    lps[:3, 0], lps[:3, 1], lps[:3, 2] = x_axis * spacing_xy_mm[0], y_axis * spacing_xy_mm[1], step
    lps[:3, 3] = points[0]
    return Stack([int(k) for k in order], lps_to_ras(lps), geometry, warnings)


def _step(
    points: Affine, heights: Affine, normal: Affine, thickness_mm: float | None
) -> tuple[Affine, Geometry, list[str]]:
    """The vector from one slice to the next, what that makes of the stack, and why."""
    if len(points) == 1:
        usable = thickness_mm is not None and SPACING_RANGE_MM[0] <= thickness_mm <= SPACING_RANGE_MM[1]
        return normal * (thickness_mm if usable and thickness_mm else 1.0), "regular", []
    gaps = np.diff(heights)
    gap = float(np.median(gaps))
    tolerance = max(GAP_TOLERANCE[0], GAP_TOLERANCE[1] * gap)
    if gaps.min() <= GAP_TOLERANCE[0]:
        same = int((gaps <= GAP_TOLERANCE[0]).sum())
        warning = f"slices_overlap: {same} slices lie at the position of another"
        return normal * max(gap, 1.0 if gap <= GAP_TOLERANCE[0] else gap), "irregular", [warning]
    if np.abs(gaps - gap).max() > tolerance:
        warning = f"uneven_gaps: the distance between slices varies from {gaps.min():.3g} to {gaps.max():.3g} mm"
        return normal * gap, "irregular", [warning]
    step = (points[-1] - points[0]) / (len(points) - 1)
    line = points[0] + np.arange(len(points))[:, None] * step
    if np.linalg.norm(points - line, axis=1).max() > tolerance:
        return normal * gap, "irregular", ["uneven_stack: the slices do not lie on one line"]
    angle = math.degrees(math.acos(min(1.0, float(step @ normal / np.linalg.norm(step)))))
    if math.tan(math.radians(angle)) > SHEAR_COSINE:
        return step, "sheared", [f"sheared: the slices are stacked {angle:.1f} degrees off their normal"]
    return step, "regular", []


def flat_affine(spacing_xy_mm: tuple[float, float] | None) -> Affine:
    """The affine of an image whose place in the patient is unknown: pixel size if known, row 0 on top."""
    x, y = spacing_xy_mm or (1.0, 1.0)
    return lps_to_ras(np.diag([x, y, 1.0, 1.0]))


# ------------------------------------------------------------------------------------------------- comparing two grids


def corners_mm(affine: Affine, shape_xyz: tuple[int, int, int]) -> Affine:
    """The eight corner voxels' centres in patient space, [8, 3]."""
    ends = [(0, n - 1) for n in shape_xyz]
    corners = np.array([(*corner, 1) for corner in itertools.product(*ends)], dtype=np.float64)
    return (corners @ affine.T)[:, :3]


def grid_difference(
    expected: Affine, expected_shape_xyz: tuple[int, int, int], found: Affine, found_shape_xyz: tuple[int, int, int]
) -> str | None:
    """Why a label map's grid is not its image's, in one sentence; None when it is.

    Equal means: same shape, and every grid corner within 1 % of the smallest voxel edge. Never suggests a flip or a
    resampling it would do itself.
    """
    if expected_shape_xyz != found_shape_xyz:
        ours, theirs = ("x".join(str(n) for n in shape) for shape in (expected_shape_xyz, found_shape_xyz))
        return f"the label map has {theirs} voxels, the image {ours}"
    distances = np.linalg.norm(corners_mm(expected, expected_shape_xyz) - corners_mm(found, expected_shape_xyz), axis=1)
    if distances.max() <= GRID_TOLERANCE * min(spacing_mm(expected)):
        return None
    return _name_difference(expected, found, float(distances.max()))


def _name_difference(expected: Affine, found: Affine, furthest_mm: float) -> str:
    """Flipped or permuted axes, rotation, voxel size or shift: the first that explains the most."""
    a, b = (m[:3, :3] / np.linalg.norm(m[:3, :3], axis=0) for m in (expected, found))
    between = a.T @ b
    nearest = closest_canonical(np.block([[between, np.zeros((3, 1))], [np.zeros((1, 3)), np.ones((1, 1))]]))
    if nearest.axes != (0, 1, 2):
        return "the label map's axes are in another order than the image's"
    if any(nearest.flips):
        flipped = ", ".join("xyz"[axis] for axis in range(3) if nearest.flips[axis])
        return f"the label map is flipped along {flipped}"
    angle = math.degrees(math.acos(max(-1.0, min(1.0, (float(np.trace(between)) - 1) / 2))))
    if angle > 0.05:
        return f"the label map is rotated by {angle:.2f} degrees (a corner lies {furthest_mm:.2f} mm off)"
    ours, theirs = spacing_mm(expected), spacing_mm(found)
    if any(abs(x / y - 1) > 1e-3 for x, y in zip(ours, theirs, strict=True)):
        sizes = [" x ".join(f"{edge:.4g}" for edge in edges) for edges in (theirs, ours)]
        return f"the label map's voxels measure {sizes[0]} mm, the image's {sizes[1]} mm"
    shift = found[:3, 3] - expected[:3, 3]
    return f"the label map is shifted by {shift[0]:.2f}, {shift[1]:.2f}, {shift[2]:.2f} mm (right, front, head)"
