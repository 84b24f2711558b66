"""NIfTI against nibabel where it is right, and refused by name where it cannot be."""

import gzip
import math
import struct
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.imaging import geometry, nifti
from backend.imaging.geometry import SourceAxes
from backend.imaging.nifti import NiftiVolume
from backend.imaging.refusal import Refusal
from tests import factories

LIMITS = {"axis": 16_384, "slices": 5_000, "unpacked_bytes": 1 << 26}


def opened(data: bytes, folder: Path) -> NiftiVolume:
    path = folder / "sent"
    path.write_bytes(data)
    return nifti.open_volume(path, folder / "unpacked", **LIMITS)


def refused(data: bytes, folder: Path) -> Refusal:
    with pytest.raises(Refusal) as found:
        opened(data, folder)
    return found.value


def plain(shape_xyz: tuple[int, ...] = (5, 4, 3), dtype: str = "<i2", kind: type = nibabel.Nifti1Image) -> bytearray:
    array = np.arange(math.prod(shape_xyz)).reshape(shape_xyz).astype(dtype)
    return bytearray(kind(array, factories.oblique_affine()).to_bytes())


def changed(offset: int, kind: str, *values: Any, size: tuple[int, ...] = (5, 4, 3)) -> bytes:
    data = plain(size)
    struct.pack_into("<" + kind, data, offset, *values)
    return bytes(data)


@pytest.mark.parametrize("volume", list(factories.odd_volumes()), ids=lambda volume: volume.name)
def test_odd_volumes_read_as_nibabel_reads_them(volume: factories.Volume, tmp_path: Path) -> None:
    found = opened(volume.nifti(), tmp_path)

    truth = nibabel.as_closest_canonical(nibabel.Nifti1Image.from_bytes(gzip.decompress(volume.nifti())))
    assert np.array_equal(
        found.array_zyx * found.slope + found.intercept, np.asanyarray(truth.dataobj).T.reshape(found.array_zyx.shape)
    )
    assert np.allclose(found.affine, truth.affine, atol=1e-5)


