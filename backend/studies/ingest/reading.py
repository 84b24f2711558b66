"""One import from the first look at each file to checked images: the parent's half of the work.

Every answer of the child is checked here with the rules of `imaging` before it is believed: shapes against types,
numbers against limits, every slab unpacked to its length.
"""

import hashlib
import math
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import TypeAdapter, ValidationError

from backend.imaging import dicom, dicom_header, geometry, slabs
from backend.imaging.dicom import ImagePlan
from backend.imaging.dicom_header import DicomFile
from backend.imaging.geometry import Geometry, SourceAxes
from backend.imaging.refusal import Refusal
from backend.imaging.volume import Written, looks_like_hounsfield
from backend.studies.ingest.answers import Instance, Limits, ParsedImage, Progress, Status, Verdict
from backend.studies.ingest.child import Answer, Children, plain_text

PICTURE_SUFFIX = re.compile(r"\.(nii|nii\.gz|png|jpe?g|dcm)$", re.IGNORECASE)
NAME_LENGTH = 400  # characters: images are listed in order of their names, and an index takes no longer ones
DICOM_FILE: TypeAdapter[DicomFile] = TypeAdapter(DicomFile)
WRITTEN: TypeAdapter[Written] = TypeAdapter(Written)


class Import:
    """The state of one call of `parse_files`: what is left to do and what became of each file."""

    def __init__(
        self, files: list[tuple[str, Path]], workdir: Path, limits: Limits, progress: Progress, children: Children,
        all_labels: bool = False,
    ) -> None:  # fmt: skip
        self.files = files
        self.workdir = workdir
        self.limits = limits
        self.progress = progress
        self.children = children
        self.all_labels = all_labels
        self.images: list[ParsedImage] = []
        self.verdicts: dict[int, Verdict] = {}
        self.dicoms: dict[int, DicomFile] = {}
        self.incomplete: set[str] = set()
        self.folders = 0

    def run(self) -> tuple[list[ParsedImage], list[Verdict]]:
        volumes: list[tuple[int, str]] = []
        number = 0
        while number < len(self.files):  # grows while zips are expanded
            self._tell(f"looking at {self._name(number)}")
            try:
                kind = self._describe(number)
                if kind in ("nifti", "picture"):
                    volumes.append((number, kind))
            except Refusal as refusal:
                self._refuse(number, refusal)
            number += 1
        for number, kind in volumes:
            self._tell(f"reading {self._name(number)}")
            self._volume(number, kind)
        for series in self._series():
            self._tell(f"reading {len(series)} DICOM files")
            self._read_series(series)
        self._tell("everything is read")
        return self.images, [self.verdicts[number] for number in sorted(self.verdicts)]

    def _name(self, number: int) -> str:
        return PurePosixPath(self.files[number][0]).name

    def _tell(self, sentence: str) -> None:
        self.progress(len(self.verdicts), len(self.files), sentence)

    def _refuse(self, number: int, refusal: Refusal) -> None:
        status: Status = "quarantined" if refusal.code == "quarantined" else "refused"
        self.verdicts[number] = Verdict(self.files[number][0], status, refusal.code, refusal.reason)

    def _accept(self, numbers: Sequence[int], image: ParsedImage) -> None:
        self.images.append(image)
        status: Status = "warning" if image.warnings else "accepted"
        code = image.warnings[0].partition(":")[0] if image.warnings else "accepted"
        message = "; ".join(warning.partition(": ")[2] or warning for warning in image.warnings) or "accepted"
        for number in numbers:
            if number not in self.verdicts:
                self.verdicts[number] = Verdict(self.files[number][0], status, code, message, len(self.images) - 1)

    def _folder(self) -> Path:
        self.folders += 1
        folder = self.workdir / f"parsed-{self.folders:05d}"
        folder.mkdir(parents=True)
        return folder

    # ----------------------------------------------------------------------------------------------------- first look

    def _describe(self, number: int) -> str:
        """What the file is; DICOM headers are kept, zips appended to the files."""
        name, path = self.files[number]
        answer = self.children.ask({"job": "describe", "path": str(path)}, path.stat().st_size)
        kind = str(answer.get("kind"))
        if kind == "zip":
            self._expand(number)
        elif kind == "dicom":
            try:
                file = DICOM_FILE.validate_python(answer.get("dicom"))
            except ValidationError as error:
                raise Refusal("corrupt", "the file's header cannot be believed") from error
            dicom_header.recheck(file, path.stat().st_size, self.limits.unpacked_bytes)
            self.dicoms[number] = file
        elif kind not in ("nifti", "picture"):
            raise Refusal("unsupported", "this kind of file is not supported")
        return kind

    def _expand(self, number: int) -> None:
        name, path = self.files[number]
        if "!" in name:
            raise Refusal("archive", "the zip archive holds another archive; send its content")
        folder = self._folder()
        answer = self.children.ask(
            {"job": "expand", "path": str(path), "folder": str(folder)}, self.limits.archive_bytes
        )
        members = answer.get("members")
        if not isinstance(members, list) or len(members) > self.limits.archive_entries:
            raise Refusal("archive", "the zip archive cannot be believed")
        for place, member in enumerate(members):
            file = folder / f"member-{place:05d}"
            if file.is_symlink() or not file.is_file():
                raise Refusal("archive", "the zip archive cannot be believed")
            self.files.append((f"{name}!/{plain_text(str(member.get('name')))}", file))
        self.verdicts[number] = Verdict(name, "accepted", "expanded", f"the archive holds {len(members)} files")

    # ---------------------------------------------------------------------------------------------- NIfTI and pictures

    def _volume(self, number: int, kind: str) -> None:
        name, path = self.files[number]
        label = self.all_labels or is_label_name(name)
        folder = self._folder()
        request = {"job": kind, "path": str(path), "folder": str(folder), "label": label}
        try:
            answer = self.children.ask(request, self.limits.unpacked_bytes, self._inside(name))
            self._accept([number], self._volume_image(answer, folder, number, kind, label))
        except (ValidationError, KeyError, TypeError, ValueError):
            self._refuse(number, Refusal("corrupt", "the file cannot be believed"))
        except Refusal as refusal:
            self._refuse(number, refusal)

    def _inside(self, name: str) -> Callable[[int, int], None]:
        short = PurePosixPath(name).name
        return lambda done, total: self._tell(f"reading {short}: slice {done} of {total}")

    def _volume_image(self, answer: Answer, folder: Path, number: int, kind: str, label: bool) -> ParsedImage:
        name, path = self.files[number]
        nx, ny, nz = (self._axis(answer[key]) for key in ("nx", "ny", "nz"))
        affine, axes = geometry.flat_affine(None), None
        shape: Geometry = "uncalibrated"
        warnings = [plain_text(str(warning)) for warning in answer["warnings"][:20]]
        if kind == "nifti":
            affine = geometry.from_rows([float(value) for value in answer["affine"]])
            shape = geometry.check_affine(affine)
            axes = SourceAxes.from_json(answer["source_axes"]).to_json()
            if shape == "sheared":
                warnings.append("sheared: the voxel grid is not rectangular; it is kept as it is")
        elif not label:
            warnings.append("uncalibrated: a picture does not say how large a pixel is; lengths are unknown")
        image = ParsedImage(
            PICTURE_SUFFIX.sub("", PurePosixPath(name).name)[:NAME_LENGTH], "label" if label else "image", nx, ny, nz, 1,
            geometry.to_rows(affine), shape,
            warnings, source_axes=axes, files=[name], originals=[path],
        )  # fmt: skip
        if label:
            return self._with_labels(image, answer, folder)
        image = self._with_slabs(image, answer, folder)
        is_ct = kind == "nifti" and looks_like_hounsfield(image.window_low, image.window_high)
        return _as_ct(image) if is_ct else image

    def _axis(self, value: object) -> int:
        if not isinstance(value, int) or not 1 <= value <= self.limits.axis:
            raise ValueError(f"an axis of {value} voxels")
        return value

    def _with_labels(self, image: ParsedImage, answer: Answer, folder: Path) -> ParsedImage:
        dtype = {"uint8": "uint8", "uint16": "uint16"}[answer["dtype"]]
        path = folder / "labels.raw"
        size = image.nx * image.ny * image.nz * (1 if dtype == "uint8" else 2)
        if path.is_symlink() or path.stat().st_size != size:
            raise ValueError("the label map has another size than it says")
        return replace(image, label_path=path, label_dtype=dtype)

    def _with_slabs(self, image: ParsedImage, answer: Answer, folder: Path) -> ParsedImage:
        """The image with its slabs, each of them unpacked once to see that it holds what it must."""
        written = WRITTEN.validate_python(answer["written"])
        channels = int(answer["channels"])
        count = slabs.slab_count(image.nz)
        numbers = (written.slope, written.intercept, written.window_low, written.window_high)
        if channels not in (1, 3) or not all(math.isfinite(value) for value in numbers) or written.slope == 0:
            raise ValueError("the image's figures cannot be true")
        if not -32768 <= written.low <= written.high <= 32767:
            raise ValueError("the image's range cannot be true")
        paths = [folder / f"slab-{k:05d}.gz" for k in range(count)]
        for k, path in enumerate(paths):
            if path.is_symlink():
                raise ValueError("a slab is a link")
            slabs.unpack_slab(path.read_bytes(), slabs.slab_bytes(k, image.nz, image.ny, image.nx, channels))
        return replace(
            image, channels=channels, slab_paths=paths, slope=written.slope, intercept=written.intercept,
            low=written.low, high=written.high, window_low=written.window_low, window_high=written.window_high,
            warnings=[*image.warnings, *(plain_text(warning) for warning in written.warnings)],
        )  # fmt: skip

    # ---------------------------------------------------------------------------------------------------- DICOM series

    def _series(self) -> list[list[int]]:
        """Files by series, without repeated and contradicting ones."""
        series: dict[str, list[int]] = defaultdict(list)
        by_instance: dict[str, int] = {}
        conflicts: set[str] = set()
        for number, file in self.dicoms.items():
            first = by_instance.setdefault(file.sop_uid, number)
            if first == number:
                series[file.series_uid].append(number)
            elif _sha256(self.files[first][1]) == _sha256(self.files[number][1]):
                message = f"the same object as {self._name(first)}"
                self.verdicts[number] = Verdict(self.files[number][0], "duplicate", "duplicate", message)
            else:
                twice = "two different files carry one SOP instance UID; neither is believed, nor is their series"
                self._refuse(number, Refusal("identity_conflict", twice))
                conflicts |= {file.series_uid, self.dicoms[first].series_uid}
        kept = []
        for uid, numbers in series.items():
            reason = dicom.series_conflict([self.dicoms[number] for number in numbers])
            if uid in conflicts:
                reason = "another file of this series carries the UID of a different object; the series is refused"
            if reason is None:
                kept.append(numbers)
                continue
            for number in numbers:
                self._refuse(number, Refusal("identity_conflict", reason))
        return kept

    def _read_series(self, numbers: list[int]) -> None:
        """Plan a series' images and read them; files that cannot be read are named and left out, then it is planned anew."""
        while numbers:
            plans = dicom.plan_series({number: self.dicoms[number] for number in numbers})
            done: list[tuple[ImagePlan, ParsedImage]] = []
            bad: dict[int, Refusal] = {}
            for plan in plans:
                try:
                    image = self._plan_image(plan, bad)
                except Refusal as refused:
                    bad |= {number: refused for number, _ in plan.frames}
                    continue
                if image is not None:
                    done.append((plan, image))
            for number, refusal in bad.items():
                self._refuse(number, refusal)
                self.incomplete.add(self.dicoms[number].series_uid)
            if not bad:
                for plan, image in done:
                    self._accept(list(dict.fromkeys(number for number, _ in plan.frames)), image)
                return
            numbers = [number for number in numbers if number not in bad]

    def _plan_image(self, plan: ImagePlan, bad: dict[int, Refusal]) -> ParsedImage | None:
        """One planned image, or None when some of its files cannot be read; those are put into `bad`."""
        first = self.dicoms[plan.frames[0][0]]
        folder = self._folder()
        frames = []
        for number, frame in plan.frames:
            info = self.dicoms[number].frames[frame]
            frames.append([str(self.files[number][1]), info.spans, info.slope, info.intercept])
        size = first.pixels.rows * first.pixels.columns * len(frames) * 2
        request = {"job": "series", "pixels": asdict(first.pixels), "frames": frames, "folder": str(folder)}
        answer = self.children.ask(request, size, self._inside(plan.name))
        if answer.get("bad_frames"):
            for frame in answer["bad_frames"]:
                number = plan.frames[int(frame["frame"])][0]
                bad[number] = Refusal(str(frame["code"])[:40], plain_text(str(frame["reason"])))
            return None
        try:
            return self._series_image(plan, answer, folder)
        except (ValidationError, KeyError, TypeError, ValueError) as error:
            raise Refusal("corrupt", "the series cannot be believed") from error

    def _series_image(self, plan: ImagePlan, answer: Answer, folder: Path) -> ParsedImage:
        first = self.dicoms[plan.frames[0][0]]
        numbers = list(dict.fromkeys(number for number, _ in plan.frames))
        warnings = list(plan.warnings)
        if first.series_uid in self.incomplete:
            warnings.append("incomplete_series: files of this series could not be read and are missing")
        frames_of = [len(self.dicoms[number].frames) for number in numbers]
        image = ParsedImage(
            plan.name[:NAME_LENGTH], "image", first.pixels.columns, first.pixels.rows, len(plan.frames), 1, list(plan.affine),
            plan.geometry, warnings, unit=first.unit, modality=first.modality, study_uid=first.study_uid,
            series_uid=first.series_uid, series_number=first.series_number,
            series_description=first.series_description, study_description=first.study_description,
            study_date=first.study_date,
            patient={"name": first.patient_name, "hospital_id": first.patient_id, "birth_date": first.patient_birth_date},
            instances=[
                Instance(self.dicoms[number].sop_uid, self.files[number][0], z if count == 1 else None)
                for z, (number, count) in enumerate(zip(numbers, frames_of, strict=True))
            ],
            files=[self.files[number][0] for number in numbers],
            originals=[self.files[number][1] for number in numbers],
        )  # fmt: skip
        # MR windows differ from slice to slice; what the reader sees first is the middle.
        middle = self.dicoms[plan.frames[len(plan.frames) // 2][0]]
        return _with_windows(self._with_slabs(image, answer, folder), middle)


def _as_ct(image: ParsedImage) -> ParsedImage:
    """NIfTI names no unit: values that are CT's by their range get CT's unit, its window and its presets, and a note that says so."""
    low, high = dicom.CT_WINDOW_HU
    note = (
        f"unit_guessed: the values reach from {image.window_low:.0f} to {image.window_high:.0f}, as Hounsfield units do; "
        "shown as CT"
    )
    return replace(image, unit="HU", window_low=low, window_high=high, warnings=[*image.warnings, note])


def _with_windows(image: ParsedImage, file: DicomFile) -> ParsedImage:
    """The file's windows as presets, its first one to start with; MONOCHROME1 turned so that low values show white."""
    if image.channels == 3:
        return image
    bounds = [(name, *dicom.window_bounds(centre, width)) for name, centre, width in file.windows]
    start = dicom.default_window([file], file.modality) or (image.window_low, image.window_high)
    if file.pixels.photometric == "MONOCHROME1":
        ends = [stored * image.slope + image.intercept for stored in (image.low, image.high)]
        turn = sum(ends)
        bounds = [(name, turn - high, turn - low) for name, low, high in bounds]
        start = (turn - start[1], turn - start[0])
        note = "shown_inverted: the file asks for low values to be shown white; values are counted from the other end"
        image = replace(image, slope=-image.slope, intercept=turn - image.intercept, warnings=[*image.warnings, note])
    presets: list[dict[str, Any]] = [{"name": name, "low": low, "high": high} for name, low, high in bounds]
    return replace(image, window_low=start[0], window_high=start[1], window_presets=presets)


def is_label_name(name: str) -> bool:
    """Whether a file lies where a data-set folder keeps its readings: `segmentations/EXPERT/CASE.nii.gz`."""
    parts = PurePosixPath(name.replace("!/", "/")).parts
    return len(parts) >= 3 and parts[-3] == "segmentations"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
