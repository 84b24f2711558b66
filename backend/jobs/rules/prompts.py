"""Prompts: what a doctor asks of the model on their own reading, and the proposals that jobs of kind `interact` answer with.

The routes name segmentations, but segmentations know nothing of jobs, so they live here. Fails closed: only the reading's
owner may ask, only while it is a draft; the network is asked only where a prediction in this expert's style would be shown
(policy, blinding), else the answer follows from the drawing and the values alone. An answer is published once, fenced by
the job's attempt, and not at all once its prompt was withdrawn.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from backend import audit
from backend.accounts.rules import Actor
from backend.database import AnySession, WriteSession
from backend.errors import Conflict, Invalid, NotFound
from backend.jobs.rules.creation import add_job
from backend.jobs.rules.queue import Claimed, finish, hold, tell
from backend.jobs.rules.work import ImageFacts, StyleFacts, VersionFacts, image_facts, style_for_reading
from backend.jobs.store import Job, learning
from backend.jobs.store import queue as store
from backend.projects import rules as projects
from backend.segmentations import store as segmentations
from backend.segmentations.rules.sight import load_seen
from backend.segmentations.store import Prompt, PromptRow
from backend.studies.store import Image, find_image

MOST_POINTS: Final = 2000
MOST_RADIUS_MM: Final = 50.0
MOST_BOX_VOXELS: Final = 1_000_000
FEWEST_POINTS: Final = {"point": 1, "scribble": 1, "box": 2, "lasso": 3}
AXES: Final = ("i", "j", "k")


@dataclass(frozen=True)
class NewPrompt:
    """A prompt as it arrives."""

    prompt_id: UUID
    round_id: UUID
    kind: str
    points_ijk: Sequence[tuple[float, float, float]]
    label: int
    include: bool
    radius_mm: float
    slice_axis: str | None


@dataclass(frozen=True)
class PromptAdded:
    """A prompt is kept, and a job answers it; `is_repeat` when it already was."""

    prompt_id: UUID
    seq: int
    job_id: UUID
    is_repeat: bool


@dataclass(frozen=True)
class PromptView:
    """A prompt with what became of it."""

    id: UUID
    round_id: UUID
    seq: int
    type: str
    points_ijk: list[list[float]]
    label: int
    sign: str
    radius_mm: float
    slice_axis: str | None
    state: Literal["open", "withdrawn", "settled"]
    created_at: datetime


@dataclass(frozen=True)
class ProposalView:
    """The answer to the open round up to one of its prompts; `runs` in base64."""

    prompt_id: UUID
    round_id: UUID
    label: int
    runs: str
    box_ijk: list[int]
    voxels: int
    style_id: UUID | None


@dataclass(frozen=True)
class PromptPage:
    """Some prompts in order, and where the open round stands: its proposal, whether another is on its way, or why not."""

    items: list[PromptView]
    next_after: int | None
    proposal: ProposalView | None
    pending: bool
    failure: dict[str, Any] | None


@dataclass(frozen=True)
class InteractPlan:
    """What a worker needs to answer a prompt.

    prompts: the round so far, the asked one last. former: the newest answer before it, to the first `answered` of them. edits: those on top of the head revision,
    oldest first. drawing: the network and style to ask, None where they may not be.
    """

    segmentation_id: UUID
    prompts: list[Prompt]
    former: bytes | None
    answered: int
    image: ImageFacts
    head_sha256: str
    dtype: str
    edits: list[bytes]
    label_values: list[int]
    drawing: tuple[VersionFacts, StyleFacts] | None


def add_prompt(db: WriteSession, actor: Actor, segmentation_id: UUID, new: NewPrompt) -> PromptAdded:
    """Keep a prompt on the actor's own draft and queue its answer; the same prompt again is answered the same.

    Raises Invalid for what cannot be on this image, Conflict on a submitted reading or beside an open round.
    """
    image, labels = _lock(db, actor, segmentation_id)
    earlier = segmentations.find_prompt(db, segmentation_id, new.prompt_id)
    values = _values(new)
    if earlier is not None:
        if any(getattr(earlier.prompt, name) != value for name, value in values.items()):
            raise Invalid("This prompt_id was used for another prompt; every gesture needs an id of its own.")
        job = _newest_job(db, segmentation_id, new.prompt_id)
        return PromptAdded(new.prompt_id, earlier.prompt.seq, job.id, True)
    _check(new, image, labels)
    _check_round(db, segmentation_id, new)
    prompt = segmentations.add_prompt(
        db, segmentation_id=segmentation_id, id=new.prompt_id, created_by=actor.user_id, **values
    )
    for waiting in store.jobs_of_segmentation(db, segmentation_id):
        if waiting.state == "queued":  # the newer answer holds what the older would have said
            tell(db, store.request_cancel(db, waiting.id))
    job = _ask(db, actor, segmentation_id, new.prompt_id)
    audit.record(
        db, actor, "U", "segmentation", segmentation_id, project_id=job.project_id,
        new={"prompt": new.prompt_id, "kind": new.kind, "label": new.label, "include": new.include},
    )  # fmt: skip
    return PromptAdded(new.prompt_id, prompt.seq, job.id, False)


def withdraw_prompts(db: WriteSession, actor: Actor, segmentation_id: UUID, prompt_id: UUID | None) -> PromptPage:
    """Take back the newest open prompt, which must be `prompt_id`; without an id, the whole open round.

    The answer before it stands again; where there was none yet, it is asked for anew.
    """
    _lock(db, actor, segmentation_id)
    last = segmentations.last_open_prompt(db, segmentation_id)
    if prompt_id is not None:
        row = segmentations.find_prompt(db, segmentation_id, prompt_id)
        if row is None:
            raise NotFound
        if row.is_settled:
            raise Conflict("This prompt's proposal was accepted; undo that edit instead.")
        if not row.is_withdrawn and (last is None or last.id != prompt_id):
            raise Conflict("Only the newest prompt can be taken back; withdraw the ones after it first.")
        if row.is_withdrawn:
            last = None
    taken = [] if last is None else [last] if prompt_id is not None else _open(db, segmentation_id, last.round_id)
    for prompt in taken:
        segmentations.withdraw_prompt(db, segmentation_id, prompt.id, actor.user_id)
        for job in store.jobs_of_segmentation(db, segmentation_id, prompt.id):
            tell(db, store.request_cancel(db, job.id))
        audit.record(db, actor, "U", "segmentation", segmentation_id, new={"withdrawn": prompt.id})
    before = segmentations.last_open_prompt(db, segmentation_id)
    if taken and before is not None and segmentations.find_proposal(db, segmentation_id, before.id) is None:
        _ask(db, actor, segmentation_id, before.id)
    return _page(db, segmentation_id, 0, 500, only_open=True)


def list_prompts(
    db: AnySession, actor: Actor, segmentation_id: UUID, after: int, limit: int, *, only_open: bool
) -> PromptPage:
    """A segmentation's prompts after a sequence number, and where its open round stands. Raises NotFound."""
    load_seen(db, actor, "read", segmentation_id)
    return _page(db, segmentation_id, after, limit, only_open=only_open)


