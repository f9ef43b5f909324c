"""Where ships are built: whole copies of the checkout, each with a commit and, where it must, an image of its own.

Nothing here touches the checkout, its stack or its image: copies lie in a temporary folder, images carry PREFIX.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial import build, engine, host, proof, settings, workspace
from seatrial.evidence import tree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from seatrial.verify import Report

ROOT = Path(__file__).parents[2]
PREFIX = f"seatrial-test-{os.getpid()}"
# Against hanging only.
PATIENCE_SECONDS = 300
LEADS_ASTRAY = ("REDIS_PASSWORD", "PYTHON_IMAGE", "REDIS_IMAGE", "IPFS_IMAGE", "BIND_ADDRESS", "COMPOSE_FILE")
LEADS_ASTRAY += ("COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES", "DOCKER_DEFAULT_PLATFORM", "FACILITATOR_PORT")
LEADS_ASTRAY += ("REDIS_PORT", "REDIS_DEV_PORT", "IPFS_SWARM_PORT", "IPFS_API_PORT", "IPFS_GATEWAY_PORT")
"""Variables of a developer's shell that would make a copy another project than it is."""
_IDENTITY = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_NAME": "yard" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "yard@example.org" for who in ("AUTHOR", "COMMITTER")},
    # The same tree is the same commit and so the same image, in every run: what was built once is found again.
    **{f"GIT_{who}_DATE": "2025-01-01T00:00:00+0000" for who in ("AUTHOR", "COMMITTER")},
}


@dataclass(frozen=True)
class Ship:
    """A copy of the project, and the image that was made from it."""

    settings: settings.Settings
    image: str

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
            env.writelines(f"{name}={settings.chosen_image(settings.load(ROOT), name)}\n" for name in host.VARIABLES)
        host.ensure_bases(project, allow_install=False)
        workspace.prepare(project)
        return self.build(project, "healthy")

    def copy(self, ship: Ship, name: str) -> settings.Settings:
        """Return the settings of another copy of a ship."""
        folder = self._folder / name
        shutil.copytree(ship.folder, folder, symlinks=True)
        return settings.load(folder)

    def build(self, project: settings.Settings, name: str, *, by_hand: bool = False) -> Ship:
        """Build the image of a copy with its SBOM. `by_hand`: as `docker build` alone does it."""
        tag = f"{PREFIX}-{name}"
        self._images.append(tag)
        # One at a time: two builds on two cores are no faster, and keep trial stacks from their time.
        with self._building:
            if by_hand:
                base = settings.chosen_image(project, "PYTHON_IMAGE")
                argv = ["docker", "build", "--quiet", "--tag", tag, "--build-arg", f"PYTHON_IMAGE={base}", "."]
                authority = build.certificate_authority()
                argv[2:2] = ["--secret", f"id=ca,src={authority}"] if authority else []
                image_id = run(argv, project.root).strip()
            else:
                image_id = build.run(project, note=_nothing, tag=tag)
        connected = engine.connect()
        try:
            _, distributions = build.ledger(connected, project, tag)
        finally:
            connected.close()
        build.write_sbom(project, image_id, tag, distributions)
        return Ship(project, tag)

    def name(self, ship: Ship, tag: str) -> None:
        """Give a ship's image another name, to be removed like the first."""
        run(["docker", "tag", ship.image, tag], ship.folder)
        self._images.append(tag)

    def close(self) -> None:
        """Remove every image that was made here."""
        for tag in dict.fromkeys(self._images):
            subprocess.run(["docker", "image", "rm", tag], capture_output=True, check=False, timeout=PATIENCE_SECONDS)


def commit(folder: Path) -> None:
    """Commit everything that is not ignored."""
    run(["git", "add", "--all"], folder, _IDENTITY)
    run(["git", "commit", "--quiet", "--allow-empty", "--no-verify", "--message", "a ship"], folder, _IDENTITY)


def changes_the_image(project: settings.Settings, healthy: Ship) -> bool:
    """Whether a copy's image must be another one than the healthy copy's."""
    return tree.revision(project) != tree.revision(healthy.settings)


def examine(ship: Ship, only: str, *, static: bool) -> Report:
    """Verify a ship in this process."""
    connected = engine.connect()
    try:
        return proof.examine(
            ship.settings, connected, proof.Options(only=only, image=ship.image, static=static), _nothing
        )
    finally:
        connected.close()


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


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Start a copy's own `./invoke` and return at once. The caller ends it."""
    return subprocess.Popen(
        [str(folder / "invoke"), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def give_tools(folder: Path) -> None:
    """Let a copy's `./invoke` find an environment that is complete: the one that runs the tests, under its own stamps."""
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


Patch = "Callable[[Path], None]"
