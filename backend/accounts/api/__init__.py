"""Accounts on the wire: signing in, users, experts and tokens, and what every other domain's routes are made of."""

from backend.accounts.api.identity import (
    POLICY,
    CurrentActor,
    OptionalActor,
    Replay,
    Route,
    Router,
    actor_id,
    caller_of,
    cookie_name,
    policy,
    settings_of,
)
from backend.accounts.api.routes import router

__all__ = [
    "POLICY",
    "CurrentActor",
    "OptionalActor",
    "Replay",
    "Route",
    "Router",
    "actor_id",
    "caller_of",
    "cookie_name",
    "policy",
    "router",
    "settings_of",
]