def load_interact(db: AnySession, job: Claimed) -> InteractPlan:
    """What answers this job's prompt, as things stand now. Raises Conflict when it was withdrawn or settled meanwhile."""
    segmentation_id, prompt_id = UUID(job.params["segmentation_id"]), UUID(job.params["prompt_id"])
    asked = segmentations.find_prompt(db, segmentation_id, prompt_id)
    row = segmentations.find_segmentation(db, segmentation_id, None)
    if asked is None or row is None:
        raise NotFound("The prompt or its segmentation does not exist.")
    if not asked.is_open:
        raise Conflict("The prompt was withdrawn or its proposal accepted before the answer; there is nothing to do.")
    prompts = [p for p in _open(db, segmentation_id, asked.prompt.round_id) if p.seq <= asked.prompt.seq]
    former, answered = None, 0
    for count in range(len(prompts) - 1, 0, -1):
        former = segmentations.find_proposal(db, segmentation_id, prompts[count - 1].id)
        if former is not None:
            answered = count
            break
    segmentation = row.segmentation
    image, patient_id = learning.images(db, [segmentation.image_id])[0]
    style = None
    if segmentation.expert_id is not None:
        style = style_for_reading(db, segmentation.project_id, segmentation.expert_id, image, patient_id)
    return InteractPlan(
        segmentation_id,
        prompts,
        former.runs if former else None,
        answered,
        image_facts(image, patient_id),
        row.head.labels_sha256,
        row.head.dtype,
        [edit.runs for edit in segmentations.edits_on(db, segmentation_id, row.head.id)],
        learning.label_values(db, segmentation.project_id),
        style,
    )


