"""Immutable bytes, named by their sha256, on the local disk.

Write: create-only temp file in the target folder → fsync → rename → fsync of the folder → only then the caller's row.
On any error the temp file is unlinked, else a full disk stays full. After a failed fsync nothing is retried on the
same descriptor. Paths are made from hashes alone, by `path`, so nothing a user sends can leave the store.
A hash is a name, not a permission: callers reach a blob only through a row the user may see.
"""

import contextlib
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from backend.errors import CorruptBlob, NotFound

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Blobs:
    """A store below one root folder: `<root>/<first two hex digits>/<sha256>`."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Where this blob lies or would lie. Raises ValueError for anything but 64 lower-case hex digits."""
        if not _SHA256.fullmatch(sha256):
            raise ValueError(f"not a sha256: {sha256[:80]!r}")
        return self.root / sha256[:2] / sha256

    def put(self, content: bytes | Iterable[bytes], *, mends: bool = False) -> str:
        """Store these bytes durably and return their sha256. Storing the same bytes twice is harmless.

        mends: put them in the place of what lies there, which is damaged. Raises OSError when the disk refuses; nothing is
        left behind then.
        """
        chunks = (content,) if isinstance(content, bytes | bytearray | memoryview) else content
        temporary = self.root / f"tmp-{os.getpid()}-{secrets.token_hex(8)}"
        digest = hashlib.sha256()
        try:
            with os.fdopen(
                os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb"
            ) as file:
                for chunk in chunks:
                    digest.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            target = self.path(digest.hexdigest())
            if not mends and self._same_size(target, temporary):
                os.utime(target)  # young again, so that no sweeper takes it before the caller's row is committed
            else:
                self._make_folders(target.parent)
                temporary.rename(target)
                _fsync_folder(target.parent)
            return target.name
        finally:
            temporary.unlink(missing_ok=True)

    def read(self, sha256: str) -> bytes:
        """The bytes of a blob, proven against their name. Raises NotFound or CorruptBlob, never returns wrong bytes."""
        try:
            content = self.path(sha256).read_bytes()
        except FileNotFoundError:
            raise NotFound(f"The stored bytes {sha256[:12]}… are missing; run `consilium fsck`.") from None
        if hashlib.sha256(content).hexdigest() != sha256:
            raise CorruptBlob(f"The stored bytes {sha256[:12]}… are damaged; restore them from a backup.")
        return content

    def exists(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    def names(self) -> Iterator[str]:
        """The sha256 of every stored blob, in order of name."""
        for folder in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
            yield from sorted(file.name for file in folder.iterdir() if _SHA256.fullmatch(file.name))

    def sweep(self, known: set[str], older_than_seconds: float) -> int:
        """Delete blobs no row names and abandoned temp files, both only when older than this; returns how many."""
        horizon = time.time() - older_than_seconds
        orphans = [self.path(name) for name in self.names() if name not in known]
        swept = 0
        for file in [*orphans, *self.root.glob("tmp-*")]:
            with contextlib.suppress(FileNotFoundError):  # another sweeper or a writer finishing: both are fine
                if file.stat().st_mtime < horizon:
                    file.unlink()
                    swept += 1
        return swept

    def check_writable(self) -> None:
        """Raises OSError when the store cannot take a file."""
        probe = self.root / f"tmp-probe-{os.getpid()}"
        try:
            probe.write_bytes(b"")
        finally:
            probe.unlink(missing_ok=True)

    def _make_folders(self, wanted: Path) -> None:
        """All of them where one is missing: the disk is waited for once, not at 256 first blobs while somebody waits for each."""
        if not wanted.is_dir():
            for number in range(256):
                (self.root / f"{number:02x}").mkdir(mode=0o700, exist_ok=True)
            _fsync_folder(self.root)

    @staticmethod
    def _same_size(target: Path, temporary: Path) -> bool:
        """Already stored and not torn; a blob of another length is replaced by the good bytes."""
        try:
            return target.stat().st_size == temporary.stat().st_size
        except FileNotFoundError:
            return False


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
