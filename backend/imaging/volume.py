"""One image on its way into slabs: any numbers in, int16 and an honest slope out, slice after slice.

Stored values are int16; displayed value = stored * slope + intercept. Whole numbers whose range fits 16 bits are kept
exactly (moved by an offset where they must be); anything else is rounded to 65,535 steps between its lowest and highest
value, and the warning says how large a step is. Nothing holds the volume: a `Source` hands out one slice at a time, and
slabs are packed by two threads (libdeflate releases the interpreter) while the next slices are read.
"""

import hashlib
import math
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from backend.imaging.refusal import Refusal
from backend.imaging.slabs import SLAB_DEPTH, Int16Array, encode_slab

SliceArray: TypeAlias = npt.NDArray[Any]

INT16 = (-32768, 32767)
STEPS = 65534  # -32767..32767: symmetric, so that negating a stored value never overflows
PACKERS = 2
HISTOGRAM_STRIDE = 3  # every third pixel each way is plenty for a window
WINDOW_SHARES = (0.005, 0.995)
# Where a CT's window ends: air, or the padding some scanners write beyond it; soft tissue to dense bone and metal.
AIR_HU, TISSUE_HU = (-3100.0, -900.0), (60.0, 4000.0)


class Source(Protocol):
    """Slices of one image in z order, as the file gives them.

    `read` returns whole or floating numbers [y, x], or uint8 [y, x, 3] where `channels` is 3; it may be called twice
    for a slice, in ascending order each time. `slope` and `intercept` turn what is read into displayed
    values. `stored_range` bounds whole numbers without reading them, None where only reading tells.
    """

    @property
    def channels(self) -> int: ...

    @property
    def count(self) -> int: ...

    @property
    def slope(self) -> float: ...

    @property
    def intercept(self) -> float: ...

    @property
    def stored_range(self) -> tuple[int, int] | None: ...

    def read(self, z: int, /) -> SliceArray: ...


@dataclass(frozen=True)
class Mapping:
    """stored = round((read - shift) / step); displayed = stored * slope + intercept."""

    shift: float
    step: float
    slope: float
    intercept: float
    exact: bool
    lowest: int

    def store(self, values: SliceArray) -> Int16Array:
        """One slice as int16. Values that are not finite become the lowest finite one."""
        if self.exact and values.dtype.kind in "iu":
            moved: SliceArray = values if self.shift == 0 else values.astype(np.int64) - int(self.shift)
            return np.asarray(moved, dtype=np.int16)
        with np.errstate(invalid="ignore", over="ignore"):
            scaled = np.rint((values.astype(np.float64) - self.shift) / self.step)
        finite = np.nan_to_num(scaled, nan=self.lowest, posinf=self.lowest, neginf=self.lowest)
        return np.asarray(np.clip(finite, *INT16), dtype=np.int16)


@dataclass
class Range:
    """What a first look at the voxels tells: the finite range, whether all are whole, how many are not finite."""

    low: float = math.inf
    high: float = -math.inf
    whole: bool = True
    not_finite: int = 0

    def add(self, values: SliceArray) -> None:
        if values.dtype.kind in "iu":
            self.low, self.high = min(self.low, int(values.min())), max(self.high, int(values.max()))
            return
        finite = np.isfinite(values)
        self.not_finite += int(values.size - finite.sum())
        known = values[finite]
        if known.size:
            self.low, self.high = min(self.low, float(known.min())), max(self.high, float(known.max()))
            self.whole = self.whole and bool((known == np.rint(known)).all())


