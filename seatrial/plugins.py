"""Plugins of the docker client, started without it where they only read files.

Before it starts one, the client starts all of them to ask what they are, which takes twice as long as their answer.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDERS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
"""Where the client looks, in this order, after the user's own folder."""


def command(name: str) -> list[str]:
    """Return what starts a plugin: its own program where the client would take that one, else the client."""
    # It can name other folders.
    if not configures("cliPluginsExtraDirs"):
        for folder in (_own_folder() / "cli-plugins", *map(Path, FOLDERS)):
            program = folder / f"docker-{name}"
            if os.access(program, os.X_OK):
                return [str(program)]
    return ["docker", name]


def configures(key: str) -> bool:
    """Whether the client's own settings may say something of a key: they name it, or cannot be read."""
    try:
        return key.encode() in (_own_folder() / "config.json").read_bytes()
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _own_folder() -> Path:
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
