"""What a process may still take, and jobs on images too large for it: asked before anything is made."""

import threading
from pathlib import Path
from uuid import uuid4

import pytest

from backend.jobs.rules import ImageFacts
from backend.memory import Memory, read_memory
from worker.gateway import memory

GIB = 2**30
KIB = 1024


def machine(folder: Path, available: int, total: int, groups: str = "") -> Path:
    """A /proc of this much memory, in bytes, for a process in these groups."""
    (folder / "self").mkdir(parents=True)
    (folder / "meminfo").write_text(
        f"MemTotal:  {total // KIB} kB\nMemAvailable: {available // KIB} kB\nHugePages_Total: 0\n"
    )
    (folder / "self" / "cgroup").write_text(groups)
    return folder


def group(folder: Path, **values: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in values.items():
        (folder / name.replace("__", ".")).write_text(value + "\n")


def test_memory_is_unknown_where_the_machine_does_not_tell(tmp_path: Path) -> None:
    assert read_memory(machine(tmp_path / "proc", GIB, 2 * GIB), tmp_path) == (GIB, 2 * GIB)
    assert read_memory(tmp_path / "none", tmp_path) == (None, None)


@pytest.mark.parametrize("path", ["/", "/docker/of-the-host"], ids=["own root", "the host's name"])
def test_a_container_has_what_its_limit_leaves_and_caches_count_as_left(tmp_path: Path, path: str) -> None:
    proc = machine(tmp_path / "proc", 60 * GIB, 64 * GIB, f"0::{path}\n")
    used = {"memory__current": str(5 * GIB), "memory__stat": f"anon 1\ninactive_file {2 * GIB}"}
    group(tmp_path / "cgroup", memory__max=str(8 * GIB), **used)

    assert read_memory(proc, tmp_path / "cgroup") == (5 * GIB, 8 * GIB)


def test_the_tightest_of_nested_groups_decides_and_none_that_has_no_limit(tmp_path: Path) -> None:
    proc = machine(tmp_path / "proc", 60 * GIB, 64 * GIB, "4:memory:/slice/consilium\n0::/\n")
    tree = tmp_path / "cgroup" / "memory"
    used = {"memory__usage_in_bytes": str(GIB), "memory__stat": "total_inactive_file 0"}
    group(tree, memory__limit_in_bytes=str(2**63 - 4096), **used)
    group(tree / "slice", memory__limit_in_bytes=str(4 * GIB), **used)
    group(tree / "slice" / "consilium", memory__limit_in_bytes=str(16 * GIB), **used)

    assert read_memory(proc, tmp_path / "cgroup") == (3 * GIB, 4 * GIB)


def test_an_image_too_large_is_refused_with_its_size_what_it_takes_what_is_left_and_the_remedy() -> None:
    image = ImageFacts(uuid4(), uuid4(), 1024, 1024, 512, 1, [], 1.0, 0.0, [])
    needed = memory.propagating(image, labels=2)

    with (
        pytest.raises(memory.NoRoom) as refused,
        memory.room(needed, image, "Propagating", lambda: Memory(8 * GIB, 16 * GIB)),
    ):
        pytest.fail("it was begun")

    assert refused.value.failure.code == "no-memory"
    assert "Propagating an image of 1024 × 1024 × 512 voxels takes about 34.0 GiB" in str(refused.value)
    assert "8.0 GiB are free" in str(refused.value)
    assert "mem_limit" in refused.value.failure.remedy


def test_what_fits_beside_a_large_job_begins_at_once_and_what_does_not_waits_for_its_end() -> None:
    image = ImageFacts(uuid4(), uuid4(), 512, 512, 300, 1, [], 1.0, 0.0, [])
    begun = threading.Event()

    def left() -> Memory:
        return Memory(8 * GIB, 8 * GIB)

    def second() -> None:
        with memory.room(6 * GIB, image, "", left):
            begun.set()

    with memory.room(5 * GIB, image, "", left):
        with memory.room(3 * GIB, image, "", left):
            pass
        waiting = threading.Thread(target=second)
        waiting.start()
        assert not begun.wait(0.05)

    waiting.join(timeout=30)
    assert begun.is_set()


def test_what_fits_and_what_is_small_is_begun_and_the_next_after_it() -> None:
    image = ImageFacts(uuid4(), uuid4(), 512, 512, 300, 1, [], 1.0, 0.0, [])
    needed = memory.having_opinions(image, labels=2, samples=8, experts=8)
    begun = []

    for _ in range(2):
        with memory.room(needed, image, "", lambda: Memory(16 * GIB, 16 * GIB)):
            begun.append("large")
        with memory.room(1, image, "", lambda: Memory(0, 0)), memory.room(1, image, "", lambda: Memory(0, 0)):
            begun.append("small")

    assert begun == ["large", "small"] * 2
