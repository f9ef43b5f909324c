"""Facts about files in tar archives: image layers and build contexts, read once, as a stream."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import lzma
import posixpath
import re
import tarfile
import zlib
from dataclasses import dataclass, replace
from tarfile import HeaderError, ReadError, TarFile
from typing import IO, TYPE_CHECKING, Any, Self, cast

from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from seatrial.evidence.secrets import Wanted

CHUNK_BYTES = 1 << 20
OVERLAP_BYTES = 512
"""Read twice at each border of a chunk, so that nothing hides across it."""
KEPT_BYTES = 1 << 20
"""A file whose text checks read is kept up to this size."""

_KEPT_NAMES = ("/METADATA", "/RECORD", "/direct_url.json", "/pyvenv.cfg", "/entry_points.txt")
_KEPT_PATHS = ("etc/passwd", "etc/group", "etc/os-release")
_KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.CONTTYPE: "file",
    tarfile.GNUTYPE_SPARSE: "file",
    tarfile.DIRTYPE: "folder",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hardlink",
    tarfile.CHRTYPE: "device",
    tarfile.BLKTYPE: "device",
    tarfile.FIFOTYPE: "fifo",
}
_CAPABILITY_XATTR = "SCHILY.xattr.security.capability"
_HASHED = re.compile(r"(?:site|dist)-packages/|(?:^|/)s?bin/")
_MAGIC = slice(257, 262)
"""Where a tar header says that it is one."""
_BROKEN = (tarfile.TarError, EOFError, OSError, ValueError, OverflowError, zlib.error, lzma.LZMAError)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an archive. `path` has no leading slash; `mode` holds the permission bits only."""

    path: str
    kind: str
    mode: int
    uid: int
    gid: int
    size_bytes: int
    mtime: int
    link: str = ""
    has_capabilities: bool = False
    sha256: str = ""
    """URL-safe base64 without padding, as RECORD spells it; of files in site-packages and of programs only."""
    text: str = ""
    """Content of the few files that checks read."""
    leaks: tuple[str, ...] = ()
    """What was recognised as secret in the content: names, never values."""


@dataclass(frozen=True)
class Layer:
    """One layer of an image: its uncompressed digest and what it holds."""

    diff_id: str
    entries: tuple[Entry, ...]


def read_tar(source: IO[bytes], wanted: Wanted) -> tuple[Entry, ...]:
    """Return the facts of every entry of a tar stream. Raises SeatrialError ENGINE_FAILED when it is cut or broken."""
    try:
        with tarfile.open(fileobj=source, mode="r|*", errorlevel=1, tarinfo=_Header) as archive:
            return _with_telling_names([_entry(archive, member, wanted) for member in archive], wanted)
    except _BROKEN as error:
        raise SeatrialError(Code.ENGINE_FAILED, f"an archive cannot be read: {error}", hint="try again") from error


def read_image(pieces: Iterable[bytes], wanted: Wanted) -> tuple[Layer, ...]:
    """Return the layers of a `docker save` archive, lowest first.

    Engines before 25 name layers `ID/layer.tar`, later ones `blobs/sha256/DIGEST`; the manifest at the end says which
    file is which layer, and the configuration lists the digests in the same order.
    """
    facts: dict[str, tuple[Entry, ...]] = {}
    documents: dict[str, Any] = {}
    try:
        with tarfile.open(fileobj=_Stream(iter(pieces)), mode="r|", tarinfo=_Header) as archive:
            for member in archive:
                if not member.isfile():
                    if member.islnk() or member.issym():
                        documents[member.name] = ("same as", member.linkname)
                    continue
                content = archive.extractfile(member)
                if content is None:
                    continue
                head = content.read(tarfile.BLOCKSIZE)
                if head[:1] in (b"{", b"[") and head[_MAGIC] != b"ustar":
                    documents[member.name] = json.loads(head + content.read())
                elif member.name.endswith((".tar", ".gz")) or member.name.startswith("blobs/"):
                    facts[member.name] = read_tar(cast("IO[bytes]", _Rejoined(head, content)), wanted)
        return _in_order(facts, documents)
    except (*_BROKEN, KeyError, TypeError, AttributeError) as error:
        raise SeatrialError(
            Code.ENGINE_FAILED, f"the image archive cannot be read: {error}", hint="try again"
        ) from error


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


