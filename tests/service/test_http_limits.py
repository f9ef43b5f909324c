"""Every limit, reached on purpose. Where a limit is a time, all the other times are out of reach."""

import asyncio
import socket
from contextlib import AsyncExitStack
from typing import Any

import pytest

from service.listener import listen
from service.messages import Answer, Response
from service.server import REJECTIONS_AT_ONCE
from tests.service.facilitator_harness import Client, Reply, connected, replies, request, running, until

FAR = 1000.0
PATIENT: dict[str, Any] = {"header_seconds": FAR, "body_seconds": FAR, "idle_seconds": FAR, "write_seconds": FAR}
SHORT = 0.05


async def test_a_head_that_drips_is_408() -> None:
    async with running(**{**PATIENT, "header_seconds": SHORT}) as service, connected(service.port) as client:
        for byte in b"GET /live HTTP/1.1\r\n":
            await client.send(bytes([byte]))
        (reply,) = replies(await client.rest())
    assert reply.status == 408
    assert reply.fields["connection"] == "close"


async def test_no_amount_of_dripping_puts_the_deadline_off() -> None:
    async def drip(client: Client) -> None:
        while True:
            await client.send(b"X-Drip: 1\r\n")
            await asyncio.sleep(SHORT / 5)

    limits = {**PATIENT, "header_seconds": SHORT, "head_fields": 10**6, "head_bytes": 10**6}
    async with running(**limits) as service, connected(service.port) as client:
        await client.send(b"GET /live HTTP/1.1\r\n")
        dripping = asyncio.create_task(drip(client))
        reply = await client.reply()
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)
    assert reply.status == 408


async def test_a_slow_body_is_408() -> None:
    async with running(**{**PATIENT, "body_seconds": SHORT}) as service, connected(service.port) as client:
        await client.send(request("/live", "Content-Length: 10", method="POST") + b"hello")
        (reply,) = replies(await client.rest())
    assert reply.status == 408
    (line,) = service.lines.events("request")
    assert line["method"] == "POST"


async def test_a_slow_second_head_is_408() -> None:
    async with running(**{**PATIENT, "header_seconds": SHORT}) as service, connected(service.port) as client:
        await client.send(request("/live") + b"GET /l")
        first, second = replies(await client.rest())
    assert (first.status, second.status) == (200, 408)


@pytest.mark.parametrize("before", [b"", request("/live")])
async def test_an_idle_connection_is_closed_without_a_word(before: bytes) -> None:
    async with running(**{**PATIENT, "idle_seconds": SHORT}) as service:
        got = await service.exchange(before)
    assert len(got) == (1 if before else 0)


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    async def answer(_: Any) -> Answer:
        return Answer(Response(200, b" " * 1_000_000), "/big")

    async with running(answer=answer, **{**PATIENT, "write_seconds": SHORT}) as service:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", service.port))
            client.sendall(request("/big") * 90)
            await until(lambda: service.server.connections == 1)
            await until(lambda: service.server.connections == 0)


async def test_what_a_client_that_has_gone_asked_before_is_not_answered_to_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked = 0

    async def answer(_: Any) -> Answer:
        nonlocal asked
        asked += 1
        # The reset arrives meanwhile.
        await asyncio.sleep(0.01)
        return Answer(Response(200, b"{}"), "/slow")

    async with running(answer=answer, **PATIENT) as service:
        with socket.create_connection(("127.0.0.1", service.port)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            client.sendall(request("/slow") * 90)
            await until(lambda: asked == 1)
        await until(lambda: service.server.connections == 0)
    assert asked < 10
    assert not caplog.records


async def test_a_client_that_reads_slowly_gets_everything() -> None:
    size = 8_000_000

    async def answer(_: Any) -> Answer:
        return Answer(Response(200, b" " * size), "/big")

    limits = {**PATIENT, "linger_seconds": 0.001}
    async with running(answer=answer, **limits) as service, connected(service.port) as client:
        await client.send(request("/big", "Connection: close"))
        received = len(await client.reader.readexactly(1000))
        # Nothing may be left in the process when it closes the connection.
        (connection,) = service.server._serving.values()
        assert connection._writer.transport.get_write_buffer_limits() == (0, 0)
        while data := await client.reader.read(262_144):
            received += len(data)
            await asyncio.sleep(0.01)
    assert received > size


async def test_the_kernel_keeps_no_more_for_a_connection_than_the_memory_allows() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            # Linux keeps, and reports, twice what it is told.
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) <= 2 * 65_536


async def test_a_connection_serves_as_many_requests_as_it_may() -> None:
    async with running(requests_per_connection=3) as service:
        got = await service.exchange(request("/live") * 5)
    assert ["connection" in reply.fields for reply in got] == [False, False, True]


async def test_the_real_limit_is_at_most_a_hundred_and_not_the_same_for_all() -> None:
    async with running() as service:
        counts = [len(await service.exchange(request("/live") * 120)) for _ in range(12)]
    assert 75 <= min(counts) < max(counts) <= 100


def head_of(size: int) -> bytes:
    head = request("/live", "Connection: close", "X-Fill: ")
    return head.replace(b"X-Fill: ", b"X-Fill: " + b"a" * (size - len(head)))


