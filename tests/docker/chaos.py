"""Many clients settle the same and overlapping payments at two facilitators while Redis breaks; then all is counted."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import defaultdict
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

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
from tests.docker.faults import COMMAND_SECONDS, Harm
from tests.docker.switch import switch_to
from tests.service.buyer import KIND, body, ledger_kind, paid
from tests.service.facilitator_harness import Lines, document

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from service.protocol.judge import Kind
    from tests.docker.faults import Fault
    from tests.docker.lone_redis import LoneRedis

NONCES, CLIENTS, AMOUNTS = 40, 16, (3, 5)
FUNDS = 1_000_000
KINDS = {"record": KIND, "ledger": ledger_kind()}
# Against hanging only.
GUARD_SECONDS = 120

_Which = tuple[int, int]


@dataclass(frozen=True)
class Row:
    """What one fault came to. The last five must be 0."""

    fault: str
    mode: str
    tried: int
    acknowledged: int
    undecided: int
    lost: int
    double: int
    neither: int
    credits_astray: int
    crashes: int

    @property
    def faultless(self) -> bool:
        return not any((self.lost, self.double, self.neither, self.credits_astray, self.crashes))


@dataclass
class Fleet:
    """Facilitators that share nothing but Redis, and what they answered."""

    mode: str
    apps: list[App]
    stores: list[Store]
    lines: Lines
    tried: int = 0
    undecided: int = 0
    neither: int = 0
    answers: dict[_Which, list[str]] = field(default_factory=lambda: defaultdict(list))

    async def settle(self, which: _Which, raw: bytes) -> bool:
        """Settle at any of them; gives whether the answer is definite."""
        self.tried += 1
        answer = await random.choice(self.apps)(Request("POST", "/settle", (), "id", raw))
        said = json.loads(answer.response.body)
        if answer.response.status == 503 and said["errorReason"] == "unexpected_settle_error" and not said["success"]:
            self.undecided += 1
            return False
        if answer.response.status != 200:
            self.neither += 1
            return False
        self.answers[which].append(json.dumps(said, sort_keys=True))
        return True

    def acknowledged(self, said: str) -> bool:
        """Whether an answer says that this very authorization was taken."""
        answer = json.loads(said)
        return bool(answer["success"]) if self.mode == "ledger" else answer["errorReason"] == "settlement_not_broadcast"


@asynccontextmanager
async def fleet(redis: LoneRedis, mode: str) -> AsyncIterator[tuple[Fleet, Harm]]:
    """Let two facilitators sail in one mode, with a Redis that can be harmed."""
    text = document(settlement={"mode": mode})
    text["kinds"][0]["network"] = KINDS[mode].network
    config = parse(json.dumps(text))
    lines = Lines()
    log = Log(lines)
    loop = asyncio.get_running_loop()
    async with switch_to(redis.port) as switch:
        reached = replace(redis.config(COMMAND_SECONDS), port=switch.port)
        stores = [Store(reached, ledger=mode == "ledger") for _ in range(2)]
        parts = [Parts(store, Readiness(RedisProbe(store.write_canary, log)), Metrics(), log) for store in stores]
        try:
            apps = [App(routes(config, part), log) for part in parts]
            yield Fleet(mode, apps, stores, lines), Harm(redis, switch, loop.call_soon_threadsafe)
        finally:
            for store in stores:
                await store.close()


async def suffer(redis: LoneRedis, fault: Fault, mode: str) -> Row:
    """Settle while a fault happens, ask again about everything when it is over, and count."""
    kind = KINDS[mode]
    requests = _signed(kind)
    redis.load_ledger()
    sample = parse_request(requests[0, AMOUNTS[0]])
    purse, till = (
        balance_key(kind.network, sample.requirements.asset, who)
        for who in (sample.authorization.payer, sample.authorization.to)
    )
    redis.admin("SET", purse, str(FUNDS))
    redis.admin("DEL", till)
    async with fleet(redis, mode) as (ships, harm), asyncio.timeout(GUARD_SECONDS):
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(_client(ships, requests, stop))
            await asyncio.sleep(0.2)
            await asyncio.to_thread(fault.happen, harm)
            await asyncio.sleep(0.2)
            stop.set()
        # Whoever was left without an answer asks again, until there is one.
        for which, raw in requests.items():
            while not await ships.settle(which, raw):  # noqa: ASYNC110 - there is nobody who could tell
                await asyncio.sleep(0.05)
        kept = {number: await ships.stores[0].read(_key(requests[number, AMOUNTS[0]])) for number in range(NONCES)}
        purses = (int(redis.admin("GET", purse) or 0), int(redis.admin("GET", till) or 0))
    return _count(ships, fault, {number: _amount(record) for number, record in kept.items()}, purses)


async def _client(ships: Fleet, requests: dict[_Which, bytes], stop: asyncio.Event) -> None:
    while not stop.is_set():
        which = random.choice(list(requests))
        await asyncio.sleep(0.002 if await ships.settle(which, requests[which]) else 0.02)


def _count(ships: Fleet, fault: Fault, kept: dict[int, int | None], purses: tuple[int, int]) -> Row:
    winners: dict[int, set[int]] = defaultdict(set)
    unlike = 0
    for (number, amount), told in ships.answers.items():
        # An answer that was given once is given ever after.
        unlike += len(set(told)) - 1
        if any(map(ships.acknowledged, told)):
            winners[number].add(amount)
        # Refused for good, although it is the one that is on record.
        elif kept[number] == amount:
            unlike += 1
    won = sum(amount or 0 for amount in kept.values()) if ships.mode == "ledger" else 0
    return Row(
        fault=fault.name,
        mode=ships.mode,
        tried=ships.tried,
        acknowledged=sum(ships.acknowledged(said) for told in ships.answers.values() for said in told),
        undecided=ships.undecided,
        lost=sum(kept[number] not in amounts for number, amounts in winners.items()) + (NONCES - len(winners)),
        double=sum(len(amounts) > 1 for amounts in winners.values()),
        neither=ships.neither + unlike,
        credits_astray=abs(FUNDS - won - purses[0]) + abs(won - purses[1]),
        crashes=len(ships.lines.events("crash")),
    )


def _signed(kind: Kind) -> dict[_Which, bytes]:
    """Nonces of their own for each run, and for each nonce two payments that exclude each other."""
    run, ends = random.randbytes(28), int(time.time()) + 1800
    return {
        (number, amount): body(
            paid(nonce=run + number.to_bytes(4), amount=amount, kind=kind, valid_after=0, valid_before=ends)
        )
        for number in range(NONCES)
        for amount in AMOUNTS
    }


def _key(raw: bytes) -> str:
    return key_of(parse_request(raw))


def _amount(record: bytes | None) -> int | None:
    return None if record is None else int(Record.from_json(record).amount)


def table(rows: list[Row]) -> list[tuple[str, ...]]:
    """Give the rows as they are shown, head first and the sum last."""
    head = ("fault", "mode", "settles tried", "acknowledged", "503", "lost", "double", "neither right nor 503")
    lines = [_cells(row.fault, row.mode, [row]) for row in rows]
    return [(*head, "credits astray"), *lines, _cells("all", "", rows)]


def _cells(fault: str, mode: str, rows: list[Row]) -> tuple[str, ...]:
    counted = ("tried", "acknowledged", "undecided", "lost", "double", "neither", "credits_astray")
    return (fault, mode, *(str(sum(getattr(row, name) for row in rows)) for name in counted))
