"""How fast each peer is beside the part of `verify` that does the same work, in turns, in one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import commands
from bench.commands import Command
from bench.rivals import install, peers

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.figures import Series
    from bench.rivals.peers import Look, Peer
    from seatrial.settings import Settings

WATCHER = "bench.rivals.whole"
ENDED = frozenset({0, 1})
"""Found nothing, or found something: both are whole runs."""
ASSERTIONS = (5, 20, 100)
IMAGE_ONLY = "image,layers,packages"
COLD = 'set -u; folder="$(mktemp -d)"; XDG_CACHE_HOME="$folder" "$@"; code=$?; rm -rf "$folder"; exit "$code"'
"""Runs a command that finds nothing of what was read before."""


def measure(settings: Settings, rounds: int, note: Callable[[str], None]) -> list[Series]:
    """Run groups of commands that do the same work, each group in turns."""
    return [series for group in groups(settings) for series in commands.alternating(settings, group, rounds, note)]


def groups(settings: Settings) -> list[list[Command]]:
    """Return what is measured side by side."""
    named = {peer.name: peer for peer in peers.PEERS}
    asserted = [_structure_test(settings, number) for number in ASSERTIONS]

    def peer(name: str, reads: str) -> Command:
        return _peer(settings, named[name], reads)

    return [
        [*asserted, ours("--static"), ours("--only", IMAGE_ONLY), ours("--static", cold=True)],
        [
            peer("dockle", "image"),
            peer("trivy", "image"),
            peer("dive", "image"),
            ours("--only", IMAGE_ONLY, note="again"),
        ],
        [peer("hadolint", "dockerfile"), peer("checkov", "dockerfile"), ours("--only", "dockerfile")],
        [peer("compose-lint", "compose"), ours("--only", "compose")],
        [_dgoss(settings), ours("--only", "runtime,redis")],
    ]


def ours(*words: str, cold: bool = False, note: str = "") -> Command:
    """Return a call of `verify`; cold, with nothing kept from an earlier run. `note` tells two alike apart."""
    argv = ("./invoke", "verify", *words)
    shown = " ".join(argv)
    if cold:
        return _watched(f"{shown}, cold", ("sh", "-c", COLD, "sh", *argv), f"{shown}, nothing cached")
    return _watched(f"{shown}, {note}" if note else shown, argv, shown)


def _peer(settings: Settings, peer: Peer, reads: str) -> Command:
    look = next(look for look in peer.looks if look.reads == reads)
    argv = _argv(settings, look)
    return _watched(peer.name, argv, f"{peer.name} {SHOWN[peer.name]}")


SHOWN = {
    "dockle": "IMAGE",
    "trivy": "image --scanners misconfig,secret IMAGE",
    "dive": "--ci IMAGE",
    "hadolint": "Dockerfile",
    "checkov": "--framework dockerfile",
    "compose-lint": "check docker-compose.yml",
}


def _argv(settings: Settings, look: Look) -> tuple[str, ...]:
    place = peers.Place(settings.root, settings.image)
    argv, text = look.argv(place), look.stdin(place)
    # The measured program reads what a file holds; here it comes from a shell's own here-document.
    return ("sh", "-c", 'printf %s "$1" | { shift; "$@"; }', "sh", text, *argv) if text else tuple(argv)


def _structure_test(settings: Settings, number: int) -> Command:
    name = "container-structure-test"
    config = str(peers.HERE / name / f"{number}.yaml")
    argv = (str(install.program(name)), "test", "--output", "json", "--image", settings.image, "--config", config)
    return _watched(f"{name} {number}", argv, f"{name}, {number} assertions")


def _dgoss(settings: Settings) -> Command:
    """Return dgoss over the service alone, started as the compose file hardens it."""
    config = settings.path("config/config.json")
    environment = (
        f"GOSS_PATH={install.program('goss')}",
        f"GOSS_FILES_PATH={peers.HERE / 'goss'}",
        "GOSS_FILE=alone.yaml",
        "GOSS_OPTS=--format json",
    )
    hardened = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true", "--init")
    mounts = (
        *("--volume", f"{config}:/app/config/config.json:ro"),
        *("--volume", f"{settings.path('secrets/redis_password')}:/run/secrets/redis_password:ro"),
    )
    argv = ("env", *environment, str(install.dgoss()), "run", *hardened, *mounts, settings.image)
    return _watched("dgoss", argv, "dgoss run IMAGE")


def _watched(name: str, argv: tuple[str, ...], shown: str) -> Command:
    return Command(name, argv, shown, ENDED, WATCHER)
