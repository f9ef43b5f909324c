"""The report for people: what fails first, what a terminal shows at the end, and a text that cannot be misused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial import reports
from seatrial.checks import Problem
from seatrial.evidence.places import Place
from seatrial.reports import text
from seatrial.verify import Verdict
from tests.seatrial.reports.samples import CHECK, FAILED, FORGED, HOSTILE, OTHER, REPORTS, report, result


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("render", [text.render, text.render_verbose])
def test_every_check_and_the_exit_code_are_named(name: str, render: object) -> None:
    rendered = (text.render_verbose if render is text.render_verbose else text.render)(REPORTS[name])
    for judged in REPORTS[name].results:
        assert judged.check.id in rendered
    assert f"(exit code {int(REPORTS[name].exit_code)})" in rendered.splitlines()[-1]


def test_a_failure_says_where_why_and_how_to_mend() -> None:
    lines = [line.strip() for line in text.render(report(FAILED)).splitlines()]
    assert "Dockerfile:64  Config.User: runs as root" in lines
    assert f"why:  {CHECK.reason}" in lines
    assert f"mend: {CHECK.mend}" in lines


@pytest.mark.parametrize("place", [None, Place("Dockerfile"), Place("Dockerfile", 3)])
def test_a_line_is_said_once(place: Place | None) -> None:
    rendered = text.render(report(result(Verdict.FAIL, Problem("bad", "Dockerfile:3", place))))
    assert "      Dockerfile:3: bad" in rendered.splitlines()


def test_what_fails_stands_first_and_its_name_again_at_the_end() -> None:
    rendered = text.render(report(result(Verdict.PASS, check=OTHER), FAILED))
    assert rendered.index("image.user") < rendered.index("redis.users")
    assert rendered.splitlines()[-2] == "needs you: image.user"


def test_quiet_is_what_fails_and_the_verdict() -> None:
    rendered = text.render_quiet(report(result(Verdict.PASS, check=OTHER), FAILED, image="x"))
    assert rendered.startswith("FAIL  image.user")
    assert "redis.users" not in rendered
    assert "image      x" not in rendered
    assert text.render_quiet(report(result(Verdict.PASS))).splitlines() == ["PASS: 1 PASS in 2.5 s (exit code 0)"]


def test_verbose_is_every_promise_and_every_problem() -> None:
    many = result(Verdict.FAIL, *(Problem(f"number {number}", "x") for number in range(25)))
    rendered = text.render_verbose(report(many, result(Verdict.PASS, check=OTHER, examined="4 users")))
    assert "number 24" in rendered
    assert OTHER.promise in rendered
    assert "[4 users, 250.0 ms]" in rendered


def test_many_problems_are_cut_and_counted() -> None:
    many = result(Verdict.FAIL, *(Problem(f"number {number}", "x") for number in range(25)))
    rendered = text.render(report(many))
    assert "number 9" in rendered
    assert "number 10" not in rendered
    assert "... and 15 more" in rendered


def test_the_reason_of_what_was_skipped_is_said_once() -> None:
    skipped = [result(Verdict.SKIP, reason="no engine"), result(Verdict.SKIP, check=OTHER, reason="no engine")]
    assert text.render(report(*skipped)).count("no engine") == 1


@pytest.mark.parametrize("render", [text.render, text.render_quiet, text.render_verbose])
def test_text_of_others_cannot_move_the_cursor_or_forge_a_line(render: object) -> None:
    forged = HOSTILE + FORGED
    hostile = report(
        result(Verdict.FAIL, Problem(forged, HOSTILE)),
        result(Verdict.ERROR, reason=forged),
        result(Verdict.SKIP, reason=forged),
        image=forged,
    )
    assert callable(render)
    rendered = render(hostile)
    assert not [character for character in rendered if not character.isprintable() and character != "\n"]
    assert not [line for line in rendered.splitlines() if line.startswith(("PASS", "::", "##"))]
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
    assert ("\x1b[31m" in text.render(report(FAILED))) is coloured
    for name in set(reports.FORMATS) - {"text"}:
        assert "\x1b" not in reports.render(report(FAILED), name)
