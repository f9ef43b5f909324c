"""docs/errors.md, checks.md and mutants.md, made from the code: `python -m seatrial.docs` writes them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial import recorded
from seatrial.checks import FAMILIES, Check, all_checks
from seatrial.errors import Code, ExitCode
from seatrial.explanation import sabotage_as_written

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FOLDER = Path(__file__).resolve().parent.parent / "docs"
PROMISES = FOLDER / "promises.toml"
MADE = "<!-- Made by `python -m seatrial.docs`: edit the code instead. -->"
ABOUT_CHECKS = """\
What `./invoke verify` proves: {checks} checks. Each run first breaks every promise on purpose, in the evidence
(*sabotage*), and believes a check only if it sees that. *Reads* names the documents of evidence
(`seatrial/evidence/collect.py` says what each holds), *breaks too* the checks that the same sabotage trips because one
fact breaks several promises, *mutants* the really broken projects that it was seen to fail on
([mutants.md](mutants.md)).\
"""
ABOUT_MUTANTS = """\
{mutants} really broken projects and {ways} ways of broken evidence. The tests build, start and judge each broken
project and want exactly the named checks to fail and all others that judge it to pass (`tests/docker/`). Each piece of
broken evidence must be seen by the check that it stands under (`tests/seatrial/checks/`). Both are recorded for this
page by `python -m tests.record_checks`.\
"""


def render_errors() -> str:
    """Return docs/errors.md: exit codes, then every code that an error can carry."""
    lines = ["# Errors", "", MADE, "", "A task ends with one of these exit codes:", ""]
    lines += _table(("exit code", "meaning"), [(str(int(code)), code.meaning) for code in ExitCode])
    lines += ["", "and says what happened as `error[CODE]: what` with a second line `next: what to do`:", ""]
    rows = [(f"`{code.value.code}`", str(int(code.value.exit_code)), code.value.meaning) for code in Code]
    lines += _table(("code", "exit code", "meaning"), rows)
    return "\n".join(lines) + "\n"


def render_checks() -> str:
    """Return docs/checks.md: every promise with its reason, what it reads, how it is tried and mended, by family."""
    checks = all_checks()
    lines = ["# Checks", "", MADE, "", ABOUT_CHECKS.format(checks=len(checks))]
    for family, promises in promised().items():
        lines += ["", f"## {family}", ""]
        lines += _table(("promise", "checks"), [(text, _code(ids)) for text, ids in promises.items()])
        for check in checks:
            if check.family == family:
                lines += _entry(check)
    return "\n".join(lines) + "\n"


def promised() -> dict[str, dict[str, list[str]]]:
    """Return every promise in one line with the ids of its checks, by family."""
    return tomllib.loads(PROMISES.read_text(encoding="utf-8"))


def render_mutants() -> str:
    """Return docs/mutants.md: what was broken to try the checks, and which check saw it."""
    mutants, spellings = recorded.mutants(), recorded.spellings()
    ways = sum(one.count for one in spellings)
    lines = ["# Mutants", "", MADE, "", ABOUT_MUTANTS.format(mutants=len(mutants), ways=ways)]
    lines += ["", "## Really broken projects"]
    for family in FAMILIES:
        rows = [(f"`{one.name}`", one.breaks, one.needs, _code(one.kills)) for one in mutants if one.family == family]
        lines += ["", f"### {family}", "", *_table(("mutant", "what is wrong", "judged on", "killed by"), rows)]
    lines += ["", "## Broken evidence"]
    for check_id in dict.fromkeys(one.check for one in spellings):
        faults = [one for one in spellings if one.check == check_id]
        lines += ["", f"### {check_id}", "", *(f"- {_spelled(one)}" for one in faults)]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the pages."""
    pages = {"errors.md": render_errors, "checks.md": render_checks, "mutants.md": render_mutants}
    for name, render in pages.items():
        (FOLDER / name).write_text(render(), encoding="utf-8")


def _entry(check: Check) -> list[str]:
    killed_by_it = [one.name for one in recorded.mutants() if check.id in one.kills]
    ways = sum(one.count for one in recorded.spellings() if one.check == check.id)
    lines = ["", f"### {check.id}", "", f"**{check.promise}**", "", check.reason, "", f"- Mend: {check.mend}"]
    lines.append(f"- Reads: {_code(recorded.documents_read(check.id))}")
    lines.append(f"- Sabotage: {sabotage_as_written(check)}")
    if check.trips:
        lines.append(f"- Breaks too: {_code(check.trips)}")
    lines.append(f"- Mutants: {_code(killed_by_it) or 'none'}; {ways} ways of broken evidence")
    return lines


def _spelled(fault: recorded.Spellings) -> str:
    """Return one fault and its spellings as one line."""
    shown = [verbatim(case) for case in fault.cases]
    more = f"{fault.more} built by code" if fault.more else ""
    return f"{fault.fault}: {', '.join(filter(None, [*shown, more]))}"


def verbatim(text: str) -> str:
    """Return text as inline code, whatever backticks it holds."""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    padding = " " if text[:1] == "`" or text[-1:] == "`" else ""
    return f"{fence}{padding}{text}{padding}{fence}"


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, tuple("---" for _ in head), *rows)]


if __name__ == "__main__":
    main()
