"""Several opinions: the distinct plausible segmentations of an image, for the reader of an open project to pick from.

Fails closed: in a blinded project every question is refused, asked or answered, because what colleagues would plausibly draw is
what blinding keeps apart; so is it where the project shows no predictions. Only the reading's owner may ask and see. The worker
asks again when it begins and when it publishes, so that a project blinded meanwhile gets no answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from backend.accounts.rules import Actor
from backend.database import AnySession, WriteSession
from backend.errors import Conflict, Forbidden, NotFound
from backend.jobs.rules.creation import add_job
from backend.jobs.rules.queue import Claimed, finish, hold
from backend.jobs.rules.work import ImageFacts, StyleFacts, VersionFacts, image_facts, live_rows, style_for_reading
from backend.jobs.store import Job, learning
from backend.jobs.store import queue as store
from backend.models import rules as models
from backend.projects import rules as projects
from backend.queue import ring_after_commit
from backend.segmentations import store as segmentations
from backend.segmentations.rules.sight import load_seen

PENDING = ("queued", "running")


@dataclass(frozen=True)
class OpinionPage:
    """Where a reading's several opinions stand: the newest answer, whether one is on its way, or why there is none."""

    pending: bool
    failure: dict[str, Any] | None
    opinions: Mapping[str, Any] | None


@dataclass(frozen=True)
class OpinionPlan:
    """What a worker needs: the reader's own style, and the live styles of all others on that network (their own if there is none)."""

    segmentation_id: UUID
    image: ImageFacts
    label_values: list[int]
    version: VersionFacts
    own: StyleFacts
    styles: dict[UUID, str]
    names: dict[UUID, str]


def ask_opinions(db: WriteSession, actor: Actor, segmentation_id: UUID, *, ahead: bool = False) -> OpinionPage:
    """Ask for several opinions on the actor's own draft; what is on its way or still holds is not asked for again.

    ahead: nobody waits for them yet, so what others wait for goes first; asked for again without it, they are in their turn.
    Raises Forbidden in a blinded project or one without predictions, Conflict on a submitted reading and without a live style.
    """
    row = _load(db, actor, "create", segmentation_id)
    about = segmentations.lock_segmentation(db, segmentation_id)
    if about is None or about.expert_id is None or row.segmentation.author != "expert":
        raise Conflict("Only a reader's own reading can be given several opinions; open yours and ask there.")
    if about.state != "draft":
        raise Conflict("This reading is submitted; reopen it to go on drawing.")
    newest = _newest_job(db, segmentation_id)
    if newest is not None and newest.state in PENDING:
        if not ahead and (hurried := store.hurry(db, newest.id)) is not None:
            ring_after_commit(db, hurried.id, hurried.queue)  # the last free hand may have passed it over
        return _page(db, segmentation_id)
    image, patient_id = learning.images(db, [about.image_id])[0]
    drawing = style_for_reading(db, about.project_id, about.expert_id, image, patient_id)
    if drawing is None:
        raise Conflict("No style is live for this expert yet; run a pretrain job first.")
    found = segmentations.newest_opinions(db, segmentation_id)
    if found is None or found.style_id != drawing[1].style_id:
        params = {"segmentation_id": str(segmentation_id), **({store.AHEAD: True} if ahead else {})}
        add_job(db, "opinions", project_id=about.project_id, expert_id=about.expert_id, owner=actor, params=params)
    return _page(db, segmentation_id)


def load_opinions(db: AnySession, actor: Actor, segmentation_id: UUID) -> OpinionPage:
    """The newest answer. Raises as ask_opinions does for the same project."""
    _load(db, actor, "read", segmentation_id)
    return _page(db, segmentation_id)


def load_opinion_plan(db: AnySession, job: Claimed) -> OpinionPlan:
    """What to sample from, as things stand now. Raises Forbidden where the project was blinded meanwhile."""
    segmentation_id = UUID(job.params["segmentation_id"])
    row = segmentations.find_segmentation(db, segmentation_id, None)
    if row is None or row.segmentation.expert_id is None:
        raise NotFound("The reading does not exist.")
    about = row.segmentation
    _refuse_blinded(db, about.project_id)
    image, patient_id = learning.images(db, [about.image_id])[0]
    drawing = style_for_reading(db, about.project_id, row.segmentation.expert_id, image, patient_id)
    if drawing is None:
        raise Conflict("No style is live for this expert any more; run a pretrain job first.")
    version, own = drawing
    names = learning.names_of(db, [row.segmentation.expert_id]) | learning.expert_names(db, about.project_id)
    styles = live_rows(db, about.project_id, version.version_id)
    others = {expert: sha256 for expert, sha256 in styles.items() if expert in names and expert != about.expert_id}
    return OpinionPlan(
        segmentation_id,
        image_facts(image, patient_id),
        learning.label_values(db, about.project_id),
        version,
        own,
        others or {row.segmentation.expert_id: own.weights_sha256},
        names,
    )


def publish_opinions(db: WriteSession, job: Claimed, plan: OpinionPlan, content: Mapping[str, Any]) -> None:
    """Keep the answer and end the job, once. Raises LeaseLost; Forbidden where the project was blinded meanwhile."""
    hold(db, job)
    if job.project_id is not None:
        _refuse_blinded(db, job.project_id)
    segmentations.add_opinions(
        db, id=job.id, segmentation_id=plan.segmentation_id, style_id=plan.own.style_id, content=dict(content)
    )
    finish(db, job, {"drawn": content["drawn"], "shown": len(content["items"])})


def _load(db: AnySession, actor: Actor, action: str, segmentation_id: UUID) -> segmentations.SegmentationRow:
    """The reading, where this actor may ask about it at all; then the project's own rules."""
    row = load_seen(db, actor, "read", segmentation_id)
    about, owner_id = row.segmentation, row.expert.user_id if row.expert else None
    projects.authorize_in(db, actor, action, "opinion", about.project_id, owner_id)
    _refuse_blinded(db, about.project_id)
    return row


def _refuse_blinded(db: AnySession, project_id: UUID) -> None:
    policy = projects.load_policy(db, project_id)
    if policy.blinding != models.OPEN:
        raise Forbidden(
            "This project is blinded: what others might draw is not shown, so that readings stay independent."
        )
    if policy.prefill == "never":
        raise Forbidden("This project shows no predictions; its policy says prefill: never.")


def _newest_job(db: AnySession, segmentation_id: UUID) -> Job | None:
    return next(iter(store.opinion_jobs_of(db, segmentation_id)), None)


def _page(db: AnySession, segmentation_id: UUID) -> OpinionPage:
    job = _newest_job(db, segmentation_id)  # before the answer: one that is done by now is there
    found = segmentations.newest_opinions(db, segmentation_id)
    pending = job is not None and job.state in PENDING
    failed = job is not None and (found is None or found.id != job.id) and not pending
    return OpinionPage(pending, job.error if failed and job is not None else None, found.content if found else None)
