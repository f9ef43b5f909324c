"""Counts what the log tells, and renders it as Prometheus text (exposition format 0.0.4).

The numbers are made of the same events as the lines, so the two cannot disagree. Names and labels are an interface:
docs/facilitator.md lists them, and a test holds each. Every label has few values: route templates, closed reasons,
configured names.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING

from service import __version__
from service.messages import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from service.messages import Request

BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

COUNTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "x402_requests_total": ("HTTP requests answered.", ("route", "method", "status")),
    "x402_verifications_total": ("Answers of /verify by result: valid, or the reason.", ("result",)),
    "x402_settlements_total": ("Answers of /settle by outcome and reason.", ("outcome", "reason")),
    "x402_redis_errors_total": ("Requests that Redis could not serve, by code.", ("code",)),
    "x402_rate_limited_total": ("Requests refused because a client asks too often.", ("client",)),
    "x402_crashes_total": ("Faults of the service itself; each is a defect.", ()),
    "x402_config_reloads_total": ("Reloads of the configuration by result.", ("result",)),
}
HISTOGRAM = "x402_request_duration_seconds"
GAUGES = {
    "x402_redis_up": "Whether the last canary was written.",
    "x402_connections": "Connections being served.",
}
INFO = "x402_build_info"


class Metrics:
    """Takes events as the log does; `connections` is asked when rendering."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[tuple[str, ...]]] = {name: Counter() for name in COUNTERS}
        self._counts["x402_crashes_total"][()] = 0
        # Per route: how many in each bucket (not cumulated), the last one without bound, and the sum of seconds.
        self._buckets: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}
        self._redis_up = 0
        self.connections: Callable[[], int] = int

    def __call__(self, event: str, facts: Mapping[str, object]) -> None:
        """Count an event of the log."""
        match event:
            case "request":
                self._request(facts)
            case "verified":
                self._count("x402_verifications_total", facts, "result")
            case "settled":
                self._count("x402_settlements_total", facts, "outcome", "reason")
            case "limited":
                self._count("x402_rate_limited_total", facts, "client")
            case "crash":
                self._count("x402_crashes_total", facts)
            case "reload":
                self._count("x402_config_reloads_total", facts, "result")
            case "redis":
                self._redis_up = int(facts["status"] == "up")
                return
        if event != "reload" and facts.get("code") is not None:
            self._count("x402_redis_errors_total", facts, "code")

    def _count(self, name: str, facts: Mapping[str, object], *labels: str) -> None:
        self._counts[name][tuple([_label(facts.get(label)) for label in labels])] += 1

    def _request(self, facts: Mapping[str, object]) -> None:
        self._count("x402_requests_total", facts, "route", "method", "status")
        milliseconds = facts["milliseconds"]
        if not isinstance(milliseconds, float):
            return
        seconds = milliseconds / 1000
        route = _label(facts["route"])
        buckets = self._buckets.setdefault(route, [0] * (len(BUCKETS_SECONDS) + 1))
        buckets[bisect_left(BUCKETS_SECONDS, seconds)] += 1
        self._sums[route] = self._sums.get(route, 0.0) + seconds

    async def show(self, _request: Request, _client: str) -> Response:
        """Answer GET /metrics."""
        return Response(200, self.text().encode(), content_type=CONTENT_TYPE)

    def text(self) -> str:
        """Render everything."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        for name, (meaning, labels) in COUNTERS.items():
            yield from (f"# HELP {name} {meaning}", f"# TYPE {name} counter")
            for values, count in sorted(self._counts[name].items()):
                yield f"{name}{_braced(zip(labels, values, strict=True))} {count}"
        yield from self._histogram_lines()
        for (name, meaning), value in zip(GAUGES.items(), (self._redis_up, self.connections()), strict=True):
            yield from (f"# HELP {name} {meaning}", f"# TYPE {name} gauge", f"{name} {value}")
        yield from (f"# HELP {INFO} Which version runs.", f"# TYPE {INFO} gauge")
        yield f"{INFO}{_braced([('version', __version__)])} 1"

    def _histogram_lines(self) -> Iterator[str]:
        yield f"# HELP {HISTOGRAM} Time from a request's first byte to its answer's last."
        yield f"# TYPE {HISTOGRAM} histogram"
        for route, buckets in sorted(self._buckets.items()):
            total = 0
            for bound, count in zip((*map(str, BUCKETS_SECONDS), "+Inf"), buckets, strict=True):
                total += count
                yield f"{HISTOGRAM}_bucket{_braced([('route', route), ('le', bound)])} {total}"
            yield f"{HISTOGRAM}_sum{_braced([('route', route)])} {self._sums[route]:.6f}"
            yield f"{HISTOGRAM}_count{_braced([('route', route)])} {total}"


def _label(value: object) -> str:
    return "none" if value is None else str(value)


def _braced(pairs: Iterable[tuple[str, str]]) -> str:
    # No value here holds what a label would have to escape: a test asks each source of them.
    inside = ",".join(f'{name}="{value}"' for name, value in pairs)
    return f"{{{inside}}}" if inside else ""
