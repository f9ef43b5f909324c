"""The facilitator that one would write with the x402 SDK on FastAPI: what the service's speed is measured beside.

`python -m bench.peer PORT` is bare and is given every advantage: no access log, no storage, no token, and a chain that
answers at once. `python -m bench.peer PORT SHARED` does the same work as the service: SHARED is a JSON file with where
Redis is, and with the hash of the token that clients must send; its access log is uvicorn's, which is on by default.
Both have coincurve under eth-account, and httptools and uvloop under uvicorn.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from redis import Redis
from x402 import x402Facilitator
from x402.mechanisms.evm.exact.facilitator import ExactEvmScheme
from x402.schemas import PaymentPayload, PaymentRequirements

from service.claims import claim_key
from tests.oracles.sdk import QuietChain
from tests.service.buyer import ASSET, NETWORK

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Shared:
    """What a peer shares with others that do the same work."""

    host: str
    port: int
    username: str
    password_file: str
    token_sha256: str


class RememberingChain(QuietChain):
    """Fails the transfer of a nonce that Redis knows, as a chain would. Nothing else of a chain is asked of it.

    The SDK's signer is synchronous, so redis-py is too: it waits while Redis answers, and costs less than the other.
    """

    def __init__(self, asset: str, shared: Shared) -> None:
        super().__init__(asset)
        # As the service: RESP2, and nothing sent on connecting that the ACL does not allow.
        self._redis = Redis(
            host=shared.host,
            port=shared.port,
            username=shared.username,
            password=Path(shared.password_file).read_text(encoding="utf-8").strip(),
            protocol=2,
            driver_info=None,
        )

    def read_contract(self, address: str, _abi: Any, function: str, *words: Any) -> None:
        """Simulate a transfer: the first word is the payer, the sixth the nonce."""
        if function != "transferWithAuthorization":
            return
        payer, nonce = bytes.fromhex(words[0][2:]), words[5]
        if self._redis.get(claim_key(NETWORK, bytes.fromhex(address[2:]), payer, nonce)) is not None:
            raise ValueError("execution reverted: FiatTokenV2: authorization is used or canceled")


def application(shared: Shared | None) -> FastAPI:
    """Make the application."""
    facilitator = x402Facilitator()
    chain = QuietChain(ASSET) if shared is None else RememberingChain(ASSET, shared)
    facilitator.register([NETWORK], ExactEvmScheme(chain))
    app = FastAPI()

    @app.get("/health")  # type: ignore[untyped-decorator]
    async def health() -> dict[str, str]:
        return {"status": "healthy"}

    guards = [] if shared is None else [Depends(_guard(shared.token_sha256))]

    @app.post("/verify", dependencies=guards)  # type: ignore[untyped-decorator]
    async def verify(request: dict[str, Any]) -> dict[str, Any]:
        payload = PaymentPayload.model_validate(request["paymentPayload"])
        requirements = PaymentRequirements.model_validate(request["paymentRequirements"])
        answer = await facilitator.verify(payload, requirements)
        document: dict[str, Any] = answer.model_dump(by_alias=True, exclude_none=True)
        return document

    return app


def _guard(token_sha256: str) -> Callable[[str], Any]:
    async def guard(authorization: Annotated[str, Header()] = "") -> None:
        digest = hashlib.sha256(authorization.removeprefix("Bearer ").encode()).hexdigest()
        if not hmac.compare_digest(digest, token_sha256):
            raise HTTPException(status_code=401)

    return guard


def main(port: str, shared_file: str = "") -> None:
    """Serve."""
    shared = Shared(**json.loads(Path(shared_file).read_text(encoding="utf-8"))) if shared_file else None
    uvicorn.run(
        application(shared),
        host="127.0.0.1",
        port=int(port),
        http="httptools",
        loop="uvloop",
        access_log=shared is not None,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
