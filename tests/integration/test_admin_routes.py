"""What an admin does for others: ends their sessions, revokes their tokens, unlinks an expert; and what the health page asks."""

from sqlalchemy import text

from tests.hospital import Hospital


def test_an_admin_sees_and_ends_anothers_session_and_nobody_else_does(hospital: Hospital) -> None:
    someone, other = hospital.person(), hospital.person()
    path = f"/users/{someone.user_id}/sessions"
    with hospital.app.state.database.write() as db:
        db.execute(
            text(
                "INSERT INTO sessions (user_id, secret_sha256, expires_at, user_agent)"
                " VALUES (:user, 'x', now() + interval '1 h', 'Chromium')"
            ),
            {"user": someone.user_id},
        )
    (session,) = [one for one in hospital.admin.get(path).json()["items"] if one["user_agent"] == "Chromium"]

    assert other.get(path).status_code == 404
    assert other.call("DELETE", f"{path}/{session['id']}").status_code == 404
    assert (
        hospital.admin.call("DELETE", f"/users/{other.user_id}/sessions/{session['id']}").status_code == 404
    )  # not hers
    assert hospital.admin.call("DELETE", f"{path}/{session['id']}").status_code == 204
    assert session["id"] not in {one["id"] for one in someone.get(path).json()["items"]}


def test_an_admin_revokes_anothers_token(hospital: Hospital) -> None:
    someone = hospital.person()
    tokens = hospital.admin.get(f"/users/{someone.user_id}/tokens").json()["items"]
    assert tokens  # a person of these tests comes with one

    for token in tokens:
        assert hospital.admin.call("DELETE", f"/tokens/{token['id']}").status_code == 204

    assert someone.get("/session").status_code == 401


def test_only_an_explicit_null_takes_an_experts_account_away(hospital: Hospital) -> None:
    someone = hospital.person()
    path = f"/experts/{someone.expert_id}"

    assert hospital.admin.call("PATCH", path, {"description": "x"}).json()["user_id"] == someone.user_id
    assert hospital.admin.call("PATCH", path, {"user_id": None}).json()["user_id"] is None


def test_the_health_page_is_told_room_versions_and_that_no_backup_was_recorded(hospital: Hospital) -> None:
    state = hospital.admin.get("/system").json()

    assert state["last_backup_at"] is None
    assert 0 < state["disk_free_bytes"] <= state["disk_total_bytes"]
    assert set(state["versions"]) == {"Python", "PostgreSQL", "system"}
    assert state["queues"]["training"] == {"queued": 0, "running": 0, "oldest_queued_at": None}


def test_the_audits_chain_is_read_on_request(hospital: Hospital) -> None:
    check = hospital.admin.get("/system/audit").json()

    assert check["broken_at"] is None
    assert check["rows"] > 0
