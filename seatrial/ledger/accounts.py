"""What an operator types for the ledger, made sure of before anything is changed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.errors import Code, SeatrialError
from service.balances import KEY_PREFIX, MOST, balance_key
from service.config_file import ADDRESS, load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatrial.settings import Settings
    from service.config import KindConfig

CONFIG = "config/config.json"
SWITCH = "docs/facilitator.md, A ledger, says how to switch to it"
_WHOLE = re.compile("[1-9][0-9]{0,18}")


@dataclass(frozen=True)
class Purse:
    """One asset on one ledger: what accounts hold balances of. `asset` is 0x and 40 hex digits, lower case."""

    network: str
    asset: str

    @property
    def prefix(self) -> str:
        """What the keys of its balances begin with."""
        return f"{KEY_PREFIX}{self.network.lower()}:{self.asset}:"

    def key(self, account: str) -> str:
        """Return where an account's balance is kept."""
        return balance_key(self.network, bytes.fromhex(self.asset[2:]), bytes.fromhex(account[2:]))


def account(text: str) -> str:
    """Return an address as the ledger spells it, in lower case. Raises SeatrialError USAGE."""
    if not ADDRESS.holds(text):
        said = f"{text!r} is no account" if text else "no account is given"
        raise SeatrialError(Code.USAGE, said, hint=f"--account must be {ADDRESS.meaning}")
    return text.lower()


def amount(text: str) -> int:
    """Return an amount in the asset's smallest unit. Raises SeatrialError USAGE."""
    if not _WHOLE.fullmatch(text) or int(text) > MOST:
        said = f"{text!r} is no amount" if text else "no amount is given"
        raise SeatrialError(
            Code.USAGE, said, hint=f"--amount is a whole number of the asset's smallest unit, 1 to {MOST}"
        )
    return int(text)


def is_configured(settings: Settings) -> bool:
    """Whether config.json, which was found valid before, is of mode `ledger`."""
    return load(settings.path(CONFIG)).settlement.mode == "ledger"


def purses(settings: Settings) -> list[Purse]:
    """Return the ledgers of config.json, which was found valid before. Raises SeatrialError LEDGER without any."""
    found = [Purse(kind.network, kind.asset.lower()) for kind in _kinds(settings)]
    if not found:
        raise SeatrialError(Code.LEDGER, f"{CONFIG} has no kind on a network ledger:<name>", hint=SWITCH)
    return found


def purse(settings: Settings, network: str, asset: str) -> Purse:
    """Return the ledger that is meant: of those in config.json the only one that fits.

    What is not configured could be paid in, and never be spent. Raises SeatrialError USAGE or LEDGER.
    """
    known = purses(settings)
    fitting = [one for one in known if network in ("", one.network) and asset.lower() in ("", one.asset)]
    if len(fitting) == 1:
        return fitting[0]
    said = "more than one ledger fits" if fitting else f"{CONFIG} has no such ledger"
    raise SeatrialError(Code.USAGE, said, hint=f"name one: {_listed(known)}")


def _kinds(settings: Settings) -> list[KindConfig]:
    return [kind for kind in load(settings.path(CONFIG)).kinds if kind.network.startswith("ledger:")]


def _listed(known: Sequence[Purse]) -> str:
    return "; ".join(f"--network {one.network} --asset {one.asset}" for one in known)
