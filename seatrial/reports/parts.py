"""What every format tells in the same order: what needs a person, what was left out and why, what holds."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from seatrial.verify import Verdict

if TYPE_CHECKING:
    from seatrial.checks import Problem
    from seatrial.verify import Report, Result


def needing(report: Report) -> list[Result]:
    """Return the results that need a person: broken promises, blind and crashed checks."""
    return [result for result in report.results if result.verdict not in {Verdict.PASS, Verdict.SKIP}]


def holding(report: Report) -> list[Result]:
    """Return the results of the promises that hold."""
    return [result for result in report.results if result.verdict is Verdict.PASS]


def left_out(report: Report) -> dict[str, list[Result]]:
    """Return the skipped results by their reason."""
    found: dict[str, list[Result]] = {}
    for result in report.results:
        if result.verdict is Verdict.SKIP:
            found.setdefault(result.reason, []).append(result)
    return found


def totals(report: Report) -> str:
    """Return how many results there are of each verdict, in words."""
    return ", ".join(f"{count} {name}" for name, count in report.totals.items() if count) or "nothing"


def spot(problem: Problem) -> str:
    """Return the file and line to mend as `file:line`, or nothing where no line can be named."""
    place = problem.place
    return f"{place.file}:{place.line}" if place is not None and place.line else ""


def said(result: Result) -> str:
    """Return what is wrong as one text, a line for each problem: for formats that have room for a text only."""
    lines = [f"{problem.where}: {problem.message}" for problem in result.problems]
    return "\n".join(lines) or result.reason


def fingerprint(result: Result, problem: Problem | None = None) -> str:
    """Return what stays the same of a problem when lines move: the check and its own words."""
    words = [result.check.id, problem.where, problem.message] if problem else [result.check.id]
    return hashlib.sha256("\0".join(words).encode("utf-8", "backslashreplace")).hexdigest()
