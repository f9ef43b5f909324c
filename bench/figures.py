"""Measured values: series of runs, what is said about them, and how they are kept in results.json."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SCHEMA = "seatrial.bench/1"
SECONDS_DIGITS = 4


@dataclass(frozen=True)
class Series:
    """The runs of one command, in the order in which they were made. Run n of two series is one pair."""

    id: str
    command: str
    seconds: tuple[float, ...]
    peak_rss_bytes: tuple[int, ...] = ()
    """Of each run: the largest resident set of one process of its tree; nothing where it was not measured."""
    exit_codes: tuple[int, ...] = ()
    """Of each run; nothing where anything but 0 ends the measurement."""


@dataclass(frozen=True)
class HealthTiming:
    """A container's health check as the engine reports it. `start_interval_seconds` is 0 where none is set."""

    stack: str
    service: str
    interval_seconds: float
    timeout_seconds: float
    start_period_seconds: float
    start_interval_seconds: float
    retries: int


@dataclass(frozen=True)
class Results:
    """Everything that one run of the benchmark learned."""

    machine: dict[str, str]
    series: tuple[Series, ...]
    health: tuple[HealthTiming, ...] = field(default=())

    def present(self, names: Iterable[str]) -> list[str]:
        """Return those of the names under which something was measured."""
        return [name for name in names if any(series.id == name for series in self.series)]

    def named(self, series_id: str) -> Series:
        """Return the series with this id. Raises KeyError."""
        for series in self.series:
            if series.id == series_id:
                return series
        raise KeyError(series_id)


@dataclass(frozen=True)
class Summary:
    """What is said of several values."""

    least: float
    median: float
    most: float


def summary(values: Iterable[float]) -> Summary:
    """Return the least, the median and the most. Raises ValueError when there are none."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("nothing was measured")
    return Summary(ordered[0], statistics.median(ordered), ordered[-1])


def ratios(of: Sequence[float], to: Sequence[float]) -> list[float]:
    """Return `of` divided by `to`, pair by pair: each pair was measured one after the other."""
    return [first / second for first, second in zip(of, to, strict=True)]


def differences(of: Sequence[float], to: Sequence[float]) -> list[float]:
    """Return `of` less `to`, pair by pair."""
    return [first - second for first, second in zip(of, to, strict=True)]


def to_json(results: Results) -> str:
    """Return the results as results.json keeps them."""
    document = {"schema": SCHEMA, **asdict(results)}
    for series in document["series"]:
        series["seconds"] = [round(value, SECONDS_DIGITS) for value in series["seconds"]]
    return json.dumps(document, indent=1) + "\n"


def from_json(text: str) -> Results:
    """Return the results that `to_json` wrote. Raises ValueError for another schema."""
    document: dict[str, Any] = json.loads(text)
    if document.get("schema") != SCHEMA:
        raise ValueError(f"the schema is {document.get('schema')!r}, not {SCHEMA!r}")
    return Results(
        machine=document["machine"],
        series=tuple(
            Series(
                id=series["id"],
                command=series["command"],
                seconds=tuple(series["seconds"]),
                peak_rss_bytes=tuple(series["peak_rss_bytes"]),
                exit_codes=tuple(series["exit_codes"]),
            )
            for series in document["series"]
        ),
        health=tuple(HealthTiming(**timing) for timing in document["health"]),
    )
