"""What an import may cost and what comes of it: the plain records that pass through the ingest boundary."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

from backend.imaging import geometry
from backend.imaging.geometry import Geometry, SourceAxes
from backend.imaging.parse import ChildLimits
from backend.imaging.refusal import Refusal
from backend.settings import Settings

Status: TypeAlias = Literal["accepted", "warning", "refused", "duplicate", "quarantined"]
Progress: TypeAlias = Callable[[int, int, str], None]

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What one import may cost; every field is a setting of the server."""

    file_bytes: int = 2048 * MIB
    unpacked_bytes: int = 1024 * MIB
    axis: int = 16_384
    slices: int = 5_000
    archive_entries: int = 10_000
    archive_bytes: int = 8192 * MIB
    child_bytes: int = 2048 * MIB
    parse_seconds: float = 10.0
    normalise_bytes_per_second: int = 20 * MIB
    child_cpu_seconds: int = 900

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """What this server allows."""
        return cls(
            file_bytes=settings.upload_limit_mib * MIB,
            unpacked_bytes=settings.image_limit_mib * MIB,
            parse_seconds=settings.import_seconds,
        )

    def for_child(self) -> ChildLimits:
        return ChildLimits(
            self.child_bytes, self.file_bytes, self.unpacked_bytes, self.axis, self.slices, self.archive_entries,
            self.archive_bytes, self.child_cpu_seconds,
        )  # fmt: skip

    def seconds(self, unpacked_bytes: int) -> float:
        """Wall time allowed to parse and normalise so many bytes."""
        return self.parse_seconds + unpacked_bytes / self.normalise_bytes_per_second


@dataclass(frozen=True)
class Verdict:
    """What became of one file, named as it was sent. `image` is its place in the list of images, if it has one."""

    file: str
    status: Status
    code: str
    message: str
    image: int | None = None


@dataclass(frozen=True)
class Instance:
    """One DICOM object of an image; `position_index` is its z, None for a multi-frame object that fills several."""

    sop_uid: str
    file: str
    position_index: int | None


@dataclass(frozen=True)
class ParsedImage:
    """One image or label map, ready to be kept.

    affine: 12 numbers, RAS mm. low, high: stored range. window_low, window_high: displayed values. slab_paths: gzip
    files in `workdir`, in order (kind image). label_path: raw uint8 or little-endian uint16 [z, y, x] (kind label).
    files and originals name every file it came from; for a zip's members the path is where they were unpacked.
    """

    name: str
    kind: Literal["image", "label"]
    nx: int
    ny: int
    nz: int
    channels: int
    affine: list[float]
    geometry: Geometry
    warnings: list[str]
    slope: float = 1.0
    intercept: float = 0.0
    unit: str = ""
    low: int = 0
    high: int = 0
    window_low: float = 0.0
    window_high: float = 1.0
    window_presets: list[dict[str, Any]] = field(default_factory=list)
    modality: str = "OT"
    slab_paths: list[Path] = field(default_factory=list)
    label_path: Path | None = None
    label_dtype: str | None = None
    study_uid: str | None = None
    series_uid: str | None = None
    series_number: int | None = None
    series_description: str = ""
    study_description: str = ""
    study_date: str = ""
    patient: dict[str, str] | None = None
    instances: list[Instance] = field(default_factory=list)
    source_axes: dict[str, Any] | None = None
    files: list[str] = field(default_factory=list)
    originals: list[Path] = field(default_factory=list)


def check_label_grid(image: ParsedImage, label: ParsedImage) -> None:
    """Refuse a label map that is not on exactly the image's grid and in its file's axis order.

    Raises Refusal `grid_mismatch` with the difference spelled out. See `label_grid_difference` for stored images.
    """
    difference = label_grid_difference(label, (image.nx, image.ny, image.nz), image.affine, image.source_axes)
    if difference:
        raise Refusal("grid_mismatch", difference)


def label_grid_difference(
    label: ParsedImage,
    image_shape_xyz: tuple[int, int, int],
    image_affine: Sequence[float],
    image_source_axes: dict[str, Any] | None,
) -> str | None:
    """Why a label map does not lie on a stored image's grid, in one sentence; None when it does.

    Pictures (PNG, JPEG) know no place in the patient: only their size is compared.
    """
    expected, found = geometry.from_rows(image_affine), geometry.from_rows(label.affine)
    if label.geometry == "uncalibrated":
        expected = found
    difference = geometry.grid_difference(expected, image_shape_xyz, found, (label.nx, label.ny, label.nz))
    same_order = SourceAxes.from_json(image_source_axes) == SourceAxes.from_json(label.source_axes)
    if difference is None and image_source_axes is not None and not same_order:
        return "the label map's file stores its axes in another order than the image's file"
    return difference
