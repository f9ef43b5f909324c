"""The judge: every check on its own sabotage first, then on the evidence."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from seatrial import waivers
from seatrial.baseline import Comparison, Finding, compare
from seatrial.checks import FAMILIES, Check, Problem, all_checks
from seatrial.errors import Code, ExitCode, SeatrialError
from seatrial.evidence import Evidence, MissingEvidence
from seatrial.evidence.pictures import Pictures, draw
from seatrial.evidence.places import locate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatrial.settings import Waiver
    from seatrial.waivers import Waived

SCHEMA = "seatrial.report/1"


class Verdict(Enum):
    """How a check ended. Only PASS says that a promise holds."""

    PASS = "PASS"  # noqa: S105 - a verdict
    FAIL = "FAIL"
    SKIP = "SKIP"
    BLIND = "BLIND"
    ERROR = "ERROR"
    WAIVED = "WAIVED"
    """Broken, in places that a waiver covers only."""


@dataclass(frozen=True)
class Result:
    """What the judge found for one check."""

    check: Check
    verdict: Verdict
    problems: tuple[Problem, ...]
    examined: str
    reason: str
    seconds: float
    waived: tuple[Waived, ...] = ()

    @property
    def saw_its_sabotage(self) -> bool:
        """Whether the check was shown in this run to see its promise broken."""
        return self.verdict in {Verdict.PASS, Verdict.FAIL, Verdict.WAIVED}


@dataclass(frozen=True)
class Report:
    """All results of one run. `subject` says what was examined: image, image_id, revision and the like."""

    subject: dict[str, Any]
    results: tuple[Result, ...]
    seconds: float
    pictures: Pictures = field(default_factory=Pictures)
    against: Comparison | None = None
    """How it differs from an earlier report, when it was compared with one: then only what is new counts."""

    @property
    def totals(self) -> dict[str, int]:
        """How many checks ended with each verdict, every verdict named."""
        counted = Counter(result.verdict for result in self.results)
        return {verdict.value: counted[verdict] for verdict in Verdict}

    @property
    def exit_code(self) -> ExitCode:
        """What the run proves. A report that cannot be trusted outranks a broken promise."""
        verdicts = {result.verdict for result in self.results}
        if verdicts & {Verdict.BLIND, Verdict.ERROR} or not verdicts - {Verdict.SKIP}:
            return ExitCode.UNPROVEN
        is_broken = Verdict.FAIL in verdicts if self.against is None else bool(self.against.new)
        return ExitCode.BROKEN if is_broken else ExitCode.HOLDS

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every problem that counts, with its check."""
        found = ((result.check.id, problem) for result in self.results for problem in result.problems)
        return tuple(Finding(name, problem.where, problem.message) for name, problem in found)

    def compared_with(self, earlier: Sequence[Finding]) -> Report:
        """Return the same report, compared with what an earlier one found."""
        judged = {result.check.id for result in self.results if result.saw_its_sabotage}
        return replace(self, against=compare(earlier, self.findings, judged))

    @property
    def verdict(self) -> str:
        """One word for the whole run: the worst of its results."""
        present = {result.verdict for result in self.results}
        for worst in (Verdict.ERROR, Verdict.BLIND, Verdict.FAIL, Verdict.WAIVED, Verdict.PASS):
            if worst in present:
                return str(worst.value)
        return str(Verdict.SKIP.value)


def select(only: str = "", skip: str = "") -> tuple[Check, ...]:
    """Return the checks that comma-separated lists of ids and families name.

    Raises SeatrialError USAGE for a name that is neither, listing the known ones.
    """
    checks = all_checks()
    chosen = [known for known in checks if not only or _named(known, _words(only, checks))]
    chosen = [known for known in chosen if not _named(known, _words(skip, checks))]
    if not chosen:
        raise SeatrialError(Code.USAGE, "no check is left to run", hint="see ./invoke verify --list")
    return tuple(chosen)


def judge(check: Check, evidence: Evidence) -> Result:
    """Judge one check. Its sabotage must be seen, or nothing that it says is believed."""
    began = time.monotonic()
    observed = evidence.unobserved()

    def result(verdict: Verdict, problems: Sequence[Problem] = (), reason: str = "") -> Result:
        return Result(check, verdict, tuple(problems), _counted(observed), reason, time.monotonic() - began)

    try:
        if not list(check.inspect(check.sabotage(evidence.unobserved()).unobserved())):
            return result(Verdict.BLIND, reason="its own sabotage went unseen")
        problems = [
            replace(problem, place=locate(evidence, check.family, problem.where)) for problem in check.inspect(observed)
        ]
    except MissingEvidence as missing:
        return result(Verdict.SKIP, reason=str(missing))
    except Exception as error:  # noqa: BLE001 - whatever a check does wrong, the others are still judged
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"
        return result(Verdict.ERROR, reason=said)
    if problems:
        return result(Verdict.FAIL, problems)
    if not _counted(observed):
        return result(Verdict.ERROR, reason="nothing was examined")
    return result(Verdict.PASS)


def judge_all(checks: Sequence[Check], evidence: Evidence, subject: dict[str, Any], seconds: float) -> Report:
    """Judge every check. `seconds` is how long the whole run took so far, for the report."""
    began = time.monotonic()
    results = _judged(checks, evidence)
    return Report(subject, results, seconds + time.monotonic() - began, draw(evidence))


def _judged(checks: Sequence[Check], evidence: Evidence) -> tuple[Result, ...]:
    """Judge the checks, those about waivers last, because only then it is known which of them were needed."""
    chosen, rows = evidence.settings.waivers, evidence.documents.get(waivers.DOCUMENT) or []
    if not chosen:
        return tuple(judge(check, evidence) for check in checks)
    found = {check.id: _with_waivers(judge(check, evidence), chosen, rows) for check in checks}
    used = [waived.waiver for result in found.values() for waived in result.waived]
    judged = {name for name, result in found.items() if result.saw_its_sabotage}
    told = evidence.with_document(waivers.DOCUMENT, waivers.with_use(chosen, rows, used, judged))
    return tuple(judge(check, told) if check.id == waivers.CHECK else found[check.id] for check in checks)


def _with_waivers(result: Result, chosen: Sequence[Waiver], rows: Sequence[dict[str, Any]]) -> Result:
    stands, waived = waivers.split(result.problems, result.check, chosen, rows)
    if not waived:
        return result
    return replace(result, verdict=Verdict.FAIL if stands else Verdict.WAIVED, problems=stands, waived=waived)


def _counted(evidence: Evidence) -> str:
    return ", ".join(
        f"{count} {kind if count != 1 else kind.removesuffix('s')}" for kind, count in evidence.seen.items() if count
    )


def _words(text: str, checks: Sequence[Check]) -> set[str]:
    words = {word.strip() for word in text.split(",") if word.strip()}
    known = {check.id for check in checks} | set(FAMILIES)
    unknown = sorted(words - known)
    if unknown:
        raise SeatrialError(
            Code.USAGE,
            f"unknown check or family: {', '.join(unknown)}",
            hint=f"families: {', '.join(FAMILIES)}; checks: ./invoke verify --list",
        )
    return words


def _named(check: Check, words: set[str]) -> bool:
    return check.id in words or check.family in words
