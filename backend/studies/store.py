"""What is kept of patients, studies and images, and every query on them.

An image's pixels are blobs named by their hash; the row holds its grid and how to show it. Rows are appended and never
edited: another upload of the same bytes is a duplicate, other bytes under the same instance UID are a conflict.
A patient's identity stands in `patient_identities` alone and nothing joins it: everything else knows the pseudonym.
Who may see an image is a question of projects, so the routes that serve images stand in `projects`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    exists,
    func,
    literal,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.database import AnySession, Base, WriteSession

Filter = ColumnElement[bool]  # what rules hand on without knowing SQL
_IMPORT_LOCK = 0x696D706F  # "impo"


class Patient(Base):
    """A person under their pseudonym."""

    __tablename__ = "patients"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    pseudonym: Mapped[str] = mapped_column(String(40), unique=True)
    simulated: Mapped[bool] = mapped_column(server_default="false")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class PatientIdentity(Base):
    """Who a patient is, in the hospital's words. Read by one audited function, joined by nothing."""

    __tablename__ = "patient_identities"
    __table_args__ = (Index("ix_patient_identities_hospital_id", "hospital_id"),)

    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patients.id"), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    hospital_id: Mapped[str] = mapped_column(Text)
    birth_date: Mapped[str] = mapped_column(Text)  # as written in the file: it may be no date at all


