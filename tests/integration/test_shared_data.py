"""Real files others made, through the real import child: every verdict and every voxel against the packs' own oracles.

`dicom/expected.json` was written by pydicom with other decoders than ours; the orientation pack is one head in many
axis orders. Both live outside the repository and are skipped loudly where absent.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_color_lut

from backend.imaging import geometry, nifti, slabs
from backend.studies.ingest import Limits, ParsedImage, Verdict, is_label_name, parse_files
from backend.studies.ingest.child import Children
from backend.studies.ingest.reading import Import
from tests.conftest import shared_data

LOSSY_JPEG = tuple(f"1.2.840.10008.1.2.4.{last}" for last in (50, 51, 53, 55))  # decoders round differently
NO_IMAGES = ("Segmentation Storage", "1.2.840.10008.5.1.4.1.1.66.7", "VL Whole Slide Microscopy Image Storage")


@pytest.fixture(scope="module")
def pack() -> Path:
    return shared_data("dicom")


@pytest.fixture(scope="module")
def expected(pack: Path) -> dict[str, dict[str, Any]]:
    return json.loads((pack / "expected.json").read_text())


@pytest.fixture(scope="module")
def children() -> Iterator[Children]:
    with Children(Limits()) as opened:
        yield opened


def import_one(pack: Path, name: str, folder: Path, children: Children) -> tuple[list[ParsedImage], Verdict]:
    images, verdicts = Import([(name, pack / name)], folder, Limits(), lambda *_: None, children).run()
    assert len(verdicts) == 1 and verdicts[0].file == name
    return images, verdicts[0]


def stored(image: ParsedImage) -> np.ndarray:
    """The image's slabs put together again: int16 [z, y, x] or uint8 [z, y, x, 3]."""
    packed = (path.read_bytes() for path in image.slab_paths)
    volume = slabs.decode_volume(packed, image.nz, image.ny, image.nx, image.channels)
    return volume.transpose(1, 2, 3, 0) if image.channels == 3 else volume


def as_in_the_file(volume: np.ndarray, fact: dict[str, Any]) -> np.ndarray:
    """Stored values as the file's own: unsigned 16-bit numbers are kept 32,768 lower."""
    dtype = np.dtype(fact["dtype"]).newbyteorder("<")
    moved = dtype == np.dtype("<u2") and fact["bits"] == 16
    return (volume.astype(np.int32) + (32768 if moved else 0)).astype(dtype)


def check_pixels(image: ParsedImage, fact: dict[str, Any], path: Path) -> None:
    """One image from one file holds exactly the pixels the oracle read; lossy JPEG and floats within their rounding."""
    volume = stored(image)
    if fact["photometric"] == "PALETTE COLOR":
        file = pydicom.dcmread(path)
        coloured = apply_color_lut(file.pixel_array, file)
        eight_bit = coloured if coloured.dtype == np.uint8 else (coloured >> 8).astype(np.uint8)
        assert (volume == eight_bit.reshape(volume.shape)).all()
    elif fact["dtype"].startswith("float") and "SimpleITK" not in fact["decoder"]:
        shown = volume * image.slope + image.intercept
        assert np.abs([shown.min() - fact["min"], shown.max() - fact["max"]]).max() <= image.slope
    elif fact["syntax"] in LOSSY_JPEG:
        shown = (
            volume * image.slope + image.intercept if "rescaled" in fact["decoder"] else as_in_the_file(volume, fact)
        )
        rounding = 2 * image.slope
        assert abs(shown.min() - fact["min"]) <= rounding and abs(shown.max() - fact["max"]) <= rounding
    else:
        hashes = {frames_sha256(volume, fact), frames_sha256(volume[::-1], fact)}
        assert fact["sha256"] in hashes


def frames_sha256(volume: np.ndarray, fact: dict[str, Any]) -> str:
    frames = as_in_the_file(volume, fact)
    if list(frames.shape) != fact["shape"]:
        frames = frames[0]
    return hashlib.sha256(np.ascontiguousarray(frames).tobytes()).hexdigest()


def is_image(fact: dict[str, Any]) -> bool:
    return fact.get("rows") is not None and fact["sop"] not in NO_IMAGES


def names_below(folder: str, expected: dict[str, dict[str, Any]]) -> list[str]:
    return [name for name in expected if name.startswith(folder + "/")]


@pytest.mark.parametrize("folder", ["syntax", "enhanced"])
def test_every_transfer_syntax_and_multi_frame_file_reads_back_equal(
    folder: str, pack: Path, expected: dict[str, dict[str, Any]], children: Children, tmp_path: Path
) -> None:
    names = names_below(folder, expected)
    for place, name in enumerate(names):
        images, verdict = import_one(pack, name, tmp_path / f"{place}", children)

        assert verdict.status in ("accepted", "warning"), verdict
        assert len(images) == 1
        check_pixels(images[0], expected[name], pack / name)
    assert len(names) >= 5


