"""What a compose model points at on this machine: the files behind its mounts, its profiles, Redis's users."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.evidence import acl
from seatrial.evidence.secrets import SECRET_FILE

if TYPE_CHECKING:
    from seatrial.settings import Settings

LARGEST_TEXT_BYTES = 64 * 1024
_KINDS = (
    (stat.S_ISREG, "file"),
    (stat.S_ISDIR, "folder"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISBLK, "device"),
    (stat.S_ISCHR, "device"),
)


def documents(settings: Settings, production: str) -> dict[str, Any]:
    """Return the documents about what the production model points at.

    compose.mounts: of each path of the host that is mounted, its kind, the path behind its links, and the text where
    it is a small file of Redis's that is no secret. compose.acl: Redis's users, by the path inside the container,
    passwords and hashes hidden. compose.profiles: the text of each seccomp profile that the model names.
    """
    model = json.loads(production)
    services: dict[str, dict[str, Any]] = model.get("services") or {}
    configs = model.get("configs") or {}
    mounts: dict[str, dict[str, str]] = {}
    for name, service in services.items():
        binds = [mount.get("source") for mount in service.get("volumes") or [] if mount.get("type") == "bind"]
        files = [(configs.get(config.get("source")) or {}).get("file") for config in service.get("configs") or []]
        for source in filter(None, [*binds, *files]):
            path = Path(source)
            mounts.setdefault(source, {"kind": kind_of(path), "real": os.path.realpath(path)})
            if name == settings.redis_service and not SECRET_FILE.search(source):
                mounts[source]["text"] = _text(path)
    return {
        "compose.mounts": mounts,
        "compose.acl": _users(services.get(settings.redis_service) or {}, model.get("secrets") or {}),
        "compose.profiles": _profiles(settings.root, services),
    }


def kind_of(path: Path) -> str:
    """Return what lies at a path: file, folder, socket, device or something else; missing when nothing can be seen."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return "missing"
    return next((kind for is_kind, kind in _KINDS if is_kind(mode)), "other")


def _text(path: Path) -> str:
    try:
        if path.is_file() and path.stat().st_size <= LARGEST_TEXT_BYTES:
            return path.read_bytes().decode("utf-8", "replace")
    except OSError:
        pass
    return ""


def _users(service: dict[str, Any], secrets: dict[str, Any]) -> dict[str, str]:
    """Return each file of users that Redis is given, by its path in the container."""
    places: dict[str, str] = {}
    for mount in service.get("secrets") or []:
        source = mount.get("source", "") if isinstance(mount, dict) else str(mount)
        target = (mount.get("target") if isinstance(mount, dict) else "") or source
        target = target if target.startswith("/") else f"/run/secrets/{target}"
        places[target] = str((secrets.get(source) or {}).get("file") or "")
    for mount in service.get("volumes") or []:
        if mount.get("type") == "bind":
            places[str(mount.get("target"))] = str(mount.get("source"))
    found = {target: _text(Path(file)) for target, file in places.items() if file}
    return {target: acl.masked(text) for target, text in found.items() if acl.parse(text)}


def _profiles(root: Path, services: dict[str, dict[str, Any]]) -> dict[str, str]:
    options = [str(option) for service in services.values() for option in service.get("security_opt") or []]
    named = [option.replace("=", ":", 1).partition(":")[2] for option in options if option.startswith("seccomp")]
    return {name: _text(root / name) for name in named if name not in {"unconfined", "builtin"}}
