"""loadtests/compose.yaml by the rules of the compose specification that can be checked without Docker."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

FILE = Path(__file__).parents[2] / "loadtests" / "compose.yaml"
TOP_LEVEL = {"name", "services", "networks", "volumes", "configs", "secrets"}
OF_SERVICE = {"image", "environment", "command", "ports", "volumes", "healthcheck", "depends_on"}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}


@pytest.fixture
def compose() -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return told


def test_only_elements_that_the_specification_knows(compose: dict[str, Any]) -> None:
    assert set(compose) <= TOP_LEVEL
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]*", compose["name"])
    for service in compose["services"].values():
        assert set(service) <= OF_SERVICE


def test_images_are_the_official_ones_at_a_pinned_major_version(compose: dict[str, Any]) -> None:
    images = {service["image"] for service in compose["services"].values()}
    assert images == {"odoo:18", "postgres:18"}


def test_every_port_is_open_to_this_machine_only(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", ())]
    assert len(ports) == 2
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports)


def test_secrets_come_from_the_environment_and_must_be_set(compose: dict[str, Any]) -> None:
    settings = [pair for service in compose["services"].values() for pair in service["environment"].items()]
    secrets = [value for name, value in settings if "PASSWORD" in name]
    assert secrets
    assert all(re.fullmatch(r"\$\{\w+:\?[^}]+\}", value) for value in secrets)


def test_every_reference_is_to_something_there(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for name, needed in service.get("depends_on", {}).items():
            assert needed["condition"] in CONDITIONS
            other = compose["services"][name]
            assert needed["condition"] != "service_healthy" or other["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
        for volume in service.get("volumes", ()):
            assert volume.split(":")[0] in compose["volumes"]


def test_odoo_runs_prefork_and_postgresql_keeps_statistics(compose: dict[str, Any]) -> None:
    assert "--workers=4" in compose["services"]["odoo"]["command"]
    assert "shared_preload_libraries=pg_stat_statements" in compose["services"]["postgres"]["command"]
