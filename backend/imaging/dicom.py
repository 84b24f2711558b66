"""From described DICOM files to images: which frames belong together, in which order, on which grid.

Frames are sorted by position along the slice normal, never by instance number, and grouped by what they are: pixels,
orientation, spacing, frame of reference; then by acquisition, echo, time or b-value where positions repeat (SAFETY
section 3). What stays ambiguous is kept and called `irregular`; nothing is resampled and no slice is dropped silently.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from backend.imaging import geometry
from backend.imaging.dicom_frames import FrameInfo
from backend.imaging.dicom_header import DicomFile
from backend.imaging.geometry import Geometry

ORIENTATION_DEGREES = 0.1
SPACING_SHARE = 1e-3
SAME_POSITION_MM = 0.01
CT_WINDOW_HU = (-160.0, 240.0)

Frame: TypeAlias = tuple[int, int]  # (file, frame in the file)


@dataclass(frozen=True)
class ImagePlan:
    """One image to be: its frames in z order and its grid. affine: 12 numbers, RAS."""

    name: str
    frames: tuple[Frame, ...]
    affine: tuple[float, ...]
    geometry: Geometry
    warnings: tuple[str, ...]


def plan_series(files: dict[int, DicomFile]) -> list[ImagePlan]:
    """The images of one series, by descending number of slices.

    files: described files of one series by the caller's number for them. Every frame of every file is in exactly one
    plan.
    """
    plans: list[ImagePlan] = []
    singles: list[Frame] = []
    for number, file in files.items():
        if len(file.frames) > 1:
            plans += _plan_frames(files, [(number, k) for k in range(len(file.frames))])
        else:
            singles.append((number, 0))
    plans += _plan_frames(files, singles)
    plans.sort(key=lambda plan: -len(plan.frames))
    return _name(files, plans)


def default_window(files: Sequence[DicomFile], modality: str) -> tuple[float, float] | None:
    """The window an image opens with, in displayed values: the file's first, else CT's soft tissue, else None."""
    for file in files[:1]:
        if file.windows:
            return window_bounds(*file.windows[0][1:])
    return CT_WINDOW_HU if modality == "CT" else None


def window_bounds(centre: float, width: float) -> tuple[float, float]:
    """DICOM's linear window as the values shown black and white (PS3.3 C.11.2.1.2)."""
    if width <= 1:
        return centre - 0.5, centre + 0.5
    return centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2


def series_conflict(files: Sequence[DicomFile]) -> str | None:
    """Why files that claim one series cannot be one: two patients or two studies under one series UID."""
    if len({file.study_uid for file in files}) > 1:
        return "one series UID appears in two studies; none of its files is believed"
    if len({file.patient_id for file in files}) > 1:
        return "one series UID appears for two patients; none of its files is believed"
    return None


# ------------------------------------------------------------------------------------------------------------ grouping


def _plan_frames(files: dict[int, DicomFile], frames: Sequence[Frame]) -> list[ImagePlan]:
    plans = []
    for group in _alike(files, frames):
        first = _info(files, group[0])
        if first.position_mm is None or first.orientation is None or first.spacing_mm is None:
            plans += _uncalibrated(files, group)
            continue
        for part in _split_repeats(files, group):
            plans.append(_stack(files, part))
    return plans


def _info(files: dict[int, DicomFile], frame: Frame) -> FrameInfo:
    return files[frame[0]].frames[frame[1]]


def _alike(files: dict[int, DicomFile], frames: Sequence[Frame]) -> list[list[Frame]]:
    """Frames that may lie in one volume: same pixels, frame of reference, orientation and spacing (within tolerance)."""
    buckets: dict[Hashable, list[list[Frame]]] = defaultdict(list)
    for frame in frames:
        file, info = files[frame[0]], _info(files, frame)
        exact = (
            replace(file.pixels, palette=None), file.frame_of_reference, info.position_mm is None,
            info.orientation is None, info.spacing_mm is None,
        )  # fmt: skip
        for group in buckets[exact]:
            if _parallel(_info(files, group[0]), info):
                group.append(frame)
                break
        else:
            buckets[exact].append([frame])
    return [group for groups in buckets.values() for group in groups]


def _parallel(a: FrameInfo, b: FrameInfo) -> bool:
    if a.orientation and b.orientation:
        for first in (0, 3):
            cosine = float(np.dot(a.orientation[first : first + 3], b.orientation[first : first + 3]))
            if cosine < np.cos(np.radians(ORIENTATION_DEGREES)):
                return False
    if a.spacing_mm and b.spacing_mm:
        return all(abs(x / y - 1) <= SPACING_SHARE for x, y in zip(a.spacing_mm, b.spacing_mm, strict=True))
    return True


