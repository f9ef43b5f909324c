"""Names, labels and numbers of the metrics: they are an interface."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from service import __version__
from service.health import RedisProbe
from service.log import Log
from service.metrics import BUCKETS_SECONDS, COUNTERS, GAUGES, HISTOGRAM, INFO, Metrics
from service.protocol.reasons import Reason
from tests.service.buyer import NOW, SIGNATURE, paid, put
from tests.service.facilitator_harness import Lines, connected, healthy, running
from tests.service.test_auth import BEARER, with_clients

SAMPLE = re.compile(r'(?P<name>[a-z0-9_]+)(\{(?P<labels>([a-z_]+="[^"\\\n]*",?)*)\})? (?P<value>[0-9.+-]+)')


def samples(text: str) -> dict[str, float]:
    """Read the exposition format strictly: every line is a comment or a sample, none twice."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        if line.startswith(("# HELP ", "# TYPE ")):
            continue
        assert SAMPLE.fullmatch(line), line
        name, _, value = line.rpartition(" ")
        assert name not in found
        found[name] = float(value)
    assert text.endswith("\n")
    return found


async def test_what_happened_is_counted() -> None:
    async with running(config=with_clients(), clock=lambda: NOW) as service, connected(service.port) as http:
        await http.post("/verify", paid(), BEARER)
        await http.post("/verify", put(paid(), SIGNATURE, "0x"), BEARER)
        await http.post("/settle", paid(), BEARER)
        await http.post("/settle", paid(), BEARER)
        await http.post("/settle", paid())
        service.claims.fails_with = "OOM"
        await http.post("/settle", paid(nonce=b"\x01" * 32), BEARER)
        await http.get("/health")
        await http.get("/nowhere")
        reply = await http.get("/metrics", BEARER)
    assert reply.fields["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = samples(reply.body.decode())
    expected = {
        'x402_requests_total{route="/verify",method="POST",status="200"}': 2,
        'x402_requests_total{route="/settle",method="POST",status="401"}': 1,
        'x402_requests_total{route="/settle",method="POST",status="503"}': 1,
        'x402_requests_total{route="none",method="GET",status="404"}': 1,
        'x402_verifications_total{result="valid"}': 1,
        f'x402_verifications_total{{result="{Reason.SIGNATURE}"}}': 1,
        'x402_settlements_total{outcome="recorded",reason="settlement_not_broadcast"}': 1,
        'x402_settlements_total{outcome="repeated",reason="settlement_not_broadcast"}': 1,
        'x402_settlements_total{outcome="failed",reason="unexpected_settle_error"}': 1,
        'x402_redis_errors_total{code="OOM"}': 1,
        "x402_crashes_total": 0,
        "x402_redis_up": 1,
        f'x402_build_info{{version="{__version__}"}}': 1,
        'x402_request_duration_seconds_count{route="/settle"}': 4,
        'x402_request_duration_seconds_bucket{route="/settle",le="+Inf"}': 4,
    }
    assert {name: found.get(name) for name in expected} == expected


@pytest.mark.parametrize("name", [*COUNTERS, *GAUGES, HISTOGRAM, INFO])
def test_each_metric_has_a_name_a_type_and_a_meaning(name: str) -> None:
    text = Metrics().text()
    assert text.count(f"# TYPE {name} ") == text.count(f"# HELP {name} ") == 1


@pytest.mark.parametrize("name", [*COUNTERS, *GAUGES, HISTOGRAM, INFO])
def test_each_metric_is_written_up_for_operators(name: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "facilitator.md").read_text()
    labels = COUNTERS[name][1] if name in COUNTERS else ()
    (line,) = [line for line in page.splitlines() if line.startswith(f"| `{name}`")]
    assert all(f"`{label}`" in line for label in labels)


def test_buckets_are_cumulative() -> None:
    metrics = Metrics()
    for milliseconds in (0.5, 1.0, 1.001, 3000.0):
        facts = {"route": "/live", "method": "GET", "status": 200, "milliseconds": milliseconds}
        metrics("request", facts)
    found = samples(metrics.text())
    counts = [found[f'{HISTOGRAM}_bucket{{route="/live",le="{bound}"}}'] for bound in BUCKETS_SECONDS]
    assert counts == [2, *[3] * (len(BUCKETS_SECONDS) - 1)]
    assert found[f'{HISTOGRAM}_bucket{{route="/live",le="+Inf"}}'] == 4
    assert found[f'{HISTOGRAM}_sum{{route="/live"}}'] == pytest.approx(3.002501)


async def test_redis_going_down_is_seen_whatever_the_level_of_the_log() -> None:
    metrics = Metrics()
    log = Log(Lines(), "error", metrics)
    assert samples(metrics.text())["x402_redis_up"] == 0
    await RedisProbe(healthy, log).code()
    assert samples(metrics.text())["x402_redis_up"] == 1
    log("warning", "redis", status="down", code="OOM")
    assert samples(metrics.text())["x402_redis_up"] == 0


def test_crashes_limits_and_reloads_are_counted() -> None:
    metrics = Metrics()
    log = Log(Lines(), tap=metrics)
    log.crash("here", RuntimeError())
    log("debug", "limited", client="shop")
    log("info", "reload", result="done")
    found = samples(metrics.text())
    assert found["x402_crashes_total"] == 1
    assert found['x402_rate_limited_total{client="shop"}'] == 1
    assert found['x402_config_reloads_total{result="done"}'] == 1
