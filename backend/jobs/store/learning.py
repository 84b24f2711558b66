"""What there is to learn from and to predict: readings, lineage, and what the scheduler has to find.

Only submitted revisions count, and of each reading only the newest. A reading is never learned from through the
tables of another expert: every query names whose it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, String, and_, case, cast, exists, func, or_, select, text, true
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import aliased

from backend.accounts.store import ExpertRow
from backend.database import AnySession
from backend.jobs.store import withdrawals
from backend.jobs.store.tables import Job
from backend.models.store import LiveStyle, ModelVersion, Style, StyleLineage
from backend.projects.store import Assignment, Label, Project, ProjectExpert, ProjectImage
from backend.segmentations.store import Revision, Segmentation
from backend.studies.store import Image, Study

WAITING = ("assigned", "opened", "drafting")


@dataclass(frozen=True)
class ReadingRow:
    """The newest submitted revision of one expert's reading of one image.

    patient: a name for the patient that is the same on every server and for ever: the pixel hash of the image they came with.
    """

    revision_id: UUID
    expert_id: UUID
    image_id: UUID
    patient: str
    labels_sha256: str
    dtype: str
    assisted: bool


@dataclass(frozen=True)
class DueExpert:
    """An expert with submitted readings that no style has learned from yet, or whose live style must be learned anew.

    changed: readings that differ from the prediction they began from; accepted: those that do not.
    quiet_seconds, waiting_seconds: since the newest and the oldest of them, on the database's clock.
    is_first: no personalisation on the live model version has started yet.
    is_anew: a reading behind the live style was withdrawn and no personalisation has started since. All that are left count
    as if nothing had learned from them and were submitted then, none perhaps.
    """

    project_id: UUID
    expert_id: UUID
    changed: int
    accepted: int
    quiet_seconds: float
    waiting_seconds: float
    is_first: bool
    is_anew: bool = False

    @property
    def begins(self) -> bool:
        """Whether the next personalisation has to learn a style from nothing rather than from what came since the last."""
        return self.is_first or self.is_anew


@dataclass(frozen=True)
class MissingPrediction:
    """An assignment not yet submitted whose expert's live style has not drawn its image."""

    project_id: UUID
    expert_id: UUID
    style_id: UUID
    image_id: UUID


def _newest_submitted() -> "Select[UUID, UUID, UUID | None, UUID, UUID, str, str, bool, datetime | None]":
    """Readings, one row each: the newest submitted revision, except where the expert was withdrawn."""
    withdrawn = (
        select(Assignment.id)
        .where(Assignment.segmentation_id == Segmentation.id, Assignment.state == "withdrawn")
        .exists()
    )
    return (
        select(
            Segmentation.project_id,
            Revision.id.label("revision_id"),
            Segmentation.expert_id,
            Segmentation.image_id,
            Study.patient_id,
            Revision.labels_sha256,
            Revision.dtype,
            Revision.assisted,
            Revision.submitted_at,
        )
        .join(Segmentation, Segmentation.id == Revision.segmentation_id)
        .join(Image, Image.id == Segmentation.image_id)
        .join(Study, Study.id == Image.study_id)
        .where(Segmentation.author == "expert", Revision.submitted_at.is_not(None), ~withdrawn)
        .ext(distinct_on(Segmentation.id))
        .order_by(Segmentation.id, Revision.number.desc())
    )


def readings(
    db: AnySession, project_id: UUID, *, expert_id: UUID | None = None, without_pending: bool = False
) -> list[ReadingRow]:
    """The project's submitted readings, of one expert or all, by patient, image and expert.

    The order follows from what was drawn on what by whom, never from ids or times: the same data learns the same on any server.
    without_pending leaves out images that some expert has still to read (a blinded project must not learn from those).
    """
    newest = _newest_submitted().where(Segmentation.project_id == project_id)
    if expert_id is not None:
        newest = newest.where(Segmentation.expert_id == expert_id)
    if without_pending:
        pending = select(Assignment.image_id).where(Assignment.project_id == project_id, Assignment.state.in_(WAITING))
        newest = newest.where(Segmentation.image_id.not_in(pending))
    rows = newest.subquery()
    first = aliased(Image)
    patient = (
        select(first.sha256)
        .join(Study, Study.id == first.study_id)
        .where(Study.patient_id == rows.c.patient_id)
        .order_by(first.created_at, first.sha256)
        .limit(1)
        .scalar_subquery()
    )
    found = db.execute(
        select(rows, patient.label("patient"), Image.sha256.label("image_sha256"), ExpertRow.name.label("expert_name"))
        .join(Image, Image.id == rows.c.image_id)
        .join(ExpertRow, ExpertRow.id == rows.c.expert_id)
    ).all()
    return [
        ReadingRow(
            row.revision_id, row.expert_id, row.image_id, row.patient, row.labels_sha256, row.dtype, row.assisted
        )
        for row in sorted(found, key=lambda row: (row.patient, row.image_sha256, row.expert_name, row.labels_sha256))
    ]


