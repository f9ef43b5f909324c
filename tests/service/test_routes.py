import json

import pytest

from service.app import App, Route
from service.config import KindConfig
from service.config_file import parse
from service.health import Readiness, RedisProbe
from service.log import Log
from service.messages import Request, Response
from service.metrics import Metrics
from service.wiring import Parts, routes, supported
from tests.service.facilitator_harness import Lines, connected, document, healthy, replies, request, running
from tests.service.memory_claims import MemoryClaims


async def test_live_says_that_the_loop_turns() -> None:
    async with running() as service, connected(service.port) as client:
        reply = await client.get("/live")
    assert (reply.status, reply.json) == (200, {"status": "live"})


async def test_health_is_200_when_the_canary_is_written() -> None:
    async with running() as service, connected(service.port) as client:
        reply = await client.get("/health")
    assert reply.status == 200
    assert reply.json["status"] == "healthy"
    assert reply.json["dependencies"] == {"redis": {"status": "up"}}


async def test_supported_comes_from_the_configuration() -> None:
    async with running() as service, connected(service.port) as client:
        reply = await client.get("/supported")
    assert reply.status == 200
    assert reply.json == {
        "kinds": [{"x402Version": 2, "scheme": "exact", "network": "eip155:84532"}],
        "extensions": [],
        "signers": {},
    }


def test_supported_names_a_network_once_however_many_assets_it_has() -> None:
    kinds = [
        KindConfig("exact", network, "0x" + "1" * 40, "A", "1", ()) for network in ("eip155:1", "eip155:2", "eip155:1")
    ]
    networks = [kind["network"] for kind in json.loads(json.dumps(supported(kinds)))["kinds"]]
    assert networks == ["eip155:1", "eip155:2"]


@pytest.mark.parametrize("path", ["/live", "/health", "/supported", "/nowhere"])
async def test_head_is_get_without_the_body(path: str) -> None:
    async with running() as service, connected(service.port) as client:
        got = await client.get(path)
        await client.send(request(path, "Connection: close", method="HEAD"))
        (head,) = replies(await client.rest(), head_only=True)
    assert head.status == got.status
    assert head.fields["content-length"] == str(len(got.body))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/live/",
        "/Live",
        "/%6cive",
        "//live",
        "/verify/",
        "/settle/x",
        "/settlements",
        "/settlements/a/b/c",
        "*",
        "live",
    ],
)
async def test_other_paths_are_404(path: str) -> None:
    async with running() as service, connected(service.port) as client:
        reply = await client.get(path)
    assert reply.status == 404
    assert reply.json["error"] == "not_found"
    assert service.lines.events("request")[0]["route"] is None


@pytest.mark.parametrize(
    "target", ["/live?", "/live?token=secret", "http://host/live", "HTTP://host:80/live?x=http://y/z"]
)
async def test_the_query_and_the_absolute_form_do_not_change_the_route(target: str) -> None:
    async with running() as service, connected(service.port) as client:
        reply = await client.get(target)
    assert reply.status == 200
    assert service.lines.events("request")[0]["route"] == "/live"
    assert b"secret" not in service.lines.raw


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
async def test_other_methods_are_405_and_the_connection_lives_on(method: str) -> None:
    async with running() as service, connected(service.port) as client:
        await client.send(request("/health", method=method, body=b"{}"))
        reply = await client.reply()
        assert (await client.get("/live")).status == 200
    assert reply.status == 405
    assert reply.fields["allow"] == "GET, HEAD"
    assert reply.json["error"] == "method_not_allowed"


async def test_every_response_says_what_it_is() -> None:
    async with running() as service, connected(service.port) as client:
        reply = await client.get("/live")
    assert reply.fields["content-type"] == "application/json"
    assert reply.fields["cache-control"] == "no-store"
    assert reply.fields["date"].endswith(" GMT")
    assert "server" not in reply.fields


async def test_a_handler_that_fails_is_answered_500_and_its_text_goes_nowhere() -> None:
    async def fail(_: Request) -> Response:
        raise RuntimeError("the secret")

    sink = Lines()
    app = App([Route("/fail", {"POST": fail})], Log(sink))
    answer = await app(Request("POST", "/fail", (), "id-1"))
    assert answer.response.status == 500
    assert answer.route == "/fail"
    crash = json.loads(sink.raw)
    assert crash["exception"] == "RuntimeError"
    assert crash["id"] == "id-1"
    assert crash["at"].startswith(f"{__name__}:")
    assert b"secret" not in sink.raw + answer.response.body


def test_a_route_lists_what_it_allows() -> None:
    async def handler(_: Request) -> Response:
        return Response(200, b"{}")

    assert Route("/x", {"POST": handler}).allowed == "POST"
    assert Route("/x", {"POST": handler, "GET": handler}).allowed == "GET, HEAD, POST"


def parts() -> Parts:
    log = Log(Lines())
    return Parts(MemoryClaims(), Readiness(RedisProbe(healthy, log)), Metrics(), log)


def test_every_route_has_a_path_of_its_own() -> None:
    paths = [route.path for route in routes(parse(json.dumps(document())), parts())]
    assert len(paths) == len(set(paths)) == 8
