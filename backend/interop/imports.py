"""Imports: files in quarantine or in a folder become images, and a data set's readings become submitted revisions.

    what was dropped → parsed in a confined child (studies.ingest) → per image: blobs, then all its rows in one commit

A data set keeps its readings beside its images, anywhere below what was dropped:

    images/CASE.nii.gz      segmentations/EXPERT/CASE.nii.gz

Each expert becomes an expert of the project and each label map a submitted reading on exactly the image's grid. Every file
gets one verdict; a bad one never spoils the others. Run again after a crash, what is stored already is a duplicate.
Fails closed: in a project with labels a label map with any other value is refused; only a project without any gets
its label set from the first data set.
"""

import contextlib
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID

from backend import audit
from backend.accounts import rules as accounts
from backend.accounts.rules import SYSTEM, Actor
from backend.blobs import Blobs
from backend.database import Database, WriteSession
from backend.errors import ConsiliumError, Invalid
from backend.imaging.refusal import Refusal
from backend.interop.label_maps import LabelMap, Target, check_grid, choose_labels, pair, read_map
from backend.jobs import rules as jobs
from backend.jobs.rules import Claimed
from backend.projects import rules as projects
from backend.projects.rules import ReadingPolicy
from backend.segmentations import rules as segmentations
from backend.segmentations.rules import KeptLabels
from backend.settings import Settings
from backend.studies import rules as studies
from backend.studies.ingest import Limits, ParsedImage, Verdict, parse_files

MIB: Final = 1 << 20
REPORT_SECONDS: Final = 0.5
UUID_NAME: Final = "-".join("?" * length for length in (8, 4, 4, 4, 12))
QUARANTINE_SECONDS: Final = 7 * 24 * 3600.0  # SAFETY section 2

Progress = Callable[[int, int, str], None]
Fence = Callable[[WriteSession], None]


class Gateway(Protocol):
    """What a worker process holds open; `worker.gateway.Gateway` is one."""

    @property
    def database(self) -> Database: ...
    @property
    def blobs(self) -> Blobs: ...
    @property
    def settings(self) -> Settings: ...


@dataclass(frozen=True)
class Source:
    """Where an import writes, for whom, and what proves at each commit that it still may (a job's attempt)."""

    project_id: UUID
    actor: Actor
    experts: bool
    fence: Fence
    progress: Progress


def run_import(gateway: Gateway, job: Claimed) -> None:
    """Take in what an upload brought, and end the job. Raises LeaseLost when another attempt has begun or it is cancelled."""
    database, settings = gateway.database, gateway.settings
    with database.read() as reading:
        upload = projects.load_import(reading, job.id)
        owner = accounts.load_user(reading, upload.owner_id) if upload.owner_id else None
    actor = Actor(upload.owner_id, owner.name if owner else "consilium", "", kind="job")
    folder = projects.quarantine(settings, upload.id)
    source = Source(
        project_id=upload.project_id,
        actor=actor,
        experts=upload.experts,
        fence=lambda db: jobs.hold(db, job),
        progress=progress_of(database, job),
    )
    files = [(file.path, folder / file.sha256) for file in upload.files]
    with workdir_of(settings) as workdir:
        result = take_in(database, gateway.blobs, source, files, workdir, Limits.of(settings))
    with database.write() as db:
        jobs.hold(db, job)
        _record(db, source, job.id, result)
        jobs.finish(db, job, result)
    if not any(verdict["status"] == "quarantined" for verdict in result["verdicts"]):
        shutil.rmtree(folder, ignore_errors=True)  # what is left over, the sweeper of the work folder takes


def import_folder(
    database: Database, settings: Settings, path: Path, *, project: str, experts: bool, simulated: bool = False
) -> dict[str, Any]:
    """Import a file or folder of this machine into the project of that name, made if there is none; returns the result."""
    with database.write() as db:
        project_id = projects.find_project_named(db, project)
        if project_id is None:
            made = projects.create_project(db, SYSTEM, project, "", ReadingPolicy(), [], simulated)
            project_id = made.id
    source = Source(project_id, SYSTEM, experts, lambda db: None, lambda done, total, sentence: None)
    files = files_below(path)
    with workdir_of(settings) as workdir:
        result = take_in(database, Blobs(settings.blobs_folder), source, files, workdir, Limits.of(settings))
    with database.write() as db:
        _record(db, source, None, result)
    return result


def sweep_quarantine(database: Database, settings: Settings) -> int:
    """Forget what ended imports left behind for the admin, a week after the last file came; returns how many.

    An import that still waits or works keeps its files however old they are; so does an upload that is still open, which
    `projects.abandon_uploads` forgets by its own row.
    """
    quarantine = settings.work_folder / "quarantine"
    oldest = time.time() - QUARANTINE_SECONDS
    stale = [folder for folder in quarantine.glob(UUID_NAME) if folder.stat().st_mtime < oldest]
    swept = 0
    for folder in stale:
        with database.write() as db:
            upload = projects.find_import(db, UUID(folder.name))
            if upload is not None and (upload.state == "receiving" or not jobs.is_over(db, upload.id)):
                continue
            shutil.rmtree(folder, ignore_errors=True)  # what is left over, the next sweep takes
            reason = "the week that files of a failed import are kept is over"
            project_id = upload.project_id if upload else None
            audit.record(db, None, "D", "import", folder.name, project_id=project_id, reason=reason)
            swept += 1
    return swept


