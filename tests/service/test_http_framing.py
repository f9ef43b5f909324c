"""What is not one well-formed request is refused, and nothing behind it is read as another one."""

import pytest

from service.messages import Answer, Request, Response
from tests.service.facilitator_harness import connected, replies, request, running

LIVE = request("/live")

POST = b"POST /live HTTP/1.1\r\nHost: x\r\n"

MALFORMED = {
    "length and transfer encoding": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "transfer encoding and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "length and unknown encoding": POST + b"Content-Length: 5\r\nTransfer-Encoding: xchunked\r\n\r\nhello",
    "length and spaced encoding": POST + b"Content-Length: 5\r\nTransfer-Encoding : chunked\r\n\r\nhello",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "two equal lengths": POST + b"Content-Length: 5\r\ncontent-length: 5\r\n\r\nhello",
    "length list": POST + b"Content-Length: 5, 5\r\n\r\nhello",
    "signed length": POST + b"Content-Length: +5\r\n\r\nhello",
    "negative length": POST + b"Content-Length: -1\r\n\r\n",
    "hex length": POST + b"Content-Length: 0x5\r\n\r\nhello",
    "underscored length": POST + b"Content-Length: 1_0\r\n\r\nhellohello",
    "empty length": POST + b"Content-Length: \r\n\r\n",
    "endless length": POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "folded field": b"GET /live HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n 2\r\n\r\n",
    "folded with a tab": b"GET /live HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n\t2\r\n\r\n",
    "folded length": POST + b"Content-Length:\r\n 5\r\n\r\nhello",
    "folded encoding": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "fold before the first field": b"GET /live HTTP/1.1\r\n Host: x\r\n\r\n",
    "bare LF": b"GET /live HTTP/1.1\nHost: x\n\n",
    "bare LF after a field": b"GET /live HTTP/1.1\r\nHost: x\nX-A: 1\r\n\r\n",
    "bare LF before the end": b"GET /live HTTP/1.1\r\nHost: x\r\n\n",
    "bare CR in a value": b"GET /live HTTP/1.1\r\nHost: x\r\nX-A: 1\rContent-Length: 5\r\n\r\n",
    "NUL in a value": b"GET /live HTTP/1.1\r\nHost: x\r\nX-A: 1\x002\r\n\r\n",
    "space before the colon": b"GET /live HTTP/1.1\r\nHost : x\r\n\r\n",
    "no colon": b"GET /live HTTP/1.1\r\nHost: x\r\nX-A\r\n\r\n",
    "empty name": b"GET /live HTTP/1.1\r\nHost: x\r\n: 1\r\n\r\n",
    "no host": b"GET /live HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /live HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
    "two spaces": b"GET  /live HTTP/1.1\r\nHost: x\r\n\r\n",
    "space in the target": b"GET /li ve HTTP/1.1\r\nHost: x\r\n\r\n",
    "no version": b"GET /live\r\n\r\n",
    "lower-case version": b"GET /live http/1.1\r\nHost: x\r\n\r\n",
    "empty line first": b"\r\nGET /live HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "chunked to a 1.0 server": b"POST /live HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bad chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "negative chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
    "long chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_request_is_400_and_nothing_behind_it_is_served(data: bytes) -> None:
    async with running() as service:
        reply = await service.ask(data + LIVE)
    assert reply.status == 400
    assert reply.json["error"] == "malformed_request"
    assert reply.fields["connection"] == "close"
    (line,) = service.lines.events("request")
    assert line["status"] == 400


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_request_is_400_too_when_it_comes_byte_by_byte(data: bytes) -> None:
    async with running() as service, connected(service.port) as client:
        for index in range(len(data)):
            await client.send(data[index : index + 1])
        client.writer.write_eof()
        (reply,) = replies(await client.rest())
    assert reply.status == 400


async def test_nothing_of_a_refused_request_comes_back() -> None:
    async with running() as service:
        reply = await service.ask(b"GET /live HTTP/1.1\r\nHost: x\r\nX-Secret\x01: hunter2\r\n\r\n")
    assert b"hunter2" not in reply.body + service.lines.raw


@pytest.mark.parametrize("version", ["0.9", "1.2", "2.0", "3.0"])
async def test_other_versions_are_505(version: str) -> None:
    async with running() as service:
        reply = await service.ask(f"GET /live HTTP/{version}\r\nHost: x\r\n\r\n".encode())
    assert reply.status == 505


async def test_the_http_2_preface_is_505() -> None:
    async with running() as service:
        reply = await service.ask(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert reply.status == 505


@pytest.mark.parametrize(
    "encoding", ["gzip", "identity", "chunked, chunked", "gzip, chunked", "chunked\r\nTransfer-Encoding: gzip"]
)
async def test_other_transfer_encodings_are_501(encoding: str) -> None:
    async with running() as service:
        reply = await service.ask(request("/live", f"Transfer-Encoding: {encoding}", method="POST") + LIVE)
    assert reply.status == 501
    assert reply.json["error"] == "transfer_encoding_not_implemented"


@pytest.mark.parametrize("method", ["BREW", "get", "X" * 1000])
async def test_unknown_methods_are_501(method: str) -> None:
    async with running() as service:
        reply = await service.ask(request("/live", method=method))
    assert reply.status == 501


async def test_connect_opens_no_tunnel() -> None:
    async with running() as service, connected(service.port) as client:
        await client.send(b"CONNECT host:443 HTTP/1.1\r\nHost: host\r\n\r\n")
        assert (await client.reply()).status == 404
        assert (await client.get("/live")).status == 200


async def test_an_offer_to_upgrade_is_passed_over() -> None:
    async with running() as service, connected(service.port) as client:
        await client.send(request("/live", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"))
        assert (await client.reply()).status == 200
        assert (await client.get("/live")).status == 200


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with running() as service:
        paths = ["/live", "/nowhere", "/supported", "/live"]
        data = b"".join(request(path, f"X-Request-Id: {index}") for index, path in enumerate(paths))
        got = await service.exchange(data + request("/live", "Connection: close"))
    assert [reply.status for reply in got] == [200, 404, 200, 200, 200]
    assert [reply.fields["x-request-id"] for reply in got[:4]] == ["0", "1", "2", "3"]
    assert "connection" not in got[3].fields
    assert got[4].fields["connection"] == "close"


async def test_pipelined_requests_with_bodies_of_both_kinds() -> None:
    chunked = (
        request("/live", "Transfer-Encoding: chunked", method="POST") + b"3;ext=1\r\nabc\r\n0\r\nTrailer: 1\r\n\r\n"
    )
    async with running() as service:
        got = await service.exchange(
            chunked + request("/live", method="POST", body=b"GET /") + chunked + LIVE, half_close=True
        )
    assert [reply.status for reply in got] == [405, 405, 405, 200]


async def test_each_request_has_its_own_body() -> None:
    bodies = []

    async def answer(got: Request) -> Answer:
        bodies.append(got.body)
        return Answer(Response(200, b"{}"), None)

    async with running(answer=answer) as service:
        sent = [b"one", b"", b"a" * 60_000, b"b" * 60_000, b"c" * 60_000]
        await service.exchange(b"".join(request("/", method="POST", body=body) for body in sent), half_close=True)
    assert bodies == sent


async def test_a_client_that_has_finished_sending_is_still_answered() -> None:
    async with running() as service:
        (reply,) = await service.exchange(LIVE, half_close=True)
    assert reply.status == 200


@pytest.mark.parametrize("cut", [1, 10, 20, len(request("/live", method="POST", body=b"hello")) - 1])
async def test_a_request_that_ends_early_is_400(cut: int) -> None:
    async with running() as service:
        (reply,) = await service.exchange(request("/live", method="POST", body=b"hello")[:cut], half_close=True)
    assert reply.status == 400


async def test_http_1_0_is_answered_and_closed() -> None:
    async with running() as service:
        reply = await service.ask(b"GET /live HTTP/1.0\r\n\r\n")
    assert reply.status == 200
    assert reply.fields["connection"] == "close"


async def test_a_client_that_waits_for_a_go_ahead_gets_it() -> None:
    async with running() as service, connected(service.port) as client:
        await client.send(request("/live", "Expect: 100-continue", "Content-Length: 2", method="POST"))
        assert (await client.reply()).status == 100
        await client.send(b"{}")
        assert (await client.reply()).status == 405
