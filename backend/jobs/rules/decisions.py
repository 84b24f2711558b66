"""What the queue and the scheduler decide, as pure functions of plain facts; `queue` and `scheduler` carry it out."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from backend.errors import Invalid
from backend.jobs.store.learning import DueExpert, MissingPrediction

MAX_LOST: Final = 2
MAX_RETRIES: Final = 3
IMAGES_PER_JOB: Final = 16
LONGEST_WAIT_SECONDS: Final = 300.0
NOT_IN_THIS_RELEASE: Final = ("export",)


@dataclass(frozen=True)
class JobFailure:
    """Why a job ended without a result, for the person who can act."""

    code: str
    message: str
    remedy: str

    def as_dict(self) -> dict[str, str]:
        """As kept in the job's row."""
        return {"code": self.code, "message": self.message, "remedy": self.remedy}


POISON: Final = JobFailure(
    "poison",
    "The job ended its worker twice without getting any further, so it was set aside.",
    "Look for missing memory in the worker's log; then start the job again with fewer or smaller images.",
)
OUT_OF_RETRIES: Final = JobFailure(
    "out-of-retries",
    "The job could not reach the database or the disk in three attempts.",
    "Check the health page, then start the job again.",
)


def after_loss(lost: int) -> JobFailure | None:
    """What becomes of a job that lost this many workers since its last checkpoint: another attempt (None) or the end."""
    return POISON if lost >= MAX_LOST else None


def after_retry(retries: int) -> JobFailure | None:
    """What becomes of a job that asked for another attempt this many times since its last checkpoint."""
    return OUT_OF_RETRIES if retries >= MAX_RETRIES else None


Obstacle = Literal["correction", "more", "quiet"]


def readings_missing(expert: DueExpert, after: int, every: int) -> int:
    """How many more corrected readings a personalisation needs; one accepted unchanged counts half."""
    return max(0, math.ceil((after if expert.begins else every) - expert.changed - expert.accepted / 2))


def obstacle(expert: DueExpert, after: int, every: int, quiet_seconds: float) -> Obstacle | None:
    """What an expert's next personalisation waits for; None when it is due.

    correction: all that was submitted was accepted as predicted, which alone teaches nothing. more: further readings. quiet:
    nothing new for quiet_seconds, but nobody waits longer than five minutes.
    """
    if expert.changed == 0 and expert.accepted > 0:
        return "correction"
    if readings_missing(expert, after, every) > 0:
        return "more"
    is_quiet = expert.quiet_seconds >= quiet_seconds or expert.waiting_seconds >= LONGEST_WAIT_SECONDS
    return None if is_quiet else "quiet"


@dataclass(frozen=True)
class PredictionBatch:
    """One predict job: some images in one expert's style."""

    project_id: UUID
    expert_id: UUID
    style_id: UUID
    image_ids: tuple[UUID, ...]


def batches(missing: Iterable[MissingPrediction]) -> list[PredictionBatch]:
    """Group what is missing by expert and style into jobs of at most 16 images, reading order kept."""
    grouped: dict[tuple[UUID, UUID, UUID], list[UUID]] = {}
    for one in missing:
        grouped.setdefault((one.project_id, one.expert_id, one.style_id), []).append(one.image_id)
    return [
        PredictionBatch(*key, tuple(images[first : first + IMAGES_PER_JOB]))
        for key, images in grouped.items()
        for first in range(0, len(images), IMAGES_PER_JOB)
    ]


def seconds_left(step: int, steps: int, first_step: int, elapsed_seconds: float) -> float | None:
    """Time to go at the pace since `first_step` (where this attempt began); None before a pace is known."""
    done = step - first_step
    if done <= 0 or elapsed_seconds <= 0 or steps <= step:
        return 0.0 if steps <= step and done > 0 else None
    return round((steps - step) * elapsed_seconds / done, 1)


@dataclass(frozen=True)
class Option:
    """One thing a caller may choose about a training job."""

    kind: Literal["integer", "number", "choice", "flag"]
    least: float = -math.inf
    most: float = math.inf
    choices: tuple[str, ...] = ()


