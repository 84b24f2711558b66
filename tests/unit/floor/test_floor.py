"""The floor without a database: settings, blobs, strict JSON, logs, credentials, passwords, the one authorisation rule."""

import os
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend import errors
from backend.accounts.rules import MAY, SYSTEM, Actor, Policy, Resource, authorize, may
from backend.accounts.rules.credentials import is_token, make_token
from backend.accounts.rules.passwords import check_password, hash_password, needs_rehash, verify_password
from backend.app.logs import keep_listed_fields
from backend.blobs import Blobs
from backend.settings import Settings, SettingsError, load_settings


class TestSettings:
    def test_a_misspelt_variable_stops_the_start_and_names_the_nearest(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CONSILIUM_PUBIC_URL", "https://c.example")

        with pytest.raises(SettingsError, match="did you mean CONSILIUM_PUBLIC_URL"):
            load_settings()

    def test_a_secret_comes_from_a_file_only_its_owner_reads(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        secret = tmp_path / "url"
        secret.write_text("postgresql:///c\n")
        monkeypatch.setenv("CONSILIUM_DATABASE_URL_FILE", str(secret))

        secret.chmod(0o600)
        assert load_settings().database_url == "postgresql:///c"
        secret.chmod(0o644)
        with pytest.raises(ValueError, match="readable by everybody"):
            load_settings()

    @pytest.mark.parametrize("values", [{"host": "0.0.0.0"}, {"public_url": "http://c.example"}])
    def test_plain_http_beyond_this_machine_needs_an_explicit_flag(self, values: dict[str, str]) -> None:
        with pytest.raises(ValueError, match="in the clear"):
            Settings(**values)

        assert Settings(**values, allow_plain_http=True).host

    def test_the_public_address_follows_host_and_port(self) -> None:
        assert Settings(port=8080).public_url == "http://127.0.0.1:8080"
        assert Settings(public_url="https://c.example", host="0.0.0.0").hosts == ("c.example",)

    def test_lists_are_written_with_commas(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CONSILIUM_TRUSTED_HOSTS", "a.example, b.example")

        assert load_settings().trusted_hosts == ("a.example", "b.example")

    def test_settings_do_not_change(self) -> None:
        with pytest.raises(ValueError, match="frozen"):
            Settings().port = 1


class TestBlobs:
    def test_bytes_read_back_under_their_hash(self, tmp_path: Path) -> None:
        blobs = Blobs(tmp_path / "blobs")

        name = blobs.put(iter([b"a", b"b"]))

        assert blobs.read(name) == b"ab" and blobs.put(b"ab") == name and list(blobs.names()) == [name]
        assert blobs.path(name).stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize(
        "name", ["", "../" * 20 + "etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n", "0" * 63 + "/"]
    )
    def test_nothing_but_a_hash_is_a_name(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ValueError, match="not a sha256"):
            Blobs(tmp_path).path(name)

    def test_damaged_bytes_are_refused_and_missing_ones_named(self, tmp_path: Path) -> None:
        blobs = Blobs(tmp_path)
        name = blobs.put(b"label map")
        blobs.path(name).write_bytes(b"label mop")

        with pytest.raises(errors.CorruptBlob):
            blobs.read(name)
        with pytest.raises(errors.NotFound):
            blobs.read("0" * 64)

    def test_a_torn_blob_is_healed_by_the_good_bytes(self, tmp_path: Path) -> None:
        blobs = Blobs(tmp_path)
        name = blobs.put(b"label map")
        blobs.path(name).write_bytes(b"label")

        blobs.put(b"label map")

        assert blobs.read(name) == b"label map"

    def test_a_failed_write_leaves_nothing_behind(self, tmp_path: Path) -> None:
        def broken() -> object:
            yield b"half"
            raise OSError(28, "No space left on device")

        with pytest.raises(OSError, match="No space"):
            Blobs(tmp_path).put(broken())

        assert list(tmp_path.rglob("*")) == []

    def test_the_sweeper_takes_old_orphans_only(self, tmp_path: Path) -> None:
        blobs = Blobs(tmp_path)
        known, orphan, young = blobs.put(b"known"), blobs.put(b"orphan"), blobs.put(b"young")
        for name in (known, orphan):
            os.utime(blobs.path(name), (0, 0))
        (tmp_path / "tmp-1-x").write_bytes(b"")
        os.utime(tmp_path / "tmp-1-x", (0, 0))

        assert blobs.sweep({known}, 3600) == 2
        assert set(blobs.names()) == {known, young}

    def test_bytes_stored_again_are_young_again(self, tmp_path: Path) -> None:
        blobs = Blobs(tmp_path)
        os.utime(blobs.path(blobs.put(b"x")), (0, 0))
        blobs.put(b"x")

        assert blobs.sweep(set(), 3600) == 0


class TestCredentials:
    def test_a_token_is_recognised_and_a_mistyped_one_is_not(self) -> None:
        token = make_token()

        assert is_token(token)
        assert not any(is_token(token[:place] + "~" + token[place + 1 :]) for place in range(len(token)))

    @given(st.text(max_size=80))
    def test_other_texts_are_no_tokens(self, text: str) -> None:
        assert not is_token(text)


class TestPasswords:
    def test_a_password_proves_itself_and_nothing_else_does(self) -> None:
        kept = hash_password("correct horse battery 7")

        assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
        assert verify_password("correct horse battery 7", kept)
        assert not verify_password("correct horse battery 8", kept)
        assert not verify_password("correct horse battery 7", None)
        assert not needs_rehash(kept)

    @pytest.mark.parametrize(
        "password",
        [
            "tooshort123",
            "passwordpassword",
            "Password12345!",
            "121212121212",
            "consilium2026",
            "anna.berger1",
            "x" * 300,
        ],
    )
    def test_guessable_passwords_are_refused(self, password: str) -> None:
        with pytest.raises(errors.Invalid):
            check_password(password, "anna.berger")

    @pytest.mark.parametrize("password", ["correct horse battery 7", "Zwölf grüne Äpfel", "kT9$mmq2Lw0p"])
    def test_good_ones_are_not(self, password: str) -> None:
        check_password(password, "anna.berger")


class TestAuthorisation:
    anna = Actor(uuid4(), "anna", "expert")
    admin = Actor(uuid4(), "admin", "admin")

    def test_what_one_may_not_see_does_not_exist(self) -> None:
        with pytest.raises(errors.NotFound):
            authorize(self.anna, "update", Resource("project"))
        with pytest.raises(errors.NotFound):
            authorize(self.anna, "read", Resource("segmentation", project_role="reader", visible=False))

    def test_what_one_sees_but_may_not_change_is_forbidden(self) -> None:
        with pytest.raises(errors.Forbidden):
            authorize(self.anna, "update", Resource("project", project_role="reader"))
        with pytest.raises(errors.Forbidden):
            authorize(self.anna, "update", Resource("segmentation", project_role="reader", owner_id=uuid4()))

    def test_admin_rights_do_not_include_seeing_readings(self) -> None:
        assert not may(self.admin, "read", Resource("segmentation"))
        assert may(self.admin, "read", Resource("project"))

    def test_a_token_bound_to_a_project_knows_no_other(self) -> None:
        project = uuid4()
        bound = Actor(uuid4(), "robot", "integrator", project_id=project)

        assert may(bound, "read", Resource("image", project_id=project, project_role="reader"))
        assert not may(bound, "read", Resource("image", project_id=uuid4(), project_role="reader"))

    def test_an_action_nobody_declared_is_a_mistake_not_a_permission(self) -> None:
        with pytest.raises(LookupError):
            authorize(self.admin, "obliterate", Resource("project"))

    @pytest.mark.parametrize(("kind", "action"), sorted(MAY))
    def test_an_actor_without_an_account_may_nothing(self, kind: str, action: str) -> None:
        with pytest.raises(errors.Unauthenticated):
            authorize(Actor(None, "nobody", ""), action, Resource(kind, project_role="manager"))
        authorize(SYSTEM, action, Resource(kind))

    def test_reading_needs_the_scope_read_and_changing_write(self) -> None:
        scopes = {
            declared: Policy.parse(declared).scope
            for declared in ("image:read", "project:create", "user:create", "public")
        }

        assert scopes == {"image:read": "read", "project:create": "write", "user:create": "manage", "public": ""}


def test_a_field_nobody_listed_is_not_logged() -> None:
    event = {"event": "request", "status": 200, "patient": "Müller", "path": "/images/7"}

    assert keep_listed_fields(None, "info", event) == {"event": "request", "status": 200}


def test_every_error_has_a_sentence_a_status_and_its_own_code() -> None:
    kinds = [errors.ConsiliumError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    ours = [kind for kind in kinds if kind.__module__.startswith("backend.")]

    assert all(kind.__doc__ and "code" in vars(kind) | {"code": 1} and 400 <= kind.status < 600 for kind in ours)
    assert len({kind.code for kind in ours if kind.__module__ == "backend.errors"}) == len(
        [k for k in ours if k.__module__ == "backend.errors"]
    )
