"""What each peer answered, as a multiset of findings that can be compared: no line numbers, no names that change."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Findings = Counter[str]
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_NUMBERS = re.compile(r"\b\d[\d.,:]*\b|\b[0-9a-f]{12,}\b")
"""What differs between two runs on the same thing: sizes, ids, times."""


def hadolint(answer: str) -> Iterator[str]:
    """Read `--format json`."""
    document = json.loads(answer)
    if not isinstance(document, list):
        raise TypeError("a list was expected")
    for found in document:
        yield f"{found['code']} {found['message']}"


def compose_lint(answer: str) -> Iterator[str]:
    """Read `--format json`. What its own settings suppress is no finding."""
    document = json.loads(answer)
    for found in document["findings"]:
        if not found["suppressed"]:
            yield f"{found['rule_id']} {found['service']}: {found['message']}"
    for error in document["errors"]:
        yield f"error {error if isinstance(error, str) else json.dumps(error, sort_keys=True)}"


def checkov(answer: str) -> Iterator[str]:
    """Read `-o json`: one report for each framework, or an empty one where there was nothing to look at."""
    document = json.loads(answer)
    for report in document if isinstance(document, list) else [document]:
        for found in (report.get("results") or {}).get("failed_checks", []):
            yield f"{found['check_id']} {found['check_name']} in {found['file_path']}"


def trivy(answer: str) -> Iterator[str]:
    """Read `--format json`: misconfigurations and secrets."""
    for result in json.loads(answer).get("Results") or []:
        target = result["Target"].partition(" ")[0]
        for found in result.get("Misconfigurations") or []:
            yield f"{found['ID']} {found['Title']}: {found['Message']}"
        for found in result.get("Secrets") or []:
            yield f"secret {found['RuleID']} {found['Title']} in {target}"


def dockle(answer: str) -> Iterator[str]:
    """Read `-f json`. A point that it could not judge is a finding too: it says so."""
    for point in json.loads(answer)["details"]:
        for alert in point["alerts"]:
            yield f"{point['code']} {point['title']} ({point['level']}): {alert}"


def dive(answer: str) -> Iterator[str]:
    """Read what it prints with CI=true: files that are stored more than once, and rules that fail."""
    text = _ANSI.sub("", answer)
    for match in re.finditer(r"^\s*(\d+)\s+[\d.]+ [kMG]?B\s+(/.*)$", text, re.MULTILINE):
        yield f"stored {match[1]} times: {match[2].strip()}"
    for match in re.finditer(r"^\s*FAIL: (\w+)", text, re.MULTILINE):
        yield f"rule {match[1]}"


def structure_test(answer: str) -> Iterator[str]:
    """Read `-o json`: the assertions that fail."""
    for result in json.loads(answer)["Results"] or []:
        if not result["Pass"]:
            yield str(result["Name"])


def goss(answer: str) -> Iterator[str]:
    """Read `validate --format json`: the assertions that fail."""
    for result in json.loads(answer)["results"]:
        if not result["successful"]:
            yield f"{result['resource-type']} {result['resource-id']} {result['property']}"


def counted(read: Callable[[str], Iterable[str]], answer: str, *names: str) -> Findings:
    """Return the findings of an answer without what differs between two runs; `names` are names made for this run.

    An answer that cannot be read is a finding of its own, so that a peer which breaks is not a peer that is content.
    """
    try:
        found = list(read(answer))
    except (ValueError, KeyError, TypeError):
        found = ["the answer cannot be read"]
    return Counter(_plain(one, names) for one in found)


def new(found: Findings, healthy: Findings) -> list[str]:
    """Return what is reported more often than on the healthy project."""
    return sorted((found - healthy).elements())


def _plain(text: str, names: Iterable[str]) -> str:
    for name in names:
        text = text.replace(name, "NAME")
    rule, _, rest = text.partition(" ")
    return f"{rule} {_NUMBERS.sub('N', rest)}".strip()


def to_json(found: Findings) -> dict[str, Any]:
    """Return findings as a file keeps them."""
    return dict(sorted(found.items()))
