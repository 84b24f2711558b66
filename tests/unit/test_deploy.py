"""The production files: valid by their own tools, hardened throughout, and naming only settings that exist.

`tests/contract/compose_spec.json` is the compose-spec schema as shipped in the wheel docker-compose 1.29.2 (Apache-2.0).
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from backend.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parent.parent.parent
COMPOSE = ("docker-compose.yml", "docker-compose.gpu.yml")
NAMES = {PREFIX + name.upper() for name in Settings.model_fields}
Service = dict[str, Any]


def _compose(name: str = "docker-compose.yml") -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return loaded


SERVICES: dict[str, Service] = _compose()["services"]


@pytest.mark.parametrize("name", COMPOSE)
def test_the_compose_files_obey_the_compose_specification(name: str) -> None:
    schema = json.loads((ROOT / "tests" / "contract" / "compose_spec.json").read_text())

    problems = [f"{e.json_path}: {e.message}" for e in jsonschema.Draft7Validator(schema).iter_errors(_compose(name))]

    assert problems == []


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_hardened(service: str) -> None:
    facts = SERVICES[service]

    assert facts["read_only"] is True
    assert facts["cap_drop"] == ["ALL"]
    assert "cap_add" not in facts
    assert facts["security_opt"] == ["no-new-privileges:true"]
    assert facts["user"].split(":")[0] not in ("0", "root")
    assert "mem_limit" in facts
    assert "pids_limit" in facts
    assert "healthcheck" in facts
    assert facts.get("privileged") is None


def test_ours_run_as_uid_10001() -> None:
    ours = {name: facts["user"] for name, facts in SERVICES.items() if "consilium/" in facts["image"]}

    assert set(ours) == {"migrate", "api", "worker-interactive", "worker-training"}
    assert set(ours.values()) == {"10001:10001"}


def test_only_the_proxys_tls_port_is_published_and_the_inner_network_has_no_route_out() -> None:
    assert {name for name, facts in SERVICES.items() if "ports" in facts} == {"proxy"}
    assert SERVICES["proxy"]["ports"] == ["${HTTPS_PORT:-443}:8443"]
    assert _compose()["networks"]["inside"]["internal"] is True
    assert {name for name, facts in SERVICES.items() if "outside" in facts["networks"]} == {"proxy"}


def test_postgres_18_keeps_its_data_where_a_recreate_finds_it() -> None:
    assert SERVICES["postgres"]["image"].startswith("${POSTGRES_IMAGE:-postgres:18")
    assert SERVICES["postgres"]["volumes"][0] == "postgres:/var/lib/postgresql"


def test_redis_writes_every_job_down_and_never_evicts_one() -> None:
    command = " ".join(SERVICES["redis"]["command"])

    assert "appendonly yes" in command
    assert "maxmemory-policy noeviction" in command


@pytest.mark.parametrize("name", [*COMPOSE, "Dockerfile", ".env.example", "deploy/make-secrets.sh"])
def test_every_variable_named_is_a_known_setting(name: str) -> None:
    named = set(re.findall(r"\bCONSILIUM_[A-Z_]+", (ROOT / name).read_text()))

    assert named - NAMES == set()


def test_no_secret_stands_in_a_variable() -> None:
    for service, facts in SERVICES.items():
        for variable in facts.get("environment", {}):
            assert not re.search(r"PASSWORD$|_URL$(?<!PUBLIC_URL)|KEY$|TOKEN$", variable), f"{service}: {variable}"


def test_every_secret_a_service_reads_is_declared_and_made() -> None:
    declared = _compose()["secrets"]
    script = (ROOT / "deploy" / "make-secrets.sh").read_text()

    used = {secret for facts in SERVICES.values() for secret in facts.get("secrets", [])}

    assert used == set(declared)
    for secret in declared.values():
        assert Path(secret["file"]).name in script


def test_the_example_lists_every_setting_with_its_default() -> None:
    lines = re.findall(r"^(?:# )?(CONSILIUM_[A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)

    shown = dict(lines)

    assert len(lines) == len(shown), "a setting is listed twice"
    assert set(shown) == NAMES
    for name, field in Settings.model_fields.items():
        if name != "public_url":
            assert shown[PREFIX + name.upper()] == _as_text(field.default), name


def _as_text(default: object) -> str:
    if default is None or default == ():
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_the_trusted_proxy_is_the_address_the_proxy_has() -> None:
    trusted = SERVICES["api"]["environment"]["CONSILIUM_TRUSTED_PROXIES"]

    assert SERVICES["proxy"]["networks"]["inside"]["ipv4_address"] == trusted


def test_secrets_are_made_once_and_are_for_our_group_only(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl absent: deploy/make-secrets.sh needs it")
    (tmp_path / "deploy").mkdir()
    script = Path(shutil.copy(ROOT / "deploy" / "make-secrets.sh", tmp_path / "deploy"))

    subprocess.run(["bash", script], check=True, capture_output=True)
    first = {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}
    subprocess.run(["bash", script], check=True, capture_output=True)

    assert {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()} == first
    assert {file.stat().st_mode & 0o007 for file in (tmp_path / "secrets").iterdir()} == {0}
    assert first["app_password"] in first["database_url"]
    assert len(first["app_password"]) == 64


def test_the_image_constraints_hold_the_versions_the_project_asks_for() -> None:
    asked = re.findall(r'"([A-Za-z0-9-]+)(?:\[[a-z,]+\])?==([0-9.]+)"', (ROOT / "pyproject.toml").read_text())
    lines = (ROOT / "deploy" / "constraints.txt").read_text().lower().splitlines()
    constrained = dict(line.split("==") for line in lines if "==" in line)

    differing = {name: version for name, version in asked if constrained.get(name.lower(), version) != version}

    assert differing == {}
    assert "torch" not in constrained, "torch comes from TORCH_INDEX"
    assert not any("torchvision" in line for line in lines)
