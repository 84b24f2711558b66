"""What every tool does, written as plainly as possible with NumPy and SciPy: the truth for `frontend/src/engine/tools`.

Arrays are [z, y, x]; `ijk` and axis numbers count (x, y, z). Where a distance decides, both languages compute it in IEEE
doubles and in the same order of operations, so they agree voxel for voxel. Nothing here knows a short cut: distances are
compared with every voxel, polygons are tested cell by cell in whole numbers, shapes are convolved.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from tests.contract.brush_reference import STEPS_PER_VOXEL, compute_metric

Labels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Sample = tuple[int, int, int]

FACES = ndimage.generate_binary_structure(3, 1)
CORNERS = ndimage.generate_binary_structure(3, 3)


@dataclass(frozen=True)
class Gesture:
    """One gesture on one map. affine: 12 numbers, voxel → RAS mm. samples_64: pointer positions (x, y, z) in 1/64 voxel."""

    labels: Labels
    stored: npt.NDArray[np.int16]
    affine: tuple[float, ...]
    slope: float
    intercept: float
    tool: str
    slice_axis: int
    samples_64: tuple[Sample, ...]
    active: int = 1
    locked: tuple[int, ...] = ()
    over: str | int = "everything"
    value_range: tuple[float, float] | None = None
    erase_any: bool = False
    radius_mm: float = 2.0
    is_ball: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    to: int = 0


class Refused(Exception):
    """The tool says a sentence instead of changing anything."""


def perform(gesture: Gesture) -> Labels:
    """The label map after the gesture. Raises Refused."""
    return TOOLS[gesture.tool](gesture)


# ------------------------------------------------------------------------------------------------- what may change


def in_stored_range(gesture: Gesture, low: float, high: float) -> Mask:
    """Voxels with low ≤ displayed ≤ high; a bound within a millionth of a stored unit counts as that unit."""
    ends = sorted(((low - gesture.intercept) / gesture.slope, (high - gesture.intercept) / gesture.slope))
    return (gesture.stored >= math.ceil(ends[0] - 1e-6)) & (gesture.stored <= math.floor(ends[1] + 1e-6))


def may_change(gesture: Gesture, deed: str, value: int) -> Mask:
    """Where a gesture that writes `value` may change the map. deed: paint, erase (one label, or any), take (its own)."""
    takes_any = deed == "erase" and gesture.erase_any
    needed = {value} if deed == "paint" or takes_any else {value, gesture.active}
    if needed & set(gesture.locked):
        raise Refused(deed)
    if takes_any or (deed == "paint" and gesture.over == "everything"):
        allowed = np.ones(gesture.labels.shape, dtype=bool)
    elif deed != "paint":
        allowed = gesture.labels == gesture.active
    else:
        allowed = gesture.labels == (0 if gesture.over == "background" else gesture.over)
    allowed &= ~np.isin(gesture.labels, gesture.locked)
    if gesture.value_range is not None:
        allowed &= in_stored_range(gesture, *gesture.value_range)
    return allowed


def write(gesture: Gesture, where: Mask, deed: str, value: int) -> Labels:
    after = gesture.labels.copy()
    after[where & may_change(gesture, deed, value)] = value
    return after


def own_shape(gesture: Gesture) -> Mask:
    """The active label's voxels. Background has no shape of its own."""
    if gesture.active == 0:
        raise Refused("background")
    return gesture.labels == gesture.active


def work_area(gesture: Gesture, is_3d: bool) -> Mask:
    """The clicked slice, or everything."""
    area = np.ones(gesture.labels.shape, dtype=bool)
    if not is_3d:
        area[:] = False
        area[cut(gesture)] = True
    return area


def cut(gesture: Gesture, at: int | None = None) -> tuple[Any, ...]:
    """Index of the slice across the gesture's axis: the clicked one, or `at`."""
    where: list[Any] = [slice(None)] * 3
    where[2 - gesture.slice_axis] = gesture.samples_64[0][gesture.slice_axis] // 64 if at is None else at
    return tuple(where)


def clicked(gesture: Gesture) -> tuple[int, int, int] | None:
    """[z, y, x] of the voxel under the first sample; None outside the grid."""
    x, y, z = (math.floor(position / STEPS_PER_VOXEL + 0.5) for position in gesture.samples_64[0])
    here = (z, y, x)
    return here if all(0 <= at < n for at, n in zip(here, gesture.labels.shape, strict=True)) else None


