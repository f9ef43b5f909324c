"""Requests that are in order and requests that are spoiled in one way each, with the verdict we owe each of them.

`sdk` is what the x402 SDK says where it differs on purpose; the live comparison is in tests/oracles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.service.buyer import (
    AUTHORIZATION,
    NOW,
    SIGNATURE,
    SPEC_PAYER,
    SPEC_SIGNATURE,
    VALID_BEFORE,
    document,
    paid,
    put,
    sign,
    with_high_s,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Spoil = Callable[[dict[str, Any]], dict[str, Any]]

VALID = "valid"
STRANGER = "0x" + "99" * 20
REQUIRED, ACCEPTED = "paymentRequirements.", "paymentPayload.accepted."
BEFORE = "invalid_exact_evm_payload_authorization_valid_before"
AFTER = "invalid_exact_evm_payload_authorization_valid_after"
VALUE = "invalid_exact_evm_payload_authorization_value_mismatch"
RECIPIENT = "invalid_exact_evm_payload_recipient_mismatch"
BAD_SIGNATURE = "invalid_exact_evm_payload_signature"
REQUIREMENTS = "invalid_payment_requirements"
MALFORMED = "invalid_payload"


@dataclass(frozen=True)
class Case:
    name: str
    make: Callable[[], dict[str, Any]]
    verdict: str
    now: int = NOW
    sdk: str = ""
    """The SDK's verdict where it is another one; "raises" where it answers with an exception."""
    because: str = ""

    @property
    def sdk_verdict(self) -> str:
        return self.sdk or self.verdict


def changed(path: str, value: Any, *, signed_after: bool = False) -> Callable[[], dict[str, Any]]:
    def make() -> dict[str, Any]:
        target = put(paid(), path, value)
        return sign(target) if signed_after else target

    return make


def both(key: str, value: Any) -> Callable[[], dict[str, Any]]:
    return lambda: put(put(paid(), REQUIRED + key, value), ACCEPTED + key, value)


def spec_example() -> dict[str, Any]:
    return put(put(document(), AUTHORIZATION + "from", SPEC_PAYER), SIGNATURE, SPEC_SIGNATURE)


def with_v(v: int) -> Callable[[], dict[str, Any]]:
    def make() -> dict[str, Any]:
        target = paid()
        old = target["paymentPayload"]["payload"]["signature"]
        kept = int(old[-2:], 16) - 27
        return put(target, SIGNATURE, f"{old[:-2]}{(kept if v == 0 else v):02x}")

    return make


def cased(path: str, change: Callable[[str], str]) -> Callable[[], dict[str, Any]]:
    def make() -> dict[str, Any]:
        target = paid()
        place: Any = target
        for name in path.split("."):
            place = place[name]
        return put(target, path, "0x" + change(place[2:]))

    return make


CASES = (
    Case("signed with a fresh key", paid, VALID),
    Case("the specification's example", spec_example, VALID),
    Case("the first second", spec_example, VALID, now=1740672089),
    Case("the second before the first", spec_example, AFTER, now=1740672088),
    Case("the last second", spec_example, VALID, now=1740672148),
    Case("the second after the last", spec_example, BEFORE, now=1740672149),
    Case("over before it begins", lambda: paid(valid_after=NOW + 20, valid_before=NOW - 20), BEFORE),
    Case("validAfter is 0", lambda: paid(valid_after=0), VALID),
    Case("the amount is 0", lambda: paid(amount=0), VALID),
    Case("the amount is the largest", lambda: paid(amount=2**256 - 1), VALID),
    Case("recovery bit 0 or 1", with_v(0), VALID),
    Case("payer in lower case", cased(AUTHORIZATION + "from", str.lower), VALID),
    Case("payer in upper case", cased(AUTHORIZATION + "from", str.upper), VALID),
    Case("recipient in lower case", cased(AUTHORIZATION + "to", str.lower), VALID),
    Case("nonce in upper case", cased(AUTHORIZATION + "nonce", str.upper), VALID),
    Case("signature in upper case", cased(SIGNATURE, str.upper), VALID),
    Case("extra says the transfer method", both("extra.assetTransferMethod", "eip3009"), VALID),
    Case("the resource is left out", changed("paymentPayload.resource", ...), VALID),
    Case("accepted has another scheme", changed(ACCEPTED + "scheme", "upto"), "unsupported_scheme"),
    Case("accepted has another network", changed(ACCEPTED + "network", "eip155:8453"), "network_mismatch"),
    Case("extra without name", both("extra.name", ...), "missing_eip712_domain"),
    Case("extra without version", both("extra.version", ...), "missing_eip712_domain"),
    Case("no extra", both("extra", ...), "missing_eip712_domain"),
    Case("pays a stranger", changed(AUTHORIZATION + "to", STRANGER, signed_after=True), RECIPIENT),
    Case("pays less", changed(AUTHORIZATION + "value", "9999", signed_after=True), VALUE),
    Case("pays more", changed(AUTHORIZATION + "value", "10001", signed_after=True), VALUE),
    Case("a stranger's signature", lambda: sign(paid(), b"\x22" * 32), BAD_SIGNATURE),
    Case("another nonce than signed", changed(AUTHORIZATION + "nonce", "0x" + "00" * 32), BAD_SIGNATURE),
    Case("another validAfter than signed", changed(AUTHORIZATION + "validAfter", "0"), BAD_SIGNATURE),
    Case("another validBefore than signed", changed(AUTHORIZATION + "validBefore", "1740672155"), BAD_SIGNATURE),
    Case("another payer than signed", changed(AUTHORIZATION + "from", STRANGER), BAD_SIGNATURE),
    Case("r and s are 0", changed(SIGNATURE, "0x" + "00" * 64 + "1b"), BAD_SIGNATURE),
    Case("r and s are the largest", changed(SIGNATURE, "0x" + "ff" * 64 + "1b"), BAD_SIGNATURE),
)