@pytest.mark.parametrize("dtype", ["u1", "i1", "<i2", ">i2", "<u2", "<i4", ">u4", "<i8", "<u8", "<f4", ">f8"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_every_data_type_in_both_versions_and_byte_orders(dtype: str, kind: type, tmp_path: Path) -> None:
    header = (nibabel.Nifti1Header if kind is nibabel.Nifti1Image else nibabel.Nifti2Header)(
        endianness=">" if dtype.startswith(">") else "<"
    )
    array = np.arange(60).reshape(5, 4, 3).astype(dtype)
    header.set_data_dtype(array.dtype)

    found = opened(kind(array, np.diag([2, 3, 4, 1]), header).to_bytes(), tmp_path)

    assert np.array_equal(found.array_zyx, array.T) and found.shape_xyz == (5, 4, 3)
    assert geometry.spacing_mm(found.affine) == (2, 3, 4)


def test_a_qform_alone_places_the_image_as_nibabel_does(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.zeros((5, 4, 3), np.int16), None)
    flipped = factories.oblique_affine() @ np.diag([1, 1, -1, 1])
    image.header.set_qform(flipped, code=1)

    found = opened(image.to_bytes(), tmp_path)

    truth = nibabel.as_closest_canonical(nibabel.Nifti1Image.from_bytes(image.to_bytes()))
    assert np.allclose(found.affine, truth.affine, atol=1e-5)


def test_scaling_is_kept_beside_the_stored_values(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.arange(60, dtype=np.int16).reshape(5, 4, 3), np.eye(4))
    data = bytearray(image.to_bytes())
    struct.pack_into("<2f", data, 112, 0.5, -10.0)

    found = opened(bytes(data), tmp_path)

    assert (found.slope, found.intercept) == (0.5, -10.0) and found.array_zyx[0, 0, 1] == 12 * 0 + 12


@pytest.mark.parametrize("slope", [0.0, math.nan])
def test_a_slope_of_zero_or_nothing_means_unscaled(slope: float, tmp_path: Path) -> None:
    found = opened(changed(112, "2f", slope, 5.0), tmp_path)

    assert (found.slope, found.intercept) == (1.0, 0.0)


BAD_HEADERS = {
    "an infinite slope": (changed(112, "2f", math.inf, 0.0), "pixel_description"),
    "an infinite intercept": (changed(112, "2f", 1.0, math.inf), "pixel_description"),
    "an absurd slope": (changed(112, "2f", 1e35, 0.0), "pixel_description"),
    "no dimensions": (changed(40, "h", 0), "pixel_description"),
    "eight dimensions": (changed(40, "h", 8), "pixel_description"),
    "a negative axis": (changed(42, "h", -5), "pixel_description"),
    "an empty axis": (changed(44, "h", 0), "pixel_description"),
    "a huge axis": (changed(42, "h", 32767), "too_large"),
    "more voxels than bytes": (changed(42, "h", 50), "truncated"),
    "bitpix of another type": (changed(72, "h", 8), "pixel_description"),
    "an unknown type": (changed(70, "h", 7), "pixel_description"),
    "complex voxels": (changed(70, "2h", 32, 64), "unsupported"),
    "colour voxels": (changed(70, "2h", 128, 24), "unsupported"),
    "voxels inside the header": (changed(108, "f", 100.0), "pixel_description"),
    "voxels at half a byte": (changed(108, "f", 352.5), "pixel_description"),
    "voxels nowhere": (changed(108, "f", math.nan), "pixel_description"),
    "voxels beyond the file": (changed(108, "f", 3000.0), "truncated"),
    "a NaN in the sform": (changed(280, "f", math.nan), "geometry"),
    "a flat sform": (changed(280, "12f", *([1.0] * 12)), "geometry"),
    "an sform of zeros": (changed(280, "12f", *([0.0] * 12)), "geometry"),
    "a far origin": (changed(292, "f", 1e7), "geometry"),
    "the pair's magic": (changed(344, "4s", b"ni1\0"), "unsupported"),
    "Analyze's magic": (changed(344, "4s", b"\0\0\0\0"), "unsupported"),
}


@pytest.mark.parametrize("case", BAD_HEADERS)
def test_a_header_that_cannot_be_true_is_refused(case: str, tmp_path: Path) -> None:
    data, code = BAD_HEADERS[case]

    found = refused(data, tmp_path)

    assert found.code == code and found.reason.count(" ") >= 4


def test_a_time_series_is_refused_by_its_size_and_a_lone_fourth_axis_is_not(tmp_path: Path) -> None:
    assert "5 x 4 x 3 x 2" in refused(bytes(plain((5, 4, 3, 2))), tmp_path).reason

    assert opened(bytes(plain((5, 4, 3, 1))), tmp_path).shape_xyz == (5, 4, 3)


def test_a_picture_of_two_axes_is_a_slice(tmp_path: Path) -> None:
    assert opened(bytes(plain((5, 4))), tmp_path).count == 1


def test_a_long_quaternion_and_a_zero_voxel_are_refused_where_they_are_the_only_source(tmp_path: Path) -> None:
    turned = plain()
    struct.pack_into("<2h", turned, 252, 1, 0)
    struct.pack_into("<3f", turned, 256, 0.9, 0.9, 0.0)
    assert refused(bytes(turned), tmp_path).code == "geometry"

    sizeless = plain()
    struct.pack_into("<2h", sizeless, 252, 0, 0)
    struct.pack_into("<f", sizeless, 80, 0.0)
    assert refused(bytes(sizeless), tmp_path).code == "geometry"


def test_an_image_that_says_nothing_of_its_orientation_is_taken_with_a_warning(tmp_path: Path) -> None:
    data = plain()
    struct.pack_into("<2h", data, 252, 0, 0)

    found = opened(bytes(data), tmp_path)

    assert found.source_axes == SourceAxes() and any(w.startswith("orientation_unknown") for w in found.warnings)
    assert geometry.sides_of("regular", found.warnings) == "unknown"


def test_forms_that_disagree_are_told_and_the_sform_wins(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.zeros((5, 4, 3), np.int16), np.diag([1, 1, 1, 1]))
    image.header.set_qform(np.diag([-1, 1, 1, 1]), code=1)

    found = opened(image.to_bytes(), tmp_path)

    assert [w.partition(":")[0] for w in found.warnings] == ["forms_disagree", "orientation_unknown"]
    assert geometry.sides_of("regular", found.warnings) == "doubtful"
    assert np.array_equal(found.affine, np.eye(4))


@given(st.data())
def test_a_file_cut_anywhere_is_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    packed = data.draw(st.booleans())
    whole = gzip.compress(bytes(plain())) if packed else bytes(plain())
    cut = data.draw(st.integers(0, len(whole) - 1))
    folder = tmp_path_factory.mktemp("cut")

    assert refused(whole[:cut], folder).code in ("truncated", "corrupt")


def test_bytes_after_the_voxels_are_a_warning_and_never_voxels(tmp_path: Path) -> None:
    for data in (
        bytes(plain()) + b"more",
        gzip.compress(bytes(plain()) + b"more"),
        gzip.compress(bytes(plain())) + b"x",
    ):
        found = opened(data, tmp_path)
        assert any(w.startswith("trailing_bytes") for w in found.warnings)
        assert found.shape_xyz == (5, 4, 3)


def test_a_gzip_whose_checksum_is_wrong_is_refused(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(bytes(plain())))
    data[-6] ^= 1

    assert refused(bytes(data), tmp_path).code == "corrupt"


def test_a_gzip_bomb_is_unpacked_no_further_than_its_header_needs(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(plain()) + bytes(1 << 26))

    opened(bomb, tmp_path)

    assert (tmp_path / "unpacked").stat().st_size == 352 + 120


def test_a_gzip_of_several_members_is_one_file(tmp_path: Path) -> None:
    whole = bytes(plain())

    found = opened(gzip.compress(whole[:400]) + gzip.compress(whole[400:]), tmp_path)

    assert found.warnings == () and found.shape_xyz == (5, 4, 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_exported_label_opens_in_nibabel_on_the_users_axes(dtype: type, tmp_path: Path) -> None:
    axes = SourceAxes((2, 0, 1), (True, False, True))
    truth = np.random.default_rng(5).integers(0, 9, (4, 5, 6)).astype(dtype)  # the user's file, [z, y, x]
    user_affine = factories.oblique_affine()
    ours, affine = axes.apply(truth), axes.apply_affine(user_affine, (6, 5, 4))

    (tmp_path / "label.nii.gz").write_bytes(nifti.export_label(ours, geometry.to_rows(affine), axes.to_json()))

    label = nibabel.load(tmp_path / "label.nii.gz")
    assert np.array_equal(np.asanyarray(label.dataobj), truth.T) and label.get_data_dtype() == dtype
    assert np.allclose(label.affine, user_affine, atol=1e-5)
    assert np.allclose(label.get_qform(), user_affine, atol=1e-4)
    assert label.header.get_slope_inter() in ((1.0, 0.0), (None, None))


@pytest.mark.parametrize("turn", [np.diag([-1, -1, 1]), np.diag([1, -1, -1]), np.diag([-1, 1, -1]), np.eye(3)])
def test_half_turns_have_a_quaternion_too(turn: np.ndarray, tmp_path: Path) -> None:
    affine = np.eye(4)
    affine[:3, :3] = turn * [0.5, 0.6, 0.7]

    (tmp_path / "a.nii.gz").write_bytes(
        nifti.export_label(np.zeros((2, 3, 4), np.uint8), geometry.to_rows(affine), None)
    )

    assert np.allclose(nibabel.load(tmp_path / "a.nii.gz").get_qform(), affine, atol=1e-6)


def test_a_sheared_image_exports_an_sform_only(tmp_path: Path) -> None:
    affine = np.eye(4)
    affine[0, 2] = 0.3

    (tmp_path / "a.nii.gz").write_bytes(
        nifti.export_label(np.zeros((2, 3, 4), np.uint8), geometry.to_rows(affine), None)
    )

    header = nibabel.load(tmp_path / "a.nii.gz").header
    assert (int(header["qform_code"]), int(header["sform_code"])) == (0, 2)
    assert np.allclose(header.get_sform(), affine)