def _in_order(facts: dict[str, tuple[Entry, ...]], documents: dict[str, Any]) -> tuple[Layer, ...]:
    manifest = documents.get("manifest.json")
    if not isinstance(manifest, list) or not manifest or not manifest[0].get("Layers"):
        raise SeatrialError(
            Code.ENGINE_FAILED,
            "the image archive has no manifest with layers",
            hint="upgrade Docker Engine (25.0.0 had this defect)",
        )
    names = manifest[0]["Layers"]
    diff_ids = documents[manifest[0]["Config"]]["rootfs"]["diff_ids"]
    layers = []
    for name, diff_id in zip(names, diff_ids, strict=True):
        actual = name
        if actual not in facts and isinstance(documents.get(name), tuple):
            actual = str(documents[name][1]).removeprefix("../")
        if actual not in facts:
            raise SeatrialError(Code.ENGINE_FAILED, f"the image archive lacks the layer {name}", hint="try again")
        layers.append(Layer(diff_id, facts[actual]))
    return tuple(layers)


def _entry(archive: tarfile.TarFile, member: tarfile.TarInfo, wanted: Wanted) -> Entry:
    path = _plain(member.name)
    digest, text = "", ""
    leaks: tuple[str, ...] = ()
    if member.isfile():
        content = archive.extractfile(member)
        if content is not None:
            digest, text, leaks = _content(content, path, member.size, wanted)
    return Entry(
        path=path,
        kind=_KINDS.get(member.type, "unknown"),
        mode=member.mode & 0o7777,
        uid=member.uid,
        gid=member.gid,
        size_bytes=member.size,
        mtime=int(member.mtime),
        link=_plain(member.linkname) if member.islnk() else member.linkname,
        has_capabilities=_CAPABILITY_XATTR in member.pax_headers,
        sha256=digest,
        text=text,
        leaks=leaks,
    )


def _with_telling_names(entries: list[Entry], wanted: Wanted) -> tuple[Entry, ...]:
    """Return the entries, those marked whose path or link is or holds a secret."""
    # All names at once first: nearly always there is nothing.
    if not wanted.seen_in_text("\n\0".join(f"{entry.path}\0{entry.link}" for entry in entries)):
        return tuple(entries)
    return tuple(
        replace(entry, leaks=tuple(dict.fromkeys([*entry.leaks, *named])))
        if (named := wanted.seen_in_text(f"{entry.path}\0{entry.link}"))
        else entry
        for entry in entries
    )


def _plain(name: str) -> str:
    """Return a path without leading slash, `./` and the like; the root folder is nothing."""
    path = posixpath.normpath(name).lstrip("/")
    return "" if path == "." else path


def _content(content: IO[bytes], path: str, size: int, wanted: Wanted) -> tuple[str, str, tuple[str, ...]]:
    hashing = hashlib.sha256() if _HASHED.search(path) else None
    overlap = max(OVERLAP_BYTES, wanted.longest_bytes)
    keeping = size <= KEPT_BYTES and (path in _KEPT_PATHS or path.endswith(_KEPT_NAMES))
    kept: list[bytes] = []
    leaks: dict[str, None] = {}
    tail = b""
    while chunk := content.read(CHUNK_BYTES):
        if hashing is not None:
            hashing.update(chunk)
        if keeping:
            kept.append(chunk)
        leaks.update(dict.fromkeys(wanted.seen_in(tail + chunk if tail else chunk)))
        tail = (tail + chunk)[-overlap:]
    digest = base64.urlsafe_b64encode(hashing.digest()).rstrip(b"=").decode() if hashing is not None else ""
    return digest, b"".join(kept).decode("utf-8", "replace"), tuple(leaks)


class _Header(tarfile.TarInfo):
    """A header that must be whole.

    tarfile takes a broken header for the end of the archive, and would leave out what follows. That the end itself is
    not marked is accepted: not every builder marks it, and a layer's size is known from outside.
    """

    @classmethod
    def fromtarfile(cls, tarfile: TarFile) -> Self:
        """Read the next header."""
        try:
            return super().fromtarfile(tarfile)
        except HeaderError as error:
            if type(error).__name__ in {"EOFHeaderError", "EmptyHeaderError"}:
                raise
            raise ReadError(f"it is cut or broken: {error}") from error


class _Stream(io.RawIOBase):
    """An iterator of pieces as a file that can be read forwards."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            raise AssertionError("tarfile reads streams in pieces")
        wanted: list[memoryview] = []
        missing = size
        while missing:
            if not self._rest:
                piece = next(self._pieces, b"")
                if not piece:
                    break
                self._rest = memoryview(piece)
            taken = self._rest[:missing]
            self._rest = self._rest[len(taken) :]
            missing -= len(taken)
            wanted.append(taken)
        return b"".join(wanted)


class _Rejoined(io.RawIOBase):
    """A file whose first byte has been read already."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._head:
            return self._rest.read(size)
        head, self._head = self._head, b""
        return head + self._rest.read(max(size - len(head), 0) if size >= 0 else -1)
