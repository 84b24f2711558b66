"""Zip archives: good ones expand under names of ours, suspicious ones are refused whole."""

import contextlib
import io
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.imaging import archive
from backend.imaging.refusal import Refusal

LIMITS = {"entries": 20, "unpacked_bytes": 1 << 20}


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as file:
        for name, data in members:
            file.writestr(zipfile.ZipInfo(name), data, compress_type=method)
    return stream.getvalue()


def expand(data: bytes, folder: Path) -> list[archive.Member]:
    (folder / "sent.zip").write_bytes(data)
    out = folder / "out"
    out.mkdir(exist_ok=True)
    return archive.expand(folder / "sent.zip", out, **LIMITS)


def test_a_good_archive_expands_under_numbers_and_keeps_its_names(tmp_path: Path) -> None:
    data = zipped(("images/CASE.nii.gz", b"one"), ("images/", b""), ("segmentations/Exp1/CASE.nii.gz", b"two" * 999))

    members = expand(data, tmp_path)

    assert [member.name for member in members] == ["images/CASE.nii.gz", "segmentations/Exp1/CASE.nii.gz"]
    assert [(tmp_path / "out" / member.file).read_bytes() for member in members] == [b"one", b"two" * 999]
    assert all("/" not in member.file for member in members)


def test_what_operating_systems_leave_behind_is_passed_over(tmp_path: Path) -> None:
    data = zipped(("a.dcm", b"a"), ("__MACOSX/._a.dcm", b"x"), ("folder/.DS_Store", b"x"))

    assert [member.name for member in expand(data, tmp_path)] == ["a.dcm"]


def link() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(info, "/etc/passwd")
    return stream.getvalue()


def lying_size(claimed: int) -> bytes:
    """A member whose directory claims another unpacked size than it has."""
    data = bytearray(zipped(("a", bytes(1000))))
    at = data.find(b"PK\x01\x02")
    struct.pack_into("<I", data, at + 24, claimed)
    return bytes(data)


def overlapping() -> bytes:
    """Two directory entries that share the first member's bytes: the quoted bomb."""
    data = bytearray(zipped(("a", b"a" * 500), ("b", b"b" * 500), method=zipfile.ZIP_STORED))
    second = data.find(b"PK\x01\x02", data.find(b"PK\x01\x02") + 4)
    struct.pack_into("<I", data, second + 42, 100)
    return bytes(data)


def encrypted() -> bytes:
    data = bytearray(zipped(("a", b"secret")))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(signature) + offset
        data[at] |= 1
    return bytes(data)


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "a name that climbs out": (lambda: zipped(("../../etc/cron.d/x", b"x")), "leaves its folder"),
    "a name that climbs out on Windows": (lambda: zipped(("..\\..\\x", b"x")), "leaves its folder"),
    "an absolute name": (lambda: zipped(("/etc/passwd", b"x")), "leaves its folder"),
    "a drive": (lambda: zipped(("C:/x", b"x")), "leaves its folder"),
    "a good member beside a bad name": (lambda: zipped(("a.dcm", b"a"), ("../b", b"b")), "leaves its folder"),
    "a link": (link, "a link"),
    "two members of one name": (lambda: zipped(("a", b"1"), ("a", b"2")), "one name"),
    "an archive in the archive": (lambda: zipped(("inner.zip", zipped(("a", b"a")))), "another archive"),
    "too many entries": (lambda: zipped(*((f"f{k}", b"x") for k in range(21))), "21 entries"),
    "a bomb": (lambda: zipped(("zeros", bytes(1 << 24))), "beyond the limit"),
    "many small bombs": (lambda: zipped(*((f"z{k}", bytes(200_000)) for k in range(8))), "beyond the limit"),
    "a member larger than it claims": (lambda: lying_size(10), ""),
    "a member smaller than it claims": (lambda: lying_size(5000), ""),
    "overlapping members": (overlapping, "overlap"),
    "an encrypted archive": (encrypted, "encrypted"),
    "nothing usable": (lambda: zipped(("folder/", b"")), "no files"),
    "bzip2": (lambda: zipped(("a", b"a" * 100), method=zipfile.ZIP_BZIP2), "deflate"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_suspicious_archive_is_refused_whole(case: str, tmp_path: Path) -> None:
    build, words = BAD[case]

    with pytest.warns(UserWarning) if case == "two members of one name" else contextlib.nullcontext():
        data = build()
    with pytest.raises(Refusal) as refused:
        expand(data, tmp_path)

    assert refused.value.code == "archive" and words in refused.value.reason


@given(st.data())
def test_a_damaged_archive_is_read_equal_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = bytearray(zipped(("a", b"some bytes that matter" * 20), ("b", bytes(300))))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))

    try:
        members = expand(bytes(whole), folder := tmp_path_factory.mktemp("damaged"))
    except Refusal as refusal:
        assert refusal.code == "archive"
        return
    contents = {(folder / "out" / member.file).read_bytes() for member in members}
    assert contents <= {b"some bytes that matter" * 20, bytes(300)}
