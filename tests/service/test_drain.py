"""The end of the service: nothing that has begun is lost, nothing that is idle holds it up."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest

from service.messages import Answer, Response
from tests.service.facilitator_harness import (
    GUARD_SECONDS,
    connected,
    replies,
    request,
    running,
    scripted_redis,
    started,
    until,
    write_config,
)

BODY = request("/live", method="POST", body=b"hello")


async def refused(port: int) -> bool:
    try:
        async with connected(port):
            return False
    except OSError:
        return True


async def test_idle_connections_are_closed_at_once() -> None:
    async with running() as service, connected(service.port) as fresh, connected(service.port) as used:
        assert (await used.get("/live")).status == 200
        await until(lambda: service.server.connections == 2)
        assert await service.server.drain(GUARD_SECONDS) == 0
        assert await fresh.rest() == b""
        assert await used.rest() == b""


async def test_no_connection_is_accepted_any_more() -> None:
    async with running() as service:
        await service.server.drain(0)
        assert await refused(service.port)


@pytest.mark.parametrize("cut", [1, 30, len(BODY) - 1])
async def test_a_request_that_has_begun_is_finished_and_answered(cut: int) -> None:
    async with running() as service, connected(service.port) as client:
        assert (await client.get("/live")).status == 200
        await client.send(BODY[:cut])
        await until(lambda: not any(connection._idle for connection in service.server._serving.values()))
        draining = asyncio.create_task(service.server.drain(GUARD_SECONDS))
        await until(lambda: all(connection._draining for connection in service.server._serving.values()))
        await client.send(BODY[cut:])
        (reply,) = replies(await client.rest())
    assert await draining == 0
    assert reply.status == 405
    assert reply.fields["connection"] == "close"


async def test_an_answer_that_is_being_made_is_sent() -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def answer(_: Any) -> Answer:
        asked.set()
        await go.wait()
        return Answer(Response(200, b"{}"), "/slow")

    async with running(answer=answer) as service, connected(service.port) as client:
        await client.send(request("/slow") * 2)
        await asked.wait()
        draining = asyncio.create_task(service.server.drain(GUARD_SECONDS))
        await asyncio.sleep(0)
        go.set()
        (reply,) = replies(await client.rest())
    assert await draining == 0
    assert reply.fields["connection"] == "close"


async def test_a_connection_whose_response_was_on_its_way_is_closed_after_it() -> None:
    size = 8_000_000

    async def answer(_: Any) -> Answer:
        return Answer(Response(200, b" " * size), "/big")

    async with running(answer=answer, idle_seconds=3600.0) as service, connected(service.port) as client:
        await client.send(request("/big"))
        # Some of it is here and all of it does not fit in between: the server is in the middle of sending.
        await client.reader.readexactly(1000)
        draining = asyncio.create_task(service.server.drain(GUARD_SECONDS))
        await until(lambda: all(connection._draining for connection in service.server._serving.values()))
        assert len(await client.rest()) + 1000 > size
    assert await draining == 0


async def test_what_takes_too_long_is_cut_off() -> None:
    asked = asyncio.Event()

    async def answer(_: Any) -> None:
        asked.set()
        await asyncio.sleep(3600)

    async with running(answer=answer) as service, connected(service.port) as client:
        await client.send(request("/slow"))
        await asked.wait()
        assert await service.server.drain(0.01) == 1
        assert service.server.connections == 0


async def test_health_says_draining() -> None:
    async with running() as service, connected(service.port) as client:
        service.readiness.draining = True
        reply = await client.get("/health")
    assert reply.status == 503
    assert reply.json["status"] == "draining"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_process_in_order(number: signal.Signals, tmp_path: Path) -> None:
    async with scripted_redis() as redis, started(write_config(tmp_path, redis.port)) as service:
        async with (
            connected(service.port) as idle,
            connected(service.port) as busy,
            connected(service.port) as asking,
        ):
            for client in (idle, busy, asking):
                assert (await client.get("/live")).status == 200
            await busy.send(BODY[:-2])
            await asking.send(request("/health")[:-2])
            # Answered after the bytes above arrived, on the same loop.
            assert (await idle.get("/health")).status == 200
            service.process.send_signal(number)
            line = await service.line("draining")
            assert line["signal"] == number.name
            assert await idle.rest() == b""
            await asking.send(request("/health")[-2:])
            (health,) = replies(await asking.rest())
            assert (health.status, health.json["status"]) == (503, "draining")
            await busy.send(BODY[-2:] + request("/health"))
            (reply,) = replies(await busy.rest())
            assert reply.status == 405
            assert reply.fields["connection"] == "close"
        stopped = await service.line("stopped")
        assert stopped["connectionsCutOff"] == 0
        assert await service.end() == (0, "")


async def test_what_does_not_end_within_the_drain_time_does_not_keep_the_process(tmp_path: Path) -> None:
    async with scripted_redis() as redis, started(write_config(tmp_path, redis.port, drainSeconds=1)) as service:
        async with connected(service.port) as client, connected(service.port) as other:
            await client.send(BODY[:-2])
            assert (await other.get("/live")).status == 200
            service.process.send_signal(signal.SIGTERM)
            stopped = await service.line("stopped")
        assert stopped["connectionsCutOff"] == 1
        assert await service.end() == (0, "")


async def test_a_second_signal_ends_the_process_at_once(tmp_path: Path) -> None:
    async with (
        scripted_redis() as redis,
        started(write_config(tmp_path, redis.port, drainSeconds=300)) as service,
        connected(service.port) as client,
        connected(service.port) as other,
    ):
        await client.send(BODY[:-2])
        assert (await other.get("/live")).status == 200
        service.process.send_signal(signal.SIGTERM)
        await service.line("draining")
        service.process.send_signal(signal.SIGTERM)
        assert await service.end() == (128 + signal.SIGTERM, "")


async def test_a_name_look_up_that_hangs_does_not_keep_the_process(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import socket, time\n"
        "real = socket.getaddrinfo\n"
        "def look_up(host, *rest, **more):\n"
        "    return time.sleep(3600) if host == 'hangs' else real(host, *rest, **more)\n"
        "socket.getaddrinfo = look_up\n",
    )
    config = write_config(tmp_path, 6379)
    config.write_text(config.read_text().replace('"redis": {"host": "127.0.0.1"', '"redis": {"host": "hangs"'))
    async with started(config, PYTHONPATH=str(tmp_path)) as service:
        async with connected(service.port) as client:
            reply = await client.get("/health")
        assert reply.json["dependencies"]["redis"]["code"] == "TIMEOUT"
        service.process.send_signal(signal.SIGTERM)
        assert await service.end() == (0, "")
