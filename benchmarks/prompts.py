"""Prompts with a simulated doctor: how much a click is worth, and how long an answer takes.

`python -m benchmarks.prompts [--small | --full]`, one thread. On real images lent under `../shared/data` (skipped loudly where
absent): a small network is pretrained on some cases; on others, never trained on nor used to choose the method's constants, a
doctor who knows the truth clicks into the middle of the largest error, again and again. Against it: the prediction alone, and
region growing from the first click with the best of ten tolerances *chosen on the truth*, which no doctor could do. Dice in points, one
slice a case. Computing time of an answer is processor time without the network.
"""

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import nibabel
import numpy as np
import torch
from scipy import ndimage

from benchmarks.figures import Figure, percentile, report, say
from worker.learning import Case, ExpertAdaptiveConfig, Reading, methods
from worker.learning.metrics import mean_dice
from worker.learning.prompts import Mask, Prompt, propose

PACK = Path(os.environ.get("CONSILIUM_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
METHOD = methods.load("expert_adaptive")
CLICKS = (1, 2, 3, 5)
TOLERANCES = np.linspace(0.1, 1.5, 10)  # standard deviations of the slice


class Sample(NamedTuple):
    """One slice: image [1, 1, H, W], truth [1, H, W], spacing, and the network's probability or None."""

    image: np.ndarray
    truth: Mask
    spacing_mm: tuple[float, float, float]
    chance: np.ndarray | None


def qubiq(full: bool) -> Iterator[Sample]:
    """Brain growth: pretrained on 12 cases by 7 experts, asked on cases 20-27 in the styles of Exp6 and Exp7."""
    with np.load(PACK / "qubiq-brain-growth" / "cases.npz") as arrays:
        images, masks = arrays["images"].astype(np.float32), arrays["masks"].astype(np.uint8)
    unit = (1.0, 1.0, 1.0)
    readings = [
        Reading(images[c][None, None], unit, masks[c, e][None], f"e{e}", f"p{c}", f"{c}-{e}")
        for c in range(12)
        for e in range(7)
    ]
    trained = METHOD.pretrain(readings, ExpertAdaptiveConfig(steps=350 if full else 120, held_out_every=0))
    predictor = METHOD.predictor(trained.weights, trained.config)
    for c in range(20, 28):
        for e in (5, 6):
            chance = predictor.probabilities([Case(images[c][None, None], unit, trained.rows[f"e{e}"])])[0][0]
            yield Sample(images[c][None, None], masks[c, e][None] > 0, unit, chance)


def hippocampus(full: bool) -> Iterator[Sample]:
    """MR volumes, labels 1 and 2: pretrained on 8, asked on 12 others, one slice each."""
    folder = PACK / "msd-hippocampus"
    files = sorted((folder / "images").glob("*.nii.gz"))
    loaded = [_volume(folder, file) for file in files[:8]]
    readings = [Reading(i, s, m, "e", f"p{n}", f"{n}") for n, (i, m, s) in enumerate(loaded)]
    config = ExpertAdaptiveConfig(steps=300 if full else 100, labels=(1, 2), held_out_every=0)
    trained = METHOD.pretrain(readings, config)
    predictor = METHOD.predictor(trained.weights, trained.config)
    for file in files[112:124]:
        image, labels, spacing = _volume(folder, file)
        chances = predictor.probabilities([Case(image, spacing, trained.rows["e"])])[0]
        for value in (1, 2):
            k = int((labels == value).sum((1, 2)).argmax())
            yield Sample(image[:, k : k + 1], labels[k : k + 1] == value, spacing, chances[value - 1, k : k + 1])


def _volume(folder: Path, file: Path) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float]]:
    image, labels = (nibabel.as_closest_canonical(nibabel.load(path)) for path in (file, folder / "labels" / file.name))
    x, y, z = image.header.get_zooms()[:3]
    array = np.ascontiguousarray(image.get_fdata(dtype=np.float32).T)[None]
    return array, np.ascontiguousarray(np.asarray(labels.dataobj).astype(np.uint8).T), (float(z), float(y), float(x))


def volumes(full: bool) -> Iterator[Sample]:
    """Single CT and MR volumes, every label's largest slice, without any network: prompts and values alone."""
    for file in sorted((PACK / "volumes3d").glob("*_image.nii.gz")):
        image = nibabel.as_closest_canonical(nibabel.load(file))
        labels = nibabel.as_closest_canonical(nibabel.load(Path(str(file).replace("_image", "_label"))))
        if image.ndim != 3:
            continue
        x, y, z = (float(edge) for edge in image.header.get_zooms()[:3])
        mask = np.ascontiguousarray(np.asarray(labels.dataobj).astype(np.int32).T)
        values = [v for v in np.unique(mask) if v and (mask == v).sum((1, 2)).max() >= 30]
        for value in values[: None if full else 3]:
            k = int((mask == value).sum((1, 2)).argmax())
            plane = np.asarray(image.dataobj[..., k], np.float32).T[None, None]
            yield Sample(np.ascontiguousarray(plane), mask[k : k + 1] == value, (z, y, x), None)


