"""The service's own connection against the real production Redis: each way it can fail has its code on /health."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from seatrial.evidence import redis
from service.config import RedisConfig
from service.health import Readiness, RedisProbe
from service.log import Log
from service.store import Store
from tests.docker.harbour import Harbour, open_harbour, until
from tests.docker.yard import PREFIX, docker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_docker import Services

    from tests.docker.yard import Ship, Yard


@pytest.fixture(scope="session")
def quay(shipyard: Yard, healthy: Ship) -> Harbour:
    return open_harbour(shipyard, healthy, "quay")


# --- what pytest-docker asks for -----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def docker_compose_file(quay: Harbour) -> str:
    return str(quay.ship.folder / "docker-compose.yml")


@pytest.fixture(scope="session")
def docker_compose_project_name() -> str:
    return f"{PREFIX}-quay"


@pytest.fixture(scope="session")
def docker_setup() -> list[str]:
    # It would start before its own `try`, and leave what failed to start.
    return []


@pytest.fixture(scope="session")
def docker_cleanup() -> list[str]:
    return ["--profile production down --volumes --remove-orphans --timeout 3"]


# -------------------------------------------------------------------------------------------------------------------


class Server:
    """The production Redis alone, without its service."""

    def __init__(self, harbour: Harbour, address: tuple[str, int]) -> None:
        self.harbour = harbour
        self.address = address

    def admin(self, *command: str) -> str:
        return redis.converse(self.address, "admin", self.harbour.password("redis_admin_password"), command)

    def as_root(self, *argv: str) -> str:
        container = self.harbour.containers()["redis-prod"]["Id"]
        return docker("exec", "--privileged", "--user", "0", container, *argv)

    async def health(self, **changed: Any) -> tuple[int, dict[str, Any]]:
        """What /health answers when the service is configured like in production, but for what is changed."""
        given: dict[str, Any] = {
            "host": self.address[0],
            "port": self.address[1],
            "db": 0,
            "username": "facilitator",
            "password_file": self.harbour.ship.folder / "secrets/redis_password",
            "tls": False,
            "timeout_seconds": 5.0,
        }
        store = Store(RedisConfig(**{**given, **changed}))
        try:
            probe = RedisProbe(store.write_canary, Log(Nowhere()), probe_seconds=10.0)
            response = await Readiness(probe).response()
        finally:
            await store.close()
        return response.status, json.loads(response.body)["dependencies"]["redis"]


class Nowhere:
    def write(self, line: bytes, /) -> None:
        pass


@pytest.fixture(scope="session")
def server(docker_services: Services, docker_ip: str, quay: Harbour) -> Iterator[Server]:
    docker_services._docker_compose.execute("up --detach --no-build --pull never redis-prod")
    found = Server(quay, (docker_ip, docker_services.port_for("redis-prod", 6379)))
    until(lambda: quay.state("redis-prod") == "healthy", "Redis is healthy")
    yield found
    found.admin("CONFIG", "SET", "maxmemory", "192mb")


async def test_the_production_redis_takes_the_service_and_its_canary(server: Server) -> None:
    assert await server.health() == (200, {"status": "up"})
    assert server.admin("GET", "x402:canary") == "1"
    assert 0 < int(server.admin("TTL", "x402:canary").removeprefix(":")) <= 30


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"username": None, "password_file": None}, "NOAUTH"),
        ({"password_file": "redis_admin_password"}, "WRONGPASS"),
        ({"username": "nobody"}, "WRONGPASS"),
        ({"username": None}, "WRONGPASS"),
        ({"username": "probe", "password_file": "redis_probe_password"}, "NOPERM"),
        ({"db": 99}, "ERR"),
        ({"password_file": "no_such_file"}, "PASSWORDFILE"),
        ({"port": 1}, "REFUSED"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_connection_that_is_not_the_services_own_has_its_code(
    server: Server, changed: dict[str, Any], code: str
) -> None:
    if changed.get("password_file"):
        changed = {**changed, "password_file": server.harbour.ship.folder / "secrets" / changed["password_file"]}
    assert await server.health(**changed) == (503, {"status": "down", "code": code})


async def test_a_full_memory_has_its_code(server: Server) -> None:
    assert server.admin("CONFIG", "SET", "maxmemory", "1") == "+OK"
    try:
        assert await server.health() == (503, {"status": "down", "code": "OOM"})
        # Whoever only pings learns nothing of it.
        password = server.harbour.password("redis_probe_password")
        assert redis.converse(server.address, "probe", password, ("PING",)) == "+PONG"
    finally:
        server.admin("CONFIG", "SET", "maxmemory", "192mb")
    assert (await server.health())[0] == 200


async def test_a_disk_that_cannot_be_written_has_its_code(server: Server) -> None:
    assert server.admin("CONFIG", "SET", "save", "3600 1") == "+OK"
    server.as_root("chmod", "0500", "/data")
    server.as_root("chown", "0:0", "/data")
    try:
        assert server.admin("BGSAVE").startswith("+Background saving")
        until(lambda: "rdb_last_bgsave_status:err" in server.admin("INFO", "persistence"), "the save has failed")
        assert await server.health() == (503, {"status": "down", "code": "MISCONF"})
    finally:
        server.as_root("chown", "999:999", "/data")
        server.as_root("chmod", "0755", "/data")
        server.admin("CONFIG", "SET", "save", "")
    assert (await server.health())[0] == 200


async def test_a_paused_server_has_its_code(server: Server) -> None:
    container = server.harbour.containers()["redis-prod"]["Id"]
    docker("pause", container)
    try:
        assert await server.health(timeout_seconds=0.5) == (503, {"status": "down", "code": "TIMEOUT"})
    finally:
        docker("unpause", container)
    assert (await server.health())[0] == 200


def test_no_secret_is_in_the_stores_words(server: Server) -> None:
    log = docker("logs", server.harbour.containers()["redis-prod"]["Id"])
    secrets = Path(server.harbour.ship.folder / "secrets")
    assert not [file.name for file in secrets.glob("*password") if file.read_text(encoding="utf-8") in log]
