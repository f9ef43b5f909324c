"""Annotations for GitHub's pull requests: its workflow commands, one line for each problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.reports import parts
from seatrial.reports.visible import on_one_line, visible

if TYPE_CHECKING:
    from seatrial.checks import Problem
    from seatrial.verify import Report, Result

_IN_MESSAGE = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTY = {**_IN_MESSAGE, ":": "%3A", ",": "%2C"}


def render(report: Report) -> str:
    """Return an `::error` for each problem and each check that could not judge; what does not count is a notice."""
    lines = [line for result in parts.broken(report) for line in _commands(report, result)]
    return "\n".join([*lines, *_compared(report)])


def _commands(report: Report, result: Result) -> list[str]:
    points = parts.points(report, result)
    if not points:
        return [_command("error", result, None, f"{result.verdict.value}: {result.reason}")]
    return [
        _command("error" if point.counts else "notice", result, point.problem, parts.line(point)) for point in points
    ]


def _compared(report: Report) -> list[str]:
    """Return one notice for all that an earlier report is compared for: GitHub shows ten of them only."""
    if report.against is None:
        return []
    text = "\n".join([parts.compared(report), *(f"mended: {parts.gone(one)}" for one in parts.mended(report))])
    return [f"::notice title=seatrial::{_escaped(visible(text), _IN_MESSAGE)}"]


def _command(level: str, result: Result, problem: Problem | None, text: str) -> str:
    properties = {"title": f"{result.check.id}: {result.check.promise}"}
    place = problem.place if problem else None
    if place is not None:
        properties = {"file": place.file, "line": str(place.line or 1), **properties}
    written = ",".join(f"{name}={_escaped(on_one_line(value), _IN_PROPERTY)}" for name, value in properties.items())
    message = f"{on_one_line(text)}\nmend: {result.check.mend}"
    return f"::{level} {written}::{_escaped(message, _IN_MESSAGE)}"


def _escaped(text: str, table: dict[str, str]) -> str:
    return "".join(table.get(character, character) for character in text)
