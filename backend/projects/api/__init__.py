"""Routes of projects, and of the images their members see."""

from backend.accounts.api import Router
from backend.projects.api import images, projects, reach

router = Router()
router.include_router(reach.router)
router.include_router(projects.router)
router.include_router(images.router)
