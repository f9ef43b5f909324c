"""What a CI server is told, and that it never turns a delivered report into an error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from seatrial import ci
from seatrial.reports import targets
from tests.seatrial.reports.samples import FAILED, report

if TYPE_CHECKING:
    from pathlib import Path

VARIABLES = ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITLAB_CI", "CI_PROJECT_DIR")


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_at_home_nothing_is_told(at_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ci.annotate(report(FAILED), ())
    assert capsys.readouterr() == ("", "")
    assert list(at_home.iterdir()) == []


def test_github_gets_commands_and_a_summary(
    at_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = at_home / "summary.md"
    summary.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    ci.annotate(report(FAILED), ())
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.startswith("::error file=Dockerfile,line=64,")
    assert summary.read_text(encoding="utf-8").startswith("before\n## seatrial: FAIL\n")


def test_what_was_asked_for_by_name_is_not_told_twice(
    at_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITLAB_CI", "true")
    ci.annotate(report(FAILED), targets.parse("github,gitlab=mine.json"))
    assert capsys.readouterr().err == ""
    assert list(at_home.iterdir()) == []


def test_a_summary_that_github_would_refuse_is_said_short(at_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(at_home / "summary.md"))
    ci.annotate(report(FAILED, image="x" * ci.SUMMARY_LIMIT_BYTES), ())
    assert "too long for this page" in (at_home / "summary.md").read_text(encoding="utf-8")


def test_gitlab_gets_its_file_where_the_project_lies(at_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.setenv("CI_PROJECT_DIR", str(at_home))
    ci.annotate(report(FAILED), ())
    (entry,) = json.loads((at_home / ci.GITLAB_FILE).read_text(encoding="utf-8"))
    assert entry["check_name"] == "image.user"


@pytest.mark.parametrize(
    "variables",
    [
        {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "/no/such/folder/summary.md"},
        {"GITLAB_CI": "true", "CI_PROJECT_DIR": "/no/such/folder"},
    ],
)
def test_what_cannot_be_written_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    ci.annotate(report(FAILED), ())
    assert "cannot be written" in capsys.readouterr().err
