"""Runs inside the image, where the cryptography is: signs payments with a key that is made here and forgotten here.

    python3 -c PROGRAM JSON

JSON is a list of payment requirements; printed are as many payment payloads. One key and one nonce are in all of them,
so that whoever settles a second one uses a nonce twice.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from typing import Any

from coincurve import PrivateKey

from service.protocol import eip712
from service.protocol.payment import X402_VERSION, Authorization

# As wallets do it: the clocks of buyer and seller may differ.
EARLIER_SECONDS = 60


def payloads(offers: list[dict[str, Any]], now: int) -> list[dict[str, Any]]:
    """Accept each offer with a payment of its own."""
    key, nonce = PrivateKey(), secrets.token_bytes(32)
    return [_payload(offer, key, nonce, now) for offer in offers]


def _payload(offer: dict[str, Any], key: PrivateKey, nonce: bytes, now: int) -> dict[str, Any]:
    authorization = Authorization(
        payer=eip712.address_of(key.public_key.format(compressed=False)),
        to=bytes.fromhex(offer["payTo"][2:]),
        value=int(offer["amount"]),
        valid_after=now - EARLIER_SECONDS,
        valid_before=now + offer["maxTimeoutSeconds"],
        nonce=nonce,
    )
    domain, asset = offer["extra"], bytes.fromhex(offer["asset"][2:])
    chain = eip712.chain_id(offer["network"])
    separator = eip712.domain_separator(domain["name"], domain["version"], chain, asset)
    signature = key.sign_recoverable(eip712.digest(separator, authorization), hasher=None)
    return {
        "x402Version": X402_VERSION,
        "accepted": offer,
        "payload": {
            # libsecp256k1 gives a recovery bit of 0 or 1; wallets write 27 or 28.
            "signature": "0x" + (signature[:64] + bytes([27 + signature[64]])).hex(),
            "authorization": {
                "from": "0x" + authorization.payer.hex(),
                "to": offer["payTo"],
                "value": offer["amount"],
                "validAfter": str(authorization.valid_after),
                "validBefore": str(authorization.valid_before),
                "nonce": "0x" + nonce.hex(),
            },
        },
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(payloads(json.loads(sys.argv[1]), int(time.time()))))
