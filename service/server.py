"""Accepts connections up to a limit, and drains them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from service.connection import Connection
from service.listener import BACKLOG

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

    from service.log import Log
    from service.messages import Answer, Limits, Request

# A response of "no room" needs a socket too; above this many at once a connection is dropped without a word.
REJECTIONS_AT_ONCE = 64
# Half of what a connection may keep of bytes that nobody has asked for yet; asyncio stops reading at twice this.
_STREAM_BYTES = 16 * 1024


class Server:
    """All connections of one listening socket."""

    def __init__(self, answer: Callable[[Request], Awaitable[Answer]], limits: Limits, log: Log) -> None:
        self._answer = answer
        self._limits = limits
        self._log = log
        self._serving: dict[asyncio.Task[None], Connection] = {}
        self._rejecting: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None

    async def start(self, listener: socket.socket) -> None:
        """Begin to accept."""
        self._listener = await asyncio.start_server(self._accepted, sock=listener, backlog=BACKLOG, limit=_STREAM_BYTES)

    @property
    def connections(self) -> int:
        """How many connections are being served."""
        return len(self._serving)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer, self._answer, self._limits, self._log)
        if len(self._serving) < self._limits.connections:
            task = asyncio.create_task(connection.run())
            self._serving[task] = connection
            task.add_done_callback(self._serving.__delitem__)
        elif len(self._rejecting) < REJECTIONS_AT_ONCE:
            task = asyncio.create_task(connection.reject())
            self._rejecting.add(task)
            task.add_done_callback(self._rejecting.discard)
        else:
            writer.transport.abort()

    async def drain(self, seconds: float) -> int:
        """Stop accepting, finish what has begun, cut off the rest; gives how many connections were cut off."""
        if self._listener is not None:
            self._listener.close()
        for connection in self._serving.values():
            connection.take_no_more()
        # Two turns of the loop, so that a connection that was just accepted is among them, and a request whose bytes
        # have been read already is seen to have begun.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for connection in self._serving.values():
            connection.take_no_more()
            connection.close_if_idle()
        tasks = {*self._serving, *self._rejecting}
        late = (await asyncio.wait(tasks, timeout=seconds))[1] if tasks else set()
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return len(late)
