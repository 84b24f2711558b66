"""Many cells over cores or one GPU, one JSON line each as it ends; what is in the file already is not measured again.

A run that was killed loses the cells under way and nothing else: networks are kept, pretraining resumes from its checkpoint, and a
torn last line is dropped.
"""

import json
import multiprocessing
import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

from benchmarks.expert_adaptive.cells import Cell, Pretraining
from benchmarks.expert_adaptive.measure import Setting, measure, pretrain
from benchmarks.figures import say

Record = dict[str, Any]


def kept(path: Path) -> list[Record]:
    """The records in the file. A last line that was torn by a kill is cut off; damage elsewhere raises ValueError."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    if lines[-1]:
        path.write_text("\n".join([*lines[:-1], ""]), encoding="utf-8")
    return [json.loads(line) for line in lines[:-1]]


def finished(path: Path) -> dict[Cell, Record]:
    """The records in the file by cell; see `kept`."""
    return {Cell.from_dict(record["cell"]): record for record in kept(path)}


def run(cells: Iterable[Cell], setting: Setting, path: Path, workers: int) -> list[Record]:
    """Measure what is missing and return all asked-for records, in the cells' order. An error in a cell stops the run with it."""
    wanted = list(dict.fromkeys(cells))
    done = finished(path)
    missing = [cell for cell in wanted if cell not in done]
    if missing:
        path.parent.mkdir(parents=True, exist_ok=True)
        say(
            f"{len(wanted) - len(missing)} of {len(wanted)} cells are there already; {len(missing)} to do on {workers} process(es)"
        )
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            done |= _Run(missing, setting, path, pool).records()
    return [done[cell] for cell in wanted]


class _Run:
    """Submits a group's cells when its network is there; writes each record; says how far it is."""

    def __init__(self, missing: list[Cell], setting: Setting, path: Path, pool: ProcessPoolExecutor) -> None:
        self.setting, self.path, self.pool = setting, path, pool
        self.by_network: dict[Pretraining | None, list[Cell]] = {}
        for cell in missing:
            self.by_network.setdefault(cell.pretraining, []).append(cell)
        self.total, self.networks = len(missing), sum(which is not None for which in self.by_network)
        self.began = time.monotonic()
        self.made: dict[Cell, Record] = {}

    def records(self) -> dict[Cell, Record]:
        waiting: dict[Future[Any], Pretraining | Cell] = {
            self.pool.submit(measure, self.setting, cell): cell for cell in self.by_network.pop(None, [])
        }
        queue = list(self.by_network)
        ahead = 2  # networks in the making: enough to keep every process busy, few enough to show cells early
        for which in queue[:ahead]:
            waiting[self.pool.submit(pretrain, self.setting, which)] = which
        queue = queue[ahead:]
        try:
            while waiting:
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    job = waiting.pop(future)
                    if isinstance(job, Cell):
                        self._keep(job, future.result())
                        continue
                    say(f"network {job} in {future.result():.0f} processor seconds")
                    for cell in self.by_network[job]:
                        waiting[self.pool.submit(measure, self.setting, cell)] = cell
                    if queue:
                        which = queue.pop(0)
                        waiting[self.pool.submit(pretrain, self.setting, which)] = which
        except BaseException:  # an interrupt as well: nobody waits for cells that nobody will read
            self.pool.shutdown(wait=False, cancel_futures=True)
            raise
        return self.made

    def _keep(self, cell: Cell, record: Record) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        self.made[cell] = record
        dice = {
            name: sum(case[0] for case in by_case.values()) / len(by_case) for name, by_case in record["scores"].items()
        }
        told = ", ".join(f"{name} {value:.2f}" for name, value in dice.items())
        left = (time.monotonic() - self.began) / len(self.made) * (self.total - len(self.made))
        say(
            f"[{len(self.made)}/{self.total}, about {left / 60:.0f} min left] fold {cell.fold} {cell.recipe} "
            f"n={cell.corrections} from {cell.start} pool {len(cell.pool)}: {told} {record['verdict'] or ''}"
        )
