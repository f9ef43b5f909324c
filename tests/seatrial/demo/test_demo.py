"""The demo against the real service, with claims in memory: what it prints, and where it stops."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from seatrial import clients, demo, engine, ledger, settings, wallet, wallet_program
from seatrial.demo.facilitator import Facilitator
from seatrial.demo.seller import GOODS, GOODS_PATH, REQUIRED, RESPONSE, SIGNATURE, Seller, decoded, encoded, open_shop
from seatrial.errors import Code, SeatrialError
from seatrial.evidence import web
from service.claims import StoreError
from service.config_file import parse
from tests.seatrial.fakes import FakeEngine, container
from tests.service.facilitator_harness import Running, document, running
from tests.service.memory_claims import MemoryClaims

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TOKEN = "a-token-of-the-tests-0123456789"
OTHER_TOKEN = "another-token-of-the-tests-0123"


class Credits:
    """The ledger's commands on claims in memory."""

    def __init__(self, claims: MemoryClaims) -> None:
        self.stored = claims.stored

    def balance(self, key: str) -> int:
        return int(self.stored.get(key, b"0"))

    def credit(self, key: str, amount: int) -> int:
        self.stored[key] = b"%d" % (self.balance(key) + amount)
        return self.balance(key)

    def debit(self, key: str, amount: int) -> int:
        return self.credit(key, -amount)


def written(mode: str, token: str = TOKEN) -> str:
    kind = document()["kinds"][0]
    network = "ledger:credits" if mode == "ledger" else kind["network"]
    text = json.dumps(document(settlement={"mode": mode}, kinds=[{**kind, "network": network}]))
    return clients.with_only_client(text, "local", token)


@asynccontextmanager
async def production(
    folder: Path, monkeypatch: pytest.MonkeyPatch, mode: str = "record", runs_with: str = TOKEN
) -> AsyncIterator[tuple[settings.Settings, Running]]:
    """Run the service, and let the demo find it as if it were a container."""
    project = dataclasses.replace(settings.load(), root=folder)
    for name, text in ((clients.CONFIG, written(mode)), (clients.CONFIG_EXAMPLE, "{}"), (clients.TOKEN, TOKEN)):
        project.path(name).parent.mkdir(exist_ok=True)
        project.path(name).write_text(text, encoding="utf-8")
    claims = MemoryClaims()
    async with running(config=parse(written(mode, runs_with)), claims=claims) as service:
        ports = {"3000/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(service.port)}]}
        found = container("facilitator", Image="sha256:1", NetworkSettings={"Ports": ports})
        monkeypatch.setattr(engine, "connect", lambda: FakeEngine([found]).real)
        monkeypatch.setattr(ledger, "open_store", lambda *_args: Credits(claims))
        monkeypatch.setattr(demo, "_signed", signed_here)
        yield project, service


def signed_here(image: str, offers: list[dict[str, Any]], chain: int) -> list[wallet.Payment]:
    assert image == "sha256:1"
    return [wallet.Payment(payload) for payload in wallet_program.payloads(offers, chain, int(time.time()))]


async def play(project: settings.Settings) -> int:
    return await asyncio.to_thread(demo.run, project)


async def refused(project: settings.Settings) -> SeatrialError:
    with pytest.raises(SeatrialError) as raised:
        await play(project)
    return raised.value


async def test_every_step_is_told_in_mode_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with production(tmp_path, monkeypatch) as (project, service):
        assert await play(project) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} == {"ok"}
    assert [line[15:46].strip() for line in lines] == [
        *("GET /report", "signs with a throw-away key", "POST /verify", "POST /settle", "gets what was paid for"),
        *("pays with the same again", "POST /settle, the same again", "POST /settle, its nonce again"),
        "GET /settlements/...",
    ]
    assert "nothing is sent to a chain" in lines[3]
    assert lines[-1].endswith("for client local")
    assert len([key for key in service.claims.stored if key.startswith("x402:auth:")]) == 1
    assert not any(TOKEN in line or "\x1b" in line for line in lines)


