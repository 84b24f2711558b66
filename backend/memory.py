"""How much memory this process may still take: what the machine has left, or its container (cgroup v1 or v2) where that is less."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

PROC: Final = Path("/proc")
CGROUPS: Final = Path("/sys/fs/cgroup")


class Memory(NamedTuple):
    """None where nothing tells: no Linux."""

    available_bytes: int | None
    total_bytes: int | None


def read_memory(proc: Path = PROC, cgroups: Path = CGROUPS) -> Memory:
    """What is left and what there is in all. What the kernel would give up for asking (caches of files) counts as left."""
    if not (proc / "meminfo").exists():
        return Memory(None, None)
    facts = dict(line.split(":", 1) for line in (proc / "meminfo").read_text().splitlines() if ":" in line)
    available, total = (int(facts[name].split()[0]) * 1024 for name in ("MemAvailable", "MemTotal"))
    for left, limit in _limits(proc, cgroups):
        if limit < total:
            available, total = min(available, left), limit
    return Memory(max(0, available), total)


def _limits(proc: Path, cgroups: Path) -> Iterator[tuple[int, int]]:
    """What is left and the limit of each group this process is in; a container sees its own group as the root."""
    mine = proc / "self" / "cgroup"
    for line in mine.read_text().splitlines() if mine.exists() else []:
        _, kind, path = line.split(":", 2)
        if kind not in ("", "memory"):
            continue
        root = cgroups / kind
        names = (
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            if kind
            else ("memory.max", "memory.current", "inactive_file")
        )
        folder = root / path.strip("/")
        for group in (folder, *folder.parents):
            if (found := _read_group(group, *names)) is not None:
                yield found
            if group == root:
                break


def _read_group(group: Path, limit_name: str, used_name: str, cached_name: str) -> tuple[int, int] | None:
    if not (group / limit_name).exists() or not (limit := (group / limit_name).read_text().strip()).isdigit():
        return None
    stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    used = int((group / used_name).read_text()) - int(stat.get(cached_name, 0))
    return int(limit) - used, int(limit)
