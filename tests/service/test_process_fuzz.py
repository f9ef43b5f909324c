"""One round of what `./invoke fuzz` does for minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.service import fuzz

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_round_of_bytes_and_bodies_finds_no_fault(tmp_path: Path) -> None:
    statuses = await fuzz.fuzz(tmp_path, 0)
    assert sum(statuses.values()) >= fuzz.EXAMPLES
