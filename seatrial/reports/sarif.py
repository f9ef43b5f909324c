"""The report for code scanning: SARIF 2.1.0, each problem at the line that mends it."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from seatrial import standards
from seatrial.errors import ExitCode
from seatrial.reports import parts
from seatrial.reports.visible import visible
from seatrial.verify import Verdict

if TYPE_CHECKING:
    from seatrial.baseline import Finding
    from seatrial.checks import Check, Problem
    from seatrial.verify import Report, Result

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "seatrial/v1"


def render(report: Report) -> str:
    """Return the report as one run. A promise that holds is a rule without a result: a result is shown as an alert."""
    rules = {result.check.id: _rule(result.check) for result in report.results}
    index = {name: number for number, name in enumerate(rules)}
    run = {
        "tool": {"driver": {"name": "seatrial", "version": _version(), "rules": list(rules.values())}},
        "invocations": [_invocation(report)],
        "columnKind": "unicodeCodePoints",
        "results": [
            *(found for result in parts.broken(report) for found in _results(report, result, index[result.check.id])),
            *(_absent(mended) for mended in parts.mended(report)),
        ],
        "properties": {name: visible(str(value)) for name, value in report.subject.items()},
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(check: Check) -> dict[str, Any]:
    return {
        "id": check.id,
        "shortDescription": {"text": check.promise},
        "fullDescription": {"text": check.reason},
        "help": {"text": "\n".join([f"Mend: {check.mend}", *standards.of(check.id)])},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": [check.family]},
    }


def _invocation(report: Report) -> dict[str, Any]:
    skipped = [
        {
            "level": "note",
            "associatedRule": {"id": result.check.id},
            "message": {"text": visible(f"left out: {result.reason}")},
        }
        for result in report.results
        if result.verdict is Verdict.SKIP
    ]
    is_proven = report.exit_code in {ExitCode.HOLDS, ExitCode.BROKEN}
    return {
        "executionSuccessful": is_proven,
        "exitCode": int(report.exit_code),
        "toolConfigurationNotifications": skipped,
    }


def _results(report: Report, result: Result, rule: int) -> list[dict[str, Any]]:
    points = parts.points(report, result)
    if not points:
        text = f"{result.verdict.value}: {result.reason}"
        told = {"ruleId": result.check.id, "ruleIndex": rule, "level": "error", "message": {"text": visible(text)}}
        return [{**told, **_since(report, parts.NEW)}]
    return [
        {
            "ruleId": result.check.id,
            "ruleIndex": rule,
            "level": "error",
            "message": {"text": visible(f"{parts.line(point)}. Mend: {result.check.mend}")},
            "locations": [_location(point.problem)],
            "partialFingerprints": {FINGERPRINT: point.identity},
            **_since(report, point.since or parts.UNCHANGED),
            **_suppressed(point),
        }
        for point in points
    ]


def _since(report: Report, state: str) -> dict[str, str]:
    """Return what became of a result since an earlier report. Where one result of a run says so, all must."""
    return {"baselineState": state} if report.against is not None else {}


def _suppressed(point: parts.Point) -> dict[str, Any]:
    if point.waiver is None:
        return {}
    return {"suppressions": [{"kind": "external", "status": "accepted", "justification": visible(point.note)}]}


def _absent(mended: Finding) -> dict[str, Any]:
    """Return a problem of the earlier report that is no more."""
    return {
        "ruleId": mended.check,
        "level": "none",
        "message": {"text": visible(f"mended: {parts.gone(mended)}")},
        "locations": [{"logicalLocations": [{"fullyQualifiedName": visible(mended.where)}]}],
        "partialFingerprints": {FINGERPRINT: parts.fingerprint(*mended.key)},
        "baselineState": "absent",
    }


def _location(problem: Problem) -> dict[str, Any]:
    location: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": visible(problem.where)}]}
    place = problem.place
    if place is not None:
        artifact = {"uri": quote(place.file, errors="backslashreplace"), "uriBaseId": "%SRCROOT%"}
        location["physicalLocation"] = {"artifactLocation": artifact, "region": {"startLine": place.line or 1}}
    return location


def _version() -> str:
    try:
        return version("seatrial")
    except PackageNotFoundError:
        # The toolkit runs from the checkout.
        return "0"
