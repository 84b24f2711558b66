"""One cell from start to scores. Runs in a worker process with one thread; times are processor seconds."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import SimpleITK
import torch

from benchmarks.dpersona.cells import Cell, has_persons, load, split
from benchmarks.expert_adaptive.packs import UNIT, Pack
from worker.learning import Case, ExpertAdaptiveConfig, Reading, Trained, dpersona_config, methods
from worker.learning import diversity as d
from worker.learning.prediction import Predictor

SAMPLES = 16
COST_SAMPLES = 32
COST_REPEATS = 101
Scale = Literal["tiny", "small", "full"]
# Equal steps and batches for every method; a published variant's second stage is a third of its steps.
STEPS = {"tiny": 300, "small": 900, "full": 6000}
# Working pixels. Below full scale the shared family is the product's own, which folds 2x2 of them: about as many processor seconds
# at its size as the published network, which does not fold, takes at its smaller one.
OUR_SIZE = {"tiny": 128, "small": 128, "full": 128}
PUBLISHED_SIZE = {"tiny": 48, "small": 48, "full": 128}
PUBLISHED = ("published", "probabilistic_unet")


@dataclass(frozen=True)
class Setting:
    """What all cells of a run share."""

    folder: Path
    scale: Scale
    device: str

    def config(self, method: str) -> ExpertAdaptiveConfig:
        """A method's config at this scale. Published variants learn at 1e-3 below full scale: 1e-4 needs far more steps."""
        steps = STEPS[self.scale]
        common: dict[str, Any] = {
            "size": size_of(method, self.scale),
            "batch": 8,
            "held_out_every": 0,
            "compiled": "never",
        }
        if self.scale == "full":
            common |= {"network": "resnet18", "batch": 12, "compiled": "auto"}
        if method == "unified":
            return dpersona_config({**common, "steps": steps})
        if method in PUBLISHED:
            second = steps // 3 if method == "published" else 0
            rates = {} if self.scale == "full" else {"learning_rate": 1e-3, "second_learning_rate": 1e-3}
            chosen = {"variant": method, "steps": steps - second, "second_steps": max(1, second), **rates}
            return dpersona_config({**common, **chosen})
        return ExpertAdaptiveConfig(**{**common, "steps": steps})


def size_of(method: str, scale: Scale) -> int:
    """Longest edge of the frame that a method works on."""
    return (PUBLISHED_SIZE if method in PUBLISHED else OUR_SIZE)[scale]


def measure(setting: Setting, cell: Cell) -> dict[str, Any]:
    """The cell's record: scores per test case, how many samples they took, what a sample costs."""
    torch.set_num_threads(1)
    pack = load(cell.data)
    training, test = split(pack, cell.fold)
    config = setting.config(cell.method)
    dpersona = cell.method in ("unified", *PUBLISHED)
    method = methods.load("dpersona" if dpersona else "expert_adaptive")
    began = time.process_time()
    trained = method.pretrain(
        _readings(pack, training, cell.method), config, generator_seed=cell.seed, device=setting.device,
        checkpoint_dir=setting.folder / "checkpoints" / "-".join(map(str, (setting.scale, *cell.as_dict().values()))),
    )  # fmt: skip
    seconds = time.process_time() - began
    predictor = method.predictor(trained.weights, trained.config, setting.device)
    record: dict[str, Any] = {"cell": cell.as_dict(), "scale": setting.scale, "cpu_seconds": round(seconds, 1)}
    record |= {"config_sha256": trained.config.sha256(), "steps": STEPS[setting.scale]}
    record["size"] = size_of(cell.method, setting.scale)
    record["cases"] = {pack.cases[case]: _scores(pack, case, predictor, trained, cell) for case in test}
    if dpersona:
        record["cost"] = _cost(predictor, trained, pack, test[0])
    return record


def _readings(pack: Pack, training: list[int], method: str) -> list[Reading]:
    """Everybody's readings; for the fused baselines one reading per case, by nobody."""
    if method not in ("majority", "staple"):
        return [pack.reading(case, expert) for case in training for expert in range(len(pack.experts))]
    fused = []
    for case in training:
        one = pack.reading(case, 0)
        masks = pack.drawn[case]
        labels = pack.majority(case, tuple(range(len(masks)))) if method == "majority" else _staple(masks[:, 0])[None]
        fused.append(Reading(one.image_CDHW, UNIT, labels, method, one.patient, f"{case}-{method}"))
    return fused