def test_the_lossless_syntaxes_of_one_slice_give_one_image(pack: Path, children: Children, tmp_path: Path) -> None:
    names = sorted(path.name for path in (pack / "syntax/cornerstone3d").glob("CTImage.dcm*"))
    lossy = (".4.50", ".4.51", ".4.53", ".4.55", ".4.81", ".4.91")
    kept = [name for name in names if not name.removesuffix(".dcm").endswith(lossy)]

    hashes = set()
    for name in kept:
        images, _ = import_one(pack, f"syntax/cornerstone3d/{name}", tmp_path / name, children)
        hashes.add(tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in images[0].slab_paths))

    assert len(kept) == 10 and len(hashes) == 1


@pytest.mark.parametrize("folder", ["objects", "odd"])
def test_every_odd_file_is_read_equal_or_refused_by_name(
    folder: str, pack: Path, expected: dict[str, dict[str, Any]], children: Children, tmp_path: Path
) -> None:
    accepted = 0
    for place, name in enumerate(names_below(folder, expected)):
        fact = expected[name]
        images, verdict = import_one(pack, name, tmp_path / f"{place}", children)

        assert verdict.status != "quarantined", verdict
        assert bool(images) == (verdict.status in ("accepted", "warning"))
        if images:
            accepted += 1
            check_pixels(images[0], fact, pack / name)
        elif folder == "objects" and is_image(fact):
            pytest.fail(f"an image was refused: {verdict}")
        else:
            known = {"identity", "unsupported", "not_an_image", "truncated"}
            assert verdict.code in known and len(verdict.message) > 20, verdict
    assert accepted >= 12


def test_what_the_oracle_cannot_read_is_refused_with_a_sentence(
    pack: Path, expected: dict[str, dict[str, Any]], children: Children, tmp_path: Path
) -> None:
    unreadable = [name for name, fact in expected.items() if "read" in fact or "decoder" not in fact]
    for place, name in enumerate(unreadable):
        images, verdict = import_one(pack, name, tmp_path / f"{place}", children)

        assert not images and verdict.status == "refused" and verdict.message.count(" ") >= 4, verdict
    assert len(unreadable) == 13


SERIES = {  # folder: what its images are, as (x, y, z, geometry)
    "d2n_ge_anatomical_001_single_slice": [(256, 256, 1, "regular")],
    "d2n_generic_compressed_001": [(256, 256, 4, "regular")],
    "d2n_generic_compressed_jpegls_001": [(256, 256, 4, "regular")],
    "d2n_siemens_anatomical_001": [(256, 256, 4, "regular")],
    "d2n_philips_enhanced_anatomical_001": [(256, 256, 8, "regular")],
    "d2n_failing_sliceincrement_001": [(512, 512, 4, "irregular")],
    "d2n_failing_notavolume_001": [(512, 512, 1, "regular")] * 4,
    "ct_ge_variable_tilt_and_gaps": [(512, 512, 28, "irregular")],
    "vs-seg-001_t1_jpegls": [(512, 512, 120, "regular")],
    "pgbm003": [(34, 50, 40, "regular")] + [(280, 320, 22, "regular")] * 4,
}


