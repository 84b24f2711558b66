"""What a reader may learn of others' work, over every route that could tell: until unblinding, nothing at all.

Each test asks both ways: hidden before, and visible once the policy says so, because a test of hiding alone would
also pass on a server that shows nothing to anybody.
"""

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from backend.models import store as models
from backend.segmentations import rules as segmentations
from tests.conftest import ROOT
from tests.hospital import API, SHAPE_ZYX, Hospital, Person, Reading

BLINDED = ["until_own_submitted", "until_all_submitted", "until_settled"]


@dataclass
class Scene:
    """One image, two readers of it: `other` has submitted, `mine` is only opened."""

    hospital: Hospital
    project: str
    image: str
    mine: Reading
    other: Reading


def make_scene(hospital: Hospital, blinding: str) -> Scene:
    project = hospital.project(blinding=blinding)
    (image,) = hospital.images(project)
    me, colleague = hospital.reader(project), hospital.reader(project)
    other = hospital.open(colleague, project)
    other.draw({5: 1, 6: 2})
    assert other.submit().status_code == 200
    return Scene(hospital, project, image, hospital.open(me, project), other)


def routes_to(reading: Reading, mine: Reading) -> Iterator[tuple[str, str, dict[str, object] | None]]:
    """Every route that names this reading or one of its revisions."""
    segmentation, revision = reading.segmentation_id, reading.head
    yield "GET", f"/segmentations/{segmentation}", None
    yield "GET", f"/segmentations/{segmentation}/edits", None
    yield "GET", f"/segmentations/{segmentation}/revisions", None
    yield "POST", f"/segmentations/{segmentation}/edits", mine.edit_body({1: 1})
    yield "POST", f"/segmentations/{segmentation}/submit", {}
    yield "POST", f"/segmentations/{segmentation}/reopen", None
    yield "POST", f"/segmentations/{segmentation}/restore", {"revision_id": revision}
    yield "POST", f"/segmentations/{segmentation}/forks", {"runs": mine.edit_body({1: 1})["runs"]}
    prompt = {
        "prompt_id": str(uuid.UUID(int=1)),
        "round_id": str(uuid.UUID(int=2)),
        "type": "point",
        "points": [[1, 1, 1]],
    }
    yield "GET", f"/segmentations/{segmentation}/prompts", None
    yield "POST", f"/segmentations/{segmentation}/prompts", {**prompt, "label": 1, "sign": "include", "slice_axis": "k"}
    yield "DELETE", f"/segmentations/{segmentation}/prompts", None
    yield "DELETE", f"/segmentations/{segmentation}/prompts/{prompt['prompt_id']}", None
    yield "GET", f"/segmentations/{segmentation}/propagations", None
    yield "POST", f"/segmentations/{segmentation}/propagations", {"axis": "k"}
    yield "GET", f"/segmentations/{segmentation}/opinions", None
    yield "POST", f"/segmentations/{segmentation}/opinions", None
    yield "GET", f"/segmentations/{segmentation}/readings/A/slabs/0", None
    yield "POST", f"/segmentations/{segmentation}/review-rounds", None
    yield "GET", f"/revisions/{revision}", None
    yield "GET", f"/revisions/{revision}/slabs/0", None
    yield "GET", f"/revisions/{revision}/uncertainty/slabs/0", None
    yield "GET", f"/revisions/{revision}/file", None
    yield "POST", "/comparisons", {"revision_a": revision, "revision_b": mine.head}
    yield "POST", "/comparisons", {"revision_a": mine.head, "revision_b": revision}


def test_no_route_that_names_a_reading_is_left_out(hospital: Hospital) -> None:
    scene = make_scene(hospital, BLINDED[0])
    names = {"segmentations": "segmentation_id", "revisions": "revision_id"}
    document = json.loads((ROOT / "openapi.json").read_text(encoding="utf-8"))["paths"]
    offered = {
        (method.upper(), re.sub(r"\{\w+\}", "*", path.removeprefix(API)))
        for path, operations in document.items() for method in operations
        if any(f"/{kind}/{{{name}}}" in path for kind, name in names.items())
    }  # fmt: skip

    asked = {
        (method, re.sub(r"/([0-9a-f-]{36}|\d+|A)(?=/|$)", "/*", path))
        for method, path, _ in routes_to(scene.other, scene.mine)
    }

    assert offered == {one for one in asked if one[1] != "/comparisons"}


