"""What an evaluation may look at: submitted readings that neither the network nor the expert's own style has learnt from.

Fails closed: a patient counts as seen as soon as one reading of theirs, by whomever, trained the model version, or trained or
judged the expert's personalised style (the gate chose between candidates by those, which flatters the one it chose). Patients
that a pretraining held out have chosen nothing and stay. An evaluation changes nothing; its result is the job's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from backend.accounts.rules import Actor
from backend.database import AnySession
from backend.errors import Conflict, Invalid
from backend.jobs.rules.queue import Claimed
from backend.jobs.rules.work import (
    ImageFacts,
    StyleFacts,
    VersionFacts,
    can_draw,
    image_facts,
    live_version,
    project_of,
)
from backend.jobs.store import learning, listing
from backend.jobs.store.learning import ReadingRow
from backend.models import rules as models
from backend.models import store as models_store
from backend.models.store import Style


@dataclass(frozen=True)
class EvaluatePlan:
    """What to draw again, in which styles.

    live: expert → their style on this version. closest: expert → the colleague whose row their style began from. pretrained: the
    rows of the version. unseen: the readings to be judged by; beside: all readings of the same images. without_spacing: images
    that have no lengths.
    """

    version: VersionFacts
    label_values: list[int]
    live: Mapping[UUID, StyleFacts]
    closest: Mapping[UUID, UUID]
    pretrained: Mapping[UUID, StyleFacts]
    unseen: list[ReadingRow]
    beside: list[ReadingRow]
    images: Mapping[UUID, ImageFacts]
    without_spacing: frozenset[UUID]
    expert_names: Mapping[UUID, str]


def load_evaluate(db: AnySession, job: Claimed) -> EvaluatePlan:
    """What to evaluate now. Raises Conflict without a live model version, Invalid where no reading is unseen."""
    project_id = project_of(job)
    version = live_version(db, project_id)
    if version is None:
        raise Conflict("The project has no live model version; run a pretrain job first.")
    styles = {
        expert_id: style
        for expert_id, style in models_store.live_styles(db, project_id).items()
        if style.model_version_id == version.version_id
    }
    readings = learning.readings(db, project_id)
    images = learning.images(db, {reading.image_id for reading in readings})
    patient_of = {image.id: patient_id for image, patient_id in images if can_draw(version, image)}
    seen = {expert_id: _patients_seen(db, version.version_id, style) for expert_id, style in styles.items()}
    unseen = [
        reading
        for reading in readings
        if reading.expert_id in styles
        and reading.image_id in patient_of
        and patient_of[reading.image_id] not in seen[reading.expert_id]
    ]
    if not unseen:
        raise Invalid(
            "Every submitted reading has trained the model or judged its expert's style, so none can measure them. "
            "Submit readings of further patients, then evaluate again."
        )
    judged = {reading.image_id for reading in unseen}
    pretrained = {
        style.expert_id: StyleFacts(style.id, style.weights_sha256)
        for style in models_store.styles_of_version(db, version.version_id)
        if style.origin == "pretrained"
    }
    names = learning.names_of(db, [*styles, *pretrained])
    by_name = {names[expert_id]: expert_id for expert_id in pretrained}
    return EvaluatePlan(
        version,
        learning.label_values(db, project_id),
        {expert_id: StyleFacts(style.id, style.weights_sha256) for expert_id, style in styles.items()},
        {
            expert_id: by_name[style.metrics["closest"]]
            for expert_id, style in styles.items()
            if style.metrics.get("closest") in by_name
        },
        pretrained,
        unseen,
        [reading for reading in readings if reading.image_id in judged],
        {image.id: image_facts(image, patient_id) for image, patient_id in images if image.id in judged},
        frozenset(image.id for image, _ in images if image.geometry == "uncalibrated"),
        names,
    )


def _patients_seen(db: AnySession, version_id: UUID, style: Style) -> set[UUID]:
    behind = learning.revisions_behind(db, version_id)
    if style.origin != "pretrained":
        behind = behind | {row.revision_id for row in models_store.lineage(db, style.id)}
    return learning.patients_of(db, behind)


@dataclass(frozen=True)
class Evaluation:
    """The newest finished evaluation of a project; experts: its rows, those the caller may see."""

    job_id: UUID
    model_version_id: UUID
    finished_at: datetime
    experts: Sequence[Mapping[str, Any]]


def newest_evaluation(db: AnySession, actor: Actor, project_id: UUID) -> Evaluation | None:
    """The project's last evaluation. Raises NotFound.

    In a blinded project a reader finds their own row only, and not how like the others' readings, which they may not see, their
    own are.
    """
    facts = models.project_facts(db, actor, project_id)
    job = listing.newest_done(db, project_id, "evaluate")
    if job is None or job.result is None or job.finished_at is None:
        return None
    rows = job.result["experts"]
    if not models.sees_everyone(actor, facts):
        rows = [_without_others(row) for row in rows if row["expert_id"] == str(actor.expert_id)]
    return Evaluation(job.id, UUID(job.result["model_version_id"]), job.finished_at, rows)


def _without_others(row: Mapping[str, Any]) -> dict[str, Any]:
    columns = {
        part: {name: figures for name, figures in row[part].items() if name != "others"}
        for part in ("candidates", "leads")
    }
    return {**row, **columns}
