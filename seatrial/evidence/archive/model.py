"""Facts about one entry of an archive and about one layer of an image."""

from __future__ import annotations

from dataclasses import dataclass

NOTE = "note"
"""The kind of an entry that is no file: what it says is about the whole layer."""


class Broken(ValueError):  # noqa: N818 - it describes the archive
    """An archive that is cut, or that says something that cannot be."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an archive. `path` has no leading slash; `mode` holds the permission bits only."""

    path: str
    kind: str
    mode: int
    uid: int
    gid: int
    size_bytes: int
    mtime: int
    link: str = ""
    has_capabilities: bool = False
    sha256: str = ""
    """URL-safe base64 without padding, as RECORD spells it; of files in site-packages and of programs only."""
    text: str = ""
    """Content of the few files that checks read."""
    bytecode: str = ""
    """What `evidence.bytecode` reads from a Python source or from the head of its compiled form."""
    leaks: tuple[str, ...] = ()
    """What was recognised as secret in the content, the name or an attribute: names, never values."""
    unread: tuple[str, ...] = ()
    """What could not be examined to its end, and why."""


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer of an image: its uncompressed digest and what it holds. Compared by identity: it may be large."""

    diff_id: str
    entries: tuple[Entry, ...]
