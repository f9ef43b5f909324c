"""What `./invoke` starts: Invoke on this project's tasks, with the exit codes that errors.py promises."""

from __future__ import annotations

from seatrial import interruption

if __name__ == "__main__":
    # Before all other imports, which take longest of what comes before a task.
    interruption.leave_at_once()

import os
import sys
from pathlib import Path
from typing import NoReturn

from invoke.exceptions import Exit, ParseError
from invoke.program import Program

from seatrial.errors import ExitCode

OPTIONAL_WORD = {"logs": "--service"}
"""Tasks that take one word without a dash, and the option that it stands for: Invoke knows required ones only."""


class Toolkit(Program):
    """Invoke, but bad usage exits 2, an interruption 130, and tasks are listed in the order of their use."""

    def parse_core(self, argv: list[str] | None) -> None:
        """Read Invoke's own options."""
        try:
            super().parse_core(argv)
        except ParseError as error:
            raise _usage(error) from error

    def parse_tasks(self) -> None:
        """Read the tasks and their options."""
        self.core.unparsed[:] = _with_optional_words(self.core.unparsed, set(self.collection.task_names))
        try:
            super().parse_tasks()
        except ParseError as error:
            raise _usage(error) from error

    def list_tasks(self) -> None:
        """Print the tasks as `./invoke` alone does."""
        if self.list_format == "flat" and not self.list_root:
            sys.stdout.write(listing(self))
            return
        super().list_tasks()

    def no_tasks_given(self) -> None:
        """Print the tasks instead of Invoke's own options."""
        sys.stdout.write(listing(self))
        raise Exit(code=0)


def listing(program: Program) -> str:
    """Return the tasks in groups, in the order in which one uses them, one line each."""
    groups: dict[str, list[tuple[str, str]]] = program.collection.configuration()["listing"]
    width = max(len(name) for names in groups.values() for name in names)
    lines = ["usage: ./invoke TASK [--options] [TASK ...]", ""]
    for title, names in groups.items():
        lines.append(title)
        for name in names:
            summary = (program.collection[str(name)].__doc__ or "").strip().splitlines()[0]
            lines.append(f"  {name:<{width}} {summary}")
        lines.append("")
    lines.append("./invoke TASK --help tells the options; the first time: ./invoke setup up verify")
    return "\n".join(lines) + "\n"


def main() -> NoReturn:
    """Run Invoke in the project's folder."""
    os.chdir(Path(__file__).resolve().parent.parent)
    try:
        Toolkit(name="seatrial", binary="./invoke", version=_version()).run()
    finally:
        interruption.over()
    sys.exit(0)


def _usage(error: ParseError) -> Exit:
    said = str(error)
    return Exit(f"error[usage]: {said}\n  next: ./invoke --list, or ./invoke TASK --help", code=int(ExitCode.USAGE))


def _with_optional_words(tokens: list[str], tasks: set[str]) -> list[str]:
    found: list[str] = []
    task = ""
    for token in tokens:
        before = found[-1] if found else ""
        if token in tasks and before != OPTIONAL_WORD.get(task):
            task = token
        elif task in OPTIONAL_WORD and not token.startswith("-") and before != OPTIONAL_WORD[task]:
            found.append(OPTIONAL_WORD[task])
        found.append(token)
    return found


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - asked for by --version only

    return f"with Invoke {version('invoke')}"


if __name__ == "__main__":
    main()
