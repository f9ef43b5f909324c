"""A Dockerfile as stages and instructions, with the lines they stand on."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEREDOC = re.compile(r"(?:^|(?<=\s))\d*<<(?P<strips>-?)(?P<quote>[\"']?)(?P<name>[^\s<\"']+)(?P=quote)(?=\s|$)")
_WITH_HEREDOC = {"RUN", "COPY", "ADD"}
_DIRECTIVE = re.compile(r"^#\s*(?P<key>[a-z]\w*)\s*=\s*(?P<value>\S.*?)\s*$", re.IGNORECASE)
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)(?::?(?P<operator>[-+])(?P<other>[^}]*))?\}|(?P<bare>\w+))")
_ASSIGNMENT = re.compile(
    r"(?P<opened>[\"']?)(?P<name>[A-Za-z_][\w.-]*)(?P=opened)=(?P<value>\"(?:[^\"\\]|\\.)*\"|'[^']*'|(?:\\.|[^\s\"'])*)"
)


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
    def assignments(self) -> dict[str, str]:
        """What an ARG, ENV or LABEL sets; an ARG without a value sets nothing but its name."""
        found = {match["name"]: match["value"].strip("\"'") for match in _ASSIGNMENT.finditer(self.value)}
        if found:
            return found
        name, _, value = self.value.partition(" ")
        return {name: value.strip()} if name else {}

    @property
    def exec_form(self) -> list[str] | None:
        """The words of a JSON array form, or None for a shell form. A health check's words are those after CMD."""
        value = self.value
        if self.word == "HEALTHCHECK":
            command = re.match(r"(?:--\S+\s+)*CMD\s+(.*)", value, re.DOTALL | re.IGNORECASE)
            value = command[1] if command else ""
        try:
            words = json.loads(value)
        except (ValueError, RecursionError):
            return None
        return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


@dataclass(frozen=True)
class Stage:
    """One FROM and what follows it. `base` has its ARG defaults filled in."""

    name: str
    base: str
    written_base: str
    line: int
    instructions: tuple[Instruction, ...]
    platform: str = ""
    """What its FROM asks for, as it is written."""

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


def parse(text: str, given: Mapping[str, str] = MappingProxyType({})) -> Dockerfile:
    """Return the structure of a Dockerfile. What cannot be read as an instruction is kept under its first word.

    `given` are build arguments: they take the place of the defaults before the first FROM.
    """
    return _parsed(text, tuple(sorted(given.items())))


@functools.lru_cache(maxsize=32)
def _parsed(text: str, given: tuple[tuple[str, str], ...]) -> Dockerfile:
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
            if instruction.word == "ARG":
                for name, value in instruction.assignments.items():
                    defaults[name] = dict(given).get(name) or filled(value, defaults)
        else:
            current.append(instruction)
    close()
    return Dockerfile(tuple(preamble), tuple(stages))


def _stage(opened: Instruction, instructions: tuple[Instruction, ...], defaults: dict[str, str], number: int) -> Stage:
    words = [word for word in opened.value.split() if not word.startswith("--")]
    base = filled(words[0], defaults) if words else ""
    named = len(words) > 2 and words[1].upper() == "AS"  # noqa: PLR2004 - FROM base AS name
    written = words[0] if words else ""
    platforms = [flag.partition("=")[2] for flag in opened.flags if flag.startswith("--platform=")]
    name = words[2].lower() if named else str(number)
    return Stage(name, base, written, opened.line, instructions, "".join(platforms[-1:]))


def variables(text: str) -> list[str]:
    """Return the names of the variables in a text."""
    return [match["braced"] or match["bare"] for match in _VARIABLE.finditer(text)]


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its variables replaced; one that is not known is replaced by nothing."""

    def value(match: re.Match[str]) -> str:
        known = values.get(match["braced"] or match["bare"], "")
        if match["operator"] == "+":
            return str(match["other"]) if known else ""
        return known or match["other"] or ""

    return _VARIABLE.sub(value, text)


def _instructions(text: str) -> list[Instruction]:
    lines = re.split(r"\r?\n", text.removeprefix("\ufeff"))
    escape = _escape(lines)
    found: list[Instruction] = []
    index = 0
    while index < len(lines):
        start = index
        logical, index = _logical_line(lines, index, escape)
        if not logical:
            continue
        word, value = [*logical.split(None, 1), ""][:2]
        if word.upper() in _WITH_HEREDOC:
            for opened in _HEREDOC.finditer(logical):
                body, index = _heredoc(lines, index, opened["name"], strips=bool(opened["strips"]))
                value += "\n" + body
        found.append(Instruction(word.upper(), value.strip(), start + 1))
    return found


def _escape(lines: list[str]) -> str:
    """Return the character that continues a line: directives stand at the very top, each once."""
    seen: set[str] = set()
    for line in lines:
        directive = _DIRECTIVE.match(line.strip())
        if directive is None or directive["key"].lower() in seen:
            break
        seen.add(directive["key"].lower())
        if directive["key"].lower() == "escape" and directive["value"] in {"\\", "`"}:
            return directive["value"]
    return "\\"


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
        # Two of them are a character, not a continuation.
        continues = line.endswith(escape) and not line.endswith(escape * 2)
        pieces.append(line.removesuffix(escape).strip() if continues else line)
        if not continues:
            break
    return " ".join(piece for piece in pieces if piece), index


def _heredoc(lines: list[str], index: int, terminator: str, *, strips: bool) -> tuple[str, int]:
    """Return a here-document's lines with its terminator, and the index after it."""
    body: list[str] = []
    while index < len(lines):
        body.append(lines[index])
        index += 1
        if (body[-1].lstrip("\t") if strips else body[-1]) == terminator:
            break
    return "\n".join(body), index
