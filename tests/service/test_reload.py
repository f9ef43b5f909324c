"""A changed configuration takes effect whole, or not at all."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest

from service.config_file import load
from service.health import Readiness, RedisProbe
from service.log import Log
from service.messages import Request
from service.metrics import Metrics
from service.reload import Reloadable
from service.wiring import Parts
from tests.service.facilitator_harness import (
    Lines,
    connected,
    document,
    healthy,
    scripted_redis,
    started,
    write_config,
)
from tests.service.memory_claims import MemoryClaims

if TYPE_CHECKING:
    from pathlib import Path


class Running:
    def __init__(self, folder: Path, **sections: Any) -> None:
        self.path = folder / "config.json"
        self.write(**sections)
        self.lines = Lines()
        config = load(self.path)
        log = Log(self.lines, config.log_level)
        parts = Parts(MemoryClaims(), Readiness(RedisProbe(healthy, log)), Metrics(), log)
        self.app = Reloadable(config, self.path, parts)

    def write(self, **sections: Any) -> None:
        self.path.write_text(json.dumps(document(**sections)))

    async def networks(self) -> list[str]:
        answer = await self.app(Request("GET", "/supported", (), "id"))
        return [kind["network"] for kind in json.loads(answer.response.body)["kinds"]]


def kinds(network: str) -> list[dict[str, Any]]:
    return [{**document()["kinds"][0], "network": network}]


async def test_what_may_change_changes_at_once(tmp_path: Path) -> None:
    running = Running(tmp_path)
    running.write(kinds=kinds("eip155:1"), logging={"level": "error"})
    running.app.reload()
    assert await running.networks() == ["eip155:1"]
    assert not running.lines.events("reload"), "the new level holds for this line already"
    running.write(kinds=kinds("eip155:2"))
    running.app.reload()
    assert running.lines.events("reload")[0]["result"] == "done"


@pytest.mark.parametrize(
    ("changed", "section"),
    [
        ({"server": {"port": 1}}, "server"),
        ({"redis": {"host": "another"}}, "redis"),
        ({"settlement": {"mode": "ledger"}}, "settlement.mode"),
    ],
)
async def test_what_needs_a_restart_changes_nothing(tmp_path: Path, changed: dict[str, Any], section: str) -> None:
    running = Running(tmp_path)
    network = "ledger:a" if section == "settlement.mode" else "eip155:1"
    running.write(kinds=kinds(network), **changed)
    running.app.reload()
    assert await running.networks() == ["eip155:84532"]
    (line,) = running.lines.events("reload")
    assert (line["result"], line["sections"]) == ("needs-restart", [section])


async def test_a_file_that_is_not_valid_changes_nothing_and_every_problem_is_told(tmp_path: Path) -> None:
    running = Running(tmp_path)
    running.write(kinds=kinds("eip155:0"), logging={"level": "loud"})
    running.app.reload()
    running.path.unlink()
    running.app.reload()
    assert await running.networks() == ["eip155:84532"]
    invalid, missing = running.lines.events("reload")
    assert invalid["result"] == missing["result"] == "invalid"
    assert len(invalid["problems"]) == 2


async def test_sighup_reloads_a_running_service_and_keeps_its_connections(tmp_path: Path) -> None:
    async with scripted_redis() as redis:
        config = write_config(tmp_path, redis.port)
        async with started(config) as service, connected(service.port) as client:
            assert (await client.get("/supported")).json["kinds"][0]["network"] == "eip155:84532"
            text = json.loads(config.read_text())
            config.write_text(json.dumps({**text, "kinds": kinds("eip155:1")}))
            service.process.send_signal(signal.SIGHUP)
            assert (await service.line("reload"))["result"] == "done"
            assert (await client.get("/supported")).json["kinds"][0]["network"] == "eip155:1"
            service.process.send_signal(signal.SIGTERM)
            assert (await service.end())[0] == 0
