"""What an operator does with a ledger: load its functions, pay in and out, read balances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial import compose, console, engine, process, secret_files, workspace
from seatrial.ledger import accounts
from seatrial.ledger.store import Store

if TYPE_CHECKING:
    from seatrial.engine import Engine
    from seatrial.settings import Settings

PRINT_TIMEOUT_SECONDS = 60.0


def load(settings: Settings) -> int:
    """Load the ledger's functions, as the project's image has them, into the production Redis."""
    open_store(engine.connect(), settings).load(function_source(settings.image))
    console.tell(f"loaded the ledger's functions into {settings.redis_service}: they are kept with its data")
    return 0


def credit(settings: Settings, *, account: str, amount: str, network: str, asset: str) -> int:
    """Pay in."""
    return _change(settings, "credit", account, amount, network, asset)


def debit(settings: Settings, *, account: str, amount: str, network: str, asset: str) -> int:
    """Pay out, never more than is there."""
    return _change(settings, "debit", account, amount, network, asset)


def show(settings: Settings, *, account: str, network: str, asset: str) -> int:
    """Print one balance, or those of all accounts that hold something and their sum."""
    who = accounts.account(account) if account else ""
    workspace.check_config(settings)
    meant = accounts.purse(settings, network, asset)
    store = open_store(engine.connect(), settings)
    if who:
        console.say(f"{who}  {store.balance(meant.key(who))}")
        return 0
    balances = {owner: balance for owner, balance in store.balances(meant.prefix).items() if balance}
    console.say(f"{meant.network}, asset {meant.asset}")
    width = max(len(str(number)) for number in [*balances.values(), sum(balances.values())])
    for owner, balance in balances.items():
        console.say(f"{owner}  {balance:>{width}}")
    console.say(f"{f'{len(balances)} accounts':<42}  {sum(balances.values()):>{width}}")
    return 0


def open_store(connected: Engine, settings: Settings) -> Store:
    """Return the production Redis that runs. Raises SeatrialError NOT_RUNNING or SECRETS."""
    container = compose.running(connected, settings.compose_project, settings.redis_service)
    return Store(compose.published_address(container, 6379), secret_files.passwords(settings.path("secrets"))["admin"])


def function_source(image: str) -> str:
    """Return the ledger's functions as an image has them: those that its service will call."""
    argv = ["docker", "run", "--rm", "--network", "none", image, "python", "-m", "service", "--ledger-function"]
    return process.run(argv, timeout_seconds=PRINT_TIMEOUT_SECONDS).stdout


def _change(settings: Settings, way: str, account: str, amount: str, network: str, asset: str) -> int:  # noqa: PLR0913 - what was typed
    who, much = accounts.account(account), accounts.amount(amount)
    workspace.check_config(settings)
    key = accounts.purse(settings, network, asset).key(who)
    store = open_store(engine.connect(), settings)
    balance = store.credit(key, much) if way == "credit" else store.debit(key, much)
    console.say(f"{who}  {balance}")
    return 0
