"""Every tool in TypeScript changes exactly the voxels its Python reference says, on random maps, grids and settings.

Seeds are fixed and named by the failing case; the same random worlds on every machine.
"""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from backend.imaging import labels as codec
from tests.contract.brush_reference import ANISOTROPIC, ISOTROPIC, SHEARED
from tests.contract.tools_reference import TOOLS, Gesture, Refused, perform
from tests.contract.typescript import ask_engine, build_engine

CASES_PER_TOOL = 60
OVERS: tuple[str | int, ...] = ("everything", "everything", "background", 2)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield build_engine(tmp_path_factory.mktemp("engine"))


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_changes_what_its_reference_changes(engine: Path, tool: str) -> None:
    gestures = [make_gesture(tool, seed) for seed in range(CASES_PER_TOOL)]

    answers = ask_engine(engine, [{"gesture": as_question(gesture)} for gesture in gestures])

    changed = 0
    for seed, (gesture, answer) in enumerate(zip(gestures, answers, strict=True)):
        where = f"{tool}, seed {seed}: {gesture}"
        try:
            after = perform(gesture)
        except Refused as refusal:
            assert answer["refusal"], f"{where}: not refused ({refusal})"
            continue
        assert answer["refusal"] is None, f"{where}: {answer['refusal']}"
        assert edit_of(answer) == expected_edit(gesture, after), where
        changed += answer["edit"] is not None
    assert changed >= CASES_PER_TOOL // 4, f"only {changed} of {CASES_PER_TOOL} gestures changed anything"


def edit_of(answer: dict[str, Any]) -> bytes:
    return (
        base64.b64decode(answer["edit"])
        if answer["edit"]
        else codec.encode(np.array([], np.int64), np.array([], np.uint8))
    )


def expected_edit(gesture: Gesture, after: np.ndarray) -> bytes:
    return codec.difference(np.ascontiguousarray(gesture.labels), np.ascontiguousarray(after))


def test_two_polygons_that_share_an_edge_cover_each_voxel_exactly_once(engine: Path) -> None:
    """Half-open edges, in every plane and with the shared edge running either way."""
    random = np.random.default_rng(5)
    pairs = []
    for axis in range(3):
        for _ in range(15):
            points = np.sort(random.integers(-128, 64 * 15, (2, 2)), axis=1)
            shared = [tuple(int(n) for n in random.integers(0, 64 * 12, 2)) for _ in range(2)]
            left, right = (int(points[0, 0]) - 900, int(points[0, 1])), (int(points[1, 1]) + 900, int(points[1, 0]))
            pairs.append((axis, [left, *shared], [right, *reversed(shared)]))
    blank = np.zeros((12, 12, 12), np.uint8)

    def polygon(axis: int, corners: list[tuple[int, int]]) -> Gesture:
        samples = tuple(tuple(np.insert(corner, axis, 64 * 5).tolist()) for corner in corners)
        return Gesture(blank, blank.astype(np.int16), ISOTROPIC, 1.0, 0.0, "polygon", axis, samples)

    gestures = [polygon(axis, corners) for axis, *both in pairs for corners in both]
    answers = ask_engine(engine, [{"gesture": as_question(gesture)} for gesture in gestures])

    painted = [codec.decode(edit_of(answer), blank.size, 1).indices() for answer in answers]
    for (_, a, b), first, second in zip(pairs, painted[::2], painted[1::2], strict=True):
        opposite = is_left(a[0], a[1], a[2]) != is_left(b[0], a[1], a[2])
        assert not opposite or not set(first.tolist()) & set(second.tolist()), (a, b)


