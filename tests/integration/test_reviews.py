"""Reviews: settling disputed regions without learning whose readings they are, and before which nobody learns anything."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

import httpx
import numpy as np
import pytest

from backend.segmentations.rules.majority import majority
from backend.segmentations.rules.provenance import load_provenance
from backend.segmentations.store import Segmentation
from tests.hospital import SHAPE_ZYX, Hospital, Person, Reading, checksums


@dataclass
class Case:
    """One image of a blinded project, read by two; `judge` is its adjudicator and reads nothing."""

    project: str
    image: str
    readings: list[Reading]
    judge: Person

    def review(self, who: Person | None = None) -> httpx.Response:
        return (who or self.judge).post(f"/projects/{self.project}/images/{self.image}/review")

    def listed(self) -> list[dict[str, object]]:
        return list(self.judge.get(f"/projects/{self.project}/reviews").json()["items"])


@pytest.fixture
def case(hospital: Hospital) -> Case:
    """Both have drawn: voxels 5 to 7 as one label, then one of them 20 and the other 30; neither has submitted."""
    project = hospital.project(blinding="until_settled")
    (image,) = hospital.images(project)
    people = [hospital.reader(project), hospital.reader(project)]
    readings = [hospital.open(one, project) for one in people]
    readings[0].draw({5: 1, 6: 1, 7: 1, 20: 1})
    readings[1].draw({5: 1, 6: 1, 7: 1, 30: 2})
    judge = hospital.person(expert=False)
    member = {"user_id": judge.user_id, "role": "adjudicator"}
    assert hospital.admin.post(f"/projects/{project}/members", member).status_code == 200
    return Case(project, image, readings, judge)


def opened(case: Case) -> Reading:
    """The judge's own segmentation, after both readers have submitted."""
    submit_all(case)
    review = case.review().json()
    seen = case.judge.get(f"/segmentations/{review['segmentation_id']}").json()
    return Reading(case.judge, seen["id"], seen["head_revision_id"], seen["etag"])


def submit_all(case: Case) -> None:
    for reading in case.readings:
        assert reading.submit().status_code == 200


def test_while_a_reading_is_outstanding_there_is_nothing_to_review(case: Case) -> None:
    case.readings[0].submit()

    answer = case.review()

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert case.listed() == []


def test_a_reader_reviews_nothing(case: Case) -> None:
    reader = case.readings[0].person

    assert case.review(reader).status_code == 403
    assert reader.get(f"/projects/{case.project}/reviews").status_code == 403


def test_whoever_reads_an_image_does_not_review_it(hospital: Hospital, case: Case) -> None:
    judge = hospital.reader(case.project)
    member = {"user_id": judge.user_id, "role": "adjudicator"}
    hospital.admin.post(f"/projects/{case.project}/members", member)
    for reading in (*case.readings, hospital.open(judge, case.project)):
        reading.submit()

    answer = case.review(judge)

    assert answer.status_code == 403
    assert judge.get(f"/projects/{case.project}/reviews").json()["items"] == []


def test_a_review_begins_with_the_majority_and_is_one_however_often_it_is_opened(
    hospital: Hospital, case: Case
) -> None:
    submit_all(case)

    with ThreadPoolExecutor(4) as windows:
        answers = list(windows.map(lambda _: case.review(), range(4)))

    assert [one.status_code for one in answers] == [200] * 4, [one.text for one in answers]
    (segmentation_id,) = {one.json()["segmentation_id"] for one in answers}
    head = case.judge.get(f"/segmentations/{segmentation_id}").json()["head_revision_id"]
    begun = hospital.labels_of(case.judge, head).reshape(-1)
    assert np.flatnonzero(begun).tolist() == [5, 6, 7]
    assert case.listed()[0]["state"] == "draft"


def test_a_review_outlives_the_withdrawal_of_its_readings(hospital: Hospital, case: Case) -> None:
    mine = opened(case)
    for reading in case.readings:
        reading.person.post(f"/segmentations/{reading.segmentation_id}/reopen")
    experts = [reading.person.expert_id for reading in case.readings]
    body = {"project_id": case.project, "expert_ids": experts, "image_ids": [case.image], "reason": "read anew"}

    assert hospital.admin.post("/assignments/withdrawals", body).json()["withdrawn"] == 2
    assert case.review().json()["segmentation_id"] == mine.segmentation_id
    assert [one["state"] for one in case.listed()] == ["draft"]


def test_who_is_no_adjudicator_any_more_neither_decides_nor_settles(hospital: Hospital, case: Case) -> None:
    mine = opened(case)
    hospital.admin.post(f"/projects/{case.project}/members", {"user_id": case.judge.user_id, "role": "reader"})

    answers = [mine.send(mine.edit_body({20: 1}, tool="decide-union")), mine.submit()]

    assert [one.status_code for one in answers] == [403, 403]
    assert case.judge.get(f"/segmentations/{mine.segmentation_id}").json()["state"] == "draft"


