"""The decision: the checks in their order, the first that fails gives the reason.

Everything that can be known without a chain and without storage is decided here; whether the nonce is still free is
asked afterwards, of Redis. Order and reasons follow the x402 v2 specification.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.protocol import eip712
from service.protocol.reasons import Reason
from service.protocol.strict_json import same

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from service.protocol.payment import Authorization, Payment, Requirements

_COMPARED = {"asset": "asset", "amount": "amount", "pay_to": "payTo", "max_timeout_seconds": "maxTimeoutSeconds"}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of payment that is accepted. `separator` is what its signatures are bound to, 32 bytes."""

    scheme: str
    network: str
    asset: bytes
    name: str
    version: str
    pay_to: frozenset[bytes]
    separator: bytes

    @classmethod
    def of(cls, scheme: str, network: str, asset: str, domain: tuple[str, str], pay_to: Iterable[str]) -> Kind:
        """Make a kind of its configuration; addresses are texts of 0x and 40 hex digits."""
        contract = bytes.fromhex(asset[2:])
        name, version = domain
        return cls(
            scheme=scheme,
            network=network,
            asset=contract,
            name=name,
            version=version,
            pay_to=frozenset(bytes.fromhex(address[2:]) for address in pay_to),
            separator=eip712.domain_separator(name, version, eip712.chain_id(network), contract),
        )


@dataclass(frozen=True, slots=True)
class Window:
    """When an authorization may be taken, in seconds."""

    skew_seconds: int
    max_seconds: int


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why not: the reason for programs, the message for people. Neither repeats what the client sent."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Judge:
    """Decides by the configuration; knows no clock."""

    kinds: Mapping[tuple[str, str, bytes], Kind]
    window: Window

    @classmethod
    def of(cls, kinds: Iterable[Kind], window: Window) -> Judge:
        """Make a judge for these kinds."""
        return cls({(kind.scheme, kind.network, kind.asset): kind for kind in kinds}, window)

    def decide(self, payment: Payment, now: int) -> Rejection | bytes:
        """Give the digest, 32 bytes, of a payment that is in order at `now` (seconds since 1970), or why it is not."""
        required = payment.requirements
        kind = self.kinds.get((required.scheme, required.network, required.asset))
        if kind is None:
            return self._unknown_kind(required)
        rejection = (
            _differs(required, payment.accepted)
            or _domain(required, kind)
            or _parties(required, payment.authorization, kind)
            or self._times(payment.authorization, now)
        )
        if rejection is not None:
            return rejection
        digest = eip712.digest(kind.separator, payment.authorization)
        if eip712.recover(digest, payment.signature) != payment.authorization.payer:
            return Rejection(Reason.SIGNATURE, "not a signature of 65 bytes with a low s, made by `from` over this")
        return digest

    def last_moment(self, payment: Payment) -> int:
        """Give the last second at which an authorization could still be taken."""
        return payment.authorization.valid_before - self.window.skew_seconds

    def _unknown_kind(self, required: Requirements) -> Rejection:
        if all(required.scheme != scheme for scheme, _, _ in self.kinds):
            return Rejection(Reason.UNSUPPORTED_SCHEME, "the scheme is not configured here")
        if all(required.network != network for _, network, _ in self.kinds):
            return Rejection(Reason.INVALID_NETWORK, "the network is not configured here")
        return Rejection(Reason.INVALID_PAYMENT_REQUIREMENTS, "the asset is not configured for this network")

    def _times(self, authorization: Authorization, now: int) -> Rejection | None:
        # In the SDK's order: of two reasons everybody gives the same one.
        if authorization.valid_before < now + self.window.skew_seconds:
            return Rejection(Reason.VALID_BEFORE, f"less than {self.window.skew_seconds} s are left")
        if authorization.valid_after > now:
            return Rejection(Reason.VALID_AFTER, "the authorization is not valid yet")
        if authorization.valid_before > now + self.window.max_seconds:
            # A claim is kept as long as its authorization could be used: without a bound, for ever.
            return Rejection(Reason.VALID_BEFORE, f"more than {self.window.max_seconds} s ahead")
        return None


def _differs(required: Requirements, accepted: Requirements) -> Rejection | None:
    if accepted.scheme != required.scheme:
        return Rejection(Reason.UNSUPPORTED_SCHEME, "the accepted scheme is not the required one")
    if accepted.network != required.network:
        return Rejection(Reason.NETWORK_MISMATCH, "the accepted network is not the required one")
    if accepted[:-1] != required[:-1]:
        (words, *_) = (words for key, words in _COMPARED.items() if getattr(accepted, key) != getattr(required, key))
        return Rejection(Reason.INVALID_PAYMENT_REQUIREMENTS, f"accepted and required differ in {words}")
    if not same(accepted.extra, required.extra):
        return Rejection(Reason.INVALID_PAYMENT_REQUIREMENTS, "accepted and required differ in extra")
    return None


def _domain(required: Requirements, kind: Kind) -> Rejection | None:
    extra = required.extra
    if "name" not in extra or "version" not in extra:
        return Rejection(Reason.MISSING_EIP712_DOMAIN, "extra must hold name and version")
    if extra["name"] != kind.name or extra["version"] != kind.version:
        return Rejection(Reason.INVALID_PAYMENT_REQUIREMENTS, "extra is not the domain that is configured here")
    return None


def _parties(required: Requirements, authorization: Authorization, kind: Kind) -> Rejection | None:
    if required.pay_to not in kind.pay_to:
        return Rejection(Reason.INVALID_PAYMENT_REQUIREMENTS, "payTo is not configured here")
    if authorization.to != required.pay_to:
        return Rejection(Reason.RECIPIENT_MISMATCH, "the authorization pays somebody else")
    if authorization.value != required.amount:
        return Rejection(Reason.VALUE_MISMATCH, "the authorization is over another amount")
    return None
