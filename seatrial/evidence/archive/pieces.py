"""Bytes that come in pieces of any size, taken in the sizes that are wanted, and hardly ever copied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.evidence.archive.model import Broken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PIECE_BYTES = 1 << 20
_NOTHING = memoryview(b"")


class Pieces:
    """A stream of bytes. What was taken is gone."""

    def __init__(self, source: Iterable[bytes | memoryview]) -> None:
        self._source = iter(source)
        self._piece = _NOTHING
        self._at = 0

    def portion(self, limit: int) -> memoryview:
        """Take what is at hand, at most `limit` bytes. Nothing means that the stream has ended."""
        while self._at >= len(self._piece):
            piece = next(self._source, None)
            if piece is None:
                return _NOTHING
            self._piece, self._at = memoryview(piece), 0
        taken = self._piece[self._at : self._at + limit]
        self._at += len(taken)
        return taken

    def at_most(self, size: int) -> bytes | memoryview:
        """Take `size` bytes, fewer only where the stream ends."""
        first = self.portion(size)
        if len(first) == size or not first:
            return first
        taken = [first]
        missing = size - len(first)
        while missing and (more := self.portion(missing)):
            taken.append(more)
            missing -= len(more)
        return b"".join(taken)

    def exactly(self, size: int) -> bytes | memoryview:
        """Take `size` bytes. Raises Broken when the stream ends before."""
        taken = self.at_most(size)
        if len(taken) != size:
            raise Broken("it is cut off")
        return taken

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer where the stream ends, and leave them there."""
        head = bytes(self.at_most(size))
        rest = self._piece[self._at :]
        self._source = _before(rest, self._source)
        self._piece, self._at = memoryview(head), 0
        return head

    def skip(self, size: int) -> None:
        """Take `size` bytes and forget them. Raises Broken when the stream ends before."""
        while size:
            passed = len(self.portion(size))
            if not passed:
                raise Broken("it is cut off")
            size -= passed

    def rest(self) -> Iterator[memoryview]:
        """Yield everything that is left."""
        while piece := self.portion(PIECE_BYTES):
            yield piece


def _before(first: memoryview, rest: Iterator[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    yield first
    yield from rest
