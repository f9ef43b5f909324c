"""Tokens and how often: which routes want one, and what happens without."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from service.auth import Gate, TokenBucket
from service.config import ClientConfig
from service.config_file import parse
from service.log import Log
from service.messages import Request
from tests.service.buyer import NOW, paid
from tests.service.facilitator_harness import Lines, connected, document, request, running
from tests.service.test_payments import NONCE

if TYPE_CHECKING:
    from service.config import Config

TOKEN, OTHER = "a-long-and-random-token", "another-token"
SETTLEMENT = f"/settlements/eip155:84532/0x{'1' * 40}/0x{'2' * 40}/{NONCE}"
BEARER = f"Authorization: Bearer {TOKEN}"


def client(name: str, token: str) -> dict[str, str]:
    return {"name": name, "tokenSha256": hashlib.sha256(token.encode()).hexdigest().upper()}


def with_clients(**auth: Any) -> Config:
    clients = [client("shop", TOKEN), client("other", OTHER)]
    return parse(json.dumps(document(auth={"clients": clients, **auth})))


@pytest.mark.parametrize("path", ["/live", "/health", "/supported"])
async def test_these_never_want_a_token(path: str) -> None:
    async with running(config=with_clients()) as service, connected(service.port) as http:
        assert (await http.get(path)).status == 200


@pytest.mark.parametrize("path", ["/metrics", SETTLEMENT])
async def test_these_always_want_a_token_and_are_closed_without_clients(path: str) -> None:
    async with running() as service, connected(service.port) as http:
        assert (await http.get(path)).status == 401
        assert (await http.get(path, BEARER)).status == 401
    async with running(config=with_clients()) as service, connected(service.port) as http:
        refused = await http.get(path)
        assert (await http.get(path, BEARER)).status in {200, 404}
    assert refused.status == 401
    assert refused.fields["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/verify", "/settle"])
async def test_payments_want_a_token_as_soon_as_there_are_clients(path: str) -> None:
    async with running(clock=lambda: NOW) as service, connected(service.port) as http:
        assert (await http.post(path, paid())).status == 200
    async with running(config=with_clients(), clock=lambda: NOW) as service, connected(service.port) as http:
        assert (await http.post(path, paid())).status == 401
        assert service.claims.commands == 0
        assert (await http.post(path, paid(), BEARER)).status == 200
    assert TOKEN.encode() not in service.lines.raw


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ([f"Bearer {TOKEN}"], "shop"),
        ([f"bearer  {TOKEN} "], "shop"),
        ([f"Bearer {OTHER}"], "other"),
        ([], None),
        ([f"Bearer {TOKEN}", f"Bearer {TOKEN}"], None),
        (["Bearer"], None),
        (["Bearer "], None),
        ([TOKEN], None),
        ([f"Basic {TOKEN}"], None),
        ([f"Bearer {TOKEN}x"], None),
        ([f"Bearer {hashlib.sha256(TOKEN.encode()).hexdigest()}"], None),
        (["Bearer \xff\xfe"], None),
    ],
)
def test_who_a_request_comes_from(fields: list[str], name: str | None) -> None:
    clients = [ClientConfig(entry.name, entry.token_sha256) for entry in with_clients().clients]
    gate = Gate(clients, 0, Log(Lines()))
    sent = tuple(("authorization", value) for value in fields)
    assert gate.client_of(Request("POST", "/verify", sent, "id")) == name


async def test_a_client_that_asks_too_often_is_told_when_to_come_back() -> None:
    config = with_clients(requestsPerSecond=1)
    async with running(config=config, clock=lambda: NOW) as service, connected(service.port) as http:
        first = await http.post("/verify", paid(), BEARER)
        second = await http.post("/verify", paid(), BEARER)
        others = await http.post("/verify", paid(), f"Authorization: Bearer {OTHER}")
    assert (first.status, second.status, others.status) == (200, 429, 200)
    assert second.fields["retry-after"] == "1"
    assert second.json["error"] == "too_many_requests"
    assert service.lines.events("limited")[0]["client"] == "shop"


def test_a_bucket_holds_a_second_s_worth_and_fills_evenly() -> None:
    now = [0.0]
    bucket = TokenBucket(4, lambda: now[0])
    assert [bucket.wait_seconds() for _ in range(5)] == [0, 0, 0, 0, 0.25]
    now[0] = 0.25
    assert [bucket.wait_seconds(), bucket.wait_seconds()] == [0, 0.25]
    now[0] = 100.0
    assert sum(bucket.wait_seconds() == 0 for _ in range(9)) == 4


def test_a_bucket_of_0_has_no_limit() -> None:
    bucket = TokenBucket(0)
    assert not any(bucket.wait_seconds() for _ in range(10_000))


async def test_a_record_is_shown_without_its_signature() -> None:
    target = paid()
    authorization = target["paymentPayload"]["payload"]["authorization"]
    asset = target["paymentRequirements"]["asset"]
    async with running(config=with_clients(), clock=lambda: NOW) as service, connected(service.port) as http:
        await http.post("/settle", target, BEARER)
        for network in ("eip155:84532", "eip155%3A84532"):
            path = f"/settlements/{network}/{asset}/{authorization['from']}/{authorization['nonce'].upper()}"
            assert (await http.get(path, BEARER)).status == 404  # 0X
            reply = await http.get(path.replace("0X", "0x"), BEARER)
            assert reply.status == 200
            assert reply.json["payer"] == authorization["from"].lower()
            assert (reply.json["client"], reply.json["mode"]) == ("shop", "record")
            assert "signature" not in reply.json
        service.claims.fails_with = "REFUSED"
        assert (await http.get(path.replace("0X", "0x"), BEARER)).status == 503
    shown = {line["route"] for line in service.lines.events("request")}
    assert shown == {"/settle", "/settlements/{network}/{asset}/{payer}/{nonce}"}


async def test_a_path_that_names_no_settlement_is_404() -> None:
    async with running(config=with_clients()) as service, connected(service.port) as http:
        for path in ("/settlements/a/b/c/d", "/settlements/%ff/%00/../x", f"{SETTLEMENT[:-1]}%0a", f"{SETTLEMENT}0"):
            assert (await http.get(path, BEARER)).status == 404
        await http.send(request(SETTLEMENT, BEARER, method="DELETE"))
        assert (await http.reply()).status == 405
    assert service.claims.commands == 0
