"""Many clients settle the same and overlapping payments at two facilitators while Redis dies, hangs and fills up.

Whatever happens: for each nonce one authorization wins, every definite answer about it is the same for ever, the winner
is on record, and credits are neither made nor lost.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from service.app import App
from service.balances import balance_key
from service.claims import Record, key_of
from service.config_file import parse
from service.health import Readiness, RedisProbe
from service.log import Log
from service.messages import Request
from service.metrics import Metrics
from service.protocol.payment import parse_request
from service.store import Store
from service.wiring import Parts, routes
from tests.docker.lone_redis import LoneRedis, lone_redis
from tests.docker.yard import docker
from tests.service.buyer import KIND, body, ledger_kind, paid
from tests.service.facilitator_harness import Lines, document

if TYPE_CHECKING:
    from pathlib import Path

    from service.protocol.judge import Kind

NONCES, CLIENTS, AMOUNTS = 60, 16, (3, 5)
FUNDS = 10_000
COMMAND_SECONDS = 0.3
# Against hanging only.
GUARD_SECONDS = 120


@dataclass
class Fleet:
    """Facilitators that share nothing but Redis, and what they answered."""

    apps: list[App]
    stores: list[Store]
    lines: Lines
    answers: dict[tuple[int, int], list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    undecided: int = 0

    async def settle(self, which: tuple[int, int], raw: bytes) -> bool:
        """Settle at any of them; gives whether the answer is definite."""
        app = random.choice(self.apps)
        answer = await app(Request("POST", "/settle", (), "id", raw))
        said = json.loads(answer.response.body)
        if answer.response.status == 503:
            assert said["errorReason"] == "unexpected_settle_error"
            assert said["success"] is False
            self.undecided += 1
            return False
        assert answer.response.status == 200
        self.answers[which].append(said)
        return True


def fleet(redis: LoneRedis, mode: str, kind: Kind) -> Fleet:
    text = document(settlement={"mode": mode})
    text["kinds"][0]["network"] = kind.network
    config = parse(json.dumps(text))
    lines = Lines()
    log = Log(lines)
    stores = [Store(redis.config(COMMAND_SECONDS)) for _ in range(2)]
    parts = [Parts(store, Readiness(RedisProbe(store.write_canary, log)), Metrics(), log) for store in stores]
    return Fleet([App(routes(config, part), log) for part in parts], stores, lines)


async def client(fleet: Fleet, requests: dict[tuple[int, int], bytes], stop: asyncio.Event) -> None:
    while not stop.is_set():
        which = random.choice(list(requests))
        if not await fleet.settle(which, requests[which]):
            await asyncio.sleep(0.02)
        # Others use this machine too.
        await asyncio.sleep(0.002)


def misfortunes(redis: LoneRedis) -> None:
    """Break Redis in every way it breaks, one after the other."""
    time.sleep(0.3)
    docker("kill", "--signal", "KILL", redis.container)
    time.sleep(0.3)
    docker("start", redis.container)
    redis.await_answer()
    time.sleep(0.3)
    docker("pause", redis.container)
    # Longer than a command waits: what was sent meanwhile is done after everybody gave up on it.
    time.sleep(3 * COMMAND_SECONDS)
    docker("unpause", redis.container)
    time.sleep(0.3)
    redis.admin("CONFIG", "SET", "maxmemory", "1")
    time.sleep(0.3)
    redis.admin("CONFIG", "SET", "maxmemory", "192mb")
    redis.admin("CLIENT", "KILL", "TYPE", "normal")
    docker("restart", "--time", "3", redis.container)
    redis.await_answer()
    docker("kill", "--signal", "KILL", redis.container)
    docker("start", redis.container)
    redis.await_answer()
    time.sleep(0.3)


@pytest.mark.parametrize(("mode", "kind"), [("record", KIND), ("ledger", ledger_kind())], ids=["record", "ledger"])
async def test_each_authorization_is_settled_once_whatever_happens_to_redis(
    mode: str, kind: Kind, tmp_path: Path
) -> None:
    ends = int(time.time()) + 1800
    requests = {
        (number, amount): body(
            paid(nonce=number.to_bytes(32), amount=amount, kind=kind, valid_after=0, valid_before=ends)
        )
        for number in range(NONCES)
        for amount in AMOUNTS
    }
    sample = parse_request(next(iter(requests.values())))
    authorization, asset = sample.authorization, sample.requirements.asset
    payer, payee = (balance_key(kind.network, asset, who) for who in (authorization.payer, authorization.to))
    with lone_redis(tmp_path) as redis:
        redis.load_ledger()
        redis.admin("SET", payer, str(FUNDS))
        ships = fleet(redis, mode, kind)
        stop = asyncio.Event()
        async with asyncio.timeout(GUARD_SECONDS), asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(client(ships, requests, stop))
            await asyncio.to_thread(misfortunes, redis)
            stop.set()
        # Whoever was left without an answer asks again, and now gets one.
        for which, raw in requests.items():
            assert await ships.settle(which, raw)
        stored = {
            number: await ships.stores[0].read(key_of(parse_request(requests[number, 3]))) for number in range(NONCES)
        }
        left, moved = redis.admin("GET", payer), redis.admin("GET", payee)
        for store in ships.stores:
            await store.close()

    assert ships.undecided > 0, "nothing was broken"
    assert not ships.lines.events("crash")
    won = 0
    firsts = [line for line in ships.lines.events("settled") if line["outcome"] in {"recorded", "settled"}]
    for number in range(NONCES):
        claim = stored[number]
        assert claim is not None, "a claim was lost"
        winner = int(Record.from_json(claim).amount)
        won += winner
        for amount in AMOUNTS:
            told = {json.dumps(said, sort_keys=True) for said in ships.answers[number, amount]}
            assert len(told) == 1, f"an answer has changed: {told}"
            said = json.loads(told.pop())
            assert (said.get("errorReason") != "invalid_exact_evm_nonce_already_used") == (amount == winner)
            assert said["success"] == (mode == "ledger" and amount == winner)
        nonce = "0x" + number.to_bytes(32).hex()
        # None at all if the reply to the one command that claimed was lost.
        assert sum(line["nonce"] == nonce for line in firsts) <= 1
    assert (left, moved) == ((str(FUNDS - won), str(won)) if mode == "ledger" else (str(FUNDS), ""))
