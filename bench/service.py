"""The service under load beside two made with the x402 SDK: one core each, in turns, in one run."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from bench.figures import summary
from bench.harbour import LOAD_CORE, PATIENCE_SECONDS, TOKEN, harbour
from bench.load import Plan, Report
from bench.rates import Cell, HalfLoad, Memory, Rates, Sample, Stage
from seatrial import process
from service.balances import balance_key
from tests.docker.yard import ROOT
from tests.service.buyer import ASSET, KIND, PAYER, body, ledger_kind, paid

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.harbour import Server

SERVERS = ("ours", "peer", "same")
CONNECTIONS = (1, 16, 256)
SECONDS, WARM_UP_SECONDS = 3.0, 1.0
HALF_LOAD_SECONDS = 8.0
MOST_PER_SECOND = 5000
"""Nobody here settles faster; so many payments are signed that none is sent twice."""
MEMORY_STEP_SECONDS = 10.0
SETTLING = {"settle record": ("record", KIND), "settle ledger": ("ledger", ledger_kind())}


def measure(rounds: int, note: Callable[[str], None]) -> Rates:
    """Measure every path at every number of connections, then both servers at half of what they can."""
    load_before = os.getloadavg()[0]
    with harbour() as (folder, servers):
        cells = _cells(folder, servers, rounds, note)
        half = _half_loads(folder, servers, cells, rounds, note)
    load_after = os.getloadavg()[0]
    note("stages of one verification")
    said = process.run([sys.executable, "-m", "bench.stages"], cwd=ROOT, timeout_seconds=PATIENCE_SECONDS)
    stages = tuple(Stage(**stage) for stage in json.loads(said.stdout))
    return Rates(tuple(cells), tuple(half), stages, None, load_before, load_after)


def measure_memory(minutes: float, note: Callable[[str], None]) -> Memory:
    """Verify and settle for minutes, as fast as it goes, and look at the service's memory all the while."""
    samples: list[Sample] = []
    answered = 0
    with harbour() as (folder, servers):
        server, began = servers["ours"], time.monotonic()
        while time.monotonic() < began + minutes * 60:
            for path in ("/verify", "settle record"):
                server.redis.admin("FLUSHALL")
                answered += run(folder, server, path, 64, MEMORY_STEP_SECONDS / 2).answered
            samples.append(Sample(time.monotonic() - began, server.memory_bytes()))
            note(f"{samples[-1].seconds:.0f} s, {samples[-1].rss_bytes / 1e6:.1f} MB")
    return Memory(answered, tuple(samples))


def _cells(folder: Path, servers: dict[str, Server], rounds: int, note: Callable[[str], None]) -> list[Cell]:
    wanted = [(path, name) for path in ("/verify", "/health") for name in SERVERS]
    wanted += [("settle record", "ours"), ("settle ledger", "ledger")]
    found: dict[tuple[str, str, int], list[tuple[float, float, float]]] = {}
    for number in range(rounds):
        for path, name in wanted if number % 2 == 0 else reversed(wanted):
            for connections in CONNECTIONS:
                note(f"{path} of {name}, {connections} connections, {number + 1} of {rounds}")
                server = servers[name]
                before = server.cpu_seconds()
                report = run(folder, server, path, connections, SECONDS)
                cpu = server.cpu_seconds() - before
                # The warm-up costs too, and is answered at the same pace.
                answers = report.answered * (report.seconds + WARM_UP_SECONDS) / report.seconds
                one = (report.answered / report.seconds, cpu / answers, report.p99_seconds)
                found.setdefault((path, name, connections), []).append(one)
    return [
        Cell(path, "ours" if name == "ledger" else name, connections, *zip(*values, strict=True))
        for (path, name, connections), values in found.items()
    ]


def _half_loads(
    folder: Path, servers: dict[str, Server], cells: list[Cell], rounds: int, note: Callable[[str], None]
) -> list[HalfLoad]:
    """Ask each for half of what it can do, in turns; the median of the rounds counts, so that one stall does not."""
    rates = {
        cell.server: summary(cell.per_second).median / 2
        for cell in cells
        if (cell.path, cell.connections) == ("/verify", 16)
    }
    seen: dict[str, list[Report]] = {name: [] for name in SERVERS}
    for number in range(rounds):
        for name in SERVERS:
            note(f"{name} at half load, {rates[name]:.0f} a second, {number + 1} of {rounds}")
            seen[name].append(run(folder, servers[name], "/verify", 16, HALF_LOAD_SECONDS, rates[name]))
    return [
        HalfLoad(
            name,
            rates[name],
            summary([one.median_seconds for one in reports]).median,
            summary([one.p99_seconds for one in reports]).median,
            summary([one.most_seconds for one in reports]).median,
        )
        for name, reports in seen.items()
    ]


def run(  # noqa: PLR0913 - one run is one call
    folder: Path, server: Server, path: str, connections: int, seconds: float, per_second: float = 0.0
) -> Report:
    """Put a load on a server and return what it answered. Raises RuntimeError when an answer is not 200."""
    bodies = folder / "bodies"
    if path == "/health":
        plan = Plan(server.port, "GET", path, connections, seconds, token=TOKEN)
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
        plan = Plan(server.port, "POST", route, connections, seconds, str(bodies), WARM_UP_SECONDS, per_second, TOKEN)
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
