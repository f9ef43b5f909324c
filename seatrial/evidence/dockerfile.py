"""A Dockerfile as stages and instructions, with the lines they stand on."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

_HEREDOC = re.compile(r"<<-?\s*([\"']?)([A-Za-z_][A-Za-z0-9_]*)\1")
_DIRECTIVE = re.compile(r"^#\s*escape\s*=\s*([\\`])\s*$", re.IGNORECASE)
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)(?::?[-+](?P<default>[^}]*))?\}|(?P<bare>\w+))")


@dataclass(frozen=True)
class Instruction:
    """One instruction. `value` is everything after the word, continued lines joined by a blank."""

    word: str
    value: str
    line: int

    @property
    def flags(self) -> list[str]:
        """The leading `--flag=value` words."""
        return [word for word in self.value.split() if word.startswith("--")]

    @property
    def exec_form(self) -> list[str] | None:
        """The words of a JSON array form, or None for a shell form."""
        try:
            words = json.loads(self.value)
        except ValueError:
            return None
        return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


@dataclass(frozen=True)
class Stage:
    """One FROM and what follows it. `base` has its ARG defaults filled in."""

    name: str
    base: str
    line: int
    instructions: tuple[Instruction, ...]

    def all_of(self, word: str) -> list[Instruction]:
        """Return the instructions of one word, in order."""
        return [instruction for instruction in self.instructions if instruction.word == word]


@dataclass(frozen=True)
class Dockerfile:
    """The whole file. `preamble` holds the ARGs before the first FROM."""

    preamble: tuple[Instruction, ...]
    stages: tuple[Stage, ...]

    @property
    def instructions(self) -> list[Instruction]:
        """Every instruction, in order."""
        return [*self.preamble, *(item for stage in self.stages for item in stage.instructions)]


def parse(text: str) -> Dockerfile:
    """Return the structure of a Dockerfile. What cannot be read as an instruction is kept under its first word."""
    preamble: list[Instruction] = []
    stages: list[Stage] = []
    current: list[Instruction] = []
    opened: Instruction | None = None
    defaults: dict[str, str] = {}

    def close() -> None:
        if opened is not None:
            stages.append(_stage(opened, tuple(current), defaults, len(stages)))

    for instruction in _instructions(text):
        if instruction.word == "FROM":
            close()
            opened, current = instruction, []
        elif opened is None:
            preamble.append(instruction)
            if instruction.word == "ARG" and "=" in instruction.value:
                name, _, value = instruction.value.partition("=")
                defaults[name.strip()] = value.strip().strip("\"'")
        else:
            current.append(instruction)
    close()
    return Dockerfile(tuple(preamble), tuple(stages))


def _stage(opened: Instruction, instructions: tuple[Instruction, ...], defaults: dict[str, str], number: int) -> Stage:
    words = [word for word in opened.value.split() if not word.startswith("--")]
    base = _filled(words[0], defaults) if words else ""
    named = len(words) > 2 and words[1].upper() == "AS"  # noqa: PLR2004 - FROM base AS name
    return Stage(words[2].lower() if named else str(number), base, opened.line, instructions)


def _filled(text: str, values: dict[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name = match["braced"] or match["bare"]
        return values.get(name) or match["default"] or ""

    return _VARIABLE.sub(value, text)


def _instructions(text: str) -> list[Instruction]:
    lines = text.removeprefix("\ufeff").splitlines()
    directive = _DIRECTIVE.match(lines[0]) if lines else None
    escape = directive.group(1) if directive else "\\"
    found: list[Instruction] = []
    index = 0
    while index < len(lines):
        start = index
        logical, index = _logical_line(lines, index, escape)
        for _, terminator in _HEREDOC.findall(logical):
            body, index = _heredoc(lines, index, terminator)
            logical += "\n" + body
        word, _, value = logical.partition(" ")
        if word:
            found.append(Instruction(word.upper(), value.strip(), start + 1))
    return found


def _logical_line(lines: list[str], index: int, escape: str) -> tuple[str, int]:
    """Return a line with what continues it, comments and blank lines inside left out, and the index after it."""
    pieces: list[str] = []
    while index < len(lines):
        line = lines[index].strip()
        index += 1
        if not line or line.startswith("#"):
            if pieces:
                continue
            break
        pieces.append(line.removesuffix(escape).strip())
        if not line.endswith(escape):
            break
    return " ".join(piece for piece in pieces if piece), index


def _heredoc(lines: list[str], index: int, terminator: str) -> tuple[str, int]:
    """Return a here-document's lines with its terminator, and the index after it."""
    body: list[str] = []
    while index < len(lines):
        body.append(lines[index])
        index += 1
        if body[-1].strip() == terminator:
            break
    return "\n".join(body), index
