"""Load the demo project, once: real MR slices that five simulated experts have outlined, and a newcomer who has not: you.

`python -m backend.embedded.demo`, started by the supervisor on the first start. The pictures and the drawings come from
`worker.demo`, a process of its own because the backend imports no learning; they enter through the import everybody uses.
Everything is marked as simulated. Killed half way, it is run again by the next start and adds only what is missing.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final
from uuid import UUID

from backend.accounts import rules as accounts
from backend.accounts.rules import SYSTEM
from backend.database import Database, WriteSession
from backend.interop import imports
from backend.projects import rules as projects
from backend.projects.rules import LabelView, ReadingPolicy
from backend.settings import Settings, load_settings

PROJECT: Final = "Brain (demo, simulated experts)"
NEWCOMER: Final = "You"
DONE: Final = "demo-loaded"  # a file in the data folder; the supervisor looks for it, and imports nothing of ours
_DESCRIPTION = (
    "Slices of a real MR, outlined by five simulated experts of clearly different style. Nothing here is a clinical reading. "
    "You are the newcomer: correct five cases and watch the predictions become yours."
)
_BRAIN = LabelView(1, "brain", "#e69f00", "SCT", "12738006", "Brain")
_POLICY = ReadingPolicy(blinding="open", prefill="before", reads_per_image=1, personalise=True)


def load(database: Database, settings: Settings) -> None:
    """Make the project, import what the simulated experts drew, and ask the first admin to read the rest.

    Raises RuntimeError when the import refused one of our own files.
    """
    with database.write() as db:
        if projects.find_project_named(db, PROJECT) is None:
            projects.create_project(db, SYSTEM, PROJECT, _DESCRIPTION, _POLICY, [_BRAIN], simulated=True)
    with tempfile.TemporaryDirectory(prefix="consilium-demo-") as scratch:
        folder = Path(scratch) / "brain"
        subprocess.run([sys.executable, "-m", "worker.demo", str(folder)], check=True)
        drawn = {file.name.removesuffix(".nii.gz") for file in folder.glob("segmentations/*/*.nii.gz")}
        result = imports.import_folder(database, settings, folder, project=PROJECT, experts=True, simulated=True)
    refused = [verdict for verdict in result["verdicts"] if verdict["status"] in ("refused", "quarantined")]
    if refused:
        raise RuntimeError(f"the demo's own files were refused: {refused[:3]}")
    to_read = [UUID(image["id"]) for image in result["images"] if image["name"] not in drawn]
    with database.write() as db:
        _welcome_newcomer(db, to_read)


def _welcome_newcomer(db: WriteSession, to_read: list[UUID]) -> None:
    """The first admin manages the demo and is its new expert; they are asked to read what nobody has drawn."""
    project_id = projects.find_project_named(db, PROJECT)
    assert project_id is not None, "made above"
    admins = [user for user in accounts.list_users(db, SYSTEM, None, 100).items if user.role == "admin"]
    if not admins:
        return
    user_id = admins[0].id
    projects.put_member(db, SYSTEM, project_id, user_id, "manager")
    mine = [e for e in projects.list_known_experts(db, SYSTEM, None, 100).items if e.user_id == user_id]
    expert = mine[0] if mine else accounts.create_expert(db, SYSTEM, NEWCOMER, "The newcomer of the demo.", user_id)
    projects.put_expert(db, SYSTEM, project_id, expert.id, assign=False)
    projects.assign_images(db, SYSTEM, project_id, to_read, [expert.id])


def main() -> None:
    """Load it into the database and the data folder of the settings, and leave the note that it is there."""
    settings = load_settings()
    database = Database(settings.database_url, statement_seconds=60)
    load(database, settings)
    database.close()
    (settings.data / DONE).touch()


if __name__ == "__main__":
    main()
