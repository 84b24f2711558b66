"""What a learning job may see, and how what it made is published.

Fails closed: in a blinded project, images that somebody has still to read stay out of pretraining, and no prediction
is made for an expert from a style or model version that has seen another expert's reading of that patient. Everything a
job made and the job's end are one transaction, fenced by the attempt: it is published once or not at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from backend.database import AnySession, WriteSession
from backend.errors import Conflict, Invalid, NotFound
from backend.jobs.rules.decisions import JobFailure
from backend.jobs.rules.queue import Claimed, finish, hold
from backend.jobs.rules.withdrawals import refuse_withdrawn
from backend.jobs.store import learning
from backend.jobs.store.learning import ReadingRow
from backend.models import rules as models
from backend.models import store as models_store
from backend.models.rules import NewStyle, NewVersion
from backend.segmentations import rules as segmentations
from backend.segmentations.rules import KeptLabels
from backend.studies.store import Image

FORGIVEN_LOSS = 0.3  # Dice points a new model version may lose and still go live (LEARNING 3)
IN_COLOUR = JobFailure(
    "image-in-colour",
    "The image is in colour, and the project's live network has learnt from grey ones alone.",
    "Submit readings of colour images, then run a pretrain job.",
)


@dataclass(frozen=True)
class ImageFacts:
    """What is needed to read an image's voxels."""

    image_id: UUID
    patient_id: UUID
    nx: int
    ny: int
    nz: int
    channels: int
    affine: Sequence[float]
    slope: float
    intercept: float
    slab_sha256s: Sequence[str]

    @property
    def shape_zyx(self) -> tuple[int, int, int]:
        """The grid, slowest axis first."""
        return self.nz, self.ny, self.nx


@dataclass(frozen=True)
class VersionFacts:
    """A model version's weights and recipe."""

    version_id: UUID
    method: str
    weights_sha256: str
    config: Mapping[str, Any]
    metrics: Mapping[str, Any]


@dataclass(frozen=True)
class StyleFacts:
    """A style's file and the revisions it was trained on."""

    style_id: UUID
    weights_sha256: str
    trained_on: frozenset[UUID] = frozenset()


@dataclass(frozen=True)
class PretrainPlan:
    """All readings of a project that may be learned from."""

    project_id: UUID
    label_values: list[int]
    readings: list[ReadingRow]
    images: dict[UUID, ImageFacts]
    expert_names: dict[UUID, str]
    live: VersionFacts | None


@dataclass(frozen=True)
class PersonalisePlan:
    """One expert's corrections, where a new style may start, and what it has to beat."""

    version: VersionFacts
    starts: dict[UUID, StyleFacts]
    live: StyleFacts | None
    corrections: list[ReadingRow]
    replay: list[ReadingRow]
    images: dict[UUID, ImageFacts]
    expert_names: dict[UUID, str]


@dataclass(frozen=True)
class PredictPlan:
    """What to draw in one expert's live style.

    existing: image → revision this style has drawn already. withheld: images whose patient the style knows through
    another expert's reading, which a blinded reader must not be shown. failed: images that the network cannot take.
    """

    project_id: UUID
    expert_id: UUID
    label_values: list[int]
    version: VersionFacts
    style: StyleFacts
    images: list[ImageFacts]
    existing: dict[UUID, UUID] = field(default_factory=dict)
    withheld: list[UUID] = field(default_factory=list)
    failed: dict[UUID, JobFailure] = field(default_factory=dict)


def load_pretrain(db: AnySession, job: Claimed, only: Iterable[UUID] | None = None) -> PretrainPlan:
    """What a pretraining learns from; `only`: the revisions an earlier attempt began with, so that its checkpoint counts.

    Raises Invalid, in words for the project's manager, when nothing may be learned from.
    """
    project_id = project_of(job)
    facts = models_store.projects_of(db, None, project_id)[0]
    blinded = facts.policy.get("blinding") != models.OPEN
    readings = learning.readings(db, project_id, without_pending=blinded)
    if only is not None:
        found = {reading.revision_id: reading for reading in readings}
        readings = [found[revision_id] for revision_id in only if revision_id in found]
    if not readings:
        raise Invalid(
            "Every image with a reading still waits for another expert, and a blinded project does not learn from those. "
            "Let the readings be finished, or open the project's blinding."
            if blinded
            else "Nobody has submitted a reading in this project yet; submit some and start again."
        )
    return PretrainPlan(
        project_id,
        learning.label_values(db, project_id),
        readings,
        _images(db, (reading.image_id for reading in readings)),
        learning.names_of(db, (reading.expert_id for reading in readings)),
        live_version(db, project_id),
    )


