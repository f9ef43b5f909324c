"""The parts of docs/benchmarks.md about the service: under load, over a long time, and with a Redis that fails."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from bench.figures import ratios, summary
from tests.docker.chaos import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.rates import Cell, Memory, Rates
    from tests.docker.chaos import Row

NAMES = {"ours": "this service", "peer": "the SDK on FastAPI, bare", "same": "the SDK on FastAPI, same work"}

LOAD_TEXT = """\
## The service under load

Requests a second of one process on one core; the load comes from the other core, over kept connections, each sending as
soon as it is answered. Beside it, in turns in the same run and on the same Python, the facilitator that one would write
with the x402 SDK on FastAPI and uvicorn (`bench/peer.py`), twice, each with coincurve, httptools and uvloop:

- **same work**: as this service it asks Redis about every payment's nonce (one `GET`, from the signer that the SDK asks
  to simulate the transfer; the SDK's signer is synchronous, so it is redis-py's synchronous client), compares the hash
  of the client's token, and has an access log, uvicorn's, as it comes.
- **bare**: no storage, no token, no access log, and a chain that answers at once. It does not know a payment that was
  used from one that was not, so nobody could run it; it is what the SDK and its framework cost by themselves.

This service also counts its metrics, bounds every read in time, limits each client's rate, and closes a connection
after 75 to 100 requests. Every payment is another one, signed beforehand. Redis is the production's, syncing each
write, on the load's core. CPU is what the system counts for the server's process, for one request: on a machine that
does other things too it is the number to compare by.
"""

HALF_TEXT = """\
At half of what each can do with 16 connections, requests coming at even times; times count from when a request was due,
and each number is the median of all rounds:
"""

STAGES_TEXT = """\
Processor time of the parts of one verification, measured alone, without HTTP and without Redis:
"""

MEMORY_TEXT = """\
### Memory over time

Verifying and recording in turns, 64 connections, as fast as it goes; the resident set of the process, and how it moved:
"""

CHAOS_TEXT = """\
## A Redis that fails

Two facilitators that share nothing but a real Redis, 16 clients that settle the same 40 nonces again and again, two
payments of different amounts for each nonce, while one thing happens to Redis. Afterwards everybody who was left
without an answer asks again. Acknowledged are the answers that say a payment was taken, repeated ones too; a 503 says
that nothing is known to be decided; all others say that the nonce was taken by the other payment. Lost are nonces whose
acknowledged payment is not on record, double are nonces of which two payments were acknowledged, neither right nor 503
are all other answers, and those that changed.
"""


def load_parts(rates: Rates) -> list[str]:
    """Return what is said about load."""
    parts = [LOAD_TEXT, _cells(rates.cells), _ratios(rates), HALF_TEXT, _half(rates), STAGES_TEXT, _stages(rates)]
    return parts if rates.memory is None else [*parts, MEMORY_TEXT, _memory(rates.memory)]


def chaos_parts(rows: Sequence[Row]) -> list[str]:
    """Return what is said about a Redis that fails."""
    head, *lines = table(list(rows))
    return [CHAOS_TEXT, markdown(head, lines)]


def _cells(cells: Sequence[Cell]) -> str:
    head = ("request", "connections", "server", "a second (median, min to max)", "CPU of one", "p99")
    rows = [
        (
            f"`{cell.path}`" if cell.path.startswith("/") else f"`/settle`, mode {cell.path.partition(' ')[2]}",
            str(cell.connections),
            NAMES[cell.server],
            _spread(cell.per_second),
            f"{statistics.median(cell.cpu_seconds) * 1000:.3f} ms",
            f"{statistics.median(cell.p99_seconds) * 1000:.1f} ms",
        )
        for cell in sorted(cells, key=lambda cell: (_order(cell.path), cell.connections, cell.server))
    ]
    return markdown(head, rows)


def _order(path: str) -> int:
    return ("/verify", "/health", "settle record", "settle ledger").index(path)


def _spread(values: Sequence[float]) -> str:
    said = summary(values)
    return f"{said.median:.0f} ({said.least:.0f} to {said.most:.0f})"


def _ratios(rates: Rates) -> str:
    lines = []
    for path in ("/verify", "/health"):
        for connections in sorted({cell.connections for cell in rates.cells}):
            found = {c.server: c for c in rates.cells if (c.path, c.connections) == (path, connections)}
            lines += [_ratio(found["ours"], found[peer]) for peer in ("same", "peer") if peer in found]
    loads = f"{rates.load_before:.1f} before and {rates.load_after:.1f} after"
    lines.append(
        f"\nThe system's load was {loads} this measurement, which itself makes 2. What is above that was somebody"
    )
    lines.append("else's work: it moves what is counted by the second, and hardly the CPU of one request.")
    return (
        "The CPU of the others as a multiple of ours, and how many more requests a second this service answers:\n\n"
        + "\n".join(lines)
        + "\n"
    )


def _ratio(ours: Cell, peer: Cell) -> str:
    spent = summary(ratios(peer.cpu_seconds, ours.cpu_seconds))
    said = summary(ratios(ours.per_second, peer.per_second))
    return (
        f"- `{ours.path}`, {ours.connections} connections, {NAMES[peer.server]}: "
        f"**{spent.median:.1f} times the CPU** ({spent.least:.1f} to {spent.most:.1f}); "
        f"{said.median:.1f} times as many a second ({said.least:.1f} to {said.most:.1f})"
    )


def _half(rates: Rates) -> str:
    head = ("server", "a second", "median", "p99", "max")
    return markdown(
        head,
        [
            (
                NAMES[half.server],
                f"{half.per_second:.0f}",
                *(f"{s * 1000:.2f} ms" for s in (half.median_seconds, half.p99_seconds, half.most_seconds)),
            )
            for half in rates.half
        ],
    )


def _stages(rates: Rates) -> str:
    rows = [(stage.name, f"{stage.seconds * 1000:.4f} ms") for stage in rates.stages]
    besides = sum(stage.seconds for stage in rates.stages if stage.name in {"JSON into types", rates.stages[-1].name})
    return markdown(("part", "CPU"), rows) + f"\nA verification besides HTTP and JSON: **{besides * 1000:.3f} ms**.\n"


def _memory(memory: Memory) -> str:
    samples = memory.samples
    minutes = samples[-1].seconds / 60
    quarter = max(1, len(samples) // 4)
    rows = [
        (f"{part[0].seconds / 60:.1f} to {part[-1].seconds / 60:.1f} min", *_megabytes([s.rss_bytes for s in part]))
        for part in (samples[at : at + quarter] for at in range(0, len(samples), quarter))
    ]
    said = f"{memory.answered} requests answered in {minutes:.1f} minutes.\n"
    return markdown(("when", "min", "median", "max"), rows) + "\n" + said


def _megabytes(values: Sequence[int]) -> tuple[str, ...]:
    said = summary(values)
    return tuple(f"{value / 1e6:.1f} MB" for value in (said.least, said.median, said.most))


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"
