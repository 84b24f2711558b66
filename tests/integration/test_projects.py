"""Projects over HTTP: who may make, see and change them, and who belongs to them."""

import pytest

from tests.hospital import Hospital

LABEL = {"value": 1, "name": "Liver", "colour": "#aa0000"}


def test_who_makes_a_project_runs_it(hospital: Hospital) -> None:
    project = hospital.project(labels=2)

    seen = hospital.admin.get(f"/projects/{project}").json()

    assert seen["role"] == "manager"
    assert [label["value"] for label in seen["labels"]] == [1, 2]
    assert seen["policy"] == {
        "blinding": "until_all_submitted", "prefill": "before", "reads_per_image": 1, "personalise": True, "goal_dice": 90.0,
    }  # fmt: skip


def test_a_name_belongs_to_one_project(hospital: Hospital) -> None:
    hospital.admin.post("/projects", {"name": "Liver"})

    answer = hospital.admin.post("/projects", {"name": "Liver"})

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_a_reader_may_neither_make_nor_change_a_project(hospital: Hospital) -> None:
    project = hospital.project()
    reader = hospital.reader(project)

    made = reader.post("/projects", {"name": "Mine"})
    changed = reader.call("PATCH", f"/projects/{project}", {"name": "Mine"})
    labelled = reader.call("PUT", f"/projects/{project}/labels", {"labels": [LABEL]})

    assert (made.status_code, changed.status_code, labelled.status_code) == (403, 403, 403)


def test_changing_one_part_of_the_policy_keeps_the_others(hospital: Hospital) -> None:
    project = hospital.project(blinding="open")

    answer = hospital.admin.call("PATCH", f"/projects/{project}", {"policy": {"prefill": "never"}})

    assert answer.json()["policy"]["prefill"] == "never"
    assert answer.json()["policy"]["blinding"] == "open"


@pytest.mark.parametrize(
    "labels",
    [
        [LABEL, {**LABEL, "name": "Spleen"}],
        [LABEL, {**LABEL, "value": 2}],
        [{**LABEL, "value": 0}],
        [{**LABEL, "value": 256}],
        [{**LABEL, "colour": "red"}],
    ],
)
def test_a_label_set_that_cannot_be_is_refused(hospital: Hospital, labels: list[dict[str, object]]) -> None:
    project = hospital.project()

    answer = hospital.admin.call("PUT", f"/projects/{project}/labels", {"labels": labels})

    assert answer.status_code == 422


def test_a_label_in_use_can_be_renamed_but_not_removed(hospital: Hospital) -> None:
    project = hospital.project(labels=2)
    hospital.images(project)
    hospital.open(hospital.reader(project), project)
    path = f"/projects/{project}/labels"

    removed = hospital.admin.call("PUT", path, {"labels": [LABEL]})
    renamed = hospital.admin.call("PUT", path, {"labels": [LABEL, {**LABEL, "value": 2, "name": "Spleen"}]})

    assert removed.status_code == 409
    assert [label["name"] for label in renamed.json()["labels"]] == ["Liver", "Spleen"]


def test_an_expert_added_to_a_project_reads_every_image_of_it(hospital: Hospital) -> None:
    project = hospital.project()
    hospital.images(project, 3)

    reader = hospital.reader(project)

    assert len(reader.get("/assignments", project_id=project).json()["items"]) == 3
    assert reader.get(f"/projects/{project}").json()["role"] == "reader"


def test_images_added_later_are_assigned_once(hospital: Hospital) -> None:
    first, second = hospital.project(), hospital.project()
    images = hospital.images(first, 2)
    reader = hospital.reader(second)

    added = [hospital.admin.post(f"/projects/{second}/images", {"image_ids": images}).json() for _ in range(2)]

    assert added == [{"added": 2}, {"added": 0}]
    assert len(reader.get("/assignments").json()["items"]) == 2


