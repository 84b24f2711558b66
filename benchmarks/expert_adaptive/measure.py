"""One cell from start to scores: pretrain or take the kept network, make the style, predict the test cases, compare.

Runs in a worker process with one thread. Times are processor seconds, so that they mean something on a busy machine.
"""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.expert_adaptive import packs, recipes
from benchmarks.expert_adaptive.cells import Cell, Pretraining, support
from worker.learning import Case, ExpertAdaptiveConfig, Reading, Trained, load_safetensors, save_safetensors
from worker.learning.frames import resolve
from worker.learning.metrics import compare


@dataclass(frozen=True)
class Setting:
    """What all cells of a run share: where networks are kept, the recipes' scale, options of the shared network, the device."""

    folder: Path
    scale: recipes.Scale
    options: tuple[tuple[str, Any], ...]
    device: str

    def config(self, data: str) -> ExpertAdaptiveConfig:
        """The config of a pretraining on this pack, before the readings resolve it."""
        pack = packs.load(data)
        chosen = {"labels": pack.labels, **pack.learning, **dict(self.options)}
        return recipes.pretraining_config(self.scale, **chosen)

    def path(self, which: Pretraining) -> Path:
        """Where the network of these cells is kept."""
        # What only a personalisation reads does not name a network: the same one serves when a recipe changes.
        later = ("row_", "adapter", "start", "folds", "early_stop", "replay", "recipe", "compiled")
        config = {
            name: value for name, value in self.config(which.data).as_dict().items() if not name.startswith(later)
        }
        facts = json.dumps([*which, config])
        return self.folder / f"pretrained-{hashlib.sha256(facts.encode()).hexdigest()[:16]}.safetensors"


def pretrain(setting: Setting, which: Pretraining) -> float:
    """Make and keep one shared network; 0 processor seconds if it is there already."""
    pack = packs.load(which.data)
    training, _ = pack.split(which.fold)
    readings = [pack.reading(case, expert) for case in training for expert in which.pool]
    return teach(setting.path(which), readings, setting.config(which.data), which.seed, setting.device)


def teach(path: Path, readings: Sequence[Reading], config: ExpertAdaptiveConfig, seed: int, device: str) -> float:
    """Pretrain on these readings and keep the network in a file, unless it is there; the processor seconds it took."""
    torch.set_num_threads(1)
    if path.is_file():
        return 0.0
    path.parent.mkdir(parents=True, exist_ok=True)
    began = time.process_time()
    trained = recipes.METHOD.pretrain(
        readings, config, generator_seed=seed, device=device, checkpoint_dir=path.with_suffix(".checkpoints")
    )
    seconds = time.process_time() - began
    tensors = {f"weight/{name}": value for name, value in trained.weights.items()}
    tensors |= {f"row/{expert}": row for expert, row in trained.rows.items()}
    part = path.with_suffix(".part")
    part.write_bytes(save_safetensors(tensors, {"config": trained.config.as_dict(), "seconds": seconds}))
    part.replace(path)
    return seconds


def load_taught(path: Path) -> Trained:
    """The network that `teach` kept."""
    tensors, card = load_safetensors(path.read_bytes())
    weights = {name[7:]: value for name, value in tensors.items() if name.startswith("weight/")}
    rows = {name[4:]: value for name, value in tensors.items() if name.startswith("row/")}
    return Trained(weights, rows, ExpertAdaptiveConfig.from_dict(card["config"]), {})


def measure(setting: Setting, cell: Cell) -> dict[str, Any]:
    """The cell's record: its scores per target and test case, what it did to the others, the gate's verdict, the time it took."""
    torch.set_num_threads(1)
    pack = packs.load(cell.data)
    training, test = pack.split(cell.fold)
    given = support(training, cell.start, cell.corrections)
    corrections = [pack.reading(case, cell.expert) for case in given]
    replay = [pack.reading(case, expert) for case in training for expert in cell.pool]
    trained = None if cell.pretraining is None else load_taught(setting.path(cell.pretraining))
    before = None if trained is None else fingerprint(trained.weights, trained.rows)
    began = time.process_time()
    made = recipes.make(cell.recipe, trained, corrections, replay, setting.config(cell.data), cell.seed, setting.device)
    seconds = time.process_time() - began
    config = resolve(setting.config(cell.data), corrections) if trained is None else trained.config
    record: dict[str, Any] = {"cell": cell.as_dict(), "cpu_seconds": round(seconds, 2), "verdict": made.verdict}
    record["scores"] = scores(pack, made.weights, config, made.row, made.adapter, cell.targets, test, setting.device)
    if trained is not None:
        record["others_change"] = others_change(setting, pack, trained, made.weights, cell, test)
        record["shared_unchanged"] = fingerprint(made.weights, trained.rows) == before
    return record


def scores(
    pack: packs.Pack, weights: dict[str, Tensor], config: ExpertAdaptiveConfig, row: Tensor, adapter: Tensor | None,
    targets: tuple[int, ...], test: tuple[int, ...], device: str,
) -> dict[str, dict[str, list[float]]]:  # fmt: skip
    """By target expert and case: Dice in points, ASSD, HD95 and pooled HD95 in the pack's unit, labels that only one of the two has."""
    predictor = recipes.METHOD.predictor(weights, config, device)
    predicted = predictor.predict(
        [Case(pack.images[case], pack.spacing_mm or packs.UNIT, row, adapter) for case in test]
    )
    found: dict[str, dict[str, list[float]]] = {}
    for target in targets:
        by_case = found.setdefault(pack.experts[target], {})
        for case, labels in zip(test, predicted, strict=True):
            one = compare(labels, pack.drawn[case][target], pack.labels, pack.spacing_mm)
            by_case[pack.cases[case]] = [
                round(100 * one.dice, 3), round(one.assd, 4), round(one.hd95, 4), round(one.hd95_pooled, 4), float(one.one_empty),
            ]  # fmt: skip
    return found


def others_change(
    setting: Setting, pack: packs.Pack, trained: Trained, weights: dict[str, Tensor], cell: Cell, test: tuple[int, ...]
) -> float:
    """Mean change of the pretraining experts' Dice on the test cases, in points, when these weights replace the shared ones."""
    if weights is trained.weights:
        return 0.0
    change = []
    for expert in cell.pool:
        row, target = trained.rows[pack.experts[expert]], (expert,)
        now, then = (
            scores(pack, w, trained.config, row, None, target, test, setting.device)[pack.experts[expert]]
            for w in (weights, trained.weights)
        )
        change += [now[case][0] - then[case][0] for case in now]
    return round(float(np.mean(change)), 3)


def fingerprint(weights: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> str:
    """sha256 over every number of the shared network and of everybody's row."""
    digest = hashlib.sha256()
    for name, tensor in [*sorted(weights.items()), *sorted(rows.items())]:
        digest.update(name.encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
