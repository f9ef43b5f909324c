"""Serves one connection: reads with deadlines, answers, logs, closes in an order that loses no response."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from service.deadline import Deadline
from service.messages import Answer, Refusal, Request, error_response, refusal
from service.wire import Need, Wire, make_request_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from service.log import Log
    from service.messages import Limits

_READ_BYTES = 16 * 1024

OVERLOADED = error_response(503, "overloaded", "too many connections", (("Retry-After", "1"),))


class Connection:
    """One client's connection and the requests on it."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answer: Callable[[Request], Awaitable[Answer]],
        limits: Limits,
        log: Log,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._answer = answer
        self._limits = limits
        self._log = log
        self._wire = Wire(limits)
        self._deadline = Deadline()
        self._seconds = {
            Need.FIRST_BYTE: limits.idle_seconds,
            Need.HEAD: limits.header_seconds,
            Need.BODY: limits.body_seconds,
        }
        # Fewer for some, so that those that began together do not all end, and begin again, in one moment.
        fewer = random.randrange(limits.requests_per_connection // 4 + 1)  # noqa: S311 - nobody gains by guessing it
        self._requests_left = limits.requests_per_connection - fewer
        self._draining = False
        # Nothing of a next request has come: closing now takes nothing from the client.
        self._idle = True
        self._began = time.monotonic()
        # With no room in the transport's buffer, drain() waits until the kernel has taken everything.
        writer.transport.set_write_buffer_limits(high=0)

    async def run(self) -> None:
        """Serve until either side ends it."""
        await self._ending_in_close(self._serve())

    async def reject(self) -> None:
        """Say that there is no room, without waiting for a request."""
        await self._ending_in_close(self._respond(Answer(OVERLOADED, None), close=True))

    def take_no_more(self) -> None:
        """Finish the request that has begun, if one has, and take none after it."""
        self._draining = True

    def close_if_idle(self) -> None:
        """Close at once if no request has begun."""
        if self._idle:
            self._writer.close()

    async def _ending_in_close(self, service: Awaitable[None]) -> None:
        try:
            await service
            await self._linger()
        except OSError:
            # The client is gone, or takes nothing any more: nobody is left to be told.
            pass
        except Exception as error:  # noqa: BLE001 - one connection's fault must not become the server's
            self._log.crash("connection", error)
        finally:
            self._deadline.close()
            # What was sent is with the kernel already; anything else would be waited for without end.
            self._writer.transport.abort()
            with suppress(OSError):
                await self._writer.wait_closed()

    async def _serve(self) -> None:
        while await self._exchange() and not self._draining:
            pass

    async def _exchange(self) -> bool:
        try:
            request = await self._receive()
        except Refusal as refused:
            await self._respond(Answer(refused.response, None), close=True)
            return False
        if request is None:
            return False
        answer = await self._answer(request)
        self._requests_left -= 1
        last = self._draining or self._requests_left <= 0
        await self._respond(answer, close=last)
        return self._wire.start_next()

    async def _receive(self) -> Request | None:
        self._began = time.monotonic()
        phase: Need | None = None
        deadline = 0.0
        while isinstance(need := self._wire.poll(), Need):
            if need is Need.NOTHING:
                return None
            if need is not phase:
                phase, deadline = need, self._deadline.now() + self._seconds[need]
                await self._enter(need)
            try:
                data = await self._deadline.wait(self._reader.read(_READ_BYTES), deadline)
            except TimeoutError:
                if need is Need.FIRST_BYTE:
                    return None
                raise refusal(408, "request_timeout", f"the {need.value} took too long to arrive") from None
            self._begin()
            self._wire.receive(data)
        return need

    async def _enter(self, phase: Need) -> None:
        if phase is Need.FIRST_BYTE:
            self._idle = True
        elif phase is Need.BODY:
            await self._send(self._wire.go_ahead())

    def _begin(self) -> None:
        if self._idle:
            self._idle = False
            self._began = time.monotonic()

    async def _respond(self, answer: Answer, *, close: bool) -> None:
        head = self._wire.head
        request_id = head.request_id if head else make_request_id()
        try:
            await self._send(self._wire.respond(answer.response, request_id, close=close))
        finally:
            self._log_request(head, request_id, answer)

    def _log_request(self, head: Request | None, request_id: str, answer: Answer) -> None:
        self._log(
            "info",
            "request",
            id=request_id,
            method=head.method if head else None,
            route=answer.route,
            status=answer.response.status,
            milliseconds=round((time.monotonic() - self._began) * 1000, 3),
        )

    async def _send(self, data: bytes) -> None:
        if self._writer.transport.is_closing():
            raise ConnectionAbortedError("the client has gone")
        self._writer.write(data)
        if not self._writer.transport.get_write_buffer_size():
            # The kernel has it all, as nearly always: there is nothing to wait for.
            return
        try:
            async with asyncio.timeout(self._limits.write_seconds):
                await self._writer.drain()
        except TimeoutError:
            raise ConnectionAbortedError("the client does not read") from None

    async def _linger(self) -> None:
        """Read on for a moment after the last response.

        Closing a socket that holds unread bytes resets it, and a reset can destroy a response that is still on its way.
        """
        self._writer.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.linger_seconds):
                while await self._reader.read(_READ_BYTES):
                    pass
