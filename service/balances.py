"""Where a ledger's balances are kept, and how large they may be.

Operators' tools read it too, so nothing here needs the cryptography of the service.
"""

from __future__ import annotations

MOST = 2**63 - 1
KEY_PREFIX = "x402:ledger:"


def balance_key(network: str, asset: bytes, owner: bytes) -> str:
    """Give where a balance is kept; addresses are 20 bytes."""
    return f"{KEY_PREFIX}{network.lower()}:0x{asset.hex()}:0x{owner.hex()}"
