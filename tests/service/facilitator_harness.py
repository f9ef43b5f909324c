"""A running server, a client that sends exact bytes, and a Redis that answers what it is told to."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.app import App
from service.config_file import parse
from service.health import Readiness, RedisProbe
from service.listener import listen
from service.log import Log
from service.messages import Limits
from service.metrics import Metrics
from service.server import Server
from service.wiring import Parts, routes
from tests.service.memory_claims import MemoryClaims

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from service.config import Config

ROOT = Path(__file__).parents[2]
# Only against hanging: nothing here is expected to take a noticeable part of it.
GUARD_SECONDS = 20.0


class Lines:
    """Collects what is logged."""

    def __init__(self) -> None:
        self.raw = b""

    def write(self, line: bytes, /) -> None:
        self.raw += line

    @property
    def parsed(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.raw.splitlines()]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.parsed if line["event"] == name]


@dataclass(frozen=True)
class Reply:
    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def replies(raw: bytes, *, head_only: bool = False) -> list[Reply]:
    """Split what was received into responses, strictly: anything left over fails."""
    found = []
    while raw:
        head, separator, raw = raw.partition(b"\r\n\r\n")
        assert separator, f"incomplete head: {head!r}"
        status_line, *lines = head.decode("ascii").split("\r\n")
        version, status, _ = status_line.split(" ", 2)
        assert version == "HTTP/1.1"
        fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = 0 if head_only or status == "100" else int(fields["content-length"])
        assert len(raw) >= length, "incomplete body"
        found.append(Reply(int(status), fields, raw[:length]))
        raw = raw[length:]
    return found


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def rest(self) -> bytes:
        """Read to the end of file; a reset is an error."""
        async with asyncio.timeout(GUARD_SECONDS):
            return await self.reader.read()

    async def reply(self) -> Reply:
        """Read one response and no more."""
        async with asyncio.timeout(GUARD_SECONDS):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length:")
                ),
                0,
            )
            return replies(head + await self.reader.readexactly(length))[0]

    async def get(self, path: str, *fields: str) -> Reply:
        await self.send(request(path, *fields))
        return await self.reply()

    async def post(self, path: str, document: Any, *fields: str) -> Reply:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        await self.send(request(path, *fields, method="POST", body=body))
        return await self.reply()


def request(path: str = "/live", *fields: str, method: str = "GET", body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: test", *fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        try:
            async with asyncio.timeout(GUARD_SECONDS):
                await writer.wait_closed()
        except OSError:
            pass


@dataclass
class Running:
    port: int
    server: Server
    readiness: Readiness
    lines: Lines
    claims: MemoryClaims
    metrics: Metrics

    async def exchange(self, data: bytes, *, half_close: bool = False) -> list[Reply]:
        """Send bytes and read until the server closes."""
        async with connected(self.port) as client:
            await client.send(data)
            if half_close:
                client.writer.write_eof()
            return replies(await client.rest())

    async def ask(self, data: bytes) -> Reply:
        """Send bytes that the server answers with exactly one response and a closed connection."""
        (reply,) = await self.exchange(data)
        return reply


async def healthy() -> None:
    """Stand in for a canary that can be written."""


@asynccontextmanager
async def running(
    *,
    write_canary: Callable[[], Awaitable[None]] = healthy,
    answer: Any = None,
    cache_seconds: float = 1.0,
    config: Config | None = None,
    claims: MemoryClaims | None = None,
    clock: Callable[[], float] = time.time,
    **limits: Any,
) -> AsyncIterator[Running]:
    """Run the real server on a free port."""
    lines = Lines()
    metrics = Metrics()
    log = Log(lines, "debug", metrics)
    claims = claims or MemoryClaims()
    probe = RedisProbe(write_canary, log, cache_seconds=cache_seconds)
    readiness = Readiness(probe)
    parts = Parts(claims, readiness, metrics, log, clock)
    app = answer or App(routes(config or parse(json.dumps(document())), parts), log)
    server = Server(app, Limits(**{"linger_seconds": 5.0, **limits}), log)
    listener = listen("127.0.0.1", 0)
    await server.start(listener)
    try:
        yield Running(listener.getsockname()[1], server, readiness, lines, claims, metrics)
    finally:
        await server.drain(0)
        await probe.close()
        # Nobody who uses this expects a fault of the service.
        assert not lines.events("crash")


@dataclass
class ScriptedRedis:
    """Understands commands and answers each with the bytes that were set for it.

    None hangs, b"" closes the connection. While `held` is set and not yet released, nothing is answered.
    """

    port: int = 0
    replies: dict[str, bytes | None] = field(default_factory=dict)
    greeting: bytes = b""
    commands: list[list[str]] = field(default_factory=list)
    connections: int = 0
    first_bytes: bytes = b""
    held: asyncio.Event | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.write(self.greeting)
        try:
            while command := await self._command(reader):
                self.commands.append(command)
                answer = self.replies.get(command[0], b"+OK\r\n")
                if self.held is not None:
                    await self.held.wait()
                if answer is None:
                    await reader.read()
                if not answer:
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    async def _command(self, reader: asyncio.StreamReader) -> list[str]:
        line = await reader.readline()
        self.first_bytes = self.first_bytes or line
        if not line.startswith(b"*"):
            return []
        parts = []
        for _ in range(int(line[1:])):
            length = int((await reader.readline())[1:])
            parts.append((await reader.readexactly(length + 2))[:-2].decode())
        return parts


@asynccontextmanager
async def scripted_redis(port: int = 0, **script: Any) -> AsyncIterator[ScriptedRedis]:
    redis = ScriptedRedis(**script)
    tasks: set[asyncio.Task[None]] = set()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(redis.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listener = await asyncio.start_server(accepted, "127.0.0.1", port)
    redis.port = listener.sockets[0].getsockname()[1]
    try:
        yield redis
    finally:
        listener.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)


async def until(holds: Callable[[], object]) -> None:
    """Wait for a fact."""
    async with asyncio.timeout(GUARD_SECONDS):
        while not holds():  # noqa: ASYNC110 - the facts are plain attributes
            await asyncio.sleep(0.005)


def document(**sections: Any) -> dict[str, Any]:
    """Give a whole configuration, with the given sections replaced."""
    example: dict[str, Any] = json.loads((ROOT / "config" / "config.example.json").read_text())
    return {**example, **sections}


def write_config(folder: Path, redis_port: int, *, password_file: Path | None = None, **server: Any) -> Path:
    redis: dict[str, Any] = {"host": "127.0.0.1", "port": redis_port}
    if password_file is not None:
        redis |= {"username": "facilitator", "passwordFile": str(password_file)}
    path = folder / "config.json"
    path.write_text(json.dumps(document(server={"host": "127.0.0.1", "port": 0, **server}, redis=redis)))
    return path


@dataclass
class Started:
    process: asyncio.subprocess.Process
    port: int

    async def line(self, event: str) -> dict[str, Any]:
        return await next_line(self.process, event)

    async def end(self) -> tuple[int, str]:
        """Wait for the end; gives the exit code and what was written to stderr."""
        async with asyncio.timeout(GUARD_SECONDS):
            _, errors = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, errors.decode()


async def next_line(process: asyncio.subprocess.Process, event: str) -> dict[str, Any]:
    """Read log lines until one of the given event."""
    assert process.stdout is not None
    async with asyncio.timeout(GUARD_SECONDS):
        while raw := await process.stdout.readline():
            line: dict[str, Any] = json.loads(raw)
            if line["event"] == event:
                return line
    raise AssertionError(f"the service ended without {event}")


async def spawn(arguments: Iterable[str], **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *arguments,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@asynccontextmanager
async def started(config: Path, **environment: str) -> AsyncIterator[Started]:
    """Run the service as a process of its own."""
    process = await spawn(["service", "--config", str(config)], **environment)
    try:
        line = await next_line(process, "listening")
        yield Started(process, line["port"])
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
