"""Members and experts of a project. Readers of a blinded project learn nothing here of who else reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from backend import audit
from backend.accounts import store as accounts
from backend.accounts.rules import Actor, NewToken, ProjectRole, Resource, authorize, create_expert
from backend.accounts.rules import create_token as create_token_anywhere
from backend.database import AnySession, WriteSession
from backend.errors import Forbidden, Invalid, NotFound
from backend.paging import Page, decode_cursor, page_of
from backend.projects import store
from backend.projects.rules.projects import authorize_in, is_blinded


@dataclass(frozen=True)
class MemberView:
    """A user and their role in a project."""

    user_id: UUID
    name: str
    display_name: str
    role: str


@dataclass(frozen=True)
class ExpertView:
    """An expert of a project: assignments not withdrawn, and how many of them are submitted."""

    expert_id: UUID
    name: str
    user_id: UUID | None
    simulated: bool
    assignments: int
    submitted: int


def list_members(db: AnySession, actor: Actor, project_id: UUID, cursor: str | None, limit: int) -> Page[MemberView]:
    """Who belongs to a project, in order of name; for those who run it and, where nothing is blinded, its members."""
    role = authorize_in(db, actor, "list", "member", project_id)
    if role != "manager" and not actor.is_admin and is_blinded(db, project_id):
        raise Forbidden("This project is blinded: only its managers see who else reads.")
    after = decode_cursor(cursor, str, UUID) if cursor else None
    page = page_of(store.list_members(db, project_id, after, limit + 1), limit, lambda row: (row[0].name, row[0].id))
    return Page([MemberView(u.id, u.name, u.display_name, r) for u, r in page.items], page.next_cursor)


def put_member(db: WriteSession, actor: Actor, project_id: UUID, user_id: UUID, role: ProjectRole) -> MemberView:
    """Give a user a role. Nobody changes their own; only an admin makes or unmakes a manager."""
    authorize_in(db, actor, "create", "member", project_id)
    user = accounts.find_user(db, user_id)
    if user is None:
        raise Invalid("There is no such user; create the account first.")
    old = store.role_of(db, project_id, user_id)
    _check_rank(actor, user_id, old, role)
    store.set_member(db, project_id, user_id, role)
    audit.record(db, actor, "U", "member", user_id, project_id=project_id, old={"role": old}, new={"role": role})
    return MemberView(user.id, user.name, user.display_name, role)


def remove_member(db: WriteSession, actor: Actor, project_id: UUID, user_id: UUID) -> None:
    """Take a user out of a project; their readings stay."""
    authorize_in(db, actor, "delete", "member", project_id)
    old = store.role_of(db, project_id, user_id)
    if old is None:
        raise NotFound
    _check_rank(actor, user_id, old, None)
    store.remove_member(db, project_id, user_id)
    audit.record(db, actor, "D", "member", user_id, project_id=project_id, old={"role": old})


def list_experts(db: AnySession, actor: Actor, project_id: UUID, cursor: str | None, limit: int) -> Page[ExpertView]:
    """The experts of a project with their counts, in order of name; a reader of a blinded project sees themself."""
    role = authorize_in(db, actor, "read", "project", project_id)
    own_only = role != "manager" and not actor.is_admin and is_blinded(db, project_id)
    after = decode_cursor(cursor, str, UUID) if cursor else None
    rows = store.list_project_experts(db, project_id, actor.user_id if own_only else None, after, limit + 1)
    page = page_of(rows, limit, lambda row: (row[0].name, row[0].id))
    return Page([_expert(*row) for row in page.items], page.next_cursor)


def list_known_experts(db: AnySession, actor: Actor, cursor: str | None, limit: int) -> Page[accounts.ExpertRow]:
    """Every expert the caller may know of, in order of name. Admins and integrators, who link accounts to them, know all."""
    authorize(actor, "list", Resource("expert"))
    after = decode_cursor(cursor, str, UUID) if cursor else None
    everyone = actor.is_admin or actor.role == "integrator"
    rows = store.list_known_experts(db, actor.user_id, everyone, actor.project_id, after, limit + 1)
    return page_of(rows, limit, lambda expert: (expert.name, expert.id))


def create_token(
    db: WriteSession, actor: Actor, name: str, scopes: list[str], project_id: UUID | None, days: int
) -> NewToken:
    """A token for the caller's programs, perhaps bound to a project they see. Raises NotFound where they see none."""
    if project_id is not None:
        authorize_in(db, actor, "read", "project", project_id)
    return create_token_anywhere(db, actor, name, scopes, project_id, days)


def put_expert(db: WriteSession, actor: Actor, project_id: UUID, expert_id: UUID, assign: bool) -> ExpertView:
    """Add an expert to a project, their user as a reader with them; assign: ask them to read every image of it."""
    authorize_in(db, actor, "update", "project", project_id)
    expert = accounts.find_expert(db, expert_id)
    if expert is None:
        raise Invalid("There is no such expert; create the expert first.")
    store.add_project_expert(db, project_id, expert_id)
    if expert.user_id is not None:
        store.add_reader(db, project_id, expert.user_id)
    made = store.assign(db, project_id, None, [expert_id]) if assign else 0
    audit.record(
        db, actor, "U", "project", project_id, project_id=project_id, new={"expert": expert_id, "assignments": made}
    )
    return _expert(expert, *store.count_of_expert(db, project_id, expert_id))


def ensure_experts(
    db: WriteSession, actor: Actor, project_id: UUID, names: Sequence[str], simulated: bool
) -> dict[str, UUID]:
    """The project's experts of these names, made where there are none: an imported data set's Exp1, Exp2, …

    For imports, whose right to write into the project was checked when they began.
    """
    known = store.project_experts_by_name(db, project_id)
    for name in names:
        if name not in known:
            made = create_expert(db, actor, name, "From an imported data set.", simulated=simulated)
            store.add_project_expert(db, project_id, made.id)
            known[name] = made.id
    return {name: known[name] for name in names}


def _expert(row: accounts.ExpertRow, assignments: int, submitted: int) -> ExpertView:
    return ExpertView(row.id, row.name, row.user_id, row.simulated, assignments, submitted)


def _check_rank(actor: Actor, user_id: UUID, old: str | None, new: str | None) -> None:
    if user_id == actor.user_id:
        raise Forbidden("Nobody changes their own role; ask another manager or an admin.")
    if not actor.is_admin and "manager" in (old, new):
        raise Forbidden("Only an admin makes or unmakes a project manager.")
