"""Lists in pages: each thing once, in one order, whatever the page size; and a cursor opens no door."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from backend.errors import Invalid
from backend.paging import decode_cursor, encode_cursor
from tests.hospital import Hospital, pages


def test_every_list_gives_each_thing_once_over_its_pages(hospital: Hospital) -> None:
    project = hospital.project(blinding="open")
    hospital.images(project, 5)
    readers = [hospital.reader(project) for _ in range(3)]
    for reader in readers:
        hospital.open(reader, project)
    admin = hospital.admin
    lists = {
        "/images": (admin, {}, 5),
        f"/projects/{project}/images": (admin, {}, 5),
        "/studies": (admin, {}, 5),
        f"/projects/{project}/members": (admin, {}, 4),
        f"/projects/{project}/experts": (admin, {}, 3),
        "/assignments": (readers[0], {"project_id": project}, 5),
        "/segmentations": (admin, {"project_id": project}, 3),
    }

    for path, (person, query, count) in lists.items():
        whole = person.get(path, **query, limit=100).json()["items"]
        split = pages(lambda cursor: person.get(path, **query, limit=2, cursor=cursor))

        assert len(whole) == count, path
        assert [one for page in split for one in page] == whole, path
        assert max(len(page) for page in split) == 2, path


def test_projects_are_paged_in_order_of_name(hospital: Hospital) -> None:
    for name in ("b", "c", "a"):
        hospital.admin.post("/projects", {"name": name})

    split = pages(lambda cursor: hospital.admin.get("/projects", limit=1, cursor=cursor))

    assert [one["name"] for page in split for one in page] == ["a", "b", "c"]


def test_what_arrives_while_paging_disturbs_no_page(hospital: Hospital) -> None:
    project = hospital.project()
    images = hospital.images(project, 4)
    first = hospital.admin.get("/images", project_id=project, limit=2).json()
    hospital.images(project)

    second = hospital.admin.get("/images", project_id=project, limit=2, cursor=first["next_cursor"]).json()

    assert [one["id"] for one in first["items"] + second["items"]] == images


def test_the_journal_is_paged_by_sequence_number(hospital: Hospital) -> None:
    project = hospital.project()
    hospital.images(project)
    reading = hospital.open(hospital.reader(project), project)
    for index in range(5):
        reading.draw({index: 1})
    path = f"/segmentations/{reading.segmentation_id}/edits"

    first = reading.person.get(path, limit=3).json()
    rest = reading.person.get(path, limit=3, after=first["next_after"]).json()

    assert [edit["seq"] for edit in first["items"] + rest["items"]] == [1, 2, 3, 4, 5]
    assert rest["next_after"] is None


@pytest.mark.parametrize("cursor", ["x", "!!!", encode_cursor(1, 2, 3), encode_cursor("a", "b"), "W10"])
def test_a_cursor_of_another_list_is_refused(hospital: Hospital, cursor: str) -> None:
    answer = hospital.admin.get("/images", cursor=cursor)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


def test_a_cursor_reads_back_what_was_written() -> None:
    parts = ("Ärzte / 1", 3, uuid4(), datetime.now(UTC))

    assert decode_cursor(encode_cursor(*parts), str, int, type(parts[2]), datetime) == parts


@pytest.mark.parametrize("cursor", [encode_cursor("1"), encode_cursor(True, 1)])
def test_a_cursor_of_other_kinds_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid):
        decode_cursor(cursor, int)
