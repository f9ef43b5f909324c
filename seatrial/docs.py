"""The pages that are made from the code: docs/errors.md and docs/checks.md. `python -m seatrial.docs` writes them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.checks import FAMILIES, Check, all_checks
from seatrial.errors import Code, ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path(__file__).resolve().parent.parent / "docs"
MADE = "<!-- Made by `python -m seatrial.docs`: edit the code instead. -->"


def render_errors() -> str:
    """Return docs/errors.md: exit codes, then every code that an error can carry."""
    lines = ["# Errors", "", MADE, "", "A task ends with one of these exit codes:", ""]
    lines += _table(("exit code", "meaning"), [(str(int(code)), code.meaning) for code in ExitCode])
    lines += ["", "and says what happened as `error[CODE]: what` with a second line `next: what to do`:", ""]
    rows = [(f"`{code.value.code}`", str(int(code.value.exit_code)), code.value.meaning) for code in Code]
    lines += _table(("code", "exit code", "meaning"), rows)
    return "\n".join(lines) + "\n"


def render_checks() -> str:
    """Return docs/checks.md: every promise with its reason and its mend, by family."""
    checks = all_checks()
    lines = ["# Checks", "", MADE, ""]
    lines += [
        f"What `./invoke verify` proves: {len(checks)} promises. Each run first breaks every promise on purpose, in"
    ]
    lines += [
        "the evidence, and believes a check only if it sees that. *Breaks too* names the checks that the same fault"
    ]
    lines += ["trips, because one fact breaks several promises."]
    for family in FAMILIES:
        lines += ["", f"## {family}"]
        for check in checks:
            if check.family == family:
                lines += _entry(check)
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write both pages."""
    for name, text in (("errors.md", render_errors()), ("checks.md", render_checks())):
        (FOLDER / name).write_text(text, encoding="utf-8")


def _entry(check: Check) -> list[str]:
    lines = ["", f"### {check.id}", "", f"**{check.promise}**", "", check.reason, "", f"- Mend: {check.mend}"]
    if check.trips:
        lines.append(f"- Breaks too: {', '.join(f'`{name}`' for name in check.trips)}")
    return lines


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, tuple("---" for _ in head), *rows)]


if __name__ == "__main__":
    main()
