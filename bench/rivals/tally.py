"""Who saw what: kept in bench/results/recall.json, and what is said about it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA = "seatrial.recall/1"
OURS = "seatrial"


@dataclass(frozen=True)
class Fault:
    """One broken project, and what was reported of it that is not reported of the healthy one."""

    name: str
    origin: str
    """`ours`: a mutant of our own checks. `peers`: made from a rule of a peer."""
    breaks: str
    needs: str
    could: tuple[str, ...]
    """The peers that read what is broken."""
    seen: dict[str, list[str]]
    """By name of the peer, ourselves included."""

    def seen_by(self, peer: str) -> bool:
        """Whether a peer reports anything new."""
        return bool(self.seen.get(peer))


@dataclass(frozen=True)
class Recall:
    """Everything that one run learned."""

    versions: dict[str, str]
    healthy: dict[str, dict[str, int]]
    faults: tuple[Fault, ...]
    exist: dict[str, int] = field(default_factory=dict)
    """How many broken projects of each origin there were; fewer faults than that are a part of the measurement."""


@dataclass(frozen=True)
class Share:
    """How many of how many."""

    seen: int
    of: int

    @property
    def percent(self) -> float:
        """In percent; of nothing, nothing."""
        return 100 * self.seen / self.of if self.of else 0.0

    def __str__(self) -> str:
        return f"{self.seen} of {self.of} ({self.percent:.0f} %)"


def share(faults: Iterable[Fault], *peers: str) -> Share:
    """Return how many faults any of these peers saw."""
    every = list(faults)
    return Share(sum(any(fault.seen_by(peer) for peer in peers) for fault in every), len(every))


def fair_share(faults: Iterable[Fault], peer: str) -> Share:
    """Return how many a peer saw of those that lie in what it reads."""
    return share([fault for fault in faults if peer in fault.could], peer)


def merged(former: Recall, fresh: Recall, order: Iterable[str]) -> Recall:
    """Return what is known now: the fresh faults, and the former ones that still exist, in order."""
    known = {fault.name: fault for fault in (*former.faults, *fresh.faults)}
    return Recall(fresh.versions, fresh.healthy, tuple(known[name] for name in order if name in known), fresh.exist)


def to_json(recall: Recall) -> str:
    """Return the results as recall.json keeps them."""
    return json.dumps({"schema": SCHEMA, **asdict(recall)}, indent=1, ensure_ascii=False) + "\n"


def from_json(text: str) -> Recall:
    """Return what `to_json` wrote. Raises ValueError for another schema."""
    document: dict[str, Any] = json.loads(text)
    if document.get("schema") != SCHEMA:
        raise ValueError(f"the schema is {document.get('schema')!r}, not {SCHEMA!r}")
    faults = [Fault(**{**fault, "could": tuple(fault["could"])}) for fault in document["faults"]]
    return Recall(document["versions"], document["healthy"], tuple(faults), document.get("exist", {}))
