"""Tar headers: what each member of an archive is. The bytes between them are left to the caller.

tarfile takes a broken header for the end of the archive and would leave out what follows, keeps every header, and needs
ten times as long for each: half of the time that reading an image took.
"""

from __future__ import annotations

import base64
import binascii
import functools
import math
import posixpath
import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from seatrial.evidence.archive.model import Broken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.evidence.archive.pieces import Pieces

BLOCK_BYTES = 512
EXTENSION_BYTES = 1 << 20
"""Names, attributes and other extensions of one member may take this much; Linux allows names of 4 KB."""

_EMPTY = bytes(BLOCK_BYTES)
# name, mode, uid, gid, size, mtime, checksum, type, link, magic, prefix
_FIELDS = struct.Struct("100s8s8s8s12s12s8sc100s6s82x155s12x")
_SPARSE_MORE, _SPARSE_SIZE, _EXTENSION_MORE = 482, slice(483, 495), 504
_SIZE, _CHECKSUM, _TYPE = 4, 6, 7
_KINDS = {
    b"0": "file",
    b"\0": "file",
    b"7": "file",
    b"S": "file",
    b"5": "folder",
    b"2": "symlink",
    b"1": "hardlink",
    b"3": "device",
    b"4": "device",
    b"6": "fifo",
}
_WITHOUT_CONTENT = {"folder", "symlink", "hardlink", "device", "fifo"}
_XATTR = ("SCHILY.xattr.", "LIBARCHIVE.xattr.")


@dataclass(slots=True)
class Member:
    """One member of an archive: `stored_bytes` of content follow its header."""

    path: str
    kind: str
    mode: int
    uid: int
    gid: int
    size_bytes: int
    stored_bytes: int
    mtime: int
    link: str
    attributes: dict[str, bytes] = field(default_factory=dict)
    """Extended attributes, by their names on disk."""


class Archive:
    """The members of a tar stream in order; each one's content can be read until the next is asked for."""

    def __init__(self, source: Pieces) -> None:
        self._source = source
        self._left = 0
        self._padding = 0

    def __iter__(self) -> Iterator[Member]:
        """Yield each member. Raises Broken for what is no archive, or not a whole one."""
        block = self._source.at_most(BLOCK_BYTES)
        if not block:
            raise Broken("it is empty")
        everywhere: dict[str, bytes] = {}
        here: dict[str, bytes] = {}
        while block and block != _EMPTY:
            if len(block) < BLOCK_BYTES:
                raise Broken("it is cut off in a header")
            raw = bytes(block)
            fields = _FIELDS.unpack(raw)
            _verify(raw, fields)
            if fields[_TYPE] in b"xgXLK":
                self._extend(fields, everywhere, here)
            else:
                yield self._member(raw, fields, {**everywhere, **here} if here or everywhere else here)
                self._source.skip(self._left + self._padding)
                here = {}
            block = self._source.at_most(BLOCK_BYTES)
        if here:
            raise Broken("it is cut off behind an extension")

    def read(self, limit: int) -> bytes | memoryview:
        """Take content of the current member, fewer bytes than `limit` only at its end."""
        size = min(limit, self._left)
        self._left -= size
        return self._source.exactly(size)

    def content(self) -> Iterator[memoryview]:
        """Yield what is left of the current member's content, in pieces as they come."""
        while self._left:
            portion = self._source.portion(self._left)
            if not portion:
                raise Broken("it is cut off")
            self._left -= len(portion)
            yield portion

    def _extend(self, fields: tuple[bytes, ...], everywhere: dict[str, bytes], here: dict[str, bytes]) -> None:
        kind, size = fields[_TYPE], _number(fields[_SIZE])
        if not 0 <= size <= EXTENSION_BYTES:
            raise Broken(f"an extension header is longer than {EXTENSION_BYTES} bytes")
        content = bytes(self._source.exactly(size))
        self._source.skip(-size % BLOCK_BYTES)
        if kind == b"L":
            here["path"] = content.partition(b"\0")[0]
        elif kind == b"K":
            here["linkpath"] = content.partition(b"\0")[0]
        else:
            (everywhere if kind == b"g" else here).update(_records(content))
            if sum(map(len, everywhere.values())) > EXTENSION_BYTES:
                raise Broken("its global extensions are too long")

    def _member(self, raw: bytes, fields: tuple[bytes, ...], more: dict[str, bytes]) -> Member:
        name, link, magic, prefix = fields[0].partition(b"\0")[0], fields[8].partition(b"\0")[0], fields[9], fields[10]
        mode, uid, gid, size, mtime = map(_number, fields[1:6])
        if mode < 0 or uid < 0 or gid < 0 or size < 0:
            raise Broken("a header holds a negative number")
        kind = fields[_TYPE]
        if magic == b"ustar\0" and prefix[0]:
            name = prefix.partition(b"\0")[0] + b"/" + name
        attributes: dict[str, bytes] = {}
        real_size = -1
        if kind == b"S":
            real_size = _number(raw[_SPARSE_SIZE])
            more_maps = raw[_SPARSE_MORE]
            while more_maps:
                more_maps = self._source.exactly(BLOCK_BYTES)[_EXTENSION_MORE]
        if more:
            name = more.get("GNU.sparse.name") or more.get("path") or name
            link = more.get("linkpath") or link
            size = _decimal(more, "size", size)
            uid, gid = _decimal(more, "uid", uid), _decimal(more, "gid", gid)
            mtime = _time(more["mtime"]) if "mtime" in more else mtime
            real_size = _decimal(more, "GNU.sparse.realsize", _decimal(more, "GNU.sparse.size", real_size))
            attributes = _attributes(more)
        said = _KINDS.get(kind, "unknown")
        if kind == b"\0" and name.endswith(b"/"):
            said = "folder"
        stored = 0 if said in _WITHOUT_CONTENT else size
        self._left, self._padding = stored, -stored % BLOCK_BYTES
        return Member(
            path=plain(name),
            kind=said,
            mode=mode & 0o7777,
            uid=uid,
            gid=gid,
            size_bytes=size if real_size < 0 else real_size,
            stored_bytes=stored,
            mtime=mtime,
            link=plain(link) if said == "hardlink" else _text(link),
            attributes=attributes,
        )


