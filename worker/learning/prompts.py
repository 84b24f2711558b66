"""From a doctor's prompts to a mask: what the network and the drawing say already, moved by what was clicked.

Pure arrays; no torch. Axis legend: C channels, D H W = z y x. A problem is one slice (one of D, H, W is 1) or a box.

Every voxel has a tendency in log-odds: the network's logit in the expert's style, the signed distance from what is drawn
already, or, with neither, how much its value is like the values clicked. Each prompt adds to it (excluding: takes from it)
a share that fades with the *geodesic* distance, which is long across edges of the image (Criminisi, Sharp and Blake, GeoS, ECCV
2008; used with a network by Wang et al., DeepIGeoS, TPAMI 2019). How far a prompt reaches follows from where it is: whoever
clicks into the middle of what is missing clicks about as far from the present border as the miss is thick. Where prompts weigh
anything, a random walker with these tendencies as its prior (Grady, Multilabel random walker image segmentation using prior
models, CVPR 2005, equation 10, two labels) makes the border follow the image; it is tied to the base at the rim.

Always: a voxel marked include is inside, one marked exclude outside, the later mark wins; nothing changes that is not
connected to a mark; without marks the base comes back as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage, sparse
from scipy.sparse import csgraph
from scipy.sparse import linalg as solvers

PromptKind = Literal["point", "scribble", "box", "lasso"]
Mask = npt.NDArray[np.bool_]
Field = npt.NDArray[np.float32]

SURE: Final = (
    4.0  # log-odds beyond which neither network nor drawing is believed: a prompt must be able to say otherwise
)
STRENGTH: Final = 9.0  # log-odds a prompt adds where it was made
EDGE_COST: Final = 1.0  # how much longer a step is across an edge of one noise level
WALKER_EDGE: Final = 2.0  # the same for the random walker's weights
PRIOR_WEIGHT: Final = 0.3  # of the tendencies against the neighbours' pull, in the random walker
LEAST_REACH: Final = 2.0  # voxels
MOST_REACH: Final = 0.25  # of the longest edge in mm
FREE_REACH: Final = 0.05  # of the longest edge in mm, where there is no border to measure a reach from
REACH: Final = 0.8  # of the distance to the present border
NEGLIGIBLE: Final = 0.1  # log-odds
FADED: Final = float(np.log(STRENGTH / NEGLIGIBLE))  # reaches, after which a pull is negligible


@dataclass(frozen=True)
class Prompt:
    """One gesture. points_ijk: voxel indices (x, y, z) in the arrays given, at least one; a box has two opposite corners.

    point, scribble: a disc or capsule of radius_mm around them. box, lasso: include = the object is within, exclude = none of
    this; a lasso lies in one slice.
    """

    kind: PromptKind
    points_ijk: Sequence[tuple[float, float, float]]
    include: bool
    radius_mm: float = 0.0


@dataclass(frozen=True)
class Marks:
    """What prompts say for certain, and within which region an object was announced (all True where none was)."""

    include: Mask
    exclude: Mask
    within: Mask


def propose(
    image_CDHW: Field,
    spacing_mm: tuple[float, float, float],
    prompts: Sequence[Prompt],
    present_DHW: Mask,
    chance_DHW: Field | None,
) -> Mask:
    """The mask [D, H, W] of one label after these prompts, oldest first.

    present_DHW: what is drawn already; where a slice (D) of it is empty, the network's opinion stands in for it. chance_DHW:
    the network's probability of the label in the expert's style, 0..1, or None where there is no network. spacing_mm is
    (z, y, x). Without prompts the base comes back: the drawing, or else the network's mask.
    """
    base, tendency = _base(present_DHW, chance_DHW, spacing_mm)
    if not prompts:
        return base
    marks = marks_of(prompts, present_DHW.shape, spacing_mm)
    grid = _Grid(image_CDHW, spacing_mm)
    if tendency is None:
        tendency = _likeness(image_CDHW, marks)
    moved = tendency + _influence(grid, prompts, base, spacing_mm)
    zone = (np.abs(moved - tendency) > NEGLIGIBLE) | marks.include | marks.exclude
    announced = not marks.within.all()
    if announced:  # looked at whole, and nothing beside it: there the drawing holds
        base, zone = np.where(marks.within, base, present_DHW), marks.within | marks.exclude
    inside = _walk(grid, moved, zone, base, marks)
    return inside if announced else _connected_to_marks(inside, base, marks)


def _base(present: Mask, chance: Field | None, spacing_mm: tuple[float, float, float]) -> tuple[Mask, Field | None]:
    """Where a slice has something drawn, that; elsewhere what the network draws. The same as log-odds; None with neither."""
    drawn = present.any(axis=(1, 2), keepdims=True)
    if chance is None and not drawn.any():
        return present.copy(), None
    odds = np.full(present.shape, -SURE, np.float32) if chance is None else _log_odds(chance)
    if not drawn.any():
        return odds > 0, odds
    relative = tuple(edge / min(spacing_mm) for edge in spacing_mm)
    distance = ndimage.distance_transform_edt(present, relative) - ndimage.distance_transform_edt(~present, relative)
    own = np.clip(distance, -SURE, SURE) + (0 if chance is None else 0.25 * odds)
    own = np.where(present, np.maximum(own, NEGLIGIBLE), np.minimum(own, -NEGLIGIBLE))
    return np.where(drawn, present, odds > 0), np.where(drawn, own, odds).astype(np.float32)


def _log_odds(chance: Field) -> Field:
    clipped = np.clip(chance, 1e-4, 1 - 1e-4)
    odds: Field = np.clip(np.log(clipped / (1 - clipped)), -SURE, SURE).astype(np.float32)
    return odds


# ---------------------------------------------------------------------------------------------------------------- marks


def marks_of(prompts: Sequence[Prompt], shape: tuple[int, ...], spacing_mm: tuple[float, float, float]) -> Marks:
    """What the prompts mark, oldest first: later ones win. All masks [D, H, W]."""
    include, exclude = np.zeros(shape, bool), np.zeros(shape, bool)
    within = np.zeros(shape, bool)
    for prompt in prompts:
        marked = area_of(prompt, shape, spacing_mm)
        if prompt.kind in ("box", "lasso") and prompt.include:
            within |= marked
            continue
        (include if prompt.include else exclude)[marked] = True
        (exclude if prompt.include else include)[marked] = False
    if not within.any():
        return Marks(include, exclude, np.ones(shape, bool))
    return Marks(include, exclude, within | include)


def area_of(prompt: Prompt, shape: tuple[int, ...], spacing_mm: tuple[float, float, float]) -> Mask:
    """The voxels [D, H, W] a prompt covers; those beyond the array are left out."""
    points_zyx = np.asarray(prompt.points_ijk, float)[:, ::-1]
    area = np.zeros(shape, bool)
    if prompt.kind == "box":
        low, high = np.rint(points_zyx.min(0)).astype(int), np.rint(points_zyx.max(0)).astype(int)
        area[tuple(slice(max(0, a), max(0, b + 1)) for a, b in zip(low, high, strict=True))] = True
    elif prompt.kind == "lasso":
        _fill_polygon(area, points_zyx)
    else:
        for start, end in zip(points_zyx, [*points_zyx[1:], points_zyx[-1]], strict=True):
            _stamp_capsule(area, start, end, prompt.radius_mm, np.asarray(spacing_mm))
    return area


def _stamp_capsule(
    area: Mask,
    start: npt.NDArray[np.float64],
    end: npt.NDArray[np.float64],
    radius_mm: float,
    spacing: npt.NDArray[np.float64],
) -> None:
    """Mark voxels within radius_mm of a segment, and the voxel under each of its ends whatever the radius."""
    for point in (start, end):
        voxel = np.rint(point).astype(int)
        if ((voxel >= 0) & (voxel < area.shape)).all():
            area[tuple(voxel)] = True
    reach = radius_mm / spacing
    low = np.maximum(0, np.floor(np.minimum(start, end) - reach)).astype(int)
    high = np.minimum(area.shape, np.ceil(np.maximum(start, end) + reach).astype(int) + 1)
    if (low >= high).any():
        return
    at = np.stack(np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij"), -1)
    along = (end - start) * spacing
    offset = (at - start) * spacing
    share = np.clip((offset @ along) / max(float(along @ along), 1e-12), 0, 1)[..., None]
    near = ((offset - share * along) ** 2).sum(-1) <= radius_mm**2
    area[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] |= near


def _fill_polygon(area: Mask, points_zyx: npt.NDArray[np.float64]) -> None:
    """Even-odd, voxel centres, in the plane that the points lie in (the axis along which they vary least)."""
    axis = int(np.ptp(points_zyx, axis=0).argmin())
    at = int(np.rint(points_zyx[0, axis]))
    if not 0 <= at < area.shape[axis]:
        return
    rows, columns = (np.delete(points_zyx, axis, 1)[:, n] for n in (0, 1))
    plane = area[tuple(at if n == axis else slice(None) for n in range(3))]
    y, x = np.mgrid[: plane.shape[0], : plane.shape[1]]
    inside = np.zeros(plane.shape, bool)
    for y0, x0, y1, x1 in zip(rows, columns, np.roll(rows, -1), np.roll(columns, -1), strict=True):
        crosses = (y0 > y) != (y1 > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            inside ^= crosses & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    plane |= inside


# ------------------------------------------------------------------------------------------------------------ the image


class _Grid:
    """The voxels as a graph: neighbours along each axis, how far apart they are in mm and how different, in noise levels."""

    def __init__(self, image_CDHW: Field, spacing_mm: tuple[float, float, float]) -> None:
        self.shape = image_CDHW.shape[1:]
        self.size = int(np.prod(self.shape))
        index = np.arange(self.size).reshape(self.shape)
        nothing = np.zeros(0, np.int64)
        first, second, length, contrast = [nothing], [nothing], [np.ones(0, np.float32)], [np.zeros(0, np.float32)]
        for axis, step_mm in enumerate(spacing_mm):
            if self.shape[axis] == 1:
                continue
            one = tuple(slice(None, -1) if n == axis else slice(None) for n in range(3))
            other = tuple(slice(1, None) if n == axis else slice(None) for n in range(3))
            first.append(index[one].ravel())
            second.append(index[other].ravel())
            change = np.abs(image_CDHW[(slice(None), *other)] - image_CDHW[(slice(None), *one)]).max(0).ravel()
            length.append(np.full(change.size, step_mm, np.float32))
            contrast.append(change)
        self.first, self.second = np.concatenate(first), np.concatenate(second)
        self.length_mm = np.concatenate(length)
        change = np.concatenate(contrast)
        # The image's own grain: what neighbours differ by on average; the floor keeps a constant image from dividing by 0.
        grain = max(float(change.mean()) if change.size else 0.0, 1e-6)
        self.contrast = change / grain

    def distances(self, seeds: Mask, limit_mm: float) -> Field:
        """Geodesic distance [D, H, W] to the nearest seed in mm, infinite beyond limit_mm."""
        cost = self.length_mm * (1 + EDGE_COST * np.maximum(0, self.contrast - 1))
        near = cost <= limit_mm
        graph = sparse.csr_array((cost[near], (self.first[near], self.second[near])), shape=(self.size, self.size))
        found = csgraph.dijkstra(graph, directed=False, indices=np.flatnonzero(seeds), min_only=True, limit=limit_mm)
        distances: Field = found.reshape(self.shape).astype(np.float32)
        return distances


def _likeness(image_CDHW: Field, marks: Marks) -> Field:
    """Log-odds [D, H, W] from values alone: how much nearer a voxel's value is to those marked than to the others'."""
    smooth = np.stack(
        [ndimage.gaussian_filter(channel, [min(1.0, n - 1) for n in channel.shape]) for channel in image_CDHW]
    )
    inside = marks.include if marks.include.any() else _core(marks.within)
    outside = marks.exclude if marks.exclude.any() else ~marks.within
    around = ndimage.binary_dilation(inside, iterations=2) & ~marks.exclude
    spread = np.maximum(np.median(np.abs(smooth - np.median(smooth, (1, 2, 3), keepdims=True)), (1, 2, 3)) * 1.5, 1e-6)
    odds = np.full(smooth.shape[1:], 1.0, np.float32)
    for channel, noise in zip(smooth, spread, strict=True):
        values = channel[around] if around.any() else channel.ravel()
        own, other = float(np.median(values)), float(np.median(channel[outside] if outside.any() else channel))
        # Half-way to what else there is, a voxel may be either; but no finer than the noise tells apart.
        width = max(0.5 * noise + float(values.std()), 0.25 * abs(own - other))
        odds = odds - ((channel - own) / (2 * width)) ** 2
    limited: Field = np.clip(odds, -SURE, SURE).astype(np.float32)
    return limited


def _core(area: Mask) -> Mask:
    """The middle of an area: where it is at least half as deep as anywhere."""
    if area.all():
        return area
    depth = ndimage.distance_transform_edt(area)
    core: Mask = depth >= 0.5 * depth.max()
    return core


# ---------------------------------------------------------------------------------------------------------- prompts' pull


def _influence(grid: _Grid, prompts: Sequence[Prompt], base: Mask, spacing_mm: tuple[float, float, float]) -> Field:
    """What the prompts add to the log-odds of every voxel [D, H, W]."""
    toward, away = np.zeros(grid.shape, np.float32), np.zeros(grid.shape, np.float32)
    depth = {True: _depth(~base, spacing_mm), False: _depth(base, spacing_mm)}
    longest = max(n * mm for n, mm in zip(grid.shape, spacing_mm, strict=True))
    free = FREE_REACH * longest
    for prompt in prompts:
        if prompt.kind in ("box", "lasso") and prompt.include:
            continue
        seeds = area_of(prompt, grid.shape, spacing_mm)
        if not seeds.any():
            continue
        measured = depth[prompt.include]
        reach = free if measured is None else REACH * float(measured[seeds].max())
        reach = min(max(reach, LEAST_REACH * min(spacing_mm), prompt.radius_mm), MOST_REACH * longest)
        pull = STRENGTH * np.exp(-grid.distances(seeds, reach * FADED) / reach)
        sum_ = toward if prompt.include else away
        np.maximum(sum_, pull, out=sum_)
    total: Field = toward - away
    return total


def _depth(area: Mask, spacing_mm: tuple[float, float, float]) -> Field | None:
    """Distance in mm to the end of an area; None where the area has no end."""
    if area.all() or not area.any():
        return None
    depth: Field = ndimage.distance_transform_edt(area, spacing_mm).astype(np.float32)
    return depth


def _walk(grid: _Grid, tendency: Field, zone: Mask, base: Mask, marks: Marks) -> Mask:
    """Random walker with a prior inside the zone; marks and the base around the zone are its fixed ends."""
    inside = np.where(zone, tendency > 0, base)
    inside = (inside | marks.include) & ~marks.exclude
    free = (zone & ~marks.include & ~marks.exclude).ravel()
    if not free.any():
        return inside
    weight = np.exp(-WALKER_EDGE * np.maximum(0, grid.contrast - 1)).astype(np.float64) + 1e-3
    weight *= (grid.length_mm.min(initial=np.inf) / grid.length_mm) ** 2
    touched = free[grid.first] | free[grid.second]
    first, second, weight = grid.first[touched], grid.second[touched], weight[touched]
    number = np.cumsum(free) - 1
    count = int(free.sum())
    prior = 1 / (1 + np.exp(-tendency.ravel()[free].astype(np.float64)))
    # The prior counts the more the surer it is: a voxel nobody knows anything about follows its neighbours.
    trust = PRIOR_WEIGHT * (0.1 + np.abs(2 * prior - 1))
    diagonal, right = trust.copy(), trust * prior
    fixed = inside.ravel().astype(np.float64)
    for a, b in ((first, second), (second, first)):
        mine = free[a]
        diagonal += np.bincount(number[a[mine]], weight[mine], count)
        ends = mine & ~free[b]
        right += np.bincount(number[a[ends]], weight[ends] * fixed[b[ends]], count)
    both = free[first] & free[second]
    rows, columns = number[first[both]], number[second[both]]
    links = sparse.coo_array((-weight[both], (rows, columns)), shape=(count, count))
    matrix = (links + links.T + sparse.dia_array((diagonal[None], [0]), shape=(count, count))).tocsr()
    start = (tendency.ravel()[free] > 0).astype(np.float64)
    solution, _ = solvers.cg(
        matrix,
        right,
        start,
        rtol=1e-3,
        maxiter=150,
        M=sparse.dia_array((1 / diagonal[None], [0]), shape=(count, count)),
    )
    result = inside.ravel().copy()
    result[free] = solution > 0.5
    return result.reshape(grid.shape)


def _connected_to_marks(inside: Mask, base: Mask, marks: Marks) -> Mask:
    """Drop changes that hang together with no mark."""
    changed = inside != base
    pieces, _ = ndimage.label(changed)
    touching = np.unique(pieces[ndimage.binary_dilation(marks.include | marks.exclude)])
    kept = np.isin(pieces, touching[touching > 0])
    return np.where(kept, inside, base)
