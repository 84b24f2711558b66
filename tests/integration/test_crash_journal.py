"""What a browser's crash journal needs from the server: its key, answers to repeats, and a way out of a mismatch."""

import base64
import uuid

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from tests.conftest import sign_in
from tests.hospital import Hospital, Reading, checksums

API = "/api/v1"
BROWSER = uuid.uuid4()


def key_of(client: TestClient, browser: uuid.UUID = BROWSER) -> str:
    answer = client.put(f"{API}/session/journal-keys/{browser}")
    assert answer.status_code == 200, answer.text
    key: str = answer.json()["key"]
    return key


@pytest.fixture
def reading(hospital: Hospital) -> Reading:
    """A reader's freshly opened segmentation of the only image."""
    project = hospital.project(blinding="open")
    hospital.images(project)
    return hospital.open(hospital.reader(project), project)


class TestTheKey:
    def test_it_is_the_same_after_the_next_sign_in_and_another_in_another_browser(self, client: TestClient) -> None:
        sign_in(client, name="anna")
        key = key_of(client)
        client.cookies.clear()
        client.post(f"{API}/session", json={"name": "anna", "password": "correct horse battery 7"}).raise_for_status()

        assert len(base64.b64decode(key)) == 32
        assert key_of(client) == key
        assert key_of(client, uuid.uuid4()) != key

    def test_two_users_of_one_browser_have_two_keys(self, client: TestClient) -> None:
        sign_in(client, name="anna")
        annas = key_of(client)
        client.cookies.clear()
        sign_in(client, name="berta")

        assert key_of(client) != annas

    def test_forgetting_it_makes_what_the_browser_holds_noise(self, client: TestClient) -> None:
        sign_in(client, name="anna")
        key = key_of(client)

        for _ in range(2):
            assert client.delete(f"{API}/session/journal-keys/{BROWSER}").status_code == 204

        assert key_of(client) != key

    def test_every_hand_out_is_audited_and_the_key_is_not_in_it(self, client: TestClient) -> None:
        sign_in(client, name="anna")
        key = key_of(client)
        key_of(client)
        client.delete(f"{API}/session/journal-keys/{BROWSER}")

        with client.app.state.database.read() as db:
            rows = db.execute(text("SELECT * FROM audit WHERE kind = 'journal_key' ORDER BY seq")).mappings().all()
        assert [row["action"] for row in rows] == ["C", "R", "D"]
        assert key not in str(rows)

    def test_an_api_token_gets_none(self, hospital: Hospital) -> None:
        answer = hospital.person().call("PUT", f"/session/journal-keys/{BROWSER}")

        assert answer.status_code == 403

    def test_signing_out_clears_the_browser_but_for_others_unsent_strokes(self, client: TestClient) -> None:
        sign_in(client, name="anna")
        kept = client.delete(f"{API}/session", params={"keep_storage": True}).headers["clear-site-data"]
        client.post(f"{API}/session", json={"name": "anna", "password": "correct horse battery 7"}).raise_for_status()
        wiped = client.delete(f"{API}/session").headers["clear-site-data"]

        assert '"storage"' in wiped and '"storage"' not in kept

    def test_a_sign_in_says_how_long_it_may_idle(self, client: TestClient) -> None:
        sign_in(client, name="anna")

        told = client.get(f"{API}/session").json()

        assert told["idle_seconds"] == 15 * 60
        assert 14 * 60 < told["idle_seconds_left"] <= 15 * 60


class TestRepeats:
    def test_a_repeat_after_a_fold_is_not_another_gesture(self, reading: Reading) -> None:
        body = reading.edit_body({1: 1})
        first = reading.send(body)
        reading.submit().raise_for_status()
        reading.person.post(f"/segmentations/{reading.segmentation_id}/reopen").raise_for_status()

        again = reading.send({**body, "base_revision_id": reading.head})

        assert again.status_code == 200
        assert again.json() == first.json()


class TestAMismatch:
    def test_it_folds_nothing_and_sounds_the_alarm(self, hospital: Hospital, reading: Reading) -> None:
        reading.draw({1: 1})

        answer = reading.send(reading.edit_body({2: 1}, checksums=[{"z": 0, "crc32": 1}]))

        assert (answer.status_code, answer.json()["code"], answer.json()["slices"]) == (409, "checksum-mismatch", [0])
        assert reading.submit([{"z": 0, "crc32": 1}]).status_code == 409
        edits = reading.person.get(f"/segmentations/{reading.segmentation_id}/edits").json()["items"]
        assert len(edits) == 1
        alarms = hospital.admin.get("/system").json()["checksum_alarms"]
        assert [(alarm["segmentation_id"], alarm["slices"]) for alarm in alarms] == [(reading.segmentation_id, [0])] * 2

    def test_a_fork_keeps_both_mine_and_what_the_server_held(self, hospital: Hospital, reading: Reading) -> None:
        reading.draw({1: 1, 5: 2})
        mine = reading.edit_body({2: 1, 100: 2})["runs"]

        answer = reading.person.post(
            f"/segmentations/{reading.segmentation_id}/forks", {"runs": mine}, If_Match=reading.etag
        )

        assert answer.status_code == 200, answer.text
        forked = hospital.labels_of(reading.person, answer.json()["id"]).reshape(-1)
        held = hospital.labels_of(reading.person, answer.json()["parent_id"]).reshape(-1)
        assert {i: int(forked[i]) for i in forked.nonzero()[0]} == {2: 1, 100: 2}
        assert {i: int(held[i]) for i in held.nonzero()[0]} == {1: 1, 5: 2}
        now = reading.person.get(f"/segmentations/{reading.segmentation_id}").json()
        assert (now["head_revision_id"], now["etag"]) == (answer.json()["id"], answer.headers["etag"])

    def test_a_stale_fork_overwrites_nothing(self, reading: Reading) -> None:
        stale = reading.etag
        reading.draw({1: 1})
        mine = reading.edit_body({2: 1})["runs"]

        answer = reading.person.post(f"/segmentations/{reading.segmentation_id}/forks", {"runs": mine}, If_Match=stale)

        assert answer.status_code == 412

    def test_drawing_goes_on_from_the_fork(self, hospital: Hospital, reading: Reading) -> None:
        mine = reading.edit_body({2: 1})["runs"]
        answer = reading.person.post(
            f"/segmentations/{reading.segmentation_id}/forks", {"runs": mine}, If_Match=reading.etag
        )
        reading.head, reading.etag = answer.json()["id"], answer.headers["etag"]
        reading.labels_zyx.reshape(-1)[2] = 1

        reading.draw({3: 1})

        assert reading.submit(checksums(reading.labels_zyx)).status_code == 200


def test_revisions_say_who_made_them_to_their_reader_alone(hospital: Hospital) -> None:
    project = hospital.project(blinding="open")
    hospital.images(project)
    reading, peer = hospital.open(hospital.reader(project), project), hospital.reader(project)
    path = f"/segmentations/{reading.segmentation_id}/revisions"

    own, others = (someone.get(path).json()["items"] for someone in (reading.person, peer))

    assert own[0]["author"].startswith("Person ")
    assert others[0]["author"] is None
