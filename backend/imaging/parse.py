"""The import child: the only process that reads an original. `python -I -m backend.imaging.parse LIMITS`.

Started by `backend.studies.ingest`, it first confines itself (memory, CPU time, file size, descriptors, no core file,
no new privileges, no network, death with its parent) and only then answers requests: one JSON object per line in, one
per line out, progress lines in between. It holds no secret and no connection and its environment is empty; whatever
happens to it, the parent reads at most a lie, which it checks. Everything is caught here: pydicom, zlib and the codecs
have dozens of exceptions, and each means that this file cannot be read.

    {"job": "describe", "path"}                        -> {"kind": "dicom" | "nifti" | "picture" | "zip", "dicom"?}
    {"job": "tags", "path"}                            -> {"tags": [[tag, name, value]]}; none where it is no DICOM file
    {"job": "expand", "path", "folder"}                -> {"members": [{"name", "file"}]}
    {"job": "nifti" | "picture", "path", "folder", "label"} -> grid and slabs, or the raw label map
    {"job": "series", "pixels", "frames", "folder"}    -> slabs, or {"bad_frames": [{"frame", "code", "reason"}]}
    every answer is {"ok": …} or {"refused": {"code", "reason"}}
"""

import ctypes
import json
import mmap
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from backend.imaging import archive, dicom_header, dicom_tags, nifti, part10, raster, volume
from backend.imaging.dicom_frames import PixelLayout
from backend.imaging.geometry import to_rows
from backend.imaging.pixels import BadFrame, DicomSource, PlacedFrame
from backend.imaging.refusal import Refusal

Request: TypeAlias = dict[str, Any]

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
REFUSED_KINDS = (
    (b"%PDF", "a PDF"), (b"\x7fELF", "a program"), (b"MZ", "a program"), (b"#!", "a script"), (b"\x93NUMPY", "a NumPy array"),
    (b"\x80\x02", "a pickle"), (b"\x80\x03", "a pickle"), (b"\x80\x04", "a pickle"), (b"\x80\x05", "a pickle"),
    (b"Rar!", "a RAR archive"), (b"7z\xbc\xaf", "a 7-Zip archive"), (b"BZh", "a bzip2 archive"), (b"\xfd7zXZ", "an xz archive"),
    (b"II*\0", "a TIFF picture"), (b"MM\0*", "a TIFF picture"), (b"GIF8", "a GIF picture"), (b"NRRD", "an NRRD volume"),
    (b"<", "an XML or HTML file"), (b"{", "a JSON file"),
)  # fmt: skip


@dataclass(frozen=True)
class ChildLimits:
    """What the parent allows: sizes in bytes, time in seconds of CPU for the child's whole life."""

    address_space_bytes: int
    file_bytes: int
    unpacked_bytes: int
    axis: int
    slices: int
    archive_entries: int
    archive_bytes: int
    cpu_seconds: int


def confine(limits: ChildLimits) -> dict[str, bool]:
    """Give up what reading a file does not need; says which kinds of isolation the kernel granted."""
    resource.setrlimit(resource.RLIMIT_AS, (limits.address_space_bytes, limits.address_space_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds))
    largest = max(limits.file_bytes, limits.unpacked_bytes) + (1 << 20)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    granted = {
        "limits": True,
        "dies_with_parent": libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == 0,
        "no_new_privileges": libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0,
        "no_network": libc.unshare(CLONE_NEWNET) == 0 or libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0,
    }
    return granted


def main() -> None:
    """Confine, say hello, then answer until the parent closes the pipe."""
    limits = ChildLimits(**json.loads(sys.argv[1]))
    parent = os.getppid()
    granted = confine(limits)
    if os.getppid() != parent:  # it died before the death signal was set
        return
    _say({"isolation": granted})
    for line in sys.stdin:
        _say(_answer(json.loads(line), limits))


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message, allow_nan=False) + "\n")
    sys.stdout.flush()


def _answer(request: Request, limits: ChildLimits) -> dict[str, Any]:
    try:
        return {"ok": JOBS[request["job"]](request, limits)}
    except Refusal as refusal:
        return {"refused": {"code": refusal.code, "reason": refusal.reason}}
    except MemoryError:
        return {"refused": {"code": "too_large", "reason": "reading the file takes more memory than allowed"}}
    except Exception as error:  # noqa: BLE001 -- the ingest boundary: whatever was raised, this file cannot be read
        return {"refused": {"code": "corrupt", "reason": f"the file cannot be read ({type(error).__name__})"}}


# ---------------------------------------------------------------------------------------------------------------- jobs


def _describe(request: Request, limits: ChildLimits) -> dict[str, Any]:
    """What kind of file this is, by its content alone; a DICOM file's header with it."""
    path = Path(request["path"])
    size = path.stat().st_size
    if size == 0:
        raise Refusal("truncated", "the file is empty")
    if size > limits.file_bytes:
        raise Refusal("too_large", f"the file has {size >> 20} MiB; the limit is {limits.file_bytes >> 20} MiB")
    with path.open("rb") as file:
        head = file.read(1024)
        if part10.looks_like(head):
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as data:
                return {"kind": "dicom", "dicom": asdict(_header(data, limits))}
    if head.startswith((raster.PNG, raster.JPEG)):
        return {"kind": "picture"}
    if head.startswith(archive.SIGNATURE):
        return {"kind": "zip"}
    if nifti.looks_like(nifti.unpacked_head(path)):
        return {"kind": "nifti"}
    raise Refusal("unsupported", _name_kind(head))