def load_personalise(db: AnySession, job: Claimed, replay_limit: int) -> PersonalisePlan:
    """What a personalisation learns from and is judged against; starts by name, so that ties and sums are settled alike everywhere.

    Raises Conflict without a live model version.
    """
    project_id, expert_id = project_of(job), _expert_of(job)
    version = live_version(db, project_id)
    if version is None:
        raise Conflict("The project has no live model version any more; run a pretrain job first.")
    corrections = learning.readings(db, project_id, expert_id=expert_id)
    if not corrections:
        raise Invalid("This expert has no submitted reading; there is nothing to personalise from.")
    pretrained = [
        style for style in models_store.styles_of_version(db, version.version_id) if style.origin == "pretrained"
    ]
    names = learning.names_of(db, (style.expert_id for style in pretrained))
    starts = {
        style.expert_id: StyleFacts(style.id, style.weights_sha256)
        for style in sorted(pretrained, key=lambda style: names[style.expert_id])
    }
    seen = learning.revisions_behind(db, version.version_id)
    replay = [
        reading
        for reading in learning.readings(db, project_id)
        if reading.expert_id != expert_id and reading.expert_id in starts and reading.revision_id in seen
    ][:replay_limit]
    live = models_store.find_live_style(db, project_id, expert_id)
    return PersonalisePlan(
        version,
        starts,
        _style_facts(db, live) if live is not None and live.model_version_id == version.version_id else None,
        corrections,
        replay,
        _images(db, (reading.image_id for reading in [*corrections, *replay])),
        names,
    )


def load_predict(db: AnySession, job: Claimed) -> PredictPlan:
    """What to draw now: in the style that is live now, whatever was live when the job was made."""
    project_id, expert_id = project_of(job), _expert_of(job)
    drawing = learning.find_drawing(db, project_id, expert_id)
    if drawing is None:
        raise Conflict("No style is live for this expert any more; run a pretrain job first.")
    wanted = [UUID(image_id) for image_id in job.params["image_ids"]]
    found = {row[0].id: row for row in learning.images_to_draw(db, project_id, drawing.style.id, wanted)}
    hidden: set[UUID] = set()
    if drawing.policy.get("blinding") != models.OPEN:
        patients = {patient_id for _, patient_id, _ in found.values()}
        hidden = learning.patients_read_by_others(db, drawing.style, expert_id, patients)
    shown = [row for image_id in dict.fromkeys(wanted) if (row := found.get(image_id)) and row[1] not in hidden]
    missing = [(image, patient_id) for image, patient_id, revision_id in shown if revision_id is None]
    return PredictPlan(
        project_id,
        expert_id,
        list(drawing.label_values),
        _version_facts(drawing.version),
        StyleFacts(drawing.style.id, drawing.style.weights_sha256),
        [image_facts(image, patient_id) for image, patient_id in missing if can_draw(drawing.version, image)],
        {image.id: revision_id for image, _, revision_id in shown if revision_id is not None},
        [image_id for image_id in wanted if image_id in found and found[image_id][1] in hidden],
        {image.id: IN_COLOUR for image, _ in missing if not can_draw(drawing.version, image)},
    )


def style_for_reading(
    db: AnySession, project_id: UUID, expert_id: UUID, image: Image, patient_id: UUID
) -> tuple[VersionFacts, StyleFacts] | None:
    """The network and style that may help this expert read this image; None where a prediction would not be shown."""
    drawing = learning.find_drawing(db, project_id, expert_id)
    if drawing is None or drawing.policy.get("prefill") != "before" or not can_draw(drawing.version, image):
        return None
    blinded = drawing.policy.get("blinding") != models.OPEN
    if blinded and learning.patients_read_by_others(db, drawing.style, expert_id, [patient_id]):
        return None
    return _version_facts(drawing.version), StyleFacts(drawing.style.id, drawing.style.weights_sha256)


def can_draw(version: models_store.ModelVersion | VersionFacts, image: Image) -> bool:
    """Whether a network takes an image: one for colours takes grey ones too, one for grey images no colours."""
    return image.channels <= int(version.config.get("in_channels", image.channels))


