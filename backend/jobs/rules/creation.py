"""How a job comes to be, and how a person ends one.

Created in the caller's transaction, rung after its commit. Fails closed: an unknown option or image is refused before
anything is queued, and so is work whose result could not be shown.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from backend import audit
from backend.accounts.rules import Actor, Resource, authorize
from backend.database import WriteSession
from backend.errors import Conflict, Forbidden, Invalid, NotFound
from backend.jobs.rules import decisions
from backend.jobs.rules.queue import tell
from backend.jobs.rules.seeing import load_job
from backend.jobs.store import Job, learning
from backend.jobs.store import queue as store
from backend.models import rules as models
from backend.models import store as models_store
from backend.queue import QUEUES, ring_after_commit


def add_job(
    db: WriteSession,
    kind: str,
    *,
    project_id: UUID | None,
    expert_id: UUID | None = None,
    owner: Actor | None = None,
    params: Mapping[str, Any] | None = None,
    job_id: UUID | None = None,
) -> Job:
    """Queue a job without asking for rights: for rules that have asked (imports) and for the scheduler.

    owner None: Consilium's own work. A queued personalisation of the same expert is superseded by a newer one.
    """
    if kind == "personalise" and project_id is not None and expert_id is not None:
        for old in store.supersede(db, project_id, expert_id):
            tell(db, old)
    values = {
        "kind": kind,
        "queue": QUEUES[kind],
        "project_id": project_id,
        "expert_id": expert_id,
        "owner_id": owner.user_id if owner else None,
        "params": dict(params or {}),
    }
    job = store.add(db, values if job_id is None else {"id": job_id, **values})
    tell(db, job)
    ring_after_commit(db, job.id, job.queue)
    return job


def add_inspection(db: WriteSession, actor: Actor, project_id: UUID, import_id: UUID) -> Job:
    """Queue a look at an upload without asking for rights; one that waits still will see all that arrives before it begins."""
    waiting = store.waiting_inspection(db, import_id)
    return waiting or add_job(db, "import", project_id=project_id, owner=actor, params={"inspect": str(import_id)})


def create(
    db: WriteSession, actor: Actor, kind: str, project_id: UUID, expert_id: UUID | None, params: Mapping[str, Any]
) -> Job:
    """Queue what a person asked for. Raises Invalid for kinds and options that cannot be, Forbidden, NotFound."""
    refusal = decisions.refusal(kind)
    if refusal is not None:
        raise Invalid(refusal)
    if kind == "pretrain":
        return _create_pretrain(db, actor, project_id, expert_id, params)
    if kind == "evaluate":
        return _create_evaluate(db, actor, project_id, expert_id, params)
    if expert_id is None:
        raise Invalid(f"{kind} needs expert_id: whose style is it about?")
    if kind == "personalise":
        return _create_personalise(db, actor, project_id, expert_id, params)
    if set(params) != {"image_ids"}:
        raise Invalid('predict takes params {"image_ids": […]} and nothing else.')
    return create_prediction(db, actor, project_id, expert_id, _image_ids(params["image_ids"]))


def _create_pretrain(
    db: WriteSession, actor: Actor, project_id: UUID, expert_id: UUID | None, params: Mapping[str, Any]
) -> Job:
    facts = models.project_facts(db, actor, project_id)
    authorize(actor, "create", Resource("job", project_id, facts.role))
    if expert_id is not None:
        raise Invalid("pretrain learns from all experts of the project; leave expert_id out.")
    checked = decisions.checked_params("pretrain", params)
    if not learning.label_values(db, project_id):
        raise Invalid("The project has no labels; define its label set first.")
    if not learning.readings(db, project_id):
        raise Invalid("Nobody has submitted a reading in this project; there is nothing to learn from yet.")
    job = add_job(db, "pretrain", project_id=project_id, owner=actor, params=checked)
    _record(db, actor, job)
    return job


def _create_evaluate(
    db: WriteSession, actor: Actor, project_id: UUID, expert_id: UUID | None, params: Mapping[str, Any]
) -> Job:
    facts = models.project_facts(db, actor, project_id)
    authorize(actor, "create", Resource("job", project_id, facts.role))
    if expert_id is not None or params:
        raise Invalid("evaluate judges all experts of the project by one protocol; leave expert_id and params out.")
    if models_store.find_live_version(db, project_id) is None:
        raise Conflict("The project has no live model version; run a pretrain job first.")
    job = add_job(db, "evaluate", project_id=project_id, owner=actor)
    _record(db, actor, job)
    return job


def _create_personalise(
    db: WriteSession, actor: Actor, project_id: UUID, expert_id: UUID, params: Mapping[str, Any]
) -> Job:
    _may_act_for(db, actor, project_id, expert_id)
    checked = decisions.checked_params("personalise", params)
    if models_store.find_live_version(db, project_id) is None:
        raise Conflict("The project has no live model version; run a pretrain job first.")
    if not learning.readings(db, project_id, expert_id=expert_id):
        raise Invalid("This expert has not submitted a reading yet; there is nothing to personalise from.")
    job = add_job(db, "personalise", project_id=project_id, expert_id=expert_id, owner=actor, params=checked)
    _record(db, actor, job)
    return job


def create_prediction(db: WriteSession, actor: Actor, project_id: UUID, expert_id: UUID, image_ids: list[UUID]) -> Job:
    """Queue predictions of some of the project's images in an expert's live style.

    Raises Conflict where no style is live yet, Forbidden where the project shows no predictions.
    """
    facts = _may_act_for(db, actor, project_id, expert_id)
    known = learning.project_images(db, project_id, image_ids)
    if not image_ids or known != set(image_ids):
        raise NotFound("Some of these images are not in the project.")
    if len(image_ids) > decisions.IMAGES_PER_JOB:
        raise Invalid(f"At most {decisions.IMAGES_PER_JOB} images in one job; ask again for the rest.")
    if facts.policy.get("prefill") == "never":
        raise Forbidden("This project shows no predictions; its policy says prefill: never.")
    style = models_store.find_live_style(db, project_id, expert_id)
    if style is None:
        raise Conflict("No style is live for this expert yet; run a pretrain job first.")
    params = {"style_id": str(style.id), "image_ids": [str(image_id) for image_id in image_ids]}
    job = add_job(db, "predict", project_id=project_id, expert_id=expert_id, owner=actor, params=params)
    _record(db, actor, job)
    return job


def _may_act_for(db: WriteSession, actor: Actor, project_id: UUID, expert_id: UUID) -> models_store.ProjectFacts:
    """The expert themself, or who runs the project; an expert of another project does not exist here."""
    facts = models.project_facts(db, actor, project_id)
    expert = models_store.find_project_expert(db, project_id, expert_id)
    if expert is None:
        raise NotFound("There is no such expert in this project.")
    authorize(actor, "create", Resource("prediction", project_id, facts.role, owner_id=expert.user_id))
    return facts


def _image_ids(value: Any) -> list[UUID]:
    try:
        return [UUID(one) for one in value]
    except (TypeError, ValueError, AttributeError) as problem:
        raise Invalid("image_ids must be a list of image ids.") from problem


def cancel(db: WriteSession, actor: Actor, job_id: UUID) -> Job:
    """End a queued job now, ask a running one to stop (within a third of a lease). An ended job stays as it is."""
    seen = load_job(db, actor, job_id)
    facts = models_store.projects_of(db, actor.user_id, seen.project_id) if seen.project_id else []
    role = facts[0].role if facts else None
    authorize(actor, "cancel", Resource("job", seen.project_id, role, owner_id=seen.owner_id))
    job = store.request_cancel(db, job_id)
    if job is None:
        return seen
    tell(db, job)
    audit.record(db, actor, "U", "job", job.id, project_id=job.project_id, new={"cancel_requested": True})
    return job


def _record(db: WriteSession, actor: Actor, job: Job) -> None:
    new = {"kind": job.kind, "expert": job.expert_id}
    audit.record(db, actor, "C", "job", job.id, project_id=job.project_id, new=new)
