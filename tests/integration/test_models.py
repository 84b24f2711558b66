"""Publishing, the guarded live pointer, roll-back, the scheduler's finds, and what blinding hides of them."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from sqlalchemy import text

from backend.accounts.rules import SYSTEM, Actor
from backend.blobs import Blobs
from backend.database import Database, WriteSession
from backend.errors import Conflict, Forbidden, Invalid, NotFound
from backend.jobs import rules as jobs
from backend.jobs.rules import Claimed, Timing
from backend.models import rules
from backend.models.rules import NewVersion
from backend.projects import rules as projects
from backend.segmentations import rules as segmentations
from backend.settings import Settings
from tests.published import FILE, claimed, live_style, member, publish_style, publish_version, user
from tests.running import eventually
from tests.worlds import World, disc, draw, make_world

TIMING = Timing(personalise_after=2, personalise_every=2, personalise_quiet_seconds=0, rering_seconds=10)


@pytest.fixture
def world(database: Database, blobs: Blobs) -> World:
    """Ada has drawn three images, Bo none."""
    world = make_world(database, blobs, {"Ada": 0, "Bo": 2}, images=4)
    draw(database, blobs, world, "Ada", world.images[:3], 0)
    return world


def test_a_first_version_gives_its_experts_their_style_and_the_others_the_average(
    database: Database, world: World
) -> None:
    publish_version(database, world)

    with database.read() as db:
        rows = rules.list_styles(db, SYSTEM, world.project_id, None, None, 10).items
    assert {row.expert_name.split()[0]: (row.style.origin, row.is_live) for row in rows} == {
        "Ada": ("pretrained", True),
        "Bo": ("consensus", True),
    }


def test_an_expert_who_joins_later_gets_the_average_style(database: Database, blobs: Blobs, world: World) -> None:
    publish_version(database, world)
    late = make_world(database, blobs, {"Cy": 0}, images=0)
    with database.write() as db:
        projects.put_expert(db, SYSTEM, world.project_id, late.experts["Cy"], False)
    world.experts["Cy"] = late.experts["Cy"]

    with database.write() as db:
        jobs.tick(db, TIMING)

    assert live_style(database, world, "Cy") is not None


def test_of_two_jobs_publishing_on_the_same_style_the_second_is_refused(database: Database, world: World) -> None:
    version_id = publish_version(database, world)
    before = live_style(database, world, "Bo")
    first = publish_style(database, world, version_id, "Bo", before)

    with pytest.raises(Conflict):
        publish_style(database, world, version_id, "Bo", before)

    assert live_style(database, world, "Bo") == first


def test_a_refused_candidate_is_kept_retired_and_changes_nothing(database: Database, world: World) -> None:
    version_id = publish_version(database, world)
    before = live_style(database, world, "Bo")

    style_id = publish_style(database, world, version_id, "Bo", before, passed=False)

    assert live_style(database, world, "Bo") == before
    with database.read() as db:
        assert db.execute(text("SELECT state FROM styles WHERE id = :i"), {"i": style_id}).scalar_one() == "retired"


def test_promoting_an_older_style_rolls_back_and_says_why_in_the_audit(database: Database, world: World) -> None:
    version_id = publish_version(database, world)
    before = live_style(database, world, "Bo")
    assert before is not None
    publish_style(database, world, version_id, "Bo", before)
    manager = member(database, world, "manager")

    with database.write() as db:
        rules.promote_style(db, manager, before, "the new one bleeds into the skull")

    assert live_style(database, world, "Bo") == before
    with database.read() as db:
        reasons = db.execute(text("SELECT reason FROM audit WHERE kind = 'style' AND action = 'U'")).scalars().all()
    assert reasons == ["the new one bleeds into the skull"]


def test_promoting_an_older_model_version_brings_its_styles_back(database: Database, world: World) -> None:
    first = publish_version(database, world)
    style_before = live_style(database, world, "Ada")
    publish_version(database, world)
    manager = member(database, world, "manager")
    assert live_style(database, world, "Ada") != style_before

    with database.write() as db:
        rules.promote_model(db, manager, first, "the new one is worse on thick slices")

    assert live_style(database, world, "Ada") == style_before


def test_a_style_on_a_version_that_is_not_live_cannot_be_promoted(database: Database, world: World) -> None:
    publish_version(database, world)
    old = live_style(database, world, "Ada")
    assert old is not None
    publish_version(database, world)
    manager = member(database, world, "manager")

    with pytest.raises(Invalid, match="model version that is not live"), database.write() as db:
        rules.promote_style(db, manager, old, "back")


def test_weights_whose_figures_are_not_finite_are_never_published(database: Database, world: World) -> None:
    with pytest.raises(Invalid, match="not a finite number"), database.write() as db:
        job = jobs.add_job(db, "pretrain", project_id=world.project_id)
        new = NewVersion(
            world.project_id, job.id, "expert_adaptive", {}, FILE, FILE, FILE, {"loss": float("nan")}, {}, []
        )
        rules.publish_version(db, new, [], goes_live=True)


def test_a_reader_of_a_blinded_project_sees_no_style_but_their_own(database: Database, blobs: Blobs) -> None:
    world = make_world(database, blobs, {"Ada": 0, "Bo": 2}, images=2, blinding="until_all_submitted")
    publish_version(database, world)
    reader = member(database, world, "reader", expert="Bo")
    ada = live_style(database, world, "Ada")
    assert ada is not None

    with database.read() as db:
        seen = rules.list_styles(db, reader, world.project_id, None, None, 10).items
    with pytest.raises(NotFound), database.write() as db:
        rules.promote_style(db, reader, ada, "let me see")

    assert [row.style.expert_id for row in seen] == [world.experts["Bo"]]


def test_a_reader_may_not_promote_a_model_version(database: Database, world: World) -> None:
    version_id = publish_version(database, world)

    with pytest.raises(Forbidden), database.write() as db:
        rules.promote_model(db, member(database, world, "reader"), version_id, "mine")


def test_the_scheduler_personalises_after_enough_new_readings_and_not_again_for_the_same(
    database: Database, blobs: Blobs, world: World
) -> None:
    publish_version(database, world)
    draw(database, blobs, world, "Bo", world.images[:1], 2)
    assert personalisations(database, world) == 0
    draw(database, blobs, world, "Bo", world.images[1:2], 2)

    assert personalisations(database, world) == 1
    end_personalisation(database)

    assert personalisations(database, world) == 1


def test_predictions_accepted_unchanged_start_no_personalisation_and_it_is_said_why(
    database: Database, blobs: Blobs, world: World, settings: Settings
) -> None:
    publish_version(database, world)
    style = live_style(database, world, "Bo")
    assert style is not None
    reader, manager, colleague = (
        member(database, world, *who) for who in (("reader", "Bo"), ("manager", None), ("reader", None))
    )
    with database.write() as db:
        db.execute(text("UPDATE experts SET user_id = NULL"))  # what comes below is imported

    def said(actor: Actor) -> list[tuple[str | None, int, int, int]]:
        with database.read() as db:
            found = jobs.list_next_personalisations(db, actor, world.project_id, settings)
        return [(one.waits_for, one.missing, one.changed, one.accepted) for one in found]

    assert said(manager) == []
    for image_id in world.images[:3]:
        y, x, radius = world.discs[image_id]
        kept = segmentations.keep_labels(blobs, disc(y, x, radius + 2), [1])
        with database.write() as db:
            segmentations.put_prediction(db, world.project_id, image_id, world.experts["Bo"], style, kept)
    draw(database, blobs, world, "Bo", world.images[:3], 2)
    assert said(reader) == said(manager) == [("correction", 4, 0, 3)]
    assert said(colleague) == []
    draw(database, blobs, world, "Bo", world.images[3:], 3)
    assert said(manager) == [("more", 3, 1, 3)]
    with database.write() as db:
        jobs.add_job(db, "personalise", project_id=world.project_id, expert_id=world.experts["Bo"])
    assert said(manager) == []


def test_two_workers_who_publish_the_same_drawing_at_once_keep_one(
    database: Database, blobs: Blobs, world: World
) -> None:
    """A worker killed after its answer was committed, or two jobs for one image: the later one must not end its job as failed."""
    publish_version(database, world)
    style = live_style(database, world, "Bo")
    assert style is not None
    kept = segmentations.keep_labels(blobs, disc(20.0, 20.0, 5.0), [1])

    def publish(db: WriteSession) -> UUID:
        return segmentations.put_prediction(db, world.project_id, world.images[0], world.experts["Bo"], style, kept)

    def publish_too() -> UUID:
        with database.write() as db:
            return publish(db)

    with ThreadPoolExecutor(1) as pool:
        with database.write() as db:
            first = publish(db)
            other = pool.submit(publish_too)
            eventually("the second to wait for the first", lambda: waits_for_a_lock(database))

        assert other.result(60) == first


def waits_for_a_lock(database: Database) -> object:
    with database.read() as db:
        return db.scalar(
            text("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
        )


def test_readings_of_pretrained_experts_do_not_count_as_new(database: Database, world: World) -> None:
    publish_version(database, world)

    assert personalisations(database, world) == 0


def test_a_project_that_does_not_personalise_is_left_alone(database: Database, blobs: Blobs) -> None:
    world = make_world(database, blobs, {"Ada": 0}, images=3, personalise=False)
    publish_version(database, world, ())
    draw(database, blobs, world, "Ada", world.images, 0)

    assert personalisations(database, world) == 0


def test_a_newer_personalisation_supersedes_the_one_that_waits(database: Database, world: World) -> None:
    with database.write() as db:
        first = jobs.add_job(db, "personalise", project_id=world.project_id, expert_id=world.experts["Bo"]).id
    with database.write() as db:
        second = jobs.add_job(db, "personalise", project_id=world.project_id, expert_id=world.experts["Bo"]).id

    with database.read() as db:
        states = dict([tuple(row) for row in db.execute(text("SELECT id, state FROM jobs"))])
    assert states == {first: "cancelled", second: "queued"}


def test_waiting_assignments_get_their_predictions_asked_for_once(
    database: Database, blobs: Blobs, world: World
) -> None:
    publish_version(database, world)
    with database.write() as db:
        projects.assign_images(db, SYSTEM, world.project_id, None, [world.experts["Bo"]])

    for _ in range(2):
        with database.write() as db:
            jobs.tick(db, TIMING)

    with database.read() as db:
        asked = db.execute(text("SELECT params->'image_ids' FROM jobs WHERE kind = 'predict'")).scalars().all()
    assert asked == [[str(image_id) for image_id in world.images]]


def test_a_project_with_prefill_never_gets_no_predictions(database: Database, blobs: Blobs) -> None:
    world = make_world(database, blobs, {"Bo": 0}, images=2, prefill="never")
    publish_version(database, world, ())
    with database.write() as db:
        projects.assign_images(db, SYSTEM, world.project_id, None, [world.experts["Bo"]])
        jobs.tick(db, TIMING)

    with database.read() as db:
        assert db.execute(text("SELECT count(*) FROM jobs WHERE kind = 'predict'")).scalar_one() == 0


def test_a_blinded_reader_gets_no_prediction_from_a_model_that_saw_a_colleague_s_reading_of_the_patient(
    database: Database, blobs: Blobs
) -> None:
    world = make_world(database, blobs, {"Ada": 0, "Bo": 2}, images=3, blinding="until_all_submitted")
    draw(database, blobs, world, "Ada", world.images[:1], 0)
    publish_version(database, world)

    with database.read() as db:
        plan = jobs.load_predict(db, predict_job(world, "Bo"))

    assert plan.withheld == world.images[:1]
    assert [image.image_id for image in plan.images] == world.images[1:]


def test_an_open_project_withholds_nothing(database: Database, world: World) -> None:
    publish_version(database, world)

    with database.read() as db:
        plan = jobs.load_predict(db, predict_job(world, "Bo"))

    assert plan.withheld == []
    assert [image.image_id for image in plan.images] == world.images


def test_a_blinded_project_does_not_pretrain_on_images_somebody_has_still_to_read(
    database: Database, blobs: Blobs
) -> None:
    world = make_world(database, blobs, {"Ada": 0, "Bo": 2}, images=3, blinding="until_all_submitted")
    draw(database, blobs, world, "Ada", world.images, 0)
    with database.write() as db:
        projects.assign_images(db, SYSTEM, world.project_id, world.images[:2], [world.experts["Bo"]])

    with database.read() as db:
        plan = jobs.load_pretrain(db, claimed(world, "pretrain"))

    assert [reading.image_id for reading in plan.readings] == world.images[2:]


@pytest.mark.parametrize("kind", ["export", "propagate", "interact", "opinions", "import"])
def test_kinds_that_this_release_does_not_offer_are_refused_in_words(
    database: Database, world: World, kind: str
) -> None:
    with (
        pytest.raises(Invalid, match="not part of this release|POST /imports|POST /segmentations"),
        database.write() as db,
    ):
        jobs.create(db, member(database, world, "manager"), kind, world.project_id, None, {})


def test_a_reader_may_not_start_pretraining(database: Database, world: World) -> None:
    with pytest.raises(Forbidden), database.write() as db:
        jobs.create(db, member(database, world, "reader"), "pretrain", world.project_id, None, {})


def test_a_stranger_learns_nothing_of_a_project_s_jobs(database: Database, world: World) -> None:
    with database.write() as db:
        job_id = jobs.add_job(db, "pretrain", project_id=world.project_id).id
    stranger = user(database)

    with pytest.raises(NotFound), database.read() as db:
        jobs.load_job(db, stranger, job_id)
    with database.read() as db:
        page = jobs.list_jobs(db, stranger, project_id=None, state=None, kind=None, cursor=None, limit=10)
    assert page.items == []


def personalisations(database: Database, world: World) -> int:
    """How many personalise jobs there are after a tick."""
    with database.write() as db:
        jobs.tick(db, TIMING)
    with database.read() as db:
        return int(db.execute(text("SELECT count(*) FROM jobs WHERE kind = 'personalise'")).scalar_one())


def end_personalisation(database: Database) -> None:
    """The waiting one runs and fails: its readings must not start another by themselves."""
    with database.write() as db:
        job = jobs.claim(db, "training", "a test", 30)
        assert job is not None
        jobs.fail(db, job, jobs.JobFailure("internal-error", "…", "…"))


def predict_job(world: World, expert: str) -> Claimed:
    return claimed(world, "predict", expert, {"image_ids": [str(image_id) for image_id in world.images]})
