"""The online branch: what an update of it may learn from, and what becomes of a finished case.

A branch is a row and an adapter that grew from one expert's live style. It draws for that expert alone, in their own sessions, and
never goes live: what is live changes by the gate as ever. Fails closed: nothing learns where the project does not personalise or
where a prediction in this style would not be shown (`style_for_reading`); replay is the expert's own submitted readings and those
others' that the live model version has learnt from already. A proxy teaches, but no score here takes it for truth: finished cases
are measured against what was submitted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from backend.accounts.rules import Actor
from backend.blobs import Blobs
from backend.database import AnySession, WriteSession
from backend.errors import Conflict, NotFound
from backend.jobs.rules.creation import add_job
from backend.jobs.rules.queue import Claimed, finish, hold, tell
from backend.jobs.rules.withdrawals import ReadingWithdrawn
from backend.jobs.rules.work import ImageFacts, StyleFacts, VersionFacts, image_facts, style_for_reading
from backend.jobs.store import StreamCase, learning, online, withdrawals
from backend.jobs.store import queue as store
from backend.jobs.store.learning import ReadingRow
from backend.models import rules as models
from backend.models import store as models_store
from backend.projects import rules as projects
from backend.segmentations import store as segmentations
from backend.segmentations.rules import Provenance, load_provenance

EARLY: Final = 5  # first cases of a stream, on which forgetting is measured
AXES: Final = ("k", "j", "i")  # across the slices, as axes of an array [z, y, x]


class BranchMoved(Conflict):
    """Something else was learnt into this branch meanwhile; learn again from where it is now."""

    code = "branch-moved"


@dataclass(frozen=True)
class BranchFacts:
    """A branch's file."""

    branch_id: UUID
    weights_sha256: str


@dataclass(frozen=True)
class EarlyCase:
    """One of the first cases, to be drawn again. after: Dice points of the branch right after it had learnt from it."""

    case_id: UUID
    reading: ReadingRow
    after: float


@dataclass(frozen=True)
class ProxyFacts:
    """A proxy shown while the case was read, with what was thought of it then: Dice points over the labels drawn by then."""

    labels_sha256: str
    dtype: str
    expected: float
    labels: list[int]


@dataclass(frozen=True)
class FinishedCase:
    """A submitted reading. before: file of the branch as it was before anything of this patient, None where it knew them."""

    reading: ReadingRow
    before: str | None
    early: list[EarlyCase]
    proxies: list[ProxyFacts]


@dataclass(frozen=True)
class UpdatePlan:
    """What one update learns from. drawing: network and live style, None where nothing may learn; branch: its file, None at first.

    provenance, axis: of a session; finished: of a submitted case. rows: the pretrained styles of whoever drew the replayed readings.
    """

    project_id: UUID
    expert_id: UUID
    segmentation_id: UUID
    image: ImageFacts
    label_values: list[int]
    drawing: tuple[VersionFacts, StyleFacts] | None
    branch: BranchFacts | None
    replay: list[ReadingRow] = field(default_factory=list)
    rows: dict[UUID, StyleFacts] = field(default_factory=dict)
    images: dict[UUID, ImageFacts] = field(default_factory=dict)
    axis: int = 0
    provenance: Provenance | None = None
    finished: FinishedCase | None = None


@dataclass(frozen=True)
class CaseView:
    """One case of a stream, Dice points: of the branch and of the live style before its labels were used, of the branch after.

    Not when it was finished: who runs a blinded project sees how well it goes, not how a reading goes on.
    forgetting: how much worse the branch draws the first cases than right after each was learnt; None before there is one to ask.
    """

    number: int
    prequential: float | None
    live: float | None
    after: float | None
    forgetting: float | None


@dataclass(frozen=True)
class StreamView:
    """One expert's stream."""

    expert_id: UUID
    expert_name: str
    cases: list[CaseView]


