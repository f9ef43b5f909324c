"""The pure parts of the benchmark: what is said about measured values, and the document made of them."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest

from bench import __main__ as program
from bench import document, figures, machine, startup

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
    text = document.render(results(startup_ours=(1.0, 2.0, 4.0), startup_seed=(40.0, 42.0, 44.0)))
    assert "takes **21.0 times as long** (11.0 to 40.0, 3 pairs)." in text
    assert "| the seed plan's file | 3 | 40 s | 42 s | 44 s |" in text


def test_document_shows_peak_memory_only_where_it_was_measured() -> None:
    text = document.render(results())
    startup_part, _, rest = text.partition("## Verification")
    assert "peak memory" not in startup_part
    assert "| `run verify` | 2 | 1 s | 1.5 s | 2 s | 30 MB |" in rest


def test_document_tells_how_verifications_ended() -> None:
    assert "- `run verify`: every promise held in 1 of 2, a promise was broken in 1 of 2" in document.render(results())
    held = [dataclasses.replace(series, exit_codes=()) for series in results().series]
    assert "How the runs ended" not in document.render(dataclasses.replace(results(), series=tuple(held)))


def test_document_names_the_wrappers_own_part() -> None:
    text = document.render(results(__version=(0.110, 0.112), direct___version=(0.100, 0.101)))
    assert "- `--version`: 10.5 ms, pair by pair (10.0 to 11.0; below 0 is noise)" in text


def test_document_shows_the_timings_in_force() -> None:
    assert "| seed | facilitator | 30 s | 5 s | 10 s | none | 3 |" in document.render(results())


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    for block in document.render(results()).split("\n\n"):
        rows = [line.count("|") for line in block.splitlines() if line.startswith("|")]
        assert len(set(rows)) <= 1, block


def test_table_for_the_terminal_is_aligned() -> None:
    lines = document.table(results().series).splitlines()
    assert len(lines) == len(COMMANDS) + 1
    assert len({len(line) for line in lines}) == 1


def test_document_in_the_tree_is_made_of_the_results_in_the_tree() -> None:
    kept = figures.from_json(program.RESULTS_FILE.read_text(encoding="utf-8"))
    assert program.DOCUMENT_FILE.read_text(encoding="utf-8") == document.render(kept)


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
