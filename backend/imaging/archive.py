"""Zip archives, opened with suspicion: names are only names, sizes are counted while inflating.

Members are written under numbers of ours, so no name of theirs ever becomes a path. The whole archive is refused
(`archive`) for anything a well-meant archive never does. Runs in the import child only.
"""

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from backend.imaging.refusal import Refusal

CHUNK = 1 << 20
ENCRYPTED = 0x1
NESTED = (".zip", ".7z", ".rar", ".tar", ".tgz", ".gz.tar", ".bz2", ".xz")
IGNORED = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OverflowError, KeyError)
SIGNATURE = b"PK\x03\x04"


class Member(NamedTuple):
    """One file of an archive: its name as sent, and the file of ours that holds its bytes."""

    name: str
    file: str


def expand(path: Path, folder: Path, *, entries: int, unpacked_bytes: int) -> list[Member]:
    """Write every member of a zip into `folder`; refuse the whole archive when any of it is suspicious."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not _is_noise(info)]
            _check(infos, entries)
            members, left = [], unpacked_bytes
            for number, info in enumerate(info for info in infos if not info.is_dir()):
                target = folder / f"member-{number:05d}"
                left -= _write(archive, info, target, left)
                members.append(Member(info.filename, target.name))
    except DAMAGED as error:
        raise Refusal("archive", "the zip archive is damaged") from error
    if not members:
        raise Refusal("archive", "the zip archive holds no files")
    return members


def _is_noise(info: zipfile.ZipInfo) -> bool:
    return info.filename.startswith(IGNORED[0]) or PurePosixPath(info.filename).name in IGNORED[1:]


def _check(infos: list[zipfile.ZipInfo], entries: int) -> None:
    if len(infos) > entries:
        raise Refusal("archive", f"the zip archive holds {len(infos)} entries; the limit is {entries}")
    seen: set[str] = set()
    reached = -1
    for info in sorted(infos, key=lambda info: info.header_offset):
        name = info.orig_filename
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if not parts or name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or "\0" in name:
            raise Refusal("archive", "the zip archive holds a name that leaves its folder")
        if info.filename in seen:
            raise Refusal("archive", "the zip archive holds two members of one name")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise Refusal("archive", "the zip archive holds a link or a special file")
        if info.flag_bits & ENCRYPTED:
            raise Refusal("archive", "the zip archive is encrypted; send it without a password")
        if info.compress_type not in METHODS:
            raise Refusal("archive", "the zip archive uses a compression other than deflate")
        if not info.is_dir() and name.lower().endswith(NESTED):
            raise Refusal("archive", "the zip archive holds another archive; send its content")
        if info.header_offset < reached:
            raise Refusal("archive", "members of the zip archive overlap")
        reached = info.header_offset + 30 + info.compress_size
        seen.add(info.filename)


def _write(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, left: int) -> int:
    """Inflate one member, counting; the size in the directory is compared at the end, never trusted."""
    written = 0
    with archive.open(info) as source, target.open("wb") as file:
        while piece := source.read(CHUNK):
            written += len(piece)
            if written > left:
                raise Refusal("archive", "the zip archive unpacks beyond the limit")
            if written > info.file_size:
                raise Refusal("archive", "a member of the zip archive is larger than its directory says")
            file.write(piece)
    if written != info.file_size:
        raise Refusal("archive", "a member of the zip archive is smaller than its directory says")
    return written
