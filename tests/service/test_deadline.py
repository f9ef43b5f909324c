"""One timer for many waits: early, late, cancelled, one after the other."""

from __future__ import annotations

import asyncio
from unittest import mock

import pytest

from service.deadline import Deadline

SHORT, FAR = 0.01, 1000.0


def at(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def never() -> None:
    await asyncio.Event().wait()


async def test_what_comes_in_time_is_given() -> None:
    deadline = Deadline()
    assert await deadline.wait(asyncio.sleep(0, "here"), at(FAR)) == "here"
    deadline.close()


async def test_what_does_not_come_is_given_up_and_the_next_wait_is_none_the_worse() -> None:
    deadline = Deadline()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await deadline.wait(never(), at(SHORT))
        assert await deadline.wait(asyncio.sleep(2 * SHORT, "here"), at(FAR)) == "here"
    deadline.close()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_many_waits_that_are_in_time_make_one_timer() -> None:
    loop = asyncio.get_running_loop()
    with mock.patch.object(loop, "call_at", wraps=loop.call_at) as call_at:
        deadline = Deadline()
        for number in range(100):
            await deadline.wait(asyncio.sleep(0), at(FAR + number))
        assert call_at.call_count == 1
        deadline.close()


async def test_a_nearer_deadline_is_kept_after_a_farther_one() -> None:
    deadline = Deadline()
    await deadline.wait(asyncio.sleep(0), at(FAR))
    with pytest.raises(TimeoutError):
        await deadline.wait(never(), at(SHORT))
    deadline.close()


async def test_a_farther_deadline_is_kept_after_a_nearer_one() -> None:
    deadline = Deadline()
    await deadline.wait(asyncio.sleep(0), at(SHORT))
    # The timer of the first one goes off meanwhile.
    assert await deadline.wait(asyncio.sleep(3 * SHORT, "here"), at(FAR)) == "here"
    deadline.close()


async def test_between_two_waits_nothing_is_interrupted() -> None:
    deadline = Deadline()
    await deadline.wait(asyncio.sleep(0), at(SHORT))
    await asyncio.sleep(3 * SHORT)
    deadline.close()


async def test_a_cancelled_task_is_cancelled() -> None:
    deadline = Deadline()

    async def waits() -> None:
        await deadline.wait(never(), at(FAR))

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    deadline.close()


async def test_who_is_cancelled_and_late_at_once_is_cancelled() -> None:
    deadline = Deadline()

    async def waits() -> None:
        await deadline.wait(never(), at(0))

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    deadline._gone_off()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    deadline.close()