# --------------------------------------------------------------------------------------------------- brush and fill


def footprint(gesture: Gesture) -> Mask:
    """Every voxel within the radius of the stroke (brush_reference.py, all voxels at once), and those under its samples."""
    (ii, ij, ik), (_, jj, jk), (_, _, kk) = compute_metric(gesture.affine)
    z, y, x = np.indices(gesture.labels.shape, dtype=np.float64)
    samples = [tuple(position / STEPS_PER_VOXEL for position in sample) for sample in gesture.samples_64]
    painted = np.zeros(gesture.labels.shape, dtype=bool)
    for a, b in zip(samples, samples[1:] or samples, strict=False):
        di, dj, dk = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        length = ii * di * di + jj * dj * dj + kk * dk * dk + 2 * (ij * di * dj + ik * di * dk + jk * dj * dk)
        gi, gj, gk = ii * di + ij * dj + ik * dk, ij * di + jj * dj + jk * dk, ik * di + jk * dj + kk * dk
        wi, wj, wk = x - a[0], y - a[1], z - a[2]
        t = np.clip((wi * gi + wj * gj + wk * gk) / length, 0.0, 1.0) if length > 0 else 0.0
        ei, ej, ek = wi - t * di, wj - t * dj, wk - t * dk
        squared = ii * ei * ei + jj * ej * ej + kk * ek * ek + 2 * (ij * ei * ej + ik * ei * ek + jk * ej * ek)
        painted |= squared <= gesture.radius_mm * gesture.radius_mm
    for sample in samples:
        under = tuple(math.floor(position + 0.5) for position in reversed(sample))
        if all(0 <= at < n for at, n in zip(under, painted.shape, strict=True)):
            painted[under] = True
    return painted & work_area(gesture, gesture.is_ball)


def brush(gesture: Gesture) -> Labels:
    return write(gesture, footprint(gesture), "paint", gesture.active)


def eraser(gesture: Gesture) -> Labels:
    return write(gesture, footprint(gesture), "erase", 0)


def threshold(gesture: Gesture) -> Labels:
    low_high = gesture.options["range"]
    qualifies = in_stored_range(gesture, low_high["low"], low_high["high"])
    return write(gesture, footprint(gesture) & qualifies, "paint", gesture.active)


def fill(gesture: Gesture) -> Labels:
    allowed = may_change(gesture, "paint", gesture.active)
    here = clicked(gesture)
    if here is None or gesture.labels[here] == gesture.active:
        return gesture.labels
    region = allowed & (gesture.labels == gesture.labels[here]) & work_area(gesture, gesture.tool == "fill3d")
    tolerance = gesture.options.get("fillTolerance")
    if tolerance is not None:
        value = gesture.stored[here] * gesture.slope + gesture.intercept
        region &= in_stored_range(gesture, value - tolerance, value + tolerance)
    pieces, _ = ndimage.label(region, FACES)
    return write(
        gesture, (pieces == pieces[here]) & region if region[here] else np.zeros_like(region), "paint", gesture.active
    )


# -------------------------------------------------------------------------------------------------------- outlines


def inside_polygon(corners: list[tuple[int, int]], width: int, height: int) -> Mask:
    """[v, u]: cells with an odd number of crossings at or left of their centre. corners: (u, v) in 1/64 cells."""
    inside = np.zeros((height, width), dtype=bool)
    for v in range(height):
        for u in range(width):
            for (u0, v0), (u1, v1) in zip(corners, corners[1:] + corners[:1], strict=True):
                if v0 > v1:
                    (u0, v0), (u1, v1) = (u1, v1), (u0, v0)
                if v0 <= STEPS_PER_VOXEL * v < v1:
                    # crossing at u0 + (v − v0)(u1 − u0)/(v1 − v0), compared in whole numbers
                    is_left = (STEPS_PER_VOXEL * u - u0) * (v1 - v0) >= (STEPS_PER_VOXEL * v - v0) * (u1 - u0)
                    inside[v, u] ^= is_left
    return inside


