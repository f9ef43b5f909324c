"""The pure parts of the benchmark: what is said about measured values, and the document made of them."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest

from bench import __main__ as program
from bench import chaos, document, figures, load, machine, rates, startup
from tests.docker.chaos import Row
from tests.service.facilitator_harness import running

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COMMANDS = (*document.STARTUP, *document.VERIFICATION, *document.WRAPPER, *document.TASKS)


def results(**changed: tuple[float, ...]) -> figures.Results:
    """Every series that the document names, two runs each; `changed` replaces seconds, a _ for each space and dash."""
    return figures.Results(
        machine={"Redis": "7.0.15", "cores": "2"},
        series=tuple(
            figures.Series(
                name,
                f"run {name}",
                changed.get(name.replace(" ", "_").replace("-", "_"), (1.0, 2.0)),
                () if name in document.STARTUP else (20_000_000, 30_000_000),
                (0, 1) if name == "verify" else (),
            )
            for name in COMMANDS
        ),
        health=(figures.HealthTiming("seed", "facilitator", 30.0, 5.0, 10.0, 0.0, 3),),
    )


def cell(path: str, server: str, connections: int, *per_second: float) -> rates.Cell:
    return rates.Cell(path, server, connections, per_second, (0.0001,) * len(per_second), (0.002,) * len(per_second))


SAMPLES = tuple(rates.Sample(10.0 * number, 40_000_000 + number) for number in range(1, 9))
LOAD = rates.Rates(
    cells=(
        *(
            cell(path, server, connections, *(3000.0, 4000.0) if server == "ours" else (1000.0, 2000.0))
            for path in ("/verify", "/health")
            for server in ("ours", "peer", "same")
            for connections in (1, 16)
        ),
        cell("settle record", "ours", 16, 900.0, 1100.0),
    ),
    half=(rates.HalfLoad("ours", 2000.0, 0.001, 0.0042, 0.02),),
    stages=(
        rates.Stage("strict JSON", 0.00001),
        rates.Stage("JSON into types", 0.00001),
        rates.Stage("all of it", 0.00004),
    ),
    memory=rates.Memory(12345, SAMPLES),
    load_before=0.25,
    load_after=2.31,
)
ROWS = (
    Row("hangs", "record", 100, 60, 30, 0, 0, 0, 0, 0),
    Row("hangs", "ledger", 50, 20, 10, 0, 0, 0, 0, 0),
)


def render(measured: figures.Results) -> str:
    return document.render(measured, LOAD, ROWS)


def test_load_survives_its_file() -> None:
    assert rates.from_json(rates.to_json(LOAD)) == LOAD
    assert rates.from_json(rates.to_json(LOAD.with_memory(None))).memory is None
    assert chaos.from_json(chaos.to_json(ROWS)) == ROWS


def test_document_compares_load_round_by_round() -> None:
    text = render(results())
    for peer in ("bare", "same work"):
        cpu = f"- `/verify`, 16 connections, the SDK on FastAPI, {peer}: **1.0 times the CPU** (1.0 to 1.0); "
        assert cpu + "2.5 times as many a second (2.0 to 3.0)" in text
    assert "load was 0.2 before and 2.3 after" in text
    assert "| `/settle`, mode record | 16 | this service | 1000 (900 to 1100) | 0.100 ms | 2.0 ms |" in text
    assert "| this service | 2000 | 1.00 ms | 4.20 ms | 20.00 ms |" in text
    assert "besides HTTP and JSON: **0.050 ms**" in text
    assert "12345 requests answered in 1.3 minutes." in text


def test_document_sums_the_faults_up() -> None:
    assert "| all |  | 150 | 80 | 40 | 0 | 0 | 0 | 0 |" in render(results())


async def test_load_is_counted_and_paced() -> None:
    async with running() as service:
        for per_second in (0.0, 200.0):
            plan = load.Plan(service.port, "GET", "/live", 4, 0.5, warm_up_seconds=0.1, per_second=per_second)
            report = await load.Generator(plan).run()
            assert set(report.statuses) == {"200"}
            assert report.answered <= 200 or not per_second
            assert 0 < report.median_seconds <= report.p99_seconds <= report.most_seconds


def test_summary_is_least_median_most() -> None:
    assert figures.summary([3.0, 1.0, 2.0, 10.0]) == figures.Summary(1.0, 2.5, 10.0)


def test_nothing_measured_has_no_summary() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        figures.summary([])


def test_ratios_and_differences_are_taken_pair_by_pair() -> None:
    assert figures.ratios([10.0, 30.0], [1.0, 10.0]) == [10.0, 3.0]
    assert figures.differences([10.0, 30.0], [1.0, 10.0]) == [9.0, 20.0]


@pytest.mark.parametrize("function", [figures.ratios, figures.differences])
def test_series_of_different_length_make_no_pairs(
    function: Callable[[Sequence[float], Sequence[float]], list[float]],
) -> None:
    with pytest.raises(ValueError, match="zip"):
        function([1.0, 2.0], [1.0])


def test_results_survive_their_file() -> None:
    kept = results(startup_ours=(1.25, 1.5))
    assert figures.from_json(figures.to_json(kept)) == kept


def test_seconds_are_kept_to_a_tenth_of_a_millisecond() -> None:
    kept = figures.from_json(figures.to_json(results(verify=(1.23456789, 2.0))))
    assert kept.named("verify").seconds == (1.2346, 2.0)


def test_results_of_another_schema_are_refused() -> None:
    document_of_later = json.loads(figures.to_json(results())) | {"schema": "seatrial.bench/2"}
    with pytest.raises(ValueError, match=r"seatrial\.bench/2"):
        figures.from_json(json.dumps(document_of_later))


def test_an_unknown_series_is_an_error() -> None:
    with pytest.raises(KeyError, match="nowhere"):
        results().named("nowhere")


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.0123, "12 ms"), (1.0, "1 s"), (1.556, "1.56 s"), (41.17, "41.2 s"), (123.4, "123 s")]
)
def test_durations_carry_their_unit(seconds: float, said: str) -> None:
    assert document.duration(seconds) == said


def test_document_says_the_median_of_the_ratios() -> None:
    text = render(results(startup_ours=(1.0, 2.0, 4.0), startup_seed=(40.0, 42.0, 44.0)))
    assert "takes **21.0 times as long** (11.0 to 40.0, 3 pairs)." in text
    assert "| the seed plan's file | 3 | 40 s | 42 s | 44 s |" in text


def test_document_shows_peak_memory_only_where_it_was_measured() -> None:
    text = render(results())
    startup_part, _, rest = text.partition("## Verification")
    assert "peak memory" not in startup_part
    assert "| `run verify` | 2 | 1 s | 1.5 s | 2 s | 30 MB |" in rest


def test_document_tells_how_verifications_ended() -> None:
    assert "- `run verify`: every promise held in 1 of 2, a promise was broken in 1 of 2" in render(results())
    held = [dataclasses.replace(series, exit_codes=()) for series in results().series]
    assert "How the runs ended" not in render(dataclasses.replace(results(), series=tuple(held)))


def test_document_names_the_wrappers_own_part() -> None:
    text = render(results(__version=(0.110, 0.112), direct___version=(0.100, 0.101)))
    assert "- `--version`: 10.5 ms, pair by pair (10.0 to 11.0; below 0 is noise)" in text


def test_document_shows_the_timings_in_force() -> None:
    assert "| seed | facilitator | 30 s | 5 s | 10 s | none | 3 |" in render(results())


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    for block in render(results()).split("\n\n"):
        rows = [line.count("|") for line in block.splitlines() if line.startswith("|")]
        assert len(set(rows)) <= 1, block


def test_table_for_the_terminal_is_aligned() -> None:
    lines = document.table(results().series).splitlines()
    assert len(lines) == len(COMMANDS) + 1
    assert len({len(line) for line in lines}) == 1


def test_document_in_the_tree_is_made_of_the_results_in_the_tree() -> None:
    assert program.DOCUMENT_FILE.read_text(encoding="utf-8") == program.rendered()


def test_timings_are_read_as_the_engine_reports_them() -> None:
    container = {
        "Config": {
            "Labels": {"com.docker.compose.service": "redis-prod"},
            "Healthcheck": {
                "Test": ["CMD", "true"],
                "Interval": 10_000_000_000,
                "Timeout": 5_000_000_000,
                "Retries": 3,
            },
        }
    }
    assert startup.timings_of("seed", [container]) == [
        figures.HealthTiming("seed", "redis-prod", 10.0, 5.0, 0.0, 0.0, 3)
    ]


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("github.com/docker/buildx 0.13.1+ds1 0.13.1+ds1-3", "0.13.1"),
        ("Redis server v=7.0.15 sha=00000000:0 bits=64", "7.0.15"),
        ("v5.0.1-desktop.1", "5.0.1"),
        ("no number", "unknown"),
    ],
)
def test_versions_are_taken_without_what_a_distribution_adds(said: str, version: str) -> None:
    assert machine.version_in(said) == version
