"""The report for people: every check named, what is wrong first said where it is and how to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.console import paint
from seatrial.verify import Verdict

if TYPE_CHECKING:
    from seatrial.verify import Report, Result

SHOWN_PROBLEMS = 10
_COLOURS = {
    Verdict.PASS: "green",
    Verdict.FAIL: "red",
    Verdict.BLIND: "red",
    Verdict.ERROR: "red",
    Verdict.SKIP: "yellow",
    Verdict.WAIVED: "yellow",
}


def render(report: Report) -> str:
    """Return one line for each check, what failed last, then the totals."""
    lines = [f"{name:<10} {harmless(str(value))}" for name, value in report.subject.items()]
    lines.append("")
    # What needs a person stands at the end, where a terminal shows it.
    passed = [result for result in report.results if result.verdict is Verdict.PASS]
    skipped = [result for result in report.results if result.verdict is Verdict.SKIP]
    for result in passed:
        lines += _lines(result)
    lines += _skipped(skipped)
    for result in report.results:
        if result.verdict not in {Verdict.PASS, Verdict.SKIP}:
            lines += _lines(result)
    lines += _against(report)
    totals = ", ".join(f"{count} {name}" for name, count in report.totals.items() if count)
    verdict = paint(report.verdict, _COLOURS[Verdict(report.verdict)])
    lines += ["", f"{verdict}: {totals} in {report.seconds:.1f} s (exit code {int(report.exit_code)})"]
    return "\n".join(lines)


def result(found: Result) -> str:
    """Return one result as the whole report shows it."""
    return "\n".join(_lines(found))


def _against(report: Report) -> list[str]:
    """Return what is new since an earlier report and what is mended; only what is new counts."""
    if report.against is None:
        return []
    compared = report.against
    counts = f"{len(compared.new)} new, {len(compared.mended)} mended, {len(compared.unchanged)} unchanged"
    lines = ["", f"against the earlier report: {counts}; only what is new counts"]
    for word, colour, findings in (("new", "red", compared.new), ("mended", "green", compared.mended)):
        lines += [
            f"  {paint(word, colour)} {finding.check}: {harmless(finding.where)}: {harmless(finding.message)}"
            for finding in findings
        ]
    return lines


def _skipped(results: list[Result]) -> list[str]:
    """Return one line for each reason, with the checks that it leaves out."""
    lines = []
    for reason in dict.fromkeys(result.reason for result in results):
        ids = [result.check.id for result in results if result.reason == reason]
        lines.append(f"{paint('SKIP ', _COLOURS[Verdict.SKIP])} {', '.join(ids)}")
        lines.append(f"      because: {harmless(reason)}")
    return lines


def _lines(result: Result) -> list[str]:
    head = (
        f"{paint(f'{result.verdict.value:<5}', _COLOURS[result.verdict])} {result.check.id:<28} {result.check.promise}"
    )
    lines = [head]
    if result.verdict is Verdict.PASS:
        lines[0] += paint(f"  [{result.examined}]", "dim")
    if result.reason:
        lines.append(f"      because: {harmless(result.reason)}")
    shown = result.problems[:SHOWN_PROBLEMS]
    lines += [f"      {harmless(problem.where)}: {harmless(problem.message)}" for problem in shown]
    if len(result.problems) > SHOWN_PROBLEMS:
        lines.append(f"      ... and {len(result.problems) - SHOWN_PROBLEMS} more")
    for waived in result.waived:
        said = f"{waived.problem.where}: {waived.problem.message}"
        until = f"waived until {waived.waiver.expires.isoformat()}: {waived.waiver.reason}"
        lines.append(f"      {harmless(said)} ({harmless(until)})")
    if result.problems:
        lines.append(f"      why:  {result.check.reason}")
        lines.append(f"      mend: {result.check.mend}")
    return lines


def harmless(text: str) -> str:
    """Return text from names, logs or replies with what a terminal would obey made visible; its lines are indented."""
    return "\n        ".join(
        "".join(c if c.isprintable() else repr(c)[1:-1] for c in line) for line in text.split("\n")
    )
