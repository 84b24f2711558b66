"""What goes live, what stays a candidate and what is not published at all, when somebody acts while a job learns."""

from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import text

from backend.accounts.rules import SYSTEM
from backend.blobs import Blobs
from backend.database import Database
from backend.errors import Conflict, NotFound
from backend.jobs import rules as jobs
from backend.models import rules, store
from backend.models.rules import NewStyle, NewVersion
from backend.projects import rules as projects
from backend.segmentations import rules as segmentations
from backend.segmentations import store as segmentations_store
from tests.conftest import Urls
from tests.published import FILE, claimed, live_style, member, publish_style, publish_version, training_job
from tests.worlds import World, draw, make_world


@pytest.fixture
def world(database: Database, blobs: Blobs) -> World:
    """Ada has drawn two images, Bo none."""
    world = make_world(database, blobs, {"Ada": 0, "Bo": 2}, images=2)
    draw(database, blobs, world, "Ada", world.images, 0)
    return world


def test_a_model_version_comes_back_with_what_was_live_on_it_last_and_not_with_what_never_was(
    database: Database, blobs: Blobs, world: World
) -> None:
    first = publish_version(database, world)
    average = live_style(database, world, "Bo")
    assert average is not None
    publish_style(database, world, first, "Bo", average)
    with database.write() as db:
        rules.promote_style(db, SYSTEM, average, "the trained one bleeds into the skull")
        version = store.find_version(db, first)
        assert version is not None
        never_live = NewStyle(world.experts["Bo"], "row", FILE, {"imported": True})
        rules._add_style(db, version, never_live, job_id=None, parent_id=None)
    publish_version(database, world)

    with database.write() as db:
        rules.promote_model(db, SYSTEM, first, "back")

    assert live_style(database, world, "Bo") == average


def test_who_judges_readings_blindly_is_not_told_whose_they_are_as_an_admin_neither(
    database: Database, blobs: Blobs
) -> None:
    world = make_world(database, blobs, {"Ada": 0, "Bo": 2}, images=1, blinding="until_all_submitted")
    draw(database, blobs, world, "Ada", world.images, 0)
    publish_version(database, world)
    judge = replace(member(database, world, "adjudicator"), role="admin")
    with database.write() as db:
        [reading_id] = db.execute(text("SELECT id FROM segmentations WHERE author = 'expert'")).scalars().all()
        reading = segmentations_store.lock_segmentation(db, reading_id)
        assert reading is not None
        head = segmentations_store.head_of(db, reading)
        helped = segmentations_store.add_revision(
            db, reading, "submitted", labels_sha256=head.labels_sha256, dtype=head.dtype, label_volumes={}, origin="fold",
            assisted=True, style_id=live_style(database, world, "Ada"), folded_seq=0, submitted_at=segmentations_store.NOW,
        )  # fmt: skip

    with database.read() as db:
        styles = rules.list_styles(db, judge, world.project_id, None, None, 10).items
        revision = segmentations.load_revision(db, judge, helped.id)
        jobs_seen = jobs.list_jobs(db, judge, project_id=None, state=None, kind=None, cursor=None, limit=10).items

    assert (styles, revision.style_id, jobs_seen) == ([], None, [])
    with pytest.raises(NotFound), database.write() as db:
        rules.import_style(db, judge, blobs, world.project_id, world.experts["Ada"], b"")


def test_a_version_compared_with_one_that_is_live_no_more_stays_a_candidate(database: Database, world: World) -> None:
    job = training_job(database, world)
    compared_with = publish_version(database, world)
    now_live = publish_version(database, world)
    new = NewVersion(world.project_id, job.id, "expert_adaptive", {}, FILE, FILE, FILE, {}, {}, [], compared_with)

    with database.write() as db:
        made = jobs.publish_pretrained(db, job, new, {}, better_by=5.0)

    with database.read() as db:
        states = dict([tuple(row) for row in db.execute(text("SELECT id, state FROM model_versions"))])
    assert (states[made], states[now_live]) == ("candidate", "live")


def test_nothing_is_published_that_learnt_from_a_reading_withdrawn_meanwhile(database: Database, world: World) -> None:
    job = training_job(database, world)
    with database.write() as db:
        [revision_id, *_] = db.execute(text("SELECT id FROM revisions")).scalars().all()
        style = NewStyle(world.experts["Ada"], "pretrained", FILE, lineage=[(revision_id, "train")])
        db.execute(text("UPDATE assignments SET state = 'withdrawn'"))

    new = NewVersion(world.project_id, job.id, "expert_adaptive", {}, FILE, FILE, FILE, {}, {}, [style])
    with pytest.raises(Conflict, match="withdrawn meanwhile"), database.write() as db:
        jobs.publish_pretrained(db, job, new, {}, better_by=None)


def test_a_colour_image_in_a_project_of_grey_ones_fails_alone_and_in_words(
    database: Database, blobs: Blobs, database_urls: Urls
) -> None:
    world = make_world(database, blobs, {"Ada": 0, "Bo": 2}, images=2)
    draw(database, blobs, world, "Ada", world.images[:1], 0)
    publish_version(database, world, config={"in_channels": 1})
    with psycopg.connect(database_urls.owner, autocommit=True) as owner:
        owner.execute("UPDATE images SET channels = 3 WHERE id = %s", [world.images[1]])

    with database.read() as db:
        plan = jobs.load_predict(db, claimed(world, "predict", "Bo", {"image_ids": [str(one) for one in world.images]}))

    assert [image.image_id for image in plan.images] == world.images[:1]
    assert {image_id: failure.code for image_id, failure in plan.failed.items()} == {world.images[1]: "image-in-colour"}


def test_who_has_left_the_project_stays_a_colleague_to_start_from(database: Database, world: World) -> None:
    publish_version(database, world)
    job = claimed(world, "personalise", "Ada")
    with database.write() as db:
        projects.remove_expert(db, SYSTEM, world.project_id, world.experts["Ada"], "moved away")

    with database.read() as db:
        plan = jobs.load_personalise(db, job, 100)

    assert list(plan.starts) == [world.experts["Ada"]]
    assert plan.expert_names == {world.experts["Ada"]: "Ada"}
