"""A bound for waiting that costs nearly nothing while it is kept.

`asyncio.timeout` makes a timer for each wait and throws it away; a connection waits with every request, and is hardly
ever late. Here one timer serves all waits of a task: when it goes off early, it is set again for what is left.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable

_T = TypeVar("_T")


class Deadline:
    """Bounds the waits of one task, one after the other."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[object] | None = None
        self._at = 0.0
        self._passed = False

    async def wait(self, awaited: Awaitable[_T], at: float) -> _T:
        """Wait until `at` of the loop's time at the latest. Raises TimeoutError."""
        task = self._task = asyncio.current_task()
        self._at, self._passed = at, False
        if self._timer is None or self._timer.when() > at:
            self._set_timer()
        try:
            return await awaited
        except asyncio.CancelledError:
            # Somebody else may have cancelled the task as well, and that counts more.
            if not self._passed or task is None or task.uncancel() > 0:
                raise
            raise TimeoutError from None
        finally:
            self._task = None

    def now(self) -> float:
        """Give the loop's time."""
        return self._loop.time()

    def close(self) -> None:
        """Take the timer away."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self) -> None:
        self.close()
        self._timer = self._loop.call_at(self._at, self._gone_off)

    def _gone_off(self) -> None:
        self._timer = None
        if self._task is None:
            return
        if self._loop.time() < self._at:
            self._set_timer()
            return
        self._passed = True
        self._task.cancel()