def publish_proposal(
    db: WriteSession, job: Claimed, plan: InteractPlan, runs: bytes, box_ijk: Sequence[int], voxels: int
) -> None:
    """Keep the answer and end the job, once. Raises LeaseLost when the prompt was withdrawn meanwhile."""
    hold(db, job)
    prompt_id = plan.prompts[-1].id
    style_id = plan.drawing[1].style_id if plan.drawing else None
    segmentations.add_proposal(
        db, segmentation_id=plan.segmentation_id, prompt_id=prompt_id, runs=runs, box_ijk=list(box_ijk), voxels=voxels,
        style_id=style_id,
    )  # fmt: skip
    basis = "network" if plan.drawing else "intensities"
    finish(db, job, {"prompt_id": str(prompt_id), "voxels": voxels, "box_ijk": list(box_ijk), "basis": basis})


def _lock(db: WriteSession, actor: Actor, segmentation_id: UUID) -> tuple[Image, frozenset[int]]:
    """Check the right to write, then lock: prompts of one reading come one after the other."""
    load_seen(db, actor, "update", segmentation_id)
    segmentation = segmentations.lock_segmentation(db, segmentation_id)
    row = find_image(db, segmentation.image_id) if segmentation else None
    if segmentation is None or row is None:
        raise NotFound
    if segmentation.author != "expert":
        raise Conflict("What a model drew is never changed; open your own reading and ask there.")
    if segmentation.state != "draft":
        raise Conflict("This reading is submitted; reopen it to go on drawing.")
    return row.image, frozenset(label.value for label in projects.load_labels(db, segmentation.project_id))


def _ask(db: WriteSession, actor: Actor, segmentation_id: UUID, prompt_id: UUID) -> Job:
    row = segmentations.find_segmentation(db, segmentation_id, None)
    if row is None:
        raise NotFound
    params = {"segmentation_id": str(segmentation_id), "prompt_id": str(prompt_id)}
    about = row.segmentation
    return add_job(db, "interact", project_id=about.project_id, expert_id=about.expert_id, owner=actor, params=params)


def _newest_job(db: AnySession, segmentation_id: UUID, prompt_id: UUID) -> Job:
    return store.jobs_of_segmentation(db, segmentation_id, prompt_id)[0]


def _values(new: NewPrompt) -> dict[str, Any]:
    return {
        "round_id": new.round_id,
        "kind": new.kind,
        "points_ijk": [[float(n) for n in point] for point in new.points_ijk],
        "label": new.label,
        "include": new.include,
        "radius_mm": float(new.radius_mm),
        "slice_axis": new.slice_axis,
    }


