"""Record what the checks read and what is broken to try them: `python -m tests.record_checks`.

Two kinds of mutants. Real ones are broken projects (tests/docker/mutants.py), where it is asserted that exactly their
checks fail. Spellings are broken evidence: every case of tests/seatrial/checks in which a check found something. The
cases are run and what was found is written down, so a case that no check sees cannot get in.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections import UserDict
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from seatrial.checks import Check, all_checks
from seatrial.recorded import RECORD, Mutant, Spellings
from tests import good
from tests.docker.mutants import BY_FAMILY

if TYPE_CHECKING:
    from collections.abc import Generator

    from seatrial.evidence import Evidence

CASES = Path(__file__).parent / "seatrial" / "checks"
SHOWN_CHARACTERS = 70
_problems = good.problems


class Watcher:
    """A pytest plugin that notes which check found something in which case."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, str], dict[str, str]] = {}
        """By check and fault: the cases, each as its parameters spell it, or nothing where they are built by code."""
        self._running: pytest.Function | None = None

    def problems(self, check_id: str, found: Evidence) -> list[str]:
        """Do what `good.problems` does, and note what was seen."""
        said = _problems(check_id, found)
        if said and self._running is not None:
            fault = self._running.originalname.removeprefix("test_").replace("_", " ")
            self.seen.setdefault((check_id, fault), {})[self._running.name] = spelled(self._running)
        return said

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Function) -> Generator[None, object, object]:
        """Remember which case runs."""
        self._running = item
        try:
            return (yield)
        finally:
            self._running = None


class Reading(UserDict[str, Any]):
    """Documents that remember which of them were read."""

    def __init__(self, documents: Any) -> None:
        super().__init__(documents)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)


def spelled(case: pytest.Function) -> str:
    """Return the parameters of a case as one short line; nothing for those that are built by code."""
    call = getattr(case, "callspec", None)
    words = [_word(value) for value in call.params.values()] if call else []
    text = " ".join(word for word in words if word)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."


def _word(value: object) -> str:
    if isinstance(value, str):
        return "" if value in {check.id for check in all_checks()} else json.dumps(value)[1:-1] or '""'
    if isinstance(value, bytes):
        return repr(value)
    if isinstance(value, int | float | list | tuple | dict) or value is None:
        return json.dumps(value, default=lambda other: type(other).__name__)
    return ""


def documents_read(check: Check) -> list[str]:
    """Return the names of the documents that a check reads of good evidence."""
    evidence = good.evidence()
    reading = Reading(evidence.documents)
    list(check.inspect(replace(evidence, documents=reading)))
    return sorted(reading.read)


def recorded() -> dict[str, Any]:
    """Run the cases and return what is to be written. Raises RuntimeError when one of them fails."""
    watcher = Watcher()
    said = io.StringIO()
    with mock.patch.object(good, "problems", watcher.problems), contextlib.redirect_stdout(said):
        ended = pytest.main(["-q", "-p", "no:cacheprovider", str(CASES)], plugins=[watcher])
    if ended:
        raise RuntimeError(said.getvalue())
    order = [check.id for check in all_checks()]
    return {
        "reads": {check.id: documents_read(check) for check in all_checks()},
        "mutants": [
            asdict(Mutant(mutant.name, family, mutant.breaks, mutant.needs, tuple(sorted(mutant.kills))))
            for family, members in BY_FAMILY.items()
            for mutant in members
        ],
        "spellings": [
            asdict(_spellings(check_id, fault, list(cases.values())))
            for (check_id, fault), cases in sorted(watcher.seen.items(), key=lambda pair: order.index(pair[0][0]))
        ],
    }


def _spellings(check_id: str, fault: str, cases: list[str]) -> Spellings:
    short = tuple(dict.fromkeys(case for case in cases if case))
    return Spellings(check_id, fault, short, len(cases) - len(short))


def main() -> None:
    """Write the record."""
    RECORD.write_text(json.dumps(recorded(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
