"""What a CI server shows beside the code: annotations and summaries, written where one is detected."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial import console, reports
from seatrial.errors import SeatrialError
from seatrial.reports import targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatrial.verify import Report

GITLAB_FILE = "gl-code-quality-report.json"
SUMMARY_LIMIT_BYTES = 1_000_000
"""GitHub refuses a step's summary over 1 MiB."""


def annotate(report: Report, asked: Sequence[targets.Target]) -> None:
    """Tell the CI server that runs this, if one does. What was asked for by name is not written twice.

    The report itself has been delivered by now: a summary that cannot be written is a warning, not an error.
    """
    formats = {target.format for target in asked}
    if os.environ.get("GITHUB_ACTIONS") == "true":
        if "github" not in formats:
            # GitHub reads both streams; standard output may be a report for a program.
            for line in filter(None, reports.render(report, "github").splitlines()):
                console.tell(line)
        _summarize(report)
    if os.environ.get("GITLAB_CI") == "true" and "gitlab" not in formats:
        _write_for_gitlab(report)


def _summarize(report: Report) -> None:
    name = os.environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        return
    text = reports.render(report, "markdown") + "\n"
    if len(text.encode("utf-8", "backslashreplace")) > SUMMARY_LIMIT_BYTES:
        text = f"## seatrial: {report.verdict}\n\nThe summary is too long for this page; see the report files.\n"
    try:
        with Path(name).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        console.warn(f"the step summary cannot be written to {name}: {error.strerror}")


def _write_for_gitlab(report: Report) -> None:
    folder = os.environ.get("CI_PROJECT_DIR") or "."
    try:
        targets.write(report, targets.parse(f"gitlab={Path(folder) / GITLAB_FILE}"))
    except SeatrialError as error:
        console.warn(error.what)
