"""The report for GitLab's merge requests: its code quality format."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from seatrial.reports import parts
from seatrial.reports.visible import visible
from seatrial.verify import Verdict

if TYPE_CHECKING:
    from seatrial.checks import Problem
    from seatrial.verify import Report, Result

WHEN_THERE_IS_NO_PLACE = "Dockerfile"
"""GitLab throws an entry without a path away."""


def render(report: Report) -> str:
    """Return a list with an entry for each problem, and one for each check that could not judge."""
    entries = [entry for result in parts.needing(report) for entry in _entries(result)]
    return json.dumps(entries, indent=2)


def _entries(result: Result) -> list[dict[str, Any]]:
    if not result.problems:
        text = f"{result.verdict.value}: {result.reason}"
        return [_entry(result, text, parts.fingerprint(result), None)]
    return [
        _entry(result, _said(result, problem), parts.fingerprint(result, problem), problem)
        for problem in result.problems
    ]


def _said(result: Result, problem: Problem) -> str:
    return f"{problem.where}: {problem.message}. Mend: {result.check.mend}"


def _entry(result: Result, text: str, digest: str, problem: Problem | None) -> dict[str, Any]:
    place = problem.place if problem else None
    return {
        "check_name": result.check.id,
        "description": visible(text),
        "fingerprint": digest,
        "severity": "major" if result.verdict is Verdict.FAIL else "critical",
        "location": {
            "path": place.file if place else WHEN_THERE_IS_NO_PLACE,
            "lines": {"begin": (place.line if place else None) or 1},
        },
    }
