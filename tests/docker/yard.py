"""Where ships are built: whole copies of the checkout, each with a commit and, where it must, an image of its own.

Nothing here touches the checkout, its stack or its image: copies lie in a temporary folder, images carry PREFIX.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial import build, engine, host, proof, settings, workspace
from seatrial.evidence import tree
from seatrial.host import bases
from seatrial.reports import text
from tests.docker.mutant import JUDGED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seatrial.evidence.requirements import Distribution
    from tests.docker.mutant import Mutant

ROOT = Path(__file__).parents[2]
PREFIX = f"seatrial-test-{os.getpid()}"
# Against hanging only.
PATIENCE_SECONDS = 300
LEADS_ASTRAY = (
    *("REDIS_PASSWORD", "BIND_ADDRESS", "COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES"),
    *("FACILITATOR_PORT", "REDIS_PORT", "REDIS_DEV_PORT", "IPFS_SWARM_PORT", "IPFS_API_PORT", "IPFS_GATEWAY_PORT"),
)
"""Variables of a developer's shell that would make a copy another project than it is."""
COMMITTED = "2025-01-01T00:00:00+0000"
"""The same tree is the same commit and so the same image, in every run: what was built once is found again."""
_IDENTITY = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_NAME": "yard" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "yard@example.org" for who in ("AUTHOR", "COMMITTER")},
}


@dataclass(frozen=True)
class Outcome:
    """What `verify` said: each check's verdict, the report for people, the exit code."""

    verdicts: dict[str, str]
    text: str
    exit_code: int


@dataclass(frozen=True)
class Ship:
    """A copy of the project, and the image that was made from it."""

    settings: settings.Settings
    image: str
    distributions: tuple[Distribution, ...]

    @property
    def folder(self) -> Path:
        return self.settings.root


class Yard:
    """Makes copies and images, remembers them, and removes them again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._images: list[str] = []
        self._building = threading.Lock()

    def healthy(self) -> Ship:
        """Return a copy of the checkout as it lies there, uncommitted changes included, with its image."""
        folder = self._folder / "healthy"
        folder.mkdir()
        for name in run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], ROOT).split("\0"):
            source = ROOT / name
            if name and source.is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, folder / name, follow_symlinks=False)
        run(["git", "init", "--quiet", "--initial-branch=main"], folder)
        commit(folder)
        project = settings.load(folder)
        with (folder / ".env").open("w", encoding="utf-8") as env:
            env.writelines(f"{name}={settings.chosen_image(settings.load(ROOT), name)}\n" for name in bases.VARIABLES)
        host.ensure_bases(project, allow_install=False)
        workspace.prepare(project)
        return self.build(project, "healthy")

    def copy(self, ship: Ship, name: str) -> settings.Settings:
        """Return the settings of another copy of a ship."""
        folder = self._folder / name
        shutil.copytree(ship.folder, folder, symlinks=True)
        return settings.load(folder)

    def build(self, project: settings.Settings, name: str, *, by_hand: bool = False, like: Ship | None = None) -> Ship:
        """Build the image of a copy with its SBOM.

        `by_hand`: as `docker build` alone does it. `like`: a ship that is known to hold the same distributions.
        """
        tag = f"{PREFIX}-{name}"
        self._images.append(tag)
        # One at a time: two builds on two cores are no faster, and keep trial stacks from their time.
        with self._building:
            _built_by_hand(project, tag) if by_hand else build.run(project, note=_nothing, tag=tag)
        distributions = like.distributions if like else _distributions(project, tag)
        build.write_sbom(project, _inspected(tag), tag, distributions)
        return Ship(project, tag, tuple(distributions))

    def name(self, ship: Ship, tag: str) -> None:
        """Give a ship's image another name, to be removed like the first."""
        run(["docker", "tag", ship.image, tag], ship.folder)
        self._images.append(tag)

    def close(self) -> None:
        """Remove every image that was made here."""
        for tag in dict.fromkeys(self._images):
            subprocess.run(["docker", "image", "rm", tag], capture_output=True, check=False, timeout=PATIENCE_SECONDS)