def test_a_settled_image_shows_nothing_while_somebody_has_still_to_read_it(hospital: Hospital, case: Case) -> None:
    mine = opened(case)
    late = hospital.reader(case.project)
    assert mine.submit().status_code == 200
    paths = [f"/revisions/{case.readings[0].head}", f"/segmentations/{mine.segmentation_id}"]

    blind = [late.get(path).status_code for path in paths]
    hospital.open(late, case.project).submit()
    settled = [late.get(path).status_code for path in paths]

    assert (blind, settled) == ([404, 404], [200, 200])


def test_the_reviewer_is_told_letters_and_never_names(hospital: Hospital, case: Case) -> None:
    mine = opened(case)
    review, judge = case.review().json(), case.judge
    names = [text for one in case.readings for text in (one.person.expert_id, one.person.user_id)]

    told = [
        judge.get(f"/projects/{case.project}/reviews"), case.review(), judge.get("/segmentations", image_id=case.image),
        *(judge.get(f"/segmentations/{one.segmentation_id}") for one in (mine, *case.readings)),
        *(judge.get(f"/revisions/{one.head}") for one in case.readings),
    ]  # fmt: skip
    maps = [
        np.frombuffer(judge.get(f"/segmentations/{mine.segmentation_id}/readings/{letter}/slabs/0").content, np.uint8)
        for letter in "AB"
    ]

    assert [one["letter"] for one in review["readings"]] == ["A", "B"]
    for answer in told:
        assert answer.status_code == 200
        assert not [name for name in names if str(name) in answer.text], answer.url
        assert "Dr " not in answer.text
    assert {tuple(np.flatnonzero(one)) for one in maps} == {(5, 6, 7, 20), (5, 6, 7, 30)}


def test_the_readings_by_letter_are_for_their_reviewer_alone(hospital: Hospital, case: Case) -> None:
    mine = opened(case)
    path = f"/segmentations/{mine.segmentation_id}/readings/A/slabs/0"
    second = hospital.person(expert=False)
    hospital.admin.post(f"/projects/{case.project}/members", {"user_id": second.user_id, "role": "adjudicator"})

    asked = [one.get(path).status_code for one in (second, case.readings[0].person, hospital.admin)]
    beyond = [case.judge.get(path.replace("/A/", f"/{letter}/")).status_code for letter in ("C", "a")]

    assert asked == [404, 404, 404]
    assert beyond == [404, 422]


def test_a_review_is_drawn_undone_and_submitted_like_a_reading_and_settles_the_image(
    hospital: Hospital, case: Case
) -> None:
    mine, reader = opened(case), case.readings[0].person
    hidden = reader.get(f"/segmentations/{mine.segmentation_id}").status_code
    blind = reader.get(f"/revisions/{case.readings[1].head}").status_code
    mine.labels_zyx.reshape(-1)[[5, 6, 7]] = 1

    taken = mine.draw({20: 1}, tool="decide-take-a-boundary")
    mine.draw({20: 0}, tool="decide-take-a-boundary", undoes=taken)
    mine.draw({30: 2}, tool="decide-union")
    answer = mine.submit(checksums(mine.labels_zyx))

    assert answer.status_code == 200, answer.text
    assert np.array_equal(hospital.labels_of(case.judge, mine.head), mine.labels_zyx)
    assert (hidden, blind) == (404, 404)
    assert reader.get(f"/segmentations/{mine.segmentation_id}").json()["author"] == "consensus"
    assert reader.get(f"/revisions/{case.readings[1].head}").status_code == 200
    assert [one["tool"] for one in case.judge.get(f"/segmentations/{mine.segmentation_id}/edits").json()["items"]] == [
        "decide-take-a-boundary", "decide-take-a-boundary", "decide-union",
    ]  # fmt: skip
    assert case.judge.post(f"/segmentations/{mine.segmentation_id}/reopen").status_code == 200
    assert reader.get(f"/revisions/{case.readings[1].head}").status_code == 404


def test_a_decision_is_one_of_those_we_know_and_takes_a_reader_of_this_review(case: Case) -> None:
    mine = opened(case)

    for tool in ("decide-take-ab", "decide-union-whim", "decide-"):
        answer = mine.send(mine.edit_body({20: 1}, tool=tool))
        assert (answer.status_code, "no decision" in answer.json()["detail"]) == (422, True), tool
    answer = mine.send(mine.edit_body({20: 1}, tool="decide-take-c"))
    assert (answer.status_code, "readers are A, B." in answer.json()["detail"]) == (422, True)


def test_a_reading_takes_no_decisions(case: Case) -> None:
    answer = case.readings[0].send(case.readings[0].edit_body({9: 1}, tool="decide-union"))

    assert answer.status_code == 422