def label_values(db: AnySession, project_id: UUID) -> list[int]:
    """The project's label values in order."""
    return list(db.scalars(select(Label.value).where(Label.project_id == project_id).order_by(Label.value)))


def expert_names(db: AnySession, project_id: UUID) -> dict[UUID, str]:
    """The project's experts."""
    rows = db.execute(
        select(ExpertRow.id, ExpertRow.name)
        .join(ProjectExpert, ProjectExpert.expert_id == ExpertRow.id)
        .where(ProjectExpert.project_id == project_id)
    )
    return {row.id: row.name for row in rows}


def names_of(db: AnySession, expert_ids: Iterable[UUID]) -> dict[UUID, str]:
    """What these experts are called, whether or not they still belong to the project: what they drew stays."""
    rows = db.execute(select(ExpertRow.id, ExpertRow.name).where(ExpertRow.id.in_(set(expert_ids))))
    return {row.id: row.name for row in rows}


def due_experts(db: AnySession, project_id: UUID | None = None) -> list[DueExpert]:
    """Experts of projects (or of one) that personalise, with what no style of theirs on the live model version has seen.

    Left out: experts with a personalisation queued or running, projects with a pretraining queued or running. What was
    submitted before the last personalisation began does not count again, even when that job failed: otherwise
    one bad reading would start it for ever. One of the scheduler's own that a withdrawal refused does not count as begun.
    """
    submitted = _newest_submitted()
    newest = (submitted if project_id is None else submitted.where(Segmentation.project_id == project_id)).subquery()
    whose = (LiveStyle.project_id, LiveStyle.expert_id)
    version, withdrawal = aliased(ModelVersion), withdrawals.behind_live_styles()
    last_start = _last_start(version)
    prediction = aliased(Segmentation)
    drawn = aliased(Revision)
    accepted = (
        select(prediction.id)
        .join(drawn, drawn.id == prediction.head_revision_id)
        .where(
            prediction.author == "model",
            prediction.image_id == newest.c.image_id,
            prediction.expert_id == newest.c.expert_id,
            drawn.labels_sha256 == newest.c.labels_sha256,
        )
        .exists()
    )
    is_anew = withdrawal.c.withdrawn_at > func.coalesce(last_start, text("'-infinity'"))
    is_new = newest.c.submitted_at > func.coalesce(last_start, text("'-infinity'"))
    counted = (
        select(
            *whose,
            newest.c.revision_id,
            # greatest() passes over NULL: the withdrawal where nothing is left, the submission where nothing was withdrawn
            func.greatest(newest.c.submitted_at, case((is_anew, withdrawal.c.withdrawn_at))).label("since"),
            accepted.label("accepted"),
            last_start.is_(None).label("is_first"),
            func.coalesce(is_anew, False).label("is_anew"),
        )
        .join(Project, Project.id == LiveStyle.project_id)
        .join(version, and_(version.project_id == LiveStyle.project_id, version.state == "live"))
        .outerjoin(newest, and_(newest.c.project_id == LiveStyle.project_id, newest.c.expert_id == LiveStyle.expert_id))
        .outerjoin(
            withdrawal,
            and_(withdrawal.c.project_id == LiveStyle.project_id, withdrawal.c.expert_id == LiveStyle.expert_id),
        )
        .where(
            Project.policy["personalise"].as_boolean(),
            true() if project_id is None else LiveStyle.project_id == project_id,
            ~_is_learning(),
            or_(is_anew, and_(is_new, ~_learned(newest.c.revision_id, version))),
        )
        .subquery()
    )
    age = func.extract("epoch", func.now() - counted.c.since)
    reading = func.count(counted.c.revision_id)
    rows = db.execute(
        select(
            counted.c.project_id,
            counted.c.expert_id,
            reading.filter(~counted.c.accepted).label("changed"),
            reading.filter(counted.c.accepted).label("accepted"),
            func.min(age).label("quiet_seconds"),
            func.max(age).label("waiting_seconds"),
            func.bool_and(counted.c.is_first).label("is_first"),
            func.bool_and(counted.c.is_anew).label("is_anew"),
        ).group_by(counted.c.project_id, counted.c.expert_id)
    )
    return [
        DueExpert(
            row.project_id,
            row.expert_id,
            row.changed,
            row.accepted,
            float(row.quiet_seconds),
            float(row.waiting_seconds),
            row.is_first,
            row.is_anew,
        )
        for row in rows
    ]


