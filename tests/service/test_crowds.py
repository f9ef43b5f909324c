"""The real process among many: 200 payments in flight when it ends, and 10,000 connections that say nothing."""

from __future__ import annotations

import asyncio
import json
import resource
import secrets
import signal
import socket
import time
from collections import Counter
from contextlib import AsyncExitStack, ExitStack
from typing import TYPE_CHECKING

import pytest

from service.listener import BACKLOG
from tests.service import buyer
from tests.service.facilitator_harness import (
    GUARD_SECONDS,
    connected,
    replies,
    request,
    scripted_redis,
    started,
    until,
    write_config,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.service.facilitator_harness import Client

IN_FLIGHT = 200
IDLE = 10_000
SERVED = 50
NOTHING = b"$-1\r\n"


def payment() -> bytes:
    now = int(time.time())
    document = buyer.paid(nonce=secrets.token_bytes(32), valid_after=now - 60, valid_before=now + 600)
    return request("/verify", "Content-Type: application/json", method="POST", body=buyer.body(document))


def patient(config: Path) -> Path:
    """Let the service wait for Redis for as long as the test does."""
    document = json.loads(config.read_text())
    document["redis"]["timeoutMs"] = int(GUARD_SECONDS * 1000)
    config.write_text(json.dumps(document))
    return config


async def test_what_is_in_flight_at_the_end_is_answered_and_a_slow_drip_is_not_waited_for(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(scripted_redis(replies={"GET": NOTHING}))
        config = patient(write_config(tmp_path, redis.port, drainSeconds=5))
        service = await stack.enter_async_context(started(config))
        dripping = await stack.enter_async_context(connected(service.port))
        await dripping.send(payment()[:-2])
        clients = [await stack.enter_async_context(connected(service.port)) for _ in range(IN_FLIGHT)]
        redis.held = asyncio.Event()
        for client in clients:
            await client.send(payment())
        await until(lambda: any(words[0] == "GET" for words in redis.commands))
        async with connected(service.port) as one_more:
            # Answered after all of the above had come.
            assert (await one_more.get("/live")).status == 200
        service.process.send_signal(signal.SIGTERM)
        await service.line("draining")
        redis.held.set()
        answers = [replies(await client.rest()) for client in clients]
        assert [[reply.status for reply in answer] for answer in answers] == [[200]] * IN_FLIGHT
        assert all(reply.json["isValid"] for answer in answers for reply in answer)
        assert (await service.line("stopped"))["connectionsCutOff"] == 1
        assert await service.end() == (0, "")


async def test_ten_thousand_idle_connections_keep_no_client_from_being_served(tmp_path: Path, many_files: None) -> None:
    async with scripted_redis(replies={"GET": NOTHING}) as redis, AsyncExitStack() as stack:
        config = write_config(tmp_path, redis.port, maxConnections=SERVED)
        service = await stack.enter_async_context(started(config))
        clients = [await stack.enter_async_context(connected(service.port)) for _ in range(SERVED)]
        for client in clients:
            assert (await client.get("/live")).status == 200
        with ExitStack() as crowd:
            idle = []
            for number in range(IDLE):
                address = ("127.0.0.1", service.port)
                idle.append(crowd.enter_context(socket.create_connection(address, GUARD_SECONDS)))
                if number % (BACKLOG // 2) == 0:
                    # Its answer comes after all before it were accepted; else the kernel's own queue would be full.
                    assert await is_served(clients[number % SERVED])
            assert [await is_served(client) for client in clients] == [True] * SERVED
            said = Counter(answer_to(connection) for connection in idle)
        assert said.keys() <= {b"", b"HTTP/1.1 503"}
        assert said.total() == IDLE


async def is_served(client: Client) -> bool:
    await client.send(payment())
    return bool((await client.reply()).json["isValid"])


def answer_to(connection: socket.socket) -> bytes:
    """Return how the answer begins to somebody who said nothing; nothing for a connection that was cut off."""
    try:
        return connection.recv(4096)[:12]
    except ConnectionResetError:
        return b""


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process hold so many connections."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], IDLE + 1000), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
