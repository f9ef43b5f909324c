"""An ignore file as BuildKit reads it: which pattern decides about a path."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Pattern:
    """One line that counts. `brings_back` is set for those that begin with `!`."""

    line: int
    text: str
    brings_back: bool

    def matches(self, path: str) -> bool:
        """Whether the pattern names a path or a folder above it."""
        try:
            expression = re.compile(_expression(self.text))
        except re.error:
            # A range that runs backwards: the builder refuses it.
            return False
        parts = path.split("/")
        return any(expression.fullmatch("/".join(parts[:length])) for length in range(1, len(parts) + 1))


def parse(text: str) -> list[Pattern]:
    """Return the patterns, in order. A byte-order mark and white space around a pattern do not count."""
    found = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        written = line.strip()
        if line.startswith("#") or not written:
            continue
        bare = written.removeprefix("!").strip()
        found.append(Pattern(number, bare.strip("/").removeprefix("./"), written.startswith("!")))
    return found


def deciding(patterns: list[Pattern], path: str) -> Pattern | None:
    """Return the last pattern that matches a path: it decides whether the path stays out. None: the path comes in."""
    return next((pattern for pattern in reversed(patterns) if pattern.text and pattern.matches(path)), None)


def _expression(pattern: str) -> str:
    """Return a regular expression for a pattern: `**` is any number of folders, `*` and `?` stay inside one."""
    pieces: list[str] = []
    index = 0
    while index < len(pattern):
        rest = pattern[index:]
        if rest.startswith("**"):
            index += 3 if rest.startswith("**/") else 2
            pieces.append("(?:.*/)?" if rest.startswith("**/") else ".*")
        elif (group := re.match(r"\[\^?\]?[^\]]+\]", rest)) is not None:
            # What re would read as an operation on sets is a character here.
            inner = re.sub(r"[\[&~|\\]", r"\\\g<0>", group[0][1:-1]).replace("--", r"\-")
            pieces.append(f"[{inner}]")
            index += len(group[0])
        else:
            one = {"*": "[^/]*", "?": "[^/]"}.get(rest[0])
            if rest[0] == "\\" and len(rest) > 1:
                index += 1
                one = re.escape(rest[1])
            pieces.append(one or re.escape(rest[0]))
            index += 1
    return "".join(pieces)
