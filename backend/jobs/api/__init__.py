"""Routes of jobs, and of the prompts and propagations that jobs answer."""

from backend.accounts.api import Router
from backend.jobs.api import evaluation, jobs, opinions, personalisations, prompts, propagations, streams, withdrawals
from backend.jobs.api.jobs import JobOut

__all__ = ["JobOut", "router"]

router = Router()
router.include_router(jobs.router)
router.include_router(prompts.router)
router.include_router(propagations.router)
router.include_router(opinions.router)
router.include_router(evaluation.router)
router.include_router(streams.router)
router.include_router(personalisations.router)
router.include_router(withdrawals.router)
