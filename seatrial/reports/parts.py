"""What every format tells in the same order: what needs a person, what is known or waived, left out, what holds."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.baseline import Finding
from seatrial.verify import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seatrial.baseline import Comparison
    from seatrial.checks import Problem
    from seatrial.settings import Waiver
    from seatrial.verify import Report, Result

NEW, UNCHANGED = "new", "unchanged"
"""What became of a problem since an earlier report; only what is new counts."""


@dataclass(frozen=True)
class Point:
    """One problem of a result, and whether it counts. `since`: NEW, UNCHANGED, or nothing without an earlier report."""

    problem: Problem
    identity: str
    since: str = ""
    waiver: Waiver | None = None

    @property
    def counts(self) -> bool:
        """Whether it is somebody's turn to mend this."""
        return self.waiver is None and self.since != UNCHANGED

    @property
    def note(self) -> str:
        """Why it does not count, or that it is new; nothing where there is nothing to say."""
        if self.waiver is not None:
            return f"waived until {self.waiver.expires.isoformat()}: {self.waiver.reason}"
        return {NEW: "new since the earlier report", UNCHANGED: "as in the earlier report"}.get(self.since, "")


def needing(report: Report) -> list[Result]:
    """Return the results that need a person: broken promises, unless all is as before, blind and crashed checks."""
    return [
        result
        for result in report.results
        if result.verdict in {Verdict.BLIND, Verdict.ERROR}
        or (result.verdict is Verdict.FAIL and not _is_known(report, result))
    ]


def known(report: Report) -> list[Result]:
    """Return the results of promises that an earlier report found broken in just these places."""
    return [result for result in report.results if result.verdict is Verdict.FAIL and _is_known(report, result)]


def waived(report: Report) -> list[Result]:
    """Return the results of promises that are broken where a waiver covers it, and nowhere else."""
    return [result for result in report.results if result.verdict is Verdict.WAIVED]


def broken(report: Report) -> list[Result]:
    """Return every result that has something to tell: what needs a person, what is known, what is waived."""
    return [*needing(report), *known(report), *waived(report)]


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


def points(report: Report, result: Result) -> list[Point]:
    """Return the problems of a result, those that are waived last."""
    new = _new(report.against)
    rows = [(problem, None) for problem in result.problems]
    told: list[tuple[Problem, Waiver | None]] = [*rows, *((one.problem, one.waiver) for one in result.waived)]
    identities = _identities(result, (problem for problem, _ in told))
    return [
        Point(problem, identity, _since(report, new, result, problem) if waiver is None else "", waiver)
        for (problem, waiver), identity in zip(told, identities, strict=True)
    ]


def compared(report: Report) -> str:
    """Return how the run differs from the earlier report, in words; nothing when there was none."""
    if report.against is None:
        return ""
    of = report.against
    counts = f"{len(of.new)} new, {len(of.mended)} mended, {len(of.unchanged)} unchanged"
    return f"against the earlier report: {counts}; only what is new counts"


def mended(report: Report) -> tuple[Finding, ...]:
    """Return what an earlier report found and this one does not."""
    return report.against.mended if report.against is not None else ()


def gone(finding: Finding) -> str:
    """Return one of them as a sentence."""
    return f"{finding.check}: {finding.where}: {finding.message}"


def totals(report: Report) -> str:
    """Return how many results there are of each verdict, in words."""
    return ", ".join(f"{count} {name}" for name, count in report.totals.items() if count) or "nothing"


def spot(problem: Problem) -> str:
    """Return the file and line to mend as `file:line`, or nothing where no line can be named."""
    place = problem.place
    return f"{place.file}:{place.line}" if place is not None and place.line else ""


def said(report: Report, result: Result) -> str:
    """Return what is wrong as one text, a line for each problem: for formats that have room for a text only."""
    lines = [line(point) for point in points(report, result)]
    return "\n".join(lines) or result.reason


def line(point: Point) -> str:
    """Return one problem as a sentence, with the reason why it does not count."""
    note = f" ({point.note})" if point.note else ""
    return f"{point.problem.where}: {point.problem.message}{note}"


def fingerprint(check: str, *more: str) -> str:
    """Return a name for something that is found: the same in every run."""
    return hashlib.sha256("\0".join([check, *more]).encode("utf-8", "backslashreplace")).hexdigest()


def _identities(result: Result, problems: Iterable[Problem]) -> list[str]:
    """Return what stays the same of problems when lines move: that by which `--against` knows them, and their order."""
    seen: Counter[tuple[str, str, str]] = Counter()
    found = []
    for problem in problems:
        key = Finding(result.check.id, problem.where, problem.message).key
        again = [str(seen[key])] if seen[key] else []
        seen[key] += 1
        found.append(fingerprint(*key, *again))
    return found


def _new(against: Comparison | None) -> frozenset[Finding]:
    return frozenset(against.new) if against is not None else frozenset()


def _since(report: Report, new: frozenset[Finding], result: Result, problem: Problem) -> str:
    if report.against is None:
        return ""
    return NEW if Finding(result.check.id, problem.where, problem.message) in new else UNCHANGED


def _is_known(report: Report, result: Result) -> bool:
    return report.against is not None and all(point.since != NEW for point in points(report, result))
