"""The facilitator that one would write with the x402 SDK on FastAPI: what the service's speed is measured beside.

It is given every advantage: coincurve under eth-account, httptools and uvloop under uvicorn, no access log, no storage,
no token, and a chain that answers at once. Run it with `python -m bench.peer PORT`.
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI
from x402 import x402Facilitator
from x402.mechanisms.evm.exact.facilitator import ExactEvmScheme
from x402.schemas import PaymentPayload, PaymentRequirements

from tests.oracles.sdk import QuietChain
from tests.service.buyer import ASSET, NETWORK


def application() -> FastAPI:
    """Make the application."""
    facilitator = x402Facilitator()
    facilitator.register([NETWORK], ExactEvmScheme(QuietChain(ASSET)))
    app = FastAPI()

    @app.get("/health")  # type: ignore[untyped-decorator]
    async def health() -> dict[str, str]:
        return {"status": "healthy"}

    @app.post("/verify")  # type: ignore[untyped-decorator]
    async def verify(request: dict[str, Any]) -> dict[str, Any]:
        payload = PaymentPayload.model_validate(request["paymentPayload"])
        requirements = PaymentRequirements.model_validate(request["paymentRequirements"])
        answer = await facilitator.verify(payload, requirements)
        document: dict[str, Any] = answer.model_dump(by_alias=True, exclude_none=True)
        return document

    return app


if __name__ == "__main__":
    uvicorn.run(
        application(), host="127.0.0.1", port=int(sys.argv[1]), http="httptools", loop="uvloop", access_log=False
    )
