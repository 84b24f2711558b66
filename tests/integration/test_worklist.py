"""A worklist is filtered, sorted, counted and paged by the server; a project's progress is told to who runs it."""

from typing import Any

from sqlalchemy import text

from tests.hospital import Hospital, Person, pages


def named(hospital: Hospital, project: str, names: list[str], modality: str = "MR") -> None:
    """As many images as names, under these names."""
    for image, name in zip(hospital.images(project, len(names)), names, strict=True):
        with hospital.app.state.database.write() as db:
            db.execute(
                text("UPDATE images SET name = :name, modality = :modality WHERE id = :id"),
                {"name": name, "modality": modality, "id": image},
            )


def listed(someone: Person, **query: Any) -> list[str]:
    return [one["image_name"] for one in someone.get("/assignments", **query).json()["items"]]


def test_the_filters_narrow_each_other(hospital: Hospital) -> None:
    project, other = hospital.project(), hospital.project()
    named(hospital, project, ["Liver 1", "liver_2", "Brain"])
    named(hospital, other, ["Liver CT"], "CT")
    reader = hospital.reader(project)
    hospital.ask(other, reader)
    hospital.open(reader, project)

    assert sorted(listed(reader, name="LIVER")) == ["Liver 1", "Liver CT", "liver_2"]
    assert sorted(listed(reader, name="liver", project_id=project)) == ["Liver 1", "liver_2"]
    assert listed(reader, name="liver", modality="CT") == ["Liver CT"]
    assert listed(reader, name="r_2") == ["liver_2"]  # signs that SQL's LIKE reads are only signs
    assert listed(reader, name="%") == []
    assert listed(reader, state="opened") == ["Liver 1"]


def test_every_sort_gives_each_case_once_over_its_pages(hospital: Hospital) -> None:
    project = hospital.project()
    named(hospital, project, ["c", "a", "b", "a", "d"])
    reader = hospital.reader(project)
    hospital.open(reader, project)

    for sort in ("order", "name", "updated"):
        whole = reader.get("/assignments", sort=sort).json()["items"]
        split = pages(lambda cursor, sort=sort: reader.get("/assignments", sort=sort, limit=2, cursor=cursor))

        assert [one for page in split for one in page] == whole
        assert len({one["id"] for one in whole}) == 5
    assert listed(reader, sort="name") == ["a", "a", "b", "c", "d"]
    assert listed(reader, sort="updated")[0] == "c"


def test_counts_say_how_far_a_worklist_is(hospital: Hospital) -> None:
    project = hospital.project()
    named(hospital, project, ["a", "b", "c"])
    reader = hospital.reader(project)
    hospital.open(reader, project)

    counts = reader.get("/assignments/counts").json()["items"]

    assert {(one["modality"], one["state"]): one["count"] for one in counts} == {
        ("MR", "assigned"): 2,
        ("MR", "opened"): 1,
    }
    assert hospital.person().get("/assignments/counts").json()["items"] == []


def test_progress_names_readers_only_where_nothing_is_blinded(hospital: Hospital) -> None:
    unblinded, blinded = hospital.project(blinding="open"), hospital.project(blinding="until_all_submitted")
    for project in (unblinded, blinded):
        hospital.images(project, 2)
        hospital.open(hospital.reader(project), project)

    seen, counted = (hospital.admin.get(f"/projects/{p}/progress").json()["items"] for p in (unblinded, blinded))

    assert [[r["state"] for r in one["readings"]] for one in seen] == [["opened"], ["assigned"]]
    assert [(one["asked"], one["submitted"], one["readings"]) for one in counted] == [(1, 0, None), (1, 0, None)]
    split = pages(lambda cursor: hospital.admin.get(f"/projects/{blinded}/progress", limit=1, cursor=cursor))
    assert [one for page in split for one in page] == counted


def test_an_image_leaves_a_project_only_while_nobody_reads_it(hospital: Hospital) -> None:
    project = hospital.project()
    begun, untouched = hospital.images(project, 2)
    reader = hospital.reader(project)
    hospital.open(reader, project, begun)
    remove = f"/projects/{project}/images"

    kept = hospital.admin.call("DELETE", f"{remove}/{begun}")
    gone = hospital.admin.call("DELETE", f"{remove}/{untouched}")

    assert (kept.status_code, gone.status_code) == (409, 204)
    assert [one["image_id"] for one in reader.get("/assignments").json()["items"]] == [begun]
    assert hospital.admin.call("DELETE", f"{remove}/{untouched}").status_code == 404