def choose_mapping(found: Range, slope: float, intercept: float) -> tuple[Mapping, list[str]]:
    """How to store values of this range as int16, and what to tell the reader. `whole` ranges that fit are exact."""
    low, high = found.low, found.high
    if low > high:
        raise Refusal("no_values", "no voxel of the image is a finite number")
    warnings = []
    if found.not_finite:
        warnings.append(f"not_finite: {found.not_finite} voxels are not numbers; they show as the lowest value")
    if found.whole and high - low <= INT16[1] - INT16[0] and max(-low, high) < 1 << 53:
        fits = low >= INT16[0] and high <= INT16[1]
        shift = 0.0 if fits else float(32768 if low >= 0 and high <= 65535 else int(low) - INT16[0])
        lowest = int(low - shift)
        return Mapping(shift, 1.0, slope, intercept + slope * shift, exact=True, lowest=lowest), warnings
    if low == high:  # every voxel is stored as 0; the step only keeps a window of width 1 apart from nothing
        step = max(1.0, abs(low) * 1e-6)
        return Mapping(low, step, step * slope, intercept + slope * low, exact=False, lowest=0), warnings
    step = (high - low) / STEPS
    if not (math.isfinite(step) and step > 0 and math.isfinite(step * slope) and step * slope != 0):
        raise Refusal("value_range", f"the values reach from {low:g} to {high:g}, too far apart to be shown")
    middle = low + step * (STEPS // 2)
    warnings.append(
        f"values_rounded: values from {low * slope + intercept:g} to {high * slope + intercept:g} are kept "
        f"in steps of {abs(step * slope):.3g}"
    )
    return Mapping(middle, step, step * slope, intercept + slope * middle, exact=False, lowest=-STEPS // 2), warnings


@dataclass
class Written:
    """What an image became: its slabs on disk and the figures the viewer starts from."""

    slope: float
    intercept: float
    low: int
    high: int
    window_low: float
    window_high: float
    slab_names: list[str] = field(default_factory=list)
    slab_sha256s: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def write_image(source: Source, folder: Path, report: Callable[[int], None]) -> Written:
    """Normalise a source and write its slabs into `folder` as `slab-00000.gz` …; report(slices done) as it goes.

    Reads everything once more than needed only when the range is not known beforehand. Raises Refusal; what it wrote
    until then stays in the folder, which is the caller's to remove.
    """
    if source.channels == 3:
        return _write_colour(source, folder, report)
    found = Range()
    if source.stored_range is not None:
        found.low, found.high = source.stored_range
    else:
        for z in range(source.count):
            found.add(source.read(z))
    mapping, warnings = choose_mapping(found, source.slope, source.intercept)
    stored_counts = np.zeros(1 << 16, dtype=np.int64)
    written = Written(mapping.slope, mapping.intercept, INT16[1], INT16[0], 0.0, 1.0, warnings=warnings)
    with _Packer(folder, written) as packer:
        for first in range(0, source.count, SLAB_DEPTH):
            slab = np.stack(
                [mapping.store(source.read(z)) for z in range(first, min(first + SLAB_DEPTH, source.count))]
            )
            written.low, written.high = min(written.low, int(slab.min())), max(written.high, int(slab.max()))
            sample = slab[:, ::HISTOGRAM_STRIDE, ::HISTOGRAM_STRIDE].reshape(-1).astype(np.int64) - INT16[0]
            stored_counts += np.bincount(sample, minlength=1 << 16)
            packer.add(slab)
            report(first + len(slab))
    low, high = _window(stored_counts)
    ends = sorted((low * mapping.slope + mapping.intercept, high * mapping.slope + mapping.intercept))
    written.window_low, written.window_high = ends
    return written


def _write_colour(source: Source, folder: Path, report: Callable[[int], None]) -> Written:
    written = Written(1.0, 0.0, 0, 255, 0.0, 255.0)
    with _Packer(folder, written) as packer:
        for first in range(0, source.count, SLAB_DEPTH):
            slices = [source.read(z) for z in range(first, min(first + SLAB_DEPTH, source.count))]
            packer.add(np.stack(slices).transpose(3, 0, 1, 2))
            report(first + len(slices))
    return written


def _window(counts: npt.NDArray[np.int64]) -> tuple[int, int]:
    """The stored values between which 99 % of the sampled voxels lie, at least 1 apart."""
    share = np.cumsum(counts) / counts.sum()
    low, high = (int(np.searchsorted(share, edge)) + INT16[0] for edge in WINDOW_SHARES)
    return low, max(high, low + 1)


def looks_like_hounsfield(low: float, high: float) -> bool:
    """Whether displayed values that nobody named a unit for, nearly all between low and high, reach from air to tissue as only CT's do."""
    return AIR_HU[0] <= low <= AIR_HU[1] and TISSUE_HU[0] <= high <= TISSUE_HU[1]


class _Packer:
    """Packs and writes slabs on two threads, at most four in flight, and keeps their names and hashes in order."""

    def __init__(self, folder: Path, written: Written) -> None:
        self.folder = folder
        self.written = written
        self.threads = ThreadPoolExecutor(PACKERS)
        self.waiting: deque[Future[tuple[str, str]]] = deque()
        self.k = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            while self.waiting and exception[0] is None:
                self._take()
        finally:
            self.threads.shutdown(cancel_futures=True)

    def add(self, voxels: SliceArray) -> None:
        if len(self.waiting) >= 2 * PACKERS:
            self._take()
        self.waiting.append(self.threads.submit(self._pack, self.k, voxels))
        self.k += 1

    def _pack(self, k: int, voxels: SliceArray) -> tuple[str, str]:
        packed = encode_slab(voxels)
        name = f"slab-{k:05d}.gz"
        (self.folder / name).write_bytes(packed)
        return name, hashlib.sha256(packed).hexdigest()

    def _take(self) -> None:
        name, sha256 = self.waiting.popleft().result()
        self.written.slab_names.append(name)
        self.written.slab_sha256s.append(sha256)


def write_labels(source: Source, path: Path, report: Callable[[int], None]) -> np.dtype[Any]:
    """Write a label map as raw little-endian uint8, or uint16 where a value needs it, x fastest; returns the dtype.

    Refuses scaled values, fractions, negative values and values over 65535: a label that cannot be true.
    """
    if source.slope != 1.0 or source.intercept != 0.0:
        raise Refusal("label_scaled", "the label map has scaled values; save it with slope 1 and intercept 0")
    found = Range()
    for z in range(source.count):
        found.add(source.read(z))
    if found.not_finite or not found.whole:
        raise Refusal("label_fraction", "the label map holds values that are not whole numbers")
    if found.low < 0 or found.high > 65535:
        raise Refusal(
            "label_range", f"label values must lie between 0 and 65535; these reach {found.low:g} to {found.high:g}"
        )
    dtype: np.dtype[Any] = np.dtype(np.uint8 if found.high < 256 else "<u2")
    with path.open("wb") as file:
        for z in range(source.count):
            file.write(source.read(z).astype(dtype).tobytes())
            report(z + 1)
    return dtype


def check_size(nx: int, ny: int, nz: int, bytes_per_voxel: int, *, axis: int, slices: int, unpacked_bytes: int) -> None:
    """Refuse an image over the limits, in unbounded integers and before anything is allocated."""
    if min(nx, ny, nz) < 1:
        raise Refusal("pixel_description", f"the image has {nx} x {ny} x {nz} voxels")
    if max(nx, ny) > axis or nz > axis:
        raise Refusal("too_large", f"the image has {nx} x {ny} x {nz} voxels; the limit is {axis} per axis")
    if nz > slices:
        raise Refusal("too_large", f"the image has {nz} slices; the limit is {slices}")
    size = nx * ny * nz * bytes_per_voxel
    if size > unpacked_bytes:
        raise Refusal("too_large", f"the image unpacks to {size >> 20} MiB; the limit is {unpacked_bytes >> 20} MiB")
