"""Where the parts of an image in a file lie: a folder, or a tar file whose members are found by seeking."""

from __future__ import annotations

import stat
import tempfile
from functools import partial
from typing import IO, TYPE_CHECKING, Protocol

from seatrial.evidence.archive import unpacking
from seatrial.evidence.archive.headers import Archive
from seatrial.evidence.archive.model import Broken
from seatrial.evidence.archive.pieces import PIECE_BYTES, Pieces

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_MEMBERS = 100_000
"""An image has at most some hundreds of parts."""
_HEAD_BYTES = 8


class Store(Protocol):
    """Parts by name. Both methods raise Broken for a part that is not there."""

    def pieces(self, name: str) -> Iterator[bytes]:
        """Yield a part's bytes."""

    def size_bytes(self, name: str) -> int:
        """Return a part's size."""

    def has(self, name: str) -> bool:
        """Whether there is such a part."""

    def close(self) -> None:
        """Close it; whoever still reads is told that it is broken."""


def open_store(path: Path) -> Store:
    """Open a folder or a tar file, compressed or not. Raises Broken, OSError."""
    if path.is_dir():
        return _Folder(path)
    if not path.is_file():
        raise Broken("it is neither a file nor a folder")
    file = _unpacked(path.open("rb"))
    try:
        return _TarFile(file)
    except BaseException:
        file.close()
        raise


class _Folder:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._closed = False

    def pieces(self, name: str) -> Iterator[bytes]:
        if not self.has(name):
            raise Broken(f"it lacks {name}")
        with (self._path / name).open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                if self._closed:
                    raise Broken("it was closed")
                yield piece

    def size_bytes(self, name: str) -> int:
        return (self._path / name).stat().st_size if self.has(name) else 0

    def has(self, name: str) -> bool:
        if name.startswith("/") or ".." in name.split("/") or "\0" in name:
            raise Broken(f"it names a part outside of itself: {name!r}")
        try:
            # Only files: a pipe would wait for ever.
            return stat.S_ISREG((self._path / name).stat().st_mode)
        except OSError:
            return False

    def close(self) -> None:
        self._closed = True


class _TarFile:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._parts: dict[str, tuple[int, int]] = {}
        self._links: dict[str, str] = {}
        source = _Seeking(self._file)
        for member in Archive(source):
            if member.kind == "file":
                self._parts[member.path] = (self._file.tell(), member.stored_bytes)
            elif member.kind in {"symlink", "hardlink"}:
                # Engines before 25 link a layer that is there twice.
                self._links[member.path] = member.link.removeprefix("../")
            if len(self._parts) + len(self._links) > MOST_MEMBERS:
                raise Broken(f"it has more than {MOST_MEMBERS} members, so it is no image")

    def pieces(self, name: str) -> Iterator[bytes]:
        start, left = self._part(name)
        self._file.seek(start)
        while left:
            piece = self._file.read(min(left, PIECE_BYTES))
            if not piece:
                raise Broken("it is cut off")
            left -= len(piece)
            yield piece

    def size_bytes(self, name: str) -> int:
        return self._part(name)[1]

    def has(self, name: str) -> bool:
        return self._links.get(name, name) in self._parts

    def close(self) -> None:
        self._file.close()

    def _part(self, name: str) -> tuple[int, int]:
        if not self.has(name):
            raise Broken(f"it lacks {name}")
        return self._parts[self._links.get(name, name)]


class _Seeking(Pieces):
    """A file of which most is skipped."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(())
        self._file = file
        self._size = file.seek(0, 2)
        file.seek(0)

    def portion(self, limit: int) -> memoryview:
        return memoryview(self._file.read(min(limit, PIECE_BYTES)))

    def skip(self, size: int) -> None:
        if self._file.tell() + size > self._size:
            raise Broken("it is cut off")
        self._file.seek(size, 1)


def _unpacked(file: IO[bytes]) -> IO[bytes]:
    """Return the file, or where it is compressed, a temporary one that is not: it is read in any order."""
    try:
        kind = unpacking.packed_with(file.read(_HEAD_BYTES))
        file.seek(0)
    except BaseException:
        file.close()
        raise
    if not kind:
        return file
    with file:
        plain = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed with the store
        try:
            for piece in unpacking.plain(iter(partial(file.read, PIECE_BYTES), b"")):
                plain.write(piece)
        except BaseException:
            plain.close()
            raise
        return plain
