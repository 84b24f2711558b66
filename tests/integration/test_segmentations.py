"""A reading from the first stroke to the signed revision: what is kept, what is refused, what happens twice."""

import base64
import threading
import uuid

import httpx
import numpy as np
import pytest
from sqlalchemy import event

from backend.imaging import labels as codec
from backend.segmentations.store import Revision
from tests.hospital import SHAPE_ZYX, Hospital, Reading, checksums


@pytest.fixture
def reading(hospital: Hospital) -> Reading:
    """A reader's freshly opened segmentation of the only image."""
    project = hospital.project(blinding="open")
    hospital.images(project)
    return hospital.open(hospital.reader(project), project)


def test_a_fresh_reading_is_blank(hospital: Hospital, reading: Reading) -> None:
    labels = hospital.labels_of(reading.person, reading.head)

    assert not labels.any()
    assert reading.etag == f'"{reading.head}.0"'


def test_opening_again_gives_the_same_segmentation(hospital: Hospital, reading: Reading) -> None:
    project = reading.person.get(f"/segmentations/{reading.segmentation_id}").json()["project_id"]

    again = hospital.open(reading.person, project)

    assert again.segmentation_id == reading.segmentation_id


def test_submitting_folds_the_edits_in_order(hospital: Hospital, reading: Reading) -> None:
    reading.draw({3: 1, 4: 1, 5: 1})
    reading.draw({4: 2, 100: 1})
    reading.draw({5: 0})

    answer = reading.submit(checksums(reading.labels_zyx))

    assert answer.status_code == 200, answer.text
    assert np.array_equal(hospital.labels_of(reading.person, answer.json()["id"]), reading.labels_zyx)
    assert answer.json()["label_volumes"] == {"1": 2, "2": 1}
    assert answer.json()["assisted"] is False
    assert answer.json()["submitted_at"] is not None


def test_many_random_edits_fold_to_what_the_reader_saw(hospital: Hospital, reading: Reading) -> None:
    random = np.random.default_rng(7)
    for _ in range(40):
        chosen = random.choice(reading.labels_zyx.size, size=random.integers(1, 60), replace=False)
        reading.draw({int(index): int(random.integers(0, 3)) for index in chosen})

    answer = reading.submit(checksums(reading.labels_zyx))

    assert answer.status_code == 200, answer.text
    assert np.array_equal(hospital.labels_of(reading.person, answer.json()["id"]), reading.labels_zyx)


def test_a_repeated_edit_whose_answer_was_lost_is_not_a_conflict(reading: Reading) -> None:
    body, etag = reading.edit_body({1: 1}), reading.etag
    first = reading.send(body)
    reading.draw({2: 1})

    again = reading.send(body, etag)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    edits = reading.person.get(f"/segmentations/{reading.segmentation_id}/edits").json()["items"]
    assert [edit["seq"] for edit in edits] == [1, 2]


def test_a_step_of_eight_mebibytes_is_saved_and_a_larger_one_is_refused_with_the_way_on(hospital: Hospital) -> None:
    project = hospital.project(blinding="open")
    hospital.images(project, shape_zyx=(5, 1024, 1024))
    reading = hospital.open(hospital.reader(project), project)

    def every_second_voxel(count: int) -> dict[str, object]:
        runs = codec.encode(2 * np.arange(count), np.ones(count, np.uint8))
        return {**reading.edit_body({}), "runs": base64.b64encode(runs).decode()}  # four bytes a voxel

    saved = reading.send(every_second_voxel(2_090_000))
    refused = reading.send(every_second_voxel(2_110_000))

    assert saved.status_code == 201, saved.text
    assert (refused.status_code, refused.json()["code"]) == (413, "too-large")
    assert "in parts" in refused.json()["detail"]


def test_an_edit_id_used_for_another_gesture_is_refused(reading: Reading) -> None:
    edit_id = reading.draw({1: 1})

    answer = reading.send(reading.edit_body({2: 2}, edit_id=edit_id))

    assert answer.status_code == 422


def test_a_stale_edit_is_refused_and_told_what_is_current(reading: Reading) -> None:
    stale = reading.etag
    reading.draw({1: 1})

    answer = reading.send(reading.edit_body({2: 1}), stale)

    assert answer.status_code == 412
    assert answer.json()["code"] == "revision-is-stale"
    assert answer.json()["etag"] == reading.etag


@pytest.mark.parametrize("headers", [{}, {"If_Match": "*"}])
def test_a_label_write_that_names_no_state_is_refused(reading: Reading, headers: dict[str, str]) -> None:
    path = f"/segmentations/{reading.segmentation_id}/edits"

    answer = reading.person.post(path, reading.edit_body({1: 1}), **headers)

    assert answer.status_code == 428
    assert answer.json()["code"] == "if-match-required"


