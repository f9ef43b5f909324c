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
    own = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        # It can name other folders.
        is_plain = b"cliPluginsExtraDirs" not in (own / "config.json").read_bytes()
    except FileNotFoundError:
        is_plain = True
    except OSError:
        is_plain = False
    if is_plain:
        for folder in (own / "cli-plugins", *map(Path, FOLDERS)):
            program = folder / f"docker-{name}"
            if os.access(program, os.X_OK):
                return [str(program)]
    return ["docker", name]
