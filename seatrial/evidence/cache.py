"""Facts about image layers, kept between runs by the layer's digest.

A layer never changes, so what was read of it once need not be read again. What *can* change is what is looked for in
it: the project's own secrets. They are not part of the key in any form, not even hashed, because a weak one could be
guessed from its hash. Instead each project has a mark, a random word that is thrown away as soon as one of the files
that hold its secrets changes; facts belong to the mark under which they were read. A layer in which anything secret was
seen is never kept.

The whole folder can be deleted at any time. A file that cannot be read is as good as none; why one could not be written
is remembered, and the run goes on without it.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import secrets
import stat
import tempfile
import time
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.evidence.archive import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable

KEPT_FILES = 200
"""How many layers are kept; those that were not used for longest go first."""
KEPT_SECONDS = 30 * 86400
"""A project's mark is kept so long after its last use, while its folder is there."""

MOST_BYTES = 128 << 20
"""Facts of a layer that take more are not kept."""

_FIELDS = tuple(field.name for field in fields(Entry))
_values = attrgetter(*_FIELDS)
_TYPES = tuple({"str": str, "int": int, "bool": bool}.get(str(field.type), list) for field in fields(Entry))
_WRITABLE_BY_OTHERS = 0o022
_DRAFT, _DRAFT_SECONDS = ".new-", 3600
_READERS = ("accounts.py", "bytecode.py", "cache.py", "secrets.py")
"""What decides, beside the archive package, which facts a layer gives: another version of it finds nothing."""


class LayerCache:
    """Layers that were read before, for one project's mark. Without a mark nothing is kept and nothing is found."""

    def __init__(self, folder: Path, mark: str, fault: str = "") -> None:
        self.fault = fault
        """Why nothing could be kept, the first time that it could not."""
        self._folder = folder
        self._mark = mark

    def find(self, diff_id: str) -> tuple[Entry, ...] | None:
        """Return the facts of a layer, or None when it must be read."""
        if not self._mark:
            return None
        file = self._file(diff_id)
        try:
            rows = json.loads(_read(file))
            # An object would be read as no rows, and a layer without entries looks clean.
            found = tuple(_entry(row) for row in rows) if isinstance(rows, list) else None
        except (OSError, ValueError, TypeError, RecursionError):
            return None
        with contextlib.suppress(OSError):
            os.utime(file)
        return found

    def lacks(self, diff_id: str) -> bool:
        """Whether a layer was never read, though what was read of it would be kept."""
        return bool(self._mark) and not self._file(diff_id).is_file()

    def keep(self, diff_id: str, entries: tuple[Entry, ...]) -> None:
        """Keep the facts of a layer; where something secret was seen in it, or they are too long, only that it was."""
        if not self._mark:
            return
        is_kept = not any(entry.leaks for entry in entries)
        rows = [_values(entry) for entry in entries] if is_kept else None
        content = json.dumps(rows, separators=(",", ":")).encode()
        if len(content) > MOST_BYTES:
            content = b"null"
        fault = _write(self._file(diff_id), content)
        self.fault = self.fault or fault
        if not fault:
            self._forget_oldest()

    def _file(self, diff_id: str) -> Path:
        return self._folder / f"layer-{_version()}-{self._mark}-{diff_id.rpartition(':')[2]}.json"

    def _forget_oldest(self) -> None:
        with contextlib.suppress(OSError):
            files = sorted(self._folder.glob("layer-*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
            for file in files[KEPT_FILES:]:
                file.unlink(missing_ok=True)
            # What was being written when a run was killed; another run may be writing now.
            for draft in self._folder.glob(f"{_DRAFT}*"):
                if time.time() - draft.stat().st_mtime > _DRAFT_SECONDS:
                    draft.unlink(missing_ok=True)


def open_cache(project: Path, secret_files: Iterable[Path]) -> LayerCache:
    """Return the cache of this user for a project whose secrets lie in these files; without files it keeps nothing."""
    places = list(secret_files)
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seatrial"
    if not places:
        return LayerCache(folder, "")
    if not _is_ours(folder):
        return LayerCache(folder, "", f"{folder}: others can write to it")
    return LayerCache(folder, *_mark(folder, project, places))


def _is_ours(folder: Path) -> bool:
    """Whether nobody else can put facts into the folder: they would be believed. One that is not there can be made."""
    try:
        status = folder.stat()
    except OSError:
        return True
    return status.st_uid == os.getuid() and not status.st_mode & _WRITABLE_BY_OTHERS


def _mark(folder: Path, project: Path, secret_files: Iterable[Path]) -> tuple[str, str]:
    """Return the project's mark, the kept one while its files of secrets are untouched, else a new one; or why not."""
    file = folder / f"mark-{hashlib.sha256(str(project).encode()).hexdigest()[:16]}.json"
    touched = [[str(path), *_times(path)] for path in sorted(secret_files)]
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
        kept: dict[str, Any] = json.loads(_read(file))
        if kept["touched"] == touched and re.fullmatch(r"[0-9a-f]{16}", kept["mark"]):
            os.utime(file)
            return str(kept["mark"]), ""
    mark = secrets.token_hex(8)
    fault = _write(file, json.dumps({"mark": mark, "touched": touched, "project": str(project)}).encode())
    if not fault:
        _forget_gone(folder)
    return "" if fault else mark, fault


def _forget_gone(folder: Path) -> None:
    """Remove the marks of projects that are gone, or were not verified for long."""
    with contextlib.suppress(OSError):
        for file in folder.glob("mark-*.json"):
            if time.time() - file.stat().st_mtime > KEPT_SECONDS or not _has_project(file):
                file.unlink(missing_ok=True)


def _has_project(mark: Path) -> bool:
    """Whether the project of a mark is still there; one that cannot be told is."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
        return Path(json.loads(_read(mark))["project"]).is_dir()
    return True


def _times(path: Path) -> list[int]:
    """Return what changes when a file is written: its inode, its size, and both of its times in nanoseconds."""
    try:
        status = path.stat()
    except OSError:
        return []
    return [status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _entry(row: list[Any]) -> Entry:
    """Return an entry. Raises ValueError, TypeError for a row that is none."""
    for value, kind in zip(row, _TYPES, strict=True):
        if type(value) is not kind:
            raise TypeError("the row is not an entry")
    values = dict(zip(_FIELDS, row, strict=True))
    entry = Entry(**{**values, "leaks": (), "unread": tuple(values["unread"])})
    if values["leaks"] or not all(isinstance(reason, str) for reason in entry.unread):
        raise TypeError("a layer with secrets is never kept")
    return entry


def _read(file: Path) -> bytes:
    """Read a file, if it is one, and of a size that we would write. Raises OSError."""
    # A pipe in its place would not be waited for.
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as found:
        status = os.fstat(found.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
            raise OSError(f"{file} is none of ours")
        return found.read()


def _write(file: Path, content: bytes) -> str:
    """Write a file so that another run sees all of it or nothing; return why that could not be, or nothing."""
    name = ""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=_DRAFT)
        with os.fdopen(handle, "wb") as draft:
            draft.write(content)
        Path(name).replace(file)
    except OSError as error:
        if name:
            Path(name).unlink(missing_ok=True)
        return f"{file.parent}: {error.strerror}"
    return ""


@functools.cache
def _version() -> str:
    """Return a word for the code that reads layers: facts that other code read are not taken."""
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for file in [*sorted((here / "archive").glob("*.py")), *(here / name for name in _READERS)]:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
