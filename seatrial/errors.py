"""What can go wrong, said once: a stable code, an exit code, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Self

from seatrial import wording


class ExitCode(IntEnum):
    """Exit codes of every task, and what each means."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Self:
        """Make a member: the number, with its meaning beside it."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    HOLDS = 0, "Every promise that was examined holds, or the task did its work."
    BROKEN = 1, "A promise is broken, or a test or linter found something."
    USAGE = 2, "Bad options, settings or project files."
    MACHINE = 3, "The machine or the Docker Engine cannot do what was asked."
    UNPROVEN = 4, "A check was blind or crashed, or nothing was examined."
    INTERRUPTED = 130, "Interrupted from the keyboard or by a signal; what was started has been removed."


@dataclass(frozen=True)
class Kind:
    """One kind of error: the code is printed and never changes its meaning."""

    code: str
    exit_code: ExitCode
    meaning: str


class Code(Enum):
    """Every error that a task can end with. docs/errors.md is generated from this table."""

    USAGE = Kind("usage", ExitCode.USAGE, "An option, or a combination of options, cannot be used.")
    SETTINGS = Kind("settings", ExitCode.USAGE, "There is no project, or its [tool.seatrial] cannot be used.")
    ENV_FILE = Kind("env-file", ExitCode.USAGE, "The .env file cannot be used as it is.")
    CONFIG_FILE = Kind("config-file", ExitCode.USAGE, "config/config.json cannot be used as it is.")
    SECRETS = Kind(
        "secrets", ExitCode.USAGE, "The secrets folder is missing, open to others, or out of step with .env."
    )
    COMPOSE_FILE = Kind("compose-file", ExitCode.USAGE, "Docker Compose cannot resolve the compose file.")
    IMAGE_MISSING = Kind("image-missing", ExitCode.USAGE, "The image that was asked for is not in the local store.")
    IMAGE_FILE = Kind(
        "image-file", ExitCode.USAGE, "An image archive or layout is cut or damaged, or holds several images."
    )
    NOT_RUNNING = Kind("not-running", ExitCode.USAGE, "The stack that was asked for is not running.")
    LEDGER = Kind("ledger", ExitCode.USAGE, "The ledger cannot do what was asked.")
    COMMAND_MISSING = Kind("command-missing", ExitCode.MACHINE, "A program that is needed is not installed.")
    COMMAND_FAILED = Kind("command-failed", ExitCode.MACHINE, "A program that was called ended with an error.")
    TIMED_OUT = Kind("timed-out", ExitCode.MACHINE, "Something did not happen within its time.")
    ENGINE_MISSING = Kind("engine-missing", ExitCode.MACHINE, "No Docker Engine is installed.")
    ENGINE_UNREACHABLE = Kind(
        "engine-unreachable", ExitCode.MACHINE, "A Docker Engine is expected but does not answer."
    )
    ENGINE_FORBIDDEN = Kind("engine-forbidden", ExitCode.MACHINE, "The Docker Engine's socket is closed to this user.")
    ENGINE_PLUGIN = Kind("engine-plugin", ExitCode.MACHINE, "Docker Compose v2 or buildx is missing or too old.")
    ENGINE_FAILED = Kind("engine-failed", ExitCode.MACHINE, "The Docker Engine answered with an error.")
    BASE_IMAGE = Kind("base-image", ExitCode.MACHINE, "A base image is not here and cannot be had.")
    BUILD_FAILED = Kind("build-failed", ExitCode.MACHINE, "The image could not be built.")
    DISK_FULL = Kind("disk-full", ExitCode.MACHINE, "There is no room left on a disk.")
    PORT_TAKEN = Kind("port-taken", ExitCode.MACHINE, "A port that the stack publishes is in use.")
    STACK_UNHEALTHY = Kind("stack-unhealthy", ExitCode.MACHINE, "A service stopped or did not become healthy.")
    TASK_FAILED = Kind("task-failed", ExitCode.BROKEN, "Tests, linters or questions found something.")
    UNEXPECTED = Kind("unexpected", ExitCode.UNPROVEN, "A defect of seatrial itself.")


class SeatrialError(Exception):
    """Something a person can mend: what happened, and what to do next."""

    def __init__(self, code: Code, what: str, *, hint: str = "") -> None:
        super().__init__(what)
        self.code = code
        self.what = what
        self.hint = hint

    @property
    def exit_code(self) -> int:
        """The exit code that the task ends with."""
        return int(self.code.value.exit_code)

    def __str__(self) -> str:
        """Message, code and hint as they are printed."""
        lines = [f"error[{self.code.value.code}]: {self.what}"]
        if self.hint:
            lines.append(f"  next: {self.hint}")
        return wording.own("\n".join(lines))


def unexpected(error: Exception) -> SeatrialError:
    """Return a defect of ours as an error that says where it is."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame is not None else "unknown place"
    return SeatrialError(
        Code.UNEXPECTED,
        f"{type(error).__name__}: {error} ({where})",
        hint="report it with this line; a defect of seatrial",
    )