def _check(new: NewPrompt, image: Image, labels: frozenset[int]) -> None:
    """Points on the image, enough of them and on one slice; a label of the project; a radius one can mean."""
    if new.label not in labels:
        raise Invalid(f"label must be one of the project's: {', '.join(map(str, sorted(labels)))}.")
    if not FEWEST_POINTS[new.kind] <= len(new.points_ijk) <= MOST_POINTS or (
        new.kind == "box" and len(new.points_ijk) != 2
    ):
        wanted = "exactly 2" if new.kind == "box" else f"{FEWEST_POINTS[new.kind]} to {MOST_POINTS}"
        raise Invalid(f"A {new.kind} takes {wanted} points, not {len(new.points_ijk)}.")
    edges = (image.nx, image.ny, image.nz)
    for point in new.points_ijk:
        if any(not -0.5 <= value <= edge - 0.5 for value, edge in zip(point, edges, strict=True)):
            raise Invalid(f"Point {list(point)} is not on the image, whose voxels (i, j, k) end at {edges}.")
    if new.slice_axis is not None:
        at = AXES.index(new.slice_axis)
        if len({round(point[at]) for point in new.points_ijk}) > 1:
            raise Invalid(f"All points of a prompt on one slice must have the same {new.slice_axis}.")
    elif new.kind != "box":
        raise Invalid(f"Say slice_axis for a {new.kind}: the voxel axis (i, j or k) across its slice.")
    else:
        low, high = new.points_ijk
        voxels = 1
        for a, b in zip(low, high, strict=True):
            voxels *= abs(round(b) - round(a)) + 1
        if voxels > MOST_BOX_VOXELS:
            raise Invalid(f"A box holds at most {MOST_BOX_VOXELS} voxels, this one {voxels}; draw it tighter.")


def _check_round(db: WriteSession, segmentation_id: UUID, new: NewPrompt) -> None:
    """A round has one label, is not over, and no other is open beside it."""
    rounds = segmentations.round_of(db, segmentation_id, new.round_id)
    if any(row.is_settled for row in rounds):
        raise Conflict("This round's proposal was accepted; begin a new round with an id of its own.")
    if any(row.prompt.label != new.label for row in rounds):
        raise Conflict("A round of prompts is about one label; accept or withdraw its proposal first.")
    last = segmentations.last_open_prompt(db, segmentation_id)
    if last is not None and last.round_id != new.round_id:
        raise Conflict("Another proposal is open on this reading; accept or withdraw it first.")


def _open(db: AnySession, segmentation_id: UUID, round_id: UUID) -> list[Prompt]:
    return [row.prompt for row in segmentations.round_of(db, segmentation_id, round_id) if row.is_open]


def _page(db: AnySession, segmentation_id: UUID, after: int, limit: int, *, only_open: bool) -> PromptPage:
    rows = segmentations.prompts_after(db, segmentation_id, after, limit + 1, only_open=only_open)
    items = [_view(row) for row in rows[:limit]]
    last = segmentations.last_open_prompt(db, segmentation_id)
    proposal, pending, failure = None, False, None
    if last is not None:
        job = _newest_job(db, segmentation_id, last.id)  # before the answers: one that is done by now is among them
        for prompt in reversed(_open(db, segmentation_id, last.round_id)):
            found = segmentations.find_proposal(db, segmentation_id, prompt.id)
            if found is not None:
                runs = base64.b64encode(found.runs).decode()
                proposal = ProposalView(
                    prompt.id, prompt.round_id, prompt.label, runs, found.box_ijk, found.voxels, found.style_id
                )
                break
        if proposal is None or proposal.prompt_id != last.id:
            pending, failure = job.state in ("queued", "running"), job.error
    return PromptPage(items, items[-1].seq if len(rows) > limit else None, proposal, pending, failure)


def _view(row: PromptRow) -> PromptView:
    prompt = row.prompt
    return PromptView(
        prompt.id, prompt.round_id, prompt.seq, prompt.kind, prompt.points_ijk, prompt.label,
        "include" if prompt.include else "exclude", prompt.radius_mm, prompt.slice_axis,
        "withdrawn" if row.is_withdrawn else "settled" if row.is_settled else "open", prompt.created_at,
    )  # fmt: skip
