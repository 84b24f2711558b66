"""Who may come in and who may do what: the door of accounts' rules."""

from backend.accounts.rules.authorisation import (
    MAY, SYSTEM, Actor, GlobalRole, Policy, ProjectRole, Resource, authorize, may,
)
from backend.accounts.rules.once import Answer, claim_key, keep_answer
from backend.accounts.rules.people import (
    ROLES, SCOPES, TOKEN_DAYS, TOKEN_DAYS_MOST, NewToken, change_expert, change_user, create_expert, create_link,
    create_link_from_shell, create_token, create_user, create_user_from_shell, list_experts, list_tokens, list_users,
    load_expert, load_experts, load_user, load_users, revoke_token,
)
from backend.accounts.rules.signing_in import (
    Caller, Link, SignedIn, identify_session, identify_token, redeem, session_expiry, sign_in, sign_out,
)

__all__ = [
    "MAY", "ROLES", "SCOPES", "SYSTEM", "TOKEN_DAYS", "TOKEN_DAYS_MOST", "Actor", "Answer", "Caller", "GlobalRole", "Link",
    "NewToken", "Policy", "ProjectRole", "Resource", "SignedIn", "authorize", "change_expert", "change_user",
    "claim_key", "create_expert", "create_link", "create_link_from_shell", "create_token", "create_user",
    "create_user_from_shell", "identify_session", "identify_token", "keep_answer", "list_experts", "list_tokens",
    "list_users", "load_expert", "load_experts", "load_user", "load_users", "may", "redeem", "revoke_token",
    "session_expiry", "sign_in", "sign_out",
]