async def test_in_mode_ledger_no_credits_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with production(tmp_path, monkeypatch, "ledger") as (project, service):
        assert await play(project) == 0
        balances = [int(value) for key, value in service.claims.stored.items() if key.startswith("x402:ledger:")]
    said = capsys.readouterr().out
    assert "settled: 10000 moved, transaction 0x" in said
    assert "takes the price back" in said
    assert balances == [0, 0]


async def test_what_was_lent_is_taken_back_when_nothing_was_paid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with production(tmp_path, monkeypatch, "ledger") as (project, service):

        async def gone(*_given: object) -> list[bytes]:
            raise StoreError("REFUSED")

        monkeypatch.setattr(service.claims, "move", gone)
        error = await refused(project)
        balances = [int(value) for key, value in service.claims.stored.items() if key.startswith("x402:ledger:")]
    assert error.code is Code.STACK_UNHEALTHY
    assert balances == [0]


async def test_a_token_that_the_running_service_does_not_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with production(tmp_path, monkeypatch, runs_with=OTHER_TOKEN) as (project, _):
        error = await refused(project)
    assert error.code is Code.SECRETS
    assert error.hint == clients.RELOAD
    assert TOKEN not in str(error)


async def test_a_token_that_is_of_no_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with production(tmp_path, monkeypatch) as (project, _):
        project.path(clients.TOKEN).write_text(OTHER_TOKEN, encoding="utf-8")
        error = await refused(project)
    assert error.code is Code.SECRETS
    assert clients.ROTATE in error.hint


async def test_without_redis_it_stops_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with production(tmp_path, monkeypatch) as (project, service):
        service.claims.fails_with = "REFUSED"
        error = await refused(project)
    assert error.code is Code.STACK_UNHEALTHY
    assert "/verify cannot decide" in error.what


async def test_a_replay_that_is_accepted_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with production(tmp_path, monkeypatch) as (project, service):

        async def forget(_key: str) -> None:
            return None

        monkeypatch.setattr(service.claims, "read", forget)
        error = await refused(project)
    assert error.code is Code.TASK_FAILED
    assert error.what == "buyer, pays with the same again: 200: None"
    assert capsys.readouterr().out.splitlines()[-1].startswith("WRONG buyer")


def test_without_a_stack_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = dataclasses.replace(settings.load(), root=tmp_path)
    project.path("config").mkdir()
    project.path(clients.CONFIG).write_text(written("record"), encoding="utf-8")
    monkeypatch.setattr(engine, "connect", lambda: FakeEngine().real)
    with pytest.raises(SeatrialError) as raised:
        demo.run(project)
    assert (raised.value.code, raised.value.hint) == (Code.NOT_RUNNING, "./invoke up --prod")


def test_a_shop_asks_for_payment_and_serves_nothing_else() -> None:
    offer = {"network": "eip155:1", "amount": "5"}
    with open_shop(Seller(Facilitator(("127.0.0.1", 1), "", "record"), offer)) as seller:
        answer = web.get(seller.address, GOODS_PATH)
        assert answer.status == 402
        required = decoded(answer.fields[REQUIRED.lower()])
        assert (required["accepts"], required["x402Version"]) == ([offer], 2)
        assert required["resource"]["url"].endswith(f":{seller.address[1]}/report")
        assert web.get(seller.address, "/other").status == 404
        unreadable = web.get(seller.address, GOODS_PATH, fields={SIGNATURE: "?"})
        assert (unreadable.status, unreadable.body) == (402, "{}")
        # The facilitator does not answer: no goods, and the demo learns why.
        paid = web.get(seller.address, GOODS_PATH, fields={SIGNATURE: encoded({"accepted": offer})})
        assert (paid.status, RESPONSE.lower() in paid.fields, GOODS in paid.body) == (502, False, False)
        assert seller.failure is not None
        assert seller.failure.code is Code.NOT_RUNNING
