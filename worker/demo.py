"""The demo's data: a small real MR (nibabel's `example4d.nii.gz`), outlined by simulated experts of clearly different style.

Everything about the drawing is simulated and named so. The images are real: 22 axial slices of the first time point, each as a
2D image of its own simulated patient, and the second time point as one 3D image. The trusted outline is found by thresholding;
what the experts make of it comes from `worker.learning.simulate`. Five experts have drawn on every other slice. The newcomer
has drawn nothing yet: `hidden_segmentation` is what they would draw, for the acceptance test and for nobody else.

Grids are Consilium's own (x to the left, y to the back, z to the head), so arrays here equal arrays there, [z, y, x].
"""

import gzip
import sys
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from worker.learning.simulate import SimulatedExpert, draw_labels, simulated_expert

DATA_SET = "consilium-demo"
LABEL_VALUE = 1
UNIT_MM = 5.0  # 2.5 pixels of this coarse MR: styles a newcomer sees at a glance
VOLUME = "Whole head, 3D"
_SLICES = range(1, 23)  # the first and the last are mostly artefact and scalp

EXPERTS = (
    simulated_expert("Tight (simulated)", "tight"),
    simulated_expert("Generous (simulated)", "generous"),
    simulated_expert("Smooth (simulated)", "smooth-convex"),
    simulated_expert("Follows intensity (simulated)", "intensity-chaser"),
    simulated_expert("Cautious (simulated)", "conservative"),
)
# Nearer to "tight" than to anybody else, but well beyond: a start from the nearest expert helps, their own row helps more.
NEWCOMER = replace(simulated_expert("Newcomer", "tight"), offset=-1.9, case_sd=0.1, along_sd=0.25, smoothing=0.8)


@dataclass(frozen=True)
class DemoCase:
    """One image with its trusted outline: int16 and uint8 [z, y, x], affine voxel → RAS millimetres, `drawn` by the five experts."""

    name: str
    image_zyx: npt.NDArray[np.int16]
    truth_zyx: npt.NDArray[np.uint8]
    affine_ras: npt.NDArray[np.float64]
    drawn: bool

    @property
    def spacing_zyx_mm(self) -> tuple[float, float, float]:
        """Voxel edges in z, y, x order, in mm."""
        x, y, z = np.linalg.norm(self.affine_ras[:3, :3], axis=0)
        return float(z), float(y), float(x)


@cache
def cases() -> tuple[DemoCase, ...]:
    """Every demo case, the 3D image last."""
    source = nibabel.Nifti1Image.from_filename(Path(nibabel.__file__).parent / "tests" / "data" / "example4d.nii.gz")
    affine_ras = np.array(source.affine)
    # The file's y runs to the front: turned round, so that the file's grid is Consilium's own.
    head_xyzt = np.asanyarray(source.dataobj)[:, ::-1].astype(np.int16)
    affine_ras[:3, 3] += affine_ras[:3, 1] * (head_xyzt.shape[1] - 1)
    affine_ras[:3, 1] *= -1
    first, second = (np.ascontiguousarray(head_xyzt[..., t].transpose(2, 1, 0)) for t in (0, 1))
    made = [_slice_case(first, affine_ras, z) for z in _SLICES]
    return (*made, DemoCase(VOLUME, second, _outline(second), affine_ras, drawn=False))


def hidden_segmentation(case: str) -> npt.NDArray[np.uint8]:
    """What the newcomer would draw on this case: uint8 [z, y, x] on the image's grid. Raises KeyError for an unknown name."""
    found = {made.name: made for made in cases()}[case]
    return _drawing(found, NEWCOMER)


def write_data_set(root: Path) -> None:
    """Write `images/CASE.nii.gz` and `segmentations/EXPERT/CASE.nii.gz` below `root`, the folder that the import understands."""
    (root / "images").mkdir(parents=True)
    for number, case in enumerate(cases()):
        (root / "images" / f"{case.name}.nii.gz").write_bytes(_nifti(case.image_zyx, case.affine_ras))
        for expert in EXPERTS if case.drawn else ():
            folder = root / "segmentations" / expert.name
            folder.mkdir(parents=True, exist_ok=True)
            drawing = _drawing(case, expert, number)
            (folder / f"{case.name}.nii.gz").write_bytes(_nifti(drawing, case.affine_ras))


def _slice_case(head_zyx: npt.NDArray[np.int16], affine_ras: npt.NDArray[np.float64], z: int) -> DemoCase:
    here = affine_ras.copy()
    here[:3, 3] += affine_ras[:3, 2] * z
    image = head_zyx[z : z + 1]
    return DemoCase(f"Slice {z:02d}", image, _outline(image), here, drawn=z % 2 == 0)


def _outline(image_zyx: npt.NDArray[np.int16]) -> npt.NDArray[np.uint8]:
    """The brain slice by slice: smoothed, thresholded (Otsu), the largest object, opened, closed and without holes."""
    found = np.zeros(image_zyx.shape, np.uint8)
    for z, slice_yx in enumerate(image_zyx):
        smooth = ndimage.gaussian_filter(slice_yx.astype(np.float64), 1.0)
        opened = ndimage.binary_opening(smooth > 0.8 * _otsu(smooth), iterations=2)
        objects, count = ndimage.label(opened)
        sizes = ndimage.sum_labels(opened, objects, range(1, count + 1))
        largest = objects == 1 + int(np.argmax(sizes))
        closed = ndimage.binary_closing(np.pad(largest, 4), iterations=2)[4:-4, 4:-4]
        found[z] = ndimage.binary_fill_holes(closed)
    return found * np.uint8(LABEL_VALUE)


def _otsu(image: npt.NDArray[np.float64]) -> float:
    """The threshold that separates two classes of intensity best (Otsu 1979), over 128 bins."""
    counts, edges = np.histogram(image, 128)
    centres = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)[:-1]
    sums = np.cumsum(counts * centres)
    between = (sums[-1] * below / counts.sum() - sums[:-1]) ** 2 / np.maximum(below * (counts.sum() - below), 1)
    return float(centres[int(np.argmax(between))])


def _drawing(case: DemoCase, expert: SimulatedExpert, case_number: int = 0) -> npt.NDArray[np.uint8]:
    return draw_labels(
        case.truth_zyx,
        case.image_zyx.astype(np.float32),
        case.spacing_zyx_mm,
        expert,
        data_set=DATA_SET,
        case=case.name,
        unit_mm=UNIT_MM,
        case_number=case_number,
    )


def _nifti(array_zyx: npt.NDArray[np.generic], affine_ras: npt.NDArray[np.float64]) -> bytes:
    array_xyz = np.ascontiguousarray(array_zyx.transpose(2, 1, 0))
    image = nibabel.Nifti1Image(array_xyz[..., 0] if array_xyz.shape[2] == 1 else array_xyz, affine_ras)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = b"Consilium demo, simulated reading"
    content: bytes = image.to_bytes()
    return gzip.compress(content, compresslevel=6, mtime=0)


if __name__ == "__main__":
    write_data_set(Path(sys.argv[1]))
