"""Waivers: what they cover, when they end, and which of them cannot be used."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from seatrial import settings, verify, waivers
from seatrial.errors import Code, ExitCode, SeatrialError
from seatrial.settings import Waiver
from seatrial.verify import Report, Verdict
from tests import good
from tests.seatrial.test_settings import project, refused

if TYPE_CHECKING:
    from pathlib import Path

FUTURE, PAST = dt.date(2999, 1, 1), dt.date(2020, 1, 1)
WRITABLE = ("services.facilitator.read_only", "services.redis-prod.read_only")


def waiver(promise: str = "compose.read_only", place: str = "*", expires: dt.date = FUTURE) -> Waiver:
    return Waiver(promise, place, "it is being mended", expires)


def judged(*chosen: Waiver, only: str = "compose.read_only,supply.waivers", broken: bool = True) -> Report:
    """Return the report about a stack whose services are both writable."""
    project = good.settings(root="/project", waivers=chosen)
    evidence = good.evidence()
    if broken:
        for service in ("facilitator", "redis-prod"):
            evidence = evidence.with_service(service, lambda found: found.update(read_only=False))
    documents = {**evidence.documents, waivers.DOCUMENT: waivers.states(project)}
    fresh = type(evidence)(project, documents, {}, evidence.wanted)
    return verify.judge_all(verify.select(only), fresh, {}, 0.0)


def by_id(report: Report) -> dict[str, Verdict]:
    return {result.check.id: result.verdict for result in report.results}


def test_what_is_waived_is_shown_and_does_not_count() -> None:
    report = judged(waiver())
    assert by_id(report) == {"compose.read_only": Verdict.WAIVED, "supply.waivers": Verdict.PASS}
    result = report.results[0]
    assert tuple(waived.problem.where for waived in result.waived) == WRITABLE
    assert result.problems == ()
    assert (report.verdict, report.exit_code) == ("WAIVED", ExitCode.HOLDS)
    assert report.totals["WAIVED"] == 1


def test_only_the_place_that_is_named() -> None:
    report = judged(waiver(place="services.redis-*"))
    assert [problem.where for problem in report.results[0].problems] == [WRITABLE[0]]
    assert [waived.problem.where for waived in report.results[0].waived] == [WRITABLE[1]]
    assert report.exit_code == ExitCode.BROKEN


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (waiver(expires=PAST), "it expired on 2020-01-01"),
        (waiver(place="services.other.*"), "nothing needs it any more"),
    ],
    ids=["expired", "unused"],
)
def test_a_waiver_that_should_go_is_a_finding(chosen: Waiver, said: str) -> None:
    report = judged(chosen)
    assert by_id(report) == {"compose.read_only": Verdict.FAIL, "supply.waivers": Verdict.FAIL}
    problem = report.results[1].problems[0]
    assert (problem.message, problem.where) == (said, f"waiver of compose.read_only at {chosen.place}")


def test_its_last_day_still_counts() -> None:
    today = dt.datetime.now(dt.UTC).date()
    rows = waivers.states(good.settings(root="/project", waivers=(waiver(expires=today),)))
    assert rows[0]["expired"] is False


def test_a_promise_that_is_kept_needs_no_waiver() -> None:
    assert by_id(judged(waiver(), broken=False))["supply.waivers"] is Verdict.FAIL


def test_of_what_was_not_judged_nobody_knows() -> None:
    assert by_id(judged(waiver("image.user"))) == {"compose.read_only": Verdict.FAIL, "supply.waivers": Verdict.PASS}


def test_a_blind_check_is_not_waived(monkeypatch: pytest.MonkeyPatch) -> None:
    check = verify.select("compose.read_only")[0]
    blind = type(check)(**{**vars(check), "inspect": lambda _: iter(())})
    monkeypatch.setattr(verify, "all_checks", lambda: (blind,))
    assert by_id(judged(waiver(), only="compose.read_only")) == {"compose.read_only": Verdict.BLIND}


def test_a_promise_that_nobody_makes() -> None:
    with pytest.raises(SeatrialError) as caught:
        waivers.refuse_unknown(good.settings(waivers=(waiver("compose.readonly"),)), verify.select())
    assert caught.value.code is Code.SETTINGS
    assert "there is no promise compose.readonly" in caught.value.what
    waivers.refuse_unknown(good.settings(waivers=(waiver(),)), verify.select())


WHOLE: dict[str, Any] = {"promise": "image.user", "place": "*", "reason": "because", "expires": FUTURE}


def written(folder: Path, row: dict[str, Any]) -> Path:
    file = project(folder) / "pyproject.toml"
    lines = [f"{key} = {value if isinstance(value, dt.date) else repr(value)}" for key, value in row.items()]
    more = "\n".join(["", "[[tool.seatrial.waivers]]", *lines, ""])
    file.write_text(file.read_text(encoding="utf-8") + more, encoding="utf-8")
    return folder


def test_a_whole_waiver(tmp_path: Path) -> None:
    assert settings.load(written(tmp_path, WHOLE)).waivers == (Waiver(**WHOLE),)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reason": None}, "lacks reason"),
        ({"reason": "  "}, "reason is empty"),
        ({"place": ""}, "place is empty"),
        ({"expires": None}, "lacks expires"),
        ({"expires": "2999-01-01"}, "is no date"),
        ({"expires": "tomorrow"}, "is no date"),
        ({"until": FUTURE}, "has an unknown key, until"),
    ],
)
def test_a_waiver_that_cannot_be_used(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    row = {key: value for key, value in {**WHOLE, **change}.items() if value is not None}
    error = refused(written(tmp_path, row))
    assert "[[tool.seatrial.waivers]] number 1" in error.what
    assert said in error.what
