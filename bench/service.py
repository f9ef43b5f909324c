"""The service under load beside the same made with the x402 SDK: one core each, in turns, in one run."""

from __future__ import annotations

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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.figures import summary
from bench.load import Plan, Report
from bench.rates import Cell, HalfLoad, Memory, Rates, Sample, Stage
from seatrial import process
from service.balances import balance_key
from tests.docker.lone_redis import LoneRedis, lone_redis
from tests.docker.yard import ROOT, docker, free_port
from tests.service.buyer import ASSET, KIND, PAYER, body, ledger_kind, paid
from tests.service.facilitator_harness import document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERVER_CORE, LOAD_CORE = 0, 1
CONNECTIONS = (1, 16, 256)
SECONDS, WARM_UP_SECONDS = 3.0, 1.0
HALF_LOAD_SECONDS = 8.0
MOST_PER_SECOND = 5000
"""Nobody here settles faster; so many payments are signed that none is sent twice."""
PATIENCE_SECONDS = 60.0
TICKS = os.sysconf("SC_CLK_TCK")
MEMORY_STEP_SECONDS = 10.0
SETTLING = {"settle record": ("record", KIND), "settle ledger": ("ledger", ledger_kind())}


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


def measure(rounds: int, note: Callable[[str], None]) -> Rates:
    """Measure every path at every number of connections, then both servers at half of what they can."""
    load_before = os.getloadavg()[0]
    with _harbour() as (folder, servers):
        cells = _cells(folder, servers, rounds, note)
        half = [_half_load(folder, servers[name], cells, note) for name in ("ours", "peer")]
    load_after = os.getloadavg()[0]
    note("stages of one verification")
    said = process.run([sys.executable, "-m", "bench.stages"], cwd=ROOT, timeout_seconds=PATIENCE_SECONDS)
    stages = tuple(Stage(**stage) for stage in json.loads(said.stdout))
    return Rates(tuple(cells), tuple(half), stages, None, load_before, load_after)


def measure_memory(minutes: float, note: Callable[[str], None]) -> Memory:
    """Verify and settle for minutes, as fast as it goes, and look at the service's memory all the while."""
    samples: list[Sample] = []
    answered = 0
    with _harbour() as (folder, servers):
        server, began = servers["ours"], time.monotonic()
        while time.monotonic() < began + minutes * 60:
            for path in ("/verify", "settle record"):
                server.redis.admin("FLUSHALL")
                answered += _run(folder, server, path, 64, MEMORY_STEP_SECONDS / 2).answered
            samples.append(Sample(time.monotonic() - began, server.memory_bytes()))
            note(f"{samples[-1].seconds:.0f} s, {samples[-1].rss_bytes / 1e6:.1f} MB")
    return Memory(answered, tuple(samples))


def _cells(folder: Path, servers: dict[str, Server], rounds: int, note: Callable[[str], None]) -> list[Cell]:
    wanted = [(path, name) for path in ("/verify", "/health") for name in ("ours", "peer")]
    wanted += [("settle record", "ours"), ("settle ledger", "ledger")]
    found: dict[tuple[str, str, int], list[tuple[float, float, float]]] = {}
    for number in range(rounds):
        for path, name in wanted if number % 2 == 0 else reversed(wanted):
            for connections in CONNECTIONS:
                note(f"{path} of {name}, {connections} connections, {number + 1} of {rounds}")
                server = servers[name]
                before = server.cpu_seconds()
                report = _run(folder, server, path, connections, SECONDS)
                cpu = server.cpu_seconds() - before
                # The warm-up costs too, and is answered at the same pace.
                answers = report.answered * (report.seconds + WARM_UP_SECONDS) / report.seconds
                one = (report.answered / report.seconds, cpu / answers, report.p99_seconds)
                found.setdefault((path, name, connections), []).append(one)
    return [
        Cell(path, "ours" if name == "ledger" else name, connections, *zip(*values, strict=True))
        for (path, name, connections), values in found.items()
    ]


