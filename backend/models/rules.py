"""What may happen to model versions and styles: publish, promote, roll back, and who may look.

Publishing appends. What goes live is decided by the gate (`worker.learning`) or by a person with a reason; either way
one guarded move of the live pointer does it, and the style that was live before keeps its row and its file.
A model version and the styles on it go live together, because a row belongs to exactly one version.
Fails closed: a refused candidate is kept as retired with its figures, and nobody's predictions change.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from backend import audit, events
from backend.accounts.rules import Actor, Resource, authorize
from backend.blobs import Blobs
from backend.database import AnySession, ReadSession, WriteSession
from backend.errors import Conflict, Invalid, NotFound
from backend.models import curve, exchange, store
from backend.models.curve import CurvePoint, Forecast
from backend.models.store import ModelVersion, ProjectFacts, Style, StyleRow, StyleSight
from backend.paging import Page, decode_cursor, page_of

__all__ = [
    "LearningCurve",
    "ModelVersion",
    "NewStyle",
    "NewVersion",
    "OPEN",
    "StyleRow",
    "export_style",
    "give_average_style",
    "import_style",
    "learning_curves",
    "list_models",
    "list_styles",
    "load_style",
    "project_facts",
    "promote_model",
    "promote_style",
    "publish_style",
    "publish_version",
    "sees_everyone",
    "shown_metrics",
    "style_label",
    "style_sight",
]

BASE_ORIGINS = ("pretrained", "consensus")
IMPORTABLE_ORIGINS = ("nearest", "row", "adapter")
OPEN = "open"


@dataclass(frozen=True)
class LearningCurve:
    """How one expert's style on the live model version grew, and what that says about a goal."""

    expert_id: UUID
    expert_name: str
    points: list[CurvePoint]
    forecast: Forecast


@dataclass(frozen=True)
class NewStyle:
    """One expert's style as a job hands it over; the file is among the blobs already.

    lineage: (revision id, "train" or "gate").
    """

    expert_id: UUID
    origin: str
    weights_sha256: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    gate: Mapping[str, Any] | None = None
    lineage: Sequence[tuple[UUID, str]] = ()


@dataclass(frozen=True)
class NewVersion:
    """A trained network as a job hands it over; `consensus_sha256` is the style of an expert of whom nothing is known."""

    project_id: UUID
    job_id: UUID
    method: str
    config: Mapping[str, Any]
    config_sha256: str
    weights_sha256: str
    consensus_sha256: str
    metrics: Mapping[str, Any]
    card: Mapping[str, Any]
    styles: Sequence[NewStyle]
    parent_id: UUID | None = None


def style_label(style: Style, *, blinded: bool = True) -> str:
    """What people call a style: how it was come by, and its number; a colleague is named only where nothing is blinded."""
    if style.origin == "consensus":
        return "average style"
    if style.origin == "pretrained":
        return f"learned in pretraining, v{style.number}"
    if style.origin == "nearest":
        closest = None if blinded else style.metrics.get("closest")
        return f"closest to {closest}, v{style.number}" if closest else f"closest colleague's style, v{style.number}"
    return f"your style v{style.number}"


def shown_metrics(style: Style, *, blinded: bool) -> dict[str, Any]:
    """A style's figures; in a blinded project a reader must not learn from whom it comes, and so who has finished."""
    return {name: value for name, value in style.metrics.items() if not blinded or name not in ("closest", "blend")}


def publish_version(db: WriteSession, new: NewVersion, experts: Iterable[UUID], *, goes_live: bool) -> ModelVersion:
    """Append a model version with a style for each of its experts, and the average style for the project's others.

    goes_live: also promote it with all its styles. Refuses weights whose figures are not finite.
    """
    _refuse_not_finite(new.metrics, "the model version")
    store.lock_project_models(db, new.project_id)
    version = store.add_version(
        db,
        project_id=new.project_id,
        method=new.method,
        state="candidate",
        parent_id=new.parent_id,
        job_id=new.job_id,
        config=dict(new.config),
        config_sha256=new.config_sha256,
        weights_sha256=new.weights_sha256,
        metrics=dict(new.metrics),
        card={**new.card, "consensus_sha256": new.consensus_sha256},
    )
    for style in new.styles:
        _add_style(db, version, style, job_id=new.job_id, parent_id=None)
    audit.record(
        db, None, "C", "model", version.id, project_id=new.project_id, new={"number": version.number, "job": new.job_id}
    )
    if goes_live:
        _put_live(db, version, experts)
    return version


