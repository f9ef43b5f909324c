"""SARIF: it keeps the standard's own schema, and each alert stands on the line that mends it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from seatrial import reports
from seatrial.checks import Problem
from seatrial.evidence.places import Place
from seatrial.verify import Report, Verdict
from tests import good
from tests.seatrial.reports.samples import CHECK, FAILED, REPORTS, report, result

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "vendored" / "sarif-2.1.0-rtm.5.json").read_text(encoding="utf-8")
)
VALIDATOR = jsonschema.Draft4Validator(SCHEMA, format_checker=jsonschema.FormatChecker())


def run_of(sample: Report) -> dict[str, Any]:
    document = json.loads(reports.render(sample, "sarif"))
    (run,) = document["runs"]
    return dict(run)


@pytest.mark.parametrize("name", REPORTS)
def test_it_keeps_the_standard_s_schema(name: str) -> None:
    VALIDATOR.validate(json.loads(reports.render(REPORTS[name], "sarif")))


def test_the_schema_refuses_what_is_not_sarif() -> None:
    document = json.loads(reports.render(report(FAILED), "sarif"))
    document["runs"][0]["results"][0]["level"] = "fatal"
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(document)


def test_every_alert_of_a_broken_project_is_on_a_line_that_exists() -> None:
    run = run_of(REPORTS["broken"])
    files = good.evidence().documents["tree.files"]
    assert run["results"]
    for alert in run["results"]:
        physical = alert["locations"][0]["physicalLocation"]
        lines = files[physical["artifactLocation"]["uri"]].splitlines()
        assert 1 <= physical["region"]["startLine"] <= len(lines)
        assert run["tool"]["driver"]["rules"][alert["ruleIndex"]]["id"] == alert["ruleId"]


def test_what_holds_is_a_rule_and_no_alert() -> None:
    run = run_of(REPORTS["good"])
    assert run["results"] == []
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == {r.check.id for r in REPORTS["good"].results}


def test_an_alert_says_what_is_wrong_and_how_to_mend_it() -> None:
    (alert,) = run_of(report(FAILED))["results"]
    assert alert["message"]["text"] == f"Config.User: runs as root. Mend: {CHECK.mend}"
    assert alert["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "Dockerfile", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 64},
    }


def test_a_fingerprint_stays_when_lines_move_and_tells_problems_apart() -> None:
    def fingerprints(*lines: int) -> list[str]:
        problems = [Problem(word, f"f:{line}", Place("f", line)) for word in "ab" for line in lines]
        alerts = run_of(report(result(Verdict.FAIL, *problems)))["results"]
        return [alert["partialFingerprints"]["seatrial/v1"] for alert in alerts]

    assert fingerprints(1, 9) == fingerprints(4, 12)
    assert len(set(fingerprints(1, 9))) == 4


@pytest.mark.parametrize(("verdict", "successful"), [(Verdict.FAIL, True), (Verdict.BLIND, False)])
def test_a_run_that_proves_nothing_did_not_succeed(verdict: Verdict, *, successful: bool) -> None:
    problems = FAILED.problems if verdict is Verdict.FAIL else ()
    run = run_of(report(result(verdict, *problems, reason="why"), result(Verdict.SKIP, reason="no engine")))
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is successful
    assert [note["message"]["text"] for note in invocation["toolConfigurationNotifications"]] == ["left out: no engine"]
    assert len(run["results"]) == 1


def test_a_file_s_name_is_a_uri() -> None:
    (alert,) = run_of(report(result(Verdict.FAIL, Problem("a", "b", Place("my file#1.yml")))))["results"]
    physical = alert["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"]["uri"] == "my%20file%231.yml"
    assert physical["region"]["startLine"] == 1
