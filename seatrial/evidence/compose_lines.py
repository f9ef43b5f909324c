"""On which line of a compose file something stands: `docker compose config` resolves, and forgets where it read."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, NamedTuple

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

_MERGE = "tag:yaml.org,2002:merge"


class Found(NamedTuple):
    """How much of a path was found, and the line of the last part that was."""

    depth: int
    line: int


def find(text: str, path: str, item: str = "") -> Found | None:
    """Return where a path like `services.redis.ports` stands, or as much of it as there is.

    `item` is what a line of a list must hold. None: nothing of the path is there, or the text is not YAML.
    """
    root = _parse(text)
    if root is None:
        return None
    words = path.split(".")
    found = _follow(root, [*words, item] if item else words, Found(0, 0))
    return found if found.depth else None


@functools.lru_cache(maxsize=8)
def _parse(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError):
        return None


def _follow(node: yaml.Node, words: list[str], found: Found) -> Found:
    if not words:
        return found
    if isinstance(node, yaml.SequenceNode):
        for child in node.value:
            if _holds(child, words[0]):
                return Found(found.depth + 1, _line(child))
        return found
    # A service's name may hold dots: the longest name that is there is meant.
    for length in range(len(words), 0, -1):
        for key, value in _pairs(node):
            if key.value == ".".join(words[:length]):
                return _follow(value, words[length:], Found(found.depth + length, _line(key)))
    return found


def _pairs(node: yaml.Node) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
    """Yield a mapping's keys and values, its own before those that it merges."""
    merged: list[yaml.Node] = []
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.tag == _MERGE:
            merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
        elif isinstance(key, yaml.ScalarNode):
            yield key, value
    for other in merged:
        yield from _pairs(other)


def _holds(node: yaml.Node, word: str) -> bool:
    """Whether an item of a list is about a word: `NAME=value`, `./file:/target:ro`, `{target: /target}`."""
    texts = [node, *(value for _, value in _pairs(node))]
    wanted = re.compile(rf"(?:^|:){re.escape(word)}(?:$|[:=/])")
    return any(isinstance(text, yaml.ScalarNode) and wanted.search(text.value) for text in texts)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