def test_an_image_one_may_not_see_cannot_be_added(hospital: Hospital) -> None:
    (image,) = hospital.images(hospital.project())
    project = hospital.project()
    manager = hospital.person(expert=False)
    hospital.admin.post(f"/projects/{project}/members", {"user_id": manager.user_id, "role": "manager"})

    answer = manager.post(f"/projects/{project}/images", {"image_ids": [image]})

    assert answer.status_code == 422
    assert manager.get(f"/projects/{project}/images").json()["items"] == []


def test_experts_are_asked_again_only_for_what_is_new(hospital: Hospital) -> None:
    project = hospital.project()
    reader = hospital.reader(project)
    hospital.images(project, 2)
    body = {"project_id": project, "image_ids": None, "expert_ids": [reader.expert_id]}

    answer = hospital.admin.post("/assignments", body)

    assert answer.json() == {"created": 0}


def test_nobody_changes_their_own_role(hospital: Hospital) -> None:
    project = hospital.project()
    body = {"user_id": hospital.admin.user_id, "role": "reader"}

    answer = hospital.admin.post(f"/projects/{project}/members", body)

    assert answer.status_code == 403


def test_a_manager_makes_readers_but_no_managers(hospital: Hospital) -> None:
    project = hospital.project()
    manager, somebody = hospital.person(expert=False), hospital.person(expert=False)
    hospital.admin.post(f"/projects/{project}/members", {"user_id": manager.user_id, "role": "manager"})
    path = f"/projects/{project}/members"

    as_reader = manager.post(path, {"user_id": somebody.user_id, "role": "reader"})
    as_manager = manager.post(path, {"user_id": somebody.user_id, "role": "manager"})

    assert (as_reader.status_code, as_manager.status_code) == (200, 403)


def test_who_leaves_a_project_sees_it_no_more_and_their_reading_stays(hospital: Hospital) -> None:
    project = hospital.project(blinding="open")
    hospital.images(project)
    reading = hospital.open(hospital.reader(project), project)
    reading.submit()

    hospital.admin.call("DELETE", f"/projects/{project}/members/{reading.person.user_id}")

    assert reading.person.get(f"/segmentations/{reading.segmentation_id}").status_code == 404
    assert hospital.admin.get(f"/segmentations/{reading.segmentation_id}").status_code == 200


def test_the_next_assignment_skips_what_is_submitted_and_begins_again_at_the_top(hospital: Hospital) -> None:
    project = hospital.project()
    hospital.images(project, 3)
    reader = hospital.reader(project)
    first, second, third = (one["id"] for one in reader.get("/assignments").json()["items"])
    hospital.open(reader, project, reader.get(f"/assignments/{second}").json()["image_id"]).submit()

    def after(assignment: str | None) -> str:
        answer = reader.get("/assignments/next", project_id=project, after=assignment)
        shown: str = answer.json()["id"]
        return shown

    assert [after(None), after(first), after(third)] == [first, third, first]


def test_with_everything_submitted_there_is_no_next_assignment(hospital: Hospital) -> None:
    project = hospital.project()
    hospital.images(project)
    reader = hospital.reader(project)
    hospital.open(reader, project).submit()

    assert reader.get("/assignments/next").json() is None


def test_another_readers_assignment_cannot_be_opened(hospital: Hospital) -> None:
    project = hospital.project(blinding="open")
    hospital.images(project)
    mine, other = hospital.reader(project), hospital.reader(project)
    (assignment,) = (one["id"] for one in mine.get("/assignments").json()["items"])

    answer = other.post(f"/assignments/{assignment}/open")

    assert answer.status_code == 404


def test_a_repeated_creation_makes_one_project(hospital: Hospital) -> None:
    first = hospital.admin.post("/projects", {"name": "Once"}, Idempotency_Key="k1")

    again = hospital.admin.post("/projects", {"name": "Once"}, Idempotency_Key="k1")

    assert again.status_code == 201
    assert again.json() == first.json()
