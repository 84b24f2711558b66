"""Made, not stored: small volumes with known truth, named for what is odd about them, and the files they travel in.

Arrays are [z, y, x]; affines are 4×4 in NIfTI's frame (RAS millimetres) and take (x, y, z), as the files do. Everything is
deterministic: the same call gives the same bytes.
"""

import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

UID_ROOT = "1.2.826.0.1.3680043.10.1561"  # for tests only


@dataclass(frozen=True)
class Volume:
    """One image with its truth: intensities int16 [z, y, x], labels uint8 on the same grid, affine RAS 4×4."""

    name: str
    image_zyx: NDArray[np.int16]
    labels_zyx: NDArray[np.uint8]
    affine_ras: NDArray[np.float64]

    def nifti(self) -> bytes:
        """The image as `.nii.gz`."""
        return nifti_bytes(self.image_zyx, self.affine_ras)

    def nifti_labels(self) -> bytes:
        """The label map as `.nii.gz`."""
        return nifti_bytes(self.labels_zyx, self.affine_ras)


def ellipsoid(
    shape_zyx: tuple[int, int, int], centre_zyx: tuple[float, ...], radii_zyx: tuple[float, ...]
) -> NDArray[np.bool_]:
    """A filled ellipsoid as a mask; centre and radii in voxels."""
    axes = np.ogrid[tuple(slice(length) for length in shape_zyx)]
    distance = sum(((axis - c) / r) ** 2 for axis, c, r in zip(axes, centre_zyx, radii_zyx, strict=True))
    return np.asarray(distance <= 1)


def affine(
    spacing_mm: tuple[float, float, float], origin_mm: tuple[float, float, float] = (0, 0, 0)
) -> NDArray[np.float64]:
    """Axis-aligned voxel → RAS millimetres; spacing in (x, y, z)."""
    matrix = np.diag([*spacing_mm, 1.0])
    matrix[:3, 3] = origin_mm
    return matrix


def oblique_affine(
    spacing_mm: tuple[float, float, float] = (0.9, 1.1, 3.3), degrees: float = 23.0
) -> NDArray[np.float64]:
    """A grid turned about x and then z: no axis is parallel to a patient axis. Voxel → RAS millimetres."""
    a = np.deg2rad(degrees)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = about_z @ about_x @ np.diag(spacing_mm)
    matrix[:3, 3] = (-31.5, 12.25, 40.0)
    return matrix


def volume(
    name: str = "ball",
    shape_zyx: tuple[int, int, int] = (12, 40, 48),
    affine_ras: NDArray[np.float64] | None = None,
    seed: int = 1,
    lift: int = 300,
) -> Volume:
    """A bright ellipsoid in noise, off-centre so that every flip shows; label 1 where it is."""
    nz, ny, nx = shape_zyx
    mask = ellipsoid(shape_zyx, (nz * 0.45, ny * 0.4, nx * 0.6), (max(nz * 0.3, 0.6), ny * 0.25, nx * 0.2))
    noise = np.random.default_rng(seed).normal(100, 20, shape_zyx)
    image = (noise + lift * mask).astype(np.int16)
    return Volume(name, image, mask.astype(np.uint8), affine((0.8, 0.8, 2.5)) if affine_ras is None else affine_ras)


def odd_spacing() -> Volume:
    """Three different voxel sizes, none of them round."""
    return volume("odd-spacing", affine_ras=affine((0.4883, 0.7311, 4.9973), (-120.5, 33.25, -7.125)))


def oblique() -> Volume:
    """No axis parallel to the patient's."""
    return volume("oblique", affine_ras=oblique_affine())


def single_slice() -> Volume:
    """A 2D image: nz = 1."""
    return volume("single-slice", (1, 64, 56), affine((0.7, 0.7, 5.0)))


def one_voxel_label() -> Volume:
    """A label of a single voxel, not on any border."""
    made = volume("one-voxel")
    labels = np.zeros_like(made.labels_zyx)
    labels[5, 17, 29] = 1
    return Volume("one-voxel", made.image_zyx, labels, made.affine_ras)


def empty_label() -> Volume:
    """All background, which is a legitimate reading."""
    made = volume("empty")
    return Volume("empty", made.image_zyx, np.zeros_like(made.labels_zyx), made.affine_ras)


def constant() -> Volume:
    """One grey value everywhere: nothing may divide by its range."""
    made = volume("constant")
    return Volume("constant", np.full_like(made.image_zyx, 7), made.labels_zyx, made.affine_ras)


