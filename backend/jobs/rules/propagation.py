"""Propagation: from the slices a doctor drew to a proxy of the whole volume, and which slice to draw next.

The routes name segmentations, but segmentations know nothing of jobs, so they live here. Which slices were drawn is read from the
journal when the job runs, so nothing a browser says can pass machine-made voxels for drawn ones. Fails closed: only the
reading's owner may ask, only while it is a draft; the network has a part only where a prediction in this expert's style would
be shown. A newer request supersedes an older one; a proxy is published once, fenced by the job's attempt.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from backend import audit
from backend.accounts.rules import Actor
from backend.blobs import Blobs
from backend.database import AnySession, WriteSession
from backend.errors import Conflict, Invalid, NotFound
from backend.jobs.rules import online
from backend.jobs.rules.creation import add_job
from backend.jobs.rules.online import AXES, BranchFacts
from backend.jobs.rules.queue import Claimed, finish, hold, tell
from backend.jobs.rules.work import ImageFacts, StyleFacts, VersionFacts, image_facts, style_for_reading
from backend.jobs.store import Job, learning
from backend.jobs.store import queue as store
from backend.projects import rules as projects
from backend.segmentations import store as segmentations
from backend.segmentations.rules import KeptLabels, Provenance, load_provenance, put_proxy
from backend.segmentations.rules.sight import load_seen
from backend.studies.store import find_image

Strategy = Literal["model_guided", "fixed_interval", "random"]


@dataclass(frozen=True)
class NextSlice:
    """A slice worth drawing next. reason: why, as a code; voxels: how many are thought to be wrong there, None where unknown."""

    slice: int
    reason: str
    voxels: int | None


@dataclass(frozen=True)
class NetworkPart:
    """dice: points, over the `slices` drawn so far, each predicted before it was learnt from. used: it was merged into the proxy.

    is_branch: it has learnt within sessions, else it is the live style, whichever does better on these slices. live_dice, branch_dice: of
    either; equal before there is a branch, None in answers of earlier releases.
    """

    dice: float
    slices: int
    used: bool
    is_branch: bool
    live_dice: float | None = None
    branch_dice: float | None = None


@dataclass(frozen=True)
class Estimate:
    """How good the whole proxy is thought to be, Dice points. low, high: a 90 % interval, None until `cases` finished ones suffice.

    goal: the project's; good_enough: low has reached it, None without an interval.
    """

    expected: float
    low: float | None
    high: float | None
    cases: int
    goal: float
    good_enough: bool | None


@dataclass(frozen=True)
class ProxyNumbers:
    """What a worker says beside a proxy: Dice 0..1 of slices left out, the network's part, and what is expected of it all.

    expected: Dice points before any calibration, which later cases are calibrated by.
    """

    left_out_dice: float | None = None
    expected: float | None = None
    network: NetworkPart | None = None
    estimate: Estimate | None = None


@dataclass(frozen=True)
class DrawnSlices:
    """The slices of one label that were drawn by hand, along the propagation's axis."""

    label: int
    slices: list[int]


@dataclass(frozen=True)
class PropagationView:
    """One propagation. progress: how far it is, 0..1, None before its first word; is_current: nothing was drawn since it began;
    revision_id: its proxy, None where nothing was drawn yet.

    left_out_dice: of drawn slices found again from their neighbours, None with fewer than three.
    network: how well the expert's style or branch drew slices before it learnt from them, None where no network may help.
    estimate: of the whole label map against what would be submitted. is_learning: an update of the branch is on its way.
    """

    job_id: UUID
    state: str
    axis: str
    strategy: Strategy
    created_at: datetime
    progress: float | None
    revision_id: UUID | None
    is_current: bool
    drawn: list[DrawnSlices]
    left_out_dice: float | None
    next_slices: list[NextSlice]
    network: NetworkPart | None
    estimate: Estimate | None
    is_learning: bool
    failure: Mapping[str, Any] | None


@dataclass(frozen=True)
class PropagatePlan:
    """What a worker needs. axis: of the array [z, y, x]; former: the proxy before this one, by its blob.

    drawing: network and live style, None where no network may help; branch: what grew from that style. said: the former propagation's
    result. known: (label, slice) that says nothing new of the network, None where nobody can tell (`online.slices_known`). cases: of each
    finished case, (expected, true) Dice points of its proxies; goal: the project's.
    """

    segmentation_id: UUID
    image: ImageFacts
    axis: int
    strategy: Strategy
    label_values: list[int]
    provenance: Provenance
    former: tuple[str, str] | None
    drawing: tuple[VersionFacts, StyleFacts] | None
    branch: BranchFacts | None
    said: Mapping[str, Any]
    known: frozenset[tuple[int, int]] | None
    cases: list[list[tuple[float, float]]]
    goal: float


def add_propagation(
    db: WriteSession, actor: Actor, segmentation_id: UUID, axis: str, strategy: Strategy
) -> PropagationView:
    """Queue a propagation of the actor's own draft. Those before it that are not done are cancelled: the newer says more.

    Raises Conflict on a submitted reading, Invalid on an image of one slice along this axis.
    """
    load_seen(db, actor, "update", segmentation_id)
    segmentation = segmentations.lock_segmentation(db, segmentation_id)
    found = find_image(db, segmentation.image_id) if segmentation else None
    if segmentation is None or found is None:
        raise NotFound
    _check_draft(segmentation)
    if (found.image.nz, found.image.ny, found.image.nx)[AXES.index(axis)] == 1:
        raise Invalid(f"The image has one slice along {axis}; there is nothing to propagate to.")
    for job in store.propagations_of(db, segmentation_id):
        tell(db, store.request_cancel(db, job.id))
    params = {"segmentation_id": str(segmentation_id), "axis": axis, "strategy": strategy}
    about = {"project_id": segmentation.project_id, "expert_id": segmentation.expert_id}
    job = add_job(db, "propagate", **about, owner=actor, params=params)
    new = {"propagated": job.id, "axis": axis}
    audit.record(db, actor, "U", "segmentation", segmentation_id, project_id=segmentation.project_id, new=new)
    return _view(job, segmentation, is_learning=False)


