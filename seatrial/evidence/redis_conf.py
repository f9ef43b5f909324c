"""How a Redis is configured: by its file, then by its command line, which is read as more lines of the file."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from seatrial.evidence.commands import commands, script_of, shell_of

SERVERS = ("redis-server", "valkey-server", "keydb-server")


@dataclass(frozen=True)
class Directive:
    """One line of configuration: its name in lower case, its words, and where it stands."""

    name: str
    words: tuple[str, ...]
    where: str

    @property
    def value(self) -> str:
        """Its words as one text, lower case."""
        return " ".join(self.words).lower()


def of_file(text: str, name: str) -> list[Directive]:
    """Return the directives of a configuration file."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = _split(line.strip())
        if words and not words[0].startswith("#"):
            found.append(Directive(words[0].lower(), tuple(words[1:]), f"{name}:{number}"))
    return found


def of_command(words: list[str], where: str) -> tuple[str, list[Directive]]:
    """Return the configuration file that a command names, and the directives that it adds: `--name value ...`."""
    argv = _arguments(words)
    file = argv.pop(0) if argv and not argv[0].startswith("--") else ""
    found: list[Directive] = []
    for word in argv:
        if word.startswith("--"):
            name, *first = word[2:].split("=", 1) if "=" in word else word[2:].split(maxsplit=1) or [""]
            found.append(Directive(name.lower(), tuple(first), where))
        elif found:
            last = found.pop()
            found.append(Directive(last.name, (*last.words, word), where))
    return file, found


def _arguments(words: list[str]) -> list[str]:
    """Return what the server is given, wherever it stands in the command; of the image's own entry point, all."""
    candidates = [argv for _, argv in commands(script_of(words))] if shell_of(words) else [words]
    for argv in candidates:
        for number, word in enumerate(argv):
            if word.rpartition("/")[2] in SERVERS:
                return argv[number + 1 :]
    return list(words) if words and words[0].startswith("--") else []


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=False)
    except ValueError:
        return line.split()
