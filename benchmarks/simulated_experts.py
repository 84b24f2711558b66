"""G1: do simulated experts differ from each other as real ones do? (LEARNING 7, "Synthetic experts", and 10)

`python -m benchmarks.simulated_experts [--small | --full]`, no network, no image; `--full` takes all of LIDC, else every third
nodule. One estimator measures real and simulated panels alike: how far each expert's outline lies outside the panel's majority,
along the majority's outline. The vectors are fitted to one half of a pack's patients. "fit": what they draw there on other days
than those fitted, against the real experts there. "held out": what they draw on the other half, against the real experts there;
`halves_percent` beside it is how far the real experts' own two halves differ. Each is to be within 15 %; the design's figures
(`design`) stand beside them, and a classifier has to tell simulated experts apart about as well as real ones.
Lengths in px, LIDC's in mm. Its readers are nobody in particular: one vector serves all four, and there is nobody to recognise.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from scipy import ndimage

from benchmarks.expert_adaptive.packs import FOLDS, SHARED, UNIT, PackAbsent, load
from benchmarks.figures import Figure, report, say
from benchmarks.outlines import Masks, Numbers, Panel, measure, outline_offsets, outlines
from worker.learning.simulate import SimulatedExpert, draw_labels

LIDC = "lidc-4reader-shapes"
DESIGN = {  # LEARNING 7
    "qubiq-brain-growth": {"rater offset sd": 0.20, "case sd": 0.22, "along-contour sd": 1.1, "correlation length": 5.0},
    "bubil-ds1": {"rater offset sd": 0.64, "case sd": 0.67, "along-contour sd": 1.8, "correlation length": 9.0},
    "bubil-ds4": {"rater offset sd": 0.28, "case sd": 0.18, "along-contour sd": 0.7, "correlation length": 1.4},
    LIDC: {"offset sd": 0.47, "along-contour sd": 0.53, "log-volume sd": 0.221, "slices omitted": 0.12},
}  # fmt: skip
WITHIN, POINTS = 15.0, 10.0
MARGIN = (2, 6, 6)  # slices, rows and columns round whatever anybody drew
ROUNDS, DAMPING = 5, 0.7
DRAWINGS = 600  # about as many of each half, on several days, so that luck is neither fitted nor measured
UNSEEN = 100  # the first day (`repeat`) that is measured; fitting takes those from 0 on


def drawn(real: Panel, vectors: Sequence[SimulatedExpert], repeat: int) -> Panel:
    """What simulated experts make of the real panel's majorities; cases in which one of them draws nothing are left out."""
    made = []
    for masks_EDHW, spacing, case in zip(real.masks_EDHW, real.spacing_mm, real.cases, strict=True):
        truth = (masks_EDHW.mean(0) >= 0.5).astype(np.uint8)
        image = np.zeros(truth.shape, np.float32)
        made.append(np.stack([
            draw_labels(truth, image, spacing, vector, data_set=real.name, case=case, repeat=repeat) > 0 for vector in vectors
        ]))  # fmt: skip
    kept = [c for c, masks in enumerate(made) if masks.any(axis=(1, 2, 3)).all()]
    return replace(real, masks_EDHW=tuple(made)).of(kept)


def fitted(real: Panel) -> tuple[SimulatedExpert, ...]:
    """Vectors whose drawings of these cases measure like the real experts': a few rounds of correcting each by its own error.

    Corrections are damped, since whoever moves moves the majority that all are measured from.
    """
    goal = measure([real])
    count = len(goal.offset_E)
    offset, case_sd = goal.offset_E, 0.7 * goal.case_sd_E
    along_sd, correlation = 0.8 * goal.along_sd_E, 0.7 * goal.correlation_E
    end_slice, extra_slice, core = (0.0, 0.0, 0.0) if real.persistent else (0.2, 0.1, 0.5)

    def vectors() -> tuple[SimulatedExpert, ...]:
        return tuple(
            SimulatedExpert(
                name, "fitted", float(offset[e % count]), float(case_sd[e % count]), float(along_sd[e % count]),
                float(correlation[e % count]), core, end_slice=end_slice, extra_slice=extra_slice,
            )
            for e, name in enumerate(real.experts)
        )  # fmt: skip

    for _ in range(ROUNDS):
        now = measure([drawn(real, vectors(), repeat) for repeat in range(_days(real))])
        offset = offset + DAMPING * (goal.offset_E - now.offset_E)
        # The whole outline also moves by what the noise along it does not cancel: variances add.
        case_sd = np.sqrt(np.maximum(case_sd**2 + DAMPING * (goal.case_sd_E**2 - now.case_sd_E**2), 0.0))
        along_sd = along_sd * _correction(goal.along_sd_E, now.along_sd_E)
        correlation = correlation * _correction(goal.correlation_E, now.correlation_E)
        end_slice = min(1.0, end_slice * float(_correction(goal.cut, now.cut)))
        extra_slice = min(1.0, extra_slice * float(_correction(goal.added, now.added)))
        core = max(0.0, 1 - (1 - core) * float(_correction(goal.log_volume_sd, now.log_volume_sd))) if core else 0.0
    return vectors()