STRICTER = (
    Case(
        "the twin with a high s",
        lambda: with_high_s(paid()),
        BAD_SIGNATURE,
        sdk=VALID,
        because="anybody can compute it: two spellings of one payment",
    ),
    Case(
        "accepted has another amount",
        changed(ACCEPTED + "amount", "1"),
        REQUIREMENTS,
        sdk=VALID,
        because="the buyer did not accept what the seller requires",
    ),
    Case(
        "accepted pays a stranger", changed(ACCEPTED + "payTo", STRANGER), REQUIREMENTS, sdk=VALID, because="as above"
    ),
    Case(
        "accepted has another asset", changed(ACCEPTED + "asset", STRANGER), REQUIREMENTS, sdk=VALID, because="as above"
    ),
    Case(
        "accepted has another time",
        changed(ACCEPTED + "maxTimeoutSeconds", 61),
        REQUIREMENTS,
        sdk=VALID,
        because="same",
    ),
    Case(
        "accepted has another extra", changed(ACCEPTED + "extra.x", value=True), REQUIREMENTS, sdk=VALID, because="same"
    ),
    Case(
        "an asset that is not configured",
        both("asset", STRANGER),
        REQUIREMENTS,
        sdk=BAD_SIGNATURE,
        because="assets come from the configuration",
    ),
    Case(
        "a network that is not configured",
        both("network", "eip155:8453"),
        "invalid_network",
        sdk=BAD_SIGNATURE,
        because="same",
    ),
    Case("another domain", both("extra.name", "USD Coin"), REQUIREMENTS, sdk=BAD_SIGNATURE, because="the domain too"),
    Case(
        "a payTo that is not configured",
        lambda: sign(put(both("payTo", STRANGER)(), AUTHORIZATION + "to", STRANGER)),
        REQUIREMENTS,
        sdk=VALID,
        because="payTo too: a seller's typing error would pay somebody else",
    ),
    Case(
        "far ahead",
        lambda: paid(valid_before=VALID_BEFORE + 10**6),
        BEFORE,
        sdk=VALID,
        because="a claim is kept as long as its authorization could be used",
    ),
    Case(
        "64 bytes of signature",
        lambda: put(paid(), SIGNATURE, paid()["paymentPayload"]["payload"]["signature"][:-2]),
        BAD_SIGNATURE,
        sdk="invalid_exact_evm_payload_undeployed_smart_wallet",
        because="without a chain a contract wallet cannot be told from a fault",
    ),
    Case(
        "no signature at all",
        changed(SIGNATURE, "0x"),
        BAD_SIGNATURE,
        sdk="invalid_exact_evm_payload_undeployed_smart_wallet",
        because="as above",
    ),
    Case(
        "v is 29",
        with_v(29),
        BAD_SIGNATURE,
        sdk="invalid_exact_evm_failed_to_verify_signature",
        because="one reason for every signature that is none",
    ),
    Case(
        "value in another notation", changed(AUTHORIZATION + "value", "1_0000"), MALFORMED, sdk=VALID, because="strict"
    ),
    Case("value with spaces", changed(AUTHORIZATION + "value", " 10000 "), MALFORMED, sdk=VALID, because="strict"),
    Case(
        "value in Arabic digits",
        changed(AUTHORIZATION + "value", "\u0661\u0660\u0660\u0660\u0660"),
        MALFORMED,
        sdk=VALID,
        because="strict",
    ),
    Case("value with a sign", changed(AUTHORIZATION + "value", "+10000"), MALFORMED, sdk=VALID, because="strict"),
    Case(
        "value with a leading zero", changed(AUTHORIZATION + "value", "010000"), MALFORMED, sdk=VALID, because="strict"
    ),
    Case("value with an exponent", changed(AUTHORIZATION + "value", "1e4"), MALFORMED, sdk="raises", because="strict"),
    Case(
        "signature without 0x",
        lambda: put(paid(), SIGNATURE, paid()["paymentPayload"]["payload"]["signature"][2:]),
        MALFORMED,
        sdk=VALID,
        because="strict",
    ),
)
