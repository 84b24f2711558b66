"""Jobs on the wire, and the one stream of server-sent events.

Fails closed: a job or event about an expert is told to that expert, to the project's managers, and to other members
only where the project is not blinded. A caller who may not know a job exists gets the 404 of a random id.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import Header, Query, Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from backend.accounts.api import CurrentActor, Router, policy
from backend.accounts.rules import Actor
from backend.database import AnySession, Database, Reads, Writes, of_request
from backend.events import Events
from backend.jobs import rules
from backend.jobs.rules import Job, Sieve
from backend.paging import Cursor, Limit

router = Router(tags=["jobs"])

JobKind = Literal[
    "pretrain", "personalise", "predict", "import", "export", "evaluate", "propagate", "interact", "opinions", "update"
]
JobState = Literal["queued", "running", "done", "failed", "cancelled"]


class JobIn(BaseModel):
    """What to do, for which project. `import` jobs are made by `POST /imports`."""

    model_config = ConfigDict(extra="forbid")

    kind: JobKind
    project_id: UUID
    expert_id: UUID | None = None
    params: dict[str, JsonValue] = Field(default_factory=dict)


class PredictionIn(BaseModel):
    """In whose style to predict."""

    model_config = ConfigDict(extra="forbid")

    project_id: UUID
    expert_id: UUID


class ProgressOut(BaseModel):
    """How far a running job is; `seconds_left` is null until it can be estimated."""

    step: int
    steps: int
    phase: str
    seconds_left: float | None
    message: str


class JobErrorOut(BaseModel):
    """Why a job failed, for the person who can act."""

    code: str
    message: str
    remedy: str


class JobOut(BaseModel):
    """A job; `queue_position` counts from 1 (next) and is null unless the job is queued."""

    id: UUID
    kind: JobKind
    state: JobState
    queue: Literal["interactive", "training"]
    project_id: UUID | None
    expert_id: UUID | None
    owner_id: UUID | None
    params: dict[str, JsonValue]
    attempt: int
    cancel_requested: bool
    progress: ProgressOut | None
    result: dict[str, JsonValue] | None
    error: JobErrorOut | None
    queue_position: int | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobPageOut(BaseModel):
    """A page of jobs, newest first."""

    items: list[JobOut]
    next_cursor: str | None


class MetricOut(BaseModel):
    """One figure of a job's curve; `seq` is what `?after=` takes."""

    seq: int
    attempt: int
    step: int
    name: str
    value: float


class MetricPageOut(BaseModel):
    """Figures in order."""

    items: list[MetricOut]


@router.post("/jobs", status_code=202, openapi_extra=policy("job:create"))
def create_job(body: JobIn, db: Writes, actor: CurrentActor) -> JobOut:
    """Ask for work: `pretrain` a project, `personalise` an expert's style, `predict` images. It is queued, not done."""
    return _out(db, rules.create(db, actor, body.kind, body.project_id, body.expert_id, body.params))


@router.post("/images/{image_id}/predictions", status_code=202, openapi_extra=policy("prediction:create"))
def create_prediction(image_id: UUID, body: PredictionIn, db: Writes, actor: CurrentActor) -> JobOut:
    """Ask for a segmentation of one image in an expert's live style; the job's result names the revision."""
    return _out(db, rules.create_prediction(db, actor, body.project_id, body.expert_id, [image_id]))


