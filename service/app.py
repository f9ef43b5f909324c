"""The routes: from a request to a response, knowing nothing of sockets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.messages import Answer, Request, Response, error_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from service.log import Log

    Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """A path and who answers which method on it; GET answers HEAD too.

    In a template, `/things/{name}`, only the first part is fixed; the handler reads the others from the request.
    """

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
        self._templates = {_shape(route.path): route for route in self._routes.values() if "{" in route.path}
        self._log = log

    async def __call__(self, request: Request) -> Answer:
        """Answer the request, whatever happens."""
        route = self._routes.get(request.path) or self._templates.get(_shape(request.path))
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


def _shape(path: str) -> tuple[str, int]:
    # Enough to tell templates apart: the first part and how many there are.
    parts = path.split("/", 8)
    return parts[1] if len(parts) > 1 else "", len(parts)
