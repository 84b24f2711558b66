"""Any numbers in, int16 and an honest slope out; slabs that read back equal."""

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from backend.imaging import slabs, volume
from backend.imaging.refusal import Refusal


@dataclass
class Plain:
    """A source over an array in memory [z, y, x] or [z, y, x, 3]."""

    array: np.ndarray
    slope: float = 1.0
    intercept: float = 0.0
    stored_range: tuple[int, int] | None = None

    @property
    def channels(self) -> int:
        return 3 if self.array.ndim == 4 else 1

    @property
    def count(self) -> int:
        return len(self.array)

    def read(self, z: int, /) -> Any:
        return self.array[z]


def keep(source: Plain, folder: Path) -> tuple[volume.Written, np.ndarray]:
    written = volume.write_image(source, folder, lambda _: None)
    nz, ny, nx = source.array.shape[:3]
    packed = [(folder / name).read_bytes() for name in written.slab_names]
    return written, slabs.decode_volume(packed, nz, ny, nx, source.channels)


def shown(written: volume.Written, stored: np.ndarray) -> np.ndarray:
    return stored * written.slope + written.intercept


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [("i2", -32768, 32767), ("u2", 0, 65535), ("u1", 0, 255), ("i1", -128, 127), ("i4", 100_000, 165_535),
     ("i8", -(1 << 40), 65_535 - (1 << 40)), (">i2", -5, 900), (">u4", 0, 40_000)],
)  # fmt: skip
def test_whole_numbers_whose_range_fits_are_kept_exactly(dtype: str, low: int, high: int, tmp_path: Path) -> None:
    array = np.random.default_rng(3).integers(low, high, (11, 5, 7), endpoint=True).astype(dtype)
    array.flat[:2] = low, high

    written, stored = keep(Plain(array, slope=2.0, intercept=-7.0), tmp_path)

    assert (shown(written, stored.astype(float)) == array.astype(float) * 2 - 7).all()
    assert (written.low, written.high) == (stored.min(), stored.max()) and not written.warnings


def test_numbers_that_fit_int16_are_stored_as_they_are(tmp_path: Path) -> None:
    array = np.arange(-100, 100, dtype=np.int16).reshape(4, 5, 10)

    _, stored = keep(Plain(array), tmp_path)

    assert (stored == array).all()


def test_a_known_16_bit_range_is_never_read_twice(tmp_path: Path) -> None:
    array = np.array([[[0, 65535]]], np.uint16)
    source = Plain(array, stored_range=(0, 65535))

    written, stored = keep(source, tmp_path)

    assert stored.tolist() == [[[-32768, 32767]]] and written.intercept == 32768


def test_floats_that_are_whole_numbers_are_kept_exactly(tmp_path: Path) -> None:
    array = np.array([[[-1024.0, 0.0, 3071.0]]])

    written, stored = keep(Plain(array), tmp_path)

    assert (shown(written, stored) == array).all() and not written.warnings


@pytest.mark.parametrize(
    "array",
    [
        np.random.default_rng(1).normal(0, 1e-3, (3, 8, 8)),
        np.random.default_rng(1).normal(0, 1e6, (3, 8, 8)).astype(np.float32),
        np.random.default_rng(1).integers(0, 1 << 31, (3, 8, 8)),
    ],
    ids=["small floats", "large floats", "32-bit integers"],
)
def test_other_numbers_are_rounded_by_less_than_the_stated_step(array: np.ndarray, tmp_path: Path) -> None:
    written, stored = keep(Plain(array), tmp_path)

    assert np.abs(shown(written, stored) - array).max() <= written.slope / 2 * (1 + 1e-6)
    assert written.slope <= (float(array.max()) - float(array.min())) / 65_000
    assert written.warnings[0].startswith("values_rounded") and f"{written.slope:.3g}" in written.warnings[0]


def test_voxels_that_are_no_numbers_are_counted_and_show_as_the_lowest(tmp_path: Path) -> None:
    array = np.array([[[np.nan, np.inf, -np.inf, 0.25, 7.5]]])

    written, stored = keep(Plain(array), tmp_path)

    assert shown(written, stored)[0, 0].tolist() == pytest.approx([0.25, 0.25, 0.25, 0.25, 7.5], abs=1e-3)
    assert written.warnings[0].startswith("not_finite: 3 voxels")


def test_an_image_without_one_finite_voxel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="no voxel"):
        keep(Plain(np.full((1, 2, 2), np.nan)), tmp_path)


