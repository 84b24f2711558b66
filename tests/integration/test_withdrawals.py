"""A reading that something learnt from is withdrawn: what learnt from it says so, and is learnt anew without it."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from backend.accounts.rules import SYSTEM, Actor
from backend.blobs import Blobs
from backend.database import Database
from backend.jobs import rules as jobs
from backend.jobs.rules import Claimed, JobFailure, ReadingWithdrawn, Timing
from backend.jobs.store import online
from backend.models import rules as models
from backend.models.rules import NewStyle
from backend.projects import rules as projects
from backend.segmentations import rules as segmentations
from backend.settings import Settings
from tests.hospital import Hospital
from tests.published import FILE, live_style, member, publish_version, user
from tests.worlds import World, draw, make_world
from worker.run_job import in_words

TIMING = Timing(personalise_after=1, personalise_every=1, personalise_quiet_seconds=0, rering_seconds=10)


@pytest.fixture
def world(database: Database, blobs: Blobs) -> World:
    """Ada has drawn two images, which the network learnt from; Bo has drawn three."""
    world = make_world(database, blobs, {"Ada": 0, "Bo": 2}, images=4)
    draw(database, blobs, world, "Ada", world.images[:2], 0)
    publish_version(database, world)
    draw(database, blobs, world, "Bo", world.images[:3], 2)
    return world


def withdraw(database: Database, world: World, expert: str, images: Sequence[UUID]) -> None:
    with database.write() as db:
        segmentations.withdraw_reads(
            db, SYSTEM, world.project_id, images, [world.experts[expert]], "no longer consents", submitted=True
        )


def scheduled(database: Database) -> list[UUID]:
    """Whose personalisations wait after a look of the scheduler."""
    with database.write() as db:
        jobs.schedule(db, TIMING)
        return list(db.scalars(text("SELECT expert_id FROM jobs WHERE kind = 'personalise' AND state = 'queued'")))


def claim(database: Database) -> Claimed:
    with database.write() as db:
        job = jobs.claim(db, "training", "a test", 30)
    assert job is not None and job.kind == "personalise"
    return job


def publish(database: Database, job: Claimed) -> None:
    """What the worker does at a job's end, with a style that passed the gate."""
    with database.read() as db:
        plan = jobs.load_personalise(db, job, 0)
    publish_plan(database, job, plan)


def publish_plan(database: Database, job: Claimed, plan: jobs.PersonalisePlan) -> None:
    assert job.expert_id is not None
    lineage = [(reading.revision_id, "train") for reading in plan.corrections]
    new = NewStyle(job.expert_id, "row", FILE, gate={"reason": "…"}, lineage=lineage)
    with database.write() as db:
        jobs.publish_personalised(db, job, plan, new, {}, passed=True)


def behind(database: Database, world: World, actor: Actor = SYSTEM) -> dict[tuple[str, UUID], tuple[int, int]]:
    """(kind, id) → readings and patients withdrawn, as this person is told."""
    with database.read() as db:
        found = jobs.list_withdrawn_behind(db, actor, world.project_id)
    return {(one.kind, one.id): (one.readings, one.patients) for one in found}


def learnt(database: Database, world: World) -> UUID:
    """Bo's style, live, learnt from all three readings by the scheduler's own job."""
    assert scheduled(database) == [world.experts["Bo"]]
    publish(database, claim(database))
    style_id = live_style(database, world, "Bo")
    assert style_id is not None
    return style_id


def test_a_live_style_that_learnt_from_a_withdrawn_reading_is_named_and_learnt_anew_without_it(
    database: Database, world: World
) -> None:
    first = learnt(database, world)
    assert (behind(database, world), scheduled(database)) == ({}, [])

    withdraw(database, world, "Bo", world.images[:1])

    assert behind(database, world) == {("style", first): (1, 1)}
    assert live_style(database, world, "Bo") == first, "what is live changes by the gate alone"
    assert scheduled(database) == [world.experts["Bo"]]
    publish(database, claim(database))
    second = live_style(database, world, "Bo")
    assert second != first
    assert behind(database, world) == {("style", first): (1, 1)}, "the older one keeps saying so"
    assert scheduled(database) == [], "once"

    withdraw(database, world, "Bo", world.images[1:2])
    assert scheduled(database) == [world.experts["Bo"]]
    job = claim(database)
    with database.write() as db:
        jobs.hold(db, job)
        jobs.finish(db, job, {"live": False})
    assert scheduled(database) == [], "what the gate kept back is not begun again by itself"
    assert behind(database, world) == {("style", first): (2, 2), ("style", second): (1, 1)}


def test_with_too_few_readings_left_it_is_said_how_many_it_takes(
    database: Database, blobs: Blobs, world: World, settings: Settings
) -> None:
    learnt(database, world)
    manager, reader, colleague = (
        member(database, world, *who) for who in (("manager",), ("reader", "Bo"), ("reader",))
    )
    with database.write() as db:
        db.execute(text("UPDATE experts SET user_id = NULL"))  # what comes below is imported

    def said(actor: Actor) -> list[tuple[bool, str | None, int, int]]:
        with database.read() as db:
            found = jobs.list_next_personalisations(db, actor, world.project_id, settings)
        return [(one.anew, one.waits_for, one.changed, one.missing) for one in found]

    withdraw(database, world, "Bo", world.images[:2])
    assert said(manager) == said(reader) == [(True, "more", 1, settings.personalise_after - 1)]
    assert said(colleague) == []
    withdraw(database, world, "Bo", world.images[2:3])
    assert said(manager) == [(True, "more", 0, settings.personalise_after)]
    assert scheduled(database) == []

    draw(database, blobs, world, "Bo", world.images[3:], 2)
    with database.write() as db:
        projects.assign_images(db, SYSTEM, world.project_id, world.images[:1], [world.experts["Bo"]])

    assert scheduled(database) == [world.experts["Bo"]]


