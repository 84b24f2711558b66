"""How well each expert's live style draws what no training has seen, beside the controls that decide what it is worth (LEARNING 6).

Controls, on the same cases: the closest colleague's untrained row, the average style, and what the other readers' majority
drew (the human consensus: a ceiling for anything that knows only them). The unit of every statistic is the patient.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch

from worker.learning.metrics import Agreement, compare
from worker.learning.prediction import Predictor
from worker.learning.readings import Case, LabelArray, Progress, Reading, ShouldStop, Stopped
from worker.learning.statistics import by_patient, holm, paired_bootstrap, wilcoxon

LIVE, OTHERS = "live", "others"
BATCH = 8  # readings predicted together, between two reports of progress
METRICS = ("dice", "assd", "hd95")


class Judged(NamedTuple):
    """One reading to be drawn again: in which styles, and what most of the other readers drew there (None: too few did).

    candidates: `live` and the controls by name.
    """

    reading: Reading
    candidates: Mapping[str, Case]
    others_DHW: LabelArray | None


class _Scored(NamedTuple):
    patient: str
    assisted: bool
    said: dict[str, Agreement]


def majority(maps: Sequence[LabelArray], labels: Sequence[int]) -> LabelArray:
    """What more than half of these label maps [D, H, W] say of each voxel; background where no label has that many."""
    voted = np.zeros_like(maps[0])
    for value in labels:
        votes = np.sum([one == value for one in maps], axis=0)
        voted[2 * votes > len(maps)] = value
    return voted


def evaluate(
    predictor: Predictor,
    judged: Iterable[Judged],
    total: int,
    *,
    in_px: Collection[str],
    generator_seed: int,
    progress: Progress,
    should_stop: ShouldStop,
) -> list[dict[str, Any]]:
    """One row per expert, plain JSON values, in the order of `judged`, of which there are `total`. Raises Stopped.

    A few readings at a time are held, so `judged` may load as it goes. in_px: experts with an image whose spacing nobody knows.

    Each candidate's `dice` (points), `assd` and `hd95` (in `unit`) are {mean, low, high} with the 95 % interval over
    patients; `cases` says on how many. `leads`: live minus each control in Dice points, paired, with Wilcoxon's p after Holm over the
    whole evaluation. Distances of the experts in_px are pixels.
    """
    labels, coming, done = predictor.config.labels, iter(judged), 0
    scores: dict[str, list[_Scored]] = {}
    while some := list(islice(coming, BATCH)):
        if should_stop():
            raise Stopped("The evaluation was stopped; nothing of it is kept.")
        drawn = iter(predictor.predict([case for one in some for case in one.candidates.values()]))
        for one in some:
            truth, expert = one.reading.labels_DHW, one.reading.expert
            spacing = None if expert in in_px else one.reading.spacing_mm
            said = {name: compare(next(drawn), truth, labels, spacing) for name in one.candidates}
            if one.others_DHW is not None:
                said[OTHERS] = compare(one.others_DHW, truth, labels, spacing)
            scores.setdefault(expert, []).append(_Scored(one.reading.patient, one.reading.assisted, said))
        done += len(some)
        progress(done, total, {}, "evaluating")
    rows = [_row(expert, cases, "px" if expert in in_px else "mm", generator_seed) for expert, cases in scores.items()]
    leads = [lead for row in rows for lead in row["leads"].values()]
    for lead, p in zip(leads, holm([lead["p"] for lead in leads]), strict=True):
        lead["p"] = p
    return rows


def _row(expert: str, cases: list[_Scored], unit: str, seed: int) -> dict[str, Any]:
    names = dict.fromkeys(name for one in cases for name in one.said)
    controls = [name for name in names if name != LIVE]
    return {
        "expert": expert,
        "patients": len({one.patient for one in cases}),
        "cases": len(cases),
        "assisted": sum(one.assisted for one in cases),
        "unit": unit,
        "candidates": {name: _figures(cases, name, seed) for name in names},
        "leads": {name: _lead(cases, name, seed) for name in controls},
    }


def _figures(cases: list[_Scored], name: str, seed: int) -> dict[str, Any]:
    shown = [(one.patient, one.said[name]) for one in cases if name in one.said]
    figures: dict[str, Any] = {"cases": len(shown), "one_empty": sum(one.one_empty for _, one in shown)}
    for metric in METRICS:
        scale = 100.0 if metric == "dice" else 1.0
        values = _per_patient([(patient, scale * getattr(one, metric)) for patient, one in shown])
        figures[metric] = paired_bootstrap(values, torch.Generator().manual_seed(seed))._asdict()
    return figures


def _lead(cases: list[_Scored], control: str, seed: int) -> dict[str, float]:
    values = _per_patient(
        [(one.patient, 100 * (one.said[LIVE].dice - one.said[control].dice)) for one in cases if control in one.said]
    )
    return {**paired_bootstrap(values, torch.Generator().manual_seed(seed))._asdict(), "p": wilcoxon(values)}


def _per_patient(values: Sequence[tuple[str, float]]) -> list[float]:
    grouped: dict[str, list[float]] = {}
    for patient, value in values:
        grouped.setdefault(patient, []).append(value)
    return by_patient(grouped)