def _add_style(
    db: WriteSession, version: ModelVersion, new: NewStyle, *, job_id: UUID | None, parent_id: UUID | None
) -> Style:
    _refuse_not_finite(new.metrics, "the style")
    return store.add_style(
        db,
        model_version_id=version.id,
        project_id=version.project_id,
        expert_id=new.expert_id,
        state="candidate",
        origin=new.origin,
        parent_id=parent_id,
        weights_sha256=new.weights_sha256,
        metrics=dict(new.metrics),
        gate=None if new.gate is None else dict(new.gate),
        job_id=job_id,
        lineage=new.lineage,
    )


def _refuse_not_finite(metrics: Mapping[str, Any], what: str) -> None:
    wrong = sorted(name for name, value in metrics.items() if isinstance(value, float) and not math.isfinite(value))
    if wrong:
        raise Invalid(f"Not published: {', '.join(wrong)} of {what} is not a finite number; train again.")


def _put_live(db: WriteSession, version: ModelVersion, experts: Iterable[UUID]) -> None:
    """Make this the live version, and for every expert the style that was live last on it, else their base on it."""
    live = store.find_live_version(db, version.project_id)
    if live is not None and live.id != version.id:
        store.set_version_state(db, live.id, "retired")
    store.set_version_state(db, version.id, "live")
    available = store.styles_to_return_to(db, version.id, BASE_ORIGINS)
    for expert_id in experts:
        style = available.get(expert_id) or _average_style(db, version, expert_id)
        _move(db, version.project_id, expert_id, style, _live_id(db, version.project_id, expert_id))


def _average_style(db: WriteSession, version: ModelVersion, expert_id: UUID) -> Style:
    consensus = NewStyle(expert_id, "consensus", str(version.card["consensus_sha256"]))
    return _add_style(db, version, consensus, job_id=None, parent_id=None)


def _live_id(db: AnySession, project_id: UUID, expert_id: UUID) -> UUID | None:
    live = store.find_live_style(db, project_id, expert_id)
    return None if live is None else live.id


def _move(db: WriteSession, project_id: UUID, expert_id: UUID, style: Style, expected: UUID | None) -> None:
    """Move the live pointer from what the caller saw. Raises Conflict when somebody moved it meanwhile."""
    if expected == style.id:
        return
    if not store.move_live_pointer(db, project_id, expert_id, expected=expected, style_id=style.id):
        raise Conflict("Another style went live for this expert meanwhile; look again and repeat.")
    if expected is not None:
        store.set_style_state(db, expected, "retired")
    store.set_style_state(db, style.id, "live")
    events.notify(db, {"type": "style", "id": style.id, "project_id": project_id, "expert_id": expert_id})


def give_average_style(db: WriteSession, project_id: UUID, expert_id: UUID) -> Style | None:
    """Let an expert of whom nothing is known begin with the average style; None where there is no live version."""
    store.lock_project_models(db, project_id)
    version = store.find_live_version(db, project_id)
    if version is None or store.find_live_style(db, project_id, expert_id) is not None:
        return None
    style = _average_style(db, version, expert_id)
    _move(db, project_id, expert_id, style, None)
    return style


def publish_style(
    db: WriteSession,
    version_id: UUID,
    new: NewStyle,
    *,
    job_id: UUID,
    expected_live: UUID | None,
    passed: bool,
) -> Style:
    """Append a personalised style; when the gate passed it goes live in place of `expected_live`, else it is retired.

    expected_live is the style the job was trained and judged against. Raises Conflict when another is live by now, or
    another model version: the whole publication is rolled back, and the job must be run again on what is live.
    """
    version = store.find_version(db, version_id)
    if version is None:
        raise NotFound
    store.lock_project_models(db, version.project_id)
    live = store.find_live_version(db, version.project_id)
    if passed and (live is None or live.id != version_id):
        raise Conflict("Another model version went live during this personalisation; start it again.")
    gate = None if new.gate is None else {**new.gate, "refused": not passed}
    style = _add_style(db, version, _with_gate(new, gate), job_id=job_id, parent_id=expected_live)
    audit.record(
        db,
        None,
        "C",
        "style",
        style.id,
        project_id=version.project_id,
        new={"number": style.number, "expert": new.expert_id, "passed": passed, "job": job_id},
    )
    if passed:
        _move(db, version.project_id, new.expert_id, style, expected_live)
    else:
        store.set_style_state(db, style.id, "retired")
        event = {"type": "style", "id": style.id, "project_id": version.project_id, "expert_id": new.expert_id}
        events.notify(db, event)
    db.refresh(style)
    return style


def _with_gate(new: NewStyle, gate: Mapping[str, Any] | None) -> NewStyle:
    return NewStyle(new.expert_id, new.origin, new.weights_sha256, new.metrics, gate, new.lineage)