@pytest.mark.parametrize("series", sorted(SERIES))
def test_a_real_series_becomes_the_volumes_it_is(
    series: str, pack: Path, expected: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    names = names_below(f"series/{series}", expected)

    images, verdicts = parse_files([(name, pack / name) for name in names], tmp_path, Limits(), lambda *_: None)

    assert {verdict.file for verdict in verdicts if verdict.image is not None} == set(names)
    assert [(i.nx, i.ny, i.nz, i.geometry) for i in sorted(images, key=lambda i: i.nx)] == SERIES[series]
    for image in images:
        volume = stored(image)
        for instance in image.instances:
            if instance.position_index is None:
                check_pixels(image, expected[instance.file], pack / instance.file)
                continue
            fact = expected[instance.file]
            frame = as_in_the_file(volume[instance.position_index], fact)
            assert hashlib.sha256(np.ascontiguousarray(frame).tobytes()).hexdigest() == fact["sha256"]


def test_slices_with_rescaling_of_their_own_keep_their_displayed_values(pack: Path, tmp_path: Path) -> None:
    files = sorted((pack / "series/d2n_generic_anatomical_002_non_isotropic").iterdir())

    images, _ = parse_files([(path.name, path) for path in files], tmp_path, Limits(), lambda *_: None)

    shown = stored(images[0]) * images[0].slope + images[0].intercept
    for instance in images[0].instances:
        file = pydicom.dcmread(next(path for path in files if path.name == instance.file))
        truth = file.pixel_array * float(file.RescaleSlope) + float(file.RescaleIntercept)
        assert np.abs(shown[instance.position_index] - truth).max() <= images[0].slope / 2 + 1e-9
    assert any(warning.startswith("values_rounded") for warning in images[0].warnings)


def test_the_position_of_every_voxel_is_the_one_dicom_gives(pack: Path, tmp_path: Path) -> None:
    files = sorted((pack / "series/pgbm003").glob("36468*/*"))

    images, _ = parse_files([(path.name, path) for path in files], tmp_path, Limits(), lambda *_: None)

    affine = geometry.from_rows(images[0].affine)
    by_name = {path.name: pydicom.dcmread(path, stop_before_pixels=True) for path in files}
    for instance in images[0].instances:
        file = by_name[instance.file]
        row, column = np.array(file.ImageOrientationPatient[:3]), np.array(file.ImageOrientationPatient[3:])
        down, right = (float(value) for value in file.PixelSpacing)
        lps = np.array(file.ImagePositionPatient, dtype=float) + row * right * 7 + column * down * 11
        ours = (affine @ [7, 11, instance.position_index, 1])[:3]
        assert np.abs(ours - lps * [-1, -1, 1]).max() < 0.01


# -------------------------------------------------------------------------------------------------- NIfTI orientations


@pytest.fixture(scope="module")
def heads() -> list[Path]:
    return sorted(shared_data("nifti-orientation").glob("*.nii.gz"))


def test_every_axis_order_gives_one_array_and_one_affine(heads: list[Path], tmp_path: Path) -> None:
    orders = [path for path in heads if len(path.name) == len("RAS.nii.gz")]

    images, verdicts = parse_files([(path.name, path) for path in orders], tmp_path, Limits(), lambda *_: None)

    found = defaultdict(list)
    for image in images:
        pixels = tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in image.slab_paths)
        affine = tuple(round(value, 4) for value in image.affine)  # the files keep float32
        found[(pixels, affine, image.slope, image.intercept)].append(image.name)
    assert [verdict.status for verdict in verdicts] == ["accepted"] * len(orders)
    assert len(orders) == 25 and len(found) == 1


def test_import_is_what_nibabel_calls_closest_canonical(heads: list[Path], tmp_path: Path) -> None:
    images, _ = parse_files([(path.name, path) for path in heads], tmp_path, Limits(), lambda *_: None)

    assert len(images) == len(heads)
    for image, path in zip(images, heads, strict=True):
        truth = nibabel.as_closest_canonical(nibabel.load(path))
        shown = stored(image) * image.slope + image.intercept
        assert np.allclose(truth.affine, geometry.from_rows(image.affine), atol=1e-6)
        assert np.array_equal(shown, np.asanyarray(truth.dataobj).T)


def test_a_label_returns_exactly_onto_the_file_its_image_came_from(heads: list[Path], tmp_path: Path) -> None:
    images, _ = parse_files([(path.name, path) for path in heads], tmp_path, Limits(), lambda *_: None)

    for image, path in zip(images, heads, strict=True):
        original = nibabel.load(path)
        threshold = np.median(np.asanyarray(original.dataobj))
        shown = stored(image) * image.slope + image.intercept
        exported = nifti.export_label((shown > threshold).astype(np.uint8), image.affine, image.source_axes)
        (tmp_path / "label.nii.gz").write_bytes(exported)
        label = nibabel.load(tmp_path / "label.nii.gz")
        assert np.array_equal(label.affine.astype(np.float32), original.affine.astype(np.float32))
        assert np.array_equal(np.asanyarray(label.dataobj), np.asanyarray(original.dataobj) > threshold)


def test_an_exported_label_comes_back_onto_its_image(heads: list[Path], tmp_path: Path) -> None:
    images, _ = parse_files([(path.name, path) for path in heads[:6]], tmp_path, Limits(), lambda *_: None)
    sent = []
    for image in images:
        label = (stored(image) > np.median(stored(image))).astype(np.uint8)
        path = tmp_path / f"{image.name}-label.nii.gz"
        path.write_bytes(nifti.export_label(label, image.affine, image.source_axes))
        sent.append((f"segmentations/Exp1/{image.name}.nii.gz", path, label))
    assert all(is_label_name(name) for name, _, _ in sent)

    labels, _ = parse_files([(name, path) for name, path, _ in sent], tmp_path / "back", Limits(), lambda *_: None)

    for image, back, (_, _, truth) in zip(images, labels, sent, strict=True):
        assert back.kind == "label" and back.label_path is not None
        assert np.array_equal(np.fromfile(back.label_path, np.uint8).reshape(truth.shape), truth)
        assert back.source_axes == image.source_axes and np.allclose(back.affine, image.affine, atol=1e-5)
