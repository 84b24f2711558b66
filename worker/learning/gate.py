"""The gate: a new style goes live only if it beats what is live on the expert's own held-out corrections (LEARNING 3).

Which corrections are held out follows from a hash of the patient, so it is the same in every job and no patient is ever on both
sides. The rule is a pure function of the figures. Fails closed: no figures, or figures that disagree, keep the candidate back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch

from worker.learning.metrics import mean_dice, mean_hd95
from worker.learning.prediction import Predictor
from worker.learning.readings import Case, GateCase, GateReport, LabelArray, Reading
from worker.learning.statistics import paired_bootstrap

HELD_OUT_SHARE = 4  # one patient in four
FEW_PATIENTS = 8  # below: cross-validation instead
INTERVAL_FLOOR = -0.2  # points; lower end of the paired 80 % interval
WORST_CASE = -5.0  # points
HD95_FACTOR = 1.05
OTHERS = 4  # other patients' images that a correction is laid upon
MIXED_UP = (
    -2.0
)  # points by which label maps fit their own images, or less; seen: -3 to -23 moved on by one, 20 to 80 in place


def patient_hash(patient: str) -> int:
    """A stable number for a patient's name; equal in every job and, as the name follows from pixels, on every server."""
    return int.from_bytes(hashlib.sha256(patient.encode()).digest()[:8], "big")