def _last_start(version: type[ModelVersion]) -> Any:
    """When the last personalisation of a live style's expert on this model version began, that was not refused for a withdrawal."""
    refused = and_(Job.owner_id.is_(None), Job.error["code"].astext == withdrawals.READING_WITHDRAWN)
    return (
        select(func.max(Job.started_at))
        .where(
            Job.kind == "personalise",
            Job.project_id == LiveStyle.project_id,
            Job.expert_id == LiveStyle.expert_id,
            Job.started_at > version.created_at,
            ~func.coalesce(refused, False),
        )
        .correlate(LiveStyle, version)
        .scalar_subquery()
    )


def _is_learning() -> ColumnElement[bool]:
    """A personalisation of a live style's expert, or a pretraining of the project, waits or runs."""
    return (
        select(Job.id)
        .where(
            Job.project_id == LiveStyle.project_id,
            Job.state.in_(("queued", "running")),
            or_(Job.kind == "pretrain", and_(Job.kind == "personalise", Job.expert_id == LiveStyle.expert_id)),
        )
        .correlate(LiveStyle)
        .exists()
    )


def _learned(revision_id: ColumnElement[UUID], version: type[ModelVersion]) -> ColumnElement[bool]:
    """A style of a live style's expert on this model version has learned from this revision."""
    return (
        select(StyleLineage.revision_id)
        .join(Style, Style.id == StyleLineage.style_id)
        .where(
            StyleLineage.revision_id == revision_id,
            Style.expert_id == LiveStyle.expert_id,
            Style.model_version_id == version.id,
        )
        .exists()
    )


def missing_predictions(db: AnySession, limit: int) -> list[MissingPrediction]:
    """Assignments whose prediction nobody has asked for yet, in reading order.

    A (style, image) pair is asked for once: what was refused, failed or cancelled is not asked for again by itself.
    """
    drawn = (
        select(Segmentation.id)
        .where(
            Segmentation.author == "model",
            Segmentation.image_id == Assignment.image_id,
            Segmentation.style_id == LiveStyle.style_id,
        )
        .exists()
    )
    asked = (
        select(Job.id)
        .where(
            Job.kind == "predict",
            Job.project_id == Assignment.project_id,
            Job.expert_id == Assignment.expert_id,
            Job.params["style_id"].astext == cast(LiveStyle.style_id, String),
            Job.params["image_ids"].contains(func.to_jsonb(cast(Assignment.image_id, String))),
        )
        .exists()
    )
    rows = db.execute(
        select(Assignment.project_id, Assignment.expert_id, LiveStyle.style_id, Assignment.image_id)
        .join(
            LiveStyle,
            and_(LiveStyle.project_id == Assignment.project_id, LiveStyle.expert_id == Assignment.expert_id),
        )
        .join(Project, Project.id == Assignment.project_id)
        .where(Assignment.state.in_(WAITING), Project.policy["prefill"].astext == "before", ~drawn, ~asked)
        .order_by(Assignment.project_id, Assignment.expert_id, Assignment.position, Assignment.id)
        .limit(limit)
    )
    return [MissingPrediction(*row) for row in rows]


def experts_without_style(db: AnySession) -> list[tuple[UUID, UUID]]:
    """(project, expert) pairs that have no live style although their project has a live model version."""
    has_style = exists().where(
        LiveStyle.project_id == ProjectExpert.project_id, LiveStyle.expert_id == ProjectExpert.expert_id
    )
    rows = db.execute(
        select(ProjectExpert.project_id, ProjectExpert.expert_id)
        .join(ModelVersion, and_(ModelVersion.project_id == ProjectExpert.project_id, ModelVersion.state == "live"))
        .where(~has_style)
    )
    return [(row.project_id, row.expert_id) for row in rows]


