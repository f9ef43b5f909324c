"""Whatever bytes come: an answer or a closed connection, never a fault of ours."""

import asyncio
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.messages import Limits, Refusal, Request, json_response
from service.wire import Need, Wire
from tests.service.facilitator_harness import Running, connected, request, running

FRAGMENTS = [
    *(
        b"GET ",
        b"POST ",
        b"HEAD ",
        b"/live",
        b"/health",
        b" HTTP/1.1",
        b" HTTP/1.0",
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n\r\n",
    ),
    *(b"Host: x\r\n", b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"hello"),
    *(
        b"Connection: close\r\n",
        b"Upgrade: h2c\r\n",
        b"Expect: 100-continue\r\n",
        b" folded\r\n",
        b"0\r\n\r\n",
        b"5\r\n",
    ),
    *(b"X: 1\r\n", b":", b" ", b"\t", b"\x00", b"\xff", b";ext", b"5\r\nhello\r\n"),
]
WHOLE = [
    request("/live"),
    request("/supported", method="HEAD"),
    request("/live", method="POST", body=b"hello"),
    request("/live", "Transfer-Encoding: chunked", method="POST") + b"5\r\nhello\r\n0\r\n\r\n",
]
streams = st.lists(st.sampled_from(FRAGMENTS) | st.sampled_from(WHOLE) | st.binary(max_size=40), max_size=25).map(
    b"".join
)
cuts = st.lists(st.integers(min_value=0, max_value=400), max_size=6)


def pieces(data: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(cut, len(data)) for cut in at), len(data)]
    return [data[start:end] for start, end in pairwise(edges) if end > start]


def read_all(data: bytes, at: list[int]) -> tuple[list[tuple[str, str, bytes]], str | int]:
    """Give the requests found in the bytes, and how it ended."""
    wire = Wire(Limits(head_bytes=512, body_bytes=64))
    found: list[tuple[str, str, bytes]] = []
    waiting = [*pieces(data, at), b""]
    while True:
        try:
            got = wire.poll()
        except Refusal as refusal:
            return found, refusal.response.status
        if isinstance(got, Request):
            found.append((got.method, got.path, got.body))
            wire.respond(json_response(200, {}), got.request_id, close=False)
            if not wire.start_next():
                return found, "closed"
        elif got is Need.NOTHING or not waiting:
            return found, "ended"
        else:
            wire.receive(waiting.pop(0))


@settings(max_examples=500)
@given(streams, cuts)
def test_how_the_bytes_are_cut_makes_no_difference(data: bytes, at: list[int]) -> None:
    assert read_all(data, at) == read_all(data, [])


@settings(max_examples=500)
@given(streams)
def test_the_bytes_end_in_a_known_way(data: bytes) -> None:
    _, end = read_all(data, [])
    assert end in ("ended", "closed", 400, 413, 431, 501, 505)


async def test_a_server_that_is_sent_anything_lives_on() -> None:
    async with running(head_bytes=512, body_bytes=64) as service:
        loop = asyncio.get_running_loop()

        @settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
        @given(data=streams, half_close=st.booleans())
        def attack(*, data: bytes, half_close: bool) -> None:
            asyncio.run_coroutine_threadsafe(attempt(service, data, half_close=half_close), loop).result()

        await asyncio.to_thread(attack)
        async with connected(service.port) as client:
            assert (await client.get("/live")).status == 200
    assert all(line["status"] != 500 for line in service.lines.events("request"))


async def attempt(service: Running, data: bytes, *, half_close: bool) -> None:
    async with connected(service.port) as client:
        await client.send(data)
        # Ends every connection, whatever state the bytes have left it in.
        await client.send(b"\r\n\r\n\x00\r\n\r\n" * 20)
        if half_close:
            client.writer.write_eof()
        raw = await client.rest()
    statuses = [int(line.split(b" ")[1]) for line in raw.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    assert statuses
    assert set(statuses) <= {100, 200, 400, 404, 405, 413, 431, 501, 503, 505}
