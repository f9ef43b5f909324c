"""One JSON object a line; what comes from outside can not break the line, since JSON escapes it."""

from __future__ import annotations

import functools
import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

# json.dumps would make an encoder for each line.
_encode = json.JSONEncoder(separators=(",", ":")).encode
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class Sink(Protocol):
    """Where lines go: an unbuffered binary file."""

    def write(self, line: bytes, /) -> object:
        """Write one whole line."""


class Tap(Protocol):
    """Who counts events."""

    def __call__(self, event: str, facts: Mapping[str, object], /) -> None:
        """Take one event."""


class Log:
    """Writes events at or above a level; `tap` is told of each event, whatever the level."""

    def __init__(self, sink: Sink, level: str = "info", tap: Tap | None = None) -> None:
        self._sink = sink
        self._tap = tap
        self.set_level(level)

    def set_level(self, level: str) -> None:
        """Write events at or above this level from now on."""
        self._threshold = _LEVELS[level]

    def __call__(self, level: str, event: str, **facts: object) -> None:
        """Write one line. Whoever calls keeps tokens, signatures, passwords and query strings out of the facts."""
        if self._tap is not None:
            self._tap(event, facts)
        if _LEVELS[level] < self._threshold:
            return
        line = _encode({"time": _now(), "level": level, "event": event, **facts})
        # A log that can not be written has nobody to tell; the service goes on.
        with suppress(OSError, ValueError):
            self._sink.write(line.encode("ascii") + b"\n")

    def crash(self, where: str, error: BaseException, **facts: object) -> None:
        """Tell of a fault of our own by its type and place; its text could hold what a client sent."""
        self("error", "crash", where=where, exception=type(error).__name__, at=_place(error), **facts)


def _now() -> str:
    seconds, milliseconds = divmod(time.time_ns() // 1_000_000, 1000)
    return f"{_second(seconds)}.{milliseconds:03}+00:00"


@functools.lru_cache(maxsize=1)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _place(error: BaseException) -> str | None:
    trace = error.__traceback__
    if trace is None:
        return None
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}"
