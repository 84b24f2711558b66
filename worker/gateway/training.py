"""What a training job needs, as arrays; and what it made, as files and rows.

A style's file is safetensors with `row` [P] and perhaps `adapter` [A]; a model version's holds the network's tensors.
Cards name no patient and no case. Publishing puts files among the blobs first, then everything in one transaction.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from torch import Tensor

from backend.jobs import rules
from backend.jobs.rules import Claimed, ImageFacts, NewStyle, NewVersion, PersonalisePlan, PretrainPlan, ReadingRow
from worker.gateway.connection import Gateway
from worker.gateway.images import Volume, read_labels, read_volume, with_channels
from worker.learning import (
    ExpertAdaptiveConfig,
    Personalised,
    Reading,
    Trained,
    load_safetensors,
    methods,
    save_safetensors,
    save_style,
)

DEFAULT_METHOD = "expert_adaptive"
REPLAY_LIMIT = 100
PLAN_FILE = "plan.json"


@dataclass(frozen=True)
class Pretraining:
    """A pretrain job's input."""

    plan: PretrainPlan
    method: str
    readings: list[Reading]
    config: ExpertAdaptiveConfig


@dataclass(frozen=True)
class LiveVersion:
    """The model version a candidate is compared with: its network and the styles that are live on it, row and perhaps adapter."""

    method: str
    weights: dict[str, Tensor]
    config: ExpertAdaptiveConfig
    styles: dict[str, dict[str, Tensor]]


@dataclass(frozen=True)
class Personalisation:
    """A personalise job's input, ready for `method.personalise`."""

    plan: PersonalisePlan
    weights: dict[str, Tensor]
    config: ExpertAdaptiveConfig
    rows: dict[str, Tensor]
    corrections: list[Reading]
    replay: list[Reading]
    live_row: Tensor | None
    live_adapter: Tensor | None
    live_trained_on: frozenset[str]


def load_pretraining(gateway: Gateway, job: Claimed) -> Pretraining:
    """The project's readings and the recipe. A later attempt gets the readings of the first, so that it may resume."""
    frozen = gateway.job_folder(job.id) / PLAN_FILE
    with gateway.database.read() as db:
        plan = rules.load_pretrain(db, job, _first_plan(frozen))
    frozen.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    frozen.write_text(json.dumps([str(reading.revision_id) for reading in plan.readings]), encoding="utf-8")
    channels = {image.channels for image in plan.images.values()}
    method = str(job.params.get("method", DEFAULT_METHOD))
    config = methods.load(method).config(
        {"in_channels": max(channels), **_options(job), "labels": tuple(plan.label_values)}
    )
    return Pretraining(plan, method, load_readings(gateway, plan.readings, plan.images, max(channels)), config)


def _first_plan(frozen: Path) -> list[UUID] | None:
    try:
        return [UUID(revision_id) for revision_id in json.loads(frozen.read_text(encoding="utf-8"))]
    except (FileNotFoundError, ValueError):  # the first attempt, or one that died while it wrote this
        return None


def load_live_version(gateway: Gateway, plan: PretrainPlan) -> LiveVersion | None:
    """What a new model version has to be measured against, if there is one."""
    if plan.live is None:
        return None
    with gateway.database.read() as db:
        styles = rules.live_rows(db, plan.project_id, plan.live.version_id)
    weights, _ = load_safetensors(gateway.blobs.read(plan.live.weights_sha256))
    method = plan.live.method
    return LiveVersion(
        method,
        weights,
        methods.load(method).config(plan.live.config),
        {str(expert_id): load_style(gateway, sha256) for expert_id, sha256 in styles.items()},
    )


def load_personalisation(gateway: Gateway, job: Claimed) -> Personalisation:
    """One expert's corrections, the styles to start from and the one to beat."""
    with gateway.database.read() as db:
        plan = rules.load_personalise(db, job, REPLAY_LIMIT)
    # The published recipes retrain the shared network; in the product one user's job may write that user's style only.
    recipe = "frozen" if plan.version.config.get("recipe") == "frozen" else "nearest"
    config = methods.load(plan.version.method).config({**plan.version.config, **_options(job), "recipe": recipe})
    patients = {reading.patient for reading in plan.corrections}
    replay = plan.replay if config.adapter and config.replay and len(patients) >= config.adapter_after else []
    weights, _ = load_safetensors(gateway.blobs.read(plan.version.weights_sha256))
    live = {} if plan.live is None else load_style(gateway, plan.live.weights_sha256)
    return Personalisation(
        plan,
        weights,
        config,
        {str(expert_id): load_style(gateway, style.weights_sha256)["row"] for expert_id, style in plan.starts.items()},
        load_readings(gateway, plan.corrections, plan.images, config.in_channels),
        load_readings(gateway, replay, plan.images, config.in_channels),
        live.get("row"),
        live.get("adapter"),
        frozenset() if plan.live is None else frozenset(map(str, plan.live.trained_on)),
    )


