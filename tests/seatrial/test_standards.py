"""Recommendations of others name checks that exist."""

from __future__ import annotations

from seatrial import standards
from seatrial.checks import all_checks


def test_every_check_that_is_named_exists() -> None:
    assert standards.named() <= {check.id for check in all_checks()}


def test_recommendations_are_found_by_check() -> None:
    assert standards.of("compose.read_only") == [
        "CIS Docker Benchmark 1.6.0, 5.13: the root filesystem is mounted read only",
        "OWASP Docker Security Cheat Sheet, rule 8: set filesystem and volumes to read-only",
    ]
    assert standards.of("redis.durability") == []
