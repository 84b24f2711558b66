"""The same data on two fresh servers is learned from in the same way, to the last bit.

Ids, pseudonyms and times differ from server to server. What a training sees (its order, who is held out, where styles start)
must follow from the images, the readings and the experts' names alone, or no figure of ours can be made twice.
"""

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
import torch
from sqlalchemy import text

from backend.blobs import Blobs
from backend.database import Database
from backend.jobs import rules as jobs
from backend.jobs.store import learning as store
from backend.settings import Settings
from backend.studies import store as studies
from tests.worlds import World, draw, make_world
from worker.gateway import training
from worker.gateway.connection import Gateway
from worker.gateway.queue import Claimed
from worker.learning import InvalidReading, Personalised, Reading, Trained, methods
from worker.learning.methods.expert_adaptive import held_out_of_pretraining
from worker.pretraining import pretrain, processes
from worker.reporter import Reporter

TINY = {"steps": 12, "batch": 4, "row_steps": 6, "checkpoint_every": 6, "size": 48}
HANDS = {"Small": -3.0, "Large": 3.0, "New": 2.0}
IMAGES = 14  # more than 12 patients, so that pretraining holds some out; 9 corrections, so that the gate does


@pytest.fixture
def gateway(database: Database, blobs: Blobs, settings: Settings) -> Gateway:
    return Gateway(database, blobs, settings)


def world_drawn(gateway: Gateway, order: Sequence[str]) -> World:
    """The same images and readings every time; `order` says in which order the experts handed theirs in."""
    world = make_world(gateway.database, gateway.blobs, HANDS, images=IMAGES, personalise=False)
    for name in order:
        images = world.images[:9] if name == "New" else world.images
        images = images if order[0] == "Small" else images[::-1]
        draw(gateway.database, gateway.blobs, world, name, images, HANDS[name])
    return world


def claimed(gateway: Gateway, world: World, kind: str, expert: str | None = None) -> Claimed:
    """A job of this world in our hands, as the training child gets it."""
    expert_id = world.experts[expert] if expert else None
    with gateway.database.write() as db:
        options: Any = {"params": {"config": TINY}} if kind == "pretrain" else {"expert_id": expert_id, "params": {}}
        jobs.add_job(db, kind, project_id=world.project_id, **options)
    with gateway.database.write() as db:
        job = jobs.claim(db, "training", "test", 60)
        assert job is not None and job.project_id == world.project_id
        return job


def seen(readings: Sequence[Reading], names: dict[UUID, str]) -> list[tuple[str, ...]]:
    """What a training sees of its readings, in its order, without the ids that name them here."""
    return [
        (
            hashlib.sha256(reading.image_CDHW.tobytes()).hexdigest(),
            hashlib.sha256(reading.labels_DHW.tobytes()).hexdigest(),
            names[UUID(reading.expert)],
            reading.patient,
            str(reading.spacing_mm),
        )
        for reading in readings
    ]


def pretrained(gateway: Gateway, world: World) -> tuple[training.Pretraining, Trained]:
    """A pretraining as the training child does it, published."""
    job = claimed(gateway, world, "pretrain")
    work = training.load_pretraining(gateway, job)
    trained = methods.load("expert_adaptive").pretrain(work.readings, work.config, generator_seed=work.config.seed)
    held_out = held_out_of_pretraining([reading.patient for reading in work.readings], work.config.held_out_every)
    training.publish_pretrained(gateway, job, work, trained, held_out, better_by=None, seconds=1.0)
    return work, trained


def personalised(gateway: Gateway, world: World) -> tuple[training.Personalisation, Personalised]:
    """A personalisation of the new expert as the training child does it."""
    work = training.load_personalisation(gateway, claimed(gateway, world, "personalise", "New"))
    made = methods.load("expert_adaptive").personalise(
        work.weights, work.config, work.rows, work.corrections, work.replay,
        live_row=work.live_row, live_trained_on=work.live_trained_on, generator_seed=work.config.seed,
    )  # fmt: skip
    return work, made


