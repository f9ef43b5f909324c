"""Programs, run and measured from outside, as a person runs them."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.figures import Series
from seatrial import process
from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seatrial.settings import Settings

TIMEOUT_SECONDS = 900.0
QUICK_FACTOR = 4
"""What takes a tenth of a second is run this much more often."""
MOST_UNCACHED_BUILDS = 3
FIVE = "image.user,image.no_secrets,layers.no_secrets,layers.no_leavings,packages.record"
"""Five checks that need the whole image."""
_WITHOUT_CACHE = 'cache=$(mktemp -d); XDG_CACHE_HOME="$cache" "$@"; code=$?; rm -rf "$cache"; exit "$code"'
_WITH_A_COPY = _WITHOUT_CACHE.replace(";", '; cp -R "$1/." "$cache"; shift;', 1)
OTHER_PYTHON = ".venv/bin/python"


@dataclass(frozen=True)
class Command:
    """One program to measure: `shown` is what a person would type."""

    id: str
    argv: tuple[str, ...]
    shown: str = ""
    accepted: frozenset[int] = frozenset({0})
    """Exit codes that a whole run may end with; any other is no measurement."""
    watcher: str = "bench.peak"
    """The module that runs it and says what it took."""


@dataclass(frozen=True)
class Run:
    """What one run took."""

    seconds: float
    exit_code: int
    peak_rss_bytes: int


def measure_tasks(settings: Settings, rounds: int, note: Callable[[str], None]) -> list[Series]:
    """Measure the wrapper, `setup` when nothing is missing, and builds. Leaves an image of the tree in the store."""
    setup, build = invoke("setup"), invoke("build")
    # Not measured: whatever these find missing, the measured runs find done.
    for command in (setup, build):
        note(f"{_shown(command)}, not measured")
        once(settings, command)
    found = []
    for option in ("--version", "--list"):
        pair = (invoke(option), Command(f"direct {option}", (OTHER_PYTHON, "-m", "seatrial", option)))
        found += alternating(settings, pair, rounds * QUICK_FACTOR, note)
    found += alternating(settings, (setup,), rounds, note)
    found += alternating(settings, (build,), rounds, note)
    found += alternating(settings, (invoke("build", "--no-cache"),), min(rounds, MOST_UNCACHED_BUILDS), note)
    return found


def measure_verification(settings: Settings, base_only: str, rounds: int, note: Callable[[str], None]) -> list[Series]:
    """Measure `verify`, with and without its trial stack, beside `docker save` of the same image.

    `base_only` is an empty folder, for a cache as `setup` leaves it.
    """
    save = Command(
        "docker save",
        ("sh", "-c", 'docker save "$1" >/dev/null', "sh", settings.image),
        f"docker save {settings.image} >/dev/null",
    )
    # A broken promise is a whole run too; the document tells how the runs ended.
    judged = frozenset({0, 1})
    known = Command(
        "verify --static, new image",
        ("sh", "-c", _WITH_A_COPY, "sh", base_only, "./invoke", "verify", "--static"),
        "./invoke verify --static, with nothing but the base in the cache",
        accepted=judged,
    )
    static = Command("verify --static", ("./invoke", "verify", "--static"), accepted=judged)
    first = Command(
        "verify --static, first time",
        ("sh", "-c", _WITHOUT_CACHE, "sh", "./invoke", "verify", "--static"),
        "./invoke verify --static, with an empty cache",
        accepted=judged,
    )
    few = Command("verify --static, 5 checks", ("./invoke", "verify", "--static", "--only", FIVE), accepted=judged)
    whole = Command("verify", ("./invoke", "verify"), accepted=judged)
    process.run(["./invoke", "setup"], env={"XDG_CACHE_HOME": base_only}, cwd=settings.root)
    # Neighbours are pairs: both first times beside `docker save`, five checks beside all of them.
    return alternating(settings, (first, save, known, static, few, whole), rounds, note)


def invoke(*words: str) -> Command:
    """Return `./invoke` with some words."""
    return Command(" ".join(words), ("./invoke", *words))


def alternating(
    settings: Settings, commands: Sequence[Command], rounds: int, note: Callable[[str], None]
) -> list[Series]:
    """Run all commands once a round, every second round in the opposite order, so that none is always the first."""
    runs = defaultdict(list)
    for number in range(rounds):
        for command in commands if number % 2 == 0 else reversed(commands):
            note(f"{_shown(command)}, {number + 1} of {rounds}")
            runs[command.id].append(once(settings, command))
    return [
        Series(
            command.id,
            _shown(command),
            tuple(run.seconds for run in runs[command.id]),
            tuple(run.peak_rss_bytes for run in runs[command.id]),
            tuple(run.exit_code for run in runs[command.id]) if len(command.accepted) > 1 else (),
        )
        for command in commands
    ]


def once(settings: Settings, command: Command) -> Run:
    """Run a command in the project's folder. Raises SeatrialError COMMAND_FAILED for an exit code that is no result."""
    measured = process.run(
        [sys.executable, "-m", command.watcher, *command.argv], cwd=settings.root, timeout_seconds=TIMEOUT_SECONDS
    )
    said = json.loads(measured.stdout)
    if said["exit_code"] not in command.accepted:
        raise SeatrialError(
            Code.COMMAND_FAILED,
            f"`{_shown(command)}` ended with {said['exit_code']}, which is no measurement:\n{said['complaint']}",
            hint=f"mend it, then: {OTHER_PYTHON} -m bench",
        )
    return Run(said["seconds"], said["exit_code"], said["peak_rss_bytes"])


def _shown(command: Command) -> str:
    return command.shown or " ".join(command.argv)
