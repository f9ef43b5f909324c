"""Throws bytes and bodies at the real process: never a 500, never a traceback, never a hang.

`./invoke fuzz --minutes N` goes on for long; the test suite runs one round.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.service.buyer import body, paid
from tests.service.facilitator_harness import GUARD_SECONDS, connected, request, scripted_redis, started, write_config
from tests.service.test_http_fuzz import streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.service.facilitator_harness import Started

EXAMPLES = 400
KNOWN = frozenset({100, 200, 400, 401, 404, 405, 408, 413, 431, 501, 503, 505})
# Ends every connection, whatever state the bytes before it have left it in.
ENDING = b"\r\n\r\n\x00\r\n\r\n" * 20
SPLINTERS = [
    *(
        b'"',
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b"\\",
        b"\\u",
        b"\\ud800",
        b"\\u0000",
        b"\xff",
        b"\xed\xa0\x80",
        b"\x00",
    ),
    *(b"NaN", b"-Infinity", b"1e999", b"1e4", b"-0", b"9" * 400, b"null", b"true", b"[" * 40, b'{"a":' * 40),
    *(b'"x402Version":2,', b'"value":"1",', b'"from":"0x', b"0x" + b"0" * 64, b"\xef\xbb\xbf", b"\xe2\x80\xa8"),
]
MOST_EDITS = 6


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A payment's body with some of it cut out and splinters put in."""
    ends = int(time.time()) + 600
    raw = body(paid(nonce=draw(st.binary(min_size=32, max_size=32)), valid_after=0, valid_before=ends))
    for _ in range(draw(st.integers(0, MOST_EDITS))):
        at = draw(st.integers(0, len(raw)))
        cut = draw(st.sampled_from([0, 0, 1, 2, 10, 100]))
        raw = raw[:at] + draw(st.sampled_from(SPLINTERS) | st.binary(max_size=8)) + raw[at + cut :]
    return raw


def posted(raw: bytes, path: str) -> bytes:
    """Put a body into a request."""
    return request(path, method="POST", body=raw)


attacks = streams | st.builds(posted, bodies(), st.sampled_from(["/verify", "/settle"]))


class Fuzzer:
    """One process under attack, and what it answered."""

    def __init__(self, service: Started) -> None:
        self._service = service
        self._loop = asyncio.get_running_loop()
        self.statuses: Counter[int] = Counter()

    async def round(self) -> None:
        """Attack as often as one round does."""
        await asyncio.to_thread(self._attacks())

    def _attacks(self) -> Callable[[], None]:
        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(data=attacks, half_close=st.booleans())
        def attack(*, data: bytes, half_close: bool) -> None:
            asyncio.run_coroutine_threadsafe(self._attempt(data, half_close=half_close), self._loop).result()

        return attack

    async def _attempt(self, data: bytes, *, half_close: bool) -> None:
        async with connected(self._service.port) as client:
            await client.send(data + ENDING)
            if half_close:
                client.writer.write_eof()
            # Bounded: a hang is an error.
            raw = await client.rest()
        statuses = [int(line.split(b" ")[1]) for line in raw.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
        assert statuses, "no answer"
        assert set(statuses) <= KNOWN, statuses
        self.statuses.update(statuses)


async def fuzz(folder: Path, seconds: float) -> Counter[int]:
    """Attack one process, a round at least, and look at it afterwards; gives what it answered."""
    async with (
        scripted_redis(replies={"GET": b"$-1\r\n", "SET": b"$-1\r\n"}) as redis,
        started(write_config(folder, redis.port)) as service,
    ):
        log = asyncio.create_task(_crashes(service))
        fuzzer = Fuzzer(service)
        ends = time.monotonic() + seconds
        await fuzzer.round()
        while time.monotonic() < ends:
            await fuzzer.round()
            sys.stderr.write(
                f"\r{sum(fuzzer.statuses.values())} answers, {max(0, ends - time.monotonic()):.0f} s left "
            )
        async with connected(service.port) as client:
            assert (await client.get("/live")).status == 200
        service.process.terminate()
        assert not await asyncio.wait_for(log, GUARD_SECONDS), "the service told of a fault of its own"
        assert service.process.stderr is not None
        assert await service.process.stderr.read() == b""
        assert await service.process.wait() == 0
        return fuzzer.statuses


async def _crashes(service: Started) -> list[bytes]:
    assert service.process.stdout is not None
    # Read as it comes, or a full pipe would stop the service.
    return [line async for line in service.process.stdout if b'"event":"crash"' in line or b'"event":"loop"' in line]


def main(argv: list[str] | None = None) -> int:
    """Fuzz for some minutes; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.service.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        statuses = asyncio.run(fuzz(Path(folder), options.minutes * 60))
    told = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
    sys.stderr.write(f"\n{sum(statuses.values())} answers, none a fault ({told})\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
