"""Which readings an evaluation may judge by, who may ask for one, and who sees which row of it."""

from uuid import UUID

import pytest
from sqlalchemy import text

from backend.blobs import Blobs
from backend.database import Database
from backend.errors import Conflict, Forbidden, Invalid
from backend.jobs import rules as jobs
from backend.models import rules as models
from backend.models.rules import NewStyle
from tests.integration.test_models import claimed, live_style, member, publish_version
from tests.worlds import World, draw, make_world

FILE = "a" * 64


@pytest.fixture
def world(database: Database, blobs: Blobs) -> World:
    """Ada's three readings trained the live version; Bo has a style that learnt from one reading and was judged by another."""
    made = make_world(database, blobs, {"Ada": 0, "Bo": 2}, images=8)
    draw(database, blobs, made, "Ada", made.images[:3], 0)
    version_id = publish_version(database, made)
    draw(database, blobs, made, "Bo", made.images[3:5], 2)
    trained, judged = (reading(database, made, "Bo", image_id) for image_id in made.images[3:5])
    with database.write() as db:
        job = jobs.add_job(db, "personalise", project_id=made.project_id, expert_id=made.experts["Bo"])
        metrics = {"closest": name_of(database, made, "Ada")}
        new = NewStyle(
            made.experts["Bo"], "row", FILE, metrics, {"reason": "…"}, [(trained, "train"), (judged, "gate")]
        )
        before = live_style(database, made, "Bo")
        models.publish_style(db, version_id, new, job_id=job.id, expected_live=before, passed=True)
        db.execute(text("UPDATE jobs SET state = 'done'"))
    return made


def name_of(database: Database, world: World, expert: str) -> str:
    with database.read() as db:
        return str(
            db.execute(text("SELECT name FROM experts WHERE id = :e"), {"e": world.experts[expert]}).scalar_one()
        )


def reading(database: Database, world: World, expert: str, image_id: UUID) -> UUID:
    with database.read() as db:
        return db.execute(
            text("SELECT head_revision_id FROM segmentations WHERE author = 'expert' AND expert_id = :e AND image_id = :i"),
            {"e": world.experts[expert], "i": image_id},
        ).scalar_one()  # fmt: skip


def test_only_patients_that_taught_nobody_and_chose_nothing_judge(
    database: Database, blobs: Blobs, world: World
) -> None:
    draw(database, blobs, world, "Bo", [world.images[0], world.images[5]], 2)
    draw(database, blobs, world, "Ada", [world.images[3], world.images[5]], 0)

    with database.read() as db:
        plan = jobs.load_evaluate(db, claimed(world, "evaluate"))

    found = {(one.expert_id, world.images.index(one.image_id)) for one in plan.unseen}
    assert found == {(world.experts["Bo"], 5), (world.experts["Ada"], 3), (world.experts["Ada"], 5)}, (
        "image 0 trained the network for everybody; image 3 taught Bo's style alone"
    )
    assert plan.closest == {world.experts["Bo"]: world.experts["Ada"]}
    beside = {(one.expert_id, world.images.index(one.image_id)) for one in plan.beside}
    assert beside == found | {(world.experts["Bo"], 3)}


def test_without_an_unseen_reading_it_says_what_to_do(database: Database, world: World) -> None:
    with pytest.raises(Invalid, match="Submit readings of further patients"), database.read() as db:
        jobs.load_evaluate(db, claimed(world, "evaluate"))


def test_only_who_runs_the_project_asks_and_only_for_all(database: Database, blobs: Blobs, world: World) -> None:
    manager = member(database, world, "manager")
    with pytest.raises(Forbidden), database.write() as db:
        jobs.create(db, member(database, world, "reader"), "evaluate", world.project_id, None, {})
    with pytest.raises(Invalid, match="leave expert_id"), database.write() as db:
        jobs.create(db, manager, "evaluate", world.project_id, world.experts["Bo"], {})
    empty = make_world(database, blobs, {"Cy": 0}, images=1)
    with pytest.raises(Conflict, match="pretrain"), database.write() as db:
        jobs.create(db, member(database, empty, "manager"), "evaluate", empty.project_id, None, {})

    with database.write() as db:
        assert jobs.create(db, manager, "evaluate", world.project_id, None, {}).state == "queued"


def test_a_reader_of_a_blinded_project_finds_their_own_row_only_and_not_how_like_the_others_they_drew(
    database: Database, world: World
) -> None:
    figures = {"candidates": {"live": {}, "average": {}, "others": {}}, "leads": {"average": {}, "others": {}}}
    rows = [{"expert_id": str(world.experts[name]), **figures} for name in ("Ada", "Bo")]
    with database.write() as db:
        db.execute(text("UPDATE projects SET policy = jsonb_set(policy, '{blinding}', '\"until_all_submitted\"')"))
        job = jobs.add_job(db, "evaluate", project_id=world.project_id)
        db.execute(
            text("UPDATE jobs SET state = 'done', finished_at = now(), result = :r WHERE id = :i"),
            {"i": job.id, "r": f'{{"model_version_id": "{job.id}", "experts": {str(rows).replace(chr(39), chr(34))}}}'},
        )
    reader, manager = member(database, world, "reader", "Bo"), member(database, world, "manager")

    with database.read() as db:
        told, known = (jobs.newest_evaluation(db, who, world.project_id) for who in (reader, manager))
        assert (
            jobs.list_jobs(
                db, reader, project_id=world.project_id, state=None, kind="evaluate", cursor=None, limit=9
            ).items
            == []
        ), "the whole result must not be found by way of the job"

    own = {"candidates": {"live": {}, "average": {}}, "leads": {"average": {}}}
    assert told is not None and told.experts == [{**rows[1], **own}]
    assert known is not None and known.experts == rows
