"""Results in, a string out. A report decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.errors import Code, SeatrialError
from seatrial.reports import json, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatrial.verify import Report

FORMATS: dict[str, Callable[[Report], str]] = {"text": text.render, "json": json.render}


def render(report: Report, name: str) -> str:
    """Return the report in a format. Raises SeatrialError USAGE for an unknown one, listing the known."""
    return renderer(name)(report)


def renderer(name: str) -> Callable[[Report], str]:
    """Return the function that renders a format, so that an unknown one is refused before any work is done."""
    if name not in FORMATS:
        raise SeatrialError(Code.USAGE, f"unknown format: {name}", hint=f"formats: {', '.join(FORMATS)}")
    return FORMATS[name]
