"""What every format tells of waivers and of an earlier report."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from seatrial import reports
from seatrial.reports import parts, text
from tests.seatrial.reports.samples import CHECK, COMPARED, OTHER, REPORTS, THIRD, WAIVED, report

UNTIL = "waived until 2999-12-31: it is being mended"
MENDED = f"mended: {THIRD.id}: services.web: gone"
FOR_PEOPLE = ("text", "markdown", "html", "github")


def sarif(sample: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(reports.render(sample, "sarif"))["runs"][0]["results"]
    return found


def test_what_counts_stands_before_what_is_known_and_what_is_waived() -> None:
    assert [result.check for result in parts.broken(COMPARED)] == [CHECK, THIRD, OTHER]
    assert [result.check for result in parts.needing(COMPARED)] == [CHECK]
    assert [point.since for point in parts.points(COMPARED, parts.needing(COMPARED)[0])] == ["new", "unchanged", ""]
    assert (
        parts.compared(COMPARED) == "against the earlier report: 1 new, 1 mended, 2 unchanged; only what is new counts"
    )
    assert [parts.gone(one) for one in parts.mended(COMPARED)] == [MENDED.removeprefix("mended: ")]


@pytest.mark.parametrize("name", set(reports.FORMATS) - {"json"})
def test_every_format_tells_the_reason_and_the_last_day_of_a_waiver(name: str) -> None:
    for sample in (report(WAIVED), COMPARED):
        assert UNTIL in reports.render(sample, name)


@pytest.mark.parametrize("name", FOR_PEOPLE)
def test_every_format_for_people_tells_what_is_new_mended_and_unchanged(name: str) -> None:
    rendered = reports.render(COMPARED, name)
    for said in ("1 new, 1 mended, 2 unchanged", "new since the earlier report", "as in the earlier report"):
        assert said in rendered
    assert "services.web: gone" in rendered


def test_the_quiet_text_names_what_is_new_only() -> None:
    said = text.render_quiet(COMPARED)
    assert CHECK.id in said
    assert OTHER.id not in said
    assert "needs you: image.user\n" in said
    assert MENDED in said


def test_a_ci_server_is_told_what_counts_as_failures_only() -> None:
    root = ET.fromstring(reports.render(COMPARED, "junit"))
    assert [case.get("name") for case in root.iter("testcase") if case.find("failure") is not None] == [CHECK.id]
    skipped = {case.get("name"): case.find("skipped") for case in root.iter("testcase")}
    assert UNTIL in str(getattr(skipped[OTHER.id], "attrib", {}).get("message"))
    assert "as in the earlier report" in str(getattr(skipped[THIRD.id], "attrib", {}).get("message"))
    (mended,) = (one.get("value") for one in root.iter("property") if one.get("name") == "mended")
    assert mended == MENDED.removeprefix("mended: ")


def test_code_scanning_gets_its_own_words_for_both() -> None:
    alerts = sarif(COMPARED)
    assert [alert["baselineState"] for alert in alerts] == ["new", *["unchanged"] * 4, "absent"]
    assert [alert["suppressions"][0]["justification"] for alert in alerts if "suppressions" in alert] == [UNTIL] * 2
    assert all("baselineState" not in alert for alert in sarif(report(WAIVED)))


def test_a_problem_has_one_name_in_every_run() -> None:
    before = {alert["partialFingerprints"]["seatrial/v1"] for alert in sarif(REPORTS["broken"])}
    assert before == {one["fingerprint"] for one in json.loads(reports.render(REPORTS["broken"], "gitlab"))}


def test_what_does_not_count_is_information() -> None:
    entries = json.loads(reports.render(COMPARED, "gitlab"))
    assert [entry["severity"] for entry in entries] == ["major", "info", "info", "info", "info"]
