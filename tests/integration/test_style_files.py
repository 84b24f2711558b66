"""A style leaves as a file and comes back: to its own network alone, as a candidate, with nothing unproven inside."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from safetensors.numpy import load, save
from sqlalchemy import text

from backend.accounts.rules import SYSTEM
from backend.blobs import Blobs
from backend.database import Database
from backend.errors import Conflict, Invalid, NotFound
from backend.jobs import rules as jobs
from backend.models import rules, store
from backend.models.rules import NewStyle, NewVersion
from tests.worlds import World, draw, make_world

ROW = np.linspace(0.5, 1.5, 12, dtype=np.float32)
NETWORK = "b" * 64


@pytest.fixture
def world(database: Database, blobs: Blobs) -> World:
    return make_world(database, blobs, {"Ada": 0.0, "Berta": 1.0}, images=1)


@pytest.fixture
def style_id(database: Database, blobs: Blobs, world: World) -> UUID:
    """Ada's style on the project's live network, as a pretrain job would publish it."""
    return publish(database, blobs, world, NETWORK)


def publish(
    database: Database, blobs: Blobs, world: World, network: str, lineage: Sequence[tuple[UUID, str]] = ()
) -> UUID:
    with database.write() as db:
        job = jobs.add_job(db, "pretrain", project_id=world.project_id)
        row = blobs.put(save({"row": ROW}, {"card": "{}"}))
        card = {"style_lengths": {"row": 12, "adapter": 5}}
        styles = [NewStyle(world.experts["Ada"], "pretrained", row, lineage=lineage)]
        new = NewVersion(
            world.project_id, job.id, "expert_adaptive", {}, "c" * 64, network, row, {}, card, styles
        )  # fmt: skip
        rules.publish_version(db, new, list(world.experts.values()), goes_live=True)
        db.execute(text("UPDATE jobs SET state = 'done' WHERE id = :id"), {"id": job.id})
        found = db.execute(text("SELECT style_id FROM live_styles WHERE expert_id = :e"), {"e": world.experts["Ada"]})
        return UUID(str(found.scalar_one()))


def exported(database: Database, blobs: Blobs, style_id: UUID) -> bytes:
    with database.write() as db:
        return rules.export_style(db, SYSTEM, blobs, style_id)[1]


def take_in(database: Database, blobs: Blobs, world: World, content: bytes, expert: str = "Berta") -> rules.StyleRow:
    with database.write() as db:
        return rules.import_style(db, SYSTEM, blobs, world.project_id, world.experts[expert], content)


def changed(content: bytes, tensors: Mapping[str, Any] | None = None, **card: object) -> bytes:
    """The same file with other tensors or another card."""
    header = int.from_bytes(content[:8], "little")
    own = json.loads(json.loads(content[8 : 8 + header])["__metadata__"]["card"])
    return save(dict(tensors) if tensors is not None else load(content), {"card": json.dumps({**own, **card})})


def test_a_style_comes_back_as_another_expert_s_candidate(
    database: Database, blobs: Blobs, world: World, style_id: UUID
) -> None:
    row = take_in(database, blobs, world, exported(database, blobs, style_id))

    assert (row.expert_name, row.style.state, row.is_live, row.style.metrics["imported"]) == (
        "Berta", "candidate", False, True,
    )  # fmt: skip
    assert load(blobs.read(row.style.weights_sha256))["row"].tolist() == ROW.tolist()


def test_a_style_kept_in_half_precision_comes_back_as_it_is(
    database: Database, blobs: Blobs, world: World, style_id: UUID
) -> None:
    halves = ROW.astype(np.float16)

    row = take_in(database, blobs, world, changed(exported(database, blobs, style_id), {"row": halves}))

    assert load(blobs.read(row.style.weights_sha256))["row"].tolist() == halves.tolist()


def test_an_imported_style_draws_once_a_person_promotes_it(
    database: Database, blobs: Blobs, world: World, style_id: UUID
) -> None:
    row = take_in(database, blobs, world, exported(database, blobs, style_id))

    with database.write() as db:
        promoted = rules.promote_style(db, SYSTEM, row.style.id, "from the other site")

    assert promoted.is_live


def test_the_same_style_exports_to_the_same_bytes(database: Database, blobs: Blobs, style_id: UUID) -> None:
    assert exported(database, blobs, style_id) == exported(database, blobs, style_id)


def test_no_name_of_a_person_leaves_with_the_file(database: Database, blobs: Blobs, style_id: UUID) -> None:
    content = exported(database, blobs, style_id)

    assert b"Ada" not in content and b"Berta" not in content


def test_a_style_of_another_network_is_refused_by_name(
    database: Database, blobs: Blobs, world: World, style_id: UUID
) -> None:
    content = exported(database, blobs, style_id)
    publish(database, blobs, world, "d" * 64)

    with pytest.raises(Invalid, match="belongs to the network bbbbbbbbbbbb"):
        take_in(database, blobs, world, content)


@pytest.mark.parametrize(
    ("tensors", "sentence"),
    [
        ({"row": ROW[:11]}, "row has 11 numbers, this network takes 12"),
        ({"row": ROW, "adapter": ROW}, "adapter has 12 numbers, this network takes 5"),
        ({"row": np.where(ROW > 1, np.float32("nan"), ROW)}, "not finite"),
        ({"row": ROW * np.float32(1e30)}, "beyond half precision"),
        ({"row": ROW.astype(np.float64)}, "float32"),
        ({"row": ROW.reshape(3, 4)}, "one line"),
        ({"weights": ROW}, "not weights"),
        ({"row": ROW, "pickle": ROW}, "pickle"),
    ],
    ids=["short", "adapter", "nan", "large", "double", "matrix", "other", "more"],
)
def test_tensors_that_do_not_fit_are_refused_in_words(
    database: Database, blobs: Blobs, world: World, style_id: UUID, tensors: dict[str, Any], sentence: str
) -> None:
    content = changed(exported(database, blobs, style_id), tensors)

    with pytest.raises(Invalid, match=sentence):
        take_in(database, blobs, world, content)


@pytest.mark.parametrize(
    "card", ["[" * 100_000, '{"format": "consilium-style/1", "n": ' + "9" * 5000 + "}"], ids=["deep", "number"]
)
def test_a_card_made_to_break_its_reader_is_refused(
    database: Database, blobs: Blobs, world: World, style_id: UUID, card: str
) -> None:
    with pytest.raises(Invalid, match="export"):
        take_in(database, blobs, world, save({"row": ROW}, {"card": card}))


def test_nothing_that_a_file_says_is_echoed(database: Database, blobs: Blobs, world: World, style_id: UUID) -> None:
    content = changed(exported(database, blobs, style_id), model_weights_sha256="\ud800<script>", style="\0")

    with pytest.raises(Invalid, match="a network without a name"):
        take_in(database, blobs, world, content)


def test_what_a_style_has_learnt_from_comes_back_with_it(database: Database, blobs: Blobs, world: World) -> None:
    draw(database, blobs, world, "Ada", world.images, 0)
    with database.read() as db:
        [revision_id] = db.execute(text("SELECT id FROM revisions")).scalars().all()
    style_id = publish(database, blobs, world, NETWORK, [(revision_id, "train")])

    row = take_in(database, blobs, world, exported(database, blobs, style_id))

    with database.read() as db:
        assert [(one.revision_id, one.use) for one in store.lineage(db, row.style.id)] == [(revision_id, "train")]


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x04pickle", b"\xff" * 64, b"\x02" + b"\0" * 7 + b"{}", save({"row": ROW})]
)
def test_a_file_that_is_no_style_is_refused(
    database: Database, blobs: Blobs, world: World, style_id: UUID, content: bytes
) -> None:
    with pytest.raises(Invalid, match="export"):
        take_in(database, blobs, world, content)


def test_a_project_without_a_network_takes_no_style(database: Database, blobs: Blobs, world: World) -> None:
    with pytest.raises(Conflict, match="pretrain first"):
        take_in(database, blobs, world, changed(save({"row": ROW}, {"card": "{}"}), format="consilium-style/1"))


def test_an_expert_who_is_not_in_the_project_gets_none(
    database: Database, blobs: Blobs, world: World, style_id: UUID
) -> None:
    content = exported(database, blobs, style_id)

    with pytest.raises(NotFound, match="no such expert"), database.write() as db:
        rules.import_style(db, SYSTEM, blobs, world.project_id, style_id, content)
