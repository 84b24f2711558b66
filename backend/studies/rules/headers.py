"""How an image was made, as its first original says: acquisition, geometry and display, never who it shows.

The original is read by the import child, like at import; what it may tell is `backend.imaging.dicom_tags`'s list. An
answer is kept in memory by the original's hash: the bytes behind a hash never change.
"""

import functools
from pathlib import Path

from backend.blobs import Blobs
from backend.errors import CorruptBlob
from backend.imaging.refusal import Refusal
from backend.studies import ingest, store
from backend.studies.ingest import Limits

Tags = tuple[tuple[str, str, str], ...]


def load_tags(blobs: Blobs, image: store.Image, limits: Limits) -> Tags:
    """(tag, name, value) of what may be shown; empty for images that are not DICOM. Raises CorruptBlob."""
    try:
        return _read(blobs.path(image.original_sha256s[0]), limits)
    except (Refusal, OSError) as error:
        raise CorruptBlob("The image's original cannot be read any more; restore it from a backup.") from error


@functools.lru_cache(maxsize=256)
def _read(path: Path, limits: Limits) -> Tags:
    return tuple(ingest.read_tags(path, limits))