def outline(gesture: Gesture) -> Labels:
    scissors = gesture.options.get("scissors", {})
    act = scissors["act"] if gesture.tool == "scissors" else "fill-inside"
    deed, value = ("paint", gesture.active) if act == "fill-inside" else ("erase", 0)
    may_change(gesture, deed, value)
    u_axis, v_axis = (axis for axis in range(3) if axis != gesture.slice_axis)
    size_ijk = gesture.labels.shape[::-1]
    corners = [(sample[u_axis], sample[v_axis]) for sample in gesture.samples_64]
    if len(corners) < 3:
        return gesture.labels
    cells = inside_polygon(corners, size_ijk[u_axis], size_ijk[v_axis])
    if act == "erase-outside":
        cells = ~cells
    here, last = gesture.samples_64[0][gesture.slice_axis] // 64, size_ijk[gesture.slice_axis] - 1
    first, end = here, here
    if gesture.tool == "scissors":
        reach = scissors["reach"]
        if reach["kind"] == "all":
            first, end = 0, last
        elif reach["kind"] == "around":
            first, end = here - reach["slices"], here + reach["slices"]
        else:
            first, end = sorted((reach["from"], reach["to"]))
    where = np.zeros(gesture.labels.shape, dtype=bool)
    for at in range(max(0, first), min(last, end) + 1):
        where[cut(gesture, at)] = cells
    return write(gesture, where, deed, value)


# ---------------------------------------------------------------------------------------------- shapes as a whole


def holes(gesture: Gesture) -> Labels:
    is_3d = gesture.tool == "holes3d"
    shape, area = own_shape(gesture), work_area(gesture, is_3d)
    pieces, count = ndimage.label(~shape & area, FACES)
    enclosed = np.zeros(shape.shape, dtype=bool)
    axes = [axis for axis in range(3) if shape.shape[axis] > 1 and (is_3d or axis != 2 - gesture.slice_axis)]
    for piece in range(1, count + 1):
        places = np.argwhere(pieces == piece)
        if not any((places[:, axis] == 0).any() or (places[:, axis] == shape.shape[axis] - 1).any() for axis in axes):
            enclosed |= pieces == piece
    return write(gesture, enclosed & (gesture.labels == 0), "paint", gesture.active)


def islands(gesture: Gesture) -> Labels:
    chosen = gesture.options["islands"]
    shape = own_shape(gesture)
    value = chosen["toLabel"] if chosen["act"] == "relabel-clicked" else 0
    if value == gesture.active:
        raise Refused("the same label")
    may_change(gesture, "take", value)
    pieces, count = ndimage.label(shape & work_area(gesture, chosen["is3D"]), CORNERS)
    if count == 0:
        return gesture.labels
    voxels = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
    if chosen["act"] == "drop-small":
        c = np.array(gesture.affine).reshape(3, 4)
        volume_mm3 = abs(float(np.dot(c[:, 0], np.cross(c[:, 1], c[:, 2]))))
        going = [piece for piece in range(1, count + 1) if voxels[piece - 1] * volume_mm3 < chosen["belowMm3"]]
    elif chosen["act"] == "keep-largest":
        going = [piece for piece in range(1, count + 1) if piece != int(np.argmax(voxels)) + 1]
    else:
        here = clicked(gesture)
        hit = 0 if here is None else int(pieces[here])
        if hit == 0:
            raise Refused("no island here")
        going = [hit] if chosen["act"] == "relabel-clicked" else [p for p in range(1, count + 1) if p != hit]
    return write(gesture, np.isin(pieces, going), "take", value)


def ball(gesture: Gesture, radius_mm: float, is_3d: bool) -> Mask:
    """Voxel offsets with |Δ|² = ΔᵀGΔ ≤ r², as a structuring element [z, y, x]; flat in a slice."""
    (ii, ij, ik), (_, jj, jk), (_, _, kk) = compute_metric(gesture.affine)
    inverse = np.linalg.inv(np.array([[ii, ij, ik], [ij, jj, jk], [ik, jk, kk]]))
    far = [math.ceil(radius_mm * math.sqrt(inverse[axis, axis])) + 1 for axis in (2, 1, 0)]
    z, y, x = np.meshgrid(*(np.arange(-n, n + 1) for n in far), indexing="ij")
    squared = ii * x * x + jj * y * y + kk * z * z + 2 * (ij * x * y + ik * x * z + jk * y * z)
    element = squared <= radius_mm * radius_mm
    if not is_3d:
        element &= (x, y, z)[gesture.slice_axis] == 0
    return element


