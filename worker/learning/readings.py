"""What goes into learning and what comes out: readings, results, the two callbacks, and the errors.

Axis legend of this room: C channels, D H W depth, height, width (z, y, x), S the spatial axes in use (2 or 3 of D H W),
L foreground labels, P numbers in a style row, A numbers in an adapter, B batch, K experts.
Dice is a fraction 0..1 inside the room and in points (0..100) in everything a person reads: gate reports and metrics say so.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from worker.learning.config import ExpertAdaptiveConfig

ImageArray = npt.NDArray[np.float32]
LabelArray = npt.NDArray[np.uint8]


class LearningError(Exception):
    """Learning could not do what was asked."""


class InvalidReading(LearningError):
    """A reading cannot be used; the message names its revision and says what to change."""


class StyleMismatch(LearningError):
    """A style row or adapter does not belong to this network."""


class Stopped(LearningError):
    """The caller asked to stop; what was reached is in the checkpoint, if there is one."""


class Diverged(LearningError):
    """The loss was not finite six times in spite of one roll-back; lower the learning rate or look at the images."""


@dataclass(frozen=True)
class Reading:
    """One expert's label map of one image.

    image_CDHW: displayed values (slope and intercept applied), float32; a 2D image has D = 1. labels_DHW: the project's label
    values; values that the config does not list count as background. spacing_mm is (z, y, x). `assisted`: drawn over a prediction.
    `weight` scales this reading's share of the loss. Raises InvalidReading on shapes that disagree or voxels that are not finite.
    """

    image_CDHW: ImageArray
    spacing_mm: tuple[float, float, float]
    labels_DHW: LabelArray
    expert: str
    patient: str
    revision: str
    assisted: bool = False
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.image_CDHW.ndim != 4 or self.image_CDHW.shape[1:] != self.labels_DHW.shape:
            raise InvalidReading(
                f"Revision {self.revision}: image [C, D, H, W] is {list(self.image_CDHW.shape)} "
                f"and label map [D, H, W] is {list(self.labels_DHW.shape)}; they must lie on one grid."
            )
        if not np.isfinite(self.image_CDHW).all():
            raise InvalidReading(
                f"Revision {self.revision}: the image has values that are not finite; import it again."
            )


class Case(NamedTuple):
    """One thing to predict: an image, its spacing (z, y, x), and the style to draw it in."""

    image_CDHW: ImageArray
    spacing_mm: tuple[float, float, float]
    row: Tensor
    adapter: Tensor | None = None


class Drawing(NamedTuple):
    """What a network drew: a label map and how unsure it was of it, both uint8 [D, H, W] on the image's own grid.

    uncertainty_DHW: 255 · (1 - p) · K / (K - 1), rounded, where p is the probability of the likeliest of K classes (background
    is one of them): 0 where one class has all of it, 255 where all share it alike. "Least confidence", normalised.
    """

    labels_DHW: LabelArray
    uncertainty_DHW: LabelArray


class Progress(Protocol):
    """Called every few steps from the thread that trains. `metrics` are plain numbers, `phase` a short English word."""

    def __call__(self, step: int, steps: int, metrics: dict[str, float], phase: str) -> None: ...


class ShouldStop(Protocol):
    """Asked before every step; True makes the method save its checkpoint and raise Stopped."""

    def __call__(self) -> bool: ...


def no_progress(step: int, steps: int, metrics: dict[str, float], phase: str) -> None:
    """A Progress that says nothing."""


def never_stop() -> bool:
    """A ShouldStop that lets the work finish."""
    return False


@dataclass(frozen=True)
class Trained:
    """A pretrained network. `config` is the resolved one (size, frame, channels filled in): store this, not the one asked for."""

    weights: dict[str, Tensor]
    rows: dict[str, Tensor]
    config: ExpertAdaptiveConfig
    metrics: dict[str, float]

    def consensus_row(self) -> Tensor:
        """The style of an expert of whom nothing is known: the mean of all rows, [P]."""
        return torch.stack(list(self.rows.values())).mean(0)


@dataclass(frozen=True)
class GateCase:
    """One held-out correction: Dice in points and HD95 in millimetres per candidate name.

    fits: how many points better it fits what the average style draws on its own image than on other patients'; None where that cannot
    be said.
    """

    patient: str
    revision: str
    assisted: bool
    dice: dict[str, float]
    hd95_mm: dict[str, float]
    fits: float | None = None


@dataclass(frozen=True)
class GateReport:
    """Whether a new style may go live, and why.

    candidates: mean Dice in points over the held-out cases for `candidate` and whatever it was measured against (`live`,
    `nearest`, `consensus`, and `row` for an adapter). held_out says how the cases were held out: "patients" (never trained on),
    "folds" (cross-validation) or "none" (too few corrections to hold one out). reason is a sentence for the expert.
    """

    passed: bool
    reason: str
    held_out: str
    candidates: dict[str, float]
    cases: list[GateCase] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain JSON values, for the style's row in the database."""
        return asdict(self)


@dataclass(frozen=True)
class Personalised:
    """One expert's new style. `weights` is only set by the recipes that retrain the shared network (`paper`, `scratch`).

    origin: consensus, nearest, row or adapter. blend: how the start was mixed from existing experts (weights sum to 1).
    suspect_revisions were left out of training: they overlap neither the prediction nor any other expert's.
    """

    row: Tensor
    adapter: Tensor | None
    origin: str
    metrics: dict[str, float]
    gate: GateReport
    blend: dict[str, float]
    suspect_revisions: tuple[str, ...] = ()
    weights: dict[str, Tensor] | None = None