def _staple(masks_EHW: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """STAPLE within the box of disagreement and 5 pixels around it: on the whole image its prior drowns the object."""
    union = masks_EHW.any(0)
    fused = np.zeros(union.shape, np.uint8)
    if not union.any():
        return fused
    rows, columns = np.nonzero(union)
    box = (slice(max(rows.min() - 5, 0), rows.max() + 6), slice(max(columns.min() - 5, 0), columns.max() + 6))
    images = [SimpleITK.GetImageFromArray(np.ascontiguousarray(mask[box])) for mask in masks_EHW]
    fused[box] = SimpleITK.GetArrayFromImage(SimpleITK.STAPLE(images, 1.0)) > 0.5
    return fused


def _scores(pack: Pack, case: int, predictor: Predictor, trained: Trained, cell: Cell) -> dict[str, Any]:
    """Figures of one case. Samples and share map are on the image's own grid."""
    masks = pack.drawn[case][:, 0].astype(bool)
    rows = torch.stack(list(trained.rows.values()))
    image = Case(pack.images[case], UNIT, rows[0])
    if cell.method in ("majority", "staple"):
        share = predictor.probabilities([image])[0][0, 0].astype(np.float64)
        samples = predictor.predict([image])[0] > 0
    else:
        share = predictor.plausible_chances(image, rows, SAMPLES, seed=cell.seed)[0, 0].astype(np.float64)
        samples = predictor.plausible(image, rows, SAMPLES, seed=cell.seed)[:, 0] > 0
    spread = d.spread(samples, masks)
    band = d.disagreement_band(masks)
    bins, votes = (d.reliability(one, masks, band) for one in (share, samples.mean(0, dtype=np.float64)))
    scores: dict[str, Any] = {
        **{name: round(value, 5) for name, value in vars(spread).items()},
        "ged_released": round(d.ged(samples, masks, "included", "released"), 5),
        "soft_dice": round(d.soft_dice(share, masks), 5), "qubiq": round(d.qubiq_score(share, masks), 5),
        "brier": round(d.brier(share, masks, band), 5),
        "bins": _plain(bins), "bins_of_votes": _plain(votes),
    }  # fmt: skip
    if has_persons(cell.data):
        scores["matrix"] = _matrix(pack, masks, share, image, predictor, trained, cell)
    return scores


def _plain(bins: d.Reliability) -> list[list[float]]:
    return [[round(float(v), 3) for v in values] for values in (bins.voxels, bins.predicted, bins.observed)]


def _matrix(
    pack: Pack, masks: d.Masks, share: d.Shares, image: Case, predictor: Predictor, trained: Trained, cell: Cell
) -> list[list[float]]:
    """Dice of the prediction for expert i with expert j's mask. A method without experts predicts the same for everybody."""
    if cell.method in ("majority", "staple", "probabilistic_unet"):
        own = np.repeat((share > 0.5)[None], len(masks), 0)
    else:
        styled = [image._replace(row=trained.rows[expert]) for expert in pack.experts]
        own = np.stack([labels[0] > 0 for labels in predictor.predict(styled)])
    return [[round(float(v), 5) for v in row] for row in d.dice_matrix(own, masks)]


def _cost(predictor: Predictor, trained: Trained, pack: Pack, case: int) -> dict[str, float]:
    """Median processor milliseconds of the network alone on one working frame: one prediction, and COST_SAMPLES samples."""
    rows = torch.stack(list(trained.rows.values())).to(predictor.device)
    image = torch.zeros(1, trained.config.in_channels, *predictor.frame, device=predictor.device)

    def milliseconds(work: Any) -> float:
        began = time.process_time()
        work()
        return 1000 * (time.process_time() - began)

    def samples() -> Any:
        return predictor.network.plausible(image, rows, COST_SAMPLES, torch.Generator().manual_seed(0))

    with torch.no_grad():  # in turns, so that a busy machine is unfair to neither
        times = [
            (milliseconds(lambda: predictor.network(image, rows[:1])), milliseconds(samples))
            for _ in range(COST_REPEATS)
        ]
    one, many = (float(value) for value in np.median(times, axis=0))
    return {
        "prediction_ms": round(one, 3),
        "samples_ms": round(many, 3),
        "samples_on_top": round((many - one) / one, 3),
    }
