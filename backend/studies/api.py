"""Studies and images on the wire.

The routes that serve them stand in `projects`: a user may see an image only through a project they are a member of,
and this domain does not know projects.
"""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel

from backend.imaging.geometry import sides_of
from backend.studies.rules import ImageRow, display_window


class WindowPresetOut(BaseModel):
    """A display window the file suggests; low and high in the image's unit."""

    name: str
    low: float
    high: float


class ImageOut(BaseModel):
    """One annotatable grid and how to show it.

    affine: the first three rows, row-major, of voxel (i, j, k) → RAS millimetres. low, high: range of stored values;
    displayed = stored * slope + intercept, in `unit`; window_low, window_high are displayed values. sha256 is the `v`
    of its slabs' and thumbnail's addresses. Slab k holds slices k * slab_depth up to the next, x fastest.
    sides: whether the file says which side of the patient is which; doubtful where it places the image twice and
    differently (`affine` is the first). Name left and right only where they are known.
    """

    id: UUID
    name: str
    study_id: UUID
    patient_pseudonym: str
    nx: int
    ny: int
    nz: int
    channels: Literal[1, 3]
    affine: list[float]
    geometry: Literal["regular", "sheared", "irregular", "uncalibrated"]
    sides: Literal["known", "doubtful", "unknown"]
    warnings: list[str]
    slope: float
    intercept: float
    unit: str
    low: int
    high: int
    window_low: float
    window_high: float
    window_presets: list[WindowPresetOut]
    modality: str
    slab_depth: int
    slab_count: int
    sha256: str
    simulated: bool
    created_at: datetime


class ImagePageOut(BaseModel):
    """A page of images."""

    items: list[ImageOut]
    next_cursor: str | None


class TagOut(BaseModel):
    """One element of the original's DICOM header: "(0018,0050)", its name, its value with unit."""

    tag: str
    name: str
    value: str


class ImageTagsOut(BaseModel):
    """How an image was made. Empty for images that are not DICOM; what could name a person is never here."""

    items: list[TagOut]


class SeriesOut(BaseModel):
    """One series of a study and its images."""

    id: UUID
    modality: str
    description: str
    number: int | None
    image_ids: list[UUID]


class StudyOut(BaseModel):
    """One examination of a patient, with the series and images you may see."""

    id: UUID
    patient_pseudonym: str
    description: str
    study_date: date | None
    series: list[SeriesOut]
    image_ids: list[UUID]
    created_at: datetime


class StudyPageOut(BaseModel):
    """A page of studies, newest first."""

    items: list[StudyOut]
    next_cursor: str | None


_COMPUTED = {"patient_pseudonym", "slab_count", "sides", "window_low", "window_high"}


def image_out(row: ImageRow) -> ImageOut:
    """An image as the wire says it."""
    columns = {name: getattr(row.image, name) for name in ImageOut.model_fields.keys() - _COMPUTED}
    window_low, window_high = display_window(row.image)
    return ImageOut(
        patient_pseudonym=row.pseudonym,
        slab_count=len(row.image.slab_sha256s),
        sides=sides_of(row.image.geometry, row.image.warnings),
        window_low=window_low,
        window_high=window_high,
        **columns,
    )


def accepts_gzip(request: Request) -> bool:
    """Whether the client takes gzip: named, or by `*`, and not with q=0."""
    for part in request.headers.get("accept-encoding", "").split(","):
        name, _, quality = part.strip().partition(";")
        if name.strip() in ("gzip", "*"):
            return quality.replace(" ", "").lower() not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