TRAINING_OPTIONS: Final[dict[str, Option]] = {
    "network": Option("choice", choices=("small", "resnet18")),
    "spatial_dims": Option("integer", 2, 3),
    "size": Option("integer", 32, 512),
    "recipe": Option("choice", choices=("nearest", "paper", "frozen", "scratch")),
    "seed": Option("integer", 0, 2**31 - 1),
    "any_orientation": Option("flag"),
    "clip_deviations": Option("number", 1, 1000),
    "steps": Option("integer", 1, 200_000),
    "batch": Option("integer", 1, 256),
    "learning_rate": Option("number", 1e-6, 1.0),
    "row_steps": Option("integer", 1, 20_000),
    "row_learning_rate": Option("number", 1e-6, 1.0),
    "adapter": Option("flag"),
    "adapter_after": Option("integer", 1, 10_000),
    "checkpoint_every": Option("integer", 1, 10_000),
}
DPERSONA_OPTIONS: Final[dict[str, Option]] = {
    "variant": Option("choice", choices=("unified", "published", "released", "probabilistic_unet")),
    "latent": Option("integer", 1, 64),
    "kl_weight": Option("number", 0, 1000),
    "bound_weight": Option("number", 0, 1000),
    "bound_samples": Option("integer", 1, 100),
    "bank": Option("integer", 1, 10_000),
    "second_steps": Option("integer", 1, 200_000),
    "second_learning_rate": Option("number", 1e-6, 1.0),
}
DEFAULT_METHOD: Final = "expert_adaptive"
METHODS: Final[dict[str, dict[str, Option]]] = {DEFAULT_METHOD: {}, "dpersona": DPERSONA_OPTIONS}
OPTIONS: Final[dict[str, dict[str, Option]]] = {
    "pretrain": TRAINING_OPTIONS,
    "personalise": {name: TRAINING_OPTIONS[name] for name in ("seed", "row_steps", "row_learning_rate", "adapter")},
}


def checked_params(kind: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The params of a training job: {"config": {option: value}} or nothing, each option known and within its range.

    A pretraining may name its "method"; a personalisation follows its model version's. Raises Invalid naming option and range.
    """
    names_method = kind == "pretrain"
    if set(params) - {"config", *(["method"] if names_method else [])} or not isinstance(
        params.get("config", {}), Mapping
    ):
        also = ', "method": name' if names_method else ""
        raise Invalid(f'{kind} takes params {{"config": {{option: value}}{also}}} and nothing else.')
    method = params.get("method", DEFAULT_METHOD)
    if method not in METHODS:
        raise Invalid(f"method must be one of {', '.join(METHODS)}.")
    config, known = params.get("config", {}), OPTIONS[kind] | (METHODS[method] if names_method else {})
    unknown = sorted(set(config) - set(known))
    if unknown:
        raise Invalid(f"{unknown[0]} is no option of {kind}; known are {', '.join(sorted(known))}.")
    for name, value in config.items():
        _check_option(name, value, known[name])
    if config.get("variant", "unified") != "unified" and config.get("spatial_dims") == 3:
        raise Invalid("Only the unified variant learns in 3D; choose it, or spatial_dims 2.")
    return {"config": dict(config), **({"method": method} if "method" in params else {})}


def _check_option(name: str, value: Any, option: Option) -> None:
    if option.kind == "choice":
        if value not in option.choices:
            raise Invalid(f"{name} must be one of {', '.join(option.choices)}.")
        return
    if option.kind == "flag":
        if not isinstance(value, bool):
            raise Invalid(f"{name} must be true or false.")
        return
    kinds = (int,) if option.kind == "integer" else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not option.least <= value <= option.most:
        raise Invalid(f"{name} must be a {option.kind} from {option.least:g} to {option.most:g}.")


def refusal(kind: str) -> str | None:
    """Why POST /jobs does not make jobs of this kind, or None."""
    if kind == "import":
        return "Imports begin with POST /imports, which makes their job when the files have arrived."
    if kind == "interact":
        return "Prompts begin with POST /segmentations/{id}/prompts, which makes their job."
    if kind == "propagate":
        return "Propagation begins with POST /segmentations/{id}/propagations, which makes its job."
    if kind == "opinions":
        return "Several opinions begin with POST /segmentations/{id}/opinions, which makes their job."
    if kind == "update":
        return "Online updates follow from propagation and from finished cases; nobody asks for one."
    if kind in NOT_IN_THIS_RELEASE:
        return f"Jobs of kind {kind} are not part of this release; pretrain, personalise, evaluate and predict are."
    return None
