"""What a person sees while work goes on: live on a terminal, plain lines in a pipe or in CI.

Progress goes to standard error; results, which programs may read, go to standard output.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seatrial import wording

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.status import Status

QUIET_SECONDS = 1.0
"""A step that ends sooner shows only its last line."""


@dataclass
class Step:
    """One piece of work in progress; `note` tells what it is doing, `done` how it ended."""

    title: str
    started: float = field(default_factory=time.monotonic)
    outcome: str = ""
    next: str = ""
    live: Status | None = None
    plain: bool = False

    @property
    def seconds(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self.started

    def note(self, text: str) -> None:
        """Tell what is happening now."""
        line = text.strip()
        if not line:
            return
        if self.live is not None:
            self.live.update(f"{self.title}: {_shortened(line)}")
        elif self.plain or self.seconds > QUIET_SECONDS:
            _write(f"  {self.title}: {line}")

    def done(self, outcome: str, *, next: str = "") -> None:  # noqa: A002 - reads as the word it prints
        """Say how the step ended and what to type next."""
        self.outcome = outcome
        self.next = next


@contextmanager
def step(title: str, *, plain: bool = False) -> Iterator[Step]:
    """Show a step while its body runs, and one line at its end: what, how long, what next.

    `plain` shows every note as a line even on a terminal.
    """
    live = None if plain or not is_terminal() else _status(title)
    current = Step(title, live=live, plain=plain)
    if live is not None:
        live.start()
    try:
        yield current
    except BaseException:
        if live is not None:
            live.stop()
        raise
    if live is not None:
        live.stop()
    ended(current.outcome or title, current.seconds, next=current.next)


def ended(outcome: str, seconds: float, *, next: str = "") -> None:  # noqa: A002 - reads as the word it prints
    """Write the one line that a piece of work ends with."""
    tail = f"  next: {next}" if next else ""
    _write(f"{_mark('ok')} {outcome} ({seconds:.1f} s){tail}")


def say(line: str = "") -> None:
    """Write a line of a result to standard output."""
    sys.stdout.write(wording.own(line) + "\n")
    sys.stdout.flush()


def tell(line: str) -> None:
    """Write a line about the work to standard error."""
    _write(line)


def warn(line: str) -> None:
    """Write a warning to standard error."""
    _write(f"{_mark('!')} {line}")


def is_terminal() -> bool:
    """Whether standard error is a terminal that a person watches."""
    return sys.stderr.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"


def has_colour(stream_is_terminal: bool) -> bool:  # noqa: FBT001 - one question, one answer
    """Whether colour may be used: only on a terminal, and never with NO_COLOR set."""
    return stream_is_terminal and not os.environ.get("NO_COLOR")


def paint(text: str, colour: str) -> str:
    """Return text for standard output in a colour, or as it is where colour is not wanted."""
    codes = {"green": "32", "red": "31", "yellow": "33", "dim": "2", "bold": "1"}
    if not has_colour(sys.stdout.isatty()):
        return text
    return f"\x1b[{codes[colour]}m{text}\x1b[0m"


def _mark(word: str) -> str:
    if not has_colour(sys.stderr.isatty()):
        return word
    return f"\x1b[{'32' if word == 'ok' else '33'}m{word}\x1b[0m"


def _status(title: str) -> Status:
    from rich.console import Console  # noqa: PLC0415 - a tenth of a second that only a terminal needs to spend

    return Console(stderr=True, no_color=bool(os.environ.get("NO_COLOR"))).status(title)


def _shortened(line: str) -> str:
    # Markup characters would be read by rich as styles.
    return line.replace("[", "(").replace("]", ")")[:100]


def _write(line: str) -> None:
    sys.stderr.write(wording.own(line) + "\n")
    sys.stderr.flush()
