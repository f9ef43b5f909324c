"""Reads a JSON document key by key and remembers every problem with its path.

A reader never stops at the first problem: it notes it, hands back a stand-in of the right type and goes on. Whoever
reads must look at the problems before using what was read. No message repeats a value, since it may be a secret.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_SHOWN_KEY_CHARACTERS = 64


class JsonObject(dict[str, object]):
    """A JSON object that still knows which of its keys were written more than once."""

    repeated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """What a text must be: a test, and the words that follow "must be"."""

    holds: Callable[[str], object]
    meaning: str


def matching(pattern: str, meaning: str) -> Rule:
    """Give the rule that the whole text matches the pattern."""
    return Rule(re.compile(pattern).fullmatch, meaning)


def parse_json(text: str) -> object:
    """Parse strictly: no NaN, no Infinity, and repeated keys are kept in mind. Raises ValueError."""
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _object(pairs: list[tuple[str, object]]) -> JsonObject:
    parsed = JsonObject(pairs)
    if len(parsed) != len(pairs):
        keys = [key for key, _ in pairs]
        parsed.repeated = tuple(key for key in parsed if keys.count(key) > 1)
    return parsed


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def child_path(path: str, key: str) -> str:
    """Name a key inside an object, safe to print whatever the key holds."""
    if not _PLAIN_KEY.fullmatch(key):
        return f"{path}[{json.dumps(key[:_SHOWN_KEY_CHARACTERS])}]"
    return f"{path}.{key}" if path else key


class Section:
    """One JSON object; as a context manager it reports, at the end, the keys nobody asked for."""

    def __init__(self, value: object, path: str, problems: list[str]) -> None:
        self.path = path
        self._problems = problems
        self._known: list[str] = []
        self._sound = isinstance(value, JsonObject)
        self._values = value if isinstance(value, JsonObject) else JsonObject()
        if not self._sound:
            self._note(path or "the document", "must be an object")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for key in self._values.repeated:
            self._note(child_path(self.path, key), "is written more than once")
        for key in self._values.keys() - set(self._known):
            self._note(child_path(self.path, key), f"unknown key (known: {', '.join(sorted(self._known))})")

    def _note(self, path: str, problem: str) -> None:
        self._problems.append(f"{path}: {problem}")

    def problem(self, key: str, problem: str) -> None:
        """Report what only the caller can judge about a key."""
        self._note(child_path(self.path, key), problem)

    def _take(self, key: str, *, required: bool) -> object:
        self._known.append(key)
        if required and self._sound and key not in self._values:
            self.problem(key, "is required")
        return self._values.get(key)

    def refuse(self, key: str, reason: str) -> None:
        """Refuse a key that is known to be a mistake, with the reason instead of "unknown key"."""
        if key in self._values:
            self.problem(key, reason)
            del self._values[key]

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        """Read a whole number from low to high."""
        if key not in self._values:
            self._known.append(key)
            return default
        value = self._take(key, required=False)
        if type(value) is int and low <= value <= high:
            return value
        self.problem(key, f"must be a whole number from {low} to {high}")
        return default

    def boolean(self, key: str, *, default: bool) -> bool:
        """Read true or false."""
        value = self._take(key, required=False)
        if isinstance(value, bool):
            return value
        if key in self._values:
            self.problem(key, "must be true or false")
        return default

    def text(self, key: str, rule: Rule, default: str | None = None) -> str:
        """Read a text that obeys the rule; without a default it is required."""
        value = self._take(key, required=default is None)
        if key not in self._values:
            return default or ""
        return self._checked(value, child_path(self.path, key), rule)

    def optional_text(self, key: str, rule: Rule) -> str | None:
        """Read a text that may be left out or null."""
        value = self._take(key, required=False)
        return None if value is None else self._checked(value, child_path(self.path, key), rule)

    def choice(self, key: str, choices: Collection[str], default: str | None = None) -> str:
        """Read one of a closed set of words."""
        return self.text(key, Rule(choices.__contains__, f"one of {', '.join(choices)}"), default)

    def texts(self, key: str, rule: Rule) -> tuple[str, ...]:
        """Read a required list of at least one text."""
        items = self._list(key, required=True)
        return tuple(self._checked(item, self._item_path(key, index), rule) for index, item in enumerate(items))

    def section(self, key: str, *, required: bool) -> Section:
        """Read an object; one that is left out and not required reads as empty."""
        value = self._take(key, required=required)
        if key not in self._values:
            # Already reported if it is required: a stand-in that reports nothing more.
            return _silent(child_path(self.path, key), self._problems, sound=not required)
        return Section(value, child_path(self.path, key), self._problems)

    def sections(self, key: str, *, required: bool) -> list[Section]:
        """Read a list of objects; a required one holds at least one."""
        items = self._list(key, required=required)
        return [Section(item, self._item_path(key, index), self._problems) for index, item in enumerate(items)]

    def _item_path(self, key: str, index: int) -> str:
        return f"{child_path(self.path, key)}[{index}]"

    def _list(self, key: str, *, required: bool) -> list[object]:
        value = self._take(key, required=required)
        if key not in self._values:
            return []
        if not isinstance(value, list):
            self.problem(key, "must be a list")
            return []
        if required and not value:
            self.problem(key, "must not be empty")
        return value

    def _checked(self, value: object, path: str, rule: Rule) -> str:
        if isinstance(value, str) and rule.holds(value):
            return value
        self._note(path, f"must be {rule.meaning}")
        return ""


def _silent(path: str, problems: list[str], *, sound: bool) -> Section:
    section = Section(JsonObject(), path, problems)
    section._sound = sound  # noqa: SLF001 - same module; a public switch would invite use
    return section