def list_propagations(db: AnySession, actor: Actor, segmentation_id: UUID) -> list[PropagationView]:
    """A segmentation's propagations, newest first, the last twenty. Raises NotFound."""
    row = load_seen(db, actor, "read", segmentation_id)
    is_learning = online.is_learning(db, segmentation_id)
    set_back = segmentations.newest_set_back(db, segmentation_id)
    since = 0 if set_back is None else set_back.number
    return [
        _view(job, row.segmentation, is_learning=is_learning, set_back=since)
        for job in store.propagations_of(db, segmentation_id)
    ]


def load_propagate(db: AnySession, blobs: Blobs, job: Claimed) -> PropagatePlan:
    """What to propagate, as the reading stands now. Raises Conflict when it was submitted meanwhile."""
    segmentation_id = UUID(job.params["segmentation_id"])
    row = segmentations.find_segmentation(db, segmentation_id, None)
    if row is None:
        raise NotFound("The segmentation to propagate does not exist.")
    segmentation = row.segmentation
    _check_draft(segmentation)
    image, patient_id = learning.images(db, [segmentation.image_id])[0]
    facts = image_facts(image, patient_id)
    axis = AXES.index(job.params["axis"])
    proxy = segmentations.find_proxy(db, segmentation)
    former = segmentations.head_of(db, proxy) if proxy is not None else None
    style, cases = None, list[list[tuple[float, float]]]()
    if segmentation.expert_id is not None:
        style = style_for_reading(db, segmentation.project_id, segmentation.expert_id, image, patient_id)
        cases = online.calibration(db, segmentation.project_id, segmentation.expert_id)
    done = (one.result for one in store.propagations_of(db, segmentation_id) if one.state == "done")
    said = next((result for result in done if result), {})
    policy = projects.load_policy(db, segmentation.project_id)
    return PropagatePlan(
        segmentation_id,
        facts,
        axis,
        job.params["strategy"],
        learning.label_values(db, segmentation.project_id),
        load_provenance(db, blobs, segmentation, facts.shape_zyx, axis),
        (former.labels_sha256, former.dtype) if former is not None else None,
        style,
        online.branch_of(db, style[1]) if style is not None and policy.personalise else None,
        said,
        None if style is None else online.slices_known(db, style[1], segmentation_id, said, axis),
        cases,
        policy.goal_dice,
    )


def publish_proxy(
    db: WriteSession,
    job: Claimed,
    plan: PropagatePlan,
    kept: KeptLabels | None,
    next_slices: Sequence[NextSlice],
    numbers: ProxyNumbers,
) -> None:
    """Keep the proxy, if there is one, let the branch learn from it, and end the job, once.

    Raises LeaseLost when a newer request came meanwhile.
    """
    hold(db, job)
    reading = segmentations.lock_segmentation(db, plan.segmentation_id)
    if reading is None:
        raise NotFound("The segmentation that was propagated does not exist any more.")
    made_from = plan.provenance
    revision_id = None if kept is None else put_proxy(db, reading, kept, made_from.revisions, made_from.edit_seq)
    result = {
        "revision_id": None if revision_id is None else str(revision_id),
        "revisions": plan.provenance.revisions,
        "edit_seq": plan.provenance.edit_seq,
        "axis": plan.axis,
        "drawn": [{"label": label, "slices": slices} for label, slices in plan.provenance.slices.items()],
        "left_out_dice": numbers.left_out_dice,
        "expected": numbers.expected,
        "network": None if numbers.network is None else asdict(numbers.network),
        "estimate": None if numbers.estimate is None else asdict(numbers.estimate),
        "next_slices": [{"slice": one.slice, "reason": one.reason, "voxels": one.voxels} for one in next_slices],
    }
    if revision_id is not None:
        online.follow_up(db, job, plan.segmentation_id, plan.drawing)
    finish(db, job, result)


def _check_draft(segmentation: segmentations.Segmentation) -> None:
    if segmentation.author != "expert":
        raise Conflict("Only a reading is propagated; open your own and draw there.")
    if segmentation.state != "draft":
        raise Conflict("This reading is submitted; reopen it to go on drawing.")


def _view(
    job: Job, segmentation: segmentations.Segmentation, *, is_learning: bool, set_back: int = 0
) -> PropagationView:
    """set_back: the number of the newest revision that no edits lead to; what was propagated before it speaks of another drawing."""
    result = job.result or {}
    revision_id = result.get("revision_id")
    return PropagationView(
        job.id,
        job.state,
        job.params["axis"],
        job.params["strategy"],
        job.created_at,
        None if job.progress is None else job.progress["step"] / job.progress["steps"],
        None if revision_id is None else UUID(revision_id),
        result.get("edit_seq") == segmentation.edit_seq and set_back < result.get("revisions", 0),
        [DrawnSlices(**one) for one in result.get("drawn", [])],
        result.get("left_out_dice"),
        [NextSlice(**one) for one in result.get("next_slices", [])],
        None if result.get("network") is None else NetworkPart(**result["network"]),
        None if result.get("estimate") is None else Estimate(**result["estimate"]),
        is_learning,
        job.error,
    )
