"""What GitHub and GitLab show beside the code."""

from __future__ import annotations

import json

import pytest

from seatrial import reports
from seatrial.checks import Problem
from seatrial.evidence.places import Place
from seatrial.reports import parts
from seatrial.verify import Verdict
from tests.seatrial.reports.samples import CHECK, FAILED, REPORTS, report, result


def test_an_annotation_has_file_line_title_and_mend() -> None:
    assert reports.render(report(FAILED), "github") == (
        f"::error file=Dockerfile,line=64,title=image.user%3A {CHECK.promise}"
        f"::Config.User: runs as root%0Amend: {CHECK.mend}"
    )


@pytest.mark.parametrize("name", REPORTS)
def test_each_line_is_one_command_and_nothing_else(name: str) -> None:
    sample = REPORTS[name]
    lines = reports.render(sample, "github").splitlines()
    counting = sum(max(sum(point.counts for point in parts.points(sample, one)), 1) for one in parts.needing(sample))
    all_points = sum(max(len(parts.points(sample, one)), 1) for one in parts.broken(sample))
    assert sum(line.startswith("::error ") for line in lines) == counting
    assert sum(line.startswith("::notice ") for line in lines) == all_points - counting + (sample.against is not None)
    assert len(lines) == all_points + (sample.against is not None)
    assert all(line.count("::error") + line.count("::notice") == 1 for line in lines)


def test_a_property_cannot_be_forged() -> None:
    problem = Problem("m", "w", Place("a,line=1::b%\n", 7))
    (line,) = reports.render(report(result(Verdict.FAIL, problem)), "github").splitlines()
    assert line.startswith("::error file=a%2Cline=1%3A%3Ab%25\\n,line=7,title=")


def test_a_check_that_could_not_judge_is_annotated_without_a_file() -> None:
    rendered = reports.render(report(result(Verdict.BLIND, reason="unseen")), "github")
    assert rendered.startswith("::error title=image.user")
    assert "::BLIND: unseen" in rendered


@pytest.mark.parametrize("name", REPORTS)
def test_gitlab_s_entries_have_what_gitlab_asks_for(name: str) -> None:
    entries = json.loads(reports.render(REPORTS[name], "gitlab"))
    for entry in entries:
        assert set(entry) == {"check_name", "description", "fingerprint", "severity", "location"}
        assert entry["severity"] in {"info", "minor", "major", "critical", "blocker"}
        assert entry["location"]["path"]
        assert entry["location"]["lines"]["begin"] >= 1
    assert bool(entries) is (REPORTS[name].verdict not in {"PASS", "SKIP"})


def test_gitlab_s_entry_says_what_is_wrong_and_how_to_mend_it() -> None:
    (entry,) = json.loads(reports.render(report(FAILED), "gitlab"))
    assert entry["description"] == f"Config.User: runs as root. Mend: {CHECK.mend}"
    assert entry["location"] == {"path": "Dockerfile", "lines": {"begin": 64}}


def test_fingerprints_tell_problems_apart() -> None:
    several = result(Verdict.FAIL, Problem("a", "x"), Problem("b", "x"))
    entries = json.loads(reports.render(report(several, result(Verdict.ERROR, reason="r")), "gitlab"))
    assert len({entry["fingerprint"] for entry in entries}) == 3
