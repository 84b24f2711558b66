"""Synthetic experts: the same trusted mask, drawn by people who differ in known ways (LEARNING 7). Also the demo's experts.

S = signed distance in millimetres, negative inside. An expert draws {S < d} with d = offset + case + along-contour noise +
intensity preference + curvature preference, then smooths, closes hollows, omits small objects, cuts end slices. All lengths in an
expert's vector are in *units*; `unit_mm` says how long a unit is, so the same hand fits any resolution (one voxel is a good unit).
The same data set, case and expert give the same drawing on every machine; `repeat` changes only what one person changes from day
to day (case offset and along-contour noise), which is the ceiling for anyone who predicts that person.
Results on synthetic experts are never reported without real ones beside them: too easy a generator flatters every method.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Volume = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
FAR_UNITS = 6.0  # nobody draws further than this from the trusted outline


@dataclass(frozen=True)
class SimulatedExpert:
    """One hand as a fixed vector. Lengths in units, probabilities per case; positive offsets draw outside the trusted outline."""

    name: str
    archetype: str
    offset: float = 0.0
    case_sd: float = 0.2
    along_sd: float = 0.45
    correlation: float = 3.0
    core: float = (
        0.0  # share of an object's depth that is drawn whatever the noise says: small objects do not melt away
    )
    intensity: float = 0.0  # how far a voxel that looks like the inside pulls the outline out
    curvature: float = 0.0  # > 0 fills hollows and cuts corners
    smoothing: float = 0.0
    closing: float = 0.0  # radius of hollows that are bridged
    omission: float = 0.0  # objects of this radius are drawn half of the time, smaller ones rarely
    end_slice: float = 0.0  # probability that an end slice of a volume is left out (tried twice an end)
    extra_slice: float = 0.0  # probability that the slice beyond an end of a volume is drawn too, smaller than the end
    slice_jitter: float = 0.0  # per-slice offset of somebody who draws slice by slice
    wrong_object: float = 0.0
    learning_cases: float = 0.0  # > 0: starts with twice the noise; the excess halves every so many cases


ARCHETYPES = {
    "tight": SimulatedExpert("", "tight", offset=-1.0, case_sd=0.15, along_sd=0.35),
    "generous": SimulatedExpert("", "generous", offset=1.3, case_sd=0.2, along_sd=0.4, smoothing=0.5),
    "smooth-convex": SimulatedExpert("", "smooth-convex", offset=0.5, along_sd=0.25, smoothing=1.5, closing=4.0, curvature=0.6),
    "intensity-chaser": SimulatedExpert("", "intensity-chaser", along_sd=0.3, intensity=2.0, slice_jitter=0.15),
    "conservative": SimulatedExpert("", "conservative", offset=-0.5, smoothing=0.4, omission=3.0, end_slice=0.5),
    "novice": SimulatedExpert("", "novice", offset=0.3, case_sd=0.35, along_sd=0.6, wrong_object=0.01, learning_cases=10.0),
}  # fmt: skip


def simulated_expert(name: str, archetype: str) -> SimulatedExpert:
    """An individual of an archetype: its vector with small personal deviations that follow from the name alone.

    Raises ValueError naming the archetypes there are.
    """
    if archetype not in ARCHETYPES:
        raise ValueError(f'There is no archetype "{archetype}"; there are: {", ".join(ARCHETYPES)}.')
    draw = _generator("expert", name, archetype)
    typical = ARCHETYPES[archetype]
    return replace(
        typical,
        name=name,
        offset=typical.offset + float(draw.normal(0, 0.15)),
        along_sd=typical.along_sd * float(draw.uniform(0.85, 1.15)),
        correlation=typical.correlation * float(draw.uniform(0.8, 1.25)),
    )


def draw_labels(
    truth_DHW: npt.NDArray[np.uint8], image_DHW: npt.NDArray[np.float32], spacing_mm: Sequence[float], expert: SimulatedExpert,
    *, data_set: str, case: str, unit_mm: float = 1.0, case_number: int = 0, repeat: int = 0,
) -> npt.NDArray[np.uint8]:  # fmt: skip
    """The expert's label map for a trusted one, uint8 [D, H, W]. Several labels are drawn one by one; the deeper one wins an overlap.

    image_DHW: displayed values, for those who follow intensity. spacing_mm is (z, y, x). case_number: how many cases this expert
    has drawn before. An empty label stays empty.
    """
    drawn = np.zeros_like(truth_DHW)
    deepest = np.zeros(truth_DHW.shape)
    for value in [int(v) for v in np.unique(truth_DHW) if v]:
        key = (data_set, case, expert.name, str(value))
        depth = _draw(truth_DHW == value, image_DHW, spacing_mm, expert, key, unit_mm, case_number, repeat)
        wins = (depth < 0) & (depth < deepest)
        drawn[wins], deepest[wins] = value, depth[wins]
    return drawn


def signed_distance(mask: Mask, spacing_mm: Sequence[float]) -> Volume:
    """Millimetres to the mask's boundary, negative inside; half a voxel either side of it is the zero line."""
    outside = ndimage.distance_transform_edt(~mask, sampling=spacing_mm)
    inside = ndimage.distance_transform_edt(mask, sampling=spacing_mm)
    half = min(spacing_mm[1:]) / 2
    signed: Volume = np.where(mask, half - inside, outside - half)
    return signed


