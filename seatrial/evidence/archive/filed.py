"""An image in a file: what `docker save` wrote, or an OCI layout as a folder or an archive; digests are verified."""

from __future__ import annotations

import errno
import hashlib
import json
import tarfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from seatrial.errors import Code, SeatrialError
from seatrial.evidence.archive import manifest, unpacking
from seatrial.evidence.archive.layer import read_layer
from seatrial.evidence.archive.model import Broken, Entry, Layer
from seatrial.evidence.archive.stores import Store, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from seatrial.evidence.secrets import Wanted

_BLOCK_BYTES = 512


class ImageFile:
    """One image of an archive or a layout. Every method raises SeatrialError IMAGE_FILE for what cannot be believed."""

    def __init__(self, path: Path, wanted: str = "") -> None:
        self.path = path
        with self._explained():
            self._store: Store = open_store(path)
        try:
            with self._explained():
                self._image = self._chosen(wanted)
                self._config = self._verified(self._image.config)
                self.config: dict[str, Any] = manifest.parse(self._config)
                self.diff_ids = manifest.diff_ids_of(self.config, len(self._image.layers))
        except BaseException:
            self.close()
            raise
        self.id = f"sha256:{hashlib.sha256(self._config).hexdigest()}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def names(self) -> tuple[str, ...]:
        """The names that the file gives the image."""
        return self._image.names

    def layers(
        self, wanted: Wanted, known: Callable[[str], tuple[Entry, ...] | None] = lambda _: None
    ) -> tuple[Layer, ...]:
        """Return the layers, lowest first; those that `known` has facts of are only compared with their digest."""
        with self._explained():
            return tuple(
                Layer(diff_id, self._layer(name, diff_id, wanted, known(diff_id)))
                for name, diff_id in zip(self._image.layers, self.diff_ids, strict=True)
            )

    def as_saved(self, tag: str) -> Iterator[bytes]:
        """Yield an archive for `docker load` with this image alone, under a name of our choice."""
        rows = [{"Config": "config.json", "RepoTags": [tag], "Layers": []}]
        yield from _member("config.json", len(self._config), [self._config])
        with self._explained():
            for number, name in enumerate(self._image.layers):
                yield from _member(f"{number}/layer.tar", self._store.size_bytes(name), self._store.pieces(name))
                rows[0]["Layers"].append(f"{number}/layer.tar")  # type: ignore[attr-defined]
        content = json.dumps(rows).encode()
        yield from _member("manifest.json", len(content), [content])
        yield bytes(2 * _BLOCK_BYTES)

    def close(self) -> None:
        """Close the file, also while another thread reads it."""
        self._store.close()

    def _chosen(self, wanted: str) -> manifest.Image:
        found = manifest.images(
            lambda name: manifest.parse(self._verified(name)), has_manifest=self._store.has("manifest.json")
        )
        chosen = manifest.choose(found, wanted)
        if len(chosen) == 1:
            return chosen[0]
        held = f"{self.path} holds {len(found)} images: {'; '.join(map(str, found[:20])) or 'none'}"
        what = f"no image of {self.path} is named {wanted!r}: {held}" if wanted and not chosen else held
        raise SeatrialError(Code.IMAGE_FILE, what, hint=f"choose one: --image {self.path}:NAME")

    def _verified(self, name: str) -> bytes:
        if self._store.size_bytes(name) > manifest.DOCUMENT_BYTES:
            raise Broken(f"{name} is too long for a document")
        content = b"".join(self._store.pieces(name))
        expected = manifest.digest_of(name)
        if expected and hashlib.sha256(content).hexdigest() != expected:
            raise Broken(f"{name} is not what its digest says")
        return content

    def _layer(self, name: str, diff_id: str, wanted: Wanted, known: tuple[Entry, ...] | None) -> tuple[Entry, ...]:
        packed, plain = hashlib.sha256(), hashlib.sha256()
        try:
            stream = _hashed(unpacking.plain(_hashed(self._store.pieces(name), packed)), plain)
            if known is None:
                known = read_layer(stream, wanted)
            for _ in stream:
                pass
        except Broken as error:
            raise Broken(f"the layer {name}: {error}") from error
        expected = manifest.digest_of(name)
        if diff_id != f"sha256:{plain.hexdigest()}" or (
            expected and expected not in {packed.hexdigest(), plain.hexdigest()}
        ):
            raise Broken(f"the layer {name} is not what its digest says")
        return known

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except Broken as error:
            raise SeatrialError(
                Code.IMAGE_FILE,
                f"the image in {self.path} cannot be read: {error}",
                hint="write it again: docker save IMAGE -o FILE",
            ) from error
        except OSError as error:
            code = Code.DISK_FULL if error.errno == errno.ENOSPC else Code.IMAGE_FILE
            raise SeatrialError(code, f"{self.path}: {error.strerror or error}", hint="") from error
        except ValueError as error:
            raise SeatrialError(Code.IMAGE_FILE, f"{self.path}: {error}", hint="") from error


def _hashed(pieces: Iterable[bytes | memoryview], digest: Any) -> Iterator[bytes | memoryview]:
    for piece in pieces:
        digest.update(piece)
        yield piece


def _member(name: str, size: int, pieces: Iterable[bytes]) -> Iterator[bytes]:
    header = tarfile.TarInfo(name)
    header.size = size
    yield header.tobuf(tarfile.GNU_FORMAT)
    yield from pieces
    yield bytes(-size % _BLOCK_BYTES)