@router.get("/jobs", openapi_extra=policy("job:list"))
def list_jobs(
    db: Reads,
    actor: CurrentActor,
    project_id: UUID | None = None,
    state: JobState | None = None,
    kind: JobKind | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> JobPageOut:
    """Jobs you may know of, newest first; those that answer prompts only with `kind=interact`."""
    page = rules.list_jobs(db, actor, project_id=project_id, state=state, kind=kind, cursor=cursor, limit=limit)
    positions = rules.positions(db, page.items)
    return JobPageOut(items=[_job(job, positions) for job in page.items], next_cursor=page.next_cursor)


@router.get("/jobs/{job_id}", openapi_extra=policy("job:read"))
def get_job(job_id: UUID, db: Reads, actor: CurrentActor) -> JobOut:
    """One job, as it stands now."""
    return load_out(db, actor, job_id)


def load_out(db: AnySession, actor: Actor, job_id: UUID) -> JobOut:
    """A job as it goes over the wire, for other rooms' routes that make one."""
    return _out(db, rules.load_job(db, actor, job_id))


@router.post("/jobs/{job_id}/cancel", openapi_extra=policy("job:cancel"))
def cancel_job(job_id: UUID, db: Writes, actor: CurrentActor) -> JobOut:
    """Cancel a job: at once while it is queued, within seconds while it runs. An ended job stays as it ended."""
    return _out(db, rules.cancel(db, actor, job_id))


@router.get("/jobs/{job_id}/metrics", openapi_extra=policy("job:read"))
def list_job_metrics(
    job_id: UUID,
    db: Reads,
    actor: CurrentActor,
    after: Annotated[int, Query(ge=0, description="Figures after this `seq`.")] = 0,
    limit: Annotated[int, Query(ge=1, le=5000, description="Most figures in one answer.")] = 1000,
) -> MetricPageOut:
    """The figures of a job's curve, in order."""
    figures = rules.list_metrics(db, actor, job_id, after, limit)
    return MetricPageOut(
        items=[
            MetricOut(seq=one.seq, attempt=one.attempt, step=one.step, name=one.name, value=one.value)
            for one in figures
        ]
    )


def _out(db: Reads | Writes, job: Job) -> JobOut:
    return _job(job, rules.positions(db, [job]))


def _job(job: Job, positions: dict[UUID, int]) -> JobOut:
    return JobOut.model_validate(
        {
            "id": job.id,
            "kind": job.kind,
            "state": job.state,
            "queue": job.queue,
            "project_id": job.project_id,
            "expert_id": job.expert_id,
            "owner_id": job.owner_id,
            "params": job.params,
            "attempt": job.attempt,
            "cancel_requested": job.cancel_requested,
            "progress": job.progress,
            "result": job.result,
            "error": job.error,
            "queue_position": positions.get(job.id),
            "created_at": job.created_at,
            "started_at": job.started_at,
            "finished_at": job.finished_at,
        }
    )


# A stream ends by itself after this long; the browser comes back with Last-Event-ID, and signs in anew on the way.
STREAM_SECONDS: Final = 120.0
# What a stream over the limit is told to wait before it tries again.
FULL_RETRY_MS: Final = 30_000
# How often a listener's rights are looked up again.
SIEVE_SECONDS: Final = 15.0


@router.get(
    "/events",
    openapi_extra=policy("event:read"),
    response_class=EventSourceResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def stream_events(
    request: Request,
    actor: CurrentActor,
    last_event_id: Annotated[str | None, Header(max_length=40, description="Replay what came after it.")] = None,
) -> EventSourceResponse:
    """Server-sent events of type job, metric, style, segmentation, assignment and reload.

    Data is `{"type", "id", "project_id", …}`: ids only, the thing itself is fetched by its route. After a gap
    `Last-Event-ID` replays what changed; `reload` says that more was missed than can be replayed. A user has at most 12
    streams at once; one more ends at once and is told (`retry`) to come again in half a minute.
    """
    listener = _Listener(of_request(request), request.app.state.events, actor, _time_of(last_event_id))
    return EventSourceResponse(listener.events(), ping=15, headers={"Cache-Control": "no-store"})


def _time_of(event_id: str | None) -> datetime | None:
    """An event id is the database's time in microseconds; anything else counts as none."""
    if event_id is None or not event_id.isascii() or not event_id.isdigit() or len(event_id) > 17:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(event_id))


class _Listener:
    """One browser's stream: subscribe, replay, then pass on what its sieve lets through. Holds no database session."""

    def __init__(self, database: Database, events: Events, actor: Actor, heard_until: datetime | None) -> None:
        self.database, self.source, self.actor, self.heard_until = database, events, actor, heard_until
        self.sieve: Sieve | None = None
        self.sieved_at = 0.0
        self.clock_offset = timedelta()

    async def events(self) -> AsyncIterator[ServerSentEvent]:
        """Until the stream's time is up or the browser goes away; at once when there are too many streams."""
        ends = time.monotonic() + STREAM_SECONDS
        async with self.source.listen(self.actor.user_id) as waiting:
            if waiting is None:  # a refusal by status would make a browser give up for good
                yield ServerSentEvent(comment="too many streams are open; try again later", retry=FULL_RETRY_MS)
                return
            missed = await run_in_threadpool(self._look)
            yield self._sent({"type": "hello", "id": None, "project_id": None}, retry=500)
            for event in missed:
                yield self._sent(event)
            while (left := ends - time.monotonic()) > 0:
                try:
                    event = await asyncio.wait_for(waiting.get(), timeout=left)
                except TimeoutError:
                    return
                if time.monotonic() - self.sieved_at > SIEVE_SECONDS:
                    await run_in_threadpool(self._look)
                if self.sieve is not None and self.sieve.lets_through(event):
                    yield self._sent(event)

    def _look(self) -> list[dict[str, Any]]:
        """Take the sieve anew; the first time also what was missed since `heard_until`."""
        with self.database.read() as db:
            sieve = self.sieve = rules.sieve(db, self.actor)
            self.sieved_at = time.monotonic()
            self.clock_offset = rules.event_clock(db) - datetime.now(UTC)
            since, self.heard_until = self.heard_until, None
            return [event for event in rules.missed(db, since) if sieve.lets_through(event)] if since else []

    def _sent(self, event: dict[str, Any], retry: int | None = None) -> ServerSentEvent:
        moment = datetime.now(UTC) + self.clock_offset - datetime(1970, 1, 1, tzinfo=UTC)
        data = event if self.sieve is None else self.sieve.shown(event)
        event_id = str(moment // timedelta(microseconds=1))
        return ServerSentEvent(json.dumps(data), event=str(event["type"]), id=event_id, retry=retry)
