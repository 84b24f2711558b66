"""Everybody's own look and keys: kept on the server, whole or not at all, seen by nobody else."""

from tests.hospital import Hospital


def test_who_never_chose_gets_the_defaults(hospital: Hospital) -> None:
    answer = hospital.person().get("/account/preferences")

    assert answer.json() == {"theme": "dark", "shortcuts": {}, "seen": [], "habits": {}}


def test_what_is_left_out_stays_and_what_is_given_is_replaced_as_a_whole(hospital: Hospital) -> None:
    someone = hospital.person()
    keys = {"brush": {"keys": ["Shift+B"], "on": True}}
    someone.call("PATCH", "/account/preferences", {"theme": "light", "shortcuts": keys})

    someone.call("PATCH", "/account/preferences", {"seen": ["first-case", "first-case"]})

    kept = someone.get("/account/preferences").json()
    assert kept == {"theme": "light", "shortcuts": keys, "seen": ["first-case"], "habits": {}}
    someone.call("PATCH", "/account/preferences", {"shortcuts": {}})
    assert someone.get("/account/preferences").json()["shortcuts"] == {}


def test_habits_come_back_as_they_were_left(hospital: Hospital) -> None:
    someone = hospital.person()
    habits = {"tool": "grow", "brush-radius-mm": 4.5, "brush-is-ball": True}

    someone.call("PATCH", "/account/preferences", {"habits": habits})

    assert someone.get("/account/preferences").json()["habits"] == habits
    assert someone.call("PATCH", "/account/preferences", {"habits": {"tool": ["a", "list"]}}).status_code == 422


def test_one_persons_keys_are_not_anothers(hospital: Hospital) -> None:
    one, other = hospital.person(), hospital.person()

    one.call("PATCH", "/account/preferences", {"theme": "light"})

    assert other.get("/account/preferences").json()["theme"] == "dark"


def test_an_unknown_theme_and_a_foreign_member_are_refused(hospital: Hospital) -> None:
    someone = hospital.person()

    for body in ({"theme": "pink"}, {"user_id": "x"}, {"shortcuts": {"No Id!": {"keys": [], "on": True}}}):
        assert someone.call("PATCH", "/account/preferences", body).status_code == 422
    assert someone.get("/account/preferences").json()["theme"] == "dark"
