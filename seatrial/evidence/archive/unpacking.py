"""Compressed streams: what a file is packed with, and its content piece by piece, with bounded memory."""

from __future__ import annotations

import bz2
import lzma
import sys
import zlib
from typing import TYPE_CHECKING, Any

from seatrial.evidence.archive.model import Broken
from seatrial.evidence.archive.pieces import PIECE_BYTES, Pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MAGIC = {
    "gzip": b"\x1f\x8b\x08",
    "bzip2": b"BZh",
    "xz": b"\xfd7zXZ\0",
    "zstd": b"\x28\xb5\x2f\xfd",
}
"""What the compressed streams begin with that can be told from their first bytes alone."""

MEMORY_BYTES = 64 << 20
"""A stream that needs more than this to be unpacked is refused."""
STREAM_BYTES = 8 << 30
"""A whole compressed layer or archive may unpack to this much: a sparse file of some GB is still read to its end."""
_HEAD_BYTES = 8
_ZSTD_WINDOW_BITS = 26
_GZIP_BITS = 31


class Unpackable(Broken):
    """A compressed stream that would need too much memory."""


def packed_with(head: bytes) -> str:
    """Return what a stream that begins so is compressed with, or nothing."""
    return next((kind for kind, magic in MAGIC.items() if head.startswith(magic)), "")


def plain(source: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """Yield a stream as it is, or unpacked where it is compressed. Raises Broken for one that grows without measure."""
    stream = Pieces(source)
    kind = packed_with(stream.peek(_HEAD_BYTES))
    return _bounded(unpacked(kind, stream.rest())) if kind else stream.rest()


def unpacked(kind: str, source: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Yield what a compressed stream holds, all of its members. Raises Broken when it is cut or damaged."""
    pieces = iter(source)
    data: bytes | memoryview = next(pieces, b"")
    while True:
        engine = _ENGINES[kind]()
        while not engine.eof:
            out = _step(engine, kind, data)
            if out:
                yield out
            data = b""
            if engine.needs_input and not engine.eof:
                data = next(pieces, b"")
                if not data and not out:
                    raise Broken(f"its {kind} stream is cut off")
        data = _behind(engine.unused_data, pieces)
        if not data:
            return
        if not data.startswith(MAGIC.get(kind, data)):
            raise Broken(f"something else stands behind its {kind} stream")


def _bounded(pieces: Iterator[bytes]) -> Iterator[bytes]:
    left = STREAM_BYTES
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise Broken(f"it unpacks to more than {STREAM_BYTES >> 30} GB")
        yield piece


def _step(engine: Any, kind: str, data: bytes | memoryview) -> bytes:
    """Return what the next bytes give, at most a piece. Raises Broken; Unpackable where that needs too much memory."""
    try:
        return bytes(engine.decompress(data, PIECE_BYTES))
    except (zlib.error, OSError, EOFError, ValueError) as error:
        raise Broken(f"its {kind} stream is damaged") from error
    except Exception as error:
        # zstd's own error is known only where zstd was needed.
        if not isinstance(error, lzma.LZMAError) and type(error).__name__ != "ZstdError":
            raise
        too_much = any(word in str(error).lower() for word in ("memory", "window"))
        raise (Unpackable if too_much else Broken)(f"its {kind} stream: {error}") from error


def _behind(rest: bytes, pieces: Iterator[bytes | memoryview]) -> bytes:
    """Return what stands behind a stream's end; zeros are padding. A beginning is completed, so that it can be told."""
    for piece in pieces:
        rest = (rest + piece).lstrip(b"\0")
        if len(rest) >= max(map(len, MAGIC.values())):
            return rest
    return rest.lstrip(b"\0")


class _Inflating:
    """zlib's decompressor with the attributes that the others have."""

    def __init__(self, bits: int) -> None:
        self._engine = zlib.decompressobj(bits)

    @property
    def eof(self) -> bool:
        return self._engine.eof

    @property
    def needs_input(self) -> bool:
        return not self._engine.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._engine.unused_data

    def decompress(self, data: bytes | memoryview, most: int) -> bytes:
        return self._engine.decompress(self._engine.unconsumed_tail + data, most)


def _zstd() -> Any:
    # The name in the standard library from Python 3.14 on; before, its backport.
    if sys.version_info >= (3, 14):
        from compression import zstd  # noqa: PLC0415 - few images need it
    else:
        from backports import zstd  # noqa: PLC0415
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_BITS})


_ENGINES: dict[str, Callable[[], Any]] = {
    "gzip": lambda: _Inflating(_GZIP_BITS),
    "zlib": lambda: _Inflating(zlib.MAX_WBITS),
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(memlimit=MEMORY_BYTES),
    "zstd": _zstd,
}
