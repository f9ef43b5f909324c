"""A buyer with a throw-away key, and what a seller asks and sends on.

The toolkit signs nothing itself: the libraries for it have no wheels for every Python that it runs on, and the image
has them. `wallet_program` runs there, and the key never leaves it.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.config import Config

X402_VERSION = 2
LONGEST_SECONDS = 300
PROGRAM = Path(__file__).with_name("wallet_program.py")


@dataclass(frozen=True)
class Payment:
    """A signed payment."""

    payload: dict[str, Any]

    @property
    def authorization(self) -> dict[str, str]:
        """What was signed."""
        found: dict[str, str] = self.payload["payload"]["authorization"]
        return found

    @property
    def signature(self) -> str:
        """The buyer's word: who has it can broadcast the payment."""
        return str(self.payload["payload"]["signature"])

    @property
    def record_path(self) -> str:
        """Where the facilitator tells of its settlement."""
        offer, signed = self.payload["accepted"], self.authorization
        return f"/settlements/{offer['network']}/{offer['asset']}/{signed['from']}/{signed['nonce']}"

    @property
    def request(self) -> dict[str, Any]:
        """What a seller sends to /verify and /settle."""
        return {
            "x402Version": X402_VERSION,
            "paymentPayload": self.payload,
            "paymentRequirements": self.payload["accepted"],
        }

    def altered(self) -> Payment:
        """Return a payment that says something else than was signed: another nonce."""
        payload = copy.deepcopy(self.payload)
        nonce = self.authorization["nonce"]
        payload["payload"]["authorization"]["nonce"] = nonce[:-1] + ("1" if nonce.endswith("0") else "0")
        return Payment(payload)


def offer(config: Config, amount: int) -> dict[str, Any]:
    """Return payment requirements of the first kind that a facilitator is configured for."""
    kind, settlement = config.kinds[0], config.settlement
    return {
        "scheme": kind.scheme,
        "network": kind.network,
        "amount": str(amount),
        "asset": kind.asset,
        "payTo": kind.pay_to[0],
        "maxTimeoutSeconds": min(settlement.max_window_seconds, settlement.skew_seconds + LONGEST_SECONDS),
        "extra": {"name": kind.domain_name, "version": kind.domain_version},
    }


def chain_id(network: str, supported: Mapping[str, Any]) -> int:
    """Return the chain id to sign with: the network's own, or what /supported tells of one that is no chain.

    Raises KeyError when it does not tell.
    """
    namespace, _, reference = network.partition(":")
    if namespace == "eip155":
        return int(reference)
    told = {kind["network"]: kind.get("extra") or {} for kind in supported["kinds"]}
    return int(told[network]["chainId"])


def signing(offers: Sequence[dict[str, Any]], chain: int) -> list[str]:
    """Return the command that signs, to be run inside the image."""
    return ["python3", "-c", PROGRAM.read_text(encoding="utf-8"), json.dumps(list(offers)), str(chain)]


def signed(output: str) -> list[Payment]:
    """Return what the command printed. Raises ValueError when it is something else."""
    found = json.loads(output)
    if not isinstance(found, list):
        raise ValueError("not a list of payments")  # noqa: TRY004 - one error for whatever else was printed
    return [Payment(payload) for payload in found]
