"""The files that a compose model is made from: those that Compose begins with, and what they include and extend."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial import envfile
from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST_BYTES = 256 * 1024
MOST_FILES = 100
MOST_VALUES = 100_000
"""How many values a file may mean once its aliases are followed. Compose itself follows them without an end."""


def texts(root: Path, named: str = "") -> dict[str, str]:
    """Return the text of every compose file, by its name in the tree, or its path where it lies outside of it.

    Files in the project's folder that are named like one are among them, used or not. Raises SeatrialError
    COMPOSE_FILE for one that is too large, or whose aliases multiply beyond all bounds: Compose would not end.
    """
    found: dict[str, str] = {}
    waiting = [*_first(root), *([root / named] if named else []), *sorted(root.glob("*compose*.y*ml"))]
    while waiting:
        path = Path(os.path.normpath(waiting.pop(0)))
        name = str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
        if name in found or not path.is_file():
            continue
        found[name] = _text(path, name)
        if len(found) > MOST_FILES:
            raise _refused(f"more than {MOST_FILES} compose files include one another")
        waiting += [path.parent / other for other in references(found[name]) if not is_remote(other)]
    return found


@functools.lru_cache(maxsize=32)
def references(text: str) -> tuple[str, ...]:
    """Return what a compose file includes and extends, as it is written there. What is no YAML refers to nothing."""
    import yaml  # noqa: PLC0415 - only what reads compose files pays for it

    try:
        document = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        # Compose says what is wrong with it, in better words.
        return ()
    found: list[str] = []
    for included in _items(_value(document, "include")):
        path = _value(included, "path") or included
        found += [item.value for item in _items(path) if isinstance(item.value, str)]
    for _, service in _pairs(_value(document, "services")):
        extended = _value(_value(service, "extends"), "file")
        found += [extended.value] if extended is not None and isinstance(extended.value, str) else []
    return tuple(found)


def is_remote(reference: str) -> bool:
    """Whether an include or a build context is fetched from somewhere else."""
    return "://" in reference or reference.startswith(("git@", "github.com/")) or reference.endswith(".git")


def _first(root: Path) -> list[Path]:
    """Return the files that COMPOSE_FILE names, in the environment or in .env."""
    written = envfile.values(root / ".env")
    names = os.environ.get("COMPOSE_FILE") or written.get("COMPOSE_FILE") or ""
    separator = os.environ.get("COMPOSE_PATH_SEPARATOR") or written.get("COMPOSE_PATH_SEPARATOR") or os.pathsep
    return [root / name for name in names.split(separator) if name]


def _text(path: Path, name: str) -> str:
    if path.stat().st_size > LARGEST_BYTES:
        raise _refused(f"{name} is larger than {LARGEST_BYTES // 1024} KB")
    text = path.read_bytes().decode("utf-8", "replace")
    import yaml  # noqa: PLC0415 - only what reads compose files pays for it

    try:
        document = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return text
    except RecursionError:
        raise _refused(f"{name} nests its values too deep") from None
    if document is not None and _count(document, {}) > MOST_VALUES:
        raise _refused(f"the aliases of {name} multiply to more than {MOST_VALUES} values, or refer to themselves")
    return text


def _count(node: Any, known: dict[int, int]) -> int:
    """Return how many values a node means; one that holds itself means more than any number."""
    if id(node) in known:
        return known[id(node)]
    known[id(node)] = MOST_VALUES + 1
    children = node.value if node.id == "sequence" else [child for pair in _pairs(node) for child in pair]
    total = 1 + sum(_count(child, known) for child in children)
    known[id(node)] = total
    return total


def _pairs(node: Any) -> Iterator[tuple[Any, Any]]:
    if node is not None and node.id == "mapping":
        yield from node.value


def _items(node: Any) -> list[Any]:
    if node is None:
        return []
    return list(node.value) if node.id == "sequence" else [node]


def _value(node: Any, key: str) -> Any:
    return next((value for name, value in _pairs(node) if name.value == key), None)


def _refused(what: str) -> SeatrialError:
    return SeatrialError(Code.COMPOSE_FILE, what, hint="write it out, or split it; nobody can review it as it is")