def grow(gesture: Gesture) -> Labels:
    margin = gesture.options["margin"]
    shape = own_shape(gesture) & work_area(gesture, margin["is3D"])
    grown = ndimage.binary_dilation(shape, ball(gesture, margin["mm"], margin["is3D"]))
    return write(gesture, grown & ~shape, "paint", gesture.active)


def shrink(gesture: Gesture) -> Labels:
    margin = gesture.options["margin"]
    area = work_area(gesture, margin["is3D"])
    shape = own_shape(gesture) & area
    kept = ndimage.binary_erosion(shape, ball(gesture, margin["mm"], margin["is3D"]), border_value=1)
    return write(gesture, shape & ~kept, "take", 0)


def smooth(gesture: Gesture) -> Labels:
    chosen = gesture.options["smooth"]
    area = work_area(gesture, chosen["is3D"])
    shape = own_shape(gesture) & area
    paintable, takeable = may_change(gesture, "paint", gesture.active), may_change(gesture, "take", 0)
    element = ball(gesture, chosen["radiusMm"], chosen["is3D"]).astype(np.int64)
    inside = ndimage.convolve(shape.astype(np.int64), element, mode="constant")
    every = ndimage.convolve(area.astype(np.int64), element, mode="constant")
    majority = (2 * inside > every) & area
    after = gesture.labels.copy()
    after[majority & ~shape & paintable] = gesture.active
    after[shape & ~majority & takeable] = 0
    return after


# ------------------------------------------------------------------------------------------------- between slices


def copy(gesture: Gesture) -> Labels:
    source = own_shape(gesture)[cut(gesture)]
    if not 0 <= gesture.to < gesture.labels.shape[2 - gesture.slice_axis]:
        raise Refused("no such slice")
    paintable, takeable = may_change(gesture, "paint", gesture.active), may_change(gesture, "take", 0)
    if not source.any():
        raise Refused("nothing to copy")
    wanted, there = np.zeros_like(paintable), np.zeros_like(paintable)
    wanted[cut(gesture, gesture.to)] = source
    there[cut(gesture, gesture.to)] = True
    after = gesture.labels.copy()
    after[wanted & (gesture.labels != gesture.active) & paintable] = gesture.active
    after[there & ~wanted & (gesture.labels == gesture.active) & takeable] = 0
    return after


def plane_metric(gesture: Gesture) -> tuple[float, float, float]:
    """uu, vv, uv of the slice's two axes, ascending; uv is 0 where they stand at right angles apart from rounding."""
    g = compute_metric(gesture.affine)
    u, v = (axis for axis in range(3) if axis != gesture.slice_axis)
    uu, vv, uv = g[u][u], g[v][v], g[u][v]
    return uu, vv, 0.0 if abs(uv) < 1e-9 * math.sqrt(uu * vv) else uv


def signed_distance(cells: Mask, metric: tuple[float, float, float]) -> npt.NDArray[np.float64]:
    """[v, u] in mm to the nearest cell centre of the other side, negative inside, by looking at every pair of cells."""
    uu, vv, uv = metric
    every = np.argwhere(np.ones_like(cells))
    distance = np.full(cells.shape, np.inf)
    for side in (False, True):
        others = np.argwhere(cells != side)
        if others.size == 0:
            continue
        dv = others[None, :, 0] - every[:, None, 0]
        du = others[None, :, 1] - every[:, None, 1]
        nearest = np.sqrt((uu * du * du + vv * dv * dv + 2 * uv * du * dv).min(axis=1)).reshape(cells.shape)
        distance[cells == side] = nearest[cells == side]
    return np.where(cells, -distance, distance)


def looked_up(distance: npt.NDArray[np.float64], u: float, v: float) -> npt.NDArray[np.float64]:
    """At every cell, what stands (u, v) cells away, bilinear; beyond the grid its nearest cell speaks."""
    height, width = distance.shape
    across, down = u - math.floor(u), v - math.floor(v)

    def at(beside: int, below: int) -> npt.NDArray[np.float64]:
        rows, columns = np.indices(distance.shape)
        rows = np.clip(rows + math.floor(v) + below, 0, height - 1)
        return distance[rows, np.clip(columns + math.floor(u) + beside, 0, width - 1)]

    upper = (1 - across) * at(0, 0) + across * at(1, 0)
    lower = (1 - across) * at(0, 1) + across * at(1, 1)
    return (1 - down) * upper + down * lower


