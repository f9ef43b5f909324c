"""The service from its first connection to its last."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from typing import TYPE_CHECKING

from service import __version__
from service.health import Readiness, RedisProbe
from service.log import Log
from service.messages import Limits
from service.metrics import Metrics
from service.reload import Reloadable
from service.server import Server
from service.store import Store
from service.wiring import Parts

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping
    from pathlib import Path

    from service.config import Config
    from service.log import Sink

_MADE_BETWEEN_COLLECTIONS = 10_000
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopSignals:
    """The first SIGTERM or SIGINT asks for an orderly end, the second ends the process."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._first = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._received, number)

    def _received(self, number: signal.Signals) -> None:
        if self._first.is_set():
            self._log("warning", "stopped", reason="second signal")
            os._exit(128 + number)
        self._log("info", "draining", signal=number.name)
        self._first.set()

    async def wait(self) -> None:
        """Wait for the first signal."""
        await self._first.wait()


async def serve(config: Config, path: Path, listener: socket.socket, sink: Sink) -> None:
    """Serve until a signal comes, then drain. `path` is where the configuration is read again on SIGHUP."""
    metrics = Metrics()
    log = Log(sink, config.log_level, metrics)
    asyncio.get_running_loop().set_exception_handler(lambda _, context: _log_loop_fault(log, context))
    signals = StopSignals(log)
    store = Store(config.redis, ledger=config.settlement.mode == "ledger")
    probe = RedisProbe(store.write_canary, log)
    readiness = Readiness(probe)
    limits = Limits(body_bytes=config.server.max_body_bytes, connections=config.server.max_connections)
    app = Reloadable(config, path, Parts(store, readiness, metrics, log))
    server = Server(app, limits, log)
    metrics.connections = lambda: server.connections
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, app.reload)
    host, port = listener.getsockname()[:2]
    watcher = asyncio.create_task(probe.watch())
    await server.start(listener)
    _spare_the_collector()
    log("info", "listening", host=host, port=port, version=__version__)
    await signals.wait()
    readiness.draining = True
    cut_off = await server.drain(config.server.drain_seconds)
    watcher.cancel()
    await asyncio.gather(watcher, return_exceptions=True)
    await probe.close()
    await store.close()
    log("info", "stopped", reason="drained", connectionsCutOff=cut_off)


def _spare_the_collector() -> None:
    """Leave what start-up made, which stays for ever, out of every later search for cycles, and search less often.

    Requests make next to no cycles: what they leave behind goes at once, by counting references.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_MADE_BETWEEN_COLLECTIONS)


def _log_loop_fault(log: Log, context: Mapping[str, object]) -> None:
    error = context.get("exception")
    if isinstance(error, BaseException):
        log.crash("loop", error, message=context.get("message"))
    else:
        log("error", "loop", message=context.get("message"))