@pytest.mark.parametrize(
    ("runs", "reason"),
    [
        ("AQABAQM=", "unknown-label"),  # one voxel of label 3, of a set of two
        ("Af////8PAQEB", "outside-grid"),
        ("AQABAQEA", "trailing-bytes"),
        ("AQABAQ==", "truncated"),
        ("????", "base64"),
    ],
)
def test_runs_that_cannot_be_true_change_nothing(reading: Reading, runs: str, reason: str) -> None:
    body = {**reading.edit_body({1: 1}), "runs": runs}

    answer = reading.send(body)

    assert (answer.status_code, answer.json().get("reason")) == (422, reason)
    assert reading.person.get(f"/segmentations/{reading.segmentation_id}").json()["edit_seq"] == 0


def test_undoing_is_an_edit_of_its_own(hospital: Hospital, reading: Reading) -> None:
    first = reading.draw({10: 1, 11: 1})
    reading.draw({10: 0, 11: 0}, undoes=first)

    answer = reading.submit(checksums(np.zeros(SHAPE_ZYX, np.uint8)))

    assert answer.status_code == 200
    edits = reading.person.get(f"/segmentations/{reading.segmentation_id}/edits").json()["items"]
    assert [edit["undoes"] for edit in edits] == [None, first]


def test_undoing_what_was_never_done_is_refused(reading: Reading) -> None:
    answer = reading.send(reading.edit_body({1: 1}, undoes=str(uuid.uuid4())))

    assert answer.status_code == 422


def test_a_browser_that_sees_other_labels_is_not_folded(reading: Reading) -> None:
    reading.draw({1: 1})
    wrong = reading.labels_zyx.copy()
    wrong[0, 0, 5] = 2

    answer = reading.submit(checksums(wrong))

    assert (answer.status_code, answer.json()["code"]) == (409, "checksum-mismatch")
    seen = reading.person.get(f"/segmentations/{reading.segmentation_id}").json()
    assert (seen["state"], seen["edit_seq"]) == ("draft", 1)


def test_an_edit_with_a_wrong_checksum_is_not_kept(reading: Reading) -> None:
    answer = reading.send(reading.edit_body({1: 1}, checksums=[{"z": 0, "crc32": 1}]))

    assert answer.status_code == 409
    assert reading.person.get(f"/segmentations/{reading.segmentation_id}").json()["edit_seq"] == 0


def test_submitting_twice_from_one_state_answers_the_same(reading: Reading) -> None:
    reading.draw({1: 1})
    etag = reading.etag
    first = reading.submit()

    again = reading.person.post(f"/segmentations/{reading.segmentation_id}/submit", If_Match=etag)

    assert again.status_code == 200
    assert again.json()["id"] == first.json()["id"]


def test_a_submitted_reading_takes_no_edit_until_it_is_reopened(reading: Reading) -> None:
    reading.draw({1: 1})
    reading.submit()

    refused = reading.send(reading.edit_body({2: 1}))
    reopened = reading.person.post(f"/segmentations/{reading.segmentation_id}/reopen")
    reading.etag = reopened.json()["etag"]
    accepted = reading.send(reading.edit_body({2: 1}))

    assert (refused.status_code, reopened.status_code, accepted.status_code) == (409, 200, 201)
    assert reopened.json()["state"] == "draft"


def test_both_submissions_of_a_reopened_reading_stay_readable(hospital: Hospital, reading: Reading) -> None:
    reading.draw({1: 1})
    first = reading.submit().json()["id"]
    reading.person.post(f"/segmentations/{reading.segmentation_id}/reopen")
    reading.draw({2: 2})
    second = reading.submit().json()

    assert hospital.labels_of(reading.person, first).reshape(-1)[:4].tolist() == [0, 1, 0, 0]
    assert hospital.labels_of(reading.person, second["id"]).reshape(-1)[:4].tolist() == [0, 1, 2, 0]
    assert second["parent_id"] == first


def test_a_stroke_asks_the_database_eleven_questions(hospital: Hospital, reading: Reading) -> None:
    """Each is a journey to PostgreSQL and back; twenty doctors' strokes share two cores with it."""
    reading.draw({1: 1})  # the first one moves the worklist as well
    asked: list[str] = []
    engine = hospital.app.state.database.engine
    event.listen(engine, "before_cursor_execute", lambda *facts: asked.append(facts[2]))

    reading.draw({2: 1})

    assert len(asked) == 11, "\n".join(asked)


