"""Commands of one turn travel together, and each has its own reply."""

from __future__ import annotations

import asyncio

import pytest

from service import batches
from service.batches import AT_ONCE, MOST_TOGETHER
from service.claims import StoreError
from service.store import Store
from tests.service.facilitator_harness import ScriptedRedis, scripted_redis
from tests.service.test_store import config


async def test_commands_of_one_turn_go_over_one_connection_in_their_order() -> None:
    async with scripted_redis(replies={"GET": b"$1\r\nx\r\n"}) as redis:
        store = Store(config(redis.port, 5.0))
        keys = [f"x402:{number}" for number in range(MOST_TOGETHER)]
        assert await asyncio.gather(*map(store.read, keys)) == [b"x"] * MOST_TOGETHER
        await store.close()
    assert redis.connections == 1
    assert redis.commands == [["GET", key] for key in keys]


async def test_more_than_a_batch_holds_go_in_several_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "LATE_SECONDS", 600.0)
    async with scripted_redis(replies={"GET": b"$1\r\nx\r\n"}) as redis:
        store = Store(config(redis.port, 5.0))
        count = 5 * MOST_TOGETHER + 1
        assert await asyncio.gather(*(store.read("x402:a") for _ in range(count))) == [b"x"] * count
        await store.close()
    assert redis.connections == 1
    assert len(redis.commands) == count


async def test_beside_one_that_is_late_others_leave_but_only_so_many() -> None:
    async with scripted_redis(replies={"GET": b"$1\r\nx\r\n"}) as redis:
        redis.held = asyncio.Event()
        store = Store(config(redis.port, 20.0))
        asked = []
        for number in range(1, AT_ONCE + 3):
            asked.append(asyncio.create_task(store.read("x402:a")))
            await _asked(redis, min(number, AT_ONCE))
        assert (redis.connections, len(redis.commands)) == (AT_ONCE, AT_ONCE)
        redis.held.set()
        assert await asyncio.gather(*asked) == [b"x"] * len(asked)
        await store.close()
    assert redis.connections == AT_ONCE


async def test_waiting_for_a_batch_counts_as_waiting() -> None:
    async with scripted_redis(replies={"GET": None}) as redis:
        store = Store(config(redis.port, 0.2))
        asked = [asyncio.create_task(store.read("x402:a"))]
        for _ in range(AT_ONCE + 1):
            await asyncio.sleep(0.02)
            asked.append(asyncio.create_task(store.read("x402:a")))
        done, late = await asyncio.wait(asked, timeout=20)
        await store.close()
    assert not late
    assert {str(task.exception()) for task in done} == {"TIMEOUT"}
    # The last one never came to be sent: its time was over when there was room.
    assert len(redis.commands) <= AT_ONCE + 1


async def test_a_refused_command_leaves_the_others_their_replies() -> None:
    async with scripted_redis(replies={"GET": b"$1\r\nx\r\n", "SET": b"-OOM command not allowed\r\n"}) as redis:
        store = Store(config(redis.port, 5.0))
        told = await asyncio.gather(
            store.read("x402:a"), store.claim("x402:b", b"{}", 1), store.read("x402:c"), return_exceptions=True
        )
        await store.close()
    assert told[0] == told[2] == b"x"
    assert isinstance(told[1], StoreError)
    assert told[1].code == "OOM"


@pytest.mark.parametrize(("reply", "code"), [(b"", "CLOSED"), (None, "TIMEOUT")])
async def test_a_lost_connection_is_told_to_everybody_on_it(reply: bytes | None, code: str) -> None:
    async with scripted_redis(replies={"GET": b"$1\r\nx\r\n", "SET": reply}) as redis:
        store = Store(config(redis.port, 0.2))
        told = await asyncio.gather(store.read("x402:a"), store.claim("x402:b", b"{}", 1), return_exceptions=True)
        # What follows has a connection of its own.
        assert await store.read("x402:c") == b"x"
        await store.close()
    assert [error.code for error in told if isinstance(error, StoreError)] == [code, code]


async def test_who_goes_away_takes_nothing_from_the_others() -> None:
    async with scripted_redis(replies={"GET": b"$1\r\nx\r\n"}) as redis:
        redis.held = asyncio.Event()
        store = Store(config(redis.port, 5.0))
        stays, goes = (asyncio.create_task(store.read("x402:a")) for _ in range(2))
        await _asked(redis)
        goes.cancel()
        await asyncio.gather(goes, return_exceptions=True)
        redis.held.set()
        assert await stays == b"x"
        await store.close()


async def test_closing_gives_up_what_is_under_way() -> None:
    async with scripted_redis(replies={"GET": None}) as redis:
        store = Store(config(redis.port, 60.0))
        waiting = asyncio.create_task(store.read("x402:a"))
        await _asked(redis)
        await store.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def _asked(redis: ScriptedRedis, count: int = 1) -> None:
    async with asyncio.timeout(20):
        while len(redis.commands) < count:  # noqa: ASYNC110 - the fact is a plain attribute
            await asyncio.sleep(0.005)
