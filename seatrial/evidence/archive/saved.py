"""What `docker save` writes, read as it comes: in whatever order its parts are, and with nothing on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seatrial.errors import Code, SeatrialError
from seatrial.evidence.archive import manifest, unpacking
from seatrial.evidence.archive.headers import Archive, Member
from seatrial.evidence.archive.layer import read_layer
from seatrial.evidence.archive.model import Broken, Entry, Layer
from seatrial.evidence.archive.pieces import Pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from seatrial.evidence.secrets import Wanted

_HEAD_BYTES = 512
_TAR = slice(257, 262)


def read_image(
    pieces: Iterable[bytes], wanted: Wanted, known: Mapping[str, tuple[Entry, ...]] | None = None
) -> tuple[Layer, ...]:
    """Return the layers of a `docker save` archive, lowest first; `known` are facts of layers by their digest.

    Engines before 25 name layers `ID/layer.tar`, later ones `blobs/sha256/DIGEST`, packed or not; the manifest at the
    end says which file is which layer, and the configuration lists the digests in the same order. That the bytes are
    those of the digests is the engine's word. Raises SeatrialError ENGINE_FAILED.
    """
    reading = _Reading(wanted, known or {})
    try:
        stream = Pieces(pieces)
        archive = Archive(stream)
        for member in archive:
            reading.take(archive, member)
        for _ in stream.rest():
            pass  # to the end: only then the program says whether it failed
        return reading.layers()
    except Broken as error:
        raise SeatrialError(
            Code.ENGINE_FAILED, f"the image archive cannot be read: {error}", hint="try again"
        ) from error


class _Reading:
    """What was read so far."""

    def __init__(self, wanted: Wanted, known: Mapping[str, tuple[Entry, ...]]) -> None:
        self._wanted = wanted
        self._known = known
        self._facts: dict[str, tuple[Entry, ...]] = {}
        self._documents: dict[str, Any] = {}
        self._links: dict[str, str] = {}

    def take(self, archive: Archive, member: Member) -> None:
        """Read one file of the archive."""
        if member.kind in {"symlink", "hardlink"}:
            self._links[member.path] = member.link.removeprefix("../")
        if member.kind != "file" or not member.stored_bytes:
            return
        # Its own digest, so of a layer that is not packed.
        digest = member.path.removeprefix("blobs/").replace("/", ":", 1)
        if digest in self._known:
            self._facts[member.path] = self._known[digest]
            return
        content = Pieces(archive.content())
        head = content.peek(_HEAD_BYTES)
        if head[:1] in (b"{", b"[") and head[_TAR] != b"ustar":
            if member.stored_bytes > manifest.DOCUMENT_BYTES:
                raise Broken(f"{member.path} is too long for a document")
            self._documents[member.path] = manifest.parse(bytes(content.at_most(member.stored_bytes)))
        elif member.path.endswith((".tar", ".gz")) or member.path.startswith("blobs/"):
            self._facts[member.path] = read_layer(unpacking.plain(content.rest()), self._wanted)

    def layers(self) -> tuple[Layer, ...]:
        """Return the layers in the order that the manifest gives."""
        found = manifest.images(self._document, has_manifest="manifest.json" in self._documents)
        if len(found) != 1:
            raise Broken(f"it holds {len(found)} images, not one")
        names = found[0].layers
        diff_ids = manifest.diff_ids_of(self._document(found[0].config), len(names))
        return tuple(Layer(diff_id, self._layer(name)) for name, diff_id in zip(names, diff_ids, strict=True))

    def _document(self, name: str) -> Any:
        if name not in self._documents:
            raise Broken(f"it lacks {name}")
        return self._documents[name]

    def _layer(self, name: str) -> tuple[Entry, ...]:
        actual = name if name in self._facts else self._links.get(name, name)
        if actual not in self._facts:
            raise Broken(f"it lacks the layer {name}")
        return self._facts[actual]
