"""The tasks of this checkout: those that seatrial brings to any project, and those for work on seatrial itself."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from invoke.collection import Collection

from seatrial import collection
from seatrial.tasks import LISTING as ANYWHERE
from seatrial.tasks import seatrial_task

if TYPE_CHECKING:
    from invoke.context import Context

LISTING = {**ANYWHERE, "Develop": ["test", "lint", "lock", "clean"]}


@seatrial_task(
    help={
        "docker": "--no-docker leaves out what needs an engine; otherwise a missing engine is a failure",
        "match": "run only tests whose name matches (pytest -k)",
    }
)
def test(_context: Context, docker: bool = True, match: str = "") -> int:
    """Run the test suite."""
    from seatrial import develop, settings

    return develop.test(settings.load(), docker=docker, match=match)


@seatrial_task()
def lint(_context: Context) -> int:
    """Run the linters and the type checker."""
    from seatrial import develop, settings

    return develop.lint(settings.load())


@seatrial_task()
def lock(_context: Context) -> int:
    """Resolve the dependencies anew into requirements/, with hashes."""
    from seatrial import develop, settings

    return develop.lock(settings.load())


@seatrial_task()
def clean(_context: Context) -> int:
    """Remove caches, built files and left-over trial stacks; never .env, secrets, data or images."""
    from seatrial import develop, settings

    return develop.clean(settings.load())


namespace = Collection(*collection.tasks.values(), test, lint, lock, clean)
namespace.configure({"listing": LISTING})

if __name__ == "__main__":
    from seatrial.__main__ import run

    sys.exit(run(namespace, "./invoke"))
