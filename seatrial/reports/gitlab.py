"""The report for GitLab's merge requests: its code quality format."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from seatrial.reports import parts
from seatrial.reports.visible import visible

if TYPE_CHECKING:
    from seatrial.evidence.places import Place
    from seatrial.verify import Report, Result

WHEN_THERE_IS_NO_PLACE = "Dockerfile"
"""GitLab throws an entry without a path away."""


def render(report: Report) -> str:
    """Return a list with an entry for each problem, and one for each check that could not judge.

    What does not count is of severity `info`. What is mended has none: each entry is shown as a problem, and GitLab
    sees by the fingerprints which are gone.
    """
    entries = [entry for result in parts.broken(report) for entry in _entries(report, result)]
    return json.dumps(entries, indent=2)


def _entries(report: Report, result: Result) -> list[dict[str, Any]]:
    check, points = result.check, parts.points(report, result)
    if not points:
        text = f"{result.verdict.value}: {result.reason}"
        return [_entry(check.id, text, parts.fingerprint(check.id), "critical", None)]
    return [
        _entry(
            check.id,
            f"{parts.line(point)}. Mend: {check.mend}",
            point.identity,
            "major" if point.counts else "info",
            point.problem.place,
        )
        for point in points
    ]


def _entry(check: str, text: str, digest: str, severity: str, place: Place | None) -> dict[str, Any]:
    return {
        "check_name": check,
        "description": visible(text),
        "fingerprint": digest,
        "severity": severity,
        "location": {
            "path": place.file if place else WHEN_THERE_IS_NO_PLACE,
            "lines": {"begin": (place.line if place else None) or 1},
        },
    }
