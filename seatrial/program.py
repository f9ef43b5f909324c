"""Invoke on our tasks, with the exit codes of errors.py: what `./invoke` and the command `seatrial` run."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from invoke.exceptions import Exit, ParseError
from invoke.parser.argument import Argument
from invoke.program import Program

from seatrial import interruption, wording
from seatrial.errors import ExitCode
from seatrial.settings import PROJECT_VARIABLE

if TYPE_CHECKING:
    from invoke.collection import Collection

OPTIONAL_WORD = {"logs": "--service"}
"""Tasks that take one word without a dash, and the option that it stands for: Invoke knows required ones only."""


class Toolkit(Program):
    """Invoke, but bad usage exits 2, an interruption 130, and tasks are listed in the order of their use."""

    def core_args(self) -> list[Argument]:
        """Return Invoke's own options and ours."""
        return [*super().core_args(), Argument(names=("project",), help="The project's folder, if not this one.")]

    def parse_core(self, argv: list[str] | None) -> None:
        """Read Invoke's own options."""
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said):
                super().parse_core(argv)
        except ParseError as error:
            raise _usage(error) from error
        finally:
            sys.stdout.write(_for_fish(said.getvalue(), self.binary))
        # Invoke forbids it, but what is kept compiled loads in half the time.
        sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)
        if self.args["project"].value:
            os.environ[PROJECT_VARIABLE] = self.args["project"].value

    def parse_tasks(self) -> None:
        """Read the tasks and their options."""
        self.core.unparsed[:] = _with_optional_words(self.core.unparsed, set(self.collection.task_names))
        try:
            super().parse_tasks()
        except ParseError as error:
            raise _usage(error) from error

    def list_tasks(self) -> None:
        """Print the tasks as the command alone does."""
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
    lines = [f"usage: {program.binary} TASK [--options] [TASK ...]", ""]
    for title, names in groups.items():
        lines.append(title)
        for name in names:
            summary = (program.collection[str(name)].__doc__ or "").strip().splitlines()[0]
            lines.append(f"  {name:<{width}} {summary}")
        lines.append("")
    lines.append(f"{program.binary} TASK --help tells the options; the first time: {program.binary} setup up verify")
    return "\n".join(lines) + "\n"


def run(namespace: Collection, command: str) -> NoReturn:
    """Run tasks as a command of a name, the one that every hint then says."""
    interruption.leave_at_once()
    wording.command = command
    try:
        Toolkit(name="seatrial", namespace=namespace, binary=command, binary_names=[command], version=_version()).run()
    finally:
        interruption.over()
    sys.exit(0)


def _for_fish(text: str, command: str) -> str:
    """Return a completion script without what fish refuses: a slash in a function's name, a path for a command's."""
    name = command.rpartition("/")[2]
    return text.replace(f"__complete_{command}", f"__complete_{name}").replace(
        f"--command {command} ", f"--command {name} "
    )


def _usage(error: ParseError) -> Exit:
    said = str(error)
    next_step = wording.own("./invoke --list, or ./invoke TASK --help")
    return Exit(f"error[usage]: {said}\n  next: {next_step}", code=int(ExitCode.USAGE))


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
