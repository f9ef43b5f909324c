"""Reading a compose model: what several themes need."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.evidence import Evidence

Service = dict[str, Any]

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|us|ns|m|s)")
_UNIT_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


def main(evidence: Evidence) -> str:
    """Return the name of the service that is proven, or where the settings name none, of any of production's."""
    return evidence.a_service()


def words(value: Any) -> list[str]:
    """Return a command, entry point or test as its words; a text is the command of a shell."""
    if isinstance(value, list):
        return [str(word) for word in value]
    return [str(value)] if value else []


def texts(value: Any) -> Iterator[str]:
    """Yield every text in a part of the model, keys included."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif value is not None:
        yield str(value)


def hooks(service: Service) -> Iterator[tuple[str, Service]]:
    """Yield each command that Compose runs inside a container after its start or before its stop, and its place."""
    for key in ("post_start", "pre_stop"):
        for number, hook in enumerate(service.get(key) or []):
            yield f"{key}[{number}]", hook


def tmpfs(service: Service) -> Iterator[tuple[str, set[str]]]:
    """Yield the path and the options of each tmpfs in the short form."""
    declared = service.get("tmpfs") or []
    for text in declared if isinstance(declared, list) else [declared]:
        path, _, options = str(text).partition(":")
        yield path, {option.strip() for option in options.split(",") if option}


def seconds(text: Any) -> float:
    """Return a duration as Compose writes it (`1m30s`) in seconds; 0 for none."""
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _DURATION.findall(str(text or "")))
