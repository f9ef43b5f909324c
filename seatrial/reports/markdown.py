"""The report for a pull request's summary: GitHub's and GitLab's markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.reports import parts
from seatrial.reports.visible import on_one_line

if TYPE_CHECKING:
    from seatrial.verify import Report, Result

SHOWN_PROBLEMS = 10
_MEANS_SOMETHING = re.compile(r"([\\*_{}\[\]<>|#~&!])")


def render(report: Report) -> str:
    """Return the verdict, what fails with where, why and how to mend, what is waived, then the rest folded away."""
    lines = [f"## seatrial: {report.verdict}", ""]
    lines += [f"{parts.totals(report)} in {report.seconds:.1f} s", ""]
    lines += [f"- {name}: {verbatim(str(value))}" for name, value in report.subject.items() if value]
    lines += _compared(report)
    for result in parts.broken(report):
        lines += _failed(report, result)
    for reason, results in parts.left_out(report).items():
        lines += ["", f"**Left out:** {_ids(results)}", "", f"because {verbatim(reason)}"]
    holding = parts.holding(report)
    if holding:
        lines += ["", "<details>", f"<summary>what holds: {len(holding)}</summary>", ""]
        lines += [f"- `{result.check.id}` {escaped(result.check.promise)}" for result in holding]
        lines += ["", "</details>"]
    return "\n".join(lines)


def verbatim(text: str) -> str:
    """Return text of others as inline code, in which nothing is read as markdown, HTML, a link or a mention."""
    shown = on_one_line(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    # Blanks keep backticks at the ends apart from the fence; an empty span would be two fences.
    padding = " " if shown[:1] in {"`", ""} or shown[-1:] == "`" else ""
    return f"{fence}{padding}{shown}{padding}{fence}"


def escaped(text: str) -> str:
    """Return a sentence of our own, its backticks kept as code and everything else as it reads."""
    pieces = text.split("`")
    return "`".join(
        piece if number % 2 and number < len(pieces) - 1 else _MEANS_SOMETHING.sub(r"\\\1", piece)
        for number, piece in enumerate(pieces)
    )


def _compared(report: Report) -> list[str]:
    """Return how many problems are new, and which of the earlier ones are mended."""
    if report.against is None:
        return []
    mended = parts.mended(report)
    lines = ["", f"**{escaped(parts.compared(report))}**", ""]
    lines += [f"- mended: {verbatim(parts.gone(one))}" for one in mended[:SHOWN_PROBLEMS]]
    return lines + ([f"- and {len(mended) - SHOWN_PROBLEMS} more"] if len(mended) > SHOWN_PROBLEMS else [])


def _failed(report: Report, result: Result) -> list[str]:
    lines = ["", f"### {result.verdict.value} `{result.check.id}`", "", f"**{escaped(result.check.promise)}**", ""]
    if result.reason:
        lines += [f"- because {verbatim(result.reason)}"]
    points = parts.points(report, result)
    lines += [_told(point) for point in points[:SHOWN_PROBLEMS]]
    if len(points) > SHOWN_PROBLEMS:
        lines.append(f"- and {len(points) - SHOWN_PROBLEMS} more")
    if points and not any(point.counts for point in points):
        return lines
    return [*lines, "", f"Why: {escaped(result.check.reason)}", "", f"Mend: {escaped(result.check.mend)}"]


def _told(point: parts.Point) -> str:
    problem, spot = point.problem, parts.spot(point.problem)
    at = f" at {verbatim(spot)}" if spot not in {"", problem.where} else ""
    note = f" ({verbatim(point.note)})" if point.note else ""
    return f"- {verbatim(problem.where)}{at}: {verbatim(problem.message)}{note}"


def _ids(results: list[Result]) -> str:
    return ", ".join(f"`{result.check.id}`" for result in results)
