"""`verify --against report.json`: what is new since an earlier report, what is mended, what is as it was."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from collections.abc import Iterable

_LINE = re.compile(r":\d+$")
_MEASURED = re.compile(r"\d+(?:\.\d+)?(?= (?:MB|KB|s|layers)\b)")


@dataclass(frozen=True)
class Finding:
    """A problem, with the check that found it."""

    check: str
    where: str
    message: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two findings the same one, though lines moved and sizes and times changed."""
        return self.check, _LINE.sub("", self.where), _MEASURED.sub("N", self.message)


@dataclass(frozen=True)
class Comparison:
    """How a run differs from an earlier one."""

    new: tuple[Finding, ...]
    mended: tuple[Finding, ...]
    unchanged: tuple[Finding, ...]


def load(path: str, schema: str) -> tuple[Finding, ...]:
    """Return the findings of an earlier report in JSON. Raises SeatrialError USAGE for one that is not such."""
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SeatrialError(Code.USAGE, f"--against {path}: {error}", hint="./invoke verify --format json") from error
    found = document.get("schema") if isinstance(document, dict) else None
    if found != schema:
        raise SeatrialError(
            Code.USAGE,
            f"--against {path}: its schema is {found or 'not said'}, not {schema}",
            hint="make it anew with this version: ./invoke verify --format json --output FILE",
        )
    try:
        return tuple(_findings(document["results"]))
    except (KeyError, TypeError) as error:
        raise SeatrialError(Code.USAGE, f"--against {path}: the report is not whole", hint="make it anew") from error


def compare(before: Iterable[Finding], now: Iterable[Finding], judged: set[str]) -> Comparison:
    """Return what is new, mended and unchanged. `judged`: checks of this run; of others nobody knows what became."""
    left = Counter(finding.key for finding in before)
    new: list[Finding] = []
    unchanged: list[Finding] = []
    for finding in now:
        known = left[finding.key] > 0
        left[finding.key] -= known
        (unchanged if known else new).append(finding)
    mended = []
    for finding in before:
        if finding.check in judged and left[finding.key] > 0:
            left[finding.key] -= 1
            mended.append(finding)
    return Comparison(tuple(new), tuple(mended), tuple(unchanged))


def _findings(results: Iterable[dict[str, Any]]) -> Iterable[Finding]:
    for result in results:
        for problem in result["problems"]:
            yield Finding(str(result["id"]), str(problem["where"]), str(problem["message"]))
