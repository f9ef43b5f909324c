"""Claims: the memory that an authorization was taken, under a key that has one spelling.

The key is made of what EIP-3009 makes unique (the payer's nonce for one asset on one network). It is not made of the
signature, which has a twin, nor of the body's bytes, of which there are many for one authorization.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from service.protocol.payment import Payment

KEY_PREFIX = "x402:auth:"
# Past the end of an authorization its claim is of no use; the minute is for clocks that disagree.
CLOCK_TOLERANCE_SECONDS = 60


class StoreError(Exception):
    """The storage did not do what was asked; carries the code (service/store.py lists them)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Record:
    """What is remembered of a settlement: all that is needed to answer it again, or to broadcast it later.

    Hexadecimal is lower case with 0x, numbers are decimal strings as in the protocol, `claimed_at` is seconds since
    1970. The signature is kept for broadcasting; it is neither logged nor shown.
    """

    digest: str
    network: str
    asset: str
    payer: str
    pay_to: str
    amount: str
    nonce: str
    valid_after: str
    valid_before: str
    signature: str
    mode: str
    client: str
    claimed_at: int

    @classmethod
    def of(cls, payment: Payment, digest: bytes, *, mode: str, client: str, now: int) -> Self:
        """Make the record of a payment that was judged to be in order."""
        authorization = payment.authorization
        return cls(
            digest=_hex(digest),
            network=payment.requirements.network,
            asset=_hex(payment.requirements.asset),
            payer=_hex(authorization.payer),
            pay_to=_hex(authorization.to),
            amount=str(authorization.value),
            nonce=_hex(authorization.nonce),
            valid_after=str(authorization.valid_after),
            valid_before=str(authorization.valid_before),
            signature=_hex(payment.signature),
            mode=mode,
            client=client,
            claimed_at=now,
        )

    def to_json(self) -> bytes:
        """Give the stored form."""
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, stored: bytes) -> Self:
        """Read the stored form. Raises StoreError RECORD: what cannot be read was taken all the same."""
        try:
            fields = json.loads(stored)
            texts = {name: fields.pop(name) for name in _TEXTS}
            claimed_at = fields.pop("claimed_at")
        except (ValueError, KeyError, AttributeError, TypeError):
            raise StoreError("RECORD") from None
        if fields or type(claimed_at) is not int or not all(isinstance(text, str) for text in texts.values()):
            raise StoreError("RECORD")
        return cls(**texts, claimed_at=claimed_at)

    def shown(self) -> dict[str, object]:
        """Give what GET /settlements tells."""
        return {
            "digest": self.digest,
            "network": self.network,
            "asset": self.asset,
            "payer": self.payer,
            "payTo": self.pay_to,
            "amount": self.amount,
            "nonce": self.nonce,
            "validAfter": self.valid_after,
            "validBefore": self.valid_before,
            "mode": self.mode,
            "client": self.client,
            "claimedAt": self.claimed_at,
        }


_TEXTS = tuple(name for name in Record.__slots__ if name != "claimed_at")


class Claims(Protocol):
    """The storage, as far as settling needs it. Each method raises StoreError."""

    async def read(self, key: str) -> bytes | None:
        """Give what is stored under a key."""

    async def claim(self, key: str, record: bytes, expires_ms: int) -> bytes | None:
        """Store the record if there is none, in one step; gives the one that was there already."""

    async def move(self, keys: tuple[str, str, str], amount: int, record: bytes) -> list[bytes]:
        """Claim and move an amount between two balances in one step; gives a word, and the record that was there."""

    async def expire(self, key: str, record: bytes, expires_ms: int) -> None:
        """Say until when a claim that holds this record is kept."""


def claim_key(network: str, asset: bytes, payer: bytes, nonce: bytes) -> str:
    """Give the key of an authorization: addresses of 20 bytes, a nonce of 32."""
    return f"{KEY_PREFIX}{network.lower()}:{_hex(asset)}:{_hex(payer)}:{_hex(nonce)}"


def key_of(payment: Payment) -> str:
    """Give the key of a payment's authorization."""
    authorization = payment.authorization
    return claim_key(payment.requirements.network, payment.requirements.asset, authorization.payer, authorization.nonce)


def expiry_ms(payment: Payment, now: int, retention_seconds: int) -> int:
    """Give when a claim may be forgotten, in milliseconds since 1970: never while its authorization could be used."""
    return 1000 * max(payment.authorization.valid_before + CLOCK_TOLERANCE_SECONDS, now + retention_seconds)


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
