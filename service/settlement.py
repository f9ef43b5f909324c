"""Settling: what happens to a payment that was judged to be in order.

`Settlement` is the seam. `RecordSettlement` claims and remembers; `service.ledger` moves credits; broadcasting to a
chain would be a third. Each takes the claim before anything else, atomically, and never says success without value
having moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from service.claims import Record, expiry_ms, key_of
from service.protocol.judge import Rejection
from service.protocol.reasons import Reason

if TYPE_CHECKING:
    from service.claims import Claims
    from service.protocol.payment import Payment

# What a facilitator with a chain would have asked it. Each answer says that this one has not.
NOT_CHECKED = ("balance", "simulation", "onChainNonce", "smartContractWallet")

USED = Rejection(Reason.NONCE_ALREADY_USED, "this nonce has been claimed by another authorization")
CLAIMED = Rejection(Reason.NONCE_ALREADY_USED, "this nonce has been claimed")
NOT_BROADCAST = Rejection(
    Reason.SETTLEMENT_NOT_BROADCAST, "the authorization is claimed and recorded; nothing was sent to a chain"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What settling came to.

    Without a rejection value has moved, and `transaction` names it. `repeated` is whether the same authorization had
    been settled before, and this is its answer again.
    """

    rejection: Rejection | None
    transaction: str = ""
    repeated: bool = False


class Settlement(Protocol):
    """A way to settle. Every method raises StoreError when the storage cannot answer."""

    @property
    def not_checked(self) -> tuple[str, ...]:
        """What verifying leaves open in this mode."""

    async def obstacle(self, payment: Payment) -> Rejection | None:
        """Give what the storage knows against a payment."""

    async def settle(self, payment: Payment, digest: bytes, *, client: str, now: int) -> Outcome:
        """Settle once; give the same outcome for the same digest ever after."""

    async def recall(self, payment: Payment, digest: bytes) -> Outcome | None:
        """Give the outcome of an authorization that was settled before."""


class RecordSettlement:
    """Claims durably and remembers what was claimed; somebody else broadcasts."""

    not_checked = NOT_CHECKED

    def __init__(self, claims: Claims, retention_seconds: int) -> None:
        self._claims = claims
        self._retention_seconds = retention_seconds

    async def obstacle(self, payment: Payment) -> Rejection | None:
        """Give the claim that is in the way, if there is one."""
        return await claimed(self._claims, payment)

    async def settle(self, payment: Payment, digest: bytes, *, client: str, now: int) -> Outcome:
        """Claim; nothing moves, so the answer is never a success."""
        record = Record.of(payment, digest, mode="record", client=client, now=now)
        expires_ms = expiry_ms(payment, now, self._retention_seconds)
        earlier = await self._claims.claim(key_of(payment), record.to_json(), expires_ms)
        return Outcome(NOT_BROADCAST) if earlier is None else outcome_of(earlier, digest)

    async def recall(self, payment: Payment, digest: bytes) -> Outcome | None:
        """Give the outcome of an earlier claim of this very authorization."""
        return await recalled(self._claims, payment, digest)


async def claimed(claims: Claims, payment: Payment) -> Rejection | None:
    """Say whether the payment's nonce is taken, by whichever authorization."""
    return None if await claims.read(key_of(payment)) is None else CLAIMED


async def recalled(claims: Claims, payment: Payment, digest: bytes) -> Outcome | None:
    """Give the outcome that is stored for exactly this authorization."""
    earlier = await claims.read(key_of(payment))
    outcome = None if earlier is None else outcome_of(earlier, digest)
    return outcome if outcome is not None and outcome.repeated else None


def outcome_of(stored: bytes, digest: bytes) -> Outcome:
    """Give the outcome that a stored record means for a payment with this digest. Raises StoreError RECORD."""
    record = Record.from_json(stored)
    if record.digest != "0x" + digest.hex():
        return Outcome(USED)
    if record.mode == "ledger":
        return Outcome(None, transaction=record.digest, repeated=True)
    return Outcome(NOT_BROADCAST, repeated=True)
