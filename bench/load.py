"""Sends requests over kept connections and tells how fast they were answered: a process of its own, on its own core.

`python -m bench.load` reads a Plan (JSON) from standard input and writes a Report to standard output.

Without a rate each connection sends as soon as it is answered: what the server can do. With a rate requests become due
at even times and wait for a free connection where there is none; their time counts from when they were due, so a server
that stalls is not asked less for it (no coordinated omission).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

import uvloop

HEAD_END = b"\r\n\r\n"
NOT_ANSWERED = "not answered"


@dataclass(frozen=True)
class Plan:
    """What to send: `method` and `path`, and bodies, one a line of a file, each sent once before any is sent again."""

    port: int
    method: str
    path: str
    connections: int
    seconds: float
    bodies: str = ""
    warm_up_seconds: float = 1.0
    per_second: float = 0.0
    token: str = ""


@dataclass
class Report:
    """What came back while it was measured: statuses and how many, and seconds from due to answered."""

    seconds: float = 0.0
    statuses: dict[str, int] = field(default_factory=dict)
    median_seconds: float = 0.0
    p99_seconds: float = 0.0
    most_seconds: float = 0.0

    @property
    def answered(self) -> int:
        """How many were answered with success."""
        return sum(count for status, count in self.statuses.items() if status == "200")


class Generator:
    """All connections, and what they were answered."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.bodies = Path(plan.bodies).read_bytes().splitlines() if plan.bodies else [b""]
        self.sent = 0
        self.token = f"Authorization: Bearer {plan.token}\r\n" if plan.token else ""
        self.measuring = False
        self.ended = False
        self.statuses: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.free: deque[Channel] = deque()
        self.due: deque[float] = deque()

    def request(self) -> bytes:
        """Give the next request's bytes."""
        body = self.bodies[self.sent % len(self.bodies)]
        self.sent += 1
        head = f"{self.plan.method} {self.plan.path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        return f"{head}{self.token}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def note(self, status: str, due: float) -> None:
        """Count an answer."""
        if self.measuring:
            self.statuses[status] += 1
            self.latencies.append(time.perf_counter() - due)

    def ready(self, channel: Channel) -> None:
        """Give a connection that waits for nothing its next request."""
        if self.ended:
            return
        if not self.plan.per_second:
            channel.send(time.perf_counter())
        elif self.due:
            channel.send(self.due.popleft())
        else:
            self.free.append(channel)

    async def pace(self) -> None:
        """Make requests due at even times."""
        start = time.perf_counter()
        made = 0
        while not self.ended:
            now = time.perf_counter()
            while start + made / self.plan.per_second <= now:
                due = start + made / self.plan.per_second
                made += 1
                if self.free:
                    self.free.popleft().send(due)
                else:
                    self.due.append(due)
            await asyncio.sleep(max(0.0, start + made / self.plan.per_second - time.perf_counter()))

    async def run(self) -> Report:
        """Carry out the plan."""
        channels = [Channel(self) for _ in range(self.plan.connections)]
        await asyncio.gather(*(channel.connect() for channel in channels))
        pacing = asyncio.create_task(self.pace()) if self.plan.per_second else None
        await asyncio.sleep(self.plan.warm_up_seconds)
        self.measuring, began = True, time.perf_counter()
        await asyncio.sleep(self.plan.seconds)
        self.measuring, self.ended = False, True
        report = self._report(time.perf_counter() - began)
        if pacing is not None:
            await pacing
        for channel in channels:
            channel.close()
        return report

    def _report(self, seconds: float) -> Report:
        # What was due and waits still is not forgotten: it has waited so long at least.
        now = time.perf_counter()
        ordered = sorted([*self.latencies, *(now - due for due in self.due)]) or [0.0]
        return Report(
            seconds,
            dict(self.statuses),
            ordered[len(ordered) // 2],
            ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
            ordered[-1],
        )


class Channel(asyncio.Protocol):
    """One connection, made again when the server closes it."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self._transport: asyncio.WriteTransport | None = None
        self._received = b""
        self._due: float | None = None
        self._connecting: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Open the connection."""
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._generator.plan.port)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        # uvloop's transports are none of asyncio's by type.
        self._transport = cast("asyncio.WriteTransport", transport)
        self._received = b""
        self._generator.ready(self)

    def send(self, due: float) -> None:
        """Send one request."""
        assert self._transport is not None
        self._due = due
        self._transport.write(self._generator.request())

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer."""
        self._received += data
        end = self._received.find(HEAD_END)
        if end < 0:
            return
        head = self._received[:end].lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(self._received) < end + len(HEAD_END) + length:
            return
        assert self._due is not None
        self._generator.note(head[9:12].decode(), self._due)
        self._due, self._received = None, b""
        if b"connection: close" in head:
            self.close()
        else:
            self._generator.ready(self)

    def connection_lost(self, _error: Exception | None) -> None:
        """Open another; a request that was on its way is lost, and told."""
        if self._due is not None:
            self._generator.note(NOT_ANSWERED, self._due)
            self._due = None
        if not self._generator.ended:
            self._connecting = asyncio.get_running_loop().create_task(self.connect())

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


if __name__ == "__main__":
    plan = Plan(**json.load(sys.stdin))
    sys.stdout.write(json.dumps(asdict(uvloop.run(Generator(plan).run()))))
