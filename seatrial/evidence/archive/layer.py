"""One archive of files: an image's layer or a build context, read once, as a stream."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from functools import partial
from typing import IO, TYPE_CHECKING

from seatrial.errors import Code, SeatrialError
from seatrial.evidence.archive import contents, nested, unpacking
from seatrial.evidence.archive.headers import Archive, Member
from seatrial.evidence.archive.model import NOTE, Broken, Entry
from seatrial.evidence.archive.pieces import PIECE_BYTES, Pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from seatrial.evidence.secrets import Wanted

MOST_ENTRIES = 250_000
"""Of a layer with more entries only what is secret in them is kept."""
MOST_KEPT_BYTES = 48 << 20
"""Names and texts of a layer's entries may take this much."""

_CAPABILITY = "security.capability"
_MOST_BEYOND = 1000


def read_tar(source: IO[bytes], wanted: Wanted) -> tuple[Entry, ...]:
    """Return the facts of every entry of a tar file. Raises SeatrialError ENGINE_FAILED when it is cut or broken."""
    try:
        return read_layer(unpacking.plain(iter(partial(source.read, PIECE_BYTES), b"")), wanted)
    except Broken as error:
        raise SeatrialError(Code.ENGINE_FAILED, f"an archive cannot be read: {error}", hint="try again") from error


def read_layer(pieces: Iterable[bytes | memoryview], wanted: Wanted) -> tuple[Entry, ...]:
    """Return the facts of every entry of a tar stream, read to its end. Raises Broken."""
    stream = Pieces(pieces)
    archive, limits = Archive(stream), nested.Limits()
    kept = _Kept()
    for member in archive:
        kept.add(_entry(archive, member, wanted, limits))
    return _with_telling_names([*kept.entries, *_behind(stream, wanted), *kept.beyond()], wanted)


def make_tar(files: Mapping[str, bytes], **attributes: int) -> bytes:
    """Return a small archive with these files; `attributes` are set on each entry (mode, uid, gid, mtime)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for attribute, value in attributes.items():
                setattr(info, attribute, value)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


class _Kept:
    """The entries of a layer, as many as memory is given for."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._left_bytes = MOST_KEPT_BYTES
        self._count = 0

    def add(self, entry: Entry) -> None:
        self._count += 1
        size = len(entry.path) + len(entry.link) + len(entry.text)
        fits = self._count <= MOST_ENTRIES and size <= self._left_bytes
        if fits:
            self._left_bytes -= size
        if fits or (entry.leaks and len(self.entries) < MOST_ENTRIES + _MOST_BEYOND):
            self.entries.append(entry)

    def beyond(self) -> list[Entry]:
        """Return an entry that says how many are missing, if any are."""
        missing = self._count - len(self.entries)
        if not missing:
            return []
        return [_note("", f"{self._count} entries are more than can be judged: {missing} are left out")]


def _behind(stream: Pieces, wanted: Wanted) -> list[Entry]:
    """Read what stands behind the archive's end, which nobody unpacks and everybody downloads."""
    tail, leaks, is_more = b"", dict[str, None](), False
    for piece in stream.rest():
        if is_more or any(piece):
            is_more = True
            window = b"".join((tail, piece))
            leaks.update(dict.fromkeys(wanted.seen_in(window)))
            tail = window[-wanted.overlap_bytes :]
    if not is_more:
        return []
    return [replace(_note("", "there is more behind the archive's end"), leaks=tuple(leaks))]


def _note(path: str, unread: str) -> Entry:
    return Entry(path, NOTE, 0, 0, 0, 0, 0, unread=(unread,))


def _entry(archive: Archive, member: Member, wanted: Wanted, limits: nested.Limits) -> Entry:
    found = contents.Content()
    if member.stored_bytes:
        found = contents.examine(archive.read, member.path, member.stored_bytes, wanted, limits)
    elif member.kind == "file":
        found = contents.nothing(member.path)
    leaks = found.leaks
    for name, value in member.attributes.items():
        leaks = (*leaks, *wanted.seen_in_attribute(name, value))
    return Entry(
        member.path,
        member.kind,
        member.mode,
        member.uid,
        member.gid,
        member.size_bytes,
        member.mtime,
        member.link,
        _CAPABILITY in member.attributes,
        found.sha256,
        found.text,
        found.bytecode,
        leaks,
        found.unread,
    )


def _with_telling_names(entries: list[Entry], wanted: Wanted) -> tuple[Entry, ...]:
    """Return the entries, those marked whose path or link is or holds a secret."""
    # All names at once first: nearly always there is nothing.
    if not _any_name(entries, wanted):
        return tuple(entries)
    return tuple(
        replace(entry, leaks=tuple(dict.fromkeys([*entry.leaks, *named])))
        if (named := wanted.seen_in_text(f"{entry.path}\0{entry.link}"))
        else entry
        for entry in entries
    )


def _any_name(entries: list[Entry], wanted: Wanted) -> bool:
    step = 10_000
    return any(
        wanted.seen_in_text("\n\0".join(f"{entry.path}\0{entry.link}" for entry in entries[start : start + step]))
        for start in range(0, len(entries), step)
    )
