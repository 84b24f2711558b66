"""The recipe of one training as a frozen value: what a model version's card stores, and whose hash names it.

`size` is what a user asks for; `frame`, `channels` and the rest are derived from it and from the data by `resolve`, and recorded.
Units: sizes in working voxels, rates per step, angles in degrees.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, Self

NetworkName = Literal["small", "resnet18"]
RETIRED = frozenset({"adapter_steps"})  # adapters are trained together with the row, for row_steps
Recipe = Literal["nearest", "paper", "frozen", "scratch"]


@dataclass(frozen=True)
class AugmentConfig:
    """Ranges of the random changes; every one is drawn uniformly within ± its value, per sample."""

    rotation_degrees: float = 12.0
    zoom: float = 0.12
    shift: float = 0.06  # of the frame's edge
    noise: float = 0.10  # standard deviations of the normalised image
    brightness: float = 0.20
    contrast: float = 0.20
    blur: float = 0.7  # largest share of a 3-voxel mean
    mirrored: bool = False  # half of the samples


@dataclass(frozen=True)
class ExpertAdaptiveConfig:
    """All choices of the `expert_adaptive` method. Raises ValueError on a value that cannot work.

    labels: the label map values to learn, in order; one label is a sigmoid, several are an exclusive softmax.
    start: the row a new expert begins with: the nearest expert's, the mean of all, plain instance normalisation, or (blend) the
    best on the corrections of the nearest, the mean and what lies half-way between them.
    size: longest edge of the working frame (2D) or edge of the patch (3D); None lets `resolve` choose. frame: the padded working
    shape, filled in by `resolve`. recipe: see LEARNING 1.1; `nearest` is ours, `paper` is arXiv 2402.07330.
    """

    labels: tuple[int, ...] = (1,)
    network: NetworkName = "small"
    spatial_dims: Literal[2, 3] = 2
    in_channels: int = 1
    channels: tuple[int, ...] = (16, 32, 64)  # of the small network's levels
    stem: Literal[1, 2] = 2  # the small network's first step: voxels per edge folded into channels
    size: int | None = None
    frame: tuple[int, ...] | None = None

    recipe: Recipe = "nearest"
    seed: int = 0
    steps: int = 800
    batch: int = 8
    learning_rate: float = 4e-3
    optimiser: Literal["adamw", "radam"] = "adamw"
    loss: Literal["dice_ce", "dice"] = "dice_ce"
    weights_ema: float = 0.99
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    compiled: Literal["auto", "always", "never"] = "auto"  # torch.compile in pretraining; auto: where it pays
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    clip_deviations: float | None = (
        None  # robust deviations from the median beyond which brightness is cut, where specks outshine what is drawn
    )
    any_orientation: bool = False  # images have no up or left (cells under a microscope): see `augmentation`, Predictor
    styled_stages: int | None = (
        None  # how many of the last decoder stages are in each expert's style; None: every layer
    )
    held_out_every: int = 6  # one patient in this many is kept out of pretraining to measure it; 0 trains on all

    start: Literal["blend", "nearest", "mean", "reinit"] = "blend"  # where a new row begins
    row_steps: int = 80  # at most (early_stop); 0 keeps the start
    row_batch: int = 4
    row_learning_rate: float = 5e-3
    row_ema: float = 0.95
    early_stop: bool = True  # cross-validation may stop the row half-way; off: always all steps
    row_after: int = 5  # corrections (distinct patients) from which a row is trained
    folds: int = 4  # at most, to find where to stop; without patients held out for the gate each leaves one patient out
    adapter: bool = True
    replay: bool = False  # a third of every batch of an adapter's training is other experts' readings
    adapter_after: int = 5  # corrections (distinct patients) from which a row is trained together with an adapter
    adapter_rank: int = 2  # of 4 no more was learnt, and every expert has one
    adapter_learning_rate: float = 3e-3
    checkpoint_every: int = 100

    def __post_init__(self) -> None:
        if not self.labels or len(set(self.labels)) != len(self.labels) or not all(0 < v < 256 for v in self.labels):
            raise ValueError(f"labels must be distinct values from 1 to 255, not {self.labels}.")
        if self.network not in ("small", "resnet18"):
            raise ValueError(f'network must be "small" or "resnet18", not "{self.network}".')
        if self.spatial_dims not in (2, 3):
            raise ValueError(f"spatial_dims must be 2 or 3, not {self.spatial_dims}.")
        if self.start not in ("blend", "nearest", "mean", "reinit"):
            raise ValueError(f'start must be blend, nearest, mean or reinit, not "{self.start}".')
        if self.recipe not in ("nearest", "paper", "frozen", "scratch"):
            raise ValueError(f'recipe must be nearest, paper, frozen or scratch, not "{self.recipe}".')
        if self.frame is not None and len(self.frame) != self.spatial_dims:
            raise ValueError(f"frame {self.frame} must have {self.spatial_dims} edges.")
        if self.styled_stages is not None and self.styled_stages < 1:
            raise ValueError(f"styled_stages must be at least 1, or nothing for every layer, not {self.styled_stages}.")
        if self.clip_deviations is not None and not self.clip_deviations >= 1:
            raise ValueError(f"clip_deviations must be at least 1, or nothing, not {self.clip_deviations}.")
        for name in (
            "steps",
            "batch",
            "row_batch",
            "row_after",
            "folds",
            "checkpoint_every",
            "in_channels",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}.")

    @property
    def out_channels(self) -> int:
        """Logit channels: 1 (sigmoid) for one label, else labels + background (softmax)."""
        return 1 if len(self.labels) == 1 else len(self.labels) + 1

    @property
    def augmentation(self) -> AugmentConfig:
        """What training really draws from: `augment`, with whole turns and mirror images where images have no orientation."""
        return replace(self.augment, rotation_degrees=180.0, mirrored=True) if self.any_orientation else self.augment

    @property
    def multiple(self) -> int:
        """Every edge of the network's input is a multiple of this."""
        return 32 if self.network == "resnet18" else self.stem * 2 ** (len(self.channels) - 1)

    @property
    def smallest_edge(self) -> int:
        """Below this the deepest map would be one voxel, whose instance statistics mean nothing."""
        return 64 if self.network == "resnet18" else 2 * self.multiple

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values, for the card."""
        return asdict(self)

    def sha256(self) -> str:
        """Hex digest over every choice; equal configs have equal digests on every machine."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of as_dict, also of a partial one (the rest are defaults). Raises ValueError on an unknown name.

        Cards of the last release may name RETIRED options; they are passed over.
        """
        known = {f.name for f in fields(cls)}
        values = {name: value for name, value in values.items() if name not in RETIRED}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"Unknown learning option {', '.join(unknown)}; known are {', '.join(sorted(known))}.")
        clean: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        if isinstance(clean.get("augment"), dict):
            clean["augment"] = AugmentConfig(**clean["augment"])
        return cls(**clean)


Variant = Literal["unified", "published", "released", "probabilistic_unet"]


@dataclass(frozen=True)
class DPersonaConfig(ExpertAdaptiveConfig):
    """All choices of the `dpersona` method (arXiv 2403.13417). Raises ValueError on a value that cannot work.

    variant: `unified` is ours, one stage in the shared network family, and takes every option of `expert_adaptive` besides;
    `published` is D-Persona's two stages, `released` the same with batch statistics that drift in stage II as in the released
    code, `probabilistic_unet` the baseline without bound loss and second stage. latent: dimensions of the latent space.
    bound_*: weight of the loss on union and intersection, and how many samples span it and are scored. share_weight: of the cross-entropy
    of the samples' mean with the share of experts who drew; at 1 the overlaps outweigh it, and what maximises an expected overlap is too
    large (Bertels et al., 2021). bank: prior samples a published head attends over. experts: how many, filled in by pretraining; a
    published posterior has a channel for each.
    """

    variant: Variant = "unified"
    latent: int = 6
    kl_weight: float | None = None  # None: the variant's own, see `divergence_weight`
    bound_weight: float = 0.5
    bound_samples: int = 10
    share_weight: float = 5.0
    bank: int = 100
    second_steps: int = 400
    second_learning_rate: float = 1e-3
    experts: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.variant not in ("unified", "published", "released", "probabilistic_unet"):
            raise ValueError(
                f'variant must be unified, published, released or probabilistic_unet, not "{self.variant}".'
            )
        for name, least in (("latent", 1), ("bound_samples", 2), ("bank", 1), ("second_steps", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, not {getattr(self, name)}.")
        if self.styled_stages is not None:
            raise ValueError("styled_stages belongs to expert_adaptive; dpersona styles every layer.")
        if self.variant != "unified" and self.spatial_dims == 3:
            raise ValueError("Only the unified variant learns in 3D; choose it, or spatial_dims 2.")

    @property
    def divergence_weight(self) -> float:
        """Weight of the divergence of a published posterior: 1; of a probabilistic U-Net's 10 beside a cross-entropy summed over the
        frame, which is 10 / voxels beside its mean."""
        if self.kl_weight is not None:
            return self.kl_weight
        if self.variant == "probabilistic_unet":
            return 10 / math.prod(self.frame or (1,))
        return 1.0

    @property
    def multiple(self) -> int:
        """Every edge of the network's input is a multiple of this."""
        if self.variant == "unified":
            return super().multiple
        return 16 if self.network == "small" else 32  # pooled four or five times


PUBLISHED: dict[str, Any] = {
    "batch": 12, "learning_rate": 1e-4, "weights_ema": 0.0, "adapter": False, "start": "nearest", "steps": 2000,
}  # fmt: skip


def dpersona_config(values: Mapping[str, Any]) -> DPersonaConfig:
    """A config from chosen options; where a published variant is chosen, what is not said is as published."""
    published = values.get("variant", "unified") != "unified"
    return DPersonaConfig.from_dict({**(PUBLISHED if published else {}), **values})


def paper_config(**changes: Any) -> ExpertAdaptiveConfig:
    """The recipe of arXiv 2402.07330 as printed; what the paper leaves open is listed in LEARNING 1.1 and is ours."""
    printed: dict[str, Any] = {
        "network": "resnet18", "recipe": "paper", "size": 192, "steps": 5000, "row_steps": 1000, "batch": 16, "row_batch": 16,
        "optimiser": "radam", "learning_rate": 1e-3, "row_learning_rate": 1e-3, "loss": "dice", "weights_ema": 0.0,
        "row_ema": 0.0, "adapter": False,
    }  # fmt: skip
    return ExpertAdaptiveConfig(**{**printed, **changes})
