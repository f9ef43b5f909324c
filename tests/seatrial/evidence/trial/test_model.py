"""The trial's model: production's own, but for what is named here."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from seatrial.evidence.trial import OPEN_REDIS, TRIAL_LABEL, TWIN, trial_model
from tests import good

HARDENING = (
    "read_only",
    "cap_drop",
    "security_opt",
    "user",
    "deploy",
    "restart",
    "init",
    "logging",
    "stop_grace_period",
)


def model() -> dict[str, Any]:
    return dict(good.evidence().json("compose.production"))


@pytest.fixture
def trial(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    return trial_model(model(), good.settings(), "image:under-test", tmp_path, "host/1")


def test_it_starts_production_and_two_controls(trial: dict[str, Any]) -> None:
    assert set(trial["services"]) == {"facilitator", "redis-prod", TWIN, OPEN_REDIS}
    assert not any("profiles" in service or "build" in service for service in trial["services"].values())


@pytest.mark.parametrize("name", ["facilitator", "redis-prod"])
def test_nothing_that_protects_is_changed(trial: dict[str, Any], name: str) -> None:
    production = model()["services"][name]
    for key in HARDENING:
        assert trial["services"][name].get(key) == production.get(key)


def test_the_image_under_test_takes_the_service_s_place(trial: dict[str, Any]) -> None:
    assert trial["services"]["facilitator"]["image"] == "image:under-test"
    assert trial["services"]["redis-prod"]["image"] == model()["services"]["redis-prod"]["image"]


def test_ports_are_free_ones_on_loopback(trial: dict[str, Any]) -> None:
    for service in trial["services"].values():
        for port in service.get("ports", []):
            assert port["host_ip"] == "127.0.0.1"
            assert "published" not in port


def test_no_name_of_production_is_used(trial: dict[str, Any]) -> None:
    production = model()
    for kind in ("networks", "volumes"):
        assert not any("name" in options for options in trial[kind].values())
        assert any("name" in (options or {}) for options in production[kind].values())
    assert "name" not in trial
    assert not any("container_name" in service for service in trial["services"].values())


def test_development_s_networks_and_volumes_are_left_out(trial: dict[str, Any]) -> None:
    assert "development" not in trial["networks"]
    assert set(trial["volumes"]) == {"redis_prod_data"}


def test_secrets_are_the_trial_s_own(trial: dict[str, Any], tmp_path: Path) -> None:
    for secret in trial["secrets"].values():
        assert Path(secret["file"]).parent == tmp_path / "secrets"


def test_the_trial_s_own_config_is_mounted(trial: dict[str, Any], tmp_path: Path) -> None:
    sources = [mount["source"] for mount in trial["services"]["facilitator"]["volumes"]]
    assert str(tmp_path / "config.json") in sources


def test_the_twin_differs_in_its_root_file_system_only(trial: dict[str, Any]) -> None:
    twin, service = (copy.deepcopy(trial["services"][name]) for name in (TWIN, "facilitator"))
    assert "read_only" not in twin
    service.pop("read_only")
    service.pop("ports")
    assert twin == service


def test_everything_is_labelled_so_that_it_can_be_removed(trial: dict[str, Any]) -> None:
    for part in (*trial["services"].values(), *trial["networks"].values(), *trial["volumes"].values()):
        assert part["labels"][TRIAL_LABEL] == "host/1"


def test_the_model_that_it_was_made_from_is_not_changed(tmp_path: Path) -> None:
    before = model()
    after = copy.deepcopy(before)
    trial_model(after, good.settings(), "x", tmp_path, "host/1")
    assert after == before


def test_a_model_without_the_services_is_no_crash(tmp_path: Path) -> None:
    assert trial_model({"services": {}}, good.settings(), "x", tmp_path, "host/1")["services"] == {}