def held_out_patients(patients: Sequence[str], taught: Collection[str] = ()) -> list[str]:
    """The gate's patients: one in four by hash, or none if there are fewer than 8 (or fewer than 2 would be held out).

    taught: patients that what is live has learnt from. Where they leave fewer than two of the gate's, it takes others that are new to
    both: on its own lessons a first style, which learnt from all there was, would beat every later one.
    """
    distinct = sorted(set(patients), key=patient_hash)
    if len(distinct) < FEW_PATIENTS:
        return []
    chosen = [patient for patient in distinct if patient_hash(patient) % HELD_OUT_SHARE == 0]
    new = [patient for patient in distinct if patient not in taught]
    if len(set(chosen) & set(new)) < 2 <= len(new):
        chosen = new[: max(2, len(distinct) // HELD_OUT_SHARE)]
    return chosen if 2 <= len(chosen) <= len(distinct) // 2 else []


def patient_folds(patients: Sequence[str], most: int) -> list[list[str]]:
    """At most `most` groups of distinct patients, in the order of their hash, sizes as equal as can be."""
    ordered = sorted(set(patients), key=patient_hash)
    count = min(most, len(ordered))
    return [ordered[start::count] for start in range(count)]


def measure(
    predictor: Predictor, readings: Sequence[Reading], candidates: Sequence[Mapping[str, Case]], labels: Sequence[int]
) -> list[GateCase]:
    """Predict every reading's image as each of its candidates (one mixed batch) and compare on the image's own grid."""
    flat = [case for by_name in candidates for case in by_name.values()]
    predictions = iter(predictor.predict(flat))
    drawn = [{name: next(predictions) for name in by_name} for by_name in candidates]
    fits = _fits(readings, [by_name.get("consensus", next(iter(by_name.values()))) for by_name in drawn], labels)
    cases = []
    for reading, by_name, fit in zip(readings, drawn, fits, strict=True):
        truth, spacing_mm = reading.labels_DHW, reading.spacing_mm
        dice = {name: 100 * mean_dice(one, truth, labels) for name, one in by_name.items()}
        hd95 = {name: mean_hd95(one, truth, labels, spacing_mm) for name, one in by_name.items()}
        cases.append(GateCase(reading.patient, reading.revision, reading.assisted, dice, hd95, fit))
    return cases


def _fits(readings: Sequence[Reading], drawn: Sequence[LabelArray], labels: Sequence[int]) -> list[float | None]:
    """Of each reading, Dice in points with what was drawn on its own image, minus the mean over up to OTHERS images of other patients.

    None for a reading that shows no label, or without another patient's image of its shape.
    """
    found: list[float | None] = []
    for i, reading in enumerate(readings):
        truth = reading.labels_DHW
        others = [
            drawn[j]
            for j in (*range(i + 1, len(readings)), *range(i))
            if readings[j].patient != reading.patient and drawn[j].shape == truth.shape
        ][:OTHERS]
        if not others or not np.isin(truth, labels).any():
            found.append(None)
            continue
        elsewhere = float(np.mean([mean_dice(other, truth, labels) for other in others]))
        found.append(100 * (mean_dice(drawn[i], truth, labels) - elsewhere))
    return found


def judge(
    cases: Sequence[GateCase],
    candidate: str,
    rivals: Sequence[str],
    held_out: str,
    generator: torch.Generator,
    *,
    second_witness: bool = True,
) -> GateReport:
    """The rule: mean Dice at least the best rival's, 80 % interval from -0.2, no case worse by over 5, HD95 within 5 %.

    Five cases seldom lift the interval over its floor; there, outlines nearer by HD95 as well are a second witness, and it counts.
    second_witness=False: not for a candidate that was picked from several by looking at these very cases, whose lead flatters it.
    Nothing passes on one patient alone, on corrections where every style scores 0 or 100, such as empty masks alone, or on label maps
    that fit other patients' images better than their own: each was seen to let a worse style live (docs/expert-adaptive.md, A9).
    One figure per patient (its cases averaged). HD95 counts by the median of its ratios, since in a mean over five cases one stray
    island of a few voxels outweighs any gain (seen: 36 mm in one case, better in the other four). Raises ValueError without a case.
    """
    if not cases:
        raise ValueError("The gate needs at least one held-out correction.")
    names = [candidate, *rivals]
    means = {name: _by_patient(cases, name).mean() for name in names}
    # A rival that draws the very same is none: the average would never lose against itself, whatever the lead over what is live.
    others = [name for name in rivals if any(case.dice[name] != case.dice[candidate] for case in cases)]
    best = max(others or rivals, key=lambda name: means[name])
    differences = _by_patient(cases, candidate) - _by_patient(cases, best)
    interval = paired_bootstrap(differences.tolist(), generator, level=0.8)
    worst = min(case.dice[candidate] - case.dice[best] for case in cases)
    stray = float(np.median([case.hd95_mm[candidate] / max(case.hd95_mm[best], 1e-6) for case in cases]))
    fits = [case.fits for case in cases if case.fits is not None]
    patients, objection = len(differences), ""
    if not any(0 < case.dice[name] < 100 for case in cases for name in names):
        objection = "no style's outline meets one of the corrections', so nothing tells which is nearer"
    elif fits and np.mean(fits) <= MIXED_UP:
        objection = "the label maps fit other patients' images better than their own, as if they had been mixed up"
    elif interval.mean < 0:
        objection = f"it scored {means[candidate]:.1f} where {_called(best)} scores {means[best]:.1f}"
    elif patients == 1:
        objection = (
            f"its lead over {_called(best)} ({interval.mean:+.1f}) could be chance: it takes two patients to tell"
        )
    elif interval.low < INTERVAL_FLOOR and not (second_witness and stray <= 1 / HD95_FACTOR):
        objection = f"its lead over {_called(best)} ({interval.mean:+.1f}) could be chance (80 % interval from {interval.low:+.1f})"
    elif worst < WORST_CASE:
        objection = f"one case became {-worst:.1f} points worse than with {_called(best)}"
    elif stray > HD95_FACTOR:
        objection = f"its outlines stray further: HD95 {stray:.2f} times that of {_called(best)} in the middle case"
    where = f"on {patients} held-out patient{'s' if patients > 1 else ''}"
    if objection:
        reason = f"Kept back: {where} {objection}."
    else:
        leads = ", ".join(f"{means[candidate] - means[name]:+.1f} against {_called(name)}" for name in rivals)
        reason = f"{means[candidate]:.1f} Dice {where}: {leads}."
    return GateReport(
        not objection, reason, held_out, {name: float(value) for name, value in means.items()}, list(cases)
    )


def _by_patient(cases: Sequence[GateCase], name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    patients = sorted({case.patient for case in cases})
    return np.array([np.mean([case.dice[name] for case in cases if case.patient == patient]) for patient in patients])


def _called(name: str) -> str:
    spoken = {
        "live": "the live style", "nearest": "the closest colleague's style", "consensus": "the average style", "row": "the plain style"
    }  # fmt: skip
    return spoken.get(name, name)
