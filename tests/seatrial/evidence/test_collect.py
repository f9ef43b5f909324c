"""What is gathered for which checks, and how two builds are compared."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from seatrial import verify
from seatrial.checks import FAMILIES
from seatrial.errors import Code, SeatrialError
from seatrial.evidence import collect
from seatrial.evidence.archive import Layer
from tests import good


def test_a_request_names_the_families_of_its_checks() -> None:
    assert collect.request(verify.select("image,redis.users"), "x", static=True).families == {"image", "redis"}
    assert collect.request(verify.select(), "x", static=False).families == set(FAMILIES)


def layer(diff_id: str, *paths: str, mtime: int = 0) -> Layer:
    return Layer(
        diff_id, tuple(good.entry({"path": path, "kind": "file", "mode": 420, "mtime": mtime}) for path in paths)
    )


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ([layer("a", "x")], [layer("a", "x")], []),
        ([layer("a", "x"), layer("b", "y")], [layer("a", "x"), layer("c", "y", mtime=1)], ["y"]),
        ([layer("b", "y", "z")], [layer("c", "y")], ["z"]),
        ([layer("b")], [layer("c", "new")], ["new"]),
        ([layer("b", "y")], [layer("c", "y")], []),
    ],
)
def test_differences_of_two_builds(ours: list[Layer], theirs: list[Layer], expected: list[str]) -> None:
    assert collect._differences(tuple(ours), tuple(theirs)) == expected


def rebuilt(outcome: Any) -> tuple[dict[str, Any], dict[str, str]]:
    future: Future[dict[str, Any]] = Future()
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
    documents: dict[str, Any] = {}
    missing: dict[str, str] = {}
    collect._add_rebuild(future, documents, missing, lambda _: None)
    return documents, missing


def test_a_second_build_is_evidence() -> None:
    assert rebuilt({"image_id": "x", "differs": []}) == ({"supply.rebuild": {"image_id": "x", "differs": []}}, {})


def test_without_a_package_index_the_reason_is_kept() -> None:
    error = SeatrialError(Code.BUILD_FAILED, "WARNING: Retrying after connection broken by 'NewConnectionError(...)'")
    documents, missing = rebuilt(error)
    assert documents == {}
    assert "the package index cannot be reached" in missing["supply.rebuild"]


def test_another_failure_of_the_second_build_is_passed_on() -> None:
    nowhere = SeatrialError(Code.BUILD_FAILED, "ERROR: No matching distribution found for h11==99")
    for error in (nowhere, SeatrialError(Code.BUILD_FAILED, "SyntaxError"), SeatrialError(Code.DISK_FULL, "full")):
        with pytest.raises(SeatrialError):
            rebuilt(error)
