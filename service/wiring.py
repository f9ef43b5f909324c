"""Which route is answered by what: the parts put together for one configuration."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service import openapi
from service.app import App, Route
from service.auth import Gate
from service.ledger import LedgerSettlement
from service.messages import json_response
from service.payments import SETTLEMENT_PATH, Payments
from service.protocol import eip712
from service.protocol.judge import Judge, Kind, Window
from service.protocol.payment import X402_VERSION
from service.settlement import RecordSettlement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from service.claims import Claims
    from service.config import Config, KindConfig, SettlementConfig
    from service.health import Readiness
    from service.log import Log
    from service.messages import Request, Response
    from service.metrics import Metrics
    from service.settlement import Settlement


@dataclass(frozen=True, slots=True)
class Parts:
    """What outlives a change of the configuration."""

    claims: Claims
    readiness: Readiness
    metrics: Metrics
    log: Log
    clock: Callable[[], float] = time.time


def build_app(config: Config, parts: Parts) -> App:
    """Make the routes for a configuration."""
    return App(routes(config, parts), parts.log)


def routes(config: Config, parts: Parts) -> tuple[Route, ...]:
    """Give every route there is."""
    gate = Gate(config.clients, config.requests_per_second, parts.log)
    payments = Payments(
        judge(config),
        settlement(config.settlement, parts.claims),
        claims=parts.claims,
        log=parts.log,
        clock=parts.clock,
    )
    supported_response = json_response(200, supported(config.kinds))
    openapi_response = json_response(200, openapi.document())

    async def get_live(_: Request) -> Response:
        return json_response(200, {"status": "live"})

    async def get_health(_: Request) -> Response:
        return await parts.readiness.response()

    async def get_supported(_: Request) -> Response:
        return supported_response

    async def get_openapi(_: Request) -> Response:
        return openapi_response

    return (
        Route("/live", {"GET": get_live}),
        Route("/health", {"GET": get_health}),
        Route("/supported", {"GET": get_supported}),
        Route("/openapi.json", {"GET": get_openapi}),
        Route("/verify", {"POST": gate.payments(payments.verify)}),
        Route("/settle", {"POST": gate.payments(payments.settle)}),
        Route(SETTLEMENT_PATH, {"GET": gate.guarded(payments.show)}),
        Route("/metrics", {"GET": gate.guarded(parts.metrics.show)}),
    )


def judge(config: Config) -> Judge:
    """Make the judge that a configuration asks for."""
    kinds = (
        Kind.of(kind.scheme, kind.network, kind.asset, (kind.domain_name, kind.domain_version), kind.pay_to)
        for kind in config.kinds
    )
    window = Window(config.settlement.skew_seconds, config.settlement.max_window_seconds)
    return Judge.of(kinds, window)


def settlement(config: SettlementConfig, claims: Claims) -> Settlement:
    """Make the way to settle that a configuration asks for."""
    if config.mode == "ledger":
        return LedgerSettlement(claims, config.retention_seconds)
    return RecordSettlement(claims, config.retention_seconds)


def supported(kinds: Iterable[KindConfig]) -> dict[str, object]:
    """Give what /supported tells: a scheme and a network once, however many assets are taken on it."""
    pairs = dict.fromkeys((kind.scheme, kind.network) for kind in kinds)
    # No signers: this service sends nothing to a chain.
    return {"kinds": [_supported_kind(*pair) for pair in pairs], "extensions": [], "signers": {}}


def _supported_kind(scheme: str, network: str) -> dict[str, object]:
    kind: dict[str, object] = {"x402Version": X402_VERSION, "scheme": scheme, "network": network}
    if network.startswith(eip712.LEDGER_NAMESPACE):
        # A chain's id is in its network's name; what has to be signed for a ledger cannot be read from it.
        kind["extra"] = {"chainId": eip712.chain_id(network)}
    return kind
