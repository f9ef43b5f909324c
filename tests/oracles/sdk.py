"""The x402 SDK's own verdict, offline: its `ExactEvmScheme` over a signer that answers what a quiet chain would."""

from __future__ import annotations

import time
from typing import Any
from unittest import mock

from x402.mechanisms.evm.exact.facilitator import ExactEvmScheme
from x402.schemas import PaymentPayload, PaymentRequirements

from tests.service.protocol.corpus import VALID, Case


class QuietChain:
    """Every payer is a plain key, every asset is a contract, every call succeeds."""

    def __init__(self, asset: str) -> None:
        self._asset = asset.lower()

    def get_addresses(self) -> list[str]:
        return []

    def get_code(self, address: str) -> bytes:
        return b"\x60" if address.lower() == self._asset else b""

    def read_contract(self, *_: Any) -> None:
        return None


def verdict(case: Case) -> str:
    """Give the SDK's reason, `valid`, or `raises` where it throws instead of answering."""
    target = case.make()
    asset = target["paymentRequirements"]["asset"]
    scheme = ExactEvmScheme(QuietChain(asset))
    try:
        payload = PaymentPayload.model_validate(target["paymentPayload"])
        requirements = PaymentRequirements.model_validate(target["paymentRequirements"])
        with mock.patch.object(time, "time", return_value=float(case.now)):
            answer = scheme.verify(payload, requirements)
    except Exception:  # noqa: BLE001 - that it throws is what is recorded
        return "raises"
    return VALID if answer.is_valid else str(answer.invalid_reason)
