"""`python -m bench`: measure everything, write bench/results.json and docs/benchmarks.md."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from bench import chaos, commands, document, figures, machine, peak, profile, rates, service, startup
from seatrial import console, engine, settings
from seatrial.errors import ExitCode, SeatrialError
from seatrial.evidence import trial

RESULTS_FILE = Path(__file__).parent / "results.json"
RATES_FILE = RESULTS_FILE.with_name("service.json")
PROFILE_FILE = RESULTS_FILE.parent / "results" / "profile.txt"
CHAOS_FILE = RESULTS_FILE.with_name("chaos.json")
DOCUMENT_FILE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
PARTS = ("all", "tasks", "startup", "verification", "service", "memory", "chaos", "profile", "render")
ROUNDS, MINUTES = 5, 10.0


def main(argv: list[str] | None = None) -> int:
    """Run one part or all; return the exit code."""
    signal.signal(signal.SIGTERM, peak.interrupted)
    words = sys.argv[1:] if argv is None else argv
    try:
        if words[:1] == ["rivals"]:
            # A program of its own, with options of its own; it needs the tests' yard and more.
            from bench.rivals import __main__ as rivals  # noqa: PLC0415

            rivals.run(words[1:])
            return 0
        options = _parser().parse_args(words)
        if options.part in {"all", "service", "memory", "chaos"}:
            _measure_service(options.part, options.rounds, options.minutes)
        if options.part == "profile":
            _profile()
        if options.part in {"all", "tasks", "startup", "verification"}:
            _measure(options.part, options.rounds)
        if options.part in {"all", "service", "memory", "chaos", "render"}:
            _render()
    except SeatrialError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: what was started has been removed, nothing was written\n")
        return int(ExitCode.INTERRUPTED)
    return 0


def _measure(part: str, rounds: int) -> None:
    project, connected = settings.load(), engine.connect()
    series: list[figures.Series] = []
    health: list[figures.HealthTiming] = []
    with console.step("measuring", plain=True) as step:
        facts = machine.facts(project, connected)
        try:
            # First, because it builds the tree's own image.
            if part in {"all", "tasks"}:
                series += commands.measure_tasks(project, rounds, step.note)
            if part in {"all", "startup"}:
                started, health = startup.measure(project, connected, rounds, step.note)
                series += started
            if part in {"all", "verification"}:
                with tempfile.TemporaryDirectory(prefix="seatrial-bench-") as folder:
                    series += commands.measure_verification(project, folder, rounds, step.note)
        finally:
            # A `verify` that was interrupted may have been ended before it could remove its trial stack.
            trial.remove_leftovers(connected)
        step.done(f"{sum(len(one.seconds) for one in series)} runs measured")
    console.say(document.table(series))
    if part in {"all", "verification"}:
        console.say(document.claims(series))
    if part == "all":
        results = figures.Results(facts, tuple(series), tuple(health))
        RESULTS_FILE.write_text(figures.to_json(results), encoding="utf-8")


def _measure_service(part: str, rounds: int, minutes: float) -> None:
    with console.step("measuring the service", plain=True) as step:
        kept = rates.from_json(RATES_FILE.read_text(encoding="utf-8")) if RATES_FILE.exists() else None
        if part in {"all", "service"}:
            measured = service.measure(rounds, step.note).with_memory(kept.memory if kept else None)
            RATES_FILE.write_text(rates.to_json(measured), encoding="utf-8")
        if part == "memory" and kept is not None:
            measured = kept.with_memory(service.measure_memory(minutes, step.note))
            RATES_FILE.write_text(rates.to_json(measured), encoding="utf-8")
        if part in {"all", "chaos"}:
            CHAOS_FILE.write_text(chaos.to_json(chaos.measure(step.note)), encoding="utf-8")


def _profile() -> None:
    with console.step("profiling the service", plain=True) as step:
        PROFILE_FILE.write_text(profile.measure(step.note), encoding="utf-8")
        step.done(f"written to {PROFILE_FILE.relative_to(DOCUMENT_FILE.parent.parent)}")


def rendered() -> str:
    """Return the document that the kept results make."""
    return document.render(
        figures.from_json(RESULTS_FILE.read_text(encoding="utf-8")),
        rates.from_json(RATES_FILE.read_text(encoding="utf-8")),
        chaos.from_json(CHAOS_FILE.read_text(encoding="utf-8")),
    )


def _render() -> None:
    DOCUMENT_FILE.write_text(rendered(), encoding="utf-8")
    console.tell(f"  written to {DOCUMENT_FILE.relative_to(DOCUMENT_FILE.parent.parent)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "part",
        nargs="?",
        default="all",
        choices=PARTS,
        help="all measures and writes; service, memory, chaos and profile write their own results; the other parts "
        "alone are printed, nothing is written; render writes the document anew",
    )
    parser.add_argument("--rounds", type=_positive, default=ROUNDS, help="runs of each (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of memory (default: %(default)s)")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
