"""The report for CI servers: JUnit XML, a suite for each family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from seatrial.checks import FAMILIES
from seatrial.reports import parts
from seatrial.reports.visible import on_one_line, visible
from seatrial.verify import Verdict

if TYPE_CHECKING:
    from seatrial.verify import Report, Result


def render(report: Report) -> str:
    """Return the report as JUnit XML. What XML cannot hold is made visible: no library does that."""
    document = JUnitXml("seatrial")
    for family in FAMILIES:
        results = [result for result in report.results if result.check.family == family]
        if results:
            document.add_testsuite(_suite(report, family, results))
    # The library has no types.
    document.update_statistics()  # type: ignore[no-untyped-call]
    return bytes(document.tostring()).decode("utf-8")  # type: ignore[no-untyped-call]


def _suite(report: Report, family: str, results: list[Result]) -> TestSuite:
    suite = TestSuite(family)
    mended = [parts.gone(one) for one in parts.mended(report) if one.check.partition(".")[0] == family]
    compared = {"against": parts.compared(report)} if report.against else {}
    for name, value in [*report.subject.items(), *compared.items(), *(("mended", one) for one in mended)]:
        suite.add_property(name, on_one_line(str(value)))
    for result in results:
        suite.add_testcase(_case(report, result))
    return suite


def _case(report: Report, result: Result) -> TestCase:
    case = TestCase(result.check.id, f"seatrial.{result.check.family}", round(result.seconds, 6))
    if result.verdict is Verdict.PASS:
        return case
    points = parts.points(report, result)
    counting = [point for point in points if point.counts]
    message = on_one_line(parts.line((counting or points)[0]) if points else result.reason)
    if result.verdict is Verdict.SKIP:
        case.result = [Skipped(message)]
        return case
    # What is waived, or as it was, must not turn a CI server's page red: the exit code does not.
    kind = Skipped if points and not counting else Failure if result.verdict is Verdict.FAIL else Error
    outcome = kind(message, result.verdict.value)
    spots = [f"at {spot}" for point in points if (spot := parts.spot(point.problem))]
    mended = [f"why:  {result.check.reason}", f"mend: {result.check.mend}"]
    outcome.text = visible(
        "\n".join([result.check.promise, parts.said(report, result), *dict.fromkeys(spots), *mended])
    )
    case.result = [outcome]
    return case