def project_facts(db: AnySession, actor: Actor, project_id: UUID) -> ProjectFacts:
    """A project the caller may know of, with their role in it. Raises NotFound."""
    found = store.projects_of(db, actor.user_id, project_id)
    resource = Resource("project", project_id, found[0].role if found else None, visible=bool(found))
    authorize(actor, "read", resource)
    return found[0]


def style_sight(db: AnySession, actor: Actor) -> StyleSight:
    """Whose styles this caller may see: all in projects they manage or that are not blinded, else their own."""
    facts = [f for f in store.projects_of(db, actor.user_id) if actor.may_reach(f.project_id)]
    whole = {f.project_id for f in facts if sees_everyone(actor, f)}
    own = {f.project_id for f in facts if f.role is not None}
    return StyleSight(frozenset(whole), frozenset(own), actor.expert_id)


def sees_everyone(actor: Actor, facts: ProjectFacts) -> bool:
    """True when blinding hides no expert's style or job from this caller: from who judges readings blindly it does, an admin too."""
    if facts.role is not None and facts.policy.get("blinding") == OPEN:
        return True
    return facts.role == "manager" or (actor.is_admin and facts.role != "adjudicator")


def list_models(
    db: ReadSession, actor: Actor, project_id: UUID | None, cursor: str | None, limit: int
) -> Page[ModelVersion]:
    """Model versions of the caller's projects, newest first; readers of blinded projects see no card of how others draw."""
    if project_id is not None:
        project_facts(db, actor, project_id)
    facts = [f for f in store.projects_of(db, actor.user_id, project_id) if actor.may_reach(f.project_id)]
    visible = [f.project_id for f in facts if sees_everyone(actor, f)]
    rows = store.versions(db, visible, _before(cursor), limit + 1)
    return page_of(rows, limit, lambda version: (version.created_at, version.id))


def list_styles(
    db: ReadSession, actor: Actor, project_id: UUID | None, expert_id: UUID | None, cursor: str | None, limit: int
) -> Page[StyleRow]:
    """Styles the caller may see, newest first."""
    sight = style_sight(db, actor)
    if project_id is not None:
        project_facts(db, actor, project_id)
        sight = sight.within(project_id)
    rows = store.styles(db, sight, expert_id=expert_id, before=_before(cursor), limit=limit + 1)
    return page_of(rows, limit, lambda row: (row.style.created_at, row.style.id))


def _before(cursor: str | None) -> tuple[datetime, UUID] | None:
    return None if cursor is None else cast(tuple[datetime, UUID], decode_cursor(cursor, datetime, UUID))


def promote_model(db: WriteSession, actor: Actor, version_id: UUID, reason: str) -> ModelVersion:
    """Make a model version live by a person's decision, with the styles on it; promoting an older one rolls back.

    Raises NotFound for whom `list_models` does not show it.
    """
    version = store.find_version(db, version_id)
    if version is None:
        raise NotFound
    facts = store.projects_of(db, actor.user_id, version.project_id)[0]
    visible = sees_everyone(actor, facts)
    authorize(actor, "promote", Resource("model", version.project_id, facts.role, visible=visible))
    store.lock_project_models(db, version.project_id)
    before = store.find_live_version(db, version.project_id)
    _put_live(db, version, list(store.live_styles(db, version.project_id)))
    audit.record(
        db,
        actor,
        "U",
        "model",
        version.id,
        project_id=version.project_id,
        old={"live": before.id if before else None},
        new={"live": version.id},
        reason=reason,
    )
    db.refresh(version)
    return version


def promote_style(db: WriteSession, actor: Actor, style_id: UUID, reason: str) -> StyleRow:
    """Make one style live by a person's decision; promoting an older one rolls back, instantly.

    Raises Invalid for a style on a model version that is not live: its numbers mean nothing on another network.
    """
    style = load_style(db, actor, "promote", style_id).style
    store.lock_project_models(db, style.project_id)
    live = store.find_live_version(db, style.project_id)
    if live is None or live.id != style.model_version_id:
        raise Invalid("This style belongs to a model version that is not live; promote that model version instead.")
    before = _live_id(db, style.project_id, style.expert_id)
    _move(db, style.project_id, style.expert_id, style, before)
    audit.record(
        db,
        actor,
        "U",
        "style",
        style.id,
        project_id=style.project_id,
        old={"live": before},
        new={"live": style.id},
        reason=reason,
    )
    db.refresh(style)
    return store.styles(db, style_sight(db, actor), style_id=style_id, limit=1)[0]