@pytest.mark.parametrize("blinding", BLINDED)
def test_another_readers_work_answers_like_what_does_not_exist(hospital: Hospital, blinding: str) -> None:
    scene = make_scene(hospital, blinding)
    nobody = Reading(scene.mine.person, str(uuid.uuid4()), str(uuid.uuid4()), "")

    for (method, path, body), (_, nowhere, unknown) in zip(
        routes_to(scene.other, scene.mine), routes_to(nobody, scene.mine), strict=True
    ):
        hidden = scene.mine.person.call(method, path, body)
        missing = scene.mine.person.call(method, nowhere, unknown)

        assert hidden.status_code == missing.status_code == 404, (method, path, hidden.text)
        assert {**hidden.json(), "instance": ""} == {**missing.json(), "instance": ""}, (method, path)


@pytest.mark.parametrize("blinding", BLINDED)
def test_lists_do_not_hint_at_another_reader(hospital: Hospital, blinding: str) -> None:
    scene = make_scene(hospital, blinding)
    me, foreign = scene.mine.person, (scene.other.segmentation_id, scene.other.head, scene.other.person.expert_id)

    answers = [
        me.get("/segmentations", project_id=scene.project),
        me.get("/segmentations", image_id=scene.image),
        me.get("/segmentations", limit=1),
        me.get("/assignments", project_id=scene.project),
        me.get("/assignments/next", project_id=scene.project),
        me.get(f"/projects/{scene.project}"),
        me.get(f"/projects/{scene.project}/experts"),
        me.get(f"/images/{scene.image}"),
        me.get("/styles", project_id=scene.project),
        me.get("/models", project_id=scene.project),
        me.get("/jobs", project_id=scene.project),
    ]

    for answer in answers:
        assert answer.status_code == 200, (answer.url, answer.text)
        assert not [one for one in foreign if str(one) in answer.text], answer.url
    assert len(answers[0].json()["items"]) == 1
    assert answers[2].json()["next_cursor"] is None
    assert answers[5].json()["counts"] == {"images": 1, "assignments": 1, "submitted": 0}


@pytest.mark.parametrize("blinding", BLINDED)
def test_members_are_not_told_who_else_reads(hospital: Hospital, blinding: str) -> None:
    scene = make_scene(hospital, blinding)

    assert scene.mine.person.get(f"/projects/{scene.project}/members").status_code == 403


def test_an_open_project_shows_everything_to_its_members(hospital: Hospital) -> None:
    scene = make_scene(hospital, "open")

    seen = hospital.labels_of(scene.mine.person, scene.other.head)
    listed = scene.mine.person.get("/segmentations", image_id=scene.image).json()["items"]

    assert seen.reshape(-1)[[5, 6]].tolist() == [1, 2]
    assert len(listed) == 2


def test_submitting_ones_own_shows_the_others_where_the_policy_says_so(hospital: Hospital) -> None:
    scene = make_scene(hospital, "until_own_submitted")
    path = f"/revisions/{scene.other.head}"

    before = scene.mine.person.get(path).status_code
    scene.mine.submit()
    after = scene.mine.person.get(path).status_code

    assert (before, after) == (404, 200)


def test_with_all_submitted_everybody_sees_all_and_reopening_hides_again(hospital: Hospital) -> None:
    scene = make_scene(hospital, "until_all_submitted")
    late = hospital.open(hospital.reader(scene.project), scene.project)
    path = f"/revisions/{scene.other.head}"

    scene.mine.submit()
    one_missing = scene.mine.person.get(path).status_code
    late.submit()
    all_there = scene.mine.person.get(path).status_code
    late.person.post(f"/segmentations/{late.segmentation_id}/reopen")
    reopened = scene.mine.person.get(path).status_code

    assert (one_missing, all_there, reopened) == (404, 200, 404)


