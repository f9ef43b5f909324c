"""Annotations for GitHub's pull requests: its workflow commands, one line for each problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.reports import parts
from seatrial.reports.visible import on_one_line

if TYPE_CHECKING:
    from seatrial.checks import Problem
    from seatrial.verify import Report, Result

_IN_MESSAGE = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTY = {**_IN_MESSAGE, ":": "%3A", ",": "%2C"}


def render(report: Report) -> str:
    """Return an `::error` command for each problem, and for each check that could not judge."""
    return "\n".join(line for result in parts.needing(report) for line in _commands(result))


def _commands(result: Result) -> list[str]:
    if not result.problems:
        return [_command(result, None, f"{result.verdict.value}: {result.reason}")]
    return [_command(result, problem, f"{problem.where}: {problem.message}") for problem in result.problems]


def _command(result: Result, problem: Problem | None, text: str) -> str:
    properties = {"title": f"{result.check.id}: {result.check.promise}"}
    place = problem.place if problem else None
    if place is not None:
        properties = {"file": place.file, "line": str(place.line or 1), **properties}
    written = ",".join(f"{name}={_escaped(on_one_line(value), _IN_PROPERTY)}" for name, value in properties.items())
    message = f"{on_one_line(text)}\nmend: {result.check.mend}"
    return f"::error {written}::{_escaped(message, _IN_MESSAGE)}"


def _escaped(text: str, table: dict[str, str]) -> str:
    return "".join(table.get(character, character) for character in text)
