"""Room for large images: a job says what it will take before it takes it, and ends in words where that is more than there is.

What a voxel takes is counted from the arrays that live at the same time at the worst moment, in bytes. A job that fits alone but not
beside those in hand waits for one of them to end.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Final

from backend.jobs.rules import ImageFacts, JobFailure
from backend.memory import Memory, read_memory

LARGE_BYTES: Final = 2**30
GIB: Final = 2**30
_promised: Final[list[int]] = []
_ended: Final = threading.Condition()  # of a job that was promised something


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
    """Within it a job may take so much; it begins when that is left. act: "Propagating". Raises NoRoom where it never would be."""
    if needed_bytes < LARGE_BYTES:
        yield
        return
    with _ended:
        while not _fits(needed_bytes, image, act, read().available_bytes):
            _ended.wait()
        _promised.append(needed_bytes)
    try:
        yield
    finally:
        with _ended:
            _promised.remove(needed_bytes)
            _ended.notify_all()


def _fits(needed_bytes: int, image: ImageFacts, act: str, left_bytes: int | None) -> bool:
    """Whether it fits beside what others were promised, who may not have taken it yet. Raises NoRoom where it would not fit alone."""
    if left_bytes is None or left_bytes - sum(_promised) >= needed_bytes:
        return True
    if not _promised:
        raise NoRoom(_in_words(needed_bytes, left_bytes, image, act))
    return False


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