def is_left(point: tuple[int, int], a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Whether a point lies left of the line from a to b: two triangles on opposite sides of their shared edge do not overlap."""
    return (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0]) > 0


def test_a_growing_ball_holds_the_patient_millimetres_it_says(engine: Path) -> None:
    """The metric is not taken on trust: distances are measured between points in patient space."""
    labels = np.zeros((11, 15, 17), np.uint8)
    labels[5, 7, 8] = 1
    options = {"margin": {"is3D": True, "mm": 4.3}}
    gesture = Gesture(labels, labels.astype(np.int16), SHEARED, 1.0, 0.0, "grow", 2, ((0, 0, 0),), options=options)
    z, y, x = np.indices(labels.shape)
    offset_mm = np.stack([x - 8, y - 7, z - 5], axis=-1) @ np.array(SHEARED).reshape(3, 4)[:, :3].T

    [answer] = ask_engine(engine, [{"gesture": as_question(gesture)}])

    grown = np.flatnonzero((np.linalg.norm(offset_mm, axis=-1) <= 4.3).ravel())
    assert sorted({*codec.decode(edit_of(answer), labels.size, 1).indices(), 8 + 17 * (7 + 15 * 5)}) == grown.tolist()


# ------------------------------------------------------------------------------------------------------ random worlds


def make_gesture(tool: str, seed: int) -> Gesture:
    """A small random map on a random grid with random settings, and one gesture on it."""
    random = np.random.default_rng([seed, *tool.encode()])
    shape_zyx = tuple(int(n) for n in random.integers(5, 15, 3))
    axis = int(random.integers(0, 3))
    labels = make_labels(random, shape_zyx)
    active = int(random.integers(1, 4))
    if tool == "interpolate":
        labels = leave_gaps(random, labels, axis, active)
    if tool.startswith("holes"):
        labels = enclose_holes(random, labels, active)
    slope = float(random.choice([1.0, -1.0, 0.1, -0.37, 2.5]))
    intercept = float(random.choice([0.0, -1024.0, 3.3]))
    stored = random.integers(-300, 300, shape_zyx).astype(np.int16)
    ends = np.sort(random.choice(stored.ravel(), 2) * slope + intercept)
    return Gesture(
        labels=labels,
        stored=stored,
        affine=make_affine(random),
        slope=slope,
        intercept=intercept,
        tool=tool,
        slice_axis=axis,
        samples_64=make_samples(random, tool, labels, axis, active),
        active=active,
        locked=tuple(int(n) for n in range(4) if random.random() < 0.08),
        over=OVERS[int(random.integers(0, len(OVERS)))],
        value_range=(float(ends[0]), float(ends[1])) if random.random() < 0.25 else None,
        erase_any=bool(random.random() < 0.4),
        radius_mm=float(random.uniform(0.1, 5)),
        is_ball=bool(random.random() < 0.4),
        options=make_options(random, labels.shape[2 - axis]),
        to=int(random.integers(-1, shape_zyx[2 - axis] + 1)),
    )


def make_labels(random: np.random.Generator, shape_zyx: tuple[int, ...]) -> np.ndarray:
    """Blobs of three labels: smoothed noise cut at random heights, then some single voxels and holes."""
    labels = np.zeros(shape_zyx, np.uint8)
    for value in (1, 2, 3):
        noise = ndimage.gaussian_filter(random.normal(size=shape_zyx), random.uniform(0.6, 1.6))
        labels[noise > np.quantile(noise, random.uniform(0.5, 0.9))] = value
    speckles = random.random(shape_zyx) < 0.03
    labels[speckles] = random.integers(0, 4, int(speckles.sum()))
    return labels


def leave_gaps(random: np.random.Generator, labels: np.ndarray, axis: int, active: int) -> np.ndarray:
    """Some slices without the active label, so that there is something to interpolate; one blob or several in the others."""
    slices = np.moveaxis(labels, 2 - axis, 0).copy()
    drawn = random.random(len(slices)) < 0.35
    drawn[[0, -1]] |= ~drawn.any()
    for at, cells in enumerate(slices):
        cells[cells == active] = 0
        if drawn[at]:
            v, u = np.indices(cells.shape)
            for _ in range(int(random.integers(1, 3))):
                centre, radii = random.uniform(0, cells.shape), random.uniform(0.7, 4, 2)
                cells[((v - centre[0]) / radii[0]) ** 2 + ((u - centre[1]) / radii[1]) ** 2 <= 1] = active
    return np.ascontiguousarray(np.moveaxis(slices, 0, 2 - axis))


def enclose_holes(random: np.random.Generator, labels: np.ndarray, active: int) -> np.ndarray:
    """The middle solid with the active label but for scattered voxels of anything: most of those are enclosed."""
    inner = labels[1:-1, 1:-1, 1:-1]
    solid = random.random(inner.shape) > random.uniform(0.02, 0.3)
    inner[solid] = active
    inner[~solid & (random.random(inner.shape) < 0.6)] = 0
    return labels


def make_affine(random: np.random.Generator) -> tuple[float, ...]:
    """Isotropic, anisotropic, sheared; rotated obliquely; rotated and sheared at once."""
    kind = int(random.integers(0, 5))
    if kind < 3:
        return (ISOTROPIC, ANISOTROPIC, SHEARED)[kind]
    turn, _ = np.linalg.qr(random.normal(size=(3, 3)))
    matrix = turn @ np.diag(random.uniform(0.4, 3, 3))
    if kind == 4:
        matrix = matrix @ (np.eye(3) + np.triu(random.uniform(-0.4, 0.4, (3, 3)), 1))
    return tuple(float(n) for n in np.column_stack([matrix, random.uniform(-50, 50, 3)]).ravel())


def make_samples(
    random: np.random.Generator, tool: str, labels: np.ndarray, axis: int, active: int
) -> tuple[tuple[int, int, int], ...]:
    """Pointer positions of one slice, some beyond the grid; clicks mostly on the active label."""
    size_ijk = labels.shape[::-1]
    count = 1 if tool in CLICKS else int(random.integers(2, 9))
    samples = random.integers(-96, 64 * np.array(size_ijk) + 96, (count, 3))
    if tool in CLICKS and random.random() < 0.8:
        wanted = labels == active if not tool.startswith("fill") else labels != active
        places = np.argwhere(wanted)
        if len(places):
            samples[0] = 64 * random.choice(places)[::-1] + random.integers(-31, 31, 3)
    samples[:, axis] = 64 * np.clip(np.floor(samples[0, axis] / 64 + 0.5), 0, size_ijk[axis] - 1)
    return tuple((int(i), int(j), int(k)) for i, j, k in samples)


CLICKS = {"fill", "fill3d", "holes", "holes3d", "islands", "grow", "shrink", "smooth", "copy", "interpolate"}


def make_options(random: np.random.Generator, slices: int) -> dict[str, Any]:
    low, high = np.sort(random.uniform(-400, 400, 2))
    act = str(random.choice(["keep-largest", "keep-clicked", "drop-small", "relabel-clicked"]))
    reach = [
        {"kind": "all"},
        {"kind": "around", "slices": int(random.integers(0, 4))},
        {"kind": "range", "from": int(random.integers(-1, slices)), "to": int(random.integers(0, slices + 2))},
    ][int(random.integers(0, 3))]
    return {
        "range": {"low": float(low), "high": float(high)},
        "fillTolerance": float(random.uniform(0, 200)) if random.random() < 0.5 else None,
        "scissors": {
            "act": str(random.choice(["erase-inside", "erase-outside", "fill-inside"])),
            "outline": str(random.choice(["freehand", "corners"])),
            "reach": reach,
        },
        "islands": {
            "act": act,
            "is3D": bool(random.random() < 0.6),
            "belowMm3": float(random.uniform(1, 60)),
            "toLabel": int(random.integers(0, 4)),
        },
        "smooth": {"is3D": bool(random.random() < 0.6), "radiusMm": float(random.uniform(0.3, 3.5))},
        "margin": {"is3D": bool(random.random() < 0.6), "mm": float(random.uniform(0.3, 3.5))},
        "interpolate": str(random.choice(["all-gaps", "this-gap"])),
    }


def as_question(gesture: Gesture) -> dict[str, Any]:
    """The gesture in the words of frontend/tests/contract/replay.ts."""
    nz, ny, nx = gesture.labels.shape
    over = {"label": gesture.over} if isinstance(gesture.over, int) else gesture.over
    low_high = gesture.value_range
    return {
        "image": {
            "nx": nx, "ny": ny, "nz": nz, "affine": gesture.affine, "geometry": "sheared",
            "slope": gesture.slope, "intercept": gesture.intercept,
        },
        "stored": base64.b64encode(gesture.stored.astype("<i2").tobytes()).decode(),
        "labels": base64.b64encode(gesture.labels.tobytes()).decode(),
        "locked": gesture.locked,
        "activeLabel": gesture.active,
        "limits": {
            "over": over,
            "range": None if low_high is None else {"low": low_high[0], "high": low_high[1]},
            "eraseAnyLabel": gesture.erase_any,
        },
        "radiusMm": gesture.radius_mm,
        "isBall": gesture.is_ball,
        "options": gesture.options,
        "tool": gesture.tool,
        "sliceAxis": gesture.slice_axis,
        "samples64": gesture.samples_64,
        "to": gesture.to,
    }  # fmt: skip
