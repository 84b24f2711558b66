"""Who may do what: one function, one table.

`authorize(actor, action, resource)` is asked by every rule before it acts. `Resource` is plain facts, so each domain
to the right can call it without this file knowing their tables. Fails closed: an action missing from `MAY` is a
programming error (LookupError), an invisible thing is a 404 with the same body as a random id, a visible thing one
may not act on is a 403. Lists use the same predicates in SQL, in the stores.
Admin rights do not include seeing readings: segmentations need membership.
Blinding is not here: `segmentations.rules.visible` decides it and passes `visible=`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal
from uuid import UUID

from backend.errors import Forbidden, NotFound, Unauthenticated

GlobalRole = Literal["admin", "expert", "integrator"]
ProjectRole = Literal["manager", "reader", "adjudicator"]


@dataclass(frozen=True)
class Actor:
    """Who acts: a signed-in user, a user's token, a job working for its owner, or Consilium itself (`SYSTEM`).

    project_id: set when a token is bound to one project; nothing outside it exists for this actor.
    scopes: None for a browser's sign-in (everything the role allows), else what the token was given.
    """

    user_id: UUID | None
    name: str
    role: str
    kind: Literal["user", "job", "system"] = "user"
    session_id: UUID | None = None
    token_id: UUID | None = None
    project_id: UUID | None = None
    scopes: frozenset[str] | None = None
    expert_id: UUID | None = None
    address: str | None = None
    request_id: str | None = None

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    def may_reach(self, project_id: UUID | None) -> bool:
        """False when this actor's token is bound to another project; lists filter by it too."""
        return self.project_id is None or self.project_id == project_id


SYSTEM: Final = Actor(user_id=None, name="consilium", role="admin", kind="system")


@dataclass(frozen=True)
class Resource:
    """Plain facts about what is acted on.

    kind: singular, as in `MAY`. project_role: the actor's role in its project, or the best one where several apply
    (an image in two projects). owner_id: the user whose it is. visible: False hides it as if it did not exist.
    """

    kind: str
    project_id: UUID | None = None
    project_role: str | None = None
    owner_id: UUID | None = None
    state: str | None = None
    visible: bool = True


Predicate = Callable[[Actor, Resource], bool]


def _anyone(actor: Actor, resource: Resource) -> bool:
    return True


def _admin(actor: Actor, resource: Resource) -> bool:
    return actor.is_admin


def _owner(actor: Actor, resource: Resource) -> bool:
    return resource.owner_id is not None and resource.owner_id == actor.user_id


def _member(actor: Actor, resource: Resource) -> bool:
    return resource.project_role is not None


def _manager(actor: Actor, resource: Resource) -> bool:
    return resource.project_role == "manager"


def _adjudicator(actor: Actor, resource: Resource) -> bool:
    return resource.project_role == "adjudicator"


def _integrator(actor: Actor, resource: Resource) -> bool:
    return actor.role == "integrator"


def _any(*predicates: Predicate) -> Predicate:
    return lambda actor, resource: any(predicate(actor, resource) for predicate in predicates)


def _all(*predicates: Predicate) -> Predicate:
    return lambda actor, resource: all(predicate(actor, resource) for predicate in predicates)


_runs_project = _any(_manager, _admin)
_sees_project = _any(_member, _admin)

