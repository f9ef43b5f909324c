"""Three tests for each check, made from the registry: it holds, it sees its sabotage, its sabotage trips only it."""

from __future__ import annotations

import functools

import pytest

from seatrial import verify
from seatrial.checks import Check, all_checks
from seatrial.evidence import MissingEvidence
from seatrial.verify import Verdict
from tests import good

CHECKS = all_checks()
IDS = [check.id for check in CHECKS]


@pytest.mark.parametrize("check", CHECKS, ids=IDS)
def test_holds_on_good_evidence(check: Check) -> None:
    result = verify.judge(check, good.evidence())
    assert (result.verdict, result.problems, result.reason) == (Verdict.PASS, (), "")
    assert result.examined


@pytest.mark.parametrize("check", CHECKS, ids=IDS)
def test_sees_its_sabotage(check: Check) -> None:
    problems = list(check.inspect(check.sabotage(good.evidence())))
    assert problems
    assert all(problem.message and problem.where for problem in problems)


@pytest.mark.parametrize("check", CHECKS, ids=IDS)
def test_its_sabotage_trips_only_what_it_declares(check: Check) -> None:
    assert set(check.trips) <= set(IDS)
    assert tripped_by(check) - {check.id} == set(check.trips)


@functools.cache
def tripped_by(check: Check) -> set[str]:
    """Return the ids of the checks that a check's sabotage trips."""
    broken = check.sabotage(good.evidence())
    tripped = set()
    for other in CHECKS:
        try:
            if list(other.inspect(broken.unobserved())):
                tripped.add(other.id)
        except MissingEvidence:
            continue
    return tripped