def publish_pretrained(
    db: WriteSession, job: Claimed, new: NewVersion, result: Mapping[str, Any], *, better_by: float | None
) -> UUID:
    """Append the model version with its styles and end the job, once.

    better_by: Dice points over its parent, the live version, on held-out patients, None where there is none to compare with. It
    goes live when it is first, or at most 0.3 worse; it stays a candidate where another version went live meanwhile, with which
    nobody has compared it. Raises ReadingWithdrawn.
    """
    hold(db, job)
    refuse_withdrawn(db, job, (revision_id for style in new.styles for revision_id, _ in style.lineage))
    models_store.lock_project_models(db, new.project_id)
    live = models_store.find_live_version(db, new.project_id)
    is_overtaken = new.parent_id != (None if live is None else live.id)
    goes_live = not is_overtaken and (better_by is None or better_by >= -FORGIVEN_LOSS)
    experts = learning.expert_names(db, new.project_id)
    version = models.publish_version(db, new, experts, goes_live=goes_live)
    finish(db, job, {**result, "model_version_id": str(version.id), "live": goes_live, "better_by": better_by})
    return version.id


def publish_personalised(
    db: WriteSession, job: Claimed, plan: PersonalisePlan, new: NewStyle, result: Mapping[str, Any], *, passed: bool
) -> UUID:
    """Append the style, let it go live if it passed the gate, and end the job, once. Raises ReadingWithdrawn, Conflict."""
    hold(db, job)
    refuse_withdrawn(db, job, (revision_id for revision_id, _ in new.lineage))
    expected = None if plan.live is None else plan.live.style_id
    style = models.publish_style(db, plan.version.version_id, new, job_id=job.id, expected_live=expected, passed=passed)
    finish(db, job, {**result, "style_id": str(style.id), "live": passed})
    return style.id


def publish_predictions(
    db: WriteSession,
    job: Claimed,
    plan: PredictPlan,
    drawn: Mapping[UUID, KeptLabels],
    failed: Mapping[UUID, JobFailure],
) -> dict[UUID, UUID]:
    """Append a segmentation by the model for every image drawn, say why others were not, and end the job, once.

    Returns image → revision.
    """
    hold(db, job)
    revisions = dict(plan.existing)
    for image_id, kept in drawn.items():
        revisions[image_id] = segmentations.put_prediction(
            db, plan.project_id, image_id, plan.expert_id, plan.style.style_id, kept
        )
    result = {
        "revision_ids": {str(image_id): str(revision_id) for image_id, revision_id in revisions.items()},
        "style_id": str(plan.style.style_id),
        "withheld_image_ids": [str(image_id) for image_id in plan.withheld],
        "failed_images": {str(image_id): failure.as_dict() for image_id, failure in failed.items()},
    }
    finish(db, job, result)
    return revisions


def live_rows(db: AnySession, project_id: UUID, version_id: UUID) -> dict[UUID, str]:
    """Expert → file of their live style, of those on this model version."""
    styles = models_store.live_styles(db, project_id).values()
    return {style.expert_id: style.weights_sha256 for style in styles if style.model_version_id == version_id}


def live_versions(db: AnySession, limit: int) -> list[VersionFacts]:
    """What the resident worker should have warm: the newest live model versions."""
    return [_version_facts(version) for version in models_store.newest_live_versions(db, limit)]


def project_of(job: Claimed) -> UUID:
    """The project a job is about. Raises NotFound where it names none."""
    if job.project_id is None:
        raise NotFound("The job names no project.")
    return job.project_id


def _expert_of(job: Claimed) -> UUID:
    if job.expert_id is None:
        raise NotFound("The job names no expert.")
    return job.expert_id


def live_version(db: AnySession, project_id: UUID) -> VersionFacts | None:
    """The network that draws for a project now."""
    version = models_store.find_live_version(db, project_id)
    return None if version is None else _version_facts(version)


def _version_facts(version: models_store.ModelVersion) -> VersionFacts:
    return VersionFacts(version.id, version.method, version.weights_sha256, version.config, version.metrics)


def _style_facts(db: AnySession, style: models_store.Style) -> StyleFacts:
    trained_on = frozenset(row.revision_id for row in models_store.lineage(db, style.id) if row.use == "train")
    return StyleFacts(style.id, style.weights_sha256, trained_on)


def _images(db: AnySession, image_ids: Iterable[UUID]) -> dict[UUID, ImageFacts]:
    """Facts of these images."""
    return {image.id: image_facts(image, patient_id) for image, patient_id in learning.images(db, set(image_ids))}


def image_facts(image: Image, patient_id: UUID) -> ImageFacts:
    return ImageFacts(
        image.id,
        patient_id,
        image.nx,
        image.ny,
        image.nz,
        image.channels,
        image.affine,
        image.slope,
        image.intercept,
        image.slab_sha256s,
    )