def test_restoring_an_old_revision_keeps_the_edits_it_replaces(hospital: Hospital, reading: Reading) -> None:
    blank = reading.head
    reading.draw({1: 1})

    answer = reading.person.post(
        f"/segmentations/{reading.segmentation_id}/restore", {"revision_id": blank}, If_Match=reading.etag
    )

    assert answer.status_code == 200, answer.text
    revisions = reading.person.get(f"/segmentations/{reading.segmentation_id}/revisions").json()["items"]
    assert [one["origin"] for one in revisions] == ["blank", "fold", "restore"]
    assert revisions[1]["label_volumes"] == {"1": 1}
    assert not hospital.labels_of(reading.person, revisions[2]["id"]).any()

    taken_back = reading.person.post(
        f"/segmentations/{reading.segmentation_id}/restore",
        {"revision_id": revisions[1]["id"]},
        If_Match=answer.headers["etag"],
    )
    assert taken_back.json()["label_volumes"] == {"1": 1}


def test_two_doctors_write_their_own_readings_of_one_image(hospital: Hospital) -> None:
    project = hospital.project(blinding="open")
    hospital.images(project)
    first, second = (hospital.open(hospital.reader(project), project) for _ in range(2))

    first.draw({1: 1})
    second.draw({1: 2})
    foreign = first.person.post(
        f"/segmentations/{second.segmentation_id}/edits", second.edit_body({3: 1}), If_Match=second.etag
    )

    assert first.segmentation_id != second.segmentation_id
    assert foreign.status_code == 403
    assert first.submit().json()["label_volumes"] == {"1": 1}
    assert second.submit().json()["label_volumes"] == {"2": 1}


def test_of_two_tabs_drawing_at_once_one_is_told_to_catch_up(reading: Reading) -> None:
    etag, answers = reading.etag, list[httpx.Response]()
    bodies = [reading.edit_body({index: 1}) for index in range(6)]
    path = f"/segmentations/{reading.segmentation_id}/edits"

    def send(body: dict[str, object]) -> None:
        answers.append(reading.person.post(path, body, If_Match=etag))

    tabs = [threading.Thread(target=send, args=(body,)) for body in bodies]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()

    assert sorted(answer.status_code for answer in answers) == [201, 412, 412, 412, 412, 412]


def test_the_worklist_follows_the_reading(reading: Reading) -> None:
    def state() -> str:
        shown: str = reading.person.get("/assignments").json()["items"][0]["state"]
        return shown

    seen = [state()]
    reading.draw({1: 1})
    seen.append(state())
    reading.submit()
    seen.append(state())
    reading.person.post(f"/segmentations/{reading.segmentation_id}/reopen")
    seen.append(state())

    assert seen == ["opened", "drafting", "submitted", "drafting"]


def test_a_revision_downloads_as_a_nifti_on_the_images_own_grid(hospital: Hospital, reading: Reading) -> None:
    nibabel = pytest.importorskip("nibabel")
    reading.draw({1: 1, 12: 2})
    revision = reading.submit().json()["id"]

    answer = reading.person.get(f"/revisions/{revision}/file", format="nifti")

    assert answer.status_code == 200, answer.text
    path = hospital.work / "revision.nii.gz"
    path.write_bytes(answer.content)
    image = nibabel.load(path)
    assert np.array_equal(np.asarray(image.dataobj).T, reading.labels_zyx)
    assert np.allclose(image.affine[:3].diagonal(), [1, 1, 2])


def test_comparing_two_revisions_gives_dice_per_label(reading: Reading) -> None:
    blank = reading.head
    reading.draw({0: 1, 1: 1})
    first = reading.submit().json()["id"]
    reading.person.post(f"/segmentations/{reading.segmentation_id}/reopen")
    reading.draw({1: 0, 2: 1})
    second = reading.submit().json()["id"]

    near = reading.person.post("/comparisons", {"revision_a": first, "revision_b": second}).json()
    far = reading.person.post("/comparisons", {"revision_a": first, "revision_b": blank}).json()

    assert near["labels"] == [{"value": 1, "dice": 0.5}, {"value": 2, "dice": 1.0}]
    assert far["labels"][0]["dice"] == 0.0


def test_a_damaged_revision_is_never_shown(hospital: Hospital, reading: Reading) -> None:
    reading.draw({7: 1, 70: 2})  # found nowhere else: a map read a moment ago would come from memory, undamaged
    reading.submit()
    with hospital.app.state.database.read() as db:
        revision = db.get(Revision, uuid.UUID(reading.head))
        assert revision is not None
    path = hospital.app.state.blobs.path(revision.labels_sha256)
    path.write_bytes(codec.compress(np.ones(SHAPE_ZYX, np.uint8)))

    answer = reading.person.get(f"/revisions/{reading.head}/slabs/0")

    assert (answer.status_code, answer.json()["code"]) == (409, "corrupt-blob")
