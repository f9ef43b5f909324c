"""`verify --explain ID`: all there is to know about one check, without an engine."""

from __future__ import annotations

import ast
import difflib
import inspect
import textwrap
from typing import TYPE_CHECKING

from seatrial import console, recorded, standards
from seatrial.checks import all_checks
from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from seatrial.checks import Check

WIDTH = 110
LABEL = 11


def show(check_id: str) -> int:
    """Print what is known about a check. Raises SeatrialError USAGE for an unknown id, naming the nearest."""
    console.say(explain(_known(check_id)))
    return 0


def explain(check: Check) -> str:
    """Return promise, reason, what is examined, how it is tried, how it is mended, and who else asks for it."""
    mutants = [f"{mutant.name}: {mutant.breaks}" for mutant in recorded.mutants() if check.id in mutant.kills]
    ways = [spelling for spelling in recorded.spellings() if spelling.check == check.id]
    rows = [
        ("promise", [check.promise]),
        ("reason", [check.reason]),
        ("examines", [", ".join(recorded.documents_read(check.id))]),
        ("sabotage", [sabotage_as_written(check)]),
        ("breaks too", [", ".join(check.trips)] if check.trips else []),
        ("mutants", mutants or ["none: no broken project can show it"]),
        ("evidence", [f"{one.fault}: {one.count} {'ways' if one.count > 1 else 'way'}" for one in ways]),
        ("mend", [check.mend]),
        ("asked by", standards.of(check.id)),
    ]
    lines = [check.id]
    for label, texts in rows:
        for number, text in enumerate(texts):
            lines += _wrapped(label if number == 0 else "", text)
    return "\n".join(lines)


def sabotage_as_written(check: Check) -> str:
    """Return the sabotage as the source has it: an expression over the evidence `e`, or what its function says."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(check.inspect)))
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)  # noqa: S101 - @check stands on functions only
    words = [
        word.value
        for decorator in function.decorator_list
        if isinstance(decorator, ast.Call)
        for word in decorator.keywords
        if word.arg == "sabotage"
    ]
    said = (check.sabotage.__doc__ or "").strip().partition("\n")[0]
    return said or f"`{ast.unparse(words[0]).removeprefix('lambda e: ')}`"


def _wrapped(label: str, text: str) -> list[str]:
    head = f"  {label:<{LABEL}}"
    return textwrap.wrap(
        text, WIDTH, initial_indent=head, subsequent_indent=" " * (LABEL + 4), break_long_words=False
    ) or [head]


def _known(check_id: str) -> Check:
    checks = {check.id: check for check in all_checks()}
    if check_id not in checks:
        near = difflib.get_close_matches(check_id, checks, n=3)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise SeatrialError(Code.USAGE, f"unknown check: {check_id}", hint=f"{hint}./invoke verify --list names all")
    return checks[check_id]
