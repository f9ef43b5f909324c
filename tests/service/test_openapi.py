"""The document that is served is the interface that is answered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from service.openapi import document as openapi
from service.wiring import routes
from tests.service.buyer import NOW, SIGNATURE, paid, put
from tests.service.facilitator_harness import Reply, connected, running
from tests.service.protocol.corpus import CASES, STRICTER, Case
from tests.service.test_auth import BEARER, SETTLEMENT, with_clients
from tests.service.test_routes import parts

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT: dict[str, Any] = json.loads(json.dumps(openapi()))
TEMPLATE = "/settlements/{network}/{asset}/{payer}/{nonce}"


def validator(reference: dict[str, Any]) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator({**reference, "components": DOCUMENT["components"]})


def fits(reply: Reply, path: str, method: str = "get") -> None:
    """The status is announced for the route, and the body is of the announced schema."""
    described = DOCUMENT["paths"][path][method]["responses"][str(reply.status)]["content"]
    ((kind, content),) = described.items()
    assert reply.fields["content-type"].partition(";")[0] == kind
    if kind == "application/json":
        validator(content["schema"]).validate(reply.json)


def test_it_has_exactly_the_routes_that_are_served() -> None:
    served = {(route.path, method) for route in routes(with_clients(), parts()) for method in route.handlers}
    written = {
        (path, method.upper())
        for path, item in DOCUMENT["paths"].items()
        for method in item
        if method in {"get", "post", "put", "delete", "patch"}
    }
    assert written == served


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield from [child] if key == "$ref" else references(child)
    elif isinstance(value, list):
        yield from (found for child in value for found in references(child))


def test_every_schema_is_one_and_every_reference_leads_to_one() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    assert {found.rpartition("/")[2] for found in references(DOCUMENT)} <= schemas.keys()
    names = [operation["operationId"] for item in DOCUMENT["paths"].values() for operation in _operations(item)]
    assert len(names) == len(set(names))


def _operations(item: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for key, operation in item.items() if key != "parameters"]


@pytest.mark.parametrize("number", [0, 1, 9, 10, 10**76, 10**77, 2**255, 2**256 - 10, 2**256 - 1])
def test_amounts_below_2_to_256_are_described_and_no_others(number: int) -> None:
    amount = validator({"$ref": "#/components/schemas/Uint256"})
    assert amount.is_valid(str(number))
    assert not amount.is_valid(str(2**256 + number))
    assert not amount.is_valid(f"0{number}")


async def test_it_is_served_to_everybody() -> None:
    async with running(config=with_clients()) as service, connected(service.port) as client:
        reply = await client.get("/openapi.json")
    assert reply.json == DOCUMENT
    fits(reply, "/openapi.json")


@pytest.mark.parametrize("path", ["/live", "/health", "/supported"])
async def test_open_routes_answer_as_written(path: str) -> None:
    async with running() as service, connected(service.port) as client:
        fits(await client.get(path), path)
        service.readiness.draining = True
        fits(await client.get("/health"), "/health")


@pytest.mark.parametrize("path", ["/verify", "/settle"])
@pytest.mark.parametrize("case", CASES + STRICTER, ids=lambda case: case.name)
async def test_payments_are_answered_as_written(path: str, case: Case) -> None:
    async with running(clock=lambda: case.now) as service, connected(service.port) as client:
        reply = await client.post(path, case.make())
        fits(reply, path, "post")
    described = validator({"$ref": "#/components/schemas/PaymentRequest"})
    assert described.is_valid(case.make()) == (reply.status != 400)


@pytest.mark.parametrize("path", ["/verify", "/settle"])
async def test_refusals_are_answered_as_written(path: str) -> None:
    config = with_clients(requestsPerSecond=4)
    async with running(config=config, clock=lambda: NOW, body_bytes=4096) as service, connected(service.port) as client:
        fits(await client.post(path, {"x402Version": 1}, BEARER), path, "post")
        fits(await client.post(path, b"x", BEARER), path, "post")
        fits(await client.post(path, put(paid(), SIGNATURE, "0x"), BEARER), path, "post")
        service.claims.fails_with = "OOM"
        fits(await client.post(path, paid(), BEARER), path, "post")
        while (reply := await client.post(path, paid(), BEARER)).status != 429:
            fits(reply, path, "post")
        fits(reply, path, "post")
        fits(await client.post(path, paid()), path, "post")
        fits(await client.post(path, b"x" * 5000, BEARER), path, "post")


async def test_guarded_routes_answer_as_written() -> None:
    target = paid()
    fields = target["paymentPayload"]["payload"]["authorization"]
    known = f"/settlements/eip155:84532/{target['paymentRequirements']['asset']}/{fields['from']}/{fields['nonce']}"
    async with running(config=with_clients(), clock=lambda: NOW) as service, connected(service.port) as client:
        await client.post("/settle", target, BEARER)
        fits(await client.get("/metrics"), "/metrics")
        fits(await client.get("/metrics", BEARER), "/metrics")
        for path, status in ((known, 200), (SETTLEMENT, 404)):
            reply = await client.get(path, BEARER)
            assert reply.status == status
            fits(reply, TEMPLATE)
        fits(await client.get(known), TEMPLATE)
        service.claims.fails_with = "REFUSED"
        fits(await client.get(known, BEARER), TEMPLATE)
