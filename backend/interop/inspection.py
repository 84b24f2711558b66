"""What an upload holds, told before anything of it is kept: each image's grid and place in the patient, each file's verdict.

The files are parsed as the import would parse them, in the same confined child, and nothing is stored. A person looks at
sizes, spacing, orientation and warnings, then imports or forgets. The import parses them again: believing this report
instead would be a second door.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from backend.database import Database
from backend.errors import Conflict
from backend.imaging import geometry
from backend.imaging.refusal import Refusal
from backend.interop.imports import Gateway, progress_of, workdir_of
from backend.interop.label_maps import LabelMap, Target, check_grid, pair, read_map
from backend.jobs import rules as jobs
from backend.jobs.rules import Claimed
from backend.projects import rules as projects
from backend.projects.rules import Upload
from backend.studies import rules as studies
from backend.studies.ingest import Limits, ParsedImage, Progress, Verdict, parse_files
from backend.studies.ingest.answers import Status


def run_inspection(gateway: Gateway, job: Claimed) -> None:
    """Look at what an upload brought, and end the job with the report. Raises Conflict once it was committed."""
    database, settings = gateway.database, gateway.settings
    with database.read() as reading:
        upload = projects.load_import(reading, UUID(str(job.params["inspect"])))
    if upload.state != "receiving":
        raise Conflict("This upload was imported already; the import's own result has a verdict for each file.")
    folder = projects.quarantine(settings, upload.id)
    files = [(file.path, folder / file.sha256) for file in upload.files]
    with workdir_of(settings) as workdir:
        report = inspect(database, upload, files, workdir, Limits.of(settings), progress_of(database, job))
    with database.write() as db:
        jobs.hold(db, job)
        jobs.finish(db, job, report)


def inspect(
    database: Database,
    upload: Upload,
    files: Sequence[tuple[str, Path]],
    workdir: Path,
    limits: Limits,
    progress: Progress,
) -> dict[str, Any]:
    """The report: {images: [see `_image`], readings: {expert: how many label maps}, verdicts: [{file, status, code, message}]}."""
    parsed, said = parse_files(files, workdir, limits, progress)
    verdicts = {verdict.file: verdict for verdict in said}
    images = [one for one in parsed if one.kind == "image"]
    shown = [_image(database, upload.project_id, image, verdicts) for image in images]
    readings = _readings(database, upload, images, [one for one in parsed if one.kind == "label"], verdicts)
    return {
        "images": shown,
        "readings": dict(readings),
        "verdicts": [
            {"file": v.file, "status": v.status, "code": v.code, "message": v.message} for v in verdicts.values()
        ],
    }


def _image(database: Database, project_id: UUID, image: ParsedImage, verdicts: dict[str, Verdict]) -> dict[str, Any]:
    """An image in the words a person checks it by.

    dims: voxels along x, y, z. spacing_mm: likewise; null where the file knows no size. axes: the patient's side each axis
    runs to, such as LPS; file_axes: the same of the file's own axes, which are kept in another order where the two differ;
    tilt_degrees: how far the most oblique axis lies off its side. All three null without orientation.
    """
    try:
        with database.read() as db:
            same = studies.find_same(db, image, studies.hash_originals(image), projects.in_project(project_id))
            named = projects.images_named(db, project_id, [same.name]).get(same.name, []) if same else []
            known = same is not None and same.id in {one.id for one in named}
    except Refusal as refusal:
        _settle(verdicts, image.files, "refused", refusal.code, refusal.reason)
        known = False
    if known:
        _settle(verdicts, image.files, "duplicate", "duplicate", "the project has this image already")
    affine = geometry.from_rows(image.affine)
    placed = geometry.sides_of(image.geometry, image.warnings) == "known"
    axes, tilt_degrees = geometry.axis_sides(affine) if placed else (None, None)
    source = geometry.SourceAxes.from_json(image.source_axes)
    of_file = source.undo_affine(affine, (image.nx, image.ny, image.nz))
    return {
        "name": image.name,
        "modality": image.modality,
        "dims": [image.nx, image.ny, image.nz],
        "spacing_mm": None if image.geometry == "uncalibrated" else [round(s, 4) for s in geometry.spacing_mm(affine)],
        "axes": axes,
        "file_axes": geometry.axis_sides(of_file)[0] if placed else None,
        "tilt_degrees": None if tilt_degrees is None else round(tilt_degrees, 1),
        "geometry": image.geometry,
        "warnings": [warning.partition(": ")[2] or warning for warning in image.warnings],
        "files": len(image.files),
        "duplicate": known,
    }


def _readings(
    database: Database,
    upload: Upload,
    images: list[ParsedImage],
    parsed: list[ParsedImage],
    verdicts: dict[str, Verdict],
) -> Counter[str]:
    """How many label maps of each expert lie on the grid of their image; the others get their verdict."""
    maps: list[LabelMap] = []
    for raw in parsed:
        try:
            if not upload.experts:
                raise Refusal("label_map", "this is an expert's label map; import with experts to keep it as a reading")
            maps.append(read_map(raw))
        except Refusal as refusal:
            _settle(verdicts, raw.files, "refused", refusal.code, refusal.reason)
    paired, elsewhere = pair(images, maps)
    by_id = {id(image): Target.of_parsed(image) for image in images}
    targets = [(one, by_id[image]) for image, beside in paired.items() for one in beside]
    with database.read() as db:
        stored = projects.images_named(db, upload.project_id, sorted({one.case for one in elsewhere}))
    for one in elsewhere:
        found = stored.get(one.case, [])
        if len(found) == 1:
            targets.append((one, Target.of_stored(found[0])))
        else:
            reason = f"there is no image called {one.case} in this upload or in the project"
            _settle(verdicts, [one.file], "refused", "no_image", reason)
    readings: Counter[str] = Counter()
    for one, target in targets:
        try:
            check_grid(one, target)
            readings[one.expert] += 1
        except Refusal as refusal:
            _settle(verdicts, [one.file], "refused", refusal.code, refusal.reason)
    return readings


def _settle(verdicts: dict[str, Verdict], files: Sequence[str], status: Status, code: str, message: str) -> None:
    for file in files:
        verdicts[file] = Verdict(file, status, code, message)