def odd_volumes() -> Iterator[Volume]:
    """Every oddity above, for tests that loop over them."""
    for make in (odd_spacing, oblique, single_slice, one_voxel_label, empty_label, constant):
        yield make()


def nifti_bytes(array_zyx: NDArray[np.generic], affine_ras: NDArray[np.float64], *, compressed: bool = True) -> bytes:
    """A NIfTI-1 file with this grid; qform and sform agree. A single slice becomes a file of two dimensions."""
    array_xyz = np.ascontiguousarray(array_zyx.transpose(2, 1, 0))
    image = nibabel.Nifti1Image(array_xyz[..., 0] if array_xyz.shape[2] == 1 else array_xyz, affine_ras)
    image.header.set_xyzt_units("mm")
    content: bytes = image.to_bytes()
    return gzip.compress(content, mtime=0) if compressed else content


def dicom_series(
    made: Volume | None = None,
    *,
    series: int = 1,
    patient: str = "TEST^ALPHA",
    slope: float = 1.0,
    intercept: float = -1024.0,
) -> dict[str, bytes]:
    """A CT series as files {name: bytes}, one a slice, in shuffled order of instance numbers: only positions tell the order.

    The volume's affine must be axis-aligned with positive spacing; its slices lie along patient z. Stored values are the image's.
    """
    made = made or volume()
    spacing_x, spacing_y, spacing_z = (float(made.affine_ras[axis, axis]) for axis in range(3))
    study_uid, series_uid = f"{UID_ROOT}.{series}.1", f"{UID_ROOT}.{series}.2"
    numbers = np.random.default_rng(series).permutation(len(made.image_zyx))
    files = {}
    for z, slice_yx in enumerate(made.image_zyx):
        file = _dicom_slice(slice_yx, f"{UID_ROOT}.{series}.3.{z + 1}")
        file.PatientName, file.PatientID = patient, f"P-{series}"
        file.StudyInstanceUID, file.SeriesInstanceUID = study_uid, series_uid
        file.SeriesNumber, file.InstanceNumber = series, int(numbers[z]) + 1
        file.SeriesDescription, file.StudyDescription, file.StudyDate = "made by tests", "made by tests", "20260102"
        file.PixelSpacing = [spacing_y, spacing_x]
        # RAS → LPS: x and y change sign; the rows run towards the patient's right and front then, as the affine says.
        file.ImageOrientationPatient = [-1, 0, 0, 0, -1, 0]
        x, y, z_mm = made.affine_ras[:3, 3] + (0, 0, z * spacing_z)
        file.ImagePositionPatient = [float(-x), float(-y), float(z_mm)]
        file.SliceThickness = 1.0  # wrong on purpose: spacing comes from positions
        file.RescaleSlope, file.RescaleIntercept = slope, intercept
        file.WindowCenter, file.WindowWidth = 40, 400
        files[f"slice-{int(numbers[z]):03d}.dcm"] = dicom_bytes(file)
    return files


def dicom_bytes(file: pydicom.Dataset) -> bytes:
    """A Part 10 file with preamble and file meta information."""
    stream = io.BytesIO()
    file.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _dicom_slice(slice_yx: NDArray[np.int16], sop_uid: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = sop_uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID, file.Modality = CTImageStorage, sop_uid, "CT"
    file.Rows, file.Columns = slice_yx.shape
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
    file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 16, 16, 15, 1
    file.PixelData = np.ascontiguousarray(slice_yx, dtype="<i2").tobytes()
    return file


def data_set_folder(root: Path, cases: list[Volume], experts: list[str]) -> Path:
    """Write `images/CASE.nii.gz` and `segmentations/EXPERT/CASE.nii.gz`: the folder an import understands.

    Expert number i draws the truth grown by i voxels along x, so that each has a style of their own.
    """
    (root / "images").mkdir(parents=True)
    for case in cases:
        (root / "images" / f"{case.name}.nii.gz").write_bytes(case.nifti())
    for number, expert in enumerate(experts):
        folder = root / "segmentations" / expert
        folder.mkdir(parents=True)
        for case in cases:
            grown = case.labels_zyx.copy()
            for _ in range(number):
                grown[..., 1:] |= grown[..., :-1]
            (folder / f"{case.name}.nii.gz").write_bytes(nifti_bytes(grown, case.affine_ras))
    return root
