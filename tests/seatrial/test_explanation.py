"""`verify --explain`: everything about one check, without an engine."""

from __future__ import annotations

import pytest

from seatrial import explanation, recorded
from seatrial.checks import Check, all_checks
from seatrial.errors import Code, SeatrialError


def squeezed(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("check", all_checks(), ids=lambda check: check.id)
def test_every_check_is_explained(check: Check) -> None:
    said = squeezed(explanation.explain(check))
    for text in (check.promise, check.reason, check.mend, *check.trips, *recorded.documents_read(check.id)):
        assert squeezed(text) in said
    for mutant in recorded.mutants():
        assert (squeezed(f"{mutant.name}: {mutant.breaks}") in said) is (check.id in mutant.kills)


def test_it_names_the_sabotage_the_mutants_and_who_else_asks(capsys: pytest.CaptureFixture[str]) -> None:
    assert explanation.show("image.user") == 0
    said = capsys.readouterr().out
    assert "_with_config(e, 'User', '0:0')" in said
    assert "root: The image runs as root." in said
    assert "CIS Docker Benchmark 1.6.0, 4.1" in said
    assert "OWASP Docker Security Cheat Sheet, rule 2" in said
    assert all(len(line) <= explanation.WIDTH for line in said.splitlines())


@pytest.mark.parametrize(("name", "near"), [("image.usr", "did you mean image.user"), ("zzz", ""), ("image", "")])
def test_an_unknown_check_is_bad_usage(name: str, near: str) -> None:
    with pytest.raises(SeatrialError) as caught:
        explanation.show(name)
    assert caught.value.code is Code.USAGE
    assert near in caught.value.hint
    assert "--list" in caught.value.hint