def _tags(request: Request, limits: ChildLimits) -> dict[str, Any]:
    """How the image was made, for people to read."""
    with Path(request["path"]).open("rb") as file:
        if not part10.looks_like(file.read(1024)):
            return {"tags": []}
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as data:
            try:
                return {"tags": dicom_tags.read_tags(data, unpacked_bytes=limits.unpacked_bytes)}
            except Refusal as refusal:  # its traceback would keep the mapping alive
                raise Refusal(refusal.code, refusal.reason) from None


def _header(data: memoryview, limits: ChildLimits) -> dicom_header.DicomFile:
    """The header; a refusal must not keep the mapping alive through its traceback."""
    try:
        return dicom_header.describe(data, unpacked_bytes=limits.unpacked_bytes)
    except Refusal as refusal:
        raise Refusal(refusal.code, refusal.reason) from None


def _name_kind(head: bytes) -> str:
    if head[257:262] == b"ustar":
        return "this is a tar archive; send DICOM, NIfTI, PNG, JPEG or a zip of these"
    for magic, what in REFUSED_KINDS:
        if head.lstrip().startswith(magic):
            return f"this is {what}; send DICOM, NIfTI, PNG, JPEG or a zip of these"
    if head.startswith(b"\x1f\x8b"):
        return "this gzip holds no NIfTI volume"
    return "this is no DICOM Part 10, NIfTI, PNG or JPEG file, nor a zip of these"


def _expand(request: Request, limits: ChildLimits) -> dict[str, Any]:
    members = archive.expand(
        Path(request["path"]),
        Path(request["folder"]),
        entries=limits.archive_entries,
        unpacked_bytes=limits.archive_bytes,
    )
    return {"members": [member._asdict() for member in members]}


def _nifti(request: Request, limits: ChildLimits) -> dict[str, Any]:
    folder = Path(request["folder"])
    scratch = folder / "unpacked"
    try:
        opened = nifti.open_volume(
            Path(request["path"]),
            scratch,
            axis=limits.axis,
            slices=limits.slices,
            unpacked_bytes=limits.unpacked_bytes,
        )
        nx, ny, nz = opened.shape_xyz
        grid = {
            "nx": nx,
            "ny": ny,
            "nz": nz,
            "affine": to_rows(opened.affine),
            "source_axes": opened.source_axes.to_json(),
        }
        return grid | _write(opened, folder, request["label"], list(opened.warnings))
    finally:
        scratch.unlink(missing_ok=True)


def _picture(request: Request, limits: ChildLimits) -> dict[str, Any]:
    data = Path(request["path"]).read_bytes()
    width, height = raster.picture_size(data)
    volume.check_size(width, height, 1, 8, axis=limits.axis, slices=limits.slices, unpacked_bytes=limits.unpacked_bytes)
    picture = raster.read_picture(data)
    grid = {"nx": int(picture.pixels.shape[1]), "ny": int(picture.pixels.shape[0]), "nz": 1}
    return grid | _write(picture, Path(request["folder"]), request["label"], list(picture.warnings))


def _write(source: volume.Source, folder: Path, label: bool, warnings: list[str]) -> dict[str, Any]:
    if label:
        if source.channels != 1:
            raise Refusal("label_colour", "a label map must be grey: one whole number per pixel")
        dtype = volume.write_labels(source, folder / "labels.raw", _report(source.count))
        return {"dtype": dtype.name, "warnings": warnings}
    written = volume.write_image(source, folder, _report(source.count))
    return {"channels": source.channels, "written": asdict(written), "warnings": warnings}


def _series(request: Request, limits: ChildLimits) -> dict[str, Any]:
    """The slabs of one planned image. When frames cannot be decoded, all of them are named and nothing is kept."""
    layout = PixelLayout(**request["pixels"])
    frames = [
        PlacedFrame(Path(path), tuple((at, length) for at, length in spans), slope, intercept)
        for path, spans, slope, intercept in request["frames"]
    ]
    volume.check_size(
        layout.columns, layout.rows, len(frames), max(2, layout.bits_allocated // 8) * layout.samples,
        axis=limits.axis, slices=limits.slices, unpacked_bytes=limits.unpacked_bytes,
    )  # fmt: skip
    source = DicomSource(frames, layout, limits.unpacked_bytes)
    try:
        written = volume.write_image(source, Path(request["folder"]), _report(source.count))
    except BadFrame as bad:
        return {"bad_frames": _bad_frames(source, bad)}
    finally:
        source.close()
    return {"channels": source.channels, "written": asdict(written), "warnings": []}


def _bad_frames(source: DicomSource, first: BadFrame) -> list[dict[str, Any]]:
    found = [first]
    for z in range(first.z + 1, source.count):
        try:
            source.read(z)
        except BadFrame as bad:
            found.append(bad)
    return [{"frame": bad.z, "code": bad.refusal.code, "reason": bad.refusal.reason} for bad in found]


def _report(total: int) -> Callable[[int], None]:
    return lambda done: _say({"progress": [done, total]})


JOBS: dict[str, Callable[[Request, ChildLimits], dict[str, Any]]] = {
    "describe": _describe,
    "expand": _expand,
    "nifti": _nifti,
    "picture": _picture,
    "series": _series,
    "tags": _tags,
}

if __name__ == "__main__":
    main()
