"""Archives that only put files one behind the other: ar, which Debian's packages are, and cpio."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.evidence.archive.model import Broken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from seatrial.evidence.archive.pieces import Pieces

AR = b"!<arch>\n"
CPIO = re.compile(rb"07070[12][0-9A-Fa-f]{104}|070707[0-7]{70}")
"""The first header: six digits alone would be found in texts too."""

_AR_HEADER, _AR_END = 60, b"`\n"
_NAMES_BYTES = 1 << 20
_LAST = "TRAILER!!!"
_HEX, _OCTAL, _DECIMAL = 16, 8, 10


@dataclass(frozen=True)
class Part:
    """One file of an archive: its content can be read until the next is asked for."""

    name: str
    is_file: bool
    read: Callable[[int], bytes | memoryview]


class _Content:
    def __init__(self, source: Pieces, size: int) -> None:
        self._source = source
        self.left = size

    def read(self, limit: int) -> bytes | memoryview:
        size = min(limit, self.left)
        self.left -= size
        return self._source.exactly(size)


def ar(source: Pieces) -> Iterator[Part]:
    """Yield the files of an ar archive, GNU's and BSD's long names included. Raises Broken."""
    source.skip(len(AR))
    long_names = b""
    while header := bytes(source.at_most(_AR_HEADER)):
        if len(header) < _AR_HEADER or not header.endswith(_AR_END):
            raise Broken("a header is damaged")
        stored, name = _number(header[48:58], _DECIMAL), header[:16].rstrip()
        size = stored
        if name.startswith(b"#1/"):
            length = _number(name[3:], _DECIMAL)
            name, size = bytes(source.exactly(_bounded(length, stored))).rstrip(b"\0"), stored - length
        elif name[:1] == b"/" and name[1:].isdigit():
            name = long_names[int(name[1:]) :].partition(b"\n")[0].rstrip(b"/")
        content = _Content(source, size)
        if name == b"//":
            long_names = bytes(content.read(_bounded(size, _NAMES_BYTES)))
        else:
            yield Part(_text(name.rstrip(b"/")), is_file=True, read=content.read)
        source.skip(content.left)
        # To an even number; the last file's filling is often left out.
        source.at_most(stored % 2)


def cpio(source: Pieces) -> Iterator[Part]:
    """Yield the files of a cpio archive, with hexadecimal or octal headers. Raises Broken."""
    while True:
        header = bytes(source.exactly(76))
        if header.startswith(b"070707"):
            mode, length, size, width = header[18:24], header[59:65], header[65:76], 1
            base = _OCTAL
        else:
            header += bytes(source.exactly(110 - len(header)))
            mode, length, size, width = header[14:22], header[94:102], header[54:62], 4
            base = _HEX
        if not CPIO.match(header):
            raise Broken("a header is damaged")
        named = _bounded(_number(length, base), _NAMES_BYTES)
        name = _text(bytes(source.exactly(named)).rstrip(b"\0"))
        source.skip(-(len(header) + named) % width)
        if name == _LAST:
            break
        content = _Content(source, _number(size, base))
        filling = -content.left % width
        yield Part(name, is_file=not stat.S_ISDIR(_number(mode, base)), read=content.read)
        source.skip(content.left + filling)
    if any(any(piece) for piece in source.rest()):
        raise Broken("something else stands behind its end")


def _bounded(size: int, most: int) -> int:
    if size > most:
        raise Broken("a name is too long")
    return size


def _number(digits: bytes, base: int) -> int:
    try:
        number = int(digits, base)
    except ValueError:
        number = -1
    if number < 0:
        raise Broken("a header holds something else than a number")
    return number


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape").removeprefix("./")
