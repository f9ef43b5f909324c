"""Results in, a string out. A report decides nothing."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatrial.verify import Report

FORMATS = {
    "text": "for people",
    "json": "for programs: docs/report.schema.json",
    "junit": "JUnit XML, for CI servers",
    "sarif": "SARIF 2.1.0, for code scanning",
    "markdown": "for a pull request's summary",
    "html": "one page with pictures, for a browser or a release",
    "gitlab": "GitLab's code quality",
    "github": "GitHub's workflow commands",
}
"""Each format and whom it serves. Each is a module of this package, which is imported only to be used."""


def render(report: Report, name: str) -> str:
    """Return the report in a format. Raises SeatrialError USAGE for an unknown one, listing the known."""
    return renderer(name)(report)


def renderer(name: str) -> Callable[[Report], str]:
    """Return the function that renders a format, so that an unknown one is refused before any work is done."""
    if name not in FORMATS:
        raise SeatrialError(Code.USAGE, f"unknown format: {name}", hint=f"formats: {', '.join(FORMATS)}")
    render: Callable[[Report], str] = importlib.import_module(f"seatrial.reports.{name}").render
    return render