def files_below(path: Path) -> list[tuple[str, Path]]:
    """(name, path) of a file, or of every ordinary file below a folder; hidden files and links are left out."""
    if path.is_file():
        return [(path.name, path)]
    found = []
    for file in sorted(path.rglob("*")):
        relative = file.relative_to(path)
        hidden = any(part.startswith(".") for part in relative.parts)
        if not hidden and not file.is_symlink() and file.is_file():
            found.append((relative.as_posix(), file))
    if not found:
        raise Invalid(f"{path.name} holds no file to import.")
    return found


def take_in(
    database: Database,
    blobs: Blobs,
    source: Source,
    files: Sequence[tuple[str, Path]],
    workdir: Path,
    limits: Limits,
) -> dict[str, Any]:
    """Import files into a project, image by image.

    Returns {images: [{id, name}], verdicts: [{file, status, code, message}], experts: [name], readings: how many are
    new}. Never raises for what a file holds; OSError of a full disk does come through, with every finished image kept.
    """
    parsed, verdicts = parse_files(files, workdir, limits, source.progress)
    return _Intake(database, blobs, source, verdicts).run(parsed)


class _Intake:
    """The state of one import after parsing: verdicts by file, what was stored, whose readings."""

    def __init__(self, database: Database, blobs: Blobs, source: Source, verdicts: list[Verdict]) -> None:
        self.database, self.blobs, self.source = database, blobs, source
        self.verdicts = {verdict.file: verdict for verdict in verdicts}
        self.stored: dict[UUID, str] = {}
        self.experts: set[str] = set()
        self.readings = 0
        self.allowed: frozenset[int] = frozenset()
        with database.read() as db:
            self.simulated = projects.load_project(db, SYSTEM, source.project_id).simulated

    def run(self, parsed: list[ParsedImage]) -> dict[str, Any]:
        images = [one for one in parsed if one.kind == "image"]
        maps = self._label_maps([one for one in parsed if one.kind == "label"])
        self._settle_labels(maps)
        by_image, elsewhere = pair(images, maps)
        for number, image in enumerate(images):
            self.source.progress(number, len(images), f"keeping image {number + 1} of {len(images)}")
            self._keep_image(image, by_image.get(id(image), []))
        self._keep_elsewhere(elsewhere)
        return {
            "images": [{"id": str(image_id), "name": name} for image_id, name in self.stored.items()],
            "verdicts": [
                {"file": v.file, "status": v.status, "code": v.code, "message": v.message}
                for v in self.verdicts.values()
            ],
            "experts": sorted(self.experts),
            "readings": self.readings,
        }

    def _label_maps(self, parsed: list[ParsedImage]) -> list[LabelMap]:
        """The label maps that can become readings, with their voxels' values known."""
        maps = []
        for one in parsed:
            if not self.source.experts:
                reason = "this is an expert's label map; import with experts to keep it as a reading"
                self._refuse(one.files, Refusal("label_map", reason))
                continue
            try:
                maps.append(read_map(one))
            except Refusal as refusal:
                self._refuse(one.files, refusal)
        return maps

    def _settle_labels(self, maps: list[LabelMap]) -> None:
        """The values a reading may hold: the project's, or those of this data set where the project has none yet."""
        with self.database.write() as db:
            labels = projects.load_labels(db, self.source.project_id)
            if not labels and maps:
                labels = choose_labels(maps)
                if labels:
                    self.source.fence(db)
                    projects.set_labels(db, self.source.actor, self.source.project_id, labels)
        self.allowed = frozenset(label.value for label in labels)

    def _keep_image(self, parsed: ParsedImage, maps: list[LabelMap]) -> None:
        """One image with its readings: bytes first, then every row in one commit; refused, it takes its readings along."""
        try:
            originals = studies.hash_originals(parsed)
            with self.database.read() as db:
                within = projects.in_project(self.source.project_id)
                same = studies.find_same(db, parsed, originals, within)
            kept = None if same is not None else studies.store_bytes(self.blobs, parsed)
            target = Target.of_parsed(parsed) if same is None else Target.of_stored(same)
            readings = self._keep_maps(maps, target)
            with self.database.write() as db:
                self.source.fence(db)
                studies.lock_door(db)
                image = studies.find_same(db, parsed, originals, within)
                is_new = image is None
                if image is None:
                    kept = kept or studies.store_bytes(self.blobs, parsed)
                    image = studies.keep_image(db, parsed, kept, self.simulated)
                attached = projects.attach_images(db, self.source.actor, self.source.project_id, [image.id])
                image_id, name = image.id, image.name
                added = self._add_readings(db, image_id, readings)
        except (Refusal, ConsiliumError) as problem:
            refusal = problem if isinstance(problem, Refusal) else Refusal(problem.code, problem.detail)
            self._refuse(parsed.files, refusal)
            for one in maps:
                self._refuse([one.file], Refusal("image_refused", "the image it belongs to was refused"))
            return
        self.stored[image_id] = name
        if not is_new and not attached:
            for file in parsed.files:
                self._settle(file, "duplicate", "duplicate", "the project has this image already")
        self._conclude(added)

    def _keep_elsewhere(self, maps: list[LabelMap]) -> None:
        """Readings of images that came with an earlier import, found by their name."""
        with self.database.read() as db:
            known = projects.images_named(db, self.source.project_id, sorted({one.case for one in maps}))
        for one in maps:
            images = known.get(one.case, [])
            if len(images) != 1:
                reason = f"there is no image called {one.case} in this upload or in the project"
                if images:
                    reason = f"the project has {len(images)} images called {one.case}"
                self._refuse([one.file], Refusal("no_image", reason))
                continue
            readings = self._keep_maps([one], Target.of_stored(images[0]))
            with self.database.write() as db:
                self.source.fence(db)
                added = self._add_readings(db, images[0].id, readings)
            self._conclude(added)

    def _keep_maps(self, maps: list[LabelMap], target: Target) -> list[tuple[LabelMap, KeptLabels]]:
        """The label maps that lie on this image's grid, put among the blobs; the others get their verdict."""
        kept = []
        for one in maps:
            try:
                check_grid(one, target)
                kept.append((one, segmentations.keep_labels(self.blobs, one.labels_zyx(), self.allowed)))
            except Refusal as refusal:
                self._refuse([one.file], refusal)
            except Invalid as problem:
                self._refuse([one.file], Refusal("unknown-label", problem.detail))
        return kept

    def _add_readings(
        self, db: WriteSession, image_id: UUID, readings: list[tuple[LabelMap, KeptLabels]]
    ) -> list[tuple[LabelMap, str]]:
        """Each reading's row in the caller's transaction; what became of each is told only after the commit."""
        names = [one.expert for one, _ in readings]
        actor, project_id = self.source.actor, self.source.project_id
        experts = projects.ensure_experts(db, actor, project_id, names, self.simulated)
        return [
            (one, segmentations.put_imported_reading(db, actor, project_id, image_id, experts[one.expert], kept))
            for one, kept in readings
        ]

    def _conclude(self, added: list[tuple[LabelMap, str]]) -> None:
        for one, outcome in added:
            if outcome == "not_theirs":
                reason = f"{one.expert} has an account here and submits their own readings; rename the folder or import as them"
                self._refuse([one.file], Refusal("not_their_reading", reason))
                continue
            self.experts.add(one.expert)
            if outcome == "added":
                self.readings += 1
            elif outcome == "duplicate":
                self._settle(one.file, "duplicate", "duplicate", f"{one.expert} has this very reading already")
            else:
                reason = f"{one.expert} has another reading of {one.case} already; the stored one stays"
                self._refuse([one.file], Refusal("reading_conflict", reason))

    def _settle(self, file: str, status: Any, code: str, message: str) -> None:
        self.verdicts[file] = Verdict(file, status, code, message)

    def _refuse(self, files: Sequence[str], refusal: Refusal) -> None:
        for file in files:
            self._settle(file, "refused", refusal.code, refusal.reason)


