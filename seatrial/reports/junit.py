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
    for name, value in report.subject.items():
        suite.add_property(name, on_one_line(str(value)))
    for result in results:
        suite.add_testcase(_case(result))
    return suite


def _case(result: Result) -> TestCase:
    case = TestCase(result.check.id, f"seatrial.{result.check.family}", round(result.seconds, 6))
    if result.verdict is Verdict.PASS:
        return case
    first = result.problems[0] if result.problems else None
    message = on_one_line(f"{first.where}: {first.message}" if first else result.reason)
    if result.verdict is Verdict.SKIP:
        case.result = [Skipped(message)]
        return case
    outcome = (Failure if result.verdict is Verdict.FAIL else Error)(message, result.verdict.value)
    spots = [f"at {spot}" for problem in result.problems if (spot := parts.spot(problem))]
    mended = [f"why:  {result.check.reason}", f"mend: {result.check.mend}"]
    outcome.text = visible("\n".join([result.check.promise, parts.said(result), *dict.fromkeys(spots), *mended]))
    case.result = [outcome]
    return case
