"""Really broken projects: on each, exactly the promised checks fail, and everything else that is judged passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from seatrial import verify
from seatrial.checks import FAMILIES
from seatrial.errors import ExitCode
from tests.docker.mutant import JUDGED, Mutant
from tests.docker.mutants import BY_FAMILY, MUTANTS
from tests.docker.yard import PATIENCE_SECONDS

if TYPE_CHECKING:
    from concurrent.futures import Future

    from tests.docker.yard import Outcome


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS.keys())
def test_exactly_the_promised_checks_fail(mutant: Mutant, at_sea: dict[str, Future[Outcome]]) -> None:
    outcome = at_sea[mutant.name].result(PATIENCE_SECONDS * 3)
    failed = {check_id for check_id, verdict in outcome.verdicts.items() if verdict == "FAIL"}
    assert failed == mutant.kills, outcome.text
    skipped = {check_id for check_id, verdict in outcome.verdicts.items() if verdict == "SKIP"}
    assert skipped == (set() if mutant.starts else asked_of_a_running_stack() - failed), outcome.text
    passed = {check_id for check_id, verdict in outcome.verdicts.items() if verdict == "PASS"}
    assert failed | skipped | passed == judged(mutant), outcome.text
    assert outcome.exit_code == ExitCode.BROKEN
    for words in mutant.says:
        assert words in outcome.text


def judged(mutant: Mutant) -> set[str]:
    return {check.id for check in verify.select(JUDGED[mutant.needs])}


def asked_of_a_running_stack() -> set[str]:
    # Which services run is seen in any case.
    return {check.id for check in verify.select("runtime,redis,payment", "runtime.services")}


def test_each_family_has_its_mutants() -> None:
    assert tuple(BY_FAMILY) == FAMILIES
    for family, mutants in BY_FAMILY.items():
        killed = {check_id.partition(".")[0] for mutant in mutants for check_id in mutant.kills}
        assert family in killed


def test_the_table_names_checks_that_exist_and_that_judge_it() -> None:
    assert sum(map(len, BY_FAMILY.values())) == len(MUTANTS)
    for mutant in MUTANTS.values():
        assert mutant.kills
        assert mutant.kills <= judged(mutant)
