"""What users really run, unchanged, against the container: the x402 SDK's facilitator client, its FastAPI seller
middleware, and its paying HTTP client."""

from __future__ import annotations

import threading
import time
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from eth_account import Account
from fastapi import FastAPI
from x402 import x402Client, x402ResourceServer
from x402.http import CreateHeadersAuthProvider, FacilitatorConfig, HTTPFacilitatorClient
from x402.http.clients.httpx import x402HttpxClient
from x402.http.middleware.fastapi import payment_middleware
from x402.http.utils import decode_payment_response_header
from x402.mechanisms.evm.exact.client import ExactEvmScheme as BuyerScheme
from x402.mechanisms.evm.exact.server import ExactEvmScheme as SellerScheme
from x402.schemas import AssetAmount, PaymentPayload, PaymentRequirements

from service.balances import balance_key
from service.protocol import eip712
from tests.docker.pier import TOKEN, Pier, pier
from tests.docker.yard import free_port
from tests.service.buyer import ASSET, DOMAIN, NETWORK, PAY_TO, paid

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.docker.yard import Ship

LEDGER = "ledger:credits"
PRICE = 10_000
GUARD_SECONDS = 30
EXTRA = {"name": DOMAIN[0], "version": DOMAIN[1]}


class LedgerBuyer(BuyerScheme):  # type: ignore[misc] # the SDK is not installed where mypy runs
    """The SDK's own buyer, told which chain id to sign for: that of a chain is in its network's name."""

    def create_payment_payload(self, requirements: Any, extensions: Any = None) -> Any:
        signed_for = f"eip155:{requirements.extra['chainId']}"
        return super().create_payment_payload(requirements.model_copy(update={"network": signed_for}), extensions)


@pytest.fixture(scope="module")
def record(healthy: Ship, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pier]:
    with pier(healthy.image, tmp_path_factory.mktemp("record")) as found:
        yield found


@pytest.fixture(scope="module")
def ledger(healthy: Ship, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pier]:
    kind: dict[str, Any] = {"scheme": "exact", "network": LEDGER, "asset": ASSET, "payTo": [PAY_TO]}
    kind["domain"] = dict(EXTRA)
    folder = tmp_path_factory.mktemp("ledger")
    with pier(healthy.image, folder, kinds=[kind], settlement={"mode": "ledger"}) as found:
        yield found


def facilitator(at: Pier) -> HTTPFacilitatorClient:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    auth = CreateHeadersAuthProvider(lambda: {"verify": bearer, "settle": bearer, "supported": {}})
    return HTTPFacilitatorClient(FacilitatorConfig(url=at.url, auth_provider=auth))


@contextmanager
def seller(at: Pier, network: str, extra: dict[str, Any]) -> Iterator[str]:
    """A shop as one writes it with the SDK and FastAPI; gives the address of what is for sale."""
    client = facilitator(at)
    server = x402ResourceServer(client)
    server.register(network, SellerScheme())
    price = AssetAmount(amount=str(PRICE), asset=ASSET, extra=extra)
    accepts = {"scheme": "exact", "network": network, "payTo": PAY_TO, "price": price}
    guard = payment_middleware({"GET /weather": {"accepts": accepts}}, server)

    @asynccontextmanager
    async def closing(_: FastAPI) -> AsyncIterator[None]:
        async with client:
            yield

    app = FastAPI(lifespan=closing)
    app.middleware("http")(guard)

    @app.get("/weather")  # type: ignore[untyped-decorator]
    async def weather() -> dict[str, str]:
        return {"weather": "fair"}

    port = free_port()
    shop = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", loop="asyncio"))
    thread = threading.Thread(target=shop.run)
    thread.start()
    try:
        deadline = time.monotonic() + GUARD_SECONDS
        while not shop.started:
            assert time.monotonic() < deadline, "the shop did not open"
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}/weather"
    finally:
        shop.should_exit = True
        thread.join()


def document_of(target: dict[str, Any]) -> tuple[PaymentPayload, PaymentRequirements]:
    payload = PaymentPayload.model_validate(target["paymentPayload"])
    return payload, PaymentRequirements.model_validate(target["paymentRequirements"])


async def test_the_sdk_s_facilitator_client_verifies_and_settles(record: Pier) -> None:
    signed = paid(valid_after=0, valid_before=int(time.time()) + 600)
    async with facilitator(record) as client:
        (kind,) = client.get_supported().kinds
        assert (kind.scheme, kind.network, kind.x402_version) == ("exact", NETWORK, 2)
        verified = await client.verify(*document_of(signed))
        assert (verified.is_valid, verified.invalid_reason) == (True, None)
        for _ in range(2):
            settled = await client.settle(*document_of(signed))
            assert (settled.success, settled.error_reason, settled.transaction) == (
                False,
                "settlement_not_broadcast",
                "",
            )
        again = await client.verify(*document_of(signed))
        assert (again.is_valid, again.invalid_reason) == (False, "invalid_exact_evm_nonce_already_used")
    fields = signed["paymentPayload"]["payload"]["authorization"]
    status, kept = record.get(f"/settlements/{NETWORK}/{ASSET}/{fields['from']}/{fields['nonce']}")
    assert (status, kept["amount"], kept["client"]) == (200, str(PRICE), "shop")


async def test_without_its_token_the_client_is_refused(record: Pier) -> None:
    async with HTTPFacilitatorClient(FacilitatorConfig(url=record.url)) as client:
        with pytest.raises(ValueError, match="401"):
            await client.verify(*document_of(paid()))


async def test_the_sdk_s_buyer_pays_the_sdk_s_seller_in_credits(ledger: Pier) -> None:
    account = Account.create()
    asset = bytes.fromhex(ASSET[2:])
    purse, till = (balance_key(LEDGER, asset, bytes.fromhex(who[2:])) for who in (account.address, PAY_TO))
    ledger.redis.admin("SET", purse, str(2 * PRICE))
    extra = {**EXTRA, "chainId": eip712.chain_id(LEDGER)}
    client = x402Client().register(LEDGER, LedgerBuyer(account))
    # The SDK pays in assets that it knows, and in those that its user allows.
    client.set_spend_controls({"allowed_assets": [{"network": LEDGER, "asset": ASSET}]})
    with seller(ledger, LEDGER, extra) as weather:
        async with x402HttpxClient(client) as buyer:
            for bought in (1, 2):
                answer = await buyer.get(weather)
                assert (answer.status_code, answer.json()) == (200, {"weather": "fair"})
                told = decode_payment_response_header(answer.headers["payment-response"])
                assert (told.success, told.network, told.payer) == (True, LEDGER, account.address)
                assert ledger.redis.admin("GET", till) == str(bought * PRICE)
            # The purse is empty, and the seller is told so before it hands anything out.
            refused = await buyer.get(weather)
            assert refused.status_code == 402
            assert "fair" not in refused.text
    assert ledger.redis.admin("GET", purse) == "0"


async def test_the_sdk_s_seller_hands_nothing_out_for_what_is_only_recorded(record: Pier) -> None:
    client = x402Client().register("eip155:*", BuyerScheme(Account.create()))
    with seller(record, NETWORK, EXTRA) as weather:
        async with x402HttpxClient(client) as buyer:
            answer = await buyer.get(weather)
    assert answer.status_code == 402
    assert "fair" not in answer.text
    told = decode_payment_response_header(answer.headers["payment-response"])
    assert (told.success, told.error_reason, told.transaction) == (False, "settlement_not_broadcast", "")
