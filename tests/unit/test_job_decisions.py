"""What the queue and the scheduler decide, and the small parts of a worker that need no database."""

import threading
import time
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from backend.errors import Invalid
from backend.jobs.rules import decisions
from backend.jobs.rules.seeing import Sieve
from backend.jobs.store.learning import DueExpert, MissingPrediction
from backend.jobs.store.listing import JobSight
from worker.courtesy import Courtesy
from worker.inference import Recent

EXPERT = DueExpert(uuid4(), uuid4(), changed=5, accepted=0, quiet_seconds=60, waiting_seconds=90, is_first=True)


@pytest.mark.parametrize(
    ("changes", "obstacle", "missing"),
    [
        ({}, None, 0),
        ({"changed": 4}, "more", 1),
        ({"changed": 4, "accepted": 2}, None, 0),
        ({"changed": 4, "accepted": 1}, "more", 1),
        ({"changed": 0, "accepted": 5}, "correction", 3),
        ({"changed": 0, "accepted": 50}, "correction", 0),
        ({"changed": 3, "is_first": False}, None, 0),
        ({"changed": 2, "is_first": False}, "more", 1),
        ({"quiet_seconds": 5}, "quiet", 0),
        ({"quiet_seconds": 5, "waiting_seconds": 300}, None, 0),
    ],
)
def test_an_expert_is_due_after_enough_corrections_and_quiet(
    changes: dict[str, object], obstacle: str | None, missing: int
) -> None:
    expert = replace(EXPERT, **changes)

    assert decisions.obstacle(expert, after=5, every=3, quiet_seconds=60) == obstacle
    assert decisions.readings_missing(expert, after=5, every=3) == missing


def test_missing_predictions_become_jobs_of_at_most_sixteen_images_of_one_style_in_reading_order() -> None:
    project, one, other = uuid4(), uuid4(), uuid4()
    images = [UUID(int=n) for n in range(20)]
    missing = [MissingPrediction(project, one, one, image) for image in images]
    missing += [MissingPrediction(project, other, other, images[0])]

    made = decisions.batches(missing)

    assert [(batch.expert_id, len(batch.image_ids)) for batch in made] == [(one, 16), (one, 4), (other, 1)]
    assert made[0].image_ids + made[1].image_ids == tuple(images)


def test_one_lost_worker_is_forgiven_two_are_poison() -> None:
    assert decisions.after_loss(1) is None
    assert decisions.after_loss(2) == decisions.POISON


@pytest.mark.parametrize(
    ("step", "expected"), [(0, None), (10, None), (20, 80.0), (100, 0.0)], ids=["start", "resumed", "running", "end"]
)
def test_time_left_is_told_from_this_attempt_s_own_pace(step: int, expected: float | None) -> None:
    assert decisions.seconds_left(step, 100, first_step=10, elapsed_seconds=10.0 if step > 10 else 0.0) == expected


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"config": {"stepz": 10}}, "stepz is no option"),
        ({"config": {"steps": 0}}, "steps must be"),
        ({"config": {"steps": True}}, "steps must be"),
        ({"config": {"network": "huge"}}, "network must be one of"),
        ({"config": {"adapter": 1}}, "adapter must be true or false"),
        ({"steps": 10}, "nothing else"),
        ({"config": [1]}, "nothing else"),
    ],
)
def test_a_wrong_option_is_refused_by_name(params: dict[str, object], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        decisions.checked_params("pretrain", params)


def test_known_options_pass_and_no_options_are_fine() -> None:
    assert decisions.checked_params("pretrain", {"config": {"steps": 10, "recipe": "paper"}})["config"]["steps"] == 10
    assert decisions.checked_params("personalise", {}) == {"config": {}}


@pytest.mark.parametrize(
    ("event", "heard"),
    [
        ({"type": "reload"}, True),
        ({"type": "job", "project_id": "mine", "expert_id": "me"}, True),
        ({"type": "segmentation", "project_id": "mine", "expert_id": "colleague"}, False),
        ({"type": "segmentation", "project_id": "mine"}, False),
        ({"type": "segmentation", "project_id": "open", "expert_id": "colleague"}, True),
        ({"type": "job", "project_id": None, "owner_id": "user"}, True),
        ({"type": "job", "project_id": None, "owner_id": "somebody"}, False),
        ({"type": "style", "project_id": "foreign", "expert_id": "me"}, False),
    ],
)
def test_a_blinded_reader_hears_of_their_own_work_only(event: dict[str, str | None], heard: bool) -> None:
    ids = {name: uuid4() for name in ("mine", "open", "foreign", "me", "colleague", "user", "somebody")}
    sight = JobSight(frozenset({ids["open"]}), frozenset({ids["mine"], ids["open"]}), ids["me"], ids["user"])
    filled = {key: str(ids[value]) if key != "type" and value in ids else value for key, value in event.items()}

    assert Sieve(sight).lets_through(filled) is heard
    assert set(Sieve(sight).shown(filled)) <= {"type", "id", "project_id", "state", "seq"}


def test_training_gives_way_until_nobody_waits(tmp_path: Path) -> None:
    asking, training = Courtesy(tmp_path / "waiting"), Courtesy(tmp_path / "waiting")
    asking.ask()
    trainer = threading.Thread(target=training.give_way)

    trainer.start()
    time.sleep(0.02)
    held = trainer.is_alive()
    asking.thank()
    trainer.join(timeout=1)

    assert held
    assert not trainer.is_alive()


def test_a_step_counts_as_under_way_from_the_end_of_the_wait_until_the_next_pause(tmp_path: Path) -> None:
    predicting, training = Courtesy(tmp_path / "waiting"), Courtesy(tmp_path / "waiting")

    before = predicting.is_worked
    training.give_way()
    during = predicting.is_worked
    training.rest()

    assert (before, during, predicting.is_worked) == (False, True, False)


def test_what_was_used_least_recently_leaves_the_cache_first() -> None:
    cache: Recent[str, str] = Recent(3, len)

    cache.get("a", lambda: "a")
    cache.get("b", lambda: "b")
    cache.get("a", lambda: "never made again")
    cache.get("cc", lambda: "cc")

    assert cache.get("a", lambda: "made anew") == "a"
    assert cache.get("b", lambda: "made anew") == "made anew"
