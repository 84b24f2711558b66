"""How well each expert's live style draws what no training has seen, beside the controls that decide what it is worth (LEARNING 6).

Controls, on the same cases: the closest colleague's untrained row, the average style, and what the other readers' majority
drew (the human consensus: a ceiling for anything that knows only them). The unit of every statistic is the patient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

    candidates: `live` and the controls by name. has_spacing: False where nobody knows the image's spacing.
    """

    reading: Reading
    candidates: Mapping[str, Case]
    others_DHW: LabelArray | None
    has_spacing: bool


def majority(maps: Sequence[LabelArray], labels: Sequence[int]) -> LabelArray:
    """What more than half of these label maps [D, H, W] say of each voxel; background where no label has that many."""
    voted = np.zeros_like(maps[0])
    for value in labels:
        votes = np.sum([one == value for one in maps], axis=0)
        voted[2 * votes > len(maps)] = value
    return voted


def evaluate(
    predictor: Predictor,
    judged: Sequence[Judged],
    *,
    generator_seed: int,
    progress: Progress,
    should_stop: ShouldStop,
) -> list[dict[str, Any]]:
    """One row per expert, plain JSON values, in the order of `judged`. Raises Stopped.

    Each candidate's `dice` (points), `assd` and `hd95` (in `unit`) are {mean, low, high} with the 95 % interval over
    patients; `cases` says on how many. `leads`: live minus each control in Dice points, paired, with Wilcoxon's p after Holm over the
    whole evaluation. Distances are px for an expert with one image or more whose spacing nobody knows.
    """
    labels, told = predictor.config.labels, len(judged)
    px = {one.reading.expert for one in judged if not one.has_spacing}
    scores: dict[str, list[tuple[str, dict[str, Agreement]]]] = {}
    for start in range(0, told, BATCH):
        if should_stop():
            raise Stopped("The evaluation was stopped; nothing of it is kept.")
        some = judged[start : start + BATCH]
        drawn = iter(predictor.predict([case for one in some for case in one.candidates.values()]))
        for one in some:
            truth, expert = one.reading.labels_DHW, one.reading.expert
            spacing = None if expert in px else one.reading.spacing_mm
            said = {name: compare(next(drawn), truth, labels, spacing) for name in one.candidates}
            if one.others_DHW is not None:
                said[OTHERS] = compare(one.others_DHW, truth, labels, spacing)
            scores.setdefault(expert, []).append((one.reading.patient, said))
        progress(min(start + BATCH, told), told, {}, "evaluating")
    rows = [_row(expert, cases, expert in px, judged, generator_seed) for expert, cases in scores.items()]
    leads = [lead for row in rows for lead in row["leads"].values()]
    for lead, p in zip(leads, holm([lead["p"] for lead in leads]), strict=True):
        lead["p"] = p
    return rows


def _row(
    expert: str, cases: list[tuple[str, dict[str, Agreement]]], in_px: bool, judged: Sequence[Judged], seed: int
) -> dict[str, Any]:
    own = [one.reading for one in judged if one.reading.expert == expert]
    names = dict.fromkeys(name for _, said in cases for name in said)
    controls = [name for name in names if name != LIVE]
    return {
        "expert": expert,
        "patients": len({patient for patient, _ in cases}),
        "cases": len(cases),
        "assisted": sum(reading.assisted for reading in own),
        "unit": "px" if in_px else "mm",
        "candidates": {name: _figures(cases, name, seed) for name in names},
        "leads": {name: _lead(cases, name, seed) for name in controls},
    }


def _figures(cases: list[tuple[str, dict[str, Agreement]]], name: str, seed: int) -> dict[str, Any]:
    shown = [(patient, said[name]) for patient, said in cases if name in said]
    figures: dict[str, Any] = {"cases": len(shown), "one_empty": sum(one.one_empty for _, one in shown)}
    for metric in METRICS:
        scale = 100.0 if metric == "dice" else 1.0
        values = _per_patient([(patient, scale * getattr(one, metric)) for patient, one in shown])
        figures[metric] = paired_bootstrap(values, torch.Generator().manual_seed(seed))._asdict()
    return figures


def _lead(cases: list[tuple[str, dict[str, Agreement]]], control: str, seed: int) -> dict[str, float]:
    values = _per_patient(
        [(patient, 100 * (said[LIVE].dice - said[control].dice)) for patient, said in cases if control in said]
    )
    return {**paired_bootstrap(values, torch.Generator().manual_seed(seed))._asdict(), "p": wilcoxon(values)}


def _per_patient(values: Sequence[tuple[str, float]]) -> list[float]:
    grouped: dict[str, list[float]] = {}
    for patient, value in values:
        grouped.setdefault(patient, []).append(value)
    return by_patient(grouped)
