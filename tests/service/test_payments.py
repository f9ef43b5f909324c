"""/verify, /settle and /settlements over the real server, with storage that can break."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from service.claims import Record
from service.settlement import NOT_CHECKED
from tests.service.buyer import (
    ASSET,
    AUTHORIZATION,
    NETWORK,
    NOW,
    PAYER,
    SIGNATURE,
    VALID_BEFORE,
    paid,
    put,
    with_high_s,
)
from tests.service.facilitator_harness import Client, Running, connected, running
from tests.service.protocol.corpus import CASES, STRICTER, VALID, Case

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

OPEN = {"offline": {"notChecked": list(NOT_CHECKED)}}
NONCE = "0xf3746613c2d920b5fdabc0856f2aeb2d4f88ee6037b8cc5d04a71a4462f13480"
KEY = f"x402:auth:{NETWORK}:{ASSET.lower()}:{PAYER.lower()}:{NONCE}"
NOT_BROADCAST = {
    "success": False,
    "errorReason": "settlement_not_broadcast",
    "errorMessage": "the authorization is claimed and recorded; nothing was sent to a chain",
    "payer": PAYER,
    "transaction": "",
    "network": NETWORK,
}


class Clock:
    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def shop(clock: Clock | None = None) -> AsyncIterator[tuple[Running, Client]]:
    async with running(clock=clock or Clock()) as service, connected(service.port) as client:
        yield service, client


async def test_a_payment_in_order_is_valid_and_says_what_nobody_checked() -> None:
    async with shop() as (service, client):
        reply = await client.post("/verify", paid())
    assert (reply.status, reply.json) == (200, {"isValid": True, "payer": PAYER, "extensions": OPEN})
    assert service.claims.stored == {}


@pytest.mark.parametrize("case", CASES + STRICTER, ids=lambda case: case.name)
async def test_both_routes_give_the_verdict_and_its_reason(case: Case) -> None:
    async with shop(Clock(case.now)) as (service, client):
        verified = await client.post("/verify", case.make())
        settled = await client.post("/settle", case.make())
    assert verified.json["extensions"] == OPEN
    assert verified.status == settled.status == (400 if case.verdict == "invalid_payload" else 200)
    if case.verdict == VALID:
        assert verified.json["isValid"]
        assert settled.json["errorReason"] == "settlement_not_broadcast"
        assert len(service.claims.stored) == 1
    else:
        assert (verified.json["isValid"], verified.json["invalidReason"]) == (False, case.verdict)
        assert (settled.json["success"], settled.json["errorReason"]) == (False, case.verdict)
        assert settled.json["transaction"] == ""
        assert service.claims.stored == {}


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"[" * 60_000, b"\xff", b'{"x402Version":1e999}', b'{"a":1,"a":1}'])
@pytest.mark.parametrize("route", ["/verify", "/settle"])
async def test_a_body_that_is_no_request_is_400(route: str, raw: bytes) -> None:
    async with shop() as (service, client):
        reply = await client.post(route, raw)
        assert (await client.get("/live")).status == 200
    assert reply.status == 400
    assert "invalid_payload" in (reply.json.get("invalidReason"), reply.json.get("errorReason"))
    assert service.claims.commands == 0


async def test_another_version_is_a_protocol_failure() -> None:
    async with shop() as (_, client):
        verified = await client.post("/verify", {"x402Version": 1})
        settled = await client.post("/settle", {"x402Version": 1})
    assert (verified.status, verified.json["invalidReason"]) == (200, "invalid_x402_version")
    assert (settled.status, settled.json["errorReason"]) == (200, "invalid_x402_version")
    assert (settled.json["transaction"], settled.json["network"]) == ("", "")


async def test_settling_claims_once_and_answers_the_same_again() -> None:
    async with shop() as (service, client):
        first = await client.post("/settle", paid())
        stored = dict(service.claims.stored)
        again = await client.post("/settle", paid())
    assert (first.status, first.json) == (again.status, again.json) == (200, NOT_BROADCAST)
    assert service.claims.stored == stored
    assert [line["outcome"] for line in service.lines.events("settled")] == ["recorded", "repeated"]


async def test_the_claim_holds_what_broadcasting_needs() -> None:
    target = paid()
    async with shop() as (service, client):
        await client.post("/settle", target)
    record = Record.from_json(service.claims.stored[KEY])
    assert record.signature == target["paymentPayload"]["payload"]["signature"]
    assert (record.mode, record.claimed_at, record.amount) == ("record", NOW, "10000")
    assert service.claims.expiries_ms[KEY] == 1000 * (NOW + 2_592_000)


async def test_the_same_nonce_for_another_payment_is_refused() -> None:
    async with shop() as (_, client):
        await client.post("/settle", paid())
        other = paid(amount=5)
        refused = await client.post("/settle", other)
        verified = await client.post("/verify", other)
    assert refused.json["errorReason"] == "invalid_exact_evm_nonce_already_used"
    assert verified.json["invalidReason"] == "invalid_exact_evm_nonce_already_used"


async def test_no_other_spelling_of_a_payment_is_another_payment() -> None:
    def respelled() -> list[dict[str, Any]]:
        lower = put(paid(), AUTHORIZATION + "from", PAYER.lower())
        upper = put(paid(), AUTHORIZATION + "nonce", "0x" + NONCE[2:].upper())
        signature = paid()["paymentPayload"]["payload"]["signature"]
        zero_v = put(paid(), SIGNATURE, signature[:-2] + f"{int(signature[-2:], 16) - 27:02x}")
        shouted = put(paid(), SIGNATURE, "0x" + signature[2:].upper())
        return [lower, upper, zero_v, shouted, put(paid(), "paymentPayload.resource", ...)]

    async with shop() as (service, client):
        await client.post("/settle", paid())
        for target in respelled():
            assert (await client.post("/settle", target)).json["errorReason"] == "settlement_not_broadcast"
        assert (await client.post("/settle", with_high_s(paid()))).json["errorReason"].endswith("payload_signature")
    assert list(service.claims.stored) == [KEY]
    assert {line["outcome"] for line in service.lines.events("settled")[1:-1]} == {"repeated"}


async def test_verify_says_that_a_nonce_is_taken() -> None:
    async with shop() as (_, client):
        await client.post("/settle", paid())
        reply = await client.post("/verify", paid())
    assert reply.json["invalidReason"] == "invalid_exact_evm_nonce_already_used"


@pytest.mark.parametrize("code", ["REFUSED", "OOM", "MISCONF", "READONLY", "LOADING", "TIMEOUT", "NOPERM"])
async def test_without_storage_nothing_is_decided(code: str) -> None:
    async with shop() as (service, client):
        service.claims.fails_with = code
        verified = await client.post("/verify", paid())
        settled = await client.post("/settle", paid())
        refused = await client.post("/verify", put(paid(), SIGNATURE, "0x"))
        service.claims.fails_with = None
        recovered = await client.post("/settle", paid())
    assert (verified.status, verified.json["invalidReason"]) == (503, "unexpected_verify_error")
    assert (settled.status, settled.json["errorReason"]) == (503, "unexpected_settle_error")
    assert verified.json["isValid"] is settled.json["success"] is False
    assert verified.fields["retry-after"] == settled.fields["retry-after"] == "1"
    assert code.encode() not in verified.body + settled.body
    assert refused.status == 200
    assert recovered.json["errorReason"] == "settlement_not_broadcast"
    assert service.lines.events("settled")[0]["code"] == code


async def test_a_reply_that_was_lost_is_found_by_asking_again() -> None:
    clock = Clock()
    async with shop(clock) as (service, client):
        service.claims.loses_replies = True
        assert (await client.post("/settle", paid())).status == 503
        service.claims.loses_replies = False
        assert (await client.post("/settle", paid())).json == NOT_BROADCAST
        clock.now = VALID_BEFORE + 3600
        late = await client.post("/settle", paid())
        never = await client.post("/settle", paid(nonce=b"\x01" * 32))
        twin = await client.post("/settle", with_high_s(paid()))
        service.claims.fails_with = "REFUSED"
        unknown = await client.post("/settle", paid())
    assert late.json == NOT_BROADCAST
    assert never.json["errorReason"].endswith("valid_before")
    assert twin.json["errorReason"].endswith("valid_before")
    assert unknown.status == 503


async def test_a_record_that_cannot_be_read_is_a_claim_all_the_same() -> None:
    async with shop() as (service, client):
        for stored in (b"", b"x", b"[]", b"{}", b'{"digest":1}', b"\xff"):
            service.claims.stored[KEY] = stored
            assert (await client.post("/settle", paid())).status == 503
        assert (await client.post("/verify", paid())).json["isValid"] is False
    assert service.lines.events("settled")[0]["code"] == "RECORD"


async def test_no_secret_reaches_the_log() -> None:
    target = paid()
    async with shop() as (service, client):
        await client.post("/verify", target, "Authorization: Bearer tell-nobody")
        await client.post("/settle", target, "Authorization: Bearer tell-nobody")
    assert b"tell-nobody" not in service.lines.raw
    assert target["paymentPayload"]["payload"]["signature"][2:40].encode() not in service.lines.raw
    line = service.lines.events("settled")[0]
    assert (line["payer"], line["nonce"], line["amount"]) == (PAYER, NONCE, "10000")


def test_a_record_is_read_as_it_was_written() -> None:
    texts = {name: name for name in Record.__slots__ if name != "claimed_at"}
    record = Record(**texts, claimed_at=7)
    assert Record.from_json(record.to_json()) == record
    assert "signature" not in record.shown()
    assert json.loads(record.to_json())["claimed_at"] == 7