def _split_repeats(files: dict[int, DicomFile], group: list[Frame]) -> list[list[Frame]]:
    """Frames at one position are told apart by the first key, or the fewest keys together, that leaves none repeated."""
    if not _repeats(files, group):
        return [group]
    keys = range(len(_info(files, group[0]).keys))
    for part_of_keys in [slice(k, k + 1) for k in keys] + [slice(n) for n in range(2, len(keys) + 1)]:
        parts: dict[Hashable, list[Frame]] = defaultdict(list)
        for frame in group:
            parts[_info(files, frame).keys[part_of_keys]].append(frame)
        alone = any(len(part) == 1 for part in parts.values())
        apart = len(parts) > 1 and not any(_repeats(files, part) for part in parts.values())
        if apart and (not alone or _positions(files, group) == 1):
            return list(parts.values())
    return [group]


def _heights(files: dict[int, DicomFile], group: Sequence[Frame]) -> np.ndarray:
    orientation = _info(files, group[0]).orientation
    if orientation is None:
        raise ValueError("frames without an orientation have no heights")
    normal = np.cross(orientation[:3], orientation[3:])
    return np.sort(np.array([_info(files, frame).position_mm for frame in group], dtype=np.float64) @ normal)


def _repeats(files: dict[int, DicomFile], group: Sequence[Frame]) -> bool:
    heights = _heights(files, group)
    return len(heights) > 1 and bool(np.diff(heights).min() <= SAME_POSITION_MM)


def _positions(files: dict[int, DicomFile], group: Sequence[Frame]) -> int:
    return 1 + int((np.diff(_heights(files, group)) > SAME_POSITION_MM).sum())


def _stack(files: dict[int, DicomFile], group: list[Frame]) -> ImagePlan:
    infos = [_info(files, frame) for frame in group]
    first = infos[0]
    if first.orientation is None or first.spacing_mm is None:
        raise ValueError("only frames with an orientation and a spacing are stacked")
    stack = geometry.stack_slices(
        [info.position_mm for info in infos if info.position_mm is not None],
        first.orientation[:3],
        first.orientation[3:],
        (first.spacing_mm[1], first.spacing_mm[0]),
        first.thickness_mm,
    )
    frames = tuple(group[k] for k in stack.order)
    rows = tuple(geometry.to_rows(stack.affine))
    return ImagePlan("", frames, rows, stack.geometry, tuple(stack.warnings) + _warnings(files, frames))


def _uncalibrated(files: dict[int, DicomFile], group: list[Frame]) -> list[ImagePlan]:
    """Without a place in the patient: the frames of one file stay together in their order, files stay apart."""
    by_file: dict[int, list[Frame]] = defaultdict(list)
    for frame in group:
        by_file[frame[0]].append(frame)
    plans = []
    for frames in by_file.values():
        spacing = _info(files, frames[0]).spacing_mm
        affine = geometry.flat_affine((spacing[1], spacing[0]) if spacing else None)
        missing = "uncalibrated: the file does not say where the image lies in the patient"
        if spacing is None:
            missing = "uncalibrated: the file gives neither pixel spacing nor position; lengths are unknown"
        warnings = (missing, *_warnings(files, tuple(frames)))
        plans.append(ImagePlan("", tuple(frames), tuple(geometry.to_rows(affine)), "uncalibrated", warnings))
    return plans


def _warnings(files: dict[int, DicomFile], frames: tuple[Frame, ...]) -> tuple[str, ...]:
    """The files' own warnings, each once."""
    return tuple(dict.fromkeys(warning for number, _ in frames for warning in files[number].warnings))


def _name(files: dict[int, DicomFile], plans: list[ImagePlan]) -> list[ImagePlan]:
    named = []
    for place, plan in enumerate(plans):
        file = files[plan.frames[0][0]]
        number = f"series {file.series_number}" if file.series_number is not None else "series"
        title = f"{file.series_description} ({number})" if file.series_description else f"{file.modality} {number}"
        warnings = plan.warnings
        if len(plans) > 1:
            title += f", {place + 1} of {len(plans)}"
            warnings += (
                f"split_series: this series became {len(plans)} images, because its slices are not one volume",
            )
        named.append(replace(plan, name=title, warnings=warnings))
    return named