def follow_up(
    db: WriteSession, job: Claimed, segmentation_id: UUID, drawing: tuple[VersionFacts, StyleFacts] | None
) -> None:
    """After a propagation: let the branch learn from it. An update of the same reading that waits is superseded."""
    if drawing is None or job.project_id is None or not projects.load_policy(db, job.project_id).personalise:
        return
    for waiting in online.updates_of(db, segmentation_id):
        if waiting.state == "queued":
            tell(db, store.request_cancel(db, waiting.id))
    params = {"segmentation_id": str(segmentation_id), "axis": job.params["axis"]}
    add_job(db, "update", project_id=job.project_id, expert_id=job.expert_id, params=params)


def feed_streams(db: WriteSession) -> int:
    """Ask for every finished case once; returns how many."""
    due = online.due_cases(db)
    for one in due:
        params = {"segmentation_id": str(one.segmentation_id), "revision_id": str(one.revision_id)}
        add_job(db, "update", project_id=one.project_id, expert_id=one.expert_id, params=params)
    return len(due)


def branch_of(db: AnySession, style: StyleFacts) -> BranchFacts | None:
    """The branch that grew from a live style, as it is now."""
    return _facts(online.newest_branch(db, style.style_id))


def slices_known(
    db: AnySession, style: StyleFacts, segmentation_id: UUID, said: Mapping[str, Any], axis: int
) -> frozenset[tuple[int, int]] | None:
    """(label, slice) across `axis` on which a network was judged already or that its branch has learnt from.

    said: the newest propagation's result. None where nobody can tell: another axis was drawn along, or the whole reading was learnt.
    """
    told = [*([said] if said else []), *online.learnt_in(db, style.style_id, segmentation_id)]
    if any(one.get("axis") != axis for one in told):
        return None
    return frozenset((part["label"], index) for one in told for part in one["drawn"] for index in part["slices"])


def load_update(db: AnySession, blobs: Blobs, job: Claimed, replay_limit: int) -> UpdatePlan:
    """What to learn from. Raises NotFound, Conflict when the reading is not what it was."""
    segmentation_id = UUID(job.params["segmentation_id"])
    row = segmentations.find_segmentation(db, segmentation_id, None)
    if row is None or row.segmentation.expert_id is None:
        raise NotFound("The reading to learn from does not exist.")
    if withdrawals.is_withdrawn(db, segmentation_id):
        raise ReadingWithdrawn("This reading was withdrawn; nothing learns from it.", remedy="Nothing is to be done.")
    about = row.segmentation
    expert_id: UUID = row.segmentation.expert_id
    [(image, patient_id)] = learning.images(db, [about.image_id])
    facts = image_facts(image, patient_id)
    drawing = None
    if projects.load_policy(db, about.project_id).personalise:
        drawing = style_for_reading(db, about.project_id, expert_id, image, patient_id)
    replay, rows = ([], {}) if drawing is None else _replay(db, about, expert_id, drawing[0], replay_limit)
    finished = None
    if "revision_id" in job.params:
        finished = _finished(db, about, expert_id, drawing, patient_id, UUID(job.params["revision_id"]))
    axis = AXES.index(job.params.get("axis", "k"))
    early = [] if finished is None else [one.reading.image_id for one in finished.early]
    return UpdatePlan(
        about.project_id,
        expert_id,
        segmentation_id,
        facts,
        learning.label_values(db, about.project_id),
        drawing,
        None if drawing is None else branch_of(db, drawing[1]),
        replay,
        rows,
        {
            one.id: image_facts(one, patient)
            for one, patient in learning.images(db, {*(reading.image_id for reading in replay), *early})
        },
        axis,
        load_provenance(db, blobs, about, facts.shape_zyx, axis) if finished is None else None,
        finished,
    )


