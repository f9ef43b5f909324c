"""Whether the service can do its work now: asked of Redis, not assumed."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

from service import __version__
from service.claims import StoreError
from service.messages import Response, json_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from service.log import Log

PROBE_SECONDS = 1.0
CACHE_SECONDS = 1.0
BACKOFF_FIRST_SECONDS = 0.2
BACKOFF_MOST_SECONDS = 2.0


def backoff_seconds(failures: int) -> float:
    """Give how long to wait after so many failures in a row: a random time below a bound that doubles."""
    bound = min(BACKOFF_MOST_SECONDS, BACKOFF_FIRST_SECONDS * 2 ** min(failures, 10))
    return random.uniform(BACKOFF_FIRST_SECONDS, bound)  # noqa: S311 - spreads clients out, guards nothing


class RedisProbe:
    """Writes the canary: never twice at once, and for those who ask, not more than once in a while."""

    def __init__(
        self,
        write_canary: Callable[[], Awaitable[None]],
        log: Log,
        *,
        probe_seconds: float = PROBE_SECONDS,
        cache_seconds: float = CACHE_SECONDS,
    ) -> None:
        self._write_canary = write_canary
        self._log = log
        self._probe_seconds = probe_seconds
        self._cache_seconds = cache_seconds
        self._flight: asyncio.Task[str | None] | None = None
        self._fresh_until = 0.0
        self._code: str | None = None
        self._known = False
        self._failed = asyncio.Event()

    async def code(self) -> str | None:
        """Give the code of what is wrong, or None; at most cache_seconds old."""
        if time.monotonic() < self._fresh_until:
            return self._code
        return await self._probe()

    async def watch(self) -> None:
        """For ever: after a failure, try again until it is over."""
        await self._probe()
        while True:
            await self._failed.wait()
            failures = 0
            while self._failed.is_set():
                await asyncio.sleep(backoff_seconds(failures))
                await self._probe()
                failures += 1

    async def close(self) -> None:
        """Give up the probe that may be under way."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.gather(self._flight, return_exceptions=True)

    async def _probe(self) -> str | None:
        if self._flight is None:
            self._flight = asyncio.create_task(self._fly())
            self._flight.add_done_callback(self._landed)
        # One client that goes away must not take the answer from the others.
        return await asyncio.shield(self._flight)

    def _landed(self, _: asyncio.Task[str | None]) -> None:
        self._flight = None

    async def _fly(self) -> str | None:
        try:
            async with asyncio.timeout(self._probe_seconds):
                await self._write_canary()
        except StoreError as error:
            self._note(error.code)
        except TimeoutError:
            self._note("TIMEOUT")
        else:
            self._note(None)
        return self._code

    def _note(self, code: str | None) -> None:
        if not self._known or code != self._code:
            # Changes only: an outage is two lines, however often it is asked about.
            self._log("info" if code is None else "warning", "redis", status="down" if code else "up", code=code)
        self._known = True
        self._code = code
        self._fresh_until = time.monotonic() + self._cache_seconds
        if code is None:
            self._failed.clear()
        else:
            self._failed.set()


class Readiness:
    """What /health tells."""

    def __init__(self, probe: RedisProbe) -> None:
        self._probe = probe
        self.draining = False

    async def response(self) -> Response:
        """Answer 200 only if a payment could be taken now."""
        if self.draining:
            return json_response(503, {"status": "draining", "version": __version__})
        code = await self._probe.code()
        if code is None:
            redis: dict[str, str] = {"status": "up"}
        else:
            redis = {"status": "down", "code": code}
        document = {
            "status": "unhealthy" if code else "healthy",
            "version": __version__,
            "dependencies": {"redis": redis},
        }
        return json_response(503 if code else 200, document)
