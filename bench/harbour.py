"""The servers that are measured, each started on its own core beside one Redis that they share."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.docker.lone_redis import LoneRedis, lone_redis
from tests.docker.yard import ROOT, docker, free_port
from tests.service.buyer import KIND, ledger_kind
from tests.service.facilitator_harness import document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERVER_CORE, LOAD_CORE = 0, 1
PATIENCE_SECONDS = 60.0
TICKS = os.sysconf("SC_CLK_TCK")
TOKEN = secrets.token_hex(32)
"""What every client sends, to all servers alike; the bare peer does not look at it."""


@dataclass(frozen=True)
class Server:
    """A process that answers, on its own core."""

    name: str
    port: int
    pid: int
    redis: LoneRedis

    def cpu_seconds(self) -> float:
        """Return the processor time it has taken, its own and the system's for it."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory_bytes(self) -> int:
        """Return its resident set."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return 1024 * int(status.partition("VmRSS:")[2].split()[0])


@contextmanager
def harbour() -> Iterator[tuple[Path, dict[str, Server]]]:
    """Start all of them; gives a folder for what they are sent, too."""
    with (
        _redis() as (folder, redis),
        _ours("ours", folder, redis, "record", KIND.network) as ours,
        _ours("ledger", folder, redis, "ledger", ledger_kind().network) as ledger,
        _started("peer", redis, lambda port: ["-m", "bench.peer", str(port)]) as peer,
        _started("same", redis, lambda port: ["-m", "bench.peer", str(port), _shared(folder, redis)]) as same,
    ):
        yield folder, {"ours": ours, "ledger": ledger, "peer": peer, "same": same}


@contextmanager
def alone(program: Callable[[str], list[str]]) -> Iterator[tuple[Path, Server]]:
    """Start the service alone, by what `program` gives for a configuration's path; gives a folder, too."""
    with _redis() as (folder, redis), _ours("ours", folder, redis, "record", KIND.network, program) as ours:
        yield folder, ours


@contextmanager
def _redis() -> Iterator[tuple[Path, LoneRedis]]:
    """Start Redis on the load's core; gives a folder, too."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with lone_redis(folder) as redis:
            folder.chmod(0o755)
            redis.load_ledger()
            docker("update", "--cpuset-cpus", str(LOAD_CORE), redis.container)
            yield folder, redis


def _service(config: str) -> list[str]:
    return ["-m", "service", "--config", config]


@contextmanager
def _ours(  # noqa: PLR0913 - what a service is started with
    name: str,
    folder: Path,
    redis: LoneRedis,
    mode: str,
    network: str,
    program: Callable[[str], list[str]] = _service,
) -> Iterator[Server]:
    config = folder / f"{name}.json"

    def words(port: int) -> list[str]:
        clients = [{"name": "bench", "tokenSha256": _token_sha256()}]
        auth = {"clients": clients, "requestsPerSecond": 1_000_000}
        text = document(server={"host": "127.0.0.1", "port": port}, settlement={"mode": mode}, auth=auth)
        text["kinds"][0]["network"] = network
        text["redis"] = {**_reached(redis), "passwordFile": str(redis.config().password_file)}
        config.write_text(json.dumps(text), encoding="utf-8")
        return program(str(config))

    with _started(name, redis, words) as server:
        yield server


def _shared(folder: Path, redis: LoneRedis) -> str:
    shared = {**_reached(redis), "password_file": str(redis.config().password_file), "token_sha256": _token_sha256()}
    file = folder / "shared.json"
    file.write_text(json.dumps(shared), encoding="utf-8")
    return str(file)


def _reached(redis: LoneRedis) -> dict[str, object]:
    # By its own address: on a published port Docker's proxy would be measured as well.
    return {"host": redis.address(), "port": 6379, "username": "facilitator"}


def _token_sha256() -> str:
    return hashlib.sha256(TOKEN.encode()).hexdigest()


@contextmanager
def _started(name: str, redis: LoneRedis, words: Callable[[int], list[str]]) -> Iterator[Server]:
    port = free_port()
    argv = ["taskset", "-c", str(SERVER_CORE), sys.executable, *words(port)]
    started = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        _await_health(port)
        yield Server(name, port, started.pid, redis)
    finally:
        started.send_signal(signal.SIGTERM)
        try:
            started.wait(PATIENCE_SECONDS)
        finally:
            started.kill()


def _await_health(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
