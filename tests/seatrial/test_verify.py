"""The judge: blind, crashed, skipped, empty; what a report's exit code says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from seatrial import verify
from seatrial.checks import Check, Problem, all_checks
from seatrial.errors import Code, ExitCode, SeatrialError
from seatrial.evidence import Evidence, MissingEvidence
from seatrial.evidence.places import Place
from seatrial.verify import Report, Result, Verdict, judge
from tests import good

if TYPE_CHECKING:
    from collections.abc import Iterator


def made(inspect: Any, sabotage: Any = lambda evidence: evidence.with_document("tree.epoch", -1)) -> Check:
    return Check("image.made", "It holds.", "Because.", "mend", inspect, sabotage, ())


def honest(evidence: Evidence) -> Iterator[Problem]:
    if evidence.document("tree.epoch") < 0:
        yield Problem("before the beginning", "epoch")


def test_a_promise_that_holds() -> None:
    result = judge(made(honest), good.evidence())
    assert (result.verdict, result.examined, result.reason, result.problems) == (Verdict.PASS, "1 document", "", ())
    assert result.seconds >= 0


def test_a_promise_that_is_broken() -> None:
    result = judge(made(honest), good.evidence().with_document("tree.epoch", -5))
    place = Place("Dockerfile", 48)
    assert (result.verdict, result.problems) == (Verdict.FAIL, (Problem("before the beginning", "epoch", place),))


def test_a_check_that_does_not_see_its_sabotage_is_blind() -> None:
    result = judge(made(honest, lambda evidence: evidence), good.evidence())
    assert (result.verdict, result.reason) == (Verdict.BLIND, "its own sabotage went unseen")


def test_a_blind_check_says_nothing_of_what_it_found() -> None:
    def sees_nothing(_evidence: Evidence) -> Iterator[Problem]:
        return iter(())

    assert judge(made(sees_nothing), good.evidence()).verdict is Verdict.BLIND


@pytest.mark.parametrize("where", ["inspect", "sabotage"])
def test_a_crash_is_an_error_with_its_place(where: str) -> None:
    def crash(_evidence: Evidence) -> Any:
        raise KeyError("gone")

    check = made(crash) if where == "inspect" else made(honest, crash)
    result = judge(check, good.evidence())
    assert result.verdict is Verdict.ERROR
    assert "KeyError: 'gone' (crash, line" in result.reason


def test_a_crash_after_a_problem_is_an_error_all_the_same() -> None:
    def half(evidence: Evidence) -> Iterator[Problem]:
        yield Problem("one", "here")
        if evidence.document("tree.epoch") >= 0:
            raise ValueError("no")

    assert judge(made(half), good.evidence()).verdict is Verdict.ERROR


@pytest.mark.parametrize("where", ["inspect", "sabotage"])
def test_what_was_not_gathered_is_skipped_with_the_reason(where: str) -> None:
    def missing(_evidence: Evidence) -> Any:
        raise MissingEvidence("no engine")

    check = made(missing) if where == "inspect" else made(honest, missing)
    result = judge(check, good.evidence())
    assert (result.verdict, result.reason) == (Verdict.SKIP, "no engine")


def test_examining_nothing_is_not_a_pass() -> None:
    def looks_at_nothing(evidence: Evidence) -> Iterator[Problem]:
        if evidence.documents["tree.epoch"] < 0:
            yield Problem("x", "y")

    result = judge(made(looks_at_nothing), good.evidence())
    assert (result.verdict, result.reason) == (Verdict.ERROR, "nothing was examined")


def test_what_the_sabotage_looked_at_does_not_count() -> None:
    def only_when_broken(evidence: Evidence) -> Iterator[Problem]:
        if evidence.documents["tree.epoch"] < 0:
            evidence.seen["documents"] += 1
            yield Problem("x", "y")

    assert judge(made(only_when_broken), good.evidence()).examined == ""


def test_several_things_are_counted_in_words() -> None:
    def counts(evidence: Evidence) -> Iterator[Problem]:
        evidence.seen["layers"] += 2
        evidence.seen["files"] += 1
        evidence.seen["nothing"] += 0
        yield from honest(evidence)

    assert judge(made(counts), good.evidence()).examined == "2 layers, 1 file, 1 document"


def report(*verdicts: Verdict) -> Report:
    check = made(honest)
    return Report({}, tuple(Result(check, verdict, (), "", "", 0.0) for verdict in verdicts), 1.0)


PASS, FAIL, SKIP, BLIND, ERROR = Verdict.PASS, Verdict.FAIL, Verdict.SKIP, Verdict.BLIND, Verdict.ERROR


@pytest.mark.parametrize(
    ("verdicts", "exit_code", "verdict"),
    [
        ([PASS], ExitCode.HOLDS, "PASS"),
        ([PASS, PASS, SKIP], ExitCode.HOLDS, "PASS"),
        ([PASS, FAIL], ExitCode.BROKEN, "FAIL"),
        ([FAIL, SKIP], ExitCode.BROKEN, "FAIL"),
        ([PASS, BLIND], ExitCode.UNPROVEN, "BLIND"),
        ([PASS, ERROR], ExitCode.UNPROVEN, "ERROR"),
        ([FAIL, BLIND], ExitCode.UNPROVEN, "BLIND"),
        ([FAIL, ERROR, BLIND], ExitCode.UNPROVEN, "ERROR"),
        ([SKIP], ExitCode.UNPROVEN, "SKIP"),
        ([SKIP, SKIP], ExitCode.UNPROVEN, "SKIP"),
        ([], ExitCode.UNPROVEN, "SKIP"),
    ],
)
def test_the_worst_result_decides(verdicts: list[Verdict], exit_code: ExitCode, verdict: str) -> None:
    made_report = report(*verdicts)
    assert (made_report.exit_code, made_report.verdict) == (exit_code, verdict)
    assert sum(made_report.totals.values()) == len(verdicts)
    assert set(made_report.totals) == {"PASS", "FAIL", "SKIP", "BLIND", "ERROR", "WAIVED"}


def test_all_checks_hold_on_good_evidence() -> None:
    judged = verify.judge_all(all_checks(), good.evidence(), {"image": "x"}, 1.0)
    assert (judged.exit_code, judged.verdict) == (ExitCode.HOLDS, "PASS")
    assert judged.seconds > 1.0
    assert [result.check for result in judged.results] == list(all_checks())


def test_without_evidence_everything_is_skipped_and_nothing_is_proven() -> None:
    empty = Evidence(good.settings(), {}, {})
    judged = verify.judge_all(all_checks(), empty, {}, 0.0)
    assert {result.verdict for result in judged.results} == {SKIP}
    assert judged.exit_code is ExitCode.UNPROVEN


def ids(only: str = "", skip: str = "") -> list[str]:
    return [check.id for check in verify.select(only, skip)]


def test_everything_is_selected_when_nothing_is_named() -> None:
    assert verify.select() == all_checks()


def test_families_and_ids_are_selected_in_the_checks_own_order() -> None:
    assert ids("redis.users, image.user,,") == ["image.user", "redis.users"]
    assert {name.partition(".")[0] for name in ids("image,layers")} == {"image", "layers"}
    assert ids("image", "image.user") == [name for name in ids("image") if name != "image.user"]
    assert not any(name.startswith("redis.") for name in ids("", "redis"))


@pytest.mark.parametrize(
    ("only", "skip"), [("imgae", ""), ("", "image.usr"), ("image,redis.nope", ""), ("IMAGE", ""), ("image.*", "")]
)
def test_an_unknown_name_is_bad_usage_that_lists_the_known(only: str, skip: str) -> None:
    with pytest.raises(SeatrialError) as caught:
        verify.select(only, skip)
    assert caught.value.code is Code.USAGE
    assert "families: context, dockerfile, image" in caught.value.hint


@pytest.mark.parametrize(("only", "skip"), [(",", ""), ("image.user", "image"), ("image.user", "image.user")])
def test_no_check_left_is_bad_usage(only: str, skip: str) -> None:
    with pytest.raises(SeatrialError) as caught:
        verify.select(only, skip)
    assert caught.value.exit_code == ExitCode.USAGE