def test_the_same_data_under_other_ids_and_in_another_order_trains_to_the_same_numbers(gateway: Gateway) -> None:
    torch.set_num_threads(1)
    one = world_drawn(gateway, ("Small", "Large", "New"))
    other = world_drawn(gateway, ("New", "Large", "Small"))

    (work, trained), (work_again, trained_again) = pretrained(gateway, one), pretrained(gateway, other)
    names, names_again = work.plan.expert_names, work_again.plan.expert_names
    assert seen(work.readings, names) == seen(work_again.readings, names_again)
    assert len({reading.patient for reading in work.readings}) == IMAGES
    assert all(torch.equal(tensor, trained_again.weights[name]) for name, tensor in trained.weights.items())
    rows = {names[UUID(expert)]: row for expert, row in trained.rows.items()}
    rows_again = {names_again[UUID(expert)]: row for expert, row in trained_again.rows.items()}
    assert list(rows) == list(rows_again)
    assert all(torch.equal(row, rows_again[name]) for name, row in rows.items())
    assert torch.equal(trained.consensus_row(), trained_again.consensus_row())
    assert training.named(trained.metrics, {str(k): v for k, v in names.items()}) == training.named(
        trained_again.metrics, {str(k): v for k, v in names_again.items()}
    )

    (task, made), (task_again, made_again) = personalised(gateway, one), personalised(gateway, other)
    assert seen(task.corrections, names) == seen(task_again.corrections, names_again)
    assert seen(task.replay, names) == seen(task_again.replay, names_again)
    starts = [(names[UUID(expert)], row) for expert, row in task.rows.items()]
    starts_again = [(names_again[UUID(expert)], row) for expert, row in task_again.rows.items()]
    assert [name for name, _ in starts] == [name for name, _ in starts_again]
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(starts, starts_again, strict=True))
    assert made.gate.held_out == "patients", made.gate.reason
    assert torch.equal(made.row, made_again.row)
    assert made.gate.reason == made_again.gate.reason
    judged = [(case.patient, case.dice, case.hd95_mm) for case in made.gate.cases]
    assert judged == [(case.patient, case.dice, case.hd95_mm) for case in made_again.gate.cases]


def test_two_processes_under_torchrun_learn_what_one_would(gateway: Gateway) -> None:
    world = world_drawn(gateway, ("Small", "Large"))
    job = claimed(gateway, world, "pretrain")
    work = training.load_pretraining(gateway, job)
    config = replace(work.config, channels=(6, 12), stem=2, steps=8, precision="fp32")
    alone = methods.load("expert_adaptive").pretrain(work.readings, config, generator_seed=config.seed)
    shared = replace(gateway, settings=gateway.settings.model_copy(update={"training_processes": 2}))

    with Reporter(gateway, job, threading.Event()) as reporter:
        together = pretrain(shared, job, work.method, work.readings, config, "cpu", reporter)
        with pytest.raises(InvalidReading, match="no reading to learn from"):
            pretrain(shared, job, work.method, [], config, "cpu", reporter)

    assert [processes(shared, "cpu", batch) for batch in (4, 3, 1)] == [2, 1, 1], "a batch is shared evenly"
    assert together.metrics.keys() == alone.metrics.keys()
    assert all(torch.allclose(together.weights[name], tensor, atol=2e-4) for name, tensor in alone.weights.items())
    assert all(torch.allclose(together.rows[expert], row, atol=2e-4) for expert, row in alone.rows.items())


def test_another_image_of_a_patient_does_not_move_the_patient_to_the_other_side(gateway: Gateway) -> None:
    world = world_drawn(gateway, ("Small",))
    before = _patients(gateway, world)
    with gateway.database.write() as db:
        for image, patient_id in store.images(db, world.images):
            study = studies.Study(patient_id=patient_id, uid=None, description="", study_date=None)
            studies.add(db, study)
            names = {column.name for column in studies.Image.__table__.columns} - {"id", "created_at"}
            same = {name: getattr(image, name) for name in names}
            studies.add(db, studies.Image(**same | {"study_id": study.id, "sha256": f"0000{image.sha256[4:]}"}))

    assert _patients(gateway, world) == before


def _patients(gateway: Gateway, world: World) -> dict[UUID, str]:
    with gateway.database.read() as db:
        return {reading.revision_id: reading.patient for reading in store.readings(db, world.project_id)}


def test_a_second_attempt_gets_the_readings_of_the_first_in_their_order_even_if_an_expert_was_renamed(
    gateway: Gateway,
) -> None:
    world = world_drawn(gateway, ("Small", "Large"))
    job = claimed(gateway, world, "pretrain")
    first = training.load_pretraining(gateway, job)
    with gateway.database.write() as db:
        db.execute(text("UPDATE experts SET name = 'Aaa' WHERE id = :id"), {"id": world.experts["Small"]})
    draw(gateway.database, gateway.blobs, world, "New", world.images[:2], 0)

    second = training.load_pretraining(gateway, job)
    assert [reading.revision for reading in second.readings] == [reading.revision for reading in first.readings]
