"""The limits of the real process: many requests at its end, many connections, one that drips, bodies that are traps."""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.service.buyer import body, paid
from tests.service.facilitator_harness import (
    GUARD_SECONDS,
    Client,
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

IN_FLIGHT = 200
IDLE = 10_000
NO_SUCH_KEY = b"$-1\r\n"


async def test_two_hundred_requests_in_flight_at_the_end_are_all_answered(tmp_path: Path) -> None:
    gate = asyncio.Event()
    ends = int(time.time()) + 600
    async with scripted_redis(replies={"GET": NO_SUCH_KEY}) as redis:
        config = write_config(tmp_path, redis.port, drainSeconds=60)
        given = json.loads(config.read_text())
        given["redis"]["timeoutMs"] = 10_000
        config.write_text(json.dumps(given))
        async with started(config) as service:
            clients = [await asyncio.open_connection("127.0.0.1", service.port) for _ in range(IN_FLIGHT)]
            redis.held = gate
            for number, (_, writer) in enumerate(clients):
                raw = body(paid(nonce=number.to_bytes(32), valid_after=0, valid_before=ends))
                writer.write(request("/verify", method="POST", body=raw))
            # Redis has as many questions as there are connections to it; the others wait for those.
            await until(lambda: sum(command[0] == "GET" for command in redis.commands) >= 1)
            async with connected(service.port) as other:
                # Answered after all the bytes above arrived, on the same loop.
                assert (await other.get("/live")).status == 200
            service.process.send_signal(signal.SIGTERM)
            await service.line("draining")
            gate.set()
            answers = [replies(await Client(*each).rest()) for each in clients]
            for _, writer in clients:
                writer.close()
            stopped = await service.line("stopped")
            assert stopped["connectionsCutOff"] == 0
            assert await service.end() == (0, "")
    assert [[(reply.status, reply.json["isValid"]) for reply in each] for each in answers] == [
        [(200, True)]
    ] * IN_FLIGHT


async def test_a_client_that_drips_does_not_hold_the_end_up(tmp_path: Path) -> None:
    async def drip(client: Client) -> None:
        while True:
            await client.send(b"x")
            await asyncio.sleep(0.02)

    async with scripted_redis() as redis, started(write_config(tmp_path, redis.port, drainSeconds=1)) as service:
        async with connected(service.port) as client, connected(service.port) as other:
            await client.send(request("/verify", "Content-Length: 60000", method="POST"))
            assert (await other.get("/live")).status == 200
            dripping = asyncio.create_task(drip(client))
            service.process.send_signal(signal.SIGTERM)
            stopped = await service.line("stopped")
            dripping.cancel()
            await asyncio.gather(dripping, return_exceptions=True)
        assert stopped["connectionsCutOff"] == 1
        assert await service.end() == (0, "")


@pytest.fixture
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = IDLE + 1000
    if soft != resource.RLIM_INFINITY and soft < needed:
        # Beyond the hard limit this is for root only; whoever may not is told so by the error.
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (needed, hard if hard == resource.RLIM_INFINITY else max(hard, needed))
        )
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_ten_thousand_idle_connections_are_refused_and_a_real_client_is_served(
    tmp_path: Path, many_files: None
) -> None:
    async with scripted_redis() as redis, started(write_config(tmp_path, redis.port, maxConnections=512)) as service:
        async with connected(service.port) as client:
            served = 0
            with ExitStack() as stack:
                idle = []
                for number in range(IDLE):
                    idle.append(stack.enter_context(await _opened(service.port)))
                    if number % 200 == 0 and served < 90:
                        assert (await client.get("/live")).status == 200
                        served += 1
                assert (await client.get("/live")).status == 200
                await until(lambda: sum(map(_is_open, idle)) <= 511)
                # Whoever comes now is told so, or cut off at once; it does not wait.
                async with connected(service.port) as late:
                    raw = await _rest(late)
                    assert not raw or replies(raw)[0].status == 503
                assert (await client.get("/health")).status == 200
            # They have gone, and there is room again.
            async with asyncio.timeout(GUARD_SECONDS):
                while not await _is_served(service.port):  # noqa: ASYNC110 - the server tells nobody
                    await asyncio.sleep(0.05)
        service.process.send_signal(signal.SIGTERM)
        assert await service.end() == (0, "")


async def _opened(port: int) -> socket.socket:
    found = socket.socket()
    found.setblocking(False)  # noqa: FBT003 - takes it by position only
    await asyncio.get_running_loop().sock_connect(found, ("127.0.0.1", port))
    return found


def _is_open(found: socket.socket) -> bool:
    """Whether the server has not said that it closes this one."""
    try:
        while data := found.recv(4096):
            assert data
    except BlockingIOError:
        return True
    except ConnectionResetError:
        pass
    return False


async def _rest(client: Client) -> bytes:
    try:
        return await client.rest()
    except ConnectionResetError:
        return b""


async def _is_served(port: int) -> bool:
    try:
        async with connected(port) as client:
            return (await client.get("/live")).status == 200
    except (OSError, asyncio.IncompleteReadError):
        return False


TRAPS = {
    "no JSON": b"a=1&b=2",
    "nothing at all": b" ",
    "a key twice": b'{"x402Version":2,"x402Version":2}',
    "a key twice, one of them escaped": b'{"x402Version":2,"\\u0078402Version":2}',
    "NaN": b'{"x402Version":NaN}',
    "an endless number": b'{"x402Version":' + b"9" * 60_000 + b"}",
    "a number beyond a double": b'{"x402Version":1e400}',
    "deep": b"[" * 30_000 + b"]" * 30_000,
    "deep and open": b"[" * 60_000,
    "deep objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "a lone surrogate": b'{"x402Version":"\\ud800"}',
    "a surrogate in UTF-8": b'{"x402Version":"\xed\xa0\x80"}',
    "UTF-16": '{"x402Version":2}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "many keys": b"{" + b",".join(b'"%d":1' % number for number in range(6000)) + b"}",
}


async def test_bodies_that_are_traps_are_refused_and_nothing_else_happens(tmp_path: Path) -> None:
    async with scripted_redis() as redis, started(write_config(tmp_path, redis.port)) as service:
        async with connected(service.port) as client:
            for path, key in (("/verify", "invalidReason"), ("/settle", "errorReason")):
                for name, raw in TRAPS.items():
                    reply = await client.post(path, raw)
                    assert (reply.status, reply.json[key]) == (400, "invalid_payload"), name
        service.process.send_signal(signal.SIGTERM)
        lines, errors = await service.process.communicate()
        assert (service.process.returncode, errors) == (0, b"")
        assert b"crash" not in lines
