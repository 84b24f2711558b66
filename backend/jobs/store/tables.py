"""The queue's truth: jobs, their metrics, the workers' heartbeats."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.database import Base


class Job(Base):
    """Work for a worker. `attempt` is the fencing token: every write by a job names the attempt it was claimed under."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name="state"),
        CheckConstraint("queue IN ('interactive', 'training')", name="queue"),
        Index("ix_jobs_waiting", "queue", "created_at", "id", postgresql_where="state = 'queued'"),
        Index("ix_jobs_leased", "lease_until", postgresql_where="state = 'running'"),
        Index("ix_jobs_project_id", "project_id", "created_at", "id"),
        Index("ix_jobs_owner_id", "owner_id"),
        Index("ix_jobs_updated_at", "updated_at"),
        # What the scheduler asks every few seconds: which images a style was asked to draw already.
        Index("ix_jobs_asked_style", text("(params ->> 'style_id')"), postgresql_where="kind = 'predict'"),
        # Newer work supersedes a queued personalisation: two may never wait for one expert.
        Index(
            "ix_jobs_one_personalise_waiting",
            "project_id",
            "expert_id",
            unique=True,
            postgresql_where="kind = 'personalise' AND state = 'queued'",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(12), server_default="queued")
    queue: Mapped[str] = mapped_column(String(16))
    project_id: Mapped[UUID | None] = mapped_column(ForeignKey("projects.id"))
    expert_id: Mapped[UUID | None] = mapped_column(ForeignKey("experts.id"))
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    params: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    attempt: Mapped[int] = mapped_column(Integer, server_default="0")
    # Losses and retried failures since the last checkpoint: what a job survives by making progress is not held against it.
    lost: Mapped[int] = mapped_column(Integer, server_default="0")
    retries: Mapped[int] = mapped_column(Integer, server_default="0")
    worker: Mapped[str | None] = mapped_column(String(120))
    lease_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    rung_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    cancel_requested: Mapped[bool] = mapped_column(Boolean, server_default="false")
    progress: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class JobMetric(Base):
    """One figure of a training curve. `seq` counts from 1 within the job, over all its attempts."""

    __tablename__ = "job_metrics"

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    attempt: Mapped[int] = mapped_column(Integer)
    step: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(String(60))
    value: Mapped[float] = mapped_column(Double)


class WorkerHeartbeat(Base):
    """A worker process that says it is alive; the health page calls one silent for three leases dead."""

    __tablename__ = "worker_heartbeats"

    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    queue: Mapped[str] = mapped_column(String(16))
    device: Mapped[str] = mapped_column(String(60))
    last_seen: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