def told_apart(panels: Sequence[Panel]) -> float:
    """Accuracy in percent of a linear discriminant that names who drew a mask, cross-validated by case (seven folds).

    Each mask is described against the mean of its case's masks, so that it is the hand that is recognised and not the image.
    """
    right = []
    for panel in panels:
        features_NEF = np.stack([
            _features(masks, outline_offsets(masks, spacing, panel.step))
            for masks, spacing in zip(panel.masks_EDHW, panel.spacing_mm, strict=True)
        ])  # fmt: skip
        features_NEF = features_NEF - features_NEF.mean(1, keepdims=True)
        folds = np.arange(len(features_NEF)) % FOLDS
        for fold in range(FOLDS):
            known_NEF, unknown_NEF = features_NEF[folds != fold], features_NEF[folds == fold]
            means_EF = known_NEF.mean(0)
            spread_FF = np.cov((known_NEF - means_EF).reshape(-1, means_EF.shape[1]), rowvar=False)
            shrunk_FF = spread_FF + 0.01 * np.diag(np.diag(spread_FF)) + 1e-9 * np.eye(len(spread_FF))
            away = unknown_NEF[:, :, None] - means_EF
            named_NE = np.einsum("neif,fg,neig->nei", away, np.linalg.inv(shrunk_FF), away).argmin(2)
            right.append((named_NE == np.arange(len(means_EF))).ravel())
    return 100 * float(np.concatenate(right).mean())


