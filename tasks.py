"""The tasks of this checkout: those that seatrial brings to any project, and those for work on seatrial itself."""

from __future__ import annotations

from seatrial import interruption

if __name__ == "__main__":
    # Before all other imports, which take longest of what comes before a task.
    interruption.leave_at_once()

import sys

if __name__ == "__main__" and sys.argv[1:2] == ["verify"]:
    from seatrial import ahead

    ahead.begin(sys.argv[1:])

from typing import TYPE_CHECKING

from invoke.collection import Collection

from seatrial import collection
from seatrial.tasks import LISTING as ANYWHERE
from seatrial.tasks import seatrial_task

if TYPE_CHECKING:
    from invoke.context import Context

LISTING = {
    **ANYWHERE,
    "Prove": [*ANYWHERE["Prove"], "demo"],
    "Credits": ["ledger.load", "ledger.credit", "ledger.debit", "ledger.show"],
    "Develop": ["test", "fuzz", "lint", "lock", "clean"],
}


@seatrial_task()
def demo(_context: Context) -> int:
    """Play buyer and seller against the production stack that runs: 402, payment, replay refused, record."""
    from seatrial import demo, settings

    return demo.run(settings.load())


@seatrial_task(
    help={
        "docker": "--no-docker leaves out what needs an engine; otherwise a missing engine is a failure",
        "browser": "--no-browser leaves out what needs Chromium; otherwise it is installed on Debian, as root",
        "match": "run only tests whose name matches (pytest -k)",
    }
)
def test(_context: Context, docker: bool = True, browser: bool = True, match: str = "") -> int:
    """Run the test suite."""
    from seatrial import develop, settings

    return develop.test(settings.load(), docker=docker, browser=browser, match=match)


@seatrial_task(help={"minutes": "for how long (default: 10); `test` does one short round"})
def fuzz(_context: Context, minutes: str = "10") -> int:
    """Throw bytes and bodies at the service: never a 500, never a traceback, never a hang."""
    from seatrial import develop, settings

    return develop.fuzz(settings.load(), minutes=minutes)


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


_LEDGER = {
    "account": "the account's address, 0x and 40 hex digits",
    "network": "ledger:<name>; not needed where config.json has one ledger only",
    "asset": "the asset's address; not needed where config.json has one only",
}
_AMOUNT = {"amount": "a whole number of the asset's smallest unit"}


@seatrial_task()
def load(_context: Context) -> int:
    """Load the ledger's functions into the production Redis (`up --prod` does it in mode ledger)."""
    from seatrial import ledger, settings

    return ledger.load(settings.load())


@seatrial_task(help={**_LEDGER, **_AMOUNT})
def credit(_context: Context, account: str = "", amount: str = "", network: str = "", asset: str = "") -> int:
    """Pay into an account of the ledger, in one step; prints its balance."""
    from seatrial import ledger, settings

    return ledger.credit(settings.load(), account=account, amount=amount, network=network, asset=asset)


@seatrial_task(help={**_LEDGER, **_AMOUNT})
def debit(_context: Context, account: str = "", amount: str = "", network: str = "", asset: str = "") -> int:
    """Pay out of an account of the ledger, in one step and never below zero; prints its balance."""
    from seatrial import ledger, settings

    return ledger.debit(settings.load(), account=account, amount=amount, network=network, asset=asset)


@seatrial_task(help=_LEDGER)
def show(_context: Context, account: str = "", network: str = "", asset: str = "") -> int:
    """Print the balance of an account of the ledger, or of all and their sum."""
    from seatrial import ledger, settings

    return ledger.show(settings.load(), account=account, network=network, asset=asset)


namespace = Collection(*collection.tasks.values(), demo, test, fuzz, lint, lock, clean)
namespace.add_collection(Collection("ledger", load, credit, debit, show))
namespace.configure({"listing": LISTING})

if __name__ == "__main__":
    from seatrial.program import run

    sys.exit(run(namespace, "./invoke"))
