"""An address that stays while what answers behind it changes: what a failover looks like to a client."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Switch:
    """Hands bytes on to whichever port is behind it at the moment."""

    def __init__(self, behind: int) -> None:
        self.port = 0
        self._behind = behind
        self._lines: set[asyncio.Task[None]] = set()

    def turn_to(self, port: int) -> None:
        """From now on lead there, and cut every line to where it led before."""
        self._behind = port
        for line in self._lines:
            line.cancel()

    def accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.create_task(self._connect(reader, writer))
        self._lines.add(line)
        line.add_done_callback(self._lines.discard)
        # Here, because a line that is cut before it began never comes to a `finally`.
        line.add_done_callback(lambda _: writer.close())

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._behind)
            ways = [asyncio.create_task(_pour(*way)) for way in ((reader, far_writer), (far_reader, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                far_writer.close()

    async def close(self) -> None:
        for line in self._lines:
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


@asynccontextmanager
async def switch_to(port: int) -> AsyncIterator[Switch]:
    """Open one on a free port."""
    made = Switch(port)
    listener = await asyncio.start_server(made.accepted, "127.0.0.1", 0)
    made.port = listener.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        listener.close()
        await made.close()
