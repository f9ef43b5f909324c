"""JUnit XML: a suite for each family, a case for each check, counts that add up, nothing that XML forbids."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from seatrial import reports
from seatrial.reports import parts
from seatrial.reports.visible import on_one_line
from seatrial.verify import Verdict
from tests.seatrial.reports.samples import CHECK, FAILED, HOSTILE, OTHER, REPORTS, report, result


@pytest.mark.parametrize("name", REPORTS)
def test_every_check_is_a_case_and_the_counts_add_up(name: str) -> None:
    sample = REPORTS[name]
    root = ET.fromstring(reports.render(sample, "junit"))
    cases = root.findall("testsuite/testcase")
    assert [case.get("name") for case in cases] == [judged.check.id for judged in sample.results]
    counted = {
        kind: sum(int(suite.get(kind, "0")) for suite in root) for kind in ("tests", "failures", "errors", "skipped")
    }
    totals = sample.totals
    assert counted == {
        "tests": len(sample.results),
        "failures": totals["FAIL"] - len(parts.known(sample)),
        "errors": totals["BLIND"] + totals["ERROR"],
        "skipped": totals["SKIP"] + totals["WAIVED"] + len(parts.known(sample)),
    }
    assert {kind: int(root.get(kind, "0")) for kind in counted} == counted


def test_a_failure_says_where_why_and_how_to_mend() -> None:
    (failure,) = ET.fromstring(reports.render(report(FAILED), "junit")).iter("failure")
    assert failure.get("message") == "Config.User: runs as root"
    text = str(failure.text)
    for said in (CHECK.promise, "at Dockerfile:64", CHECK.reason, CHECK.mend):
        assert said in text


def test_cases_stand_in_the_suite_of_their_family_with_what_was_examined() -> None:
    root = ET.fromstring(
        reports.render(report(FAILED, result(Verdict.SKIP, check=OTHER, reason="no engine"), image="x"), "junit")
    )
    assert [suite.get("name") for suite in root] == ["image", "redis"]
    assert [child.tag for child in root[0]] == ["properties", "testcase"]
    (skipped,) = root.iter("skipped")
    assert skipped.get("message") == "no engine"


def test_what_xml_forbids_is_made_visible() -> None:
    (failure,) = ET.fromstring(reports.render(REPORTS["hostile"], "junit")).iter("failure")
    assert failure.get("message") == on_one_line(f"{HOSTILE}: {HOSTILE} (new since the earlier report)")
