"""The connections to Redis: bounded, and never a reply that belongs to another command."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from service.batches import AT_ONCE
from service.claims import StoreError
from service.config import RedisConfig
from service.store import Store
from tests.service.facilitator_harness import scripted_redis

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LATE_SECONDS = 0.06


def config(port: int, timeout_seconds: float) -> RedisConfig:
    return RedisConfig("127.0.0.1", port, 0, None, None, tls=False, timeout_seconds=timeout_seconds)


class Echo:
    """Answers a GET with its key, in order, and late if the key says so."""

    def __init__(self) -> None:
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while line := await reader.readline():
                parts = []
                for _ in range(int(line[1:])):
                    length = int((await reader.readline())[1:])
                    parts.append((await reader.readexactly(length + 2))[:-2])
                if parts[1].startswith(b"late"):
                    await asyncio.sleep(LATE_SECONDS)
                writer.write(b"$%d\r\n%s\r\n" % (len(parts[1]), parts[1]))
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def echo(timeout_seconds: float) -> AsyncIterator[tuple[Echo, Store]]:
    served = Echo()
    listener = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    store = Store(config(listener.sockets[0].getsockname()[1], timeout_seconds))
    try:
        yield served, store
    finally:
        await store.close()
        listener.close()
        # What is still late has somebody to be late for.
        await asyncio.sleep(2 * LATE_SECONDS)


async def test_a_reply_that_comes_too_late_is_nobody_else_s() -> None:
    async with echo(LATE_SECONDS / 3) as (_, store):
        for number in range(10):
            with pytest.raises(StoreError, match="TIMEOUT"):
                await store.read(f"late{number}")
            # On a busy machine this one may be late as well.
            with suppress(StoreError):
                assert await store.read(f"now{number}") == b"now%d" % number


async def test_a_reply_to_a_caller_who_has_gone_is_nobody_else_s() -> None:
    async with echo(5.0) as (_, store):
        for number in range(10):
            gone = asyncio.create_task(store.read(f"late{number}"))
            await asyncio.sleep(0.001 * number)
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
            assert await store.read(f"now{number}") == b"now%d" % number


async def test_many_at_once_get_their_own_replies_over_a_bounded_number_of_connections() -> None:
    async with echo(10.0) as (served, store):
        keys = [f"{'late' if number % 50 == 0 else 'now'}{number}" for number in range(500)]
        assert await asyncio.gather(*map(store.read, keys)) == [key.encode() for key in keys]
        assert served.connections <= AT_ONCE


async def test_waiting_for_a_connection_ends_too() -> None:
    async with scripted_redis(replies={"GET": None}) as redis:
        store = Store(config(redis.port, 0.1))
        results = await asyncio.gather(*(store.read("x") for _ in range(20 * AT_ONCE)), return_exceptions=True)
        await store.close()
    assert {error.code for error in results if isinstance(error, StoreError)} == {"TIMEOUT"}
    assert len(results) == 20 * AT_ONCE
    assert redis.connections <= 20 * AT_ONCE


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (b"-READONLY You can't write against a read only replica.\r\n", "READONLY"),
        (b"-OOM command not allowed when used memory > 'maxmemory'.\r\n", "OOM"),
        (b"-MISCONF Errors writing to the AOF file\r\n", "MISCONF"),
        (b"-LOADING Redis is loading the dataset in memory\r\n", "LOADING"),
        (b"-NOPERM this user has no permissions to run the 'set' command\r\n", "NOPERM"),
        (b"-ERR Function not found\r\n", "FUNCTION"),
        (b"-ERR something else\r\n", "ERR"),
        (b"not redis at all\r\n", "PROTOCOL"),
        (b"", "CLOSED"),
        (None, "TIMEOUT"),
    ],
    ids=str,
)
async def test_a_claim_that_is_not_taken_says_why(reply: bytes | None, code: str) -> None:
    async with scripted_redis(replies={"SET": reply}) as redis:
        store = Store(config(redis.port, 0.2))
        with pytest.raises(StoreError, match=f"^{code}$"):
            await store.claim("x402:auth:x", b"record", 1)
        await store.close()
    # One command, and nobody but the client asks again.
    ((*command,),) = redis.commands
    assert command[:3] == ["SET", "x402:auth:x", "record"]
    assert sorted(command[3:]) == ["1", "GET", "NX", "PXAT"]