def click(mask: Mask, truth: Mask) -> Prompt | None:
    """Where a doctor who knows the truth clicks next: the middle of the largest error."""
    best: tuple[int, Prompt] | None = None
    for include, error in ((True, truth & ~mask), (False, mask & ~truth)):
        pieces, count = ndimage.label(error[0])
        if not count:
            continue
        sizes = np.bincount(pieces.ravel())[1:]
        depth = ndimage.distance_transform_edt(np.pad(pieces == sizes.argmax() + 1, 1))[1:-1, 1:-1]
        y, x = np.unravel_index(depth.argmax(), depth.shape)
        if best is None or sizes.max() > best[0]:
            best = int(sizes.max()), Prompt("point", [(float(x), float(y), 0.0)], include)
    return best and best[1]


def scribble(truth: Mask) -> Prompt:
    """A line through the object along its longer axis, within its inner half."""
    depth = ndimage.distance_transform_edt(np.pad(truth[0], 1))[1:-1, 1:-1]
    y, x = np.nonzero(depth >= 0.5 * depth.max())
    along = x if np.ptp(x) > np.ptp(y) else y
    order = np.argsort(along)[:: max(1, len(along) // 12)]
    return Prompt("scribble", [(float(x[n]), float(y[n]), 0.0) for n in order], True, 0.5)


def box(truth: Mask) -> Prompt:
    """The object's box with a margin of 3 voxels."""
    y, x = np.nonzero(truth[0])
    height, width = truth.shape[1:]
    low = (float(max(0, x.min() - 3)), float(max(0, y.min() - 3)), 0.0)
    return Prompt("box", [low, (float(min(width - 1, x.max() + 3)), float(min(height - 1, y.max() + 3)), 0.0)], True)


def grown(sample: Sample, seed: Prompt) -> float:
    """Dice of region growing from a click, the tolerance the best of ten for this very slice."""
    x, y, _ = (int(n) for n in seed.points_ijk[0])
    smooth = ndimage.gaussian_filter(sample.image[0, 0], 1.0)
    scores = []
    for tolerance in TOLERANCES * smooth.std():
        pieces, _ = ndimage.label(np.abs(smooth - smooth[y, x]) <= tolerance)
        scores.append(dice((pieces == pieces[y, x])[None], sample.truth))
    return max(scores)


def dice(mask: Mask, truth: Mask) -> float:
    """In points."""
    return 100 * mean_dice(mask.astype(np.uint8), truth.astype(np.uint8), [1])


def ask(sample: Sample, scores: dict[str, list[float]], seconds: list[float], *, network: bool) -> None:
    """Every way of asking on one slice."""
    nothing, chance = np.zeros(sample.truth.shape, bool), sample.chance if network else None

    def answer(prompts: list[Prompt]) -> Mask:
        began = time.process_time()
        mask = propose(sample.image, sample.spacing_mm, prompts, nothing, chance)
        if prompts:
            seconds.append(time.process_time() - began)
        return mask

    def keep(name: str, mask: Mask) -> None:
        scores.setdefault(name, []).append(dice(mask, sample.truth))

    mask = answer([])
    keep("0 clicks", mask)
    prompts: list[Prompt] = []
    for number in range(1, max(CLICKS) + 1):
        if (wanted := click(mask, sample.truth)) is not None:
            prompts.append(wanted)
            mask = answer(prompts)
        if number in CLICKS:
            keep(f"{number} clicks", mask)
    keep("1 scribble", answer([scribble(sample.truth)]))
    keep("1 box", answer([box(sample.truth)]))
    if not network and (seed := click(nothing, sample.truth)) is not None:
        scores.setdefault("region growing, best tolerance", []).append(grown(sample, seed))


def main() -> int:
    """Ask on every set that is lent; without any, say so and measure nothing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--small", action="store_true")
    full = parser.parse_args().full
    torch.set_num_threads(1)
    figures: list[Figure] = []
    sets = {"qubiq-brain-growth": qubiq, "msd-hippocampus": hippocampus, "volumes3d": volumes}
    for name, load in sets.items():
        if not (PACK / name).is_dir():
            say(f"SKIPPED {name}: not under {PACK}")
            continue
        samples = list(load(full))
        for network in (True, False):
            if network and samples[0].chance is None:
                continue
            scores: dict[str, list[float]] = {}
            seconds: list[float] = []
            for sample in samples:
                ask(sample, scores, seconds, network=network)
            basis = "network" if network else "values alone"
            means = {way: round(float(np.mean(dices)), 1) for way, dices in scores.items()}
            say(f"{name}, {basis}, {len(samples)} slices: {means}")
            for way, mean in means.items():
                limit = means["0 clicks"] if way == "5 clicks" else None
                figures.append(Figure(f"{name}, {basis}: Dice after {way}", mean, "points", limit, "at least"))
            cost = [1000 * one for one in seconds]
            figures.append(Figure(f"{name}, {basis}: answer, p50", round(percentile(cost, 0.5), 1), "ms"))
            figures.append(Figure(f"{name}, {basis}: answer, p95", round(percentile(cost, 0.95), 1), "ms", 1500.0))
    return report("prompts", figures)


if __name__ == "__main__":
    raise SystemExit(main())