def _record(db: WriteSession, source: Source, import_id: UUID | None, result: dict[str, Any]) -> None:
    """One audit event for the whole import: how many files met which verdict. File names stay out, they may name people."""
    verdicts = Counter(f"{verdict['status']}: {verdict['code']}" for verdict in result["verdicts"])
    new = {"verdicts": dict(verdicts), "images": [image["id"] for image in result["images"]]}
    new["readings"] = result["readings"]
    audit.record(db, source.actor, "E", "import", import_id, project_id=source.project_id, new=new)


def progress_of(database: Database, job: Claimed) -> Progress:
    """Writes progress into the job's row, twice a second at most; notices there that the job was cancelled or lost."""
    last = 0.0

    def report(done: int, total: int, sentence: str) -> None:
        nonlocal last
        if time.monotonic() - last < REPORT_SECONDS:
            return
        last = time.monotonic()
        progress = {"step": done, "steps": total, "phase": "import", "seconds_left": None, "message": sentence}
        with database.write() as db:
            jobs.hold(db, job)
            jobs.report(db, job, progress)

    return report


@contextlib.contextmanager
def workdir_of(settings: Settings) -> Iterator[Path]:
    """A folder of its own for what the child writes, gone afterwards."""
    folder = (settings.work_folder / "imports" / secrets.token_hex(8)).absolute()
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
