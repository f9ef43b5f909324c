"""Ctrl-C and SIGTERM: before a task has begun there is nothing to remove, in a task they are raised as one error."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

SAID = "interrupted: what was started has been removed\n"
EXIT_CODE = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM)

_last: list[Callable[[], None]] = []


def leave_at_once() -> None:
    """Let both signals end the process, as long as nothing was started."""
    _handle(_leave)


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """Let both signals be raised as KeyboardInterrupt meanwhile, so that what was started is removed on the way up."""
    before = _handle(_raise)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def over() -> None:
    """End what nobody wanted; let both signals change nothing any more: what was told is also how it ends."""
    while _last:
        _last.pop()()
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def at_last(end: Callable[[], None]) -> None:
    """Have something that was begun ended with the command."""
    _last.append(end)


def forget() -> None:
    """Take an interruption that was caught as dealt with.

    Python remembers one that came through compiled text, as dataclasses are made of, and kills itself at its end,
    unless another text ran after it.
    """
    exec("")  # noqa: S102 - an empty text


def _handle(handler: Callable[[int, FrameType | None], None]) -> dict[signal.Signals, signal.Handlers]:
    before = {}
    for number in SIGNALS:
        # A shell that starts programs in the background has Ctrl-C ignored: it is meant for another program.
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, handler)
    return before  # type: ignore[return-value]


def _leave(_signal: int, _frame: FrameType | None) -> None:
    os.write(2, SAID.encode())
    os._exit(EXIT_CODE)


def _raise(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
