"""What an import keeps: originals byte for byte, slabs, and the rows that name them.

Blobs first, then all rows of one image in one transaction: killed in between, an import leaves nothing but bytes nobody
names, which the sweeper collects. Patients get random pseudonyms; who they are goes into a table of its own.
Fails closed: an object whose UID is stored with other bytes, a series of another study and a study of another patient
are refused, and what is stored stays.
"""

import hashlib
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import UUID

from backend.blobs import Blobs
from backend.database import AnySession, WriteSession
from backend.imaging import slabs
from backend.imaging.refusal import Refusal
from backend.studies import store
from backend.studies.ingest import ParsedImage
from backend.studies.store import Filter, Image, Instance, Patient, PatientIdentity, Series, Study

WRITERS = 8  # fsync waits for the disk, not for a core
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class KeptBytes:
    """The blobs of one image: its slabs in order, its original files in the order they were sent."""

    slab_sha256s: list[str]
    original_sha256s: list[str]


def hash_originals(parsed: ParsedImage) -> list[str]:
    """sha256 of each original file, in the order of `parsed.files`."""
    return [_sha256(path) for path in parsed.originals]


def store_bytes(blobs: Blobs, parsed: ParsedImage) -> KeptBytes:
    """Put an image's originals and slabs among the blobs. Raises OSError when the disk refuses."""
    with ThreadPoolExecutor(WRITERS) as writers:
        originals = writers.map(lambda path: blobs.put(_chunks(path)), parsed.originals)
        packed = writers.map(lambda path: blobs.put(_chunks(path)), parsed.slab_paths)
        return KeptBytes(list(packed), list(originals))


def lock_door(db: WriteSession) -> None:
    """One import writes its rows at a time, so that two uploads of one series cannot both find it missing."""
    store.lock_import_door(db)


def find_same(db: AnySession, parsed: ParsedImage, original_sha256s: list[str], within: Filter) -> Image | None:
    """The stored image that was made from exactly these files, or None.

    DICOM objects are looked for everywhere, other files only among images `within` allows. Raises Refusal
    `identity_conflict` when what is stored under these UIDs is something else.
    """
    if parsed.instances:
        _check_identity(db, parsed, original_sha256s)
        within = store.everything()
    for image in store.images_with_original(db, original_sha256s[0], within):
        same_files = sorted(image.original_sha256s) == sorted(original_sha256s)
        if same_files and (image.nx, image.ny, image.nz) == (parsed.nx, parsed.ny, parsed.nz):
            return image
    return None


def keep_image(db: WriteSession, parsed: ParsedImage, kept: KeptBytes, simulated: bool) -> Image:
    """Add the rows of one image: patient, study, series and objects where they are new, and the image itself."""
    study = _study(db, parsed, simulated)
    series = _series(db, parsed, study)
    if series is not None:
        _add_instances(db, parsed, kept.original_sha256s, series)
    image = Image(
        study_id=study.id,
        series_id=series.id if series else None,
        name=parsed.name,
        nx=parsed.nx,
        ny=parsed.ny,
        nz=parsed.nz,
        channels=parsed.channels,
        affine=parsed.affine,
        geometry=parsed.geometry,
        warnings=parsed.warnings,
        slope=parsed.slope,
        intercept=parsed.intercept,
        unit=parsed.unit[:32],
        low=parsed.low,
        high=parsed.high,
        window_low=parsed.window_low,
        window_high=parsed.window_high,
        window_presets=parsed.window_presets,
        modality=parsed.modality[:16],
        slab_depth=slabs.SLAB_DEPTH,
        slab_sha256s=kept.slab_sha256s,
        sha256=slabs.image_sha256(kept.slab_sha256s),
        original_sha256s=kept.original_sha256s,
        source_axes=parsed.source_axes,
        simulated=simulated,
    )
    store.add(db, image)
    return image


def _check_identity(db: AnySession, parsed: ParsedImage, original_sha256s: list[str]) -> None:
    sent = dict(zip(parsed.files, original_sha256s, strict=True))
    stored = store.instances_by_uid(db, [instance.sop_uid for instance in parsed.instances])
    for instance in parsed.instances:
        old = stored.get(instance.sop_uid)
        if old is not None and old.sha256 != sent[instance.file]:
            raise Refusal(
                "identity_conflict",
                "an object with the same UID but other content is stored already; the stored one stays",
            )
    series = store.series_by_uid(db, parsed.series_uid) if parsed.series_uid else None
    if series is not None and series[1].uid != parsed.study_uid:
        raise Refusal("identity_conflict", "the series is stored already as part of another study")
    study = store.study_by_uid(db, parsed.study_uid) if parsed.study_uid else None
    patient_id = _known_patient(db, parsed)
    if study is not None and patient_id is not None and study.patient_id != patient_id:
        raise Refusal("identity_conflict", "the study is stored already, of another patient")


def _identity(parsed: ParsedImage) -> tuple[str, str, str] | None:
    """Hospital id, name and birth date as written, or None where the file says nothing at all."""
    patient = parsed.patient or {}
    identity = (patient.get("hospital_id", ""), patient.get("name", ""), patient.get("birth_date", ""))
    return identity if any(identity) else None


def _known_patient(db: AnySession, parsed: ParsedImage) -> UUID | None:
    identity = _identity(parsed)
    return store.find_patient_by_identity(db, *identity) if identity else None


def _study(db: WriteSession, parsed: ParsedImage, simulated: bool) -> Study:
    known = store.study_by_uid(db, parsed.study_uid) if parsed.study_uid else None
    if known is not None:
        return known
    study = Study(
        patient_id=_known_patient(db, parsed) or _add_patient(db, parsed, simulated),
        uid=parsed.study_uid,
        description=parsed.study_description,
        study_date=_date(parsed.study_date),
    )
    store.add(db, study)
    return study


def _add_patient(db: WriteSession, parsed: ParsedImage, simulated: bool) -> UUID:
    """A new patient under a random pseudonym, so that it says nothing about the person or the order of arrival."""
    patient = Patient(pseudonym=f"P-{secrets.token_hex(5).upper()}", simulated=simulated)
    store.add(db, patient)
    identity = _identity(parsed)
    if identity is not None:
        hospital_id, name, birth_date = identity
        store.add(db, PatientIdentity(patient_id=patient.id, name=name, hospital_id=hospital_id, birth_date=birth_date))
    return patient.id


def _series(db: WriteSession, parsed: ParsedImage, study: Study) -> Series | None:
    if parsed.series_uid is None:
        return None
    known = store.series_by_uid(db, parsed.series_uid)
    if known is not None:
        return known[0]
    series = Series(
        study_id=study.id,
        uid=parsed.series_uid,
        modality=parsed.modality[:16],
        description=parsed.series_description,
        number=parsed.series_number,
    )
    store.add(db, series)
    return series


def _add_instances(db: WriteSession, parsed: ParsedImage, original_sha256s: list[str], series: Series) -> None:
    """The objects that are not stored yet; one that lies in two images (a localiser regrouped) keeps its row."""
    sent = dict(zip(parsed.files, original_sha256s, strict=True))
    stored = store.instances_by_uid(db, [instance.sop_uid for instance in parsed.instances])
    new = [
        Instance(series_id=series.id, sop_uid=one.sop_uid, sha256=sent[one.file], position_index=one.position_index)
        for one in parsed.instances
        if one.sop_uid not in stored
    ]
    store.add_all(db, new)


def _date(text: str) -> date | None:
    """The day of a study, None where the file gives none that can be read."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