def _replay(
    db: AnySession, about: segmentations.Segmentation, expert_id: UUID, version: VersionFacts, limit: int
) -> tuple[list[ReadingRow], dict[UUID, StyleFacts]]:
    """Half the expert's own newest readings of other images, the rest others' that trained the network, with their rows."""
    readings = [one for one in learning.readings(db, about.project_id) if one.image_id != about.image_id]
    order = {case.revision_id: n for n, case in enumerate(online.stream(db, about.project_id, expert_id))}
    own = sorted(
        (one for one in readings if one.expert_id == expert_id), key=lambda one: order.get(one.revision_id, -1)
    )
    starts = {
        style.expert_id: StyleFacts(style.id, style.weights_sha256)
        for style in models_store.styles_of_version(db, version.version_id)
        if style.origin == "pretrained" and style.expert_id != expert_id
    }
    seen = learning.revisions_behind(db, version.version_id)
    others = [one for one in readings if one.expert_id in starts and one.revision_id in seen]
    chosen = _spread(own, limit - min(len(others), limit // 4))
    chosen += _spread(others, limit - len(chosen))
    return chosen, {one.expert_id: starts[one.expert_id] for one in chosen if one.expert_id in starts}


def _spread(among: Sequence[ReadingRow], count: int) -> list[ReadingRow]:
    """Evenly over the whole stream, first and last included: early cases are what forgetting is about."""
    if len(among) <= count:
        return list(among)
    return [among[round(n * (len(among) - 1) / max(1, count - 1))] for n in range(count)]


def _finished(
    db: AnySession,
    about: segmentations.Segmentation,
    expert_id: UUID,
    drawing: tuple[VersionFacts, StyleFacts] | None,
    patient_id: UUID,
    revision_id: UUID,
) -> FinishedCase:
    readings = {one.revision_id: one for one in learning.readings(db, about.project_id, expert_id=expert_id)}
    if revision_id not in readings:
        raise Conflict("This reading was submitted again or withdrawn meanwhile.")
    cases = online.stream(db, about.project_id, expert_id)
    early = [
        EarlyCase(case.id, readings[case.revision_id], case.figures["after"])
        for case in cases[:EARLY]
        if case.revision_id in readings and case.figures.get("after") is not None
    ]
    before = None
    if drawing is not None and patient_id not in _patients_known(db, drawing):
        since = online.first_learnt(db, drawing[1].style_id, patient_id, revision_id)
        branch = _facts(online.newest_branch(db, drawing[1].style_id, since))
        before = (branch or drawing[1]).weights_sha256
    return FinishedCase(readings[revision_id], before, early, _proxies(db, about))


def _patients_known(db: AnySession, drawing: tuple[VersionFacts, StyleFacts]) -> set[UUID]:
    """Whom the live style has learnt from, by whomever they were read."""
    version, style = drawing
    behind = {row.revision_id for row in models_store.lineage(db, style.style_id)}
    return learning.patients_of(db, behind | learning.revisions_behind(db, version.version_id))


def _proxies(db: AnySession, about: segmentations.Segmentation) -> list[ProxyFacts]:
    proxy = segmentations.find_proxy(db, about)
    if proxy is None:
        return []
    revisions = {str(row.id): row for row in segmentations.list_revisions(db, proxy.id, None, 10_000)}
    found = []
    for job in reversed(store.propagations_of(db, about.id)):
        result = job.result or {}
        revision, expected = revisions.get(result.get("revision_id") or ""), result.get("expected")
        if revision is not None and expected is not None:
            drawn = [one["label"] for one in result["drawn"] if one["slices"]]
            found.append(ProxyFacts(revision.labels_sha256, revision.dtype, expected, drawn))
    return found


def publish_update(
    db: WriteSession,
    job: Claimed,
    plan: UpdatePlan,
    weights_sha256: str | None,
    metrics: Mapping[str, Any],
    figures: Mapping[str, Any] | None = None,
) -> None:
    """Keep the branch, if one was learnt, and what a finished case said, and end the job, once.

    Raises LeaseLost, and BranchMoved when another update was kept or a reading withdrawn since the plan was made.
    """
    hold(db, job)
    if not projects.load_policy(db, plan.project_id).personalise:  # switched off while this learnt
        weights_sha256 = None
    about = {"project_id": plan.project_id, "expert_id": plan.expert_id, "segmentation_id": plan.segmentation_id}
    if weights_sha256 is not None and plan.drawing is not None:
        style = plan.drawing[1]
        online.lock_stream(db, style.style_id)
        replayed = (reading.revision_id for reading in plan.replay)
        is_withdrawn = withdrawals.is_withdrawn(db, plan.segmentation_id) or withdrawals.is_any_withdrawn(db, replayed)
        if is_withdrawn or branch_of(db, style) != plan.branch:
            raise BranchMoved
        parent_id = None if plan.branch is None else plan.branch.branch_id
        online.add_branch(
            db, id=job.id, **about, style_id=style.style_id, parent_id=parent_id, weights_sha256=weights_sha256,
            metrics={**metrics, **_learnt_from(plan)},
        )  # fmt: skip
    if plan.finished is not None:
        branch_id = None if weights_sha256 is None else job.id
        online.add_case(
            db, id=job.id, **about, revision_id=plan.finished.reading.revision_id, branch_id=branch_id,
            figures=dict(figures or {}),
        )  # fmt: skip
    finish(db, job, dict(metrics))


def _learnt_from(plan: UpdatePlan) -> dict[str, Any]:
    """What of a reading the branch knows from now on; nothing is said of a finished one, because that is all of it."""
    if plan.provenance is None:
        return {}
    drawn = [{"label": label, "slices": slices} for label, slices in plan.provenance.slices.items()]
    return {"axis": plan.axis, "drawn": drawn}


def calibration(db: AnySession, project_id: UUID, expert_id: UUID) -> list[list[tuple[float, float]]]:
    """For each finished case of this expert: what was expected of each proxy and what it was worth, Dice points.

    A reading that was submitted again is one case, as it was submitted last.
    """
    cases = {case.segmentation_id: case for case in online.stream(db, project_id, expert_id)}
    return [[(one["expected"], one["dice"]) for one in case.figures.get("proxies", [])] for case in cases.values()]


def list_streams(db: AnySession, actor: Actor, project_id: UUID) -> list[StreamView]:
    """The streams this caller may see: their own; everybody's for who runs the project. Raises NotFound."""
    facts = models.project_facts(db, actor, project_id)
    runs_it = actor.is_admin or facts.role == "manager"
    if not runs_it and actor.expert_id is None:
        return []
    cases = online.stream(db, project_id, None if runs_it else actor.expert_id)
    names = learning.expert_names(db, project_id)
    by_expert: dict[UUID, list[StreamCase]] = {}
    for case in cases:
        by_expert.setdefault(case.expert_id, []).append(case)
    streams = [
        StreamView(expert_id, names.get(expert_id, ""), _views(own))
        for expert_id, own in by_expert.items()
        if any(case.figures.get("prequential") is not None for case in own)
    ]
    return sorted(streams, key=lambda one: one.expert_name)


def _views(cases: Sequence[StreamCase]) -> list[CaseView]:
    after = {str(case.id): case.figures.get("after") for case in cases}
    return [
        CaseView(
            number,
            case.figures.get("prequential"),
            case.figures.get("live"),
            case.figures.get("after"),
            forgetting(after, case.figures.get("early", {})),
        )
        for number, case in enumerate(cases, start=1)
    ]


def forgetting(after: Mapping[str, float | None], now: Mapping[str, float]) -> float | None:
    """Mean over the first cases of what was known right after each, minus what is known now, in points."""
    lost = [known - now[case] for case in now if (known := after.get(case)) is not None]
    return sum(lost) / len(lost) if lost else None


def is_learning(db: AnySession, segmentation_id: UUID) -> bool:
    """Whether an update from this reading is queued or running."""
    return bool(online.updates_of(db, segmentation_id))


def _facts(branch: online.OnlineBranch | None) -> BranchFacts | None:
    return None if branch is None else BranchFacts(branch.id, branch.weights_sha256)
