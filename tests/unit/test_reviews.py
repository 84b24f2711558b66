"""What a review begins with takes no more memory for more readers, and which decisions other readings leave as they are."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from backend.blobs import Blobs
from backend.imaging import labels as codec
from backend.imaging.labels import LabelArray
from backend.segmentations.rules.decisions import Decision, still_apply
from backend.segmentations.rules.majority import majority, read_majority
from backend.segmentations.store import Revision

SHAPE_ZYX = (32, 64, 64)
REGION = range(8 * 4096 + 30 * 64 + 30, 8 * 4096 + 30 * 64 + 34)  # z 8, y 30, x 30 to 33


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path)


def kept(blobs: Blobs, labels_zyx: LabelArray) -> Revision:
    return Revision(labels_sha256=blobs.put(codec.compress(labels_zyx)), dtype=labels_zyx.dtype.name)


def random_readings(count: int) -> list[LabelArray]:
    """Structures of 16 voxels, so that they compress as label maps do; the last one in 16 bits."""
    blocks = np.random.default_rng(count).integers(0, 3, (count, *(size // 16 for size in SHAPE_ZYX)), np.uint8)
    readings: list[LabelArray] = [np.kron(one, np.ones((16, 16, 16), np.uint8)) for one in blocks]
    return [*readings[:-1], readings[-1].astype(np.uint16)]


def test_read_a_few_slices_at_a_time_the_majority_is_that_of_whole_maps(blobs: Blobs) -> None:
    readings = random_readings(5)

    voted = read_majority(blobs, [kept(blobs, one) for one in readings], SHAPE_ZYX, voxels_at_once=5 * 3 * 4096)

    assert voted.dtype == np.uint16
    assert np.array_equal(voted, majority(readings))


def test_the_majority_of_many_readings_takes_no_more_memory_than_that_of_two(blobs: Blobs) -> None:
    def peak_bytes(count: int) -> int:
        revisions = [kept(blobs, one) for one in random_readings(count)]
        read_majority(blobs, revisions, SHAPE_ZYX, voxels_at_once=1 << 16)  # what the first call alone allocates
        tracemalloc.start()
        try:
            read_majority(blobs, revisions, SHAPE_ZYX, voxels_at_once=1 << 16)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = peak_bytes(2), peak_bytes(16)

    assert many < 1.2 * few
    assert many < 8 * np.prod(SHAPE_ZYX)  # the result is two bytes a voxel, all readings together would be 17


@pytest.mark.parametrize(
    ("changed", "stays"),
    [
        pytest.param({REGION[0]: 2}, False, id="in it"),
        pytest.param({REGION[-1] + 3: 2}, False, id="so near that it may belong to the region now"),
        pytest.param({REGION[0] - 4096 - 3 * 64: 2}, False, id="so near in the next slice"),
        pytest.param({REGION[-1] + 4: 2}, True, id="farther off in the row"),
        pytest.param({REGION[0] - 2 * 4096: 2}, True, id="two slices off"),
    ],
)
def test_a_decision_stays_where_no_reading_changed_on_its_region_or_near_it(
    blobs: Blobs, changed: dict[int, int], stays: bool
) -> None:
    a, b = np.zeros(SHAPE_ZYX, np.uint8), np.zeros(SHAPE_ZYX, np.uint8)
    b.reshape(-1)[list(REGION)] = 1
    anew = b.astype(np.uint16)
    anew.reshape(-1)[list(changed)] = list(changed.values())
    first, second, third = (kept(blobs, one) for one in (a, b, anew))

    left = still_apply(blobs, [decided("decide-union")], {"A": first, "B": second}, {"A": first, "B": third}, SHAPE_ZYX)

    assert bool(left) is stays


@pytest.mark.parametrize(
    ("tool", "before", "after", "stays"),
    [
        pytest.param("take-b", "AbB", "AbB", True, id="nothing changed"),
        pytest.param("take-b", "AbB", "Ab-", True, id="gone, and another one says the same"),
        pytest.param("take-b", "Ab-", "AbB", True, id="come, and says what one said"),
        pytest.param("take-b", "Ab-", "A-b", False, id="whose opinion was taken is gone"),
        pytest.param("take-b", "AbB", "ABb", False, id="two say each the other's"),
        pytest.param("take-b", "Ab-", "Abc", False, id="a further opinion"),
        pytest.param("take-b", "Abc", "Ab-", False, id="an opinion is gone"),
        # of several labels a union takes the one that most give
        pytest.param("union", "bbc", "bcc", False, id="most give the other label now"),
        pytest.param("union", "bbc", "-bc", False, id="as many give each now"),
        pytest.param("union", "bbc", "bcb", True, id="as many give each as before"),
        pytest.param("union", "AbA", "Abb", True, id="one label, whoever draws it"),
    ],
)
def test_a_decision_stays_where_the_opinions_are_what_they_were(
    blobs: Blobs, tool: str, before: str, after: str, stays: bool
) -> None:
    then, now = readings(blobs, before), readings(blobs, after)

    left = still_apply(blobs, [decided(f"decide-{tool}-extent")], then, now, SHAPE_ZYX)

    assert bool(left) is stays


def readings(blobs: Blobs, told: str) -> dict[str, Revision]:
    """Each place is a reader; what stands there is what they drew, one of three opinions, or nothing where they read nothing."""
    label = {"A": 0, "B": 0, "b": 1, "c": 2}
    found = {}
    for letter, said in zip("ABC", told, strict=True):
        labels_zyx = np.zeros(SHAPE_ZYX, np.uint8)
        if said != "-":
            labels_zyx.reshape(-1)[list(REGION)] = label[said]
            found[letter] = kept(blobs, labels_zyx)
    return found


def decided(tool: str) -> Decision:
    runs = codec.decode(codec.encode(np.array(REGION), np.ones(len(REGION), np.uint8)), int(np.prod(SHAPE_ZYX)), 1)
    return Decision(tool, runs)
