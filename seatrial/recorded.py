"""What the tests recorded of the checks: what each one reads, and what was broken to try it.

`python -m tests.record_checks` writes the record; a test holds it to the tests as they are.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECORD = Path(__file__).with_name("recorded.json")


@dataclass(frozen=True)
class Mutant:
    """A really broken project. `kills` are the ids of exactly the checks that fail on it."""

    name: str
    family: str
    breaks: str
    """What is wrong, as one sentence."""
    needs: str
    """What has to be made of it to see that: tree, image, trial or rebuild."""
    kills: tuple[str, ...]


@dataclass(frozen=True)
class Spellings:
    """Broken evidence that one check saw: one fault, and the ways in which it was written."""

    check: str
    fault: str
    cases: tuple[str, ...]
    more: int
    """How many further ways are built by code and have no short spelling."""

    @property
    def count(self) -> int:
        """How many ways there are."""
        return len(self.cases) + self.more


def mutants() -> tuple[Mutant, ...]:
    """Return the really broken projects, by family."""
    return tuple(Mutant(**{**row, "kills": tuple(row["kills"])}) for row in _record()["mutants"])


def spellings() -> tuple[Spellings, ...]:
    """Return the broken evidence, in the order of the checks."""
    return tuple(Spellings(**{**row, "cases": tuple(row["cases"])}) for row in _record()["spellings"])


def documents_read(check_id: str) -> tuple[str, ...]:
    """Return the names of the documents that a check reads; `seatrial.evidence.collect` says what they hold."""
    return tuple(_record()["reads"].get(check_id, ()))


@functools.cache
def _record() -> Any:
    return json.loads(RECORD.read_text(encoding="utf-8"))