@pytest.mark.parametrize("value", [0, -5, 0.5, 1e20])
def test_a_constant_image_is_fine_and_its_window_is_not_empty(value: float, tmp_path: Path) -> None:
    written, stored = keep(Plain(np.full((2, 3, 3), value)), tmp_path)

    assert shown(written, stored) == pytest.approx(np.full((2, 3, 3), value))
    assert written.window_low < written.window_high


def test_a_negative_slope_keeps_the_window_the_right_way_round(tmp_path: Path) -> None:
    written, _ = keep(Plain(np.arange(1000, dtype=np.int16).reshape(10, 10, 10), slope=-1.0), tmp_path)

    assert -999 <= written.window_low < written.window_high <= 0


def test_colour_is_kept_as_three_planes(tmp_path: Path) -> None:
    array = np.random.default_rng(2).integers(0, 256, (9, 4, 5, 3)).astype(np.uint8)

    written, stored = keep(Plain(array), tmp_path)

    assert (stored == array.transpose(3, 0, 1, 2)).all() and len(written.slab_names) == 2


@given(npst.arrays(np.int16, st.tuples(st.integers(1, 8), st.integers(1, 9), st.integers(1, 9))))
def test_a_slab_reads_back_equal(voxels: np.ndarray) -> None:
    packed = slabs.encode_slab(voxels)

    assert (slabs.decode_slab(packed, *voxels.shape, 1) == voxels).all()
    raw = gzip.decompress(packed)
    assert raw == voxels.astype("<i2").tobytes()[::2] + voxels.astype("<i2").tobytes()[1::2]


@pytest.mark.parametrize("damage", [lambda b: b[:-5], lambda b: b[:30] + b"\x00" + b[31:], lambda b: b + b"x"])
def test_a_damaged_slab_is_never_wrong_pixels(damage) -> None:
    voxels = np.random.default_rng(4).integers(-9, 9, (8, 16, 16)).astype(np.int16)

    with pytest.raises(Refusal):
        slabs.decode_slab(damage(slabs.encode_slab(voxels)), 8, 16, 16, 1)


def test_a_slab_of_another_size_is_refused_before_it_is_unpacked_whole() -> None:
    bomb = gzip.compress(bytes(1 << 24))

    with pytest.raises(Refusal, match="512 bytes"):
        slabs.unpack_slab(bomb, 512)


def test_slabs_cover_every_slice_once() -> None:
    for nz in (1, 7, 8, 9, 300):
        covered = [z for k in range(slabs.slab_count(nz)) for z in slabs.slab_slices(k, nz)]
        assert covered == list(range(nz))
    with pytest.raises(IndexError):
        slabs.slab_slices(2, 16)


def test_label_slabs_are_the_raw_slices() -> None:
    labels = np.arange(10 * 2 * 3, dtype=np.uint16).reshape(10, 2, 3)

    assert slabs.label_slab(labels, 1) == labels[8:].astype("<u2").tobytes()
    assert zlib.decompress(slabs.pack_label_slab(slabs.label_slab(labels, 0)), 31) == labels[:8].tobytes()


@pytest.mark.parametrize(
    ("array", "slope", "code"),
    [
        (np.array([[[0.5]]]), 1.0, "label_fraction"),
        (np.array([[[np.nan]]]), 1.0, "label_fraction"),
        (np.array([[[-1]]]), 1.0, "label_range"),
        (np.array([[[1 << 40]]]), 1.0, "label_range"),
        (np.array([[[1]]]), 0.5, "label_scaled"),
    ],
)
def test_labels_that_cannot_be_true_are_refused(array: np.ndarray, slope: float, code: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refused:
        volume.write_labels(Plain(array, slope=slope), tmp_path / "labels.raw", lambda _: None)

    assert refused.value.code == code


@pytest.mark.parametrize(("highest", "dtype"), [(0, "uint8"), (255, "uint8"), (256, "uint16"), (65535, "uint16")])
def test_labels_take_the_smallest_type_that_holds_them(highest: int, dtype: str, tmp_path: Path) -> None:
    array = np.zeros((2, 3, 4))
    array[1, 2, 3] = highest

    kind = volume.write_labels(Plain(array), tmp_path / "labels.raw", lambda _: None)

    assert kind.name == dtype
    assert (np.fromfile(tmp_path / "labels.raw", kind).reshape(2, 3, 4) == array).all()


@pytest.mark.parametrize("size", [(0, 5, 5), (20_000, 5, 5), (5, 5, 6000), (16_000, 16_000, 4000)])
def test_sizes_over_the_limits_are_refused_before_anything_is_allocated(size: tuple[int, int, int]) -> None:
    with pytest.raises(Refusal):
        volume.check_size(*size, 2, axis=16_384, slices=5_000, unpacked_bytes=1 << 30)
