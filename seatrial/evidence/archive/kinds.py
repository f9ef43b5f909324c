"""What a packed file is, told from its beginning and, where a program can stand in front of a zip archive, its end."""

from __future__ import annotations

import functools
import io
import re
import struct
from typing import IO, TYPE_CHECKING

from seatrial.evidence.archive import plain_forms
from seatrial.evidence.archive.pieces import PIECE_BYTES
from seatrial.evidence.archive.unpacking import MAGIC

if TYPE_CHECKING:
    from ahocorasick_rs import BytesAhoCorasick

_CLOSED = {
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "rar",
    b"PACK\0\0\0": "git pack",
    b"\x04\x22\x4d\x18": "lz4",
    b"LZIP\x01": "lzip",
    b"\xed\xab\xee\xdb": "rpm",
    b"MSCF\0\0\0\0": "cab",
    b"hsqs": "squashfs",
}
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_ZIP_END = b"PK\x05\x06"
_OPENED = {**{magic: kind for kind, magic in MAGIC.items()}, **dict.fromkeys(_ZIP, "zip"), plain_forms.AR: "ar"}
_BY_MAGIC = {**_OPENED, **_CLOSED}
CLOSED = frozenset(_CLOSED.values())
"""What is known and not opened."""
_PROGRAMS = {b"#!", b"\x7fE", b"MZ"}
_FIRST_TWO = {magic[:2] for magic in _BY_MAGIC} | _PROGRAMS | {b"07", b"x\x01", b"x\x5e", b"x\x9c", b"x\xda"}
_TAR = slice(257, 262)
_BZIP2_BLOCK = slice(4, 8)
_LOOSE_OBJECT = re.compile(r"(?:^|/)[0-9a-f]{2}/[0-9a-f]{38}(?:[0-9a-f]{24})?$|\.(?:zz|zlib)$")
# signature, sizes that are not needed, size of the directory, its place, length of the comment
_ZIP_LAST = struct.Struct("<4s8xLLH")
_ZIP_DIRECTORY, _ZIP_64 = b"PK\x01\x02", 0xFFFFFFFF
_LAST_WORDS = slice(-_ZIP_LAST.size, -_ZIP_LAST.size + 4)
_ZIP_LAST_BYTES = _ZIP_LAST.size + 0xFFFF


def kind_of(first: bytes | memoryview, path: str) -> str:
    """Return what a file that begins so is packed as, or nothing."""
    if bytes(first[_TAR]) == b"ustar":
        return "tar"
    start = bytes(first[:2])
    if start not in _FIRST_TWO:
        return "zip" if bytes(first[_LAST_WORDS]) == _ZIP_END and has_zip(io.BytesIO(first)) else ""
    if start in _PROGRAMS:
        # The end of a longer one is not here yet.
        is_long = len(first) >= PIECE_BYTES
        ends_a_zip = not is_long and _zip_end().find_matches_as_indexes(first[-_ZIP_LAST_BYTES:])
        is_searched = is_long or (ends_a_zip and has_zip(io.BytesIO(first)))
        return "program" if is_searched else ""
    return _by_magic(first, path)


@functools.cache
def _zip_end() -> BytesAhoCorasick:
    # Ten times as fast as `in`, and every program is asked.
    from ahocorasick_rs import BytesAhoCorasick  # noqa: PLC0415 - only what reads files pays for it

    return BytesAhoCorasick([_ZIP_END])


def _by_magic(first: bytes | memoryview, path: str) -> str:
    head = bytes(first[:8])
    if head.startswith(b"07"):
        return "cpio" if plain_forms.CPIO.match(first) else ""
    if head.startswith(b"x"):
        return "zlib" if _LOOSE_OBJECT.search(path) else ""
    kind = next((kind for magic, kind in _BY_MAGIC.items() if head.startswith(magic)), "")
    if kind == "bzip2" and head[_BZIP2_BLOCK] != b"1AY&" and head[_BZIP2_BLOCK] != b"\x17rE8":
        return ""
    return kind


def has_zip(file: IO[bytes]) -> bool:
    """Whether a zip archive stands at the end of a file, and not only what looks like the end of one."""
    size = file.seek(0, io.SEEK_END)
    start = file.seek(max(0, size - _ZIP_LAST_BYTES))
    tail = file.read(_ZIP_LAST_BYTES)
    at = tail.rfind(_ZIP_END)
    if at < 0 or at + _ZIP_LAST.size > len(tail):
        return False
    _, directory_bytes, place, comment_bytes = _ZIP_LAST.unpack_from(tail, at)
    begin = start + at - directory_bytes
    if at + _ZIP_LAST.size + comment_bytes > len(tail):
        return False
    if _ZIP_64 in {directory_bytes, place}:
        return True
    if not directory_bytes or begin < place:
        return False
    file.seek(begin)
    return file.read(len(_ZIP_DIRECTORY)) == _ZIP_DIRECTORY
