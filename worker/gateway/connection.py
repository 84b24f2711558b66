"""Where the domains are reached: one database, one folder of blobs, one set of settings per process."""

from dataclasses import dataclass
from pathlib import Path

from backend import queue
from backend.blobs import Blobs
from backend.database import Database
from backend.settings import Settings, load_settings

STATEMENT_SECONDS = 60.0  # a job's query may look at a whole project


@dataclass(frozen=True)
class Gateway:
    """What a worker process holds open."""

    database: Database
    blobs: Blobs
    settings: Settings

    def job_folder(self, job_id: object) -> Path:
        """Where a job's attempts keep their checkpoints; one name for all attempts, because they resume each other."""
        return self.settings.work_folder / "jobs" / str(job_id)

    @property
    def courtesy_file(self) -> Path:
        """Where predictions on this machine ask training to give way."""
        return self.settings.work_folder / "prediction-waiting"

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()


def open_gateway(settings: Settings | None = None, *, pool_size: int = 6) -> Gateway:
    """Open what the settings name; from the environment unless given."""
    settings = settings or load_settings()
    settings.work_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    queue.connect(settings)
    database = Database(settings.database_url, pool_size=pool_size, statement_seconds=STATEMENT_SECONDS)
    return Gateway(database, Blobs(settings.blobs_folder), settings)
