"""The ledger's commands, asked of the production Redis as its administrator; the password goes over the socket only."""

from __future__ import annotations

from dataclasses import dataclass, field

from seatrial.errors import Code, SeatrialError
from seatrial.evidence import redis

LIBRARY = "x402"
SCAN_COUNT = "1000"
SEE = "./invoke ledger.show"


@dataclass(frozen=True)
class Store:
    """A Redis that keeps a ledger. Every method raises SeatrialError LEDGER, or ENGINE_FAILED when nothing answers."""

    address: tuple[str, int]
    password: str = field(repr=False)

    def load(self, source: str) -> None:
        """Load the ledger's functions, in place of earlier ones."""
        reply = self._ask("FUNCTION", "LOAD", "REPLACE", source)
        if reply != LIBRARY:
            raise _refused(reply)

    def credit(self, key: str, amount: int) -> int:
        """Add to a balance in one step; return what it is now."""
        return self._change("x402_credit", key, amount)

    def debit(self, key: str, amount: int) -> int:
        """Take from a balance in one step, never below zero; return what it is now."""
        return self._change("x402_debit", key, amount)

    def balance(self, key: str) -> int:
        """Return a balance; one that was never paid into is 0."""
        return _number(self._ask("GET", key) or "0", key)

    def balances(self, prefix: str) -> dict[str, int]:
        """Return every balance whose key begins so, sorted, by what follows."""
        keys: set[str] = set()
        cursor = "0"
        while True:
            cursor, *found = self._ask("SCAN", cursor, "MATCH", f"{prefix}*", "COUNT", SCAN_COUNT).split("\n")
            keys.update(found)
            if cursor == "0":
                break
        return {key.removeprefix(prefix): self.balance(key) for key in sorted(keys)}

    def _change(self, function: str, key: str, amount: int) -> int:
        word, _, balance = self._ask("FCALL", function, "1", key, str(amount)).partition("\n")
        if word == "moved":
            return int(balance)
        if word == "insufficient":
            raise SeatrialError(Code.LEDGER, f"the balance is {balance}, less than {amount}", hint=SEE)
        if word == "overflow":
            raise SeatrialError(Code.LEDGER, f"the balance is {balance} and cannot hold {amount} more", hint=SEE)
        raise _corrupt(key) if word == "corrupt" else _refused(word)

    def _ask(self, *command: str) -> str:
        reply = redis.converse(self.address, "admin", self.password, command)
        if reply.startswith("-"):
            raise _refused(reply)
        return reply


def _number(text: str, key: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise _corrupt(key)
    return int(text)


def _corrupt(key: str) -> SeatrialError:
    return SeatrialError(
        Code.LEDGER, f"{key} holds no balance: a person has to look at it", hint="docs/facilitator.md, A ledger"
    )


def _refused(reply: str) -> SeatrialError:
    if "unction not found" in reply:
        return SeatrialError(Code.LEDGER, "Redis has no functions of the ledger", hint="./invoke ledger.load")
    if reply.startswith("-WRONGPASS"):
        return SeatrialError(
            Code.SECRETS,
            "Redis refuses the administrator's password in secrets/redis_admin_password",
            hint="./invoke setup up --prod",
        )
    return SeatrialError(Code.LEDGER, f"Redis answered {reply}", hint="./invoke logs redis-prod")
