"""What is new since an earlier report, what is mended, what is as it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from seatrial import baseline, reports, verify
from seatrial.baseline import Finding
from seatrial.errors import Code, ExitCode, SeatrialError
from tests import good

if TYPE_CHECKING:
    from pathlib import Path

    from seatrial.verify import Report

USER, ROOT = (
    Finding("image.user", "Config.User", "the image runs as uid 0"),
    Finding("compose.user", "services.a", "root"),
)


def report(*broken: str) -> Report:
    """Return a report about a stack in which some services are writable."""
    evidence = good.evidence()
    for service in broken:
        evidence = evidence.with_service(service, lambda found: found.update(read_only=False))
    return verify.judge_all(verify.select("compose"), evidence, {}, 0.0)


def saved(folder: Path, found: Report) -> str:
    file = folder / "earlier.json"
    file.write_text(reports.render(found, "json"), encoding="utf-8")
    return str(file)


def names(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.where for finding in findings]


def test_only_what_is_new_counts(tmp_path: Path) -> None:
    earlier = baseline.load(saved(tmp_path, report("facilitator")), verify.SCHEMA)
    same = report("facilitator").compared_with(earlier)
    assert same.against is not None
    assert names(same.against.unchanged) == ["services.facilitator.read_only"]
    assert (same.exit_code, same.against.new, same.against.mended) == (ExitCode.HOLDS, (), ())
    worse = report("facilitator", "redis-prod").compared_with(earlier)
    assert worse.against is not None
    assert names(worse.against.new) == ["services.redis-prod.read_only"]
    assert worse.exit_code == ExitCode.BROKEN
    better = report().compared_with(earlier)
    assert better.against is not None
    assert names(better.against.mended) == ["services.facilitator.read_only"]
    assert better.exit_code == ExitCode.HOLDS


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (Finding("dockerfile.stages", "Dockerfile:12", "x"), Finding("dockerfile.stages", "Dockerfile:14", "x")),
        (
            Finding("image.payload_budget", "/app/x", "the payload is 15.1 MB, over 15.0 MB"),
            Finding("image.payload_budget", "/app/x", "the payload is 16.9 MB, over 15.0 MB"),
        ),
        (
            Finding("runtime.healthy", "trial stack", "healthy after 16.2 s, over 15.0 s"),
            Finding("runtime.healthy", "trial stack", "healthy after 15.4 s, over 15.0 s"),
        ),
    ],
    ids=["a line", "a size", "a time"],
)
def test_what_moved_or_was_measured_anew_is_the_same(before: Finding, now: Finding) -> None:
    assert baseline.compare([before], [now], set()) == baseline.Comparison((), (), (now,))


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (USER, ROOT),
        (Finding("a.b", "services.web1", "x"), Finding("a.b", "services.web2", "x")),
        (Finding("a.b", "x", "uid 1"), Finding("a.b", "x", "uid 0")),
    ],
)
def test_what_is_not_the_same(before: Finding, now: Finding) -> None:
    assert baseline.compare([before], [now], {before.check}) == baseline.Comparison((now,), (before,), ())


def test_the_same_problem_once_more_is_new() -> None:
    assert baseline.compare([USER], [USER, USER], set()) == baseline.Comparison((USER,), (), (USER,))
    assert baseline.compare([USER, USER], [USER], {USER.check}) == baseline.Comparison((), (USER,), (USER,))


def test_what_was_not_judged_is_not_mended() -> None:
    assert baseline.compare([USER], [], set()).mended == ()


def test_what_cannot_be_trusted_is_no_better_for_being_old(monkeypatch: pytest.MonkeyPatch) -> None:
    check = verify.select("compose.read_only")[0]
    blind = type(check)(**{**vars(check), "inspect": lambda _: iter(())})
    monkeypatch.setattr(verify, "all_checks", lambda: (blind,))
    assert report().compared_with(()).exit_code == ExitCode.UNPROVEN


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        ("{", "Expecting"),
        ("[]", "its schema is not said"),
        ("{}", "its schema is not said"),
        ('{"schema": "seatrial.report/0"}', "its schema is seatrial.report/0, not seatrial.report/1"),
        ('{"schema": "seatrial.report/1"}', "the report is not whole"),
        ('{"schema": "seatrial.report/1", "results": [{"id": "x"}]}', "the report is not whole"),
        ('{"schema": "seatrial.report/1", "results": [1]}', "the report is not whole"),
    ],
)
def test_another_kind_of_file_is_bad_usage(tmp_path: Path, content: str | None, said: str) -> None:
    file = tmp_path / "earlier.json"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(SeatrialError) as caught:
        baseline.load(str(file), "seatrial.report/1")
    assert caught.value.code is Code.USAGE
    assert said in caught.value.what
    assert caught.value.hint


def test_every_report_shows_the_comparison(tmp_path: Path) -> None:
    earlier = baseline.load(saved(tmp_path, report("facilitator")), verify.SCHEMA)
    compared = report("redis-prod").compared_with(earlier)
    text = reports.render(compared, "text")
    assert "1 new, 1 mended, 0 unchanged; only what is new counts" in text
    assert "services.redis-prod.read_only: the root file system is writable (new since the earlier report)" in text
    assert "mended: compose.read_only: services.facilitator.read_only: the root file system is writable" in text
    document: dict[str, Any] = json.loads(reports.render(compared, "json"))["against"]
    assert [finding["where"] for finding in document["mended"]] == ["services.facilitator.read_only"]