def _features(masks_EDHW: Masks, offsets: Sequence[Numbers]) -> Numbers:
    """What a 2D mask looks like, [E, F]: log area, offset and its spread, roughness, compactness, turning, extent, position."""
    offsets_EN = np.concatenate(offsets, axis=1)
    found = []
    for (mask_HW,), offset_N in zip(masks_EDHW, offsets_EN, strict=True):
        line_mm = max(outlines(np.pad(mask_HW, 1)[None].astype(np.float64), UNIT, 1.0), key=len)[:, 1:]
        legs = np.roll(line_mm, -3, axis=0) - line_mm  # over three px: one is the grid's own staircase
        angle = np.arctan2(legs[:, 0], legs[:, 1])
        turn = np.angle(np.exp(1j * (np.roll(angle, -3) - angle)))
        rows, columns = np.nonzero(mask_HW)
        area, box = len(rows), (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        rough = float(np.abs(np.diff(offset_N, 2)).mean())
        found.append([
            np.log(area), offset_N.mean(), np.log(offset_N.std() + 0.1), rough, 2 * np.log(len(line_mm)) - np.log(area),
            np.abs(turn).mean(), area / box, rows.mean(), columns.mean(),
        ])  # fmt: skip
    return np.array(found)


def _days(real: Panel) -> int:
    """How often a panel draws the same cases, for about DRAWINGS masks."""
    return max(1, round(DRAWINGS / (len(real.cases) * len(real.experts))))


def _correction(goal: Numbers | float, now: Numbers | float) -> Numbers:
    """The factor that moves a positive figure most of the way to its goal, at most by two."""
    factor: Numbers = np.clip(goal / np.maximum(now, 1e-9), 0.5, 2) ** DAMPING
    return factor


def panel(name: str, every: int = 1) -> Panel:
    """A pack's real experts, of LIDC every so many nodules. Raises PackAbsent where it is not lent."""
    if name != LIDC:
        pack = load(name)
        masks = tuple(_boxed(case_EHW[:, None] > 0) for case_EHW in pack.masks_NEHW)
        return Panel(name, pack.experts, masks, (UNIT,) * len(masks), pack.cases, pack.cases)
    folder = SHARED / name
    if not (folder / "nodules.npz").is_file():
        raise PackAbsent(f"{folder} is not here; this benchmark needs the real readers of that pack.")
    nodules = json.loads((folder / "nodules.json").read_text(encoding="utf-8"))[::every]
    with np.load(folder / "nodules.npz") as arrays:
        bits = [arrays[nodule["id"]] for nodule in nodules]
    masks = tuple(_boxed(np.stack([(of_case >> reader & 1) > 0 for reader in range(4)])) for of_case in bits)
    spacing, cases, patients = (tuple(nodule[key] for nodule in nodules) for key in ("spacing", "id", "patient"))
    return Panel(name, ("reader 1", "reader 2", "reader 3", "reader 4"), masks, spacing, cases, patients, False, 0.5)


def _boxed(masks_EDHW: Masks) -> Masks:
    """Cut to what anybody drew, with a margin to draw in; a flat image stays flat."""
    margins = [(room, room) if size > 1 else (0, 0) for room, size in zip(MARGIN, masks_EDHW.shape[1:], strict=True)]
    box = ndimage.find_objects(masks_EDHW.any(0).astype(np.uint8))[0]
    return np.pad(masks_EDHW[(slice(None), *box)], [(0, 0), *margins])


def compared(real: Panel) -> list[dict[str, Any]]:
    """The rows of one pack: each figure as fitted and as held out, and who is told apart."""
    fitting, rest = real.halves()
    vectors = fitted(fitting)
    goal = [measure([half]).figures(real.persistent) for half in (fitting, rest)]
    days = [drawn(real, vectors, UNSEEN + day) for day in range(_days(fitting))]
    made = [measure([day.where(half) for day in days]).figures(real.persistent) for half in (fitting, rest)]
    whole = measure([real]).figures(real.persistent)
    rows: list[dict[str, Any]] = [
        {
            "pack": real.name, "figure": figure, "on": on, "design": DESIGN[real.name][figure],
            "real_all": _rounded(whole[figure]), "real": _rounded(goal[half][figure]), "simulated": _rounded(made[half][figure]),
            "error_percent": _percent(made[half][figure], goal[half][figure]),
            "halves_percent": _percent(goal[0][figure], goal[1][figure]),
        }
        for half, on in enumerate(("fit", "held out"))
        for figure in whole
    ]  # fmt: skip
    if real.persistent:
        known = [told_apart([real]), told_apart(days)]
        rows.append({"pack": real.name, "figure": "told apart", "real": round(known[0], 1), "simulated": round(known[1], 1), "chance": round(100 / len(real.experts), 1)})  # fmt: skip
    for row in rows:
        say(json.dumps(row))
    return rows


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def _percent(value: float, against: float) -> float:
    return round(100 * (value / against - 1), 1)


def figure_of(row: dict[str, Any]) -> Figure:
    """A row as a figure with its limit."""
    if row["figure"] == "told apart":
        return Figure(f"{row['pack']}: told apart, simulated against real", abs(round(row["simulated"] - row["real"], 1)), "points", POINTS)  # fmt: skip
    return Figure(f"{row['pack']}: {row['figure']}, {row['on']}", abs(row["error_percent"]), "%", WITHIN)


def main() -> int:
    """Fit, draw, measure, and print the closing JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="every third nodule of LIDC (the default)")
    parser.add_argument("--full", action="store_true", help="all of LIDC")
    full = parser.parse_args().full
    rows: list[dict[str, Any]] = []
    skipped = []
    for name in DESIGN:
        try:
            rows += compared(panel(name, 1 if full else 3))
        except PackAbsent as absent:
            say(f"skipped: {absent}")
            skipped.append(str(absent))
    return report(
        "simulated_experts", [figure_of(row) for row in rows], rows=rows, skipped=skipped,
        command=f"python -m benchmarks.simulated_experts {'--full' if full else '--small'}", date=datetime.now(UTC).date().isoformat(),
        seed=f"sha256 of data set, case, expert and day from {UNSEEN}", cpu_seconds=round(time.process_time()),
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