def test_unsettled_readings_stay_hidden_even_when_all_are_submitted(hospital: Hospital) -> None:
    scene = make_scene(hospital, "until_settled")
    scene.mine.submit()

    assert scene.mine.person.get(f"/revisions/{scene.other.head}").status_code == 404


def test_an_adjudicator_sees_the_readings_once_all_are_submitted(hospital: Hospital) -> None:
    scene = make_scene(hospital, "until_settled")
    judge = hospital.person(expert=False)
    body = {"user_id": judge.user_id, "role": "adjudicator"}
    hospital.admin.post(f"/projects/{scene.project}/members", body)

    before = judge.get(f"/revisions/{scene.other.head}").status_code
    scene.mine.submit()
    after = judge.get(f"/revisions/{scene.other.head}").status_code

    assert (before, after) == (404, 200)


def test_a_manager_of_a_blinded_project_sees_counts_and_no_content(hospital: Hospital) -> None:
    scene = make_scene(hospital, "until_all_submitted")

    counts = hospital.admin.get(f"/projects/{scene.project}/experts").json()["items"]
    worklist = hospital.admin.get("/assignments", project_id=scene.project, expert_id=scene.other.person.expert_id)
    content = hospital.admin.get(f"/revisions/{scene.other.head}")

    assert sorted((one["assignments"], one["submitted"]) for one in counts) == [(1, 0), (1, 1)]
    assert worklist.status_code == 403
    assert content.status_code == 404


@pytest.mark.parametrize(("blinding", "sees_colleague"), [("open", True), *((one, False) for one in BLINDED)])
def test_the_list_of_experts_names_only_whom_one_may_know(
    hospital: Hospital, blinding: str, sees_colleague: bool
) -> None:
    scene = make_scene(hospital, blinding)
    me, colleague, stranger = scene.mine.person, scene.other.person, hospital.person()

    def known(someone: Person) -> set[str]:
        return {one["id"] for one in someone.get("/experts").json()["items"]}

    assert known(me) == {me.expert_id} | ({colleague.expert_id} if sees_colleague else set())
    assert known(stranger) == {stranger.expert_id}
    everyone = {me.expert_id, colleague.expert_id, stranger.expert_id}
    assert known(hospital.admin) >= everyone
    assert known(hospital.person("integrator", expert=False)) >= everyone


@pytest.mark.parametrize(("blinding", "status"), [("open", 403), ("until_all_submitted", 404)])
def test_a_model_version_that_is_not_listed_cannot_be_promoted_nor_found_out(
    hospital: Hospital, blinding: str, status: int
) -> None:
    scene = make_scene(hospital, blinding)
    with hospital.app.state.database.write() as db:
        version = models.add_version(
            db, project_id=uuid.UUID(scene.project), method="m", state="candidate", config={}, config_sha256="0" * 64,
            weights_sha256="0" * 64, metrics={}, card={},
        ).id  # fmt: skip
    body = {"reason": "why not"}

    assert scene.mine.person.post(f"/models/{version}/promote", body).status_code == status
    assert bool(scene.mine.person.get("/models").json()["items"]) == (status == 403)


def test_a_reader_may_not_ask_for_anothers_worklist(hospital: Hospital) -> None:
    scene = make_scene(hospital, "open")

    answer = scene.mine.person.get("/assignments", project_id=scene.project, expert_id=scene.other.person.expert_id)

    assert answer.status_code == 404


def test_who_is_no_member_finds_nothing(hospital: Hospital) -> None:
    scene = make_scene(hospital, "open")
    stranger = hospital.person()

    for method, path, body in routes_to(scene.other, scene.mine):
        assert stranger.call(method, path, body).status_code == 404, (method, path)
    for path in (f"/projects/{scene.project}", f"/images/{scene.image}", f"/projects/{scene.project}/images"):
        assert stranger.get(path).status_code == 404, path
    assert stranger.get("/images").json()["items"] == []
    assert stranger.get("/studies").json()["items"] == []


def test_an_admin_without_membership_sees_the_project_but_no_reading(hospital: Hospital) -> None:
    scene = make_scene(hospital, "open")
    other_admin = hospital.person("admin", expert=False)

    project = other_admin.get(f"/projects/{scene.project}")
    reading = other_admin.get(f"/segmentations/{scene.other.segmentation_id}")

    assert (project.status_code, project.json()["role"]) == (200, None)
    assert reading.status_code == 404