@pytest.mark.parametrize(("size", "status"), [(16384, 200), (16385, 431), (60000, 431), (500_000, 431)])
async def test_a_head_that_arrives_whole_is_measured_too(size: int, status: int) -> None:
    async with running() as service:
        assert (await service.ask(head_of(size))).status == status


async def test_a_head_without_an_end_is_431() -> None:
    async with running() as service, connected(service.port) as client:
        await client.send(b"GET /live HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 16384)
        assert (await client.reply()).status == 431


async def test_a_request_line_without_an_end_is_431() -> None:
    async with running() as service, connected(service.port) as client:
        await client.send(b"GET /" + b"a" * 16384)
        assert (await client.reply()).status == 431


@pytest.mark.parametrize(("count", "status"), [(64, 200), (65, 431), (2000, 431)])
async def test_fields_are_counted(count: int, status: int) -> None:
    fields = [f"X-{index}: 1" for index in range(count - 2)]
    async with running() as service:
        assert (await service.ask(request("/live", "Connection: close", *fields))).status == status


@pytest.mark.parametrize(("size", "status"), [(65536, 405), (65537, 413), (10**19, 413)])
async def test_a_declared_body_is_measured_before_it_is_read(size: int, status: int) -> None:
    body = b"a" * 65536 if status == 405 else b""
    async with running() as service, connected(service.port) as client:
        await client.send(request("/live", f"Content-Length: {size}", method="POST") + body)
        assert (await client.reply()).status == status


async def test_no_go_ahead_is_given_to_a_body_that_is_too_large() -> None:
    async with running() as service:
        reply = await service.ask(request("/live", "Expect: 100-continue", "Content-Length: 65537", method="POST"))
    assert reply.status == 413


async def test_a_large_body_that_was_sent_already_does_not_destroy_the_response() -> None:
    async with running() as service:
        for _ in range(20):
            reply = await service.ask(request("/live", method="POST", body=b"a" * 1_000_000))
            assert reply.status == 413


def chunks(count: int, size: int) -> bytes:
    chunk = f"{size:x}\r\n".encode() + b"a" * size + b"\r\n"
    return request("/live", "Transfer-Encoding: chunked", method="POST") + chunk * count + b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("count", "size", "status"), [(16, 4096, 405), (17, 4096, 413), (1, 65537, 413), (100, 65536, 413)]
)
async def test_a_chunked_body_is_measured_as_it_comes(count: int, size: int, status: int) -> None:
    async with running() as service, connected(service.port) as client:
        await client.send(chunks(count, size))
        assert (await client.reply()).status == status


async def test_a_small_body_in_endless_wrapping_is_413() -> None:
    wrapped = b"1;" + b"x" * 8000 + b"\r\na\r\n"
    async with running() as service:
        reply = await service.ask(request("/live", "Transfer-Encoding: chunked", method="POST") + wrapped * 40)
    assert reply.status == 413


async def test_trailers_without_an_end_are_431() -> None:
    async with running() as service:
        data = request("/live", "Transfer-Encoding: chunked", method="POST") + b"0\r\nX: " + b"a" * 20000
        assert (await service.ask(data)).status == 431


async def test_a_connection_too_many_is_told_503_and_closed() -> None:
    async with running(connections=2) as service:
        async with connected(service.port) as first, connected(service.port) as second:
            assert (await first.get("/live")).status == 200
            assert (await second.get("/live")).status == 200
            reply = await service.ask(request("/live"))
            assert (await first.get("/live")).status == 200
        assert reply.status == 503
        assert reply.json["error"] == "overloaded"
        assert reply.fields["connection"] == "close"
        assert reply.fields["retry-after"] == "1"
        await until(lambda: service.server.connections == 0)
        async with connected(service.port) as client:
            assert (await client.get("/live")).status == 200


async def test_a_flood_of_connections_gets_503_or_nothing_and_leaves_nothing_behind() -> None:
    async def attempt(port: int) -> list[Reply]:
        try:
            async with connected(port) as client:
                return replies(await client.rest())
        except OSError:
            return []

    async with running(connections=1) as service:
        async with connected(service.port) as client:
            assert (await client.get("/live")).status == 200
            got = await asyncio.gather(*(attempt(service.port) for _ in range(200)))
            assert (await client.get("/live")).status == 200
        await until(lambda: service.server.connections == 0)
    statuses = [reply.status for answer in got for reply in answer]
    assert set(statuses) == {503}


async def test_only_so_many_are_told_at_once() -> None:
    async with running(connections=1) as service, AsyncExitStack() as stack:
        keeper = await stack.enter_async_context(connected(service.port))
        assert (await keeper.get("/live")).status == 200
        for _ in range(REJECTIONS_AT_ONCE):
            told = await stack.enter_async_context(connected(service.port))
            assert (await told.reply()).status == 503
        one_more = await stack.enter_async_context(connected(service.port))
        assert await one_more.rest() == b""


async def test_a_client_that_resets_disturbs_nobody() -> None:
    async with running() as service:
        for _ in range(10):
            with socket.create_connection(("127.0.0.1", service.port)) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                client.sendall(request("/live")[:-5])
        await until(lambda: service.server.connections == 0)
        async with connected(service.port) as fine:
            assert (await fine.get("/live")).status == 200
