import json
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.log import Log
from tests.service.facilitator_harness import Lines, connected, request, running


async def test_a_request_is_one_line() -> None:
    async with running() as service, connected(service.port) as client:
        await client.send(request("/live?token=abc", "X-Request-Id: shop-1.a_B", "Authorization: Bearer abc"))
        await client.reply()
    (line,) = service.lines.events("request")
    assert line.keys() == {"time", "level", "event", "id", "method", "route", "status", "milliseconds"}
    assert (line["level"], line["id"], line["method"], line["route"], line["status"]) == (
        "info",
        "shop-1.a_B",
        "GET",
        "/live",
        200,
    )
    assert line["milliseconds"] >= 0
    assert datetime.fromisoformat(line["time"]).utcoffset() is not None
    assert b"abc" not in service.lines.raw


@pytest.mark.parametrize("sent", ["", "a b", "x" * 65, '"},{', "é", "a;b", "../a"])
async def test_an_unfit_request_id_is_replaced(sent: str) -> None:
    async with running() as service, connected(service.port) as client:
        await client.send(request("/live", f"X-Request-Id: {sent}"))
        made = (await client.reply()).fields["x-request-id"]
    assert len(made) == 16
    assert service.lines.events("request")[0]["id"] == made


async def test_a_sane_request_id_is_kept() -> None:
    async with running() as service, connected(service.port) as client:
        await client.send(request("/nowhere", "X-Request-Id: abc"))
        assert (await client.reply()).fields["x-request-id"] == "abc"


async def test_ids_are_made_anew() -> None:
    async with running() as service, connected(service.port) as client:
        ids = {(await client.get("/live")).fields["x-request-id"] for _ in range(10)}
    assert len(ids) == 10


async def test_a_refused_request_is_a_line_too() -> None:
    async with running() as service:
        reply = await service.ask(b"nonsense\r\n\r\n")
    (line,) = service.lines.events("request")
    assert (line["id"], line["method"], line["route"], line["status"]) == (
        reply.fields["x-request-id"],
        None,
        None,
        400,
    )


@given(st.dictionaries(st.text(min_size=1).filter(lambda key: key not in ("level", "event", "self")), st.text()))
def test_nothing_breaks_the_line(facts: dict[str, str]) -> None:
    lines = Lines()
    Log(lines)("info", "x\r\n", **facts)
    assert lines.raw.count(b"\n") == 1
    assert lines.raw.endswith(b"\n")
    assert lines.raw.isascii()
    parsed = json.loads(lines.raw)
    assert {key: parsed[key] for key in facts} == facts


def test_lines_below_the_level_are_left_out() -> None:
    lines = Lines()
    log = Log(lines, "warning")
    for level in ("debug", "info", "warning", "error"):
        log(level, level)
    assert [line["event"] for line in lines.parsed] == ["warning", "error"]


def test_a_log_that_can_not_be_written_stops_nothing() -> None:
    class Broken:
        def write(self, _line: bytes, /) -> None:
            raise BrokenPipeError

    Log(Broken())("info", "x")
