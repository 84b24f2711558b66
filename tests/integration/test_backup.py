"""A backup taken while people work, restored into an empty place, is the same hospital."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from backend.blobs import Blobs
from backend.database import Database
from backend.embedded.backup import Manifest, back_up, restore
from backend.embedded.postgres import OWNER, PostgresServer, create_database
from backend.errors import Conflict, CorruptBlob
from backend.settings import Settings
from tests.conftest import ROOT
from tests.hospital import Hospital
from tests.running import let_through

COUNTED = ("users", "projects", "images", "assignments", "segmentations", "revisions", "edits")


def counts(url: str) -> dict[str, Any]:
    with psycopg.connect(url) as connection:
        return {table: connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() for table in COUNTED}


@pytest.fixture
def owner(settings: Settings) -> Iterator[Database]:
    opened = Database(settings.database_owner_url, statement_seconds=0)
    yield opened
    opened.close()


def test_a_backup_restored_into_an_empty_folder_is_the_same_hospital(
    hospital: Hospital, settings: Settings, owner: Database, tmp_path: Path
) -> None:
    project = hospital.project(blinding="open")
    hospital.images(project, 2)
    reading = hospital.open(hospital.reader(project), project)
    reading.draw({3: 1, 4: 2})
    reading.submit()
    place, fresh = tmp_path / "backups", tmp_path / "fresh"
    assert hospital.admin.get("/system").json()["last_backup_at"] is None
    back_up(owner, settings, place)
    reading.person.post(f"/segmentations/{reading.segmentation_id}/reopen")
    second = back_up(owner, settings, place)

    let_through(tmp_path)
    command = [sys.executable, "-m", "backend.cli", "restore", str(place)]
    environment = {"PATH": os.environ["PATH"], "CONSILIUM_DATA": str(fresh)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    again = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT, env=environment, check=False)

    assert hospital.admin.get("/system").json()["last_backup_at"] is not None
    assert second.new_blobs == 0  # a second backup copies nothing twice
    assert again.returncode == 1 and "never overwrites" in again.stderr
    checked = json.loads(done.stdout.splitlines()[0])
    assert checked["blobs"] == second.blobs and checked["label maps"] == 2
    restored = PostgresServer(fresh)
    restored.start()
    try:
        assert counts(restored.url(OWNER)) == counts(settings.database_owner_url)
        with psycopg.connect(restored.url(OWNER)) as connection:
            assert connection.execute("SELECT count(*) FROM sessions").fetchone() == (0,), "sign-ins end with a restore"
    finally:
        restored.stop()


def test_a_damaged_blob_ends_the_backup_and_what_is_unfinished_is_never_restored(
    hospital: Hospital, settings: Settings, owner: Database, tmp_path: Path
) -> None:
    hospital.images(hospital.project())
    blob = next(file for file in settings.blobs_folder.glob("*/*"))
    blob.write_bytes(b"not what its name says")

    with pytest.raises(CorruptBlob, match="damaged"):
        back_up(owner, settings, tmp_path / "backups")

    assert not list((tmp_path / "backups").glob("*/manifest.json"))
    assert hospital.admin.get("/system").json()["last_backup_at"] is None


def test_a_blob_that_rotted_in_the_backup_is_found_and_replaced_when_asked_to_verify(
    hospital: Hospital, settings: Settings, owner: Database, tmp_path: Path
) -> None:
    hospital.images(hospital.project())
    back_up(owner, settings, tmp_path)
    rotten, *_ = (tmp_path / "blobs").glob("??/*")
    good = rotten.read_bytes()
    rotten.write_bytes(b"?" * len(good))

    believed = back_up(owner, settings, tmp_path)
    assert (believed.new_blobs, rotten.read_bytes() == good) == (0, False)

    assert back_up(owner, settings, tmp_path, verify=True).new_blobs == 1
    assert rotten.read_bytes() == good


def test_a_blob_that_rotted_in_the_backup_stays_until_a_good_one_lies_in_its_place(
    hospital: Hospital, settings: Settings, owner: Database, tmp_path: Path
) -> None:
    """Where the hospital's own copy is damaged as well, what is left of it may be all there is."""
    hospital.images(hospital.project())
    back_up(owner, settings, tmp_path)
    rotten, *_ = (tmp_path / "blobs").glob("??/*")
    rotten.write_bytes(b"rotten")
    Blobs(settings.blobs_folder).path(rotten.name).write_bytes(b"damaged")

    with pytest.raises(CorruptBlob, match="fsck"):
        back_up(owner, settings, tmp_path, verify=True)

    assert rotten.read_bytes() == b"rotten"


def test_a_restore_that_meets_a_damaged_blob_leaves_no_half_hospital(
    hospital: Hospital, settings: Settings, owner: Database, postgres: PostgresServer, tmp_path: Path
) -> None:
    hospital.images(hospital.project())
    back_up(owner, settings, tmp_path / "backups")
    next((tmp_path / "backups" / "blobs").glob("*/*")).write_bytes(b"not what its name says")
    with psycopg.connect(postgres.superuser_url(), autocommit=True) as connection:
        create_database(connection, "restored_half")
        empty = Database(postgres.url(OWNER, "restored_half"))
        try:
            with pytest.raises(CorruptBlob, match="damaged"):
                restore(empty, settings.model_copy(update={"data": tmp_path / "fresh"}), tmp_path / "backups")
            assert empty.is_empty()
        finally:
            empty.close()
            connection.execute("DROP DATABASE restored_half WITH (FORCE)")


def test_a_manifest_of_another_version_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"keeper": "something of tomorrow"}), encoding="utf-8")

    with pytest.raises(Conflict, match="install the version that made it"):
        Manifest.read(tmp_path)


def test_nothing_is_swept_while_a_backup_runs(settings: Settings, owner: Database) -> None:
    from backend.app import fsck

    with owner.holding(fsck.BLOBS_LOCK) as alone, pytest.raises(Conflict, match="backup"):
        assert alone
        fsck.sweep(owner, settings)
