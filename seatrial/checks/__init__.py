"""What we promise: one small function over evidence for each promise, its sabotage beside it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.evidence import Evidence

if TYPE_CHECKING:
    from seatrial.evidence.places import Place

FAMILIES = ("context", "dockerfile", "image", "layers", "packages", "compose", "runtime", "redis", "payment", "supply")
"""The families in the order of a build: what goes in, what came out, how it runs. Each is a module of this package."""
FURTHER_MODULES = ("dockerfile_steps", "dockerfile_commands", "dockerfile_packages")
"""Modules that hold more checks of a family, which would be too many for one file."""


@dataclass(frozen=True)
class Problem:
    """One way in which a promise is broken, and the place to look at."""

    message: str
    where: str
    place: Place | None = None
    """The file and line of the tree to mend; the judge finds it, checks only say `where`."""


Inspection = Callable[[Evidence], Iterator[Problem]]
Sabotage = Callable[[Evidence], Evidence]


@dataclass(frozen=True)
class Check:
    """A promise, why it is made, how it is examined, how it is broken, and how a break is mended."""

    id: str
    promise: str
    reason: str
    mend: str
    inspect: Inspection
    sabotage: Sabotage
    trips: tuple[str, ...]
    """Other checks that the sabotage must trip too, because one fact breaks several promises."""

    @property
    def family(self) -> str:
        """The part of the id before the dot."""
        return self.id.partition(".")[0]


_REGISTRY: dict[str, Check] = {}


def check(
    id: str,  # noqa: A002 - the word that reports use
    *,
    sabotage: Sabotage,
    mend: str,
    trips: tuple[str, ...] = (),
) -> Callable[[Inspection], Inspection]:
    """Register a check. The docstring's first line is the promise, the rest the reason.

    Raises TypeError at import for an id that is not `family.name` or is taken, for a docstring without promise or
    reason, and for an empty mend.
    """

    def register(inspect: Inspection) -> Inspection:
        promise, _, reason = (inspect.__doc__ or "").strip().partition("\n")
        family = id.partition(".")[0]
        if not re.fullmatch(r"[a-z]+\.[a-z]+(_[a-z]+)*", id) or family not in FAMILIES:
            raise TypeError(f"{id!r} is not family.name with a family of {', '.join(FAMILIES)}")
        if id in _REGISTRY:
            raise TypeError(f"{id!r} is registered twice")
        if not promise or not reason.strip() or not mend:
            raise TypeError(f"{id!r} needs a promise, a reason and a mend")
        _REGISTRY[id] = Check(id, promise, " ".join(reason.split()), mend, inspect, sabotage, trips)
        return inspect

    return register


def all_checks() -> tuple[Check, ...]:
    """Return every check, in the order of the families and of their modules."""
    for module in (*FAMILIES, *FURTHER_MODULES):
        importlib.import_module(f"seatrial.checks.{module}")
    return tuple(sorted(_REGISTRY.values(), key=lambda known: FAMILIES.index(known.family)))
