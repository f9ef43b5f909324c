"""The report for people: what fails first, with where, why and how to mend; then the rest; at the end the verdict."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from seatrial.checks import FAMILIES
from seatrial.console import paint
from seatrial.reports import parts
from seatrial.reports.visible import visible
from seatrial.verify import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seatrial.verify import Report, Result

SHOWN_PROBLEMS = 10
WIDTH = 110
INDENT = "      "
_COLOURS = {
    Verdict.PASS: "green",
    Verdict.FAIL: "red",
    Verdict.BLIND: "red",
    Verdict.ERROR: "red",
    Verdict.SKIP: "yellow",
    Verdict.WAIVED: "yellow",
}


def render(report: Report) -> str:
    """Return what fails, what is known or waived, the names of what was left out and of what holds, the verdict."""
    lines = _subject(report) + _broken(report, parts.broken(report))
    for reason, results in parts.left_out(report).items():
        lines += _names(Verdict.SKIP, results)
        lines.append(f"{INDENT}because: {harmless(reason)}")
    for family in FAMILIES:
        lines += _names(Verdict.PASS, [held for held in parts.holding(report) if held.check.family == family])
    return "\n".join([*lines, *_compared(report), *_verdict(report)])


def render_quiet(report: Report) -> str:
    """Return what fails and the verdict."""
    return "\n".join([*_broken(report, parts.needing(report)), *_compared(report), *_verdict(report)]).lstrip("\n")


def render_verbose(report: Report) -> str:
    """Return everything: each check with its promise, what it examined and how long it took; every problem."""
    lines = _subject(report) + _broken(report, parts.broken(report), every=True)
    for result in report.results:
        if result.verdict in {Verdict.PASS, Verdict.SKIP}:
            examined = f"  [{result.examined or 'nothing'}, {result.seconds * 1000:.1f} ms]"
            lines.append(_head(result) + paint(harmless(examined), "dim"))
            lines += [f"{INDENT}because: {harmless(result.reason)}"] if result.reason else []
    return "\n".join([*lines, *_compared(report), *_verdict(report)])


def render_one(report: Report, result: Result) -> str:
    """Return one result as the whole report shows it."""
    return "\n".join([_head(result), *_details(report, result, SHOWN_PROBLEMS)])


def harmless(text: str) -> str:
    """Return text from names, logs or replies with what a terminal would obey made visible; its lines are indented."""
    return visible(text).replace("\n", "\n        ")


def _subject(report: Report) -> list[str]:
    return [f"{name:<10} {harmless(str(value))}" for name, value in report.subject.items() if value] + [""]


def _broken(report: Report, results: Iterable[Result], *, every: bool = False) -> list[str]:
    lines = []
    for result in results:
        lines += [_head(result), *_details(report, result, None if every else SHOWN_PROBLEMS), ""]
    return lines


def _head(result: Result) -> str:
    verdict = paint(f"{result.verdict.value:<5}", _COLOURS[result.verdict])
    return f"{verdict} {result.check.id:<28} {result.check.promise}"


def _details(report: Report, result: Result, limit: int | None) -> list[str]:
    lines = [f"{INDENT}because: {harmless(result.reason)}"] if result.reason else []
    points = parts.points(report, result)
    for point in points[:limit]:
        spot = parts.spot(point.problem)
        # A check's own word may already be the file and the line.
        at = "" if spot in {"", point.problem.where} else f"{harmless(spot)}  "
        lines.append(f"{INDENT}{at}{harmless(parts.line(point))}")
    if limit is not None and len(points) > limit:
        lines.append(f"{INDENT}... and {len(points) - limit} more (--verbose names them)")
    if any(point.counts for point in points):
        lines.append(f"{INDENT}why:  {result.check.reason}")
        lines.append(f"{INDENT}mend: {result.check.mend}")
    return lines


def _compared(report: Report) -> list[str]:
    """Return how many problems are new, and which of the earlier ones are mended."""
    said = parts.compared(report)
    return ["", said, *(f"{INDENT}mended: {harmless(parts.gone(one))}" for one in parts.mended(report))] if said else []


def _names(verdict: Verdict, results: Iterable[Result]) -> list[str]:
    ids = ", ".join(result.check.id for result in results)
    wrapped = textwrap.wrap(ids, WIDTH - len(INDENT), break_long_words=False, break_on_hyphens=False)
    mark = paint(f"{verdict.value:<5}", _COLOURS[verdict])
    return [f"{mark if number == 0 else ' ' * 5} {line}" for number, line in enumerate(wrapped)]


def _verdict(report: Report) -> list[str]:
    """Return the last line: what a terminal still shows when the rest has scrolled away."""
    verdict = paint(report.verdict, _COLOURS[Verdict(report.verdict)])
    named = ", ".join(result.check.id for result in parts.needing(report))
    lines = ["", f"needs you: {named}"] if named else [""]
    ended = f"in {report.seconds:.1f} s (exit code {int(report.exit_code)})"
    return [*lines, f"{verdict}: {parts.totals(report)} {ended}"]
