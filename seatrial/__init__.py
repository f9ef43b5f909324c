"""Build, start and prove production containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from invoke.collection import Collection

    collection: Collection
    """The tasks, for another project's tasks.py: `namespace = collection`."""


def __getattr__(name: str) -> Collection:
    # Not imported above: what makes the environment runs before Invoke is installed.
    if name != "collection":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from seatrial.tasks import collection  # noqa: PLC0415

    return collection