def publish_pretrained(
    gateway: Gateway,
    job: Claimed,
    work: Pretraining,
    trained: Trained,
    held_out: frozenset[str],
    *,
    better_by: float | None,
    seconds: float,
) -> None:
    """Keep the network and every style as files, then publish them and end the job. Raises LeaseLost."""
    names = {str(expert_id): name for expert_id, name in work.plan.expert_names.items()}
    metrics = named(trained.metrics, names)
    card = _card(job, work.method, trained.config, seconds) | {
        "readings": len(work.readings),
        "patients": len({reading.patient for reading in work.readings}),
        "experts": sorted(names.get(expert, expert) for expert in trained.rows),
        "style_lengths": methods.load(work.method).style_lengths(trained.config),
    }
    new = NewVersion(
        work.plan.project_id,
        job.id,
        work.method,
        trained.config.as_dict(),
        trained.config.sha256(),
        gateway.blobs.put(save_safetensors(trained.weights, card)),
        gateway.blobs.put(save_safetensors({"row": trained.consensus_row()}, card)),
        metrics,
        card,
        [
            NewStyle(
                UUID(expert),
                "pretrained",
                gateway.blobs.put(save_safetensors({"row": row}, card)),
                {"held_out_dice": trained.metrics[figure]}
                if (figure := f"held_out_dice/{expert}") in trained.metrics
                else {},
                lineage=_lineage(work.readings, expert, held_out),
            )
            for expert, row in trained.rows.items()
        ],
        parent_id=None if work.plan.live is None else work.plan.live.version_id,
    )
    with gateway.database.write() as db:
        rules.publish_pretrained(db, job, new, {"metrics": metrics}, better_by=better_by)


def _lineage(readings: Iterable[Reading], expert: str, held_out: frozenset[str]) -> list[tuple[UUID, str]]:
    return [
        (UUID(reading.revision), "gate" if reading.patient in held_out else "train")
        for reading in readings
        if reading.expert == expert
    ]


def publish_personalised(
    gateway: Gateway, job: Claimed, work: Personalisation, made: Personalised, *, seconds: float
) -> None:
    """Keep the style's file, then publish it with its gate figures and end the job. Raises LeaseLost, Conflict."""
    names = {str(expert_id): name for expert_id, name in work.plan.expert_names.items()}
    # An adapter has also learnt from the replayed readings; a row or a blend has only been measured on the corrections.
    judged = {case.revision for case in made.gate.cases} if made.gate.held_out == "patients" else set()
    behind = [*work.corrections, *(work.replay if made.adapter is not None else ())]
    blend = {names.get(expert, expert): round(share, 3) for expert, share in made.blend.items()}
    new = NewStyle(
        _expert_of(job),
        made.origin,
        gateway.blobs.put(
            save_style(made.row, made.adapter, _card(job, work.plan.version.method, work.config, seconds))
        ),
        {
            **made.metrics,
            "closest": max(blend, key=lambda name: blend[name]) if blend else None,
            "blend": blend,
            "suspect_revision_ids": list(made.suspect_revisions),
            "seconds": round(seconds, 1),
        },
        made.gate.as_dict(),
        [(UUID(one.revision), "gate" if one.revision in judged else "train") for one in behind],
    )
    result = {"origin": made.origin, "gate": {"passed": made.gate.passed, "reason": made.gate.reason}}
    with gateway.database.write() as db:
        rules.publish_personalised(db, job, work.plan, new, result, passed=made.gate.passed)


def named(metrics: Mapping[str, float], names: Mapping[str, str]) -> dict[str, float]:
    """Figures called `what/EXPERT ID` as people read them: `what/EXPERT NAME`."""
    return {"/".join(names.get(part, part) for part in figure.split("/")): value for figure, value in metrics.items()}


def _card(job: Claimed, method: str, config: ExpertAdaptiveConfig, seconds: float) -> dict[str, Any]:
    return {
        "method": method,
        "config_sha256": config.sha256(),
        "seed": config.seed,
        "steps": config.steps,
        "job": str(job.id),
        "attempt": job.attempt,
        "seconds": round(seconds, 1),
    }


def _options(job: Claimed) -> Mapping[str, Any]:
    """What was chosen when the job was made; checked then."""
    options: Mapping[str, Any] = job.params.get("config", {})
    return options


def _expert_of(job: Claimed) -> UUID:
    if job.expert_id is None:
        raise ValueError(f"job {job.id} names no expert")
    return job.expert_id


def load_style(gateway: Gateway, sha256: str) -> dict[str, Tensor]:
    return load_safetensors(gateway.blobs.read(sha256))[0]


def load_readings(
    gateway: Gateway, rows: Iterable[ReadingRow], images: Mapping[UUID, ImageFacts], channels: int
) -> list[Reading]:
    """Arrays for these readings; each image's voxels are read once however many experts drew on it."""
    volume = _once(lambda image_id: with_channels(read_volume(gateway.blobs, images[image_id]), channels))
    made = []
    for row in rows:
        one = volume(row.image_id)
        labels = read_labels(gateway.blobs, row.labels_sha256, images[row.image_id].shape_zyx, row.dtype)
        made.append(
            Reading(
                one.image_CDHW,
                one.spacing_mm,
                labels,
                str(row.expert_id),
                row.patient,
                str(row.revision_id),
                row.assisted,
            )
        )
    return made


def _once(read: Callable[[UUID], Volume]) -> Callable[[UUID], Volume]:
    kept: dict[UUID, Volume] = {}

    def look(image_id: UUID) -> Volume:
        if image_id not in kept:
            kept[image_id] = read(image_id)
        return kept[image_id]

    return look