def test_a_copied_revision_must_be_one_the_reader_may_see(hospital: Hospital) -> None:
    scene = make_scene(hospital, "until_all_submitted")

    answer = scene.mine.send(scene.mine.edit_body({5: 1}, source_revision_id=scene.other.head, tool="accept"))

    assert answer.status_code == 422
    assert "revision of this image that you may see" in answer.json()["detail"]


def test_a_token_bound_to_another_project_sees_nothing_here(hospital: Hospital) -> None:
    scene = make_scene(hospital, "open")
    elsewhere = hospital.project()
    admin = hospital.admin
    made = admin.post("/tokens", {"name": "tool", "scopes": ["read"], "project_id": elsewhere, "days": 1}).json()
    bearer = {"Authorization": f"Bearer {made['secret']}"}

    inside = admin.browser.get(f"{API}/segmentations/{scene.other.segmentation_id}")
    bound = admin.browser.get(f"{API}/segmentations/{scene.other.segmentation_id}", headers=bearer)
    listed = admin.browser.get(f"{API}/images", headers=bearer)

    assert inside.status_code == 200
    assert bound.status_code == 404
    assert listed.json()["items"] == []


# Predictions


def predict(scene: Scene, expert: Person, learned_from: list[str]) -> str:
    """A live style of this expert with that lineage draws the scene's image; returns the revision."""
    app, expert_id = scene.hospital.app, uuid.UUID(expert.expert_id)
    drawn = np.zeros(SHAPE_ZYX, np.uint8)
    drawn[0, 0, :4] = 1
    kept = segmentations.keep_prediction(app.state.blobs, drawn, drawn * 100, [1, 2])
    project_id = uuid.UUID(scene.project)
    with app.state.database.write() as db:
        version = models.add_version(
            db, project_id=project_id, method="expert_adaptive", state="candidate", config={}, config_sha256="0" * 64,
            weights_sha256="0" * 64, metrics={}, card={},
        )  # fmt: skip
        style = models.add_style(
            db, lineage=[(uuid.UUID(one), "train") for one in learned_from], model_version_id=version.id,
            project_id=project_id, expert_id=expert_id, state="live", origin="pretrained", weights_sha256="0" * 64,
            metrics={},
        )  # fmt: skip
        return str(segmentations.put_prediction(db, project_id, uuid.UUID(scene.image), expert_id, style.id, kept))


def test_a_reader_is_offered_a_prediction_in_their_own_style_only(hospital: Hospital) -> None:
    scene = make_scene(hospital, "until_all_submitted")
    own = predict(scene, scene.mine.person, [])
    foreign = predict(scene, scene.other.person, [])

    offered = scene.mine.person.get("/assignments").json()["items"][0]["prediction"]

    assert offered["revision_id"] == own
    assert scene.mine.person.get(f"/revisions/{own}/slabs/0").status_code == 200
    assert scene.mine.person.get(f"/revisions/{foreign}").status_code == 404


def test_uncertainty_is_seen_exactly_where_its_revision_is(hospital: Hospital) -> None:
    scene = make_scene(hospital, "until_all_submitted")
    own = predict(scene, scene.mine.person, [])
    foreign = predict(scene, scene.other.person, [])
    tainted = predict(make_scene(hospital, "until_all_submitted"), scene.mine.person, [])

    shown = scene.mine.person.get(f"/revisions/{own}/uncertainty/slabs/0")

    assert shown.status_code == 200
    assert shown.headers["X-Slab-Dtype"] == "uint8"
    assert list(shown.content[:6]) == [100, 100, 100, 100, 0, 0]
    assert scene.mine.person.get(f"/revisions/{own}").json()["has_uncertainty"] is True
    for hidden in (foreign, tainted, scene.other.head):
        told, nothing = (
            scene.mine.person.get(f"/revisions/{one}/uncertainty/slabs/0").json() for one in (hidden, uuid.uuid4())
        )
        assert told["status"] == 404
        assert {**told, "instance": ""} == {**nothing, "instance": ""}
    assert scene.mine.person.get(f"/revisions/{own}/uncertainty/slabs/99").status_code == 404
    assert scene.mine.person.get(f"/revisions/{scene.mine.head}/uncertainty/slabs/0").status_code == 404
    assert scene.mine.person.get(f"/revisions/{scene.mine.head}").json()["has_uncertainty"] is False


