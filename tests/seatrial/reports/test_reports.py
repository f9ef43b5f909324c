"""Reports: a string for programs that keeps its contract, a string for people that cannot be misused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial import reports, verify
from seatrial.checks import Check, Problem, all_checks
from seatrial.errors import Code, SeatrialError
from seatrial.evidence.places import Place
from seatrial.reports import text
from seatrial.verify import Report, Result, Verdict
from tests import good

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "report.schema.json").read_text(encoding="utf-8"))
CHECK = next(check for check in all_checks() if check.id == "image.user")
OTHER = next(check for check in all_checks() if check.id == "redis.users")
HOSTILE = "a\x1b[2Jb\x1b]0;title\x07c\rd\be\u202ef\u2028g\x9bh\u200bi"


def result(verdict: Verdict, *problems: Problem, check: Check = CHECK, examined: str = "", reason: str = "") -> Result:
    return Result(check, verdict, problems, examined, reason, 0.25)


def report(*results: Result, **subject: str) -> Report:
    return Report(subject, results, 2.5)


FAILED = result(Verdict.FAIL, Problem("runs as root", "Config.User", Place("Dockerfile", 64)))
REPORTS = {
    "good": verify.judge_all(all_checks(), good.evidence(), {"image": "x"}, 0.0),
    "broken": verify.judge_all(
        all_checks(), good.evidence().with_files({"app/.env": b"x"}, mode=0o4777, uid=1001), {}, 0.0
    ),
    "empty": report(),
    "every verdict": report(
        FAILED, *(result(verdict, reason="why") for verdict in Verdict if verdict not in {Verdict.FAIL, Verdict.PASS})
    ),
    "hostile": report(
        result(Verdict.FAIL, Problem(HOSTILE, HOSTILE)), result(Verdict.SKIP, reason=HOSTILE), image=HOSTILE
    ),
}


@pytest.mark.parametrize("name", REPORTS)
def test_the_json_report_keeps_its_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    document = json.loads(reports.render(REPORTS[name], "json"))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert document["totals"] == REPORTS[name].totals
    assert document["exit_code"] == REPORTS[name].exit_code


def test_the_json_report_to_the_letter() -> None:
    assert json.loads(reports.render(report(FAILED, image="x402-fac"), "json")) == {
        "schema": "seatrial.report/1",
        "subject": {"image": "x402-fac"},
        "verdict": "FAIL",
        "exit_code": 1,
        "totals": {"PASS": 0, "FAIL": 1, "SKIP": 0, "BLIND": 0, "ERROR": 0, "WAIVED": 0},
        "results": [
            {
                "id": "image.user",
                "family": "image",
                "promise": CHECK.promise,
                "verdict": "FAIL",
                "problems": [
                    {
                        "message": "runs as root",
                        "where": "Config.User",
                        "place": {"file": "Dockerfile", "line": 64},
                    }
                ],
                "waived": [],
                "examined": "",
                "saw_its_sabotage": True,
                "reason": "",
                "seconds": 0.25,
            }
        ],
        "against": None,
        "pictures": {"layers": [], "services": [], "networks": [], "moments": []},
    }


@pytest.mark.parametrize(
    "edit",
    [
        lambda document: document.pop("schema"),
        lambda document: document.update(extra=1),
        lambda document: document.update(schema="seatrial.report/2"),
        lambda document: document.update(exit_code=0.5),
        lambda document: document["totals"].pop("BLIND"),
        lambda document: document["results"][0].update(verdict="OK"),
        lambda document: document["results"][0].update(verdict="PASS"),
        lambda document: document["results"][0].update(problems=[]),
        lambda document: document["results"][0]["problems"][0].pop("where"),
    ],
)
def test_the_schema_refuses_other_documents(edit: Any) -> None:
    document = json.loads(reports.render(report(FAILED), "json"))
    edit(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(document)


def test_the_json_report_is_plain_ascii() -> None:
    rendered = reports.render(REPORTS["hostile"], "json")
    assert rendered.isascii()
    assert "\x1b" not in rendered
    assert json.loads(rendered)["results"][0]["problems"][0]["message"] == HOSTILE


@pytest.mark.parametrize("name", REPORTS)
def test_the_text_report_names_every_check_and_the_exit_code(name: str) -> None:
    rendered = reports.render(REPORTS[name], "text")
    for judged in REPORTS[name].results:
        assert judged.check.id in rendered
    assert f"(exit code {int(REPORTS[name].exit_code)})" in rendered.splitlines()[-1]


def test_a_failure_says_where_why_and_how_to_mend() -> None:
    lines = [line.strip() for line in reports.render(report(FAILED), "text").splitlines()]
    assert "Config.User: runs as root" in lines
    assert f"why:  {CHECK.reason}" in lines
    assert f"mend: {CHECK.mend}" in lines


def test_failures_stand_behind_what_holds() -> None:
    rendered = reports.render(report(FAILED, result(Verdict.PASS, check=OTHER, examined="4 users")), "text")
    assert rendered.index("redis.users") < rendered.index("image.user")
    assert "[4 users]" in rendered


def test_many_problems_are_cut_and_counted() -> None:
    many = result(Verdict.FAIL, *(Problem(f"number {number}", "x") for number in range(25)))
    rendered = reports.render(report(many), "text")
    assert "number 9" in rendered
    assert "number 10" not in rendered
    assert "... and 15 more" in rendered


def test_the_reason_of_what_was_skipped_is_said_once() -> None:
    skipped = [result(Verdict.SKIP, reason="no engine"), result(Verdict.SKIP, check=OTHER, reason="no engine")]
    assert reports.render(report(*skipped), "text").count("no engine") == 1


def test_text_of_others_cannot_move_the_cursor_or_forge_a_line() -> None:
    forged = "x\nPASS  image.user everything is fine\n\nPASS: 1 PASS in 0.1 s (exit code 0)"
    hostile = report(
        result(Verdict.FAIL, Problem(HOSTILE + forged, HOSTILE)),
        result(Verdict.ERROR, reason=HOSTILE + forged),
        result(Verdict.SKIP, reason=HOSTILE + forged),
        image=HOSTILE + forged,
    )
    rendered = reports.render(hostile, "text")
    assert not [character for character in rendered if not character.isprintable() and character != "\n"]
    assert len([line for line in rendered.splitlines() if line.startswith("PASS")]) == 0
    assert len(rendered.split("\n")) == len(rendered.splitlines())


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_harmless(written: str) -> None:
    shown = text.harmless(written)
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert all(line.startswith("        ") for line in shown.split("\n")[1:])


@pytest.mark.parametrize(
    ("terminal", "no_color", "coloured"),
    [(True, "", True), (True, "1", False), (False, "", False), (False, "1", False)],
)
def test_colour_is_for_terminals_and_never_with_no_color(
    monkeypatch: pytest.MonkeyPatch, *, terminal: bool, no_color: str, coloured: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    assert ("\x1b[31m" in reports.render(report(FAILED), "text")) is coloured
    assert "\x1b" not in reports.render(report(FAILED), "json")


def test_an_unknown_format_lists_the_known() -> None:
    for ask in (lambda: reports.renderer("xml"), lambda: reports.render(report(), "TEXT")):
        with pytest.raises(SeatrialError) as caught:
            ask()
        assert caught.value.code is Code.USAGE
        assert "text" in caught.value.hint
        assert "json" in caught.value.hint
