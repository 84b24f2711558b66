"""What happens by itself: styles for newcomers, personalisation after enough corrections, predictions for what waits,
finished cases into their expert's stream.

The scheduler finds; nobody calls it when a reading is saved. It runs in the workers' ticker under one advisory lock,
so that two workers never ask for the same thing.
"""

from dataclasses import dataclass

from backend.database import WriteSession
from backend.jobs.rules.creation import add_job
from backend.jobs.rules.decisions import batches, obstacle
from backend.jobs.rules.online import feed_streams
from backend.jobs.rules.queue import reap
from backend.jobs.store import learning
from backend.jobs.store import queue as store
from backend.models import rules as models

# At most this many predictions are asked for in one tick; the next tick comes within seconds.
MISSING_PER_TICK = 256


@dataclass(frozen=True)
class Timing:
    """When a personalisation is due and how patient the reaper is; the settings of the same names."""

    personalise_after: int
    personalise_every: int
    personalise_quiet_seconds: float
    rering_seconds: float


def tick(db: WriteSession, timing: Timing) -> int | None:
    """One look at everything; returns how many jobs were touched or made, None when another worker is looking."""
    if not store.try_tick_lock(db):
        return None
    return reap(db, timing.rering_seconds) + schedule(db, timing)


def schedule(db: WriteSession, timing: Timing) -> int:
    """Make the jobs that are due; returns how many. Call with the tick's lock."""
    for project_id, expert_id in learning.experts_without_style(db):
        models.give_average_style(db, project_id, expert_id)
    due = [
        expert
        for expert in learning.due_experts(db)
        if obstacle(expert, timing.personalise_after, timing.personalise_every, timing.personalise_quiet_seconds)
        is None
    ]
    for expert in due:
        add_job(db, "personalise", project_id=expert.project_id, expert_id=expert.expert_id)
    wanted = batches(learning.missing_predictions(db, MISSING_PER_TICK))
    for batch in wanted:
        params = {"style_id": str(batch.style_id), "image_ids": [str(image_id) for image_id in batch.image_ids]}
        add_job(db, "predict", project_id=batch.project_id, expert_id=batch.expert_id, params=params)
    return len(due) + len(wanted) + feed_streams(db)
