"""What each peer sees of really broken projects, and what it reports on the healthy one.

A broken project is seen when a peer reports what it does not report on the healthy project. That is generous: any new
word counts, also one about something else. Answers are kept outside the tree by what the peer read, so a run that was
interrupted goes on where it stopped, and only what has changed is asked again.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.rivals import findings, install, peers, stack
from bench.rivals.faults import FAULTS
from bench.rivals.tally import Fault, Recall
from seatrial import engine, process
from seatrial.errors import Code, SeatrialError
from tests.docker import yard
from tests.docker.mutants import MUTANTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.rivals.findings import Findings
    from bench.rivals.peers import Look, Peer
    from tests.docker.mutant import Mutant
    from tests.docker.yard import Ship, Yard

OURS = "seatrial"
SIDE_BY_SIDE = 2
"""Peers at once: much of the work is waiting for Docker. Nothing is timed here."""
KEPT = install.FOLDER / "answers"
MADE_OF = ("Dockerfile", "Dockerfile.dockerignore", ".dockerignore", "service", "requirements", "pyproject.toml")
"""What an image is made of."""
SET_UP_WITH = ("config", *peers.COMPOSE_FILES)
"""What a stack is set up with, besides its image."""
READ = {"dockerfile": ("Dockerfile",), "compose": peers.COMPOSE_FILES, "image": MADE_OF, "stack": SET_UP_WITH}
OURS_READS = (*MADE_OF, *SET_UP_WITH, "dist", "secrets")


@dataclass(frozen=True)
class Task:
    """What was asked for: which broken projects, by which peers."""

    mutants: Sequence[Mutant]
    peers: Sequence[Peer]
    note: Callable[[str], None]
    keep: Callable[[Recall], None]
    """Is given what is known, after each broken project: a run may be interrupted."""


def measure(task: Task) -> None:
    """Make each broken project once, show it to every peer and to ourselves, and remove it."""
    _toolkit()
    for name in yard.LEADS_ASTRAY:
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory(prefix="seatrial-rivals-") as folder:
        shipyard = yard.Yard(Path(folder))
        try:
            task.note("building the healthy project")
            healthy = shipyard.healthy()
            plain = {peer.name: _reported(task, peer, healthy, healthy, None) for peer in task.peers}
            known = {name: findings.to_json(found) for name, found in plain.items()}
            versions = {peer.name: version(peer) for peer in task.peers}
            exist = {"ours": len(MUTANTS), "peers": len(FAULTS)}
            for mutant in task.mutants:
                task.keep(Recall(versions, known, (_examined(task, shipyard, healthy, mutant, plain),), exist))
        finally:
            shipyard.close()


def every() -> dict[str, Mutant]:
    """Return the broken projects of both tables, by name."""
    return {**MUTANTS, **{fault.name: fault for fault in FAULTS}}


def chosen(names: Sequence[str]) -> list[Mutant]:
    """Return the broken projects that are named, or all. Raises SeatrialError USAGE for a name that is not known."""
    if unknown := sorted(set(names) - set(every())):
        raise SeatrialError(Code.USAGE, f"no broken project is named {', '.join(unknown)}", hint="see docs/mutants.md")
    return [every()[name] for name in names or every()]


def version(peer: Peer) -> str:
    """Return a peer's version as it is locked: some say `dev` of themselves."""
    for name in ("go.mod", "requirements.txt"):
        lock = peers.HERE / peer.name / name
        found = (
            re.search(rf"{peer.name}(?:-bin)?(?: v|==)([\d.]+)", lock.read_text("utf-8")) if lock.is_file() else None
        )
        if found:
            return found[1]
    raise AssertionError(f"{peer.name} is locked nowhere")


def _examined(task: Task, shipyard: Yard, healthy: Ship, mutant: Mutant, plain: dict[str, Findings]) -> Fault:
    task.note(f"breaking: {mutant.name}")
    ship = yard.launch(shipyard, healthy, mutant)
    before = _left_volumes()
    try:
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            reported = pool.map(lambda peer: _reported(task, peer, ship, healthy, mutant), task.peers)
            seen = {
                peer.name: findings.new(found, plain[peer.name])
                for peer, found in zip(task.peers, reported, strict=True)
            }
        # Last, because it may put tools beside the copy's files.
        task.note(f"{mutant.name}: {OURS}")
        seen[OURS] = sorted(_ours(ship, mutant))
    finally:
        if ship.image != healthy.image:
            process.run(["docker", "image", "rm", ship.image], check=False, timeout_seconds=60)
            # Where an image declares a volume, a peer that starts a container for each assertion leaves one of each.
            if left := _left_volumes() - before:
                process.run(["docker", "volume", "rm", *left], check=False, timeout_seconds=60)
    return Fault(
        mutant.name,
        "ours" if mutant.name in MUTANTS else "peers",
        mutant.breaks,
        mutant.needs,
        tuple(peer.name for peer in task.peers if _could_see(peer, ship, healthy, mutant)),
        seen,
    )


