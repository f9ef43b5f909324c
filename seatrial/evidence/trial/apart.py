"""What a trial has instead of production's own: nothing that outlives it is reached through it, or written by it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.evidence.compose_model import kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

FILES = "files"
"""The folder, inside the trial's own, of copies of files that a container may write."""


def mounts(services: Mapping[str, dict[str, Any]], folder: Path) -> dict[str, str]:
    """Replace in each service the folders and files of this machine that a container may write.

    A folder becomes a volume of the trial's own, which is empty or holds what the image has at that place: return the
    volumes by name, with the folder that each stands for. A file becomes a copy inside `folder`. A socket or a device
    stays what it is, and so does what is mounted to be read.
    """
    found = [mount for service in services.values() for mount in service.get("volumes") or []]
    binds = [mount for mount in found if mount["type"] == "bind"]
    written = dict.fromkeys(str(mount["source"]) for mount in binds if not mount.get("read_only"))
    volumes: dict[str, str] = {}
    copies: dict[str, Path] = {}
    for number, source in enumerate(written, start=1):
        kind = kind_of(Path(source))
        if kind == "file":
            copies[source] = _copied(Path(source), folder / FILES / f"{number}-{Path(source).name}")
        elif kind in {"folder", "missing"}:
            volumes[f"instead-{number}"] = source
    names = {source: name for name, source in volumes.items()}
    for mount in binds:
        source = str(mount["source"])
        if source in copies:
            mount["source"] = str(copies[source])
        elif source in names:
            mount.pop("bind", None)
            mount |= {"type": "volume", "source": names[source]}
    return volumes


def ties(service: dict[str, Any]) -> None:
    """Take away what ties a service to containers and addresses of production; of a network its other names stay."""
    for name, options in (service.get("networks") or {}).items():
        aliases = (options or {}).get("aliases")
        service["networks"][name] = {"aliases": aliases} if aliases else None
    shared = [place for place in service.pop("volumes_from", None) or [] if not place.startswith("container:")]
    if shared:
        service["volumes_from"] = shared
    service.pop("external_links", None)


def network(declared: dict[str, Any]) -> dict[str, Any]:
    """Return a network of the trial's own: neither the one that runs already, nor its addresses or its bridge."""
    return {"internal": True} if declared.get("internal") else {}


def volume(declared: dict[str, Any]) -> dict[str, Any]:
    """Return a volume of the trial's own: neither the one that is there, nor the folder or server behind it."""
    options = declared.get("driver_opts") or {}
    return {"driver_opts": options} if options.get("type") == "tmpfs" else {}


def _copied(source: Path, target: Path) -> Path:
    target.parent.mkdir(exist_ok=True)
    try:
        shutil.copyfile(source, target)
    except OSError:
        # The engine may read what we may not.
        target.touch()
    # Whoever the container runs as; nobody else comes into the trial's folder.
    target.chmod(0o666)
    return target