def test_a_decision_that_changes_no_voxel_is_kept(case: Case) -> None:
    mine = opened(case)

    mine.draw({20: 0, 30: 0}, tool="decide-undecidable")

    (kept,) = case.judge.get(f"/segmentations/{mine.segmentation_id}/edits").json()["items"]
    assert kept["tool"] == "decide-undecidable"


def test_a_reading_taken_up_again_makes_its_review_outdated_and_changes_nothing_in_it(
    hospital: Hospital, case: Case
) -> None:
    mine = opened(case)
    path = f"/segmentations/{mine.segmentation_id}/readings/A/slabs/0"
    before = case.judge.get(path).content
    case.readings[0].person.post(f"/segmentations/{case.readings[0].segmentation_id}/reopen")

    review = case.review().json()
    refused = anew(mine)

    assert [one["what"] for one in review["changes"]] == ["taken_up"]
    assert (review["can_begin_anew"], refused.status_code) == (False, 409)
    assert case.judge.get(path).content == before


# Beginning anew


def anew(mine: Reading) -> httpx.Response:
    """Begin anew from the state last heard of, and hear of the next."""
    answer = mine.person.post(f"/segmentations/{mine.segmentation_id}/review-rounds", If_Match=mine.etag)
    seen = mine.person.get(f"/segmentations/{mine.segmentation_id}").json()
    mine.head, mine.etag = seen["head_revision_id"], seen["etag"]
    return answer


def redraw(reading: Reading, voxels: dict[int, int]) -> None:
    """Take a submitted reading up again, change these voxels, submit."""
    path = f"/segmentations/{reading.segmentation_id}"
    reading.etag = reading.person.post(f"{path}/reopen").json()["etag"]
    reading.draw(voxels)
    assert reading.submit().status_code == 200


def letter_of(case: Case, mine: Reading, voxel: int) -> str:
    """The letter of the only reading that has a label there."""
    for letter in "ABC":
        labels = case.judge.get(f"/segmentations/{mine.segmentation_id}/readings/{letter}/slabs/0").content
        if labels[voxel]:
            return letter
    raise AssertionError(voxel)


def decisions(mine: Reading) -> list[tuple[str, str]]:
    """Every decision in the journal with the revision it was made on."""
    items = mine.person.get(f"/segmentations/{mine.segmentation_id}/edits").json()["items"]
    return [(one["tool"], one["base_revision_id"]) for one in items]


FAR = 2 * 80 + 7 * 10 + 9  # the last voxel: two slices, seven rows from those that the readers differ in


def test_begun_anew_a_review_keeps_what_was_decided_where_the_readings_stayed_as_they_were(
    hospital: Hospital, case: Case
) -> None:
    mine = opened(case)
    first = letter_of(case, mine, 20)
    mine.draw({20: 1}, tool=f"decide-take-{first.lower()}-missed")
    mine.draw({30: 0}, tool="decide-undecidable")
    redraw(case.readings[0], {20: 1})  # submitted again as it was
    unchanged = (case.review().json()["changes"], anew(mine).json())
    redraw(case.readings[1], {FAR: 2})
    review, listed = case.review().json(), case.listed()

    answer = anew(mine)

    assert unchanged == ([], {"kept": 2, "dropped": 0})
    assert review["changes"] == [{"letter": letter_of(case, mine, FAR), "what": "submitted_anew"}]
    assert (review["can_begin_anew"], review["round"], listed[0]["is_outdated"]) == (True, 0, True)
    assert answer.json() == {"kept": 2, "dropped": 0}
    fresh = case.review().json()
    assert (fresh["changes"], fresh["can_begin_anew"], fresh["round"]) == ([], False, 1)
    assert letter_of(case, mine, 20) == first
    kept = [tool for tool, base in decisions(mine) if base == mine.head]
    assert kept == [f"decide-take-{first.lower()}-missed", "decide-undecidable"]
    assert mine.submit().status_code == 200
    settled = hospital.labels_of(case.judge, mine.head).reshape(-1)
    assert np.flatnonzero(settled).tolist() == [5, 6, 7, 20]


