"""`consilium fsck` finds each kind of damage, and nothing where there is none."""

import os
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
import pytest

from backend.app.fsck import Report, examine, sweep
from backend.blobs import Blobs
from backend.database import Database
from backend.imaging import labels
from backend.settings import Settings
from tests.conftest import Urls

LABEL_MAP = np.zeros((2, 3, 4), dtype=np.uint8)
LABEL_MAP[1, 1, 1:3] = 1


@pytest.fixture
def owner(database_urls: Urls) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_urls.owner, autocommit=True) as connection:
        yield connection


@pytest.fixture
def revision(owner: psycopg.Connection[Any], blobs: Blobs) -> UUID:
    """One image of 4 x 3 x 2 voxels with one reading: two voxels of label 1."""

    def add(table: str, **values: Any) -> UUID:
        names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
        row = owner.execute(
            f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING id", list(values.values())
        ).fetchone()
        assert row
        return UUID(str(row[0]))

    image = image_row(owner, add, blobs)
    project = add("projects", name="P", description="", simulated=False, policy="{}")
    owner.execute("INSERT INTO labels (project_id, value, name, colour) VALUES (%s, 1, 'lesion', '#ff0000')", [project])
    expert = add("experts", name="Exp1")
    segmentation = add("segmentations", project_id=project, image_id=image, author="expert", expert_id=expert)
    sha256 = blobs.put(labels.compress(LABEL_MAP))
    unsure = blobs.put(labels.compress(LABEL_MAP * 200))
    made = add(
        "revisions", segmentation_id=segmentation, number=1, labels_sha256=sha256, uncertainty_sha256=unsure, dtype="uint8",
        label_volumes='{"1": 2}', origin="import", assisted=False, folded_seq=0,
    )  # fmt: skip
    owner.execute("UPDATE segmentations SET head_revision_id = %s", [made])
    return made


def image_row(owner: psycopg.Connection[Any], add: Any, blobs: Blobs) -> UUID:
    """An image whose other columns are filled by type: this test cares for its grid and its blobs only."""
    patient = add("patients", pseudonym="P-1", simulated=True)
    study = add("studies", patient_id=patient, description="")
    values: dict[str, Any] = {
        "study_id": study, "name": "case", "nx": 4, "ny": 3, "nz": 2, "channels": 1, "geometry": "regular",
        "slab_sha256s": f'["{blobs.put(b"slab")}"]', "original_sha256s": f'["{blobs.put(b"original")}"]', "warnings": "[]",
        "affine": "[1,0,0,0, 0,1,0,0, 0,0,1,0]", "sha256": "0" * 64,
    }  # fmt: skip
    columns = owner.execute(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'images' "
        "AND is_nullable = 'NO' AND column_default IS NULL"
    ).fetchall()
    plain = {"integer": 1, "bigint": 1, "double precision": 1.0, "boolean": True, "jsonb": "[]"}
    for name, kind in columns:
        values.setdefault(name, plain.get(kind, "x"))
    return add("images", **values)


def check(database: Database, settings: Settings) -> Report:
    return examine(database, settings)


def test_whole_data_has_no_fault(database: Database, settings: Settings, revision: UUID) -> None:
    report = check(database, settings)

    assert report.faults == []
    assert (report.counts["blobs"], report.counts["named blobs"]) == (4, 4)
    assert (report.counts["label maps"], report.counts["uncertainty maps"]) == (1, 1)


def test_an_empty_server_has_no_fault(database: Database, settings: Settings) -> None:
    assert check(database, settings).faults == []


def test_a_damaged_blob_and_a_missing_one_are_named(
    database: Database, settings: Settings, revision: UUID, blobs: Blobs
) -> None:
    slab, original = blobs.put(b"slab"), blobs.put(b"original")
    blobs.path(slab).write_bytes(b"slob")
    blobs.path(original).unlink()

    faults = check(database, settings).faults

    assert len(faults) == 2
    assert any(f"blob {slab} is damaged" in fault for fault in faults)
    assert any(f"blob {original} is missing" in fault for fault in faults)


def test_an_orphan_is_counted_not_blamed(database: Database, settings: Settings, blobs: Blobs) -> None:
    blobs.put(b"nobody's")

    report = check(database, settings)

    assert report.faults == []
    assert (report.counts["orphans"], report.counts["old orphans"]) == (1, 0)


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("""UPDATE revisions SET label_volumes = '{"1": 3}'""", "other label volumes"),
        ("UPDATE labels SET value = 7", "outside the project's labels: [1]"),
        ("UPDATE images SET nz = 3", "its grid needs 36"),
        ("UPDATE images SET nz = 3", "uncertainty of revision"),
        ("UPDATE segmentations SET edit_seq = -1", "other edits than it has"),
        ("UPDATE revisions SET parent_id = id", "a later number"),
    ],
)
def test_rows_that_cannot_be_true_are_found(
    database: Database,
    settings: Settings,
    revision: UUID,
    owner: psycopg.Connection[Any],
    statement: str,
    sentence: str,
) -> None:
    for table in ("revisions", "segmentations", "labels", "images"):
        owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    owner.execute(statement)

    faults = check(database, settings).faults

    assert [fault for fault in faults if sentence in fault], faults


def test_the_average_style_of_a_model_version_is_named_even_while_nobody_has_it(
    database: Database, settings: Settings, revision: UUID, owner: psycopg.Connection[Any], blobs: Blobs
) -> None:
    weights, average = blobs.put(b"weights"), blobs.put(b"average style")
    owner.execute(
        "INSERT INTO model_versions (project_id, number, method, state, config, config_sha256, weights_sha256, metrics, card) "
        "SELECT id, 1, 'm', 'live', '{}', '', %s, '{}', jsonb_build_object('consensus_sha256', %s::text) FROM projects",
        [weights, average],
    )
    for sha256 in (weights, average):
        os.utime(blobs.path(sha256), (0, 0))

    assert sweep(database, settings) == 0
    assert blobs.exists(average)


def test_sweeping_takes_a_day_old_orphan_and_nothing_that_is_named(
    database: Database, settings: Settings, revision: UUID, blobs: Blobs
) -> None:
    orphan = blobs.put(b"nobody's")
    for name in blobs.names():
        os.utime(blobs.path(name), (0, 0))

    assert sweep(database, settings) == 1
    assert not blobs.exists(orphan)
    assert check(database, settings).faults == []
