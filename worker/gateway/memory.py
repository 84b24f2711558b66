"""Room for large images: a job says what it will take before it takes it, and ends in words where that is more than there is.

What a voxel takes is counted from the arrays that live at the same time at the worst moment, in bytes. Jobs that take much wait
for each other, so that two that fit alone are not both begun.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Final

from backend.jobs.rules import ImageFacts, JobFailure
from backend.memory import Memory, read_memory

LARGE_BYTES: Final = 2**30
GIB: Final = 2**30
_turn: Final = threading.Lock()


class NoRoom(Exception):
    """An image too large for the memory there is, in words for the person who asked."""

    def __init__(self, failure: JobFailure) -> None:
        self.failure = failure
        super().__init__(failure.message)


def predicting(image: ImageFacts, labels: int) -> int:
    """Bytes that one image's prediction takes: the image thrice (as read, normalised, framed), logits twice, classes and uncertainty."""
    return _voxels(image) * (12 * image.channels + 8 * (labels + 1) + 16)


def having_opinions(image: ImageFacts, labels: int, samples: int, experts: int) -> int:
    """Bytes of a prediction, then of all label maps: of samples when joined, of experts when stacked; and samples' logits of some slices."""
    logits_of_slices = 48 * samples * (labels + 1) * image.ny * image.nx
    return predicting(image, labels) + _voxels(image) * (3 * samples + 2 * experts) + logits_of_slices


def propagating(image: ImageFacts, labels: int) -> int:
    """Bytes of distances and chances of each label, the image, what was drawn, and what is made of them."""
    return _voxels(image) * (4 * image.channels + 12 * labels + 40)


@contextlib.contextmanager
def room(needed_bytes: int, image: ImageFacts, act: str, read: Callable[[], Memory] = read_memory) -> Iterator[None]:
    """Within it a job may take so much; large ones one at a time. act: "Propagating". Raises NoRoom where there is less."""
    if needed_bytes < LARGE_BYTES:
        yield
        return
    with _turn:
        left = read().available_bytes
        if left is not None and left < needed_bytes:
            raise NoRoom(_in_words(needed_bytes, left, image, act))
        yield


def _in_words(needed_bytes: int, left_bytes: int, image: ImageFacts, act: str) -> JobFailure:
    return JobFailure(
        "no-memory",
        f"{act} an image of {image.nx} × {image.ny} × {image.nz} voxels takes about {needed_bytes / GIB:.1f} GiB of memory; "
        f"{left_bytes / GIB:.1f} GiB are free where the worker runs.",
        "Give the worker more memory (mem_limit in docker-compose.yml), or end what else takes it; or import the image cropped to "
        "the region of interest or at a coarser resolution. Then start the job again.",
    )


def _voxels(image: ImageFacts) -> int:
    return image.nx * image.ny * image.nz
