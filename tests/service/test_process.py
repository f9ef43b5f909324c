"""The program as it is started: arguments, exit codes, what it says, and the health check beside it."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from service import __version__
from service.claims import StoreError
from tests.service.facilitator_harness import (
    GUARD_SECONDS,
    ROOT,
    connected,
    document,
    running,
    scripted_redis,
    spawn,
    started,
    until,
    write_config,
)


async def run(*arguments: str, **environment: str) -> tuple[int | None, str, str]:
    process = await spawn(arguments, **environment)
    async with asyncio.timeout(GUARD_SECONDS):
        output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()


async def test_version_and_help() -> None:
    assert await run("service", "--version") == (0, f"x402-fac {__version__}\n", "")
    code, output, errors = await run("service", "--help")
    assert (code, errors) == (0, "")
    assert "--config PATH" in output


@pytest.mark.parametrize("arguments", [["--nonsense"], ["extra"], ["--config"], ["--version", "--help"]])
async def test_bad_usage_is_2(arguments: list[str]) -> None:
    code, output, errors = await run("service", *arguments)
    assert (code, output) == (2, "")
    assert errors.startswith("usage:")


async def test_the_example_passes_the_check() -> None:
    path = ROOT / "config" / "config.example.json"
    assert await run("service", "--config", str(path), "--check-config") == (0, f"{path}: ok\n", "")
    assert await run("service", "--check-config", X402_CONFIG=str(path)) == (0, f"{path}: ok\n", "")


@pytest.mark.parametrize("more", [[], ["--check-config"]])
async def test_a_bad_configuration_is_78_with_every_problem_and_no_traceback(more: list[str], tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(document(redis={"password": "hunter2"}, server={"port": -1})))
    code, output, errors = await run("service", "--config", str(path), *more)
    assert (code, output) == (78, "")
    assert errors.splitlines() == [
        f"{path}:",
        "  redis.host: is required",
        "  redis.password: may not be written here: put it into a file and name that in passwordFile",
        "  server.port: must be a whole number from 0 to 65535",
    ]


async def test_a_missing_configuration_is_78() -> None:
    code, _, errors = await run("service", "--config", "/nonexistent/config.json")
    assert code == 78
    assert errors == "/nonexistent/config.json:\n  cannot be read: No such file or directory\n"


async def test_an_address_in_use_is_1_and_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, output, errors = await run("service", "--config", str(write_config(tmp_path, 1, port=port)))
    assert (code, output) == (1, "")
    assert errors == f"cannot listen on 127.0.0.1 port {port}: Address already in use\n"


async def test_it_starts_without_redis_and_finds_it_later(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        redis_port = unused.getsockname()[1]
    password_file = tmp_path / "password"
    async with started(write_config(tmp_path, redis_port, password_file=password_file)) as service:
        assert (await service.line("redis"))["code"] == "REFUSED"
        async with scripted_redis(port=redis_port) as redis:
            assert (await service.line("redis"))["code"] == "PASSWORDFILE"
            password_file.write_text("secret\n")
            assert (await service.line("redis"))["status"] == "up"
            async with connected(service.port) as client:
                assert (await client.get("/health")).status == 200
        assert redis.commands[0] == ["AUTH", "facilitator", "secret"]


async def health(tmp_path: Path, service: Any) -> tuple[int | None, str, str]:
    path = tmp_path / "health.json"
    path.write_text(json.dumps({"server": {"port": service.port}}))
    return await run("service.healthcheck", X402_CONFIG=str(path))


async def test_the_health_check_passes_on_a_healthy_service(tmp_path: Path) -> None:
    async with running() as service:
        assert await health(tmp_path, service) == (0, "", "")


@pytest.mark.parametrize("code", ["WRONGPASS", "REFUSED", "PASSWORDFILE"])
async def test_the_health_check_says_what_redis_has(code: str, tmp_path: Path) -> None:
    async def fail() -> None:
        raise StoreError(code)

    async with running(write_canary=fail) as service:
        assert await health(tmp_path, service) == (1, f"unhealthy: redis {code}\n", "")


async def test_the_health_check_fails_on_a_draining_service(tmp_path: Path) -> None:
    async with running() as service:
        service.readiness.draining = True
        assert await health(tmp_path, service) == (1, "unhealthy: draining\n", "")


async def test_the_health_check_fails_when_nobody_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"server": {"port": port}}))
    expected = (1, "unhealthy: no connection (ConnectionRefusedError)\n", "")
    assert await run("service.healthcheck", X402_CONFIG=str(path)) == expected


IMPOSTORS = {
    "empty": b"",
    "status 200 only": b"HTTP/1.1 200 OK\r\n\r\n",
    "not JSON": b"HTTP/1.1 200 OK\r\n\r\nhealthy",
    "a list": b'HTTP/1.1 200 OK\r\n\r\n["healthy"]',
    "unhealthy": b'HTTP/1.1 200 OK\r\n\r\n{"status":"unhealthy"}',
    "wrong status": b'HTTP/1.1 503 X\r\n\r\n{"status":"healthy"}',
    "status in the reason": b'HTTP/1.1 500 200\r\n\r\n{"status":"healthy"}',
    "not HTTP": b'{"status":"healthy"}',
    "a secret": b'HTTP/1.1 503 X\r\n\r\n{"status":"x","dependencies":{"redis":{"code":"hunter2"}}}',
}


@pytest.mark.parametrize("answer", IMPOSTORS.values(), ids=IMPOSTORS)
async def test_the_health_check_believes_only_a_whole_healthy_answer(answer: bytes, tmp_path: Path) -> None:
    async def impostor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(impostor, "127.0.0.1", 0) as server:
        path = tmp_path / "config.json"
        path.write_text(json.dumps({"server": {"port": server.sockets[0].getsockname()[1]}}))
        code, output, errors = await run("service.healthcheck", X402_CONFIG=str(path))
    assert (code, errors) == (1, "")
    assert output.startswith("unhealthy: ")
    assert output.count("\n") == 1
    assert "hunter2" not in output


@pytest.mark.parametrize(
    "text", ["", "[]", '{"server": 1}', '{"server": {"port": "x"}}', '{"server": {"port": 99999}}']
)
async def test_the_health_check_fails_on_a_configuration_without_a_port(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    code, output, errors = await run("service.healthcheck", X402_CONFIG=str(path))
    assert (code, errors) == (1, "")
    assert output.startswith("unhealthy: ")


async def test_a_closed_stdout_does_not_end_the_service(tmp_path: Path) -> None:
    async with scripted_redis() as redis:
        process = await spawn(["service", "--config", str(write_config(tmp_path, redis.port))])
        assert process.stdout is not None
        port = json.loads(await process.stdout.readline())["port"]
        process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
        async with connected(port) as client:
            assert (await client.get("/live")).status == 200
            assert (await client.get("/health")).status == 200
        await until(lambda: redis.commands)
        process.terminate()
        async with asyncio.timeout(GUARD_SECONDS):
            assert await process.wait() == 0
        await process.communicate()