def test_a_model_that_saw_anothers_reading_of_this_patient_proposes_nothing(hospital: Hospital) -> None:
    scene = make_scene(hospital, "until_all_submitted")
    revision = predict(scene, scene.mine.person, [scene.other.head])

    assert scene.mine.person.get("/assignments").json()["items"][0]["prediction"] is None
    assert scene.mine.person.get(f"/revisions/{revision}").status_code == 404


def test_what_ones_own_readings_taught_may_be_proposed(hospital: Hospital) -> None:
    scene = make_scene(hospital, "until_all_submitted")
    revision = predict(scene, scene.mine.person, [scene.mine.head])

    assert scene.mine.person.get(f"/revisions/{revision}").status_code == 200


def test_a_project_without_prefill_shows_no_prediction(hospital: Hospital) -> None:
    scene = make_scene(hospital, "open")
    revision = predict(scene, scene.mine.person, [])
    hospital.admin.call("PATCH", f"/projects/{scene.project}", {"policy": {"prefill": "never"}})

    assert scene.mine.person.get("/assignments").json()["items"][0]["prediction"] is None
    assert scene.mine.person.get(f"/revisions/{revision}").status_code == 404


def test_accepting_a_prediction_marks_the_reading_as_assisted(hospital: Hospital) -> None:
    scene = make_scene(hospital, "open")
    revision = predict(scene, scene.mine.person, [])
    scene.mine.draw({0: 1, 1: 1, 2: 1, 3: 1}, source_revision_id=revision, tool="accept")
    scene.mine.draw({0: 0})

    submitted = scene.mine.submit().json()
    scene.mine.person.post(f"/segmentations/{scene.mine.segmentation_id}/reopen")
    scene.mine.draw({9: 2})
    later = scene.mine.submit().json()

    assert (submitted["assisted"], later["assisted"]) == (True, True)
    assert submitted["style_id"] is not None


def test_what_a_model_drew_cannot_be_edited(hospital: Hospital) -> None:
    scene = make_scene(hospital, "open")
    revision = predict(scene, scene.mine.person, [])
    model = scene.mine.person.get(f"/revisions/{revision}").json()["segmentation_id"]
    drawn = Reading(scene.mine.person, model, revision, f'"{revision}.0"')

    answer = drawn.send(drawn.edit_body({1: 0}))

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_a_worklist_says_whose_help_a_reading_had_and_which_style_draws_now(hospital: Hospital) -> None:
    scene = make_scene(hospital, "until_all_submitted")
    me = scene.mine.person
    first = predict(scene, me, [])
    scene.mine.draw({0: 1, 1: 1, 2: 1, 3: 1}, source_revision_id=first, tool="accept")
    before = me.get("/assignments").json()["items"][0]

    revision = scene.mine.submit().json()
    newer = predict(scene, me, [])
    style_id = me.get(f"/revisions/{newer}").json()["style_id"]
    with hospital.app.state.database.write() as db:
        expert_id, project_id = uuid.UUID(me.expert_id), uuid.UUID(scene.project)
        models.move_live_pointer(db, project_id, expert_id, expected=None, style_id=uuid.UUID(style_id))
    after = me.get("/assignments").json()["items"][0]

    assert (before["submission"], before["live_style"]) == (None, None)
    assert after["submission"] == {
        "submitted_at": revision["submitted_at"], "assisted": True, "style_label": "learned in pretraining, v1",
    }  # fmt: skip
    assert after["live_style"] == {"style_id": style_id, "style_label": "learned in pretraining, v2"}
    assert after["prediction"]["style_id"] == style_id
    history = me.get(f"/segmentations/{scene.mine.segmentation_id}/revisions").json()["items"]
    assert [one["style_label"] for one in history] == [None, "learned in pretraining, v1"]
    assert scene.other.person.get("/assignments").json()["items"][0]["submission"]["assisted"] is False
