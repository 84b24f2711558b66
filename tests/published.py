"""What tests of learning begin with: versions and styles published as a job would, and people in their project."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from backend.accounts.rules import Actor
from backend.database import Database
from backend.jobs import rules as jobs
from backend.jobs.rules import Claimed
from backend.models import rules
from backend.models.rules import NewStyle, NewVersion
from tests.worlds import World

FILE = "a" * 64


def publish_version(
    database: Database,
    world: World,
    drawn_by: tuple[str, ...] = ("Ada",),
    config: Mapping[str, Any] = MappingProxyType({}),
) -> UUID:
    """A first model version, trained on everything these experts have submitted, as a pretrain job would publish it."""
    with database.write() as db:
        job = jobs.add_job(db, "pretrain", project_id=world.project_id)
        readings = db.execute(
            text("SELECT r.id, s.expert_id FROM revisions r JOIN segmentations s ON s.id = r.segmentation_id "
                 "WHERE s.project_id = :p AND r.submitted_at IS NOT NULL"), {"p": world.project_id}
        ).all()  # fmt: skip
        styles = [
            NewStyle(world.experts[name], "pretrained", FILE,
                     lineage=[(row.id, "train") for row in readings if row.expert_id == world.experts[name]])
            for name in drawn_by
        ]  # fmt: skip
        new = NewVersion(world.project_id, job.id, "expert_adaptive", config, FILE, FILE, FILE, {}, {}, styles)
        version = rules.publish_version(db, new, list(world.experts.values()), goes_live=True)
        db.execute(text("UPDATE jobs SET state = 'done' WHERE id = :id"), {"id": job.id})
    return version.id


def publish_style(
    database: Database, world: World, version_id: UUID, expert: str, expected: UUID | None, *, passed: bool = True
) -> UUID:
    with database.write() as db:
        job = jobs.add_job(db, "personalise", project_id=world.project_id, expert_id=world.experts[expert])
        new = NewStyle(world.experts[expert], "row", FILE, gate={"reason": "…"})
        style = rules.publish_style(db, version_id, new, job_id=job.id, expected_live=expected, passed=passed)
        db.execute(text("UPDATE jobs SET state = 'done', started_at = now() WHERE id = :id"), {"id": job.id})
    return style.id


def live_style(database: Database, world: World, expert: str) -> UUID | None:
    with database.read() as db:
        return db.execute(
            text("SELECT style_id FROM live_styles WHERE project_id = :p AND expert_id = :e"),
            {"p": world.project_id, "e": world.experts[expert]},
        ).scalar_one_or_none()


def claimed(world: World, kind: str, expert: str | None = None, params: dict[str, object] | None = None) -> Claimed:
    """A job as a worker would hold it, without a row: loading needs none."""
    expert_id = world.experts[expert] if expert else None
    return Claimed(uuid4(), 1, kind, "training", world.project_id, expert_id, None, params or {})


def training_job(database: Database, world: World) -> Claimed:
    """A pretraining in a worker's hand."""
    with database.write() as db:
        jobs.add_job(db, "pretrain", project_id=world.project_id)
        job = jobs.claim(db, "training", "a test", 30)
    assert job is not None
    return job


def user(database: Database) -> Actor:
    with database.write() as db:
        user_id = uuid4()
        db.execute(
            text("INSERT INTO users (id, name, display_name, role) VALUES (:id, :name, :name, 'expert')"),
            {"id": user_id, "name": f"user {user_id}"},
        )
    return Actor(user_id=user_id, name="user", role="expert")


def member(database: Database, world: World, role: str, expert: str | None = None) -> Actor:
    """A user with this role in the world's project, who is one of its experts perhaps."""
    actor = user(database)
    with database.write() as db:
        db.execute(
            text("INSERT INTO members (project_id, user_id, role) VALUES (:p, :u, :r)"),
            {"p": world.project_id, "u": actor.user_id, "r": role},
        )
        if expert is None:
            return actor
        expert_id = world.experts[expert]
        db.execute(text("UPDATE experts SET user_id = :u WHERE id = :e"), {"u": actor.user_id, "e": expert_id})
    return Actor(user_id=actor.user_id, name=actor.name, role="expert", expert_id=expert_id)
