"""Studies: an image's bytes on their way out (`pixels`), how it was made (`headers`), what an import keeps (`keeping`). The door of studies' rules."""

from backend.studies.rules.headers import load_tags
from backend.studies.rules.keeping import KeptBytes, find_same, hash_originals, keep_image, lock_door, store_bytes
from backend.studies.rules.pixels import (
    Slab,
    corrupt_blobs,
    display_window,
    load_slab,
    make_thumbnail,
    read_slice,
    write_png,
)
from backend.studies.store import Image, ImageRow, find_image, images_of_studies, list_images, list_studies, load_series

__all__ = [
    "Image",
    "ImageRow",
    "KeptBytes",
    "Slab",
    "corrupt_blobs",
    "display_window",
    "find_image",
    "find_same",
    "hash_originals",
    "images_of_studies",
    "keep_image",
    "list_images",
    "list_studies",
    "load_series",
    "load_slab",
    "load_tags",
    "lock_door",
    "make_thumbnail",
    "read_slice",
    "store_bytes",
    "write_png",
]
