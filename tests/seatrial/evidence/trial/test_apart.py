"""Nothing that is production's is written by a trial, or reached through it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from seatrial.evidence.trial import TRIAL_LABEL, apart, life, trial_model
from tests import good

if TYPE_CHECKING:
    from pathlib import Path


def bind(source: object, target: str, **more: Any) -> dict[str, Any]:
    return {"type": "bind", "source": str(source), "target": target, "bind": {"create_host_path": True}, **more}


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """Give a folder of production's."""
    (tmp_path / "host" / "data").mkdir(parents=True)
    (tmp_path / "host" / "data" / "dump.rdb").write_text("what production remembers", encoding="utf-8")
    (tmp_path / "host" / "app.conf").write_text("debug = no", encoding="utf-8")
    (tmp_path / "trial").mkdir()
    return tmp_path / "host"


def test_a_folder_that_is_written_is_a_volume_of_the_trial_s(host: Path, tmp_path: Path) -> None:
    data, gone = host / "data", host / "not-yet"
    services: dict[str, Any] = {
        "redis": {"volumes": [bind(data, "/data"), bind(gone, "/more")]},
        "web": {"volumes": [bind(data, "/uploads", read_only=True)]},
        "plain": {},
    }
    assert apart.mounts(services, tmp_path / "trial") == {"instead-1": str(data), "instead-2": str(gone)}
    assert services["redis"]["volumes"] == [
        {"type": "volume", "source": "instead-1", "target": "/data"},
        {"type": "volume", "source": "instead-2", "target": "/more"},
    ]
    # What one writes the other sees.
    assert services["web"]["volumes"] == [
        {"type": "volume", "source": "instead-1", "target": "/uploads", "read_only": True}
    ]
    assert not gone.exists()


def test_a_file_that_is_written_is_a_copy(host: Path, tmp_path: Path) -> None:
    services = {"web": {"volumes": [bind(host / "app.conf", "/app.conf")]}}
    assert apart.mounts(services, tmp_path / "trial") == {}
    (mount,) = services["web"]["volumes"]
    assert mount["source"] == str(tmp_path / "trial" / apart.FILES / "1-app.conf")
    (tmp_path / "trial" / apart.FILES / "1-app.conf").write_text("debug = yes", encoding="utf-8")
    assert (host / "app.conf").read_text(encoding="utf-8") == "debug = no"


def test_what_is_only_read_stays_and_so_do_sockets(host: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(host / "s"))
        mounts = [bind(host / "data", "/data", read_only=True), bind(host / "s", "/s"), bind("/dev/null", "/null")]
        services = {"web": {"volumes": [dict(mount) for mount in mounts]}}
        assert apart.mounts(services, tmp_path / "trial") == {}
    assert services["web"]["volumes"] == mounts


def test_nothing_that_is_there_already_is_joined_or_used(host: Path, tmp_path: Path) -> None:
    model = good.evidence().json("compose.production")
    redis = model["services"]["redis-prod"]
    redis["volumes"].append(bind(host / "data", "/old"))
    redis["networks"] = {"backend": {"aliases": ["cache"], "ipv4_address": "10.9.0.5", "mac_address": "02:42::1"}}
    redis["volumes_from"] = ["facilitator", "container:production-redis"]
    redis["external_links"] = ["production-redis:old"]
    model["networks"]["backend"] = {
        "name": "backend",
        "external": True,
        "driver": "macvlan",
        "ipam": {"config": [{"subnet": "10.9.0.0/24"}]},
        "internal": True,
    }
    model["volumes"]["redis_prod_data"] = {
        "name": "redis_prod_data",
        "external": True,
        "driver_opts": {"type": "none", "o": "bind", "device": "/srv/redis"},
    }
    made = trial_model(model, good.settings(), "x", tmp_path / "trial", "host/1")
    labels = {TRIAL_LABEL: "host/1"}
    assert made["networks"]["backend"] == {"internal": True, "labels": labels}
    assert made["volumes"]["redis_prod_data"] == {"labels": labels}
    assert made["services"]["redis-prod"]["networks"]["backend"] == {"aliases": ["cache"]}
    assert made["services"]["redis-prod"]["volumes_from"] == ["facilitator"]
    assert "external_links" not in made["services"]["redis-prod"]
    # Who cannot start without what is there is told so.
    assert life.instead(made) == [f"in the trial {host / 'data'} is an empty volume"]


def test_memory_stays_memory() -> None:
    memory = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}
    assert apart.volume({"driver": "local", "driver_opts": memory}) == {"driver_opts": memory}
