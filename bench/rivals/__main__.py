"""`python -m bench rivals`: measure ourselves and the peers, write bench/results/ and docs/comparison.md."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bench import document, figures, machine
from bench.rivals import chart, comparison, install, peers, recall, speed, tally
from seatrial import console, engine, process, settings
from seatrial.evidence import trial
from tests.docker.mutants import BY_FAMILY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.rivals.tally import Recall
    from seatrial.console import Step

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "bench" / "results"
SPEED_FILE, RECALL_FILE, RAW = RESULTS / "speed.json", RESULTS / "recall.json", RESULTS / "raw"
DOCUMENT_FILE, CHART_FILE = ROOT / "docs" / "comparison.md", ROOT / "docs" / "comparison.svg"
PARTS = ("all", "install", "speed", "recall", "render")
ROUNDS = 5
KEPT_CHARACTERS = 20_000


def run(argv: Sequence[str]) -> None:
    """Run one part or all. Raises SeatrialError."""
    options = _parser().parse_args(argv)
    RAW.mkdir(parents=True, exist_ok=True)
    if options.part != "render":
        with console.step("rivals", plain=True) as step:
            for peer in peers.PEERS:
                install.ensure(peer.name, step.note)
            if options.part in {"all", "speed"}:
                _speed(options.rounds, step)
            if options.part in {"all", "recall"}:
                _recall(options.only, step)
            step.done("measured")
    if options.part != "install":
        render()


def render() -> None:
    """Write the document and the chart from the results."""
    measured = figures.from_json(SPEED_FILE.read_text(encoding="utf-8"))
    known = tally.from_json(RECALL_FILE.read_text(encoding="utf-8"))
    DOCUMENT_FILE.write_text(comparison.render(measured, known), encoding="utf-8")
    CHART_FILE.write_text(chart.draw(comparison.bars(measured, known)), encoding="utf-8")
    console.tell(f"  written to {DOCUMENT_FILE.relative_to(ROOT)} and {CHART_FILE.relative_to(ROOT)}")


def _speed(rounds: int, step: Step) -> None:
    project, connected = settings.load(ROOT), engine.connect()
    facts = machine.facts(project, connected) | comparison.own_facts(project)
    try:
        series = speed.measure(project, rounds, step.note)
    finally:
        trial.remove_leftovers(connected)
        connected.close()
    results = figures.Results(facts, tuple(series))
    SPEED_FILE.write_text(figures.to_json(results), encoding="utf-8")
    console.say(document.table(series))
    for peer in peers.PEERS:
        for look in peer.looks:
            if look.reads in {"dockerfile", "compose", "image"}:
                place = peers.Place(project.root, project.image)
                said = process.run(look.argv(place), cwd=ROOT, stdin=look.stdin(place), check=False)
                text = said.stdout.replace(str(ROOT), ".").replace(str(install.FOLDER), "rivals")
                (RAW / f"{peer.name}-{look.reads}.txt").write_text(text[:KEPT_CHARACTERS], encoding="utf-8")


def _recall(only: Sequence[str], step: Step) -> None:
    """Measure the broken projects that were named, and keep what is known of the others."""
    names = [mutant.name for name in only for mutant in BY_FAMILY.get(name, ())]
    names += [name for name in only if name not in BY_FAMILY]
    chosen = recall.chosen(names)
    recall.measure(recall.Task(chosen, peers.PEERS, step.note, _keep))


def _keep(found: Recall) -> None:
    if RECALL_FILE.is_file():
        found = tally.merged(tally.from_json(RECALL_FILE.read_text(encoding="utf-8")), found, recall.every())
    RECALL_FILE.write_text(tally.to_json(found), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench rivals", description=__doc__)
    parser.add_argument("part", nargs="?", default="all", choices=PARTS, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="runs of each command (default: %(default)s)")
    parser.add_argument(
        "--only", nargs="+", default=(), metavar="NAME", help="recall: families and broken projects, by name"
    )
    return parser
