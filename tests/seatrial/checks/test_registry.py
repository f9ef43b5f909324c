"""The registry of checks, and what its decorator refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from seatrial import checks
from seatrial.checks import FAMILIES, Problem, all_checks, check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.evidence import Evidence


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> dict[str, checks.Check]:
    """Give each test a registry of its own."""
    all_checks()
    copied = dict(checks._REGISTRY)
    monkeypatch.setattr(checks, "_REGISTRY", copied)
    return copied


def documented(evidence: Evidence) -> Iterator[Problem]:
    """It holds.

    Because.
    """
    yield Problem(str(evidence), "here")


def promise_only(evidence: Evidence) -> Iterator[Problem]:
    """It holds."""
    yield Problem(str(evidence), "here")


def undocumented(evidence: Evidence) -> Iterator[Problem]:
    yield Problem(str(evidence), "here")


def register(name: str, inspect: Any = documented, mend: str = "mend it") -> None:
    check(name, sabotage=lambda evidence: evidence, mend=mend)(inspect)


@pytest.mark.parametrize(
    "name",
    [
        "user",
        "image",
        "image.",
        ".user",
        "Image.user",
        "image.User",
        "image.no-user",
        "image.a.b",
        "other.user",
        "image.user1",
        "",
        "image._x",
        "image.x_",
    ],
)
def test_an_id_that_is_not_family_and_name_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=r"is not family\.name"):
        register(name)


def test_an_id_twice_is_refused() -> None:
    with pytest.raises(TypeError, match="registered twice"):
        register("image.user")


@pytest.mark.parametrize(("inspect", "mend"), [(undocumented, "x"), (promise_only, "x"), (documented, "")])
def test_a_promise_without_reason_or_mend_is_refused(inspect: Any, mend: str) -> None:
    with pytest.raises(TypeError, match="needs a promise, a reason and a mend"):
        register("image.something", inspect, mend)


def test_a_check_without_a_sabotage_is_refused() -> None:
    with pytest.raises(TypeError, match="sabotage"):
        check("image.something", mend="x")  # type: ignore[call-arg]


def test_what_is_registered_can_be_read(registry: dict[str, checks.Check]) -> None:
    register("image.something_new")
    known = registry["image.something_new"]
    assert (known.promise, known.reason, known.mend, known.family) == ("It holds.", "Because.", "mend it", "image")


def test_checks_come_in_the_order_of_the_families() -> None:
    families = [known.family for known in all_checks()]
    assert families == sorted(families, key=FAMILIES.index)
    assert set(families) == set(FAMILIES)


def test_every_promise_is_a_sentence_and_every_mend_says_what_to_do() -> None:
    for known in all_checks():
        assert known.promise.endswith(".")
        assert known.reason.endswith(".")
        assert known.mend
        assert known.id not in known.trips
