"""Waivers: promises that are not kept for now, each with a place, a reason and a date at which it ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from seatrial.checks import Check, Problem
    from seatrial.settings import Settings, Waiver

DOCUMENT, CHECK = "waivers.states", "supply.waivers"


@dataclass(frozen=True)
class Waived:
    """A problem that a waiver covers."""

    problem: Problem
    waiver: Waiver


def states(settings: Settings) -> list[dict[str, Any]]:
    """Return each waiver as a row, before anything was judged; `expired` is by the calendar of today, UTC."""
    today = datetime.now(UTC).date()
    return [
        {
            "promise": waiver.promise,
            "place": waiver.place,
            "reason": waiver.reason,
            "expires": waiver.expires.isoformat(),
            "expired": waiver.expires < today,
            "unused": False,
        }
        for waiver in settings.waivers
    ]


def refuse_unknown(settings: Settings, checks: Iterable[Check]) -> None:
    """Raise SeatrialError SETTINGS for a waiver of a promise that nobody makes."""
    known = {check.id for check in checks}
    unknown = sorted({waiver.promise for waiver in settings.waivers} - known)
    if unknown:
        raise SeatrialError(
            Code.SETTINGS,
            f"[[tool.seatrial.waivers]]: there is no promise {', '.join(unknown)}",
            hint="./invoke verify --list names them",
        )


def covering(
    waivers: Sequence[Waiver], rows: Sequence[dict[str, Any]], check: Check, problem: Problem
) -> Waiver | None:
    """Return the waiver that covers a problem: of its promise, in force, and of a place that its pattern matches."""
    for waiver, row in zip(waivers, rows, strict=True):
        if waiver.promise == check.id and not row["expired"] and fnmatchcase(problem.where, waiver.place):
            return waiver
    return None


def with_use(
    waivers: Sequence[Waiver], rows: Sequence[dict[str, Any]], used: Sequence[Waiver], judged: set[str]
) -> list[dict[str, Any]]:
    """Return the rows with what became of each; of a promise that was not judged nobody knows whether it is needed."""
    return [
        {**row, "unused": waiver.promise in judged and not row["expired"] and waiver not in used}
        for waiver, row in zip(waivers, rows, strict=True)
    ]


def split(
    problems: Sequence[Problem], check: Check, waivers: Sequence[Waiver], rows: Sequence[dict[str, Any]]
) -> tuple[tuple[Problem, ...], tuple[Waived, ...]]:
    """Return the problems that stand, and those that are waived."""
    stands: list[Problem] = []
    waived: list[Waived] = []
    for problem in problems:
        waiver = covering(waivers, rows, check, problem)
        if waiver is None:
            stands.append(problem)
        else:
            waived.append(Waived(problem, waiver))
    return tuple(stands), tuple(waived)