def between(a: Mask, b: Mask, share: float, gap_mm: float, metric: tuple[float, float, float]) -> Mask:
    """The shape `share` of the way from slice a to slice b [v, u]: worker/learning/interpolation.py says it in words."""
    uu, vv, uv = metric

    def one_piece(cells: Mask) -> bool:
        pieces, count = ndimage.label(cells, np.ones((3, 3)))
        return bool((np.bincount(pieces.ravel(), minlength=count + 1)[1:] >= 4).sum() == 1)

    def centroid(cells: Mask) -> tuple[float, float]:
        v, u = np.nonzero(cells)
        return int(u.sum()) / len(u), int(v.sum()) / len(v)

    def saturated(cells: Mask) -> npt.NDArray[np.float64]:
        distance = signed_distance(cells, metric)
        with np.errstate(invalid="ignore"):
            return np.where(np.isinf(distance), np.sign(distance) * gap_mm, distance / (1 + abs(distance) / gap_mm))

    (ua, va), (ub, vb) = centroid(a), centroid(b)
    du, dv = ub - ua, vb - va
    size_a, size_b = int(a.sum()), int(b.sum())
    area = math.sqrt(uu * vv - uv * uv)
    radii = math.sqrt(size_a * area / math.pi) + math.sqrt(size_b * area / math.pi)
    apart = math.sqrt(uu * du * du + vv * dv * dv + 2 * uv * du * dv)
    if not (one_piece(a) and one_piece(b) and apart < 1.5 * radii):
        du = dv = 0.0

    far_a = looked_up(saturated(a), -share * du, -share * dv)
    far_b = looked_up(saturated(b), (1 - share) * du, (1 - share) * dv)
    steps = np.floor(((1 - share) * far_a + share * far_b) * 2**20 + 0.5)

    v, u = np.indices(a.shape)
    inside = np.ones_like(a)
    for cells, ends_a, ends_b, move in (
        (u, np.nonzero(a)[1], np.nonzero(b)[1], du),
        (v, np.nonzero(a)[0], np.nonzero(b)[0], dv),
    ):
        first = math.floor(min(ends_a.min() + share * move, ends_b.min() + (share - 1) * move))
        last = math.ceil(max(ends_a.max() + share * move, ends_b.max() + (share - 1) * move))
        inside &= (cells >= first) & (cells <= last)
    wanted = math.floor((1 - share) * size_a + share * size_b + 0.5 * share * (1 - share) * abs(size_a - size_b) + 0.5)
    level = max(0.0, np.sort(steps[inside])[min(wanted, int(inside.sum())) - 1])
    return inside & (steps <= level)


def interpolate(gesture: Gesture) -> Labels:
    shape = own_shape(gesture)
    paintable, takeable = may_change(gesture, "paint", gesture.active), may_change(gesture, "take", 0)
    slices = range(shape.shape[2 - gesture.slice_axis])
    drawn = [at for at in slices if shape[cut(gesture, at)].any()]
    gaps = [(a, b) for a, b in zip(drawn, drawn[1:], strict=False) if b - a > 1]
    if gesture.options.get("interpolate") == "this-gap":
        here = gesture.samples_64[0][gesture.slice_axis] // 64
        gaps = [(a, b) for a, b in gaps if a < here < b]
    if not gaps:
        raise Refused("no gap")
    wanted, there = np.zeros_like(shape), np.zeros_like(shape)
    step_mm = math.sqrt(compute_metric(gesture.affine)[gesture.slice_axis][gesture.slice_axis])
    for a, b in gaps:
        ends, gap_mm = (shape[cut(gesture, a)], shape[cut(gesture, b)]), (b - a) * step_mm
        for at in range(a + 1, b):
            wanted[cut(gesture, at)] = between(*ends, (at - a) / (b - a), gap_mm, plane_metric(gesture))
            there[cut(gesture, at)] = True
    after = gesture.labels.copy()
    after[wanted & paintable] = gesture.active
    after[there & ~wanted & shape & takeable] = 0
    return after


TOOLS = {
    "brush": brush, "eraser": eraser, "threshold": threshold, "fill": fill, "fill3d": fill, "polygon": outline,
    "lasso": outline, "scissors": outline, "holes": holes, "holes3d": holes, "islands": islands, "grow": grow,
    "shrink": shrink, "smooth": smooth, "copy": copy, "interpolate": interpolate,
}  # fmt: skip
