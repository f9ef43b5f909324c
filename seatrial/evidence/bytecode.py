"""Compiled Python code and the source that it says it was compiled from.

The head of a .pyc names the interpreter's format and, of the source, either a hash or the time and size. The hash is
keyed with the format's number, so that of a source is kept once for each format that can stand beside it. What is kept
is text: of a .pyc its head in hexadecimal, of a source `FORMAT:HASH` for each format.
"""

from __future__ import annotations

import _imp
import importlib.util
import re
from dataclasses import dataclass

HEAD_BYTES = 16
FORMATS = {"11": 3495, "12": 3531, "13": 3571, "14": 3627}
"""The format's number of each Python 3 whose releases no longer change it."""

_OWN_FORMAT = int.from_bytes(importlib.util.MAGIC_NUMBER[:2], "little")
_VERSION = re.compile(r"python3\.(\d+)/")
_LINE_END = b"\r\n"
_HASHED = 1


@dataclass(frozen=True)
class Head:
    """What a .pyc says of its source: a hash, or a time and a size."""

    format: int
    hash: str = ""
    mtime: int = 0
    size_bytes: int = 0


def kept_of(path: str, content: bytes | memoryview) -> str:
    """Return what is kept of a file; nothing unless it is Python's."""
    if path.endswith(".pyc"):
        return bytes(content[:HEAD_BYTES]).hex()
    if path.endswith(".py"):
        version = _VERSION.search(path)
        known = FORMATS.get(version[1]) if version else None
        formats = [known] if known else sorted({*FORMATS.values(), _OWN_FORMAT})
        return " ".join(f"{number}:{_hash(number, content)}" for number in formats)
    return ""


def head(kept: str) -> Head | None:
    """Return the head of a .pyc from what was kept of it, or None when it is none that Python would read."""
    raw = bytes.fromhex(kept)
    if len(raw) != HEAD_BYTES or raw[2:4] != _LINE_END:
        return None
    number, flags = int.from_bytes(raw[:2], "little"), int.from_bytes(raw[4:8], "little")
    if flags & _HASHED:
        return Head(number, hash=raw[8:].hex())
    return Head(number, mtime=int.from_bytes(raw[8:12], "little"), size_bytes=int.from_bytes(raw[12:], "little"))


def source_hash(kept: str, number: int) -> str:
    """Return the hash of a source in one format from what was kept of it; nothing when that format is not known."""
    return dict(pair.split(":") for pair in kept.split()).get(str(number), "")


def _hash(number: int, content: bytes | memoryview) -> str:
    key = int.from_bytes(number.to_bytes(2, "little") + _LINE_END, "little")
    return _imp.source_hash(key, content).hex()
