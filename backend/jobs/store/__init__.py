"""What the queue keeps, and every query on it: `tables`, `queue` (claims and fences), `listing` and `learning`.

`online`: branches and streams. Jobs are the last domain, so `learning` may look left at everything a scheduler has to find: readings newer than a
style, assignments without a prediction. Nothing to the left knows of jobs.
"""

from backend.jobs.store.online import OnlineBranch, StreamCase
from backend.jobs.store.tables import Job, JobMetric, WorkerHeartbeat

__all__ = ["Job", "JobMetric", "OnlineBranch", "StreamCase", "WorkerHeartbeat"]