class Study(Base):
    """One examination of a patient. `uid` is DICOM's; a NIfTI file's study has none."""

    __tablename__ = "studies"
    __table_args__ = (Index("ix_studies_patient_id", "patient_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patients.id"))
    uid: Mapped[str | None] = mapped_column(String(64), unique=True)
    description: Mapped[str] = mapped_column(Text)
    study_date: Mapped[date | None] = mapped_column(Date)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Series(Base):
    """One DICOM series of a study."""

    __tablename__ = "series"
    __table_args__ = (Index("ix_series_study_id", "study_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    study_id: Mapped[UUID] = mapped_column(ForeignKey("studies.id"))
    uid: Mapped[str | None] = mapped_column(String(64), unique=True)
    modality: Mapped[str] = mapped_column(String(16))
    description: Mapped[str] = mapped_column(Text)
    number: Mapped[int | None] = mapped_column(BigInteger)


class Instance(Base):
    """One DICOM object: `sha256` names its original bytes among the blobs."""

    __tablename__ = "instances"
    __table_args__ = (Index("ix_instances_series_id", "series_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    series_id: Mapped[UUID] = mapped_column(ForeignKey("series.id"))
    sop_uid: Mapped[str] = mapped_column(String(64), unique=True)
    sha256: Mapped[str] = mapped_column(String(64))
    position_index: Mapped[int | None] = mapped_column(Integer)


class Image(Base):
    """One annotatable grid, 2D (nz = 1) or 3D, normalised once at import.

    affine: 12 numbers, the first three rows of voxel (i, j, k) → RAS mm, row-major. low, high: range of the stored
    values; displayed value = stored * slope + intercept; window_low, window_high are displayed values.
    sha256 covers all slabs and is the `v` of their addresses. source_axes: how the file's own axes were reordered.
    """

    __tablename__ = "images"
    __table_args__ = (
        CheckConstraint("nx > 0 AND ny > 0 AND nz > 0", name="grid"),
        CheckConstraint("channels IN (1, 3)", name="channels"),
        CheckConstraint("geometry IN ('regular', 'sheared', 'irregular', 'uncalibrated')", name="geometry"),
        Index("ix_images_study_id", "study_id"),
        Index("ix_images_series_id", "series_id"),
        Index("ix_images_created_at", "created_at", "id"),
        Index("ix_images_name", "name", "id"),
        Index("ix_images_modality", "id", postgresql_include=["modality"]),
        Index("ix_images_original_sha256s", "original_sha256s", postgresql_using="gin"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    study_id: Mapped[UUID] = mapped_column(ForeignKey("studies.id"))
    series_id: Mapped[UUID | None] = mapped_column(ForeignKey("series.id"))
    name: Mapped[str] = mapped_column(Text)
    nx: Mapped[int] = mapped_column(Integer)
    ny: Mapped[int] = mapped_column(Integer)
    nz: Mapped[int] = mapped_column(Integer)
    channels: Mapped[int] = mapped_column(Integer)
    affine: Mapped[list[float]] = mapped_column(JSONB)
    geometry: Mapped[str] = mapped_column(String(12))
    warnings: Mapped[list[str]] = mapped_column(JSONB)
    slope: Mapped[float] = mapped_column(Double)
    intercept: Mapped[float] = mapped_column(Double)
    unit: Mapped[str] = mapped_column(String(32))
    low: Mapped[int] = mapped_column(Integer)
    high: Mapped[int] = mapped_column(Integer)
    window_low: Mapped[float] = mapped_column(Double)
    window_high: Mapped[float] = mapped_column(Double)
    window_presets: Mapped[list[dict[str, object]]] = mapped_column(JSONB)
    modality: Mapped[str] = mapped_column(String(16))
    slab_depth: Mapped[int] = mapped_column(Integer)
    slab_sha256s: Mapped[list[str]] = mapped_column(JSONB)
    sha256: Mapped[str] = mapped_column(String(64))
    original_sha256s: Mapped[list[str]] = mapped_column(JSONB)
    source_axes: Mapped[dict[str, object] | None] = mapped_column(JSONB)
    simulated: Mapped[bool] = mapped_column(server_default="false")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


@dataclass(frozen=True)
class ImageRow:
    """An image with its patient's pseudonym."""

    image: Image
    patient_id: UUID
    pseudonym: str


_IMAGES = (
    select(Image, Patient.id, Patient.pseudonym)
    .join(Study, Study.id == Image.study_id)
    .join(Patient, Patient.id == Study.patient_id)
)


def find_image(db: AnySession, image_id: UUID, seen: ColumnElement[bool] | None = None) -> ImageRow | None:
    """One image; `seen` limits it to what a caller may know of."""
    query = _IMAGES.where(Image.id == image_id)
    row = db.execute(query if seen is None else query.where(seen)).one_or_none()
    return ImageRow(*row) if row else None


def list_images(
    db: AnySession, seen: ColumnElement[bool], after: tuple[datetime, UUID] | None, limit: int
) -> list[ImageRow]:
    """Images a caller may see, in order of arrival."""
    query = _IMAGES.where(seen).order_by(Image.created_at, Image.id).limit(limit)
    if after is not None:
        query = query.where(tuple_(Image.created_at, Image.id) > tuple_(literal(after[0]), literal(after[1])))
    return [ImageRow(*row) for row in db.execute(query)]


def list_studies(
    db: AnySession, seen: ColumnElement[bool], after: tuple[datetime, UUID] | None, limit: int
) -> list[tuple[Study, str]]:
    """Studies with at least one image a caller may see, newest first, with the patient's pseudonym."""
    query = (
        select(Study, Patient.pseudonym)
        .join(Patient, Patient.id == Study.patient_id)
        .where(exists().where(Image.study_id == Study.id).where(seen))
        .order_by(Study.created_at.desc(), Study.id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(Study.created_at, Study.id) < tuple_(literal(after[0]), literal(after[1])))
    return [(row[0], row[1]) for row in db.execute(query)]


def images_of_studies(
    db: AnySession, study_ids: Sequence[UUID], seen: ColumnElement[bool]
) -> list[tuple[UUID, UUID | None, UUID]]:
    """(study, series, image) of the images of these studies that a caller may see."""
    query = select(Image.study_id, Image.series_id, Image.id).where(Image.study_id.in_(study_ids), seen)
    return [(row[0], row[1], row[2]) for row in db.execute(query.order_by(Image.created_at, Image.id))]


def load_series(db: AnySession, series_ids: Sequence[UUID]) -> list[Series]:
    return list(db.scalars(select(Series).where(Series.id.in_(series_ids)).order_by(Series.number, Series.id)))


# Keeping what was parsed


def instances_by_uid(db: AnySession, sop_uids: Sequence[str]) -> dict[str, Instance]:
    """The stored objects among these UIDs."""
    return {row.sop_uid: row for row in db.scalars(select(Instance).where(Instance.sop_uid.in_(sop_uids)))}


def series_by_uid(db: AnySession, uid: str) -> tuple[Series, Study] | None:
    row = db.execute(
        select(Series, Study).join(Study, Study.id == Series.study_id).where(Series.uid == uid)
    ).one_or_none()
    return (row[0], row[1]) if row else None


def study_by_uid(db: AnySession, uid: str) -> Study | None:
    return db.scalar(select(Study).where(Study.uid == uid))


def find_patient_by_identity(db: AnySession, hospital_id: str, name: str, birth_date: str) -> UUID | None:
    """The patient who is this person in the hospital's own words: the id decides, where there is none name and birth."""
    query = select(PatientIdentity.patient_id).order_by(PatientIdentity.patient_id).limit(1)
    if hospital_id:
        return db.scalar(query.where(PatientIdentity.hospital_id == hospital_id))
    return db.scalar(query.where(PatientIdentity.name == name, PatientIdentity.birth_date == birth_date))


def everything() -> ColumnElement[bool]:
    """The filter that leaves nothing out."""
    return true()


def images_with_original(db: AnySession, sha256: str, within: ColumnElement[bool]) -> list[Image]:
    """Images made from a file of these bytes, among those `within` allows."""
    query = select(Image).where(Image.original_sha256s.contains([sha256]), within)
    return list(db.scalars(query.order_by(Image.created_at, Image.id)))


def lock_import_door(db: WriteSession) -> None:
    """One import writes its rows at a time, so that two uploads of one series cannot both find it missing."""
    db.execute(select(func.pg_advisory_xact_lock(_IMPORT_LOCK)))


def add(db: WriteSession, *rows: Base) -> None:
    """Insert rows in this order; their ids are known afterwards."""
    for row in rows:
        db.add(row)
        db.flush()


def add_all(db: WriteSession, rows: Sequence[Base]) -> None:
    """Insert many rows of one table at once."""
    db.add_all(rows)
    db.flush()
