"""Runs inside the image, where the cryptography is: signs payments with a key that is made here and forgotten here.

    python3 -c PROGRAM JSON CHAIN

JSON is a list of payment requirements, CHAIN the chain id to sign with; printed are as many payment payloads. One key
and one nonce are in all of them, so that whoever settles a second one uses a nonce twice.

What is signed (EIP-712 over EIP-3009) is laid out here once more, and nothing of the service is used: a program that is
proven with its own code is not proven.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from typing import Any

from coincurve import PrivateKey
from sha3 import keccak_256

# As wallets do it: the clocks of buyer and seller may differ.
EARLIER_SECONDS = 60
DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
TRANSFER = (
    "TransferWithAuthorization"
    "(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
)


def payloads(offers: list[dict[str, Any]], chain: int, now: int) -> list[dict[str, Any]]:
    """Accept each offer with a payment of its own."""
    key, nonce = PrivateKey(), secrets.token_bytes(32)
    payer = keccak(key.public_key.format(compressed=False)[1:])[12:]
    return [_payload(offer, chain, key, _authorization(offer, payer, nonce, now)) for offer in offers]


def digest(offer: dict[str, Any], chain: int, authorization: dict[str, str]) -> bytes:
    """Return the 32 bytes to sign."""
    extra = offer["extra"]
    domain = keccak(
        keccak(DOMAIN.encode())
        + keccak(extra["name"].encode())
        + keccak(extra["version"].encode())
        + chain.to_bytes(32, "big")
        + word(offer["asset"])
    )
    message = keccak(keccak(TRANSFER.encode()) + b"".join(map(word, authorization.values())))
    return keccak(b"\x19\x01" + domain + message)


def word(text: str) -> bytes:
    """Return a decimal number, an address or a nonce as the 32 bytes that it is in a message."""
    return int(text, 0).to_bytes(32, "big")


def keccak(data: bytes) -> bytes:
    """Return Ethereum's hash."""
    return bytes(keccak_256(data).digest())


def _authorization(offer: dict[str, Any], payer: bytes, nonce: bytes, now: int) -> dict[str, str]:
    # In the order of the message's fields.
    return {
        "from": "0x" + payer.hex(),
        "to": offer["payTo"],
        "value": offer["amount"],
        "validAfter": str(now - EARLIER_SECONDS),
        "validBefore": str(now + offer["maxTimeoutSeconds"]),
        "nonce": "0x" + nonce.hex(),
    }


def _payload(offer: dict[str, Any], chain: int, key: PrivateKey, authorization: dict[str, str]) -> dict[str, Any]:
    signature = key.sign_recoverable(digest(offer, chain, authorization), hasher=None)
    # libsecp256k1 gives a recovery bit of 0 or 1; wallets write 27 or 28.
    written = "0x" + (signature[:64] + bytes([27 + signature[64]])).hex()
    return {"x402Version": 2, "accepted": offer, "payload": {"signature": written, "authorization": authorization}}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(payloads(json.loads(sys.argv[1]), int(sys.argv[2]), int(time.time()))))
