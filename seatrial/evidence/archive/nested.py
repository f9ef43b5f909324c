"""Files inside files: compressed, archives, and archives in archives, down to a bound.

Whatever is packed is searched twice: as it lies there, and unpacked. What cannot be examined to its end is said.
"""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import dataclass, field
from functools import partial
from typing import IO, TYPE_CHECKING

from seatrial.errors import Code, SeatrialError
from seatrial.evidence.archive import plain_forms
from seatrial.evidence.archive.headers import Archive
from seatrial.evidence.archive.kinds import CLOSED, has_zip, kind_of
from seatrial.evidence.archive.model import Broken
from seatrial.evidence.archive.pieces import PIECE_BYTES, Pieces
from seatrial.evidence.archive.unpacking import Unpackable, unpacked
from seatrial.evidence.secrets import PUBLIC_CERTIFICATES, SECRET_FILE, addresses_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from seatrial.evidence.secrets import Wanted

    Read = Callable[[int], bytes | memoryview]

DEPTH = 6
"""A wheel inside a compressed archive inside a compressed archive is 5 deep."""
PACKED_BYTES = 256 << 20
"""A packed file up to this size is unpacked."""
UNPACKED_BYTES = 512 << 20
"""All packed files of one layer together may hold this much."""
RATIO, RATIO_FROM_BYTES = 250, 32 << 20
"""A file that grows more than this, once it has grown to that size, is no archive but a bomb."""
MEMBERS = 200_000
"""All archives inside one layer together may have this many members."""
IN_MEMORY_BYTES = 4 << 20
PROGRAM_BYTES = 16 << 20
"""Programs are not one inside the other, and nearly all of them stay in memory with this."""
KEPT_NAMES = 20
"""Of so many members each fault is told by name; of more, the fault alone."""

_ENCRYPTED = 1
_FORMS = {"ar": plain_forms.ar, "cpio": plain_forms.cpio}


@dataclass
class Limits:
    """What may still be unpacked of one layer."""

    left_bytes: int = UNPACKED_BYTES
    left_members: int = MEMBERS


@dataclass
class Found:
    """What was recognised in a packed file, and what of it could not be examined."""

    leaks: dict[str, None] = field(default_factory=dict)
    unread: dict[str, None] = field(default_factory=dict)


class _EnoughError(Exception):
    """A bound was reached."""


def look_inside(first: bytes | memoryview, read: Read, path: str, wanted: Wanted, limits: Limits) -> Found:
    """Read a packed file to its end, search it and whatever is inside, and return what was found."""
    search = _Search(wanted, limits, path)
    search.packed(first, read, "", kind_of(first, path), 1)
    return search.found