def test_begun_anew_a_review_forgets_what_was_decided_where_a_reading_changed_and_keeps_it_in_its_history(
    hospital: Hospital, case: Case
) -> None:
    mine = opened(case)
    mine.draw({20: 1}, tool="decide-union")
    mine.submit()
    settled = mine.head
    redraw(case.readings[1], {31: 2})  # beside the region, though nobody's opinion on the region itself is another
    forgotten = anew(mine).json()
    mine.draw({40: 2})
    redraw(case.readings[1], {31: 0})

    anew(mine)

    assert forgotten == {"kept": 0, "dropped": 1}
    revisions = case.judge.get(f"/segmentations/{mine.segmentation_id}/revisions").json()["items"]
    assert [one["origin"] for one in revisions] == ["majority", "fold", "majority", "fold", "majority"]
    assert (revisions[1]["id"], revisions[-1]["id"]) == (settled, mine.head)
    held = [np.flatnonzero(hospital.labels_of(case.judge, one["id"])).tolist() for one in revisions[1:]]
    assert held == [[5, 6, 7, 20], [5, 6, 7], [5, 6, 7, 40], [5, 6, 7]]
    assert case.judge.get(f"/segmentations/{mine.segmentation_id}").json()["state"] == "draft"


def test_a_review_begins_anew_without_a_reading_that_was_withdrawn_and_with_one_that_came_since(
    hospital: Hospital, case: Case
) -> None:
    third = hospital.reader(case.project)
    reading = hospital.open(third, case.project)
    reading.draw({5: 1, 6: 1, 7: 1, 20: 1})
    case.readings.append(reading)
    mine = opened(case)
    only = letter_of(case, mine, 30)
    mine.draw({20: 1}, tool="decide-union")
    mine.draw({30: 2}, tool=f"decide-take-{only.lower()}")
    gone = case.readings[1]
    gone.person.post(f"/segmentations/{gone.segmentation_id}/reopen")
    body = {"project_id": case.project, "expert_ids": [gone.person.expert_id], "image_ids": [case.image], "reason": "x"}
    hospital.admin.post("/assignments/withdrawals", body)
    withdrawn = case.review().json()["changes"]
    late = hospital.open(hospital.reader(case.project), case.project)
    late.draw({50: 1})
    late.submit()
    changes = case.review().json()["changes"]

    answer = anew(mine)

    assert withdrawn == [{"letter": only, "what": "withdrawn"}]
    assert changes == [*withdrawn, {"letter": None, "what": "added"}]
    assert answer.json() == {"kept": 0, "dropped": 2}
    letters = [one["letter"] for one in case.review().json()["readings"]]
    assert letters == [*(letter for letter in "ABC" if letter != only), "D"]
    path = f"/segmentations/{mine.segmentation_id}/readings/{only}/slabs/0"
    assert case.judge.get(path).status_code == 404


def test_what_a_machine_drew_after_a_review_began_anew_is_not_taken_for_a_hand_s(
    hospital: Hospital, case: Case
) -> None:
    mine = opened(case)
    for reading in case.readings[:2]:
        redraw(reading, {5: 0})  # the majority no longer has it
    anew(mine)
    mine.draw({5: 1}, tool="interpolate")

    with hospital.app.state.database.read() as db:
        review = db.get_one(Segmentation, UUID(mine.segmentation_id))
        known = load_provenance(db, hospital.app.state.blobs, review, SHAPE_ZYX, 0)

    assert known.labels_zyx.reshape(-1)[[5, 6]].tolist() == [1, 1]
    assert known.by_hand_zyx.reshape(-1)[[5, 6]].tolist() == [False, True]


def test_begun_anew_in_two_windows_a_review_begins_anew_once_and_at_its_reviewers_word_alone(
    hospital: Hospital, case: Case
) -> None:
    mine, reader = opened(case), case.readings[0]
    redraw(reader, {21: 1})
    stale = mine.etag
    mine.draw({40: 2})
    path = f"/segmentations/{mine.segmentation_id}/review-rounds"
    second = hospital.person(expert=False)
    hospital.admin.post(f"/projects/{case.project}/members", {"user_id": second.user_id, "role": "adjudicator"})

    others = [one.post(path, If_Match=mine.etag).status_code for one in (second, reader.person)]
    reading = reader.person.post(
        f"/segmentations/{reader.segmentation_id}/review-rounds", If_Match=reader.etag
    ).status_code
    late = case.judge.post(path, If_Match=stale).status_code
    bare = case.judge.post(path).status_code
    with ThreadPoolExecutor(3) as windows:
        answers = list(windows.map(lambda _: case.judge.post(path, If_Match=mine.etag), range(3)))

    assert (others, reading, late, bare) == ([404, 404], 409, 412, 428)
    assert [one.status_code for one in answers] == [200] * 3
    assert case.review().json()["round"] == 1
    assert [one["is_outdated"] for one in case.listed()] == [False]


def test_the_majority_breaks_ties_as_the_screen_does() -> None:
    shape = (1, 1, 6)
    ballots = [[1, 1, 0, 2, 1, 3], [1, 2, 1, 1, 1, 2], [1, 0, 0, 2, 2, 0], [1, 0, 1, 1, 2, 0]]

    voted = majority([np.array(ballot, np.uint8).reshape(shape) for ballot in ballots])

    assert voted.reshape(-1).tolist() == [1, 0, 0, 1, 1, 0]
