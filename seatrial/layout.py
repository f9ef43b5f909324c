"""Where projects keep things when they do not say it: the Dockerfile, the compose file, the lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from pathlib import Path

COMPOSE_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""The names that Compose looks for, in its order."""
LOCK_FILES = ("requirements/production.txt", "requirements.txt")
OTHER_LOCKS = (
    *("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml", "conda-lock.yml"),
    *("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock"),
    *("go.sum", "Cargo.lock", "Gemfile.lock", "composer.lock", "mix.lock"),
)
"""Locks that are not requirements with hashes, and so cannot be compared with what is installed."""


def dockerfile(root: Path) -> str:
    """Return the Dockerfile's name, nothing when there is none. Raises SeatrialError SETTINGS when it could be several.

    `Dockerfile` is what Docker itself takes, whatever lies beside it.
    """
    if (root / "Dockerfile").is_file():
        return "Dockerfile"
    patterns = ("Containerfile", "Dockerfile.*", "*.Dockerfile", "*.dockerfile")
    found = sorted({file.name for pattern in patterns for file in root.glob(pattern) if file.is_file()})
    found = [name for name in found if not name.endswith(".dockerignore")]
    if len(found) > 1:
        raise SeatrialError(
            Code.SETTINGS,
            f"there are {len(found)} Dockerfiles: {', '.join(found)}",
            hint=f'say which one makes the image that is shipped: dockerfile = "{found[0]}" in [tool.seatrial]',
        )
    return found[0] if found else ""


def compose_file(root: Path) -> str:
    """Return the name of the compose file that Compose itself would take, nothing when there is none."""
    return next((name for name in COMPOSE_FILES if (root / name).is_file()), "")


def lock_file(root: Path) -> str:
    """Return the name of the requirements that lock what is shipped, nothing when there are none."""
    return next((name for name in LOCK_FILES if (root / name).is_file()), "")


def other_lock(root: Path) -> str:
    """Return the name of a lock of another kind, nothing when there is none."""
    return next((name for name in OTHER_LOCKS if (root / name).is_file()), "")
