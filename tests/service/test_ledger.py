"""Mode ledger over HTTP; what happens inside Redis is in tests/docker."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from service.balances import balance_key
from service.claims import StoreError
from service.config_file import parse
from service.ledger import LedgerSettlement, function_source
from service.protocol.eip712 import chain_id
from service.protocol.payment import parse_request
from tests.service.buyer import ASSET, KIND, NOW, PAY_TO, PAYER, VALID_BEFORE, body, ledger_kind, paid
from tests.service.facilitator_harness import Client, Running, connected, document, running
from tests.service.memory_claims import MemoryClaims

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LEDGER = ledger_kind()
PAYER_BALANCE, PAYEE_BALANCE = (
    balance_key(LEDGER.network, bytes.fromhex(ASSET[2:]), bytes.fromhex(who[2:])) for who in (PAYER, PAY_TO)
)


@asynccontextmanager
async def bank(funds: int) -> AsyncIterator[tuple[Running, Client]]:
    text = document(settlement={"mode": "ledger"})
    text["kinds"][0]["network"] = LEDGER.network
    claims = MemoryClaims()
    claims.stored[PAYER_BALANCE] = b"%d" % funds
    config = parse(json.dumps(text))
    async with running(config=config, claims=claims, clock=lambda: NOW) as service, connected(service.port) as client:
        yield service, client


async def test_success_is_said_once_value_has_moved_and_the_digest_names_it() -> None:
    async with bank(25_000) as (service, client):
        verified = await client.post("/verify", paid(kind=LEDGER))
        settled = await client.post("/settle", paid(kind=LEDGER))
        again = await client.post("/settle", paid(kind=LEDGER))
    assert verified.json == {"isValid": True, "payer": PAYER, "extensions": {"offline": {"notChecked": []}}}
    assert settled.json == again.json
    assert settled.json["success"] is True
    assert len(settled.json["transaction"]) == 66
    assert (settled.json["network"], settled.json["amount"]) == (LEDGER.network, "10000")
    assert (service.claims.stored[PAYER_BALANCE], service.claims.stored[PAYEE_BALANCE]) == (b"15000", b"10000")
    assert list(service.claims.expiries_ms.values()) == [1000 * (NOW + 2_592_000)]
    assert [line["outcome"] for line in service.lines.events("settled")] == ["settled", "repeated"]


async def test_without_funds_both_routes_say_so_and_nothing_is_claimed() -> None:
    async with bank(9_999) as (service, client):
        verified = await client.post("/verify", paid(kind=LEDGER))
        settled = await client.post("/settle", paid(kind=LEDGER))
        service.claims.stored[PAYER_BALANCE] = b"10000"
        later = await client.post("/settle", paid(kind=LEDGER))
    assert verified.json["invalidReason"] == settled.json["errorReason"] == "insufficient_funds"
    assert settled.json["transaction"] == ""
    assert later.json["success"] is True


async def test_what_was_signed_for_a_chain_is_worthless_here() -> None:
    target = paid(kind=KIND)
    for requirements in (target["paymentRequirements"], target["paymentPayload"]["accepted"]):
        requirements["network"] = LEDGER.network
    async with bank(25_000) as (_, client):
        reply = await client.post("/settle", target)
    assert reply.json["errorReason"] == "invalid_exact_evm_payload_signature"


async def test_supported_says_what_to_sign_with() -> None:
    async with bank(0) as (_, client):
        (kind,) = (await client.get("/supported")).json["kinds"]
    assert kind["extra"] == {"chainId": chain_id(LEDGER.network)}


async def test_an_expiry_that_could_not_be_set_does_not_unsay_what_has_moved() -> None:
    class Forgetful(MemoryClaims):
        async def expire(self, key: str, record: bytes, expires_ms: int) -> None:
            raise StoreError("CLOSED")

    claims = Forgetful()
    claims.stored[PAYER_BALANCE] = b"10000"
    payment = parse_request(body(paid(kind=LEDGER)))
    outcome = await LedgerSettlement(claims, 60).settle(payment, b"\x01" * 32, client="", now=VALID_BEFORE - 10)
    assert outcome.rejection is None


@pytest.mark.parametrize("balance", [b"", b"-1", b"1e3", b"\xb2"])
async def test_a_balance_that_is_no_number_decides_nothing(balance: bytes) -> None:
    async with bank(0) as (service, client):
        service.claims.stored[PAYER_BALANCE] = balance
        assert (await client.post("/verify", paid(kind=LEDGER))).status == 503


def test_the_function_is_shipped_with_the_service() -> None:
    assert function_source().startswith("#!lua name=x402\n")
    assert "redis.register_function('x402_settle', settle)" in function_source()
