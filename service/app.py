"""The routes: from a request to a response, knowing nothing of sockets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.messages import Answer, Request, Response, error_response, json_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from service.config import KindConfig
    from service.health import Readiness
    from service.log import Log

    Handler = Callable[[Request], Awaitable[Response]]

X402_VERSION = 2


@dataclass(frozen=True, slots=True)
class Route:
    """A path and who answers which method on it; GET answers HEAD too."""

    path: str
    handlers: Mapping[str, Handler]

    def handler(self, method: str) -> Handler | None:
        """Give who answers the method."""
        return self.handlers.get("GET" if method == "HEAD" else method)

    @property
    def allowed(self) -> str:
        """What the Allow header says."""
        methods = {*self.handlers, *({"HEAD"} if "GET" in self.handlers else ())}
        return ", ".join(sorted(methods))


class App:
    """Finds the route of a request and has it answered."""

    def __init__(self, routes: Iterable[Route], log: Log) -> None:
        self._routes = {route.path: route for route in routes}
        self._log = log

    async def __call__(self, request: Request) -> Answer:
        """Answer the request, whatever happens."""
        route = self._routes.get(request.path)
        if route is None:
            return Answer(error_response(404, "not_found", "there is nothing at this path"), None)
        handler = route.handler(request.method)
        if handler is None:
            allow = (("Allow", route.allowed),)
            return Answer(error_response(405, "method_not_allowed", f"allowed: {route.allowed}", allow), route.path)
        try:
            return Answer(await handler(request), route.path)
        except Exception as error:  # noqa: BLE001 - a fault of ours is answered, told and not passed on
            self._log.crash(route.path, error, id=request.request_id)
            return Answer(error_response(500, "internal_error", "this is a fault of the service"), route.path)


def routes(kinds: Iterable[KindConfig], readiness: Readiness) -> tuple[Route, ...]:
    """Give every route there is."""
    supported_response = json_response(200, supported(kinds))

    async def get_live(_: Request) -> Response:
        return json_response(200, {"status": "live"})

    async def get_health(_: Request) -> Response:
        return await readiness.response()

    async def get_supported(_: Request) -> Response:
        return supported_response

    return (
        Route("/live", {"GET": get_live}),
        Route("/health", {"GET": get_health}),
        Route("/supported", {"GET": get_supported}),
    )


def supported(kinds: Iterable[KindConfig]) -> dict[str, object]:
    """Give what /supported tells: a scheme and a network once, however many assets are taken on it."""
    pairs = dict.fromkeys((kind.scheme, kind.network) for kind in kinds)
    entries = [{"x402Version": X402_VERSION, "scheme": scheme, "network": network} for scheme, network in pairs]
    # No signers: this service sends nothing to a chain.
    return {"kinds": entries, "extensions": [], "signers": {}}