def test_a_model_version_says_what_it_learnt_from_and_a_read_asked_for_again_is_withdrawn_no_more(
    database: Database, world: World
) -> None:
    pretrained = live_style(database, world, "Ada")
    withdraw(database, world, "Ada", world.images[:1])

    found = behind(database, world)

    assert scheduled(database) == [world.experts["Bo"]], "Ada's style is the version's, which a pretraining alone heals"
    with database.read() as db:
        [version] = models.list_models(db, SYSTEM, world.project_id, None, 10).items
    assert found == {("model", version.id): (1, 1), ("style", pretrained): (1, 1)}
    with database.write() as db:
        projects.assign_images(db, SYSTEM, world.project_id, world.images[:1], [world.experts["Ada"]])
    assert behind(database, world) == {}


def refused_for_a_withdrawal(database: Database, world: World, image_id: UUID) -> JobFailure:
    """How a waiting personalisation of Bo's ends when one of its readings is withdrawn before it publishes."""
    job = claim(database)
    with database.read() as db:
        plan = jobs.load_personalise(db, job, 0)
    withdraw(database, world, "Bo", [image_id])
    with pytest.raises(ReadingWithdrawn) as refused:
        publish_plan(database, job, plan)
    failure = in_words(refused.value)
    with database.write() as db:
        jobs.settle_failed(db, job, failure)
    return failure


def test_a_job_of_the_scheduler_refused_for_a_withdrawal_has_a_successor_by_itself_and_a_person_s_is_theirs_to_repeat(
    database: Database, world: World
) -> None:
    assert scheduled(database) == [world.experts["Bo"]]
    failure = refused_for_a_withdrawal(database, world, world.images[0])

    assert (failure.code, "begins by itself" in failure.remedy) == ("reading-withdrawn", True)
    assert scheduled(database) == [world.experts["Bo"]]

    manager = member(database, world, "manager")
    with database.write() as db:
        jobs.add_job(db, "personalise", project_id=world.project_id, expert_id=world.experts["Bo"], owner=manager)
    failure = refused_for_a_withdrawal(database, world, world.images[1])

    assert failure.remedy.startswith("Start the job again")
    assert scheduled(database) == []


def test_a_branch_that_may_have_learnt_from_a_withdrawn_reading_draws_no_more(database: Database, world: World) -> None:
    style_id = learnt(database, world)
    with database.write() as db:
        [reading_id, *_] = db.scalars(text("SELECT id FROM segmentations WHERE author = 'expert'"))
        online.add_branch(
            db, id=uuid4(), project_id=world.project_id, expert_id=world.experts["Bo"], segmentation_id=reading_id,
            style_id=style_id, parent_id=None, weights_sha256=FILE, metrics={},
        )  # fmt: skip
        assert online.newest_branch(db, style_id) is not None

    withdraw(database, world, "Bo", world.images[:1])

    with database.read() as db:
        assert online.newest_branch(db, style_id) is None


def test_in_a_blinded_project_a_colleague_s_withdrawal_is_told_to_nobody_but_who_runs_it(
    database: Database, blobs: Blobs
) -> None:
    world = make_world(database, blobs, {"Ada": 0, "Bo": 2}, images=1, blinding="until_all_submitted")
    draw(database, blobs, world, "Ada", world.images, 0)
    version = publish_version(database, world)
    with database.write() as db:
        [revision_id] = db.scalars(text("SELECT id FROM revisions"))
        db.execute(
            text("INSERT INTO style_lineage (style_id, revision_id, use) VALUES (:s, :r, 'train')"),
            {"s": live_style(database, world, "Bo"), "r": revision_id},
        )
    withdraw(database, world, "Ada", world.images)
    own, colleague = (live_style(database, world, name) for name in ("Ada", "Bo"))

    assert behind(database, world, member(database, world, "reader", "Bo")) == {}
    assert behind(database, world, member(database, world, "reader", "Ada")) == {("style", own): (1, 1)}
    assert behind(database, world, member(database, world, "manager")) == {
        ("model", version): (1, 1), ("style", own): (1, 1), ("style", colleague): (1, 1),
    }  # fmt: skip
    with pytest.raises(Exception, match="no such thing"):
        behind(database, world, user(database))


def test_a_submitted_reading_is_withdrawn_where_that_is_asked_for_and_comes_back_as_a_draft(hospital: Hospital) -> None:
    project = hospital.project(blinding="open")
    first, second = hospital.images(project, 2)
    reader, stranger = hospital.reader(project), hospital.person()
    for image in (first, second):
        hospital.open(reader, project, image).submit()
    asked = {"project_id": project, "image_ids": [first], "expert_ids": [reader.expert_id]}

    unnamed = hospital.admin.post("/assignments/withdrawals", {**asked, "image_ids": None, "submitted": True})
    refused = [who.post("/assignments/withdrawals", {**asked, "submitted": True}) for who in (reader, stranger)]
    answer = hospital.admin.post("/assignments/withdrawals", {**asked, "submitted": True})

    assert (unnamed.status_code, "Name the images" in unnamed.json()["detail"]) == (422, True)
    assert [one.status_code for one in refused] == [404, 404]
    assert answer.json() == {"withdrawn": 1}
    states = [one["state"] for one in reader.get("/assignments").json()["items"]]
    assert states == ["submitted"]
    hospital.admin.post("/assignments", asked)
    assert sorted(one["state"] for one in reader.get("/assignments").json()["items"]) == ["drafting", "submitted"]