class _Search:
    """One search through one packed file and all that is inside."""

    def __init__(self, wanted: Wanted, limits: Limits, path: str) -> None:
        self.found = Found()
        self._wanted = wanted
        self._limits = limits
        self._path = path

    def packed(self, first: bytes | memoryview, read: Read, name: str, kind: str, depth: int) -> None:
        """Search a packed file as it lies there, then unpacked."""
        most = PROGRAM_BYTES if kind == "program" else IN_MEMORY_BYTES
        with tempfile.SpooledTemporaryFile(max_size=most) as kept:
            size = self._keep(first, read, name, kept)
            if kind in CLOSED:
                self._not_read(name, f"a {kind} file is not opened")
            elif size > PACKED_BYTES:
                self._not_read(name, f"a {kind} file of more than {PACKED_BYTES >> 20} MB is not unpacked")
            elif depth > DEPTH:
                self._not_read(name, f"packed more than {DEPTH} times")
            else:
                self._unpack(kept, size, name, kind, depth)

    def _unpack(self, kept: IO[bytes], size: int, name: str, kind: str, depth: int) -> None:
        kept.seek(0)
        before = self._limits.left_bytes
        most = max(RATIO * size, RATIO_FROM_BYTES)
        try:
            if kind == "tar":
                self._tar(kept, name, depth)
            elif kind == "zip" or (kind == "program" and has_zip(kept)):
                self._zip(kept, name, depth, most)
            elif kind in _FORMS:
                self._parts(kept, name, kind, depth)
            elif kind == "program":
                return
            else:
                content = Pieces(self._counted(unpacked(kind, _pieces_of(kept)), most))
                self._file(content.at_most, name, depth + 1)
        except _EnoughError as reached:
            self._not_read(name, str(reached))
        except Unpackable as error:
            self._not_read(name, str(error))
        except (Broken, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
            # What begins with two or three bytes of a format and gives nothing only looked like it.
            if kind not in {"gzip", "zlib"} or self._limits.left_bytes < before:
                self._not_read(name, f"a damaged {kind} file: {error}")

    def _file(self, read: Read, name: str, depth: int) -> None:
        """Search one file that came out of a packed one."""
        first = read(PIECE_BYTES)
        kind = kind_of(first, name or self._path)
        if kind:
            self.packed(first, read, name, kind, depth)
        else:
            self._keep(first, read, name, None)

    def _tar(self, kept: IO[bytes], name: str, depth: int) -> None:
        pieces = Pieces(self._counted(_pieces_of(kept), UNPACKED_BYTES))
        archive = Archive(pieces)
        for member in archive:
            inner = f"{name}/{member.path}".lstrip("/")
            self._name(member.path, inner, is_file=member.kind in {"file", "symlink", "hardlink"})
            for what in self._wanted.seen_in_text(member.link):
                self._leak(what, inner)
            for key, value in member.attributes.items():
                for what in self._wanted.seen_in_attribute(key, value):
                    self._leak(what, inner)
            if member.kind in {"file", "unknown"}:
                self._file(archive.read, inner, depth + 1)

    def _parts(self, kept: IO[bytes], name: str, kind: str, depth: int) -> None:
        for part in _FORMS[kind](Pieces(self._counted(_pieces_of(kept), UNPACKED_BYTES))):
            inner = f"{name}/{part.name}".lstrip("/")
            self._name(part.name, inner, is_file=part.is_file)
            self._file(part.read, inner, depth + 1)

    def _zip(self, kept: IO[bytes], name: str, depth: int, most: int) -> None:
        with zipfile.ZipFile(kept) as archive:
            for info in archive.infolist():
                inner = f"{name}/{info.filename}".lstrip("/")
                self._name(info.filename, inner, is_file=not info.is_dir())
                if info.flag_bits & _ENCRYPTED:
                    self._not_read(inner, "an encrypted file is not opened")
                    continue
                with archive.open(info) as content:
                    pieces = Pieces(self._counted(iter(partial(content.read, PIECE_BYTES), b""), most))
                    self._file(pieces.at_most, inner, depth + 1)

    def _keep(self, first: bytes | memoryview, read: Read, name: str, kept: IO[bytes] | None) -> int:
        """Search a file as it lies there, keep it up to the bound, and return its size."""
        overlap = self._wanted.overlap_bytes
        size, tail, piece = 0, b"", first
        while piece:
            window = b"".join((tail, piece)) if tail else piece
            for what in self._wanted.seen_in(window):
                self._leak(what, name)
            tail = bytes(window[-overlap:])
            size += len(piece)
            if kept is not None and size <= PACKED_BYTES:
                _write(kept, piece)
            piece = read(PIECE_BYTES)
        if name and kept is None:
            for what in addresses_in(name, first, size):
                self._leak(what, name)
        return size

    def _name(self, path: str, inner: str, *, is_file: bool) -> None:
        self._limits.left_members -= 1
        if self._limits.left_members < 0:
            raise _EnoughError(f"the archives inside this layer have more than {MEMBERS} members")
        for what in self._wanted.seen_in_text(path):
            self._leak(what, inner)
        if is_file and SECRET_FILE.search(path) and not PUBLIC_CERTIFICATES.search(path):
            self._leak("a file that holds secrets by its name", inner)

    def _counted(self, pieces: Iterator[bytes], most: int) -> Iterator[bytes]:
        """Hand on what comes out of a packed file, until it is too much."""
        came = 0
        for piece in pieces:
            came += len(piece)
            self._limits.left_bytes -= len(piece)
            if came > most:
                raise _EnoughError(f"it grows more than {RATIO} times when it is unpacked")
            if self._limits.left_bytes < 0:
                raise _EnoughError(f"the packed files of this layer hold more than {UNPACKED_BYTES >> 20} MB")
            yield piece

    def _leak(self, what: str, inner: str) -> None:
        self.found.leaks[f"{what}, in {inner}" if inner and len(self.found.leaks) < KEPT_NAMES else what] = None

    def _not_read(self, inner: str, why: str) -> None:
        self.found.unread[f"{why}, in {inner}" if inner and len(self.found.unread) < KEPT_NAMES else why] = None


def _write(kept: IO[bytes], piece: bytes | memoryview) -> None:
    try:
        kept.write(piece)
    except OSError as error:
        raise SeatrialError(
            Code.DISK_FULL,
            f"there is no room to unpack a file in {tempfile.gettempdir()}: {error.strerror}",
            hint="make room, or set TMPDIR to a folder with more",
        ) from error


def _pieces_of(file: IO[bytes]) -> Iterator[bytes]:
    return iter(partial(file.read, PIECE_BYTES), b"")