def learning_curves(db: ReadSession, actor: Actor, project_id: UUID, goal: float) -> list[LearningCurve]:
    """The curve of every expert the caller may see, by name; goal in Dice points. Figures of one model version alone."""
    project_facts(db, actor, project_id)
    live = store.find_live_version(db, project_id)
    if live is None:
        return []
    points: dict[tuple[UUID, str], list[CurvePoint]] = {}
    for style, name in store.styles_by_number(db, style_sight(db, actor), live.id):
        known = points.setdefault((style.expert_id, name), [])
        measured = curve.point(style.number, int(style.metrics.get("corrections", 0)), style.gate)
        if measured is not None and measured.readings > 0:
            known.append(measured)
    return [
        LearningCurve(expert_id, name, found, curve.forecast(found, goal))
        for (expert_id, name), found in sorted(points.items(), key=lambda item: item[0][1])
    ]


def load_style(db: AnySession, actor: Actor, action: str, style_id: UUID) -> StyleRow:
    """A style the caller may see and act on. Raises NotFound, Forbidden."""
    seen = store.styles(db, style_sight(db, actor), style_id=style_id, limit=1)
    if not seen:
        raise NotFound
    style = seen[0].style
    role = store.projects_of(db, actor.user_id, style.project_id)[0].role
    expert = store.find_project_expert(db, style.project_id, style.expert_id)
    authorize(actor, action, Resource("style", style.project_id, role, owner_id=expert.user_id if expert else None))
    return seen[0]


def export_style(db: WriteSession, actor: Actor, blobs: Blobs, style_id: UUID) -> tuple[str, bytes]:
    """A style as a file with its card, and a name for it; noted in the audit. No name of a person leaves with it."""
    style = load_style(db, actor, "export", style_id).style
    version = store.find_version(db, style.model_version_id)
    if version is None:
        raise NotFound
    card = {
        "method": version.method,
        "model_weights_sha256": version.weights_sha256,
        "model_config_sha256": version.config_sha256,
        "origin": style.origin,
        "corrections": style.metrics.get("corrections"),
        "gate": None
        if style.gate is None
        else {"reason": style.gate.get("reason"), "passed": style.gate.get("passed")},
        "style": str(style.id),
        "made": style.created_at.isoformat(),
    }
    audit.record(db, actor, "E", "style", style.id, project_id=style.project_id)
    return f"style-v{style.number}.safetensors", exchange.export_style(blobs.read(style.weights_sha256), card)


def import_style(
    db: WriteSession, actor: Actor, blobs: Blobs, project_id: UUID, expert_id: UUID, content: bytes
) -> StyleRow:
    """Take a style file in as a candidate of this expert's; nobody's predictions change before a person promotes it.

    What the style has learnt from goes with it where it was made here: blinding and evaluation ask. Raises Invalid for a file that
    is damaged, or that belongs to another network than the project's live one.
    """
    facts = project_facts(db, actor, project_id)
    authorize(actor, "import", Resource("style", project_id, facts.role, visible=sees_everyone(actor, facts)))
    if store.find_project_expert(db, project_id, expert_id) is None:
        raise NotFound("This project has no such expert; add the expert to it first.")
    file = exchange.read_style(content)
    store.lock_project_models(db, project_id)
    live = store.find_live_version(db, project_id)
    if live is None:
        raise Conflict("The project has no live model version yet; a style fits one network only, so pretrain first.")
    if file.model_weights_sha256 != live.weights_sha256:
        raise Invalid(
            f"This style belongs to {_called(file.model_weights_sha256)}, the project's live one is "
            f"{_called(live.weights_sha256)}; a style means nothing on another network."
        )
    _refuse_other_lengths(file.lengths, live.card)
    new = NewStyle(
        expert_id,
        file.origin if file.origin in IMPORTABLE_ORIGINS else "row",
        blobs.put(content),
        {"imported": True, "style": None if file.style_id is None else str(file.style_id)},
        lineage=[(row.revision_id, row.use) for row in store.lineage(db, file.style_id)] if file.style_id else [],
    )
    style = _add_style(db, live, new, job_id=None, parent_id=_live_id(db, project_id, expert_id))
    audit.record(
        db, actor, "C", "style", style.id, project_id=project_id, new={"imported": True, "number": style.number}
    )
    return store.styles(db, style_sight(db, actor), style_id=style.id, limit=1)[0]


def _called(weights_sha256: str | None) -> str:
    return "a network without a name" if weights_sha256 is None else f"the network {weights_sha256[:12]}…"


def _refuse_other_lengths(lengths: Mapping[str, int], card: Mapping[str, Any]) -> None:
    expected: Mapping[str, Any] = card.get("style_lengths") or {}
    for name, length in lengths.items():
        if expected.get(name) != length:
            raise Invalid(
                f"The style's {name} has {length} numbers, this network takes {expected.get(name, 'an unknown number')}; "
                "export it again, or pretrain again if this network is older than styles as files."
            )