def patients_read_by_others(db: AnySession, style: Style, expert_id: UUID, patient_ids: Iterable[UUID]) -> set[UUID]:
    """Which of these patients stand, through another expert's reading, in the lineage of a style or of its model version.

    A model version's lineage is that of its pretrained styles.
    """
    behind = select(Style.id).where(
        or_(Style.id == style.id, and_(Style.model_version_id == style.model_version_id, Style.origin == "pretrained"))
    )
    rows = db.scalars(
        select(Study.patient_id)
        .join(Image, Image.study_id == Study.id)
        .join(Segmentation, Segmentation.image_id == Image.id)
        .join(Revision, Revision.segmentation_id == Segmentation.id)
        .join(StyleLineage, StyleLineage.revision_id == Revision.id)
        .where(
            StyleLineage.style_id.in_(behind),
            Segmentation.expert_id != expert_id,
            Study.patient_id.in_(list(patient_ids)),
        )
        .distinct()
    )
    return set(rows)


def images(db: AnySession, image_ids: Iterable[UUID]) -> list[tuple[Image, UUID]]:
    """These images, each with its patient."""
    rows = db.execute(
        select(Image, Study.patient_id).join(Study, Study.id == Image.study_id).where(Image.id.in_(list(image_ids)))
    )
    return [(row[0], row[1]) for row in rows]


def revisions_behind(db: AnySession, version_id: UUID) -> set[UUID]:
    """The revisions a model version's shared weights were trained on: those of its pretrained styles."""
    rows = db.scalars(
        select(StyleLineage.revision_id)
        .join(Style, Style.id == StyleLineage.style_id)
        .where(Style.model_version_id == version_id, Style.origin == "pretrained", StyleLineage.use == "train")
    )
    return set(rows)


def patients_of(db: AnySession, revision_ids: Iterable[UUID]) -> set[UUID]:
    """Whose images these revisions lie on."""
    rows = db.scalars(
        select(Study.patient_id)
        .join(Image, Image.study_id == Study.id)
        .join(Segmentation, Segmentation.image_id == Image.id)
        .join(Revision, Revision.segmentation_id == Segmentation.id)
        .where(Revision.id.in_(list(revision_ids)))
    )
    return set(rows)


class DrawingRow(NamedTuple):
    """What draws for an expert now, and under which rules."""

    style: Style
    version: ModelVersion
    policy: dict[str, Any]
    label_values: list[int]


def find_drawing(db: AnySession, project_id: UUID, expert_id: UUID) -> DrawingRow | None:
    """An expert's live style with its model version, the project's policy and labels; one round trip, people wait for it."""
    values = select(func.array_agg(Label.value)).where(Label.project_id == project_id).scalar_subquery()
    row = db.execute(
        select(Style, ModelVersion, Project.policy, func.coalesce(values, []))
        .join(LiveStyle, LiveStyle.style_id == Style.id)
        .join(ModelVersion, ModelVersion.id == Style.model_version_id)
        .join(Project, Project.id == Style.project_id)
        .where(LiveStyle.project_id == project_id, LiveStyle.expert_id == expert_id)
    ).one_or_none()
    return None if row is None else DrawingRow(*row)


def images_to_draw(
    db: AnySession, project_id: UUID, style_id: UUID, image_ids: Iterable[UUID]
) -> list[tuple[Image, UUID, UUID | None]]:
    """Those of these images that are in the project, each with its patient and the revision this style drew on it."""
    rows = db.execute(
        select(Image, Study.patient_id, Segmentation.head_revision_id)
        .join(ProjectImage, and_(ProjectImage.image_id == Image.id, ProjectImage.project_id == project_id))
        .join(Study, Study.id == Image.study_id)
        .outerjoin(
            Segmentation,
            and_(Segmentation.image_id == Image.id, Segmentation.author == "model", Segmentation.style_id == style_id),
        )
        .where(Image.id.in_(list(image_ids)))
    )
    return [(row[0], row[1], row[2]) for row in rows]


def project_images(db: AnySession, project_id: UUID, image_ids: Iterable[UUID]) -> set[UUID]:
    """Which of these images are in the project."""
    rows = db.scalars(
        select(ProjectImage.image_id).where(
            ProjectImage.project_id == project_id, ProjectImage.image_id.in_(list(image_ids))
        )
    )
    return set(rows)
