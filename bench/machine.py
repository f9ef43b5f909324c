"""What the measurements were made with: versions and sizes, nothing that names a machine."""

from __future__ import annotations

import os
import platform
import re
from typing import TYPE_CHECKING

from seatrial import process
from seatrial.settings import chosen_image

if TYPE_CHECKING:
    from seatrial.engine import Engine
    from seatrial.settings import Settings

TIMEOUT_SECONDS = 60.0
VERSION = re.compile(r"\d+(?:\.\d+)+")


def facts(settings: Settings, engine: Engine) -> dict[str, str]:
    """Return the versions in use, the size of the machine, and how busy it was before the first measurement."""
    load = os.getloadavg()[0]
    redis_image = chosen_image(settings, "REDIS_IMAGE")
    info = engine.info()
    return {
        "Docker Engine": version_in(str(info["ServerVersion"])),
        "Docker Compose": _version("docker", "compose", "version", "--short"),
        "buildx": _version("docker", "buildx", "version"),
        "storage driver": str(info["Driver"]),
        "Redis": _version_inside(redis_image, "redis-server"),
        "Python in the image": _version_inside(settings.image, "python3"),
        "Python of the toolkit": platform.python_version(),
        "system": f"{platform.system()} {version_in(platform.release())}, {platform.machine()}",
        "cores": str(os.cpu_count()),
        "memory": f"{info['MemTotal'] / 1e9:.1f} GB",
        "load before the first measurement": f"{load:.2f}",
    }


def version_in(text: str) -> str:
    """Return the first version number of a text, or "unknown". What a distribution adds to it is left out."""
    found = VERSION.search(text)
    return found[0] if found else "unknown"


def _version(*argv: str) -> str:
    return version_in(process.run(argv, timeout_seconds=TIMEOUT_SECONDS).stdout)


def _version_inside(image: str, program: str) -> str:
    return _version(
        "docker", "run", "--rm", "--pull", "never", "--network", "none", "--entrypoint", program, image, "--version"
    )
