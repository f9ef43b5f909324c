"""What is kept of a file's content: digest, text, and what was recognised in it."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple

from seatrial.evidence import accounts, bytecode
from seatrial.evidence.archive import nested
from seatrial.evidence.archive.kinds import kind_of
from seatrial.evidence.archive.pieces import PIECE_BYTES
from seatrial.evidence.secrets import Wanted, addresses_in

if TYPE_CHECKING:
    from collections.abc import Callable


KEPT_BYTES = 1 << 20
"""A file whose text checks read is kept up to this size."""

_KEPT_NAMES = ("/METADATA", "/RECORD", "/direct_url.json", "/pyvenv.cfg", "/entry_points.txt")
_KEPT_PATHS = ("etc/passwd", "etc/group", "etc/os-release")
_SHADOW = "etc/shadow"
_HASHED = re.compile("-packages/|bin/")
_DATA = re.compile("/share/|/etc/|/include/")
_NOTHING_WANTED = Wanted()


class Content(NamedTuple):
    """What is kept of a file's content."""

    sha256: str = ""
    text: str = ""
    bytecode: str = ""
    leaks: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def examine(
    read: Callable[[int], bytes | memoryview], path: str, size_bytes: int, wanted: Wanted, limits: nested.Limits
) -> Content:
    """Read a file to its end and return what is kept of it. `read` gives fewer bytes than asked for only at the end."""
    first = read(PIECE_BYTES)
    if kind_of(first, path):
        return _packed(first, read, path, wanted, limits)
    hashing = hashlib.sha256(first) if _is_hashed(path) else None
    leaks = wanted.seen_in(first) if first else []
    if size_bytes > PIECE_BYTES:
        leaks += _in_the_rest(first, read, wanted, hashing.update if hashing else None)
    return Content(
        _spelled(hashing.digest()) if hashing is not None else "",
        _kept(path, first) if size_bytes <= KEPT_BYTES else "",
        bytecode.kept_of(path, first) if path.endswith(".pyc") or size_bytes <= PIECE_BYTES else "",
        tuple(dict.fromkeys([*leaks, *addresses_in(path, first, size_bytes)])),
    )


def nothing(path: str) -> Content:
    """Return what is kept of an empty file."""
    return examine(lambda _size: b"", path, 0, _NOTHING_WANTED, nested.Limits())


def _packed(
    first: bytes | memoryview,
    read: Callable[[int], bytes | memoryview],
    path: str,
    wanted: Wanted,
    limits: nested.Limits,
) -> Content:
    if not _is_hashed(path):
        found, digest = nested.look_inside(first, read, path, wanted, limits), ""
    else:
        hashing = hashlib.sha256(first)

        def hashed(size: int) -> bytes | memoryview:
            piece = read(size)
            hashing.update(piece)
            return piece

        found = nested.look_inside(first, hashed, path, wanted, limits)
        digest = _spelled(hashing.digest())
    return Content(digest, leaks=tuple(found.leaks), unread=tuple(found.unread))


def _in_the_rest(
    first: bytes | memoryview,
    read: Callable[[int], bytes | memoryview],
    wanted: Wanted,
    update: Callable[[bytes | memoryview], None] | None,
) -> list[str]:
    overlap = wanted.overlap_bytes
    found: list[str] = []
    tail = bytes(first[-overlap:])
    while piece := read(PIECE_BYTES):
        if update is not None:
            update(piece)
        window = b"".join((tail, piece))
        found += wanted.seen_in(window)
        tail = window[-overlap:]
    return found


def _kept(path: str, content: bytes | memoryview) -> str:
    """Return the text of a file that checks read, and nothing of any other."""
    if path == _SHADOW:
        return accounts.without_hashes(bytes(content).decode("utf-8", "replace"))
    if path in _KEPT_PATHS or path.endswith(_KEPT_NAMES):
        return bytes(content).decode("utf-8", "replace")
    return ""


def _is_hashed(path: str) -> bool:
    """Whether a RECORD can name the file: packages, programs, and what they bring along for beside both."""
    return bool(_HASHED.search(path)) or (not path.startswith("usr/") and bool(_DATA.search(path)))


def _spelled(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
