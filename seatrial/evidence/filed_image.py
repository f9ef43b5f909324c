"""`--image FILE`: which words mean a file, and the documents that an engine would have given of its image."""

from __future__ import annotations

import os
import re
import secrets
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.errors import Code, SeatrialError
from seatrial.evidence.archive.filed import ImageFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.engine import Engine

TRIAL_NAME = "seatrial-trial"
_LAYOUT = ("oci-layout", "index.json", "manifest.json")
_LISTS = ("Env", "Cmd", "Entrypoint", "OnBuild", "Shell")
_TABLES = ("Labels", "ExposedPorts", "Volumes", "Healthcheck")
_TEXTS = ("User", "WorkingDir", "StopSignal")


def opened(words: str) -> ImageFile | None:
    """Return the image that `FILE` or `FILE:NAME` means, or None when the words are a name in the engine.

    A file wins over a name; a folder only when an image lies in it. Raises SeatrialError IMAGE_FILE, and IMAGE_MISSING
    for a path that does not exist.
    """
    parts = words.split(":")
    for count in range(len(parts), 0, -1):
        path = Path(":".join(parts[:count]))
        if path.is_file() or (path.is_dir() and any((path / name).is_file() for name in _LAYOUT)):
            return ImageFile(path, ":".join(parts[count:]))
    if re.match(r"\.{0,2}/", words) or re.search(r"\.(?:tar|tgz|tar\.\w+)(?::[^/]*)?$", words) or words.endswith("/"):
        raise SeatrialError(
            Code.IMAGE_MISSING, f"there is no image archive or layout {words}", hint="docker save IMAGE -o FILE"
        )
    return None


def inspected(file: ImageFile, size_bytes: int) -> dict[str, Any]:
    """Return what `docker image inspect` says of an image, as far as its own configuration tells it."""
    config = file.config.get("config") or {}
    _refuse_shapes(file, config)
    return {
        "Id": file.id,
        "RepoTags": list(file.names),
        "Created": str(file.config.get("created") or ""),
        "Author": str(file.config.get("author") or ""),
        "Config": {**dict.fromkeys((*_LISTS, *_TABLES)), **dict.fromkeys(_TEXTS, ""), **config},
        "Architecture": str(file.config.get("architecture") or ""),
        "Os": str(file.config.get("os") or ""),
        "Size": size_bytes,
        "RootFS": {"Type": "layers", "Layers": list(file.diff_ids)},
    }


def history(file: ImageFile) -> list[dict[str, Any]]:
    """Return what `docker history` says, newest step first."""
    steps = file.config.get("history") or []
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise _no_configuration(file, "history")
    return [
        {"CreatedBy": str(step.get("created_by") or ""), "Comment": str(step.get("comment") or "")}
        for step in reversed(steps)
    ]


@contextmanager
def in_engine(file: ImageFile, engine: Engine) -> Iterator[str]:
    """Give a name under which the engine knows the image: its id where it has it, else a loaded copy, removed again."""
    remove_leftovers(engine)
    if engine.image(file.id) is not None:
        yield file.id
        return
    tag = f"{TRIAL_NAME}:{os.getpid()}-{secrets.token_hex(3)}"
    try:
        engine.load(file.as_saved(tag))
        yield tag
    finally:
        if engine.image(tag) is not None:
            engine.remove_image(tag)


def remove_leftovers(engine: Engine) -> None:
    """Remove images that a run loaded which is gone without having removed them."""
    for tag in engine.tags(TRIAL_NAME):
        pid = tag.rpartition(":")[2].partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
            engine.remove_image(tag)


def _refuse_shapes(file: ImageFile, config: Any) -> None:
    """Refuse a configuration that no builder writes: the checks rely on its shape."""
    if not isinstance(config, dict):
        raise _no_configuration(file, "config")
    for key in _LISTS:
        if not isinstance(config.get(key) or [], list) or not all(isinstance(v, str) for v in config.get(key) or []):
            raise _no_configuration(file, key)
    for key in _TABLES:
        if not isinstance(config.get(key) or {}, dict):
            raise _no_configuration(file, key)
    for key in _TEXTS:
        if not isinstance(config.get(key) or "", str):
            raise _no_configuration(file, key)
    test = (config.get("Healthcheck") or {}).get("Test") or []
    if not isinstance(test, list) or not all(isinstance(word, str) for word in test):
        raise _no_configuration(file, "Healthcheck")


def _no_configuration(file: ImageFile, key: str) -> SeatrialError:
    return SeatrialError(
        Code.IMAGE_FILE,
        f"the image in {file.path} cannot be read: {key} of its configuration is not what it must be",
        hint="write it again: docker save IMAGE -o FILE",
    )
