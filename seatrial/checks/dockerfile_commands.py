"""What the commands of the image's steps leave in it, and what the Dockerfile has a word of its own for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.checks import Problem, check
from seatrial.checks.dockerfile import _at, _bare, _meant, _read, _with_dockerfile
from seatrial.evidence.commands import commands, script_of, shell_of, started, without_quoted_variables
from seatrial.evidence.dockerfile import variables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.evidence import Evidence
    from seatrial.evidence.dockerfile import Instruction, Stage

_PASSWORD_PROGRAMS = {"chpasswd", "chgpasswd", "newusers"}
_PASSWORD_OPTIONS = {"useradd", "usermod", "groupadd", "groupmod"}
_NOBODY_HAS = re.compile(r"[!*]|x$")
"""How a password begins that nobody can have."""
_SHELL_FILES = {"/bin/sh", "/usr/bin/sh"}
_PREPARES = {"set", "export"}
_PLATFORM_VARIABLES = {"TARGETPLATFORM", "TARGETOS", "TARGETARCH", "TARGETVARIANT"}


def script(run: Instruction) -> str:
    """Return the shell script of a RUN; a here-document is one where no program is given it, or another language."""
    if run.exec_form is not None:
        return script_of(run.exec_form)
    line, _, document = _bare(run.value).partition("\n")
    if not re.match(r"\d*<<", line):
        return line
    return "" if re.match(r"#!(?!.*sh\b)", document) else document.rpartition("\n")[0]


def run_commands(text: str) -> Iterator[list[str]]:
    """Yield the commands of a script, and those of the scripts that it hands to a shell."""
    for _, words in commands(text):
        if words[0].startswith("#"):
            continue
        yield words
        yield from run_commands(handed_on(words))


def handed_on(words: list[str]) -> str:
    """Return the script that a command hands to a shell, or nothing."""
    inner = script_of(words)
    return inner if shell_of(words) and inner in words[1:] else ""


def steps(evidence: Evidence) -> Iterator[tuple[Instruction, list[list[str]]]]:
    """Yield each RUN with its commands, each without what only starts the next program."""
    for instruction in map(_meant, _read(evidence).instructions):
        if instruction.word == "RUN":
            yield instruction, started_in(instruction)


def started_in(run: Instruction) -> list[list[str]]:
    """Return the commands of a RUN, each without what only starts the next program."""
    return [command for command in map(started, run_commands(script(run))) if command]


def values(words: list[str], short: str, long: str) -> list[str]:
    """Return what an option is given, as getopt reads it: -p x, -px, -mp x, --password x, --password=x."""
    found = []
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word in {f"-{short}", long} or re.fullmatch(rf"-[a-zA-Z]+{short}", word):
            found.append(after)
        elif word.startswith((f"{long}=", f"-{short}")):
            found.append(word.removeprefix(f"{long}=").removeprefix(f"-{short}"))
    return found


@check(
    "dockerfile.no_passwords",
    sabotage=lambda e: _with_dockerfile(e, r"^(FROM .*?)$", r"\1\nRUN chpasswd <accounts.txt"),
    mend="leave accounts without a password, so that nobody logs in; mount one at run time where a program asks for it",
)
def no_passwords(evidence: Evidence) -> Iterator[Problem]:
    """No step gives an account a password, or an empty one.

    It stands in the history or in a layer for everyone who can pull the image, and is the same in every container.
    """
    for instruction, found in steps(evidence):
        if any(map(_sets_password, found)):
            yield Problem("a command sets an account's password", _at(evidence, instruction))


def _sets_password(words: list[str]) -> bool:
    name, *rest = words
    if name in _PASSWORD_PROGRAMS:
        return True
    if name == "passwd":
        options = [word for word in rest if word.startswith("-")]
        return not options or any(re.match(r"--delete|--stdin|-[a-zA-Z]*d", option) for option in options)
    return name in _PASSWORD_OPTIONS and not all(map(_NOBODY_HAS.match, values(rest, "p", "--password")))


@check(
    "dockerfile.any_platform",
    sabotage=lambda e: _with_dockerfile(e, r"^FROM (\S+)", r"FROM --platform=linux/amd64 \1"),
    mend="leave --platform out, or write $BUILDPLATFORM for a stage that compiles for $TARGETPLATFORM",
)
def any_platform(evidence: Evidence) -> Iterator[Problem]:
    """No stage is fixed to one platform, unless it is one of several that a later stage chooses from.

    On any other machine the image is built and run by an emulator, slowly, or not at all.
    """
    stages = _read(evidence).stages
    for stage in stages:
        if stage.platform and "$" not in stage.platform and not any(_chooses(other, stage) for other in stages):
            yield Problem(f"the stage {stage.name} is for {stage.platform} only", _at(evidence, stage))


def _chooses(later: Stage, stage: Stage) -> bool:
    """Whether a stage starts from another by a name that the platform is a part of: `FROM build-${TARGETARCH}`."""
    if not _PLATFORM_VARIABLES & set(variables(later.written_base)):
        return False
    names = re.sub(r"\$(?:\{[^}]*\}|\w+)", ".+", later.written_base.lower())
    return bool(re.fullmatch(names, stage.name))


@check(
    "dockerfile.by_instruction",
    sabotage=lambda e: _with_dockerfile(e, r"^(FROM .*?)$", r"\1\nRUN sudo true"),
    mend="write USER for sudo, WORKDIR for cd, SHELL for another /bin/sh, LABEL for MAINTAINER",
)
def by_instruction(evidence: Evidence) -> Iterator[Problem]:
    """Users, folders, shells and names are set by the instructions that are there for it, not inside a step.

    An instruction holds for every step after it and is seen in the image's configuration. `sudo` hides who a step runs
    as, `cd` is forgotten after it, and another /bin/sh changes what every script of the base means.
    """
    for instruction in map(_meant, _read(evidence).instructions):
        if instruction.word == "MAINTAINER":
            yield Problem("MAINTAINER takes the place of a label", _at(evidence, instruction))
        if instruction.word != "RUN":
            continue
        written = list(run_commands(script(instruction)))
        if any("sudo" in [word.rpartition("/")[2] for word in _in_front(words)] for words in written):
            yield Problem("sudo takes the place of USER", _at(evidence, instruction))
        found = [words for words in started_in(instruction) if words[0] not in _PREPARES]
        if [number for number, words in enumerate(found) if words[0] == "cd"] == [0]:
            yield Problem("cd takes the place of WORKDIR", _at(evidence, instruction))
        if any(words[0] in {"ln", "cp", "mv"} and words[-1] in _SHELL_FILES for words in found):
            yield Problem("another /bin/sh takes the place of SHELL", _at(evidence, instruction))


def _in_front(words: list[str]) -> list[str]:
    """Return the words before the program that a command starts in the end."""
    return words[: len(words) - len(started(words))]


@check(
    "dockerfile.quoted_paths",
    sabotage=lambda e: _with_dockerfile(e, r"^(FROM .*?)$", r"\1\nRUN rm -rf /opt/$OLD"),
    mend='put the path in double quotes: rm -rf "/opt/${OLD}"',
)
def quoted_paths(evidence: Evidence) -> Iterator[Problem]:
    """Where a step removes a folder, the variables in its path are quoted.

    A blank in the value makes two paths of one, and a star many: all of them are removed.
    """
    for instruction in map(_meant, _read(evidence).instructions):
        if instruction.word != "RUN" or instruction.exec_form is not None:
            continue
        for words in map(started, run_commands(without_quoted_variables(script(instruction)))):
            if words[:1] == ["rm"] and any(re.match(r"--recursive|-[a-zA-Z]*[rR]", word) for word in words):
                for path in [word for word in words if "/" in word and variables(word)]:
                    yield Problem(f"rm takes {path} apart at blanks", _at(evidence, instruction))
