"""What accounts keep but projects decide: whose names one may learn, and which project a token may be bound to."""

from backend.accounts.api import CurrentActor, Router, policy
from backend.accounts.api.wire import ExpertOut, ExpertPageOut, NewTokenOut, TokenIn, TokenOut
from backend.database import Reads, Writes
from backend.paging import Cursor, Limit
from backend.projects import rules

router = Router(tags=["accounts"])


@router.get("/experts", openapi_extra=policy("expert:list"))
def list_experts(db: Reads, actor: CurrentActor, cursor: Cursor = None, limit: Limit = 100) -> ExpertPageOut:
    """Experts, in order of name: you, and those of projects you manage or that are not blinded; admins and integrators see all."""
    page = rules.list_known_experts(db, actor, cursor, limit)
    items = [ExpertOut.model_validate(row, from_attributes=True) for row in page.items]
    return ExpertPageOut(items=items, next_cursor=page.next_cursor)


@router.post("/tokens", status_code=201, openapi_extra=policy("token:create"))
def create_token(body: TokenIn, db: Writes, actor: CurrentActor) -> NewTokenOut:
    """Make an API token, for one of your projects or for all that you may do; its secret is shown this once."""
    new = rules.create_token(db, actor, body.name, list(body.scopes), body.project_id, body.days)
    return NewTokenOut(token=TokenOut.model_validate(new.token, from_attributes=True), secret=new.secret)
