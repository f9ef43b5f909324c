"""A buyer: makes requests as clients do, signs them, and spoils them as asked."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

from coincurve import PrivateKey

from service.protocol import eip712
from service.protocol.judge import Judge, Kind, Window
from service.protocol.payment import Authorization

NETWORK = "eip155:84532"
ASSET = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
PAY_TO = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"
DOMAIN = ("USDC", "2")
KEY = b"\x11" * 32
PAYER = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
SPEC_PAYER = "0x857b06519E91e3A54538791bDbb0E22373e36b66"
SPEC_SIGNATURE = (
    "0x2d6a7588d6acca505cbf0d9a4a227e0c52c6c34008c8e8986a1283259764173608a2ce6496642e377d6da8dbbf5836e9"
    "bd15092f9ecab05ded3d6293af148b571c"
)
VALID_AFTER, VALID_BEFORE = 1740672089, 1740672154
NOW = 1740672100
KIND = Kind.of("exact", NETWORK, ASSET, DOMAIN, [PAY_TO])
JUDGE = Judge.of([KIND], Window(skew_seconds=6, max_seconds=3600))


def document() -> dict[str, Any]:
    """The specification's own example, unsigned."""
    requirements = {
        "scheme": "exact",
        "network": NETWORK,
        "amount": "10000",
        "asset": ASSET,
        "payTo": PAY_TO,
        "maxTimeoutSeconds": 60,
        "extra": {"name": "USDC", "version": "2"},
    }
    return {
        "x402Version": 2,
        "paymentPayload": {
            "x402Version": 2,
            "resource": {"url": "https://api.example.com/premium-data", "mimeType": "application/json"},
            "accepted": copy.deepcopy(requirements),
            "payload": {
                "signature": "0x" + "00" * 65,
                "authorization": {
                    "from": PAYER,
                    "to": PAY_TO,
                    "value": "10000",
                    "validAfter": str(VALID_AFTER),
                    "validBefore": str(VALID_BEFORE),
                    "nonce": "0xf3746613c2d920b5fdabc0856f2aeb2d4f88ee6037b8cc5d04a71a4462f13480",
                },
            },
        },
        "paymentRequirements": requirements,
    }


def put(target: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Set what a dotted path names; `...` removes it."""
    *parents, last = path.split(".")
    place = target
    for name in parents:
        place = place[name]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return target


AUTHORIZATION = "paymentPayload.payload.authorization."
SIGNATURE = "paymentPayload.payload.signature"


def authorization_of(target: dict[str, Any]) -> Authorization:
    """Read back what a document authorizes, trusting it."""
    fields = target["paymentPayload"]["payload"]["authorization"]
    return Authorization(
        payer=bytes.fromhex(fields["from"][2:]),
        to=bytes.fromhex(fields["to"][2:]),
        value=int(fields["value"]),
        valid_after=int(fields["validAfter"]),
        valid_before=int(fields["validBefore"]),
        nonce=bytes.fromhex(fields["nonce"][2:]),
    )


def sign(target: dict[str, Any], key: bytes = KEY, kind: Kind = KIND) -> dict[str, Any]:
    """Sign with v 27 or 28."""
    digest = eip712.digest(kind.separator, authorization_of(target))
    signature = PrivateKey(key).sign_recoverable(digest, hasher=None)
    return put(target, SIGNATURE, "0x" + (signature[:64] + bytes([27 + signature[64]])).hex())


def address(key: bytes) -> str:
    return "0x" + eip712.address_of(PrivateKey(key).public_key.format(compressed=False)).hex()


def paid(
    *,
    nonce: bytes | None = None,
    amount: int = 10_000,
    key: bytes = KEY,
    kind: Kind = KIND,
    valid_after: int = VALID_AFTER,
    valid_before: int = VALID_BEFORE,
) -> dict[str, Any]:
    """Make a signed request that is in order."""
    target = document()
    for requirements in (target["paymentRequirements"], target["paymentPayload"]["accepted"]):
        requirements["amount"] = str(amount)
        requirements["network"] = kind.network
    fields = target["paymentPayload"]["payload"]["authorization"]
    fields |= {"from": PAYER if key == KEY else address(key), "value": str(amount)}
    fields |= {"validAfter": str(valid_after), "validBefore": str(valid_before)}
    if nonce is not None:
        fields["nonce"] = "0x" + nonce.hex()
    return sign(target, key, kind)


def with_high_s(target: dict[str, Any]) -> dict[str, Any]:
    """Replace the signature by its twin, which anybody can compute."""
    signature = bytes.fromhex(target["paymentPayload"]["payload"]["signature"][2:])
    s = eip712.CURVE_ORDER - int.from_bytes(signature[32:64])
    return put(target, SIGNATURE, "0x" + (signature[:32] + s.to_bytes(32) + bytes([55 - signature[64]])).hex())


def body(target: dict[str, Any]) -> bytes:
    return json.dumps(target).encode()


def ledger_kind(name: str = "credits") -> Kind:
    return Kind.of("exact", f"ledger:{name}", ASSET, DOMAIN, [PAY_TO])


def wider(seconds: int) -> Judge:
    return replace(JUDGE, window=Window(6, seconds))