def _half_load(folder: Path, server: Server, cells: list[Cell], note: Callable[[str], None]) -> HalfLoad:
    (cell,) = (one for one in cells if (one.path, one.server, one.connections) == ("/verify", server.name, 16))
    rate = summary(cell.per_second).median / 2
    note(f"{server.name} at half load, {rate:.0f} a second")
    report = _run(folder, server, "/verify", 16, HALF_LOAD_SECONDS, rate)
    return HalfLoad(server.name, rate, report.median_seconds, report.p99_seconds, report.most_seconds)


def _run(  # noqa: PLR0913 - one run is one call
    folder: Path, server: Server, path: str, connections: int, seconds: float, per_second: float = 0.0
) -> Report:
    bodies = folder / "bodies"
    if path == "/health":
        plan = Plan(server.port, "GET", path, connections, seconds)
    else:
        mode, kind = SETTLING.get(path, ("record", KIND))
        if path in SETTLING:
            server.redis.admin("FLUSHALL")
        if mode == "ledger":
            purse = balance_key(kind.network, bytes.fromhex(ASSET[2:]), bytes.fromhex(PAYER[2:]))
            server.redis.admin("SET", purse, str(2**62))
        run, ends = secrets.token_bytes(24), int(time.time()) + 3000
        with bodies.open("wb") as file:
            for number in range(int((seconds + WARM_UP_SECONDS) * MOST_PER_SECOND)):
                nonce = run + number.to_bytes(8)
                file.write(body(paid(nonce=nonce, kind=kind, valid_after=0, valid_before=ends)) + b"\n")
        route = "/settle" if path in SETTLING else path
        plan = Plan(server.port, "POST", route, connections, seconds, str(bodies), WARM_UP_SECONDS, per_second)
    done = subprocess.run(
        ["taskset", "-c", str(LOAD_CORE), sys.executable, "-m", "bench.load"],
        cwd=ROOT,
        input=json.dumps(asdict(plan)),
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + PATIENCE_SECONDS,
    )
    report = Report(**json.loads(done.stdout))
    wrong = {status: count for status, count in report.statuses.items() if status != "200"}
    if wrong:
        raise RuntimeError(f"{path} of {server.name}: {wrong} of {report.answered} answers; this is no measurement")
    return report


@contextmanager
def _harbour() -> Iterator[tuple[Path, dict[str, Server]]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with lone_redis(folder) as redis:
            folder.chmod(0o755)
            redis.load_ledger()
            docker("update", "--cpuset-cpus", str(LOAD_CORE), redis.container)
            with (
                _ours("ours", folder, redis, "record", KIND.network) as ours,
                _ours("ledger", folder, redis, "ledger", ledger_kind().network) as ledger,
                _peer(redis) as peer,
            ):
                yield folder, {"ours": ours, "ledger": ledger, "peer": peer}


@contextmanager
def _ours(name: str, folder: Path, redis: LoneRedis, mode: str, network: str) -> Iterator[Server]:
    port, reached = free_port(), redis.config()
    text = document(server={"host": "127.0.0.1", "port": port}, settlement={"mode": mode}, auth={"clients": []})
    text["kinds"][0]["network"] = network
    # By its own address: on a published port Docker's proxy would be measured as well.
    text["redis"] = {"host": redis.address(), "port": 6379, "username": "facilitator"}
    text["redis"]["passwordFile"] = str(reached.password_file)
    config = folder / f"{name}.json"
    config.write_text(json.dumps(text), encoding="utf-8")
    with _started(name, port, redis, ["-m", "service", "--config", str(config)]) as server:
        yield server


@contextmanager
def _peer(redis: LoneRedis) -> Iterator[Server]:
    port = free_port()
    with _started("peer", port, redis, ["-m", "bench.peer", str(port)]) as server:
        yield server


@contextmanager
def _started(name: str, port: int, redis: LoneRedis, words: list[str]) -> Iterator[Server]:
    argv = ["taskset", "-c", str(SERVER_CORE), sys.executable, *words]
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
