"""Commands to Redis that come in the same turn of the event loop travel together.

What a command costs here is mostly the sending and the waiting, and that is the same for one and for many. Nothing is
held back for it: a batch leaves in the next turn, whatever other batches are doing. Commands of a batch are commands
by themselves (a pipeline, no transaction), each with its own reply. When a connection is lost on the way, nobody of
the batch knows what happened: each is told so, as it would have been alone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from redis.asyncio import Redis
    from redis.asyncio.client import Pipeline

    Command = Callable[[Pipeline], object]
    Waiting = tuple[Command, asyncio.Future[object]]

MOST_TOGETHER = 32


class Batches:
    """Sends commands in batches, each with one deadline for waiting, connecting and all the replies."""

    def __init__(self, redis: Redis, timeout_seconds: float) -> None:
        self._redis = redis
        self._timeout_seconds = timeout_seconds
        self._waiting: list[Waiting] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def ask(self, command: Command) -> object:
        """Give the reply to one command. Raises whatever redis-py raises, or TimeoutError."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._start)
        future: asyncio.Future[object] = loop.create_future()
        self._waiting.append((command, future))
        return await future

    async def close(self) -> None:
        """Give up what is under way."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _start(self) -> None:
        waiting, self._waiting = self._waiting, []
        for first in range(0, len(waiting), MOST_TOGETHER):
            task = asyncio.create_task(self._send(waiting[first : first + MOST_TOGETHER]))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _send(self, batch: Sequence[Waiting]) -> None:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                replies = await self._exchange(batch)
        except asyncio.CancelledError:
            for _, future in batch:
                future.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - it is told to whoever asked
            replies = [error] * len(batch)
        for (_, future), reply in zip(batch, replies, strict=True):
            # Whoever asked may have gone.
            if future.done():
                continue
            if isinstance(reply, Exception):
                future.set_exception(reply)
            else:
                future.set_result(reply)

    async def _exchange(self, batch: Sequence[Waiting]) -> list[object]:
        pipeline = self._redis.pipeline(transaction=False)
        for command, _ in batch:
            command(pipeline)
        return cast("list[object]", await pipeline.execute(raise_on_error=False))
