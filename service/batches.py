"""Commands to Redis that come at nearly the same time travel together.

What a command costs here is mostly the sending and the waiting, and that is the same for one and for many. So one
batch is under way, and what comes meanwhile leaves together when it is back. One that is late does not hold everybody
up: after LATE_SECONDS what waits leaves beside it, in up to AT_ONCE batches. Commands of a batch are commands by
themselves (a pipeline, no transaction), each with its own reply. When a connection is lost on the way, nobody of the
batch knows what happened: each is told so, as it would have been alone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from redis.asyncio import Redis
    from redis.asyncio.client import Pipeline

    Command = Callable[[Pipeline], object]
    # The last is when it was asked, in the loop's time.
    Waiting = tuple[Command, asyncio.Future[object], float]

AT_ONCE = 2
LATE_SECONDS = 0.01
MOST_TOGETHER = 64


class Batches:
    """Sends commands in batches, each with one deadline for waiting, connecting and all the replies."""

    def __init__(self, redis: Redis, timeout_seconds: float) -> None:
        self._redis = redis
        self._timeout_seconds = timeout_seconds
        self._waiting: list[Waiting] = []
        self._under_way: set[asyncio.Task[None]] = set()
        # When one was sent last, in the loop's time; who looks whether it is late.
        self._sent = 0.0
        self._looking: asyncio.TimerHandle | None = None

    async def ask(self, command: Command) -> object:
        """Give the reply to one command. Raises whatever redis-py raises, or TimeoutError."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            # In the next turn, so that whoever asks in this one comes along.
            loop.call_soon(self._start)
        future: asyncio.Future[object] = loop.create_future()
        self._waiting.append((command, future, loop.time()))
        return await future

    async def close(self) -> None:
        """Give up what is under way, and what waits for it."""
        for _, future, _ in self._waiting:
            future.cancel()
        self._waiting = []
        if self._looking is not None:
            self._looking.cancel()
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting and len(self._under_way) < AT_ONCE:
            late_at = self._sent + LATE_SECONDS
            if self._under_way and loop.time() < late_at:
                self._looking = self._looking or loop.call_at(late_at, self._look)
                return
            self._sent = loop.time()
            batch, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
            task = asyncio.create_task(self._send(batch))
            self._under_way.add(task)
            task.add_done_callback(self._back)

    def _look(self) -> None:
        self._looking = None
        self._start()

    def _back(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._start()

    async def _send(self, batch: Sequence[Waiting]) -> None:
        try:
            async with asyncio.timeout_at(batch[0][2] + self._timeout_seconds):
                replies = await self._exchange(batch)
        except asyncio.CancelledError:
            for _, future, _ in batch:
                future.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - it is told to whoever asked
            replies = [error] * len(batch)
        for (_, future, _), reply in zip(batch, replies, strict=True):
            # Whoever asked may have gone.
            if future.done():
                continue
            if isinstance(reply, Exception):
                future.set_exception(reply)
            else:
                future.set_result(reply)

    async def _exchange(self, batch: Sequence[Waiting]) -> list[object]:
        pipeline = self._redis.pipeline(transaction=False)
        for command, _, _ in batch:
            command(pipeline)
        return cast("list[object]", await pipeline.execute(raise_on_error=False))
