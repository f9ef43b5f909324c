"""Mode `ledger`: closed-loop credits kept in Redis, moved in the same step as the claim.

The step is a function inside Redis (ledger.lua), because only there are three keys changed together or not at all. The
operator loads it once, as Redis' administrator; the service may call it and nothing like it (`+fcall|x402_settle`), so
EVAL and FUNCTION stay closed to whoever takes the service over. Balances are decimal strings below 2^63.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from service.balances import MOST, balance_key
from service.claims import Record, StoreError, expiry_ms, key_of
from service.protocol.judge import Rejection
from service.protocol.reasons import Reason
from service.settlement import Outcome, claimed, outcome_of, recalled

if TYPE_CHECKING:
    from service.claims import Claims
    from service.protocol.payment import Payment

FUNCTION = "x402_settle"
INSUFFICIENT = Rejection(Reason.INSUFFICIENT_FUNDS, "the payer has less than the amount")


def function_source() -> str:
    """Give what the operator loads into Redis (FUNCTION LOAD REPLACE)."""
    return Path(__file__).with_name("ledger.lua").read_text(encoding="utf-8")


class LedgerSettlement:
    """Moves credits. There is no chain, so nothing is left unchecked."""

    not_checked = ()

    def __init__(self, claims: Claims, retention_seconds: int) -> None:
        self._claims = claims
        self._retention_seconds = retention_seconds

    async def obstacle(self, payment: Payment) -> Rejection | None:
        """Give the claim that is in the way, or that the balance does not cover the amount now."""
        rejection = await claimed(self._claims, payment)
        if rejection is not None:
            return rejection
        balance = await self._claims.read(self._keys(payment)[1])
        return INSUFFICIENT if _credits(balance) < payment.authorization.value else None

    async def settle(self, payment: Payment, digest: bytes, *, client: str, now: int) -> Outcome:
        """Claim and move in one step. Without the funds nothing is claimed: the payer may pay in and try again."""
        if payment.authorization.value > MOST:
            return Outcome(INSUFFICIENT)
        record = Record.of(payment, digest, mode="ledger", client=client, now=now)
        stored = record.to_json()
        match await self._claims.move(self._keys(payment), payment.authorization.value, stored):
            case [b"moved"]:
                with suppress(StoreError):
                    # Value has moved, and that is the answer. A claim that keeps no expiry is kept for ever.
                    await self._claims.expire(key_of(payment), stored, expiry_ms(payment, now, self._retention_seconds))
                return Outcome(None, transaction=record.digest)
            case [b"claimed", earlier]:
                return outcome_of(earlier, digest)
            case [b"insufficient"]:
                return Outcome(INSUFFICIENT)
            case _:
                # A balance that is no number, or would not be one any more: a person has to look at it.
                raise StoreError("LEDGER")

    async def recall(self, payment: Payment, digest: bytes) -> Outcome | None:
        """Give the outcome of an earlier settlement of this very authorization."""
        return await recalled(self._claims, payment, digest)

    @staticmethod
    def _keys(payment: Payment) -> tuple[str, str, str]:
        network, asset = payment.requirements.network, payment.requirements.asset
        payer, payee = payment.authorization.payer, payment.authorization.to
        return key_of(payment), balance_key(network, asset, payer), balance_key(network, asset, payee)


def _credits(balance: bytes | None) -> int:
    if balance is None:
        return 0
    if not balance.isdigit():
        raise StoreError("LEDGER")
    return int(balance)