def commit(folder: Path, *, date: str = COMMITTED) -> None:
    """Commit everything that is not ignored."""
    environment = {**_IDENTITY, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    run(["git", "add", "--all"], folder, environment)
    run(["git", "commit", "--quiet", "--allow-empty", "--no-verify", "--message", "a ship"], folder, environment)


def changes_the_image(project: settings.Settings, healthy: Ship) -> bool:
    """Whether a copy's image must be another one than the healthy copy's."""
    return tree.revision(project) != tree.revision(healthy.settings)


def launch(shipyard: Yard, healthy: Ship, mutant: Mutant) -> Ship:
    """Make a mutant of the healthy copy, with an image of its own where it must be another one."""
    project = shipyard.copy(healthy, mutant.name)
    mutant.patch(project.root)
    commit(project.root)
    project = settings.load(project.root)
    ship = Ship(project, healthy.image, healthy.distributions)
    if mutant.built == "by hand" or (
        mutant.built == "after" and mutant.needs != "tree" and changes_the_image(project, healthy)
    ):
        has_other_packages = any(check_id.startswith("packages.") for check_id in mutant.kills)
        like = None if has_other_packages else healthy
        ship = shipyard.build(project, mutant.name, by_hand=mutant.built == "by hand", like=like)
    return ship


def sail(shipyard: Yard, healthy: Ship, mutant: Mutant) -> Outcome:
    """Make a mutant and verify it."""
    return verified(launch(shipyard, healthy, mutant), mutant)


def verified(ship: Ship, mutant: Mutant) -> Outcome:
    """Judge a mutant by everything that its kind is judged by."""
    static = mutant.needs in {"tree", "image"}
    only = JUDGED[mutant.needs]
    return _verified_by_command(ship, only, static=static) if mutant.says else _verified(ship, only, static=static)


def _built_by_hand(project: settings.Settings, tag: str) -> None:
    base = settings.chosen_image(project, "PYTHON_IMAGE")
    argv = ["docker", "build", "--quiet", "--tag", tag, "--build-arg", f"PYTHON_IMAGE={base}", "."]
    authority = build.certificate_authority()
    argv[2:2] = ["--secret", f"id=ca,src={authority}"] if authority else []
    run(argv, project.root)


def _inspected(tag: str) -> dict[str, Any]:
    return dict(json.loads(docker("image", "inspect", tag))[0])


def _distributions(project: settings.Settings, tag: str) -> list[Distribution]:
    connected = engine.connect()
    try:
        return build.ledger(connected, project, tag)[1]
    finally:
        connected.close()


def _verified(ship: Ship, only: str, *, static: bool) -> Outcome:
    connected = engine.connect()
    try:
        options = proof.Options(only=only, image=ship.image, static=static)
        report = proof.examine(ship.settings, connected, options, _nothing)
    finally:
        connected.close()
    verdicts = {result.check.id: result.verdict.value for result in report.results}
    return Outcome(verdicts, text.render(report), report.exit_code)


def _verified_by_command(ship: Ship, only: str, *, static: bool) -> Outcome:
    give_tools(ship.folder)
    report = ship.folder.with_suffix(".json")
    words = ["verify", "--only", only, "--image", ship.image, *(["--static"] if static else [])]
    done = invoke(ship.folder, *words, "--format", f"text,json={report}")
    said = done.stdout + done.stderr
    assert report.exists(), said
    results = json.loads(report.read_text(encoding="utf-8"))["results"]
    return Outcome({result["id"]: result["verdict"] for result in results}, said, done.returncode)


def run(argv: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """Run a program that must succeed and return what it said."""
    done = subprocess.run(
        argv,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, f"{argv}: {done.stderr[-2000:]}"
    return done.stdout


def invoke(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a copy's own `./invoke` to its end."""
    return subprocess.run(
        [str(folder / "invoke"), *words],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )


def start(folder: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    """Start a copy's own `./invoke` and return at once. The caller ends it."""
    return subprocess.Popen(
        [str(folder / "invoke"), *words],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def give_tools(folder: Path) -> None:
    """Let a copy's `./invoke` find a complete environment: the one that runs the tests, under stamps of its own."""
    target = folder / ".venv"
    target.mkdir()
    for child in Path(sys.prefix).iterdir():
        if not child.name.startswith((".requirements", ".made-in")):
            (target / child.name).symlink_to(child)
    (target / ".made-in").write_text(f"{folder.resolve()}\n", encoding="utf-8")
    shutil.copy2(folder / "requirements/toolkit.txt", target / ".requirements")


def free_port() -> int:
    """Return a port of this machine that nobody listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def docker(*words: str) -> str:
    """Ask the docker client; it must succeed."""
    return run(["docker", *words], ROOT)


def _nothing(_: str) -> None:
    """Show no progress."""