def plain(name: bytes) -> str:
    """Return a path without leading slash, `./` and the like; the root folder is nothing."""
    path = posixpath.normpath(_text(name)).lstrip("/")
    return "" if path == "." else path


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _verify(raw: bytes, fields: tuple[bytes, ...]) -> None:
    """Raise Broken when a header's checksum is another."""
    checksum = fields[_CHECKSUM]
    said = _number(checksum)
    # Adler-32 begins with a sum, modulo more than half a block can come to: ten times as fast as `sum`.
    total = (zlib.adler32(raw[:256]) & 0xFFFF) + (zlib.adler32(raw[256:]) & 0xFFFF) - 2
    if said != total - sum(checksum) + 8 * ord(" ") and said != _signed(raw):
        raise Broken("a header is damaged")


def _signed(raw: bytes) -> int:
    """Return the checksum as programs made it that took bytes for signed."""
    return sum(byte - 256 if byte > 127 else byte for byte in raw[:148] + b" " * 8 + raw[156:])  # noqa: PLR2004


@functools.lru_cache(maxsize=1024)
def _number(raw: bytes) -> int:
    # Modes and owners are the same nearly everywhere.
    if raw[0] >= 0x80:  # noqa: PLR2004 - a number too large for octal digits
        return int.from_bytes(raw, "big", signed=True) + (0 if raw[0] == 0xFF else 1 << (8 * len(raw) - 1))  # noqa: PLR2004
    try:
        return int(raw.partition(b"\0")[0].strip() or b"0", 8)
    except ValueError:
        raise Broken("a header holds something else than a number") from None


def _records(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the records of a pax header: a length that counts itself, a key, a value."""
    at = 0
    while at < len(content):
        space = content.find(b" ", at, at + 9)
        length = int(content[at:space]) if content[at:space].isdigit() else 0
        record = content[space + 1 : at + length]
        key, equals, value = record.removesuffix(b"\n").partition(b"=")
        if space < 0 or at + length > len(content) or not record.endswith(b"\n") or not equals:
            raise Broken("an extension header is damaged")
        yield _text(key), value
        at += length


def _decimal(more: dict[str, bytes], key: str, otherwise: int) -> int:
    value = more.get(key)
    if value is None:
        return otherwise
    if not value.isdigit() or len(value) > 19:  # noqa: PLR2004 - 64 bits
        raise Broken(f"an extension header's {key} is not a number")
    return int(value)


def _time(value: bytes) -> int:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise Broken("an extension header's time is not a number")
    return int(seconds)


def _attributes(more: dict[str, bytes]) -> dict[str, bytes]:
    """Return the extended attributes, whichever of the two spellings the archive uses."""
    found = {}
    for key, value in more.items():
        if key.startswith(_XATTR[0]):
            found[key.removeprefix(_XATTR[0])] = value
        elif key.startswith(_XATTR[1]):
            try:
                found[unquote(key.removeprefix(_XATTR[1]))] = base64.b64decode(value + b"==")
            except binascii.Error:
                found[unquote(key.removeprefix(_XATTR[1]))] = value
    return found