def _left_volumes() -> set[str]:
    """Return the volumes without a name that no container uses."""
    nameless = ["--filter", "dangling=true", "--filter", "label=com.docker.volume.anonymous"]
    return set(process.run(["docker", "volume", "ls", "--quiet", *nameless], timeout_seconds=60).stdout.split())


def _reported(task: Task, peer: Peer, ship: Ship, healthy: Ship, mutant: Mutant | None) -> Findings:
    """Return what a peer reports of a project. What it reads and what is as it was need not be read again."""
    found: Findings = Counter()
    for look in peer.looks:
        broken = mutant if mutant and (look.reads == "tree" or _differs(look, ship, healthy)) else None
        subject = ship if broken else healthy
        key = _key(peer, look, subject.folder, broken.name if broken else "")
        found += _kept(key, functools.partial(_ask, task, peer, look, subject))
    return found


def _differs(look: Look, ship: Ship, healthy: Ship) -> bool:
    """Whether a broken project differs from the healthy one in what a look reads."""
    if look.reads == "image":
        return ship.image != healthy.image
    if look.reads == "stack" and ship.image != healthy.image:
        return True
    return _digest(ship.folder, READ[look.reads]) != _digest(healthy.folder, READ[look.reads])


def _could_see(peer: Peer, ship: Ship, healthy: Ship, mutant: Mutant) -> bool:
    """Whether the fault lies in what a peer reads: a linter of Dockerfiles is not asked about Redis."""
    for look in peer.looks:
        if look.reads == "tree":
            changed = _digest(ship.folder, ("Dockerfile",)) != _digest(healthy.folder, ("Dockerfile",))
            if changed or "context.no_secrets" in mutant.kills:
                return True
        # A service that behaves wrongly is in the image too, but no image shows how it behaves.
        elif _differs(look, ship, healthy) and (look.reads != "image" or mutant.needs != "trial"):
            return True
    return False


def _ask(task: Task, peer: Peer, look: Look, ship: Ship) -> Findings:
    if look.reads == "stack":
        connected = engine.connect()
        try:
            return stack.ask_goss(ship.settings, connected, ship.image)
        finally:
            connected.close()
    place = peers.Place(ship.folder, ship.image)
    done = process.run(
        look.argv(place),
        cwd=ship.folder,
        stdin=look.stdin(place),
        check=False,
        timeout_seconds=peers.ANSWER_SECONDS,
    )
    if not done.stdout.strip():
        task.note(f"{peer.name} said nothing: {done.complaint}")
    return findings.counted(look.answer, done.stdout, ship.image, str(ship.folder))


def _ours(ship: Ship, mutant: Mutant) -> list[str]:
    key = f"verify {mutant.name} {_toolkit()} {_digest(ship.folder, OURS_READS)}"
    return list(_kept(key, lambda: Counter(_failed(yard.verified(ship, mutant)))))


@functools.cache
def _toolkit() -> str:
    """Return a word for the toolkit as it was when this run began."""
    return _digest(yard.ROOT, [str(file.relative_to(yard.ROOT)) for file in sorted(yard.ROOT.glob("seatrial/**/*.py"))])


def _failed(outcome: yard.Outcome) -> list[str]:
    return [check_id for check_id, verdict in outcome.verdicts.items() if verdict == "FAIL"]


def _key(peer: Peer, look: Look, folder: Path, name: str) -> str:
    """Return what an answer depends on: the peer, how it is configured and called, and what it reads.

    The project's own secrets are made anew in each copy and are left out, so what is broken is named besides.
    """
    read = [*READ[look.reads], *(MADE_OF if look.reads == "stack" else ())] if look.reads in READ else ["."]
    call = look.argv(peers.Place(folder, "IMAGE"))
    return " ".join([peer.name, look.reads, name, _digest(peers.HERE / peer.name, ["."]), *call, _digest(folder, read)])


def _kept(key: str, ask: Callable[[], Findings]) -> Findings:
    file = KEPT / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
    if file.is_file():
        return Counter(json.loads(file.read_text(encoding="utf-8")))
    found = ask()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found), encoding="utf-8")
    return found


def _digest(folder: Path, names: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for name in names:
        top = folder / name
        files = sorted(top.rglob("*")) if top.is_dir() else [top]
        for file in files:
            inside = file.relative_to(folder)
            # Made anew for each copy, and no part of what is compared.
            if file.is_file() and not {".git", ".venv", "__pycache__", "secrets", ".env"} & set(inside.parts):
                digest.update(f"{inside}\0{file.stat().st_mode}\0".encode() + file.read_bytes())
    return digest.hexdigest()