# (kind, action) → who may. `read` also decides 404 against 403: who may not read must not learn that it exists.
MAY: Final[dict[tuple[str, str], Predicate]] = {
    ("session", "read"): _anyone,
    ("session", "update"): _anyone,
    ("session", "delete"): _anyone,
    ("session", "journal"): _anyone,  # persons at browsers; rules.journal_keys refuses tokens
    ("user", "read"): _any(_admin, _owner),
    ("user", "list"): _any(_admin, _integrator, _manager),
    ("user", "create"): _admin,
    ("user", "update"): _admin,
    ("user", "sign_out"): _any(_admin, _owner),
    ("token", "read"): _owner,
    ("token", "list"): _anyone,
    ("token", "create"): _anyone,
    ("token", "delete"): _any(_owner, _admin),
    ("password", "update"): _anyone,  # one's own, in a browser; rules.own_password refuses tokens
    ("preference", "read"): _owner,
    ("preference", "update"): _owner,
    ("expert", "read"): _anyone,
    ("expert", "list"): _anyone,
    ("expert", "create"): _any(_admin, _integrator),
    ("expert", "update"): _any(_admin, _integrator),
    ("project", "read"): _sees_project,
    ("project", "list"): _anyone,
    ("project", "create"): _any(_admin, _integrator),
    ("project", "update"): _runs_project,
    ("project", "delete"): _runs_project,
    ("member", "list"): _sees_project,
    ("member", "create"): _runs_project,
    ("member", "delete"): _runs_project,
    ("study", "read"): _sees_project,
    ("study", "list"): _anyone,
    ("image", "read"): _sees_project,
    ("image", "list"): _anyone,
    ("image", "create"): _runs_project,
    ("image", "delete"): _runs_project,
    ("import", "create"): _runs_project,
    ("import", "read"): _any(_all(_owner, _member), _runs_project),
    ("import", "update"): _all(_owner, _runs_project),
    ("progress", "read"): _runs_project,
    ("assignment", "read"): _any(_owner, _runs_project),
    ("assignment", "list"): _anyone,
    ("assignment", "create"): _runs_project,
    ("assignment", "update"): _runs_project,
    ("assignment", "withdraw"): _runs_project,
    ("assignment", "open"): _owner,
    ("segmentation", "read"): _member,
    ("segmentation", "list"): _member,
    ("segmentation", "update"): _owner,
    ("segmentation", "submit"): _owner,
    ("segmentation", "reopen"): _any(_owner, _manager),
    ("segmentation", "compare"): _member,
    ("review", "read"): _member,  # who is no adjudicator may know that there are reviews
    ("review", "list"): _adjudicator,
    ("review", "create"): _adjudicator,
    ("review", "compare"): _adjudicator,  # the readings under review, by letter
    ("review", "update"): _all(_owner, _adjudicator),  # a segmentation too, but of an office, which one may lose
    ("review", "submit"): _all(_owner, _adjudicator),
    ("review", "reopen"): _any(_all(_owner, _adjudicator), _manager),
    ("opinion", "read"): _owner,
    ("opinion", "create"): _owner,
    ("revision", "read"): _member,
    ("revision", "export"): _member,
    ("model", "read"): _sees_project,
    ("model", "list"): _sees_project,
    ("model", "promote"): _runs_project,
    ("style", "read"): _sees_project,
    ("style", "list"): _sees_project,
    ("style", "promote"): _any(_owner, _runs_project),
    ("style", "export"): _any(_owner, _runs_project),
    ("style", "import"): _runs_project,
    ("prediction", "create"): _any(_all(_member, _owner), _manager),
    ("job", "read"): _any(_owner, _sees_project),
    ("job", "list"): _anyone,
    ("job", "cancel"): _any(_owner, _runs_project),
    ("job", "create"): _runs_project,
    ("event", "read"): _anyone,
    ("system", "read"): _admin,
    ("audit", "read"): _admin,
}


# What reaches beyond any one project: no token bound to a project may, whatever its owner's role allows.
BEYOND_A_PROJECT: Final = frozenset({
    ("user", "list"), ("user", "create"), ("user", "read"), ("user", "update"), ("user", "sign_out"), ("token", "list"), ("token", "create"),
    ("token", "delete"), ("preference", "update"), ("expert", "create"), ("expert", "update"), ("project", "create"), ("system", "read"),
    ("audit", "read"),
})  # fmt: skip


def authorize(actor: Actor, action: str, resource: Resource) -> None:
    """Return when `actor` may do `action` to `resource`.

    Raises NotFound where the actor must not even learn that it exists, Forbidden where they may know but not act,
    LookupError for an action nobody declared. Jobs and Consilium itself pass: their rights were checked for the
    owner at claim and are checked again at publish.
    """
    predicate = MAY[resource.kind, action]
    if actor.kind != "user":
        return
    if actor.user_id is None:
        raise Unauthenticated
    if not resource.visible or (resource.project_id is not None and not actor.may_reach(resource.project_id)):
        raise NotFound
    allowed = predicate(actor, resource)
    if allowed and actor.project_id is not None and (resource.kind, action) in BEYOND_A_PROJECT:
        if resource.kind == "token":
            raise NotFound
        raise Forbidden("This token is bound to one project; use one that is not, or sign in.")
    if allowed:
        return
    may_know = MAY.get((resource.kind, "read"), _anyone)
    raise Forbidden(_explain(action, resource)) if may_know(actor, resource) else NotFound()


def may(actor: Actor, action: str, resource: Resource) -> bool:
    """`authorize` as a question, for filters and for what a screen offers."""
    try:
        authorize(actor, action, resource)
    except (Forbidden, NotFound, Unauthenticated):
        return False
    return True


def _explain(action: str, resource: Resource) -> str:
    holder = f" as {resource.project_role}" if resource.project_role else ""
    return f"Your role{holder} does not allow to {action} this {resource.kind}; ask a project manager or an admin."


@dataclass(frozen=True)
class Policy:
    """What a route declares about itself, so that no route is without one: `policy("project:read")` on its decorator.

    It names the row of `MAY` the rule behind the route asks, and decides which scope a token needs ("" = none).
    """

    kind: str
    action: str
    scope: str = field(default="")

    @classmethod
    def parse(cls, declared: str) -> "Policy":
        """From "kind:action" or "public". Raises LookupError for a pair that `MAY` does not know."""
        if declared == "public":
            return cls("public", "public", "")
        kind, _, action = declared.partition(":")
        if (kind, action) not in MAY:
            raise LookupError(f"no rule for {declared!r} in accounts.rules.authorisation.MAY")
        reads = action in ("read", "list", "export", "compare")
        if kind in ("session", "event"):
            return cls(kind, action, "")
        administers = kind in ("user", "token", "member", "audit", "system")
        return cls(kind, action, "manage" if administers else "read" if reads else "write")