def _generator(*parts: str) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(hashlib.sha256("|".join(parts).encode()).digest()[:8], "big"))


def _draw(
    truth: Mask, image: npt.NDArray[np.float32], spacing_mm: Sequence[float], expert: SimulatedExpert, key: tuple[str, ...],
    unit_mm: float, case_number: int, repeat: int,
) -> Volume:  # fmt: skip
    """Signed depth of the drawn object in mm: negative where the expert draws."""
    if not truth.any():
        return np.full(truth.shape, np.inf)
    habit, today = _generator(*key), _generator(*key, str(repeat))  # what stays and what changes from day to day
    if habit.random() < expert.wrong_object:
        truth = np.roll(truth, truth.shape[2] // 3, axis=2)
    if expert.extra_slice:
        truth = _with_extra_slices(truth, expert, spacing_mm, habit)
    noise = 1.0 + (1.0 * 0.5 ** (case_number / expert.learning_cases) if expert.learning_cases else 0.0)
    sigma = [
        unit_mm / step if length > 1 else 0.0 for step, length in zip(spacing_mm, truth.shape, strict=True)
    ]  # 1 unit in voxels
    distance = signed_distance(_close(truth, expert.closing * unit_mm, spacing_mm), spacing_mm)
    reach = (
        expert.offset
        + noise * expert.case_sd * today.normal()
        + noise * expert.along_sd * _field(expert, truth, sigma, today)
    )
    if expert.intensity:
        reach = reach + expert.intensity * _looks_inside(truth, image, distance, unit_mm)
    if expert.curvature:
        reach = reach - expert.curvature * _curvature(distance, sigma, unit_mm)
    if expert.slice_jitter and truth.shape[0] > 1:
        reach = reach + expert.slice_jitter * today.normal(size=(truth.shape[0], 1, 1))
    inwards = min(FAR_UNITS, -(1 - expert.core) * float(distance.min()) / unit_mm) if expert.core else FAR_UNITS
    depth = distance - unit_mm * np.clip(reach, -inwards, FAR_UNITS)
    if expert.smoothing:
        depth = ndimage.gaussian_filter(depth, [expert.smoothing * s for s in sigma])
    keep = _kept_objects(depth < 0, expert, spacing_mm, unit_mm, habit) & _kept_slices(depth < 0, expert, habit)
    signed: Volume = np.where(keep, depth, np.abs(depth))
    return signed


def _field(expert: SimulatedExpert, like: Mask, sigma: Sequence[float], draw: np.random.Generator) -> Volume:
    """A Gaussian random field of unit variance whose correlation length is the expert's."""
    field = ndimage.gaussian_filter(
        draw.normal(size=like.shape), [expert.correlation * s / np.sqrt(2) for s in sigma], mode="wrap"
    )
    unit: Volume = field / max(float(field.std()), 1e-9)
    return unit


def _looks_inside(truth: Mask, image: npt.NDArray[np.float32], distance: Volume, unit_mm: float) -> Volume:
    """-1..1: does a voxel look like the object (1) or like the ring around it (-1)?"""
    ring = (distance > 0) & (distance < 4 * unit_mm)
    if not ring.any():
        return np.zeros(truth.shape)
    inside, outside = float(np.median(image[truth])), float(np.median(image[ring]))
    half = (inside - outside) / 2
    smooth = ndimage.gaussian_filter(image.astype(np.float64), [0, 0.7, 0.7])
    looks: Volume = np.tanh((smooth - (inside + outside) / 2) / half) if abs(half) > 1e-6 else np.zeros(truth.shape)
    return looks


def _curvature(distance: Volume, sigma: Sequence[float], unit_mm: float) -> Volume:
    """Laplacian of the smoothed distance, in 1/units, limited to ±1: positive on corners, negative in hollows."""
    smooth = ndimage.gaussian_filter(distance, [2 * s for s in sigma])
    total: Volume = np.zeros(distance.shape)
    for axis, s in enumerate(sigma):
        if s > 0:
            total = total + ndimage.convolve1d(smooth, [1.0, -2.0, 1.0], axis=axis) * s**2
    return np.clip(3 * total / unit_mm, -1, 1)


def _close(mask: Mask, radius_mm: float, spacing_mm: Sequence[float]) -> Mask:
    """Bridge hollows narrower than twice the radius (closing by a ball, through distance transforms)."""
    if radius_mm <= 0:
        return mask
    pad = [
        (0, 0) if length == 1 else (int(radius_mm / s) + 2,) * 2
        for length, s in zip(mask.shape, spacing_mm, strict=True)
    ]
    wide = np.pad(mask, pad)
    dilated = ndimage.distance_transform_edt(~wide, sampling=spacing_mm) <= radius_mm
    closed = ndimage.distance_transform_edt(dilated, sampling=spacing_mm) > radius_mm
    inner = tuple(slice(low, size - high) for (low, high), size in zip(pad, wide.shape, strict=True))
    result: Mask = closed[inner] | mask
    return result


def _with_extra_slices(
    truth: Mask, expert: SimulatedExpert, spacing_mm: Sequence[float], draw: np.random.Generator
) -> Mask:
    """Longer by a slice at either end for those who still see the object there: the inner half of the end slice's depth."""
    longer = truth.copy()
    occupied = np.nonzero(truth.any(axis=(1, 2)))[0]
    for seen, end, step in zip(draw.random(2) < expert.extra_slice, occupied[[0, -1]], (-1, 1), strict=True):
        if seen and 0 <= end + step < len(truth):
            depth = ndimage.distance_transform_edt(truth[end], sampling=spacing_mm[1:])
            longer[end + step] = depth > depth.max() / 2
    return longer


def _kept_objects(
    drawn: Mask, expert: SimulatedExpert, spacing_mm: Sequence[float], unit_mm: float, draw: np.random.Generator
) -> Mask:
    """Without the objects this expert overlooks; the largest is always seen."""
    if not expert.omission:
        return drawn
    objects, count = ndimage.label(drawn)
    if count < 2:
        return drawn
    flat = drawn.shape[0] == 1
    cell = spacing_mm[1] * spacing_mm[2] * (1.0 if flat else spacing_mm[0])
    size = np.bincount(objects.ravel())[1:] * cell
    half = np.pi * (expert.omission * unit_mm) ** 2 * (1.0 if flat else 4 / 3 * expert.omission * unit_mm)
    seen = draw.random(count) < 1 / (1 + np.exp(-(np.log(size) - np.log(half)) / 0.5))
    seen[int(size.argmax())] = True
    kept: Mask = np.concatenate([[False], seen])[objects]
    return kept


def _kept_slices(drawn: Mask, expert: SimulatedExpert, draw: np.random.Generator) -> Mask:
    """All but up to two slices at either end of a volume, never fewer than half of them."""
    kept = np.ones(drawn.shape, dtype=bool)
    occupied = np.nonzero(drawn.any(axis=(1, 2)))[0]
    if not expert.end_slice or len(occupied) < 4:
        return kept
    most = min(2, len(occupied) // 4)
    low, high = draw.binomial(most, expert.end_slice, size=2)
    kept[: occupied[0] + low] = False
    kept[occupied[-1] + 1 - high :] = False
    return kept
