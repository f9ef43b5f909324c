"""Who calls: bearer tokens, known here only by their SHA-256, and how often each client may.

A token is random and long, so a fast hash is enough: nobody can guess through it. All hashes are compared, each in
constant time, so that the time of a refusal says nothing about which client came close.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import TYPE_CHECKING

from service.messages import Response, error_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from service.app import Handler
    from service.config import ClientConfig
    from service.log import Log
    from service.messages import Request

    ClientHandler = Callable[[Request, str], Awaitable[Response]]

NOBODY = ""
UNAUTHORIZED = error_response(
    401, "unauthorized", "this needs a bearer token of a configured client", (("WWW-Authenticate", "Bearer"),)
)


class TokenBucket:
    """Lets `per_second` through on average, and a second's worth at once. 0 lets everything through."""

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._clock = clock
        self._tokens = float(per_second)
        self._filled_at = clock()

    def wait_seconds(self) -> float:
        """Take one; gives 0, or how long to wait for the next and takes nothing."""
        if self._per_second == 0:
            return 0.0
        now = self._clock()
        gained = (now - self._filled_at) * self._per_second
        self._tokens = min(float(self._per_second), self._tokens + gained)
        self._filled_at = now
        if self._tokens < 1:
            return (1 - self._tokens) / self._per_second
        self._tokens -= 1
        return 0.0


class Gate:
    """Lets clients in by their token."""

    def __init__(self, clients: Iterable[ClientConfig], per_second: int, log: Log) -> None:
        self._clients = [(client.name, client.token_sha256.encode()) for client in clients]
        self._buckets = {name: TokenBucket(per_second) for name, _ in self._clients}
        self._log = log

    def guarded(self, handler: ClientHandler) -> Handler:
        """Give a handler that wants a token in any case: with no clients configured it is closed."""

        async def handle(request: Request) -> Response:
            name = self.client_of(request)
            if name is None:
                return UNAUTHORIZED
            return self._limited(name) or await handler(request, name)

        return handle

    def payments(self, handler: ClientHandler) -> Handler:
        """Give a handler that wants a token as soon as there are clients, and is open while there are none."""
        if self._clients:
            return self.guarded(handler)

        async def handle(request: Request) -> Response:
            return await handler(request, NOBODY)

        return handle

    def client_of(self, request: Request) -> str | None:
        """Give the name of the client whose token came with the request."""
        sent = [value for name, value in request.fields if name == "authorization"]
        if len(sent) != 1:
            return None
        scheme, _, token = sent[0].partition(" ")
        if scheme.lower() != "bearer":
            return None
        digest = hashlib.sha256(token.strip(" ").encode("latin-1")).hexdigest().encode()
        found = None
        for name, expected in self._clients:
            if hmac.compare_digest(digest, expected):
                found = name
        return found

    def _limited(self, name: str) -> Response | None:
        seconds = self._buckets[name].wait_seconds()
        if not seconds:
            return None
        self._log("debug", "limited", client=name)
        retry_after = (("Retry-After", str(max(1, round(seconds)))),)
        return error_response(429, "too_many_requests", "this client asks more often than it may", retry_after)
