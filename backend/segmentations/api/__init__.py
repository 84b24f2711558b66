"""Routes of readings: what is assigned, the segmentations, their revisions."""

from backend.accounts.api import Router
from backend.segmentations.api import assignments, reviews, revisions, segmentations

router = Router()
router.include_router(assignments.router)
router.include_router(segmentations.router)
router.include_router(revisions.router)
router.include_router(reviews.router)
