"""What was measured of the service under load, and how it is kept in service.json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Cell:
    """One path of one server at so many connections; a value for each round. CPU is the server's, for one request."""

    path: str
    server: str
    connections: int
    per_second: tuple[float, ...]
    cpu_seconds: tuple[float, ...]
    p99_seconds: tuple[float, ...]


@dataclass(frozen=True)
class HalfLoad:
    """Times from when a request was due to its answer, at half of what the server can do."""

    server: str
    per_second: float
    median_seconds: float
    p99_seconds: float
    most_seconds: float


@dataclass(frozen=True)
class Stage:
    """A part of a verification and the processor time it takes."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Sample:
    """The service's resident set, so many seconds after the beginning."""

    seconds: float
    rss_bytes: int


@dataclass(frozen=True)
class Memory:
    """A long run: how many requests were answered, and memory all the while."""

    answered: int
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class Rates:
    """Everything about load; `memory` is measured by itself, because it takes long.

    `load_before` and `load_after` are the system's load averages. Server, load and Redis keep two cores busy: what is
    much above 2 afterwards was somebody else.
    """

    cells: tuple[Cell, ...]
    half: tuple[HalfLoad, ...]
    stages: tuple[Stage, ...]
    memory: Memory | None
    load_before: float
    load_after: float

    def with_memory(self, memory: Memory | None) -> Rates:
        """Return the same with another long run."""
        return replace(self, memory=memory)


def to_json(rates: Rates) -> str:
    """Return what service.json holds."""
    return json.dumps(_rounded(asdict(rates)), indent=1) + "\n"


def from_json(text: str) -> Rates:
    """Return what `to_json` wrote."""
    read: dict[str, Any] = json.loads(text)
    series = ("per_second", "cpu_seconds", "p99_seconds")
    cells = tuple(Cell(**{**cell, **{name: tuple(cell[name]) for name in series}}) for cell in read["cells"])
    half, stages = (HalfLoad(**one) for one in read["half"]), (Stage(**one) for one in read["stages"])
    memory = read["memory"] and Memory(
        read["memory"]["answered"], tuple(Sample(**one) for one in read["memory"]["samples"])
    )
    return Rates(cells, tuple(half), tuple(stages), memory, read["load_before"], read["load_after"])


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(child) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(child) for child in value]
    return round(value, 7) if isinstance(value, float) else value
