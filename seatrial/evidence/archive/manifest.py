"""Which images an archive or a layout holds: the manifest of `docker save`, or an OCI index and what it leads to."""

from __future__ import annotations

import json
import platform
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seatrial.evidence.archive.model import Broken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DOCUMENT_BYTES = 16 << 20
"""No manifest, index or configuration is larger."""
INDEX_DEPTH = 4
MOST_IMAGES = 1000

_DIGEST = re.compile(r"(?:sha256:|^blobs/sha256/|^)([0-9a-f]{64})(?:\.json)?$")
_INDEX_TYPES = {
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
}
_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "AMD64": "amd64"}


@dataclass(frozen=True)
class Image:
    """One image of an archive: where its parts lie, and the names that it goes by."""

    config: str
    layers: tuple[str, ...]
    names: tuple[str, ...] = ()
    platform: str = ""

    def __str__(self) -> str:
        """Name it, for a person who must choose."""
        return " ".join([", ".join(self.names) or self.config, self.platform]).strip()


def parse(content: bytes) -> Any:
    """Return a JSON document. Raises Broken."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Broken("a document in it is no JSON") from error


def digest_of(name: str) -> str:
    """Return the SHA-256 that a file's name or a digest says, or nothing when it says none."""
    said = _DIGEST.search(name)
    return said[1] if said else ""


def images(load: Callable[[str], Any], *, has_manifest: bool) -> list[Image]:
    """Return every image. `load` gives a document by its name in the archive. Raises Broken."""
    try:
        if has_manifest:
            return [_saved(row) for row in load("manifest.json")]
        return _per_name(_indexed(load, load("index.json"), (), 0))
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        if isinstance(error, Broken):
            raise
        raise Broken("its manifest is not one") from error


def choose(found: list[Image], wanted: str) -> list[Image]:
    """Return the images that a name, a tag, a digest or a platform means; without a name, all.

    Of one image for several platforms, this machine's is meant.
    """
    chosen = [image for image in found if not wanted or _is_meant(image, wanted)]
    here = f"linux/{_MACHINES.get(platform.machine(), platform.machine())}"
    if len({image.names for image in chosen}) == 1 and len(chosen) > 1:
        return [image for image in chosen if image.platform.startswith(here)] or chosen
    return chosen


def _is_meant(image: Image, wanted: str) -> bool:
    if wanted in image.names or wanted == image.platform:
        return True
    if any(name.endswith((f":{wanted}", f"/{wanted}")) or name == f"{wanted}:latest" for name in image.names):
        return True
    return digest_of(image.config).startswith(wanted.removeprefix("sha256:"))


def _saved(row: dict[str, Any]) -> Image:
    layers = row["Layers"]
    if not layers or not all(isinstance(name, str) for name in [row["Config"], *layers]):
        raise Broken("its manifest names no layers")
    return Image(row["Config"], tuple(layers), tuple(map(str, row.get("RepoTags") or ())))


def _indexed(load: Callable[[str], Any], index: Any, names: tuple[str, ...], depth: int) -> Iterator[Image]:
    if depth > INDEX_DEPTH:
        raise Broken(f"its indexes are nested more than {INDEX_DEPTH} times")
    for row in index["manifests"]:
        annotations = row.get("annotations") or {}
        known = tuple(str(annotations[key]) for key in _NAMES if annotations.get(key)) or names
        made_for = row.get("platform") or {}
        if made_for.get("os") == "unknown" or annotations.get("vnd.docker.reference.type"):
            continue  # what is said about an image, not an image
        document = load(blob_of(row["digest"]))
        if row.get("mediaType") in _INDEX_TYPES or "manifests" in document:
            yield from _indexed(load, document, known, depth + 1)
        else:
            parts = tuple(blob_of(layer["digest"]) for layer in document["layers"])
            said = "/".join(str(made_for[key]) for key in ("os", "architecture", "variant") if made_for.get(key))
            yield Image(blob_of(document["config"]["digest"]), parts, known, said)


def _per_name(found: Iterator[Image]) -> list[Image]:
    """Return the images, those that are one under several names once."""
    merged: dict[str, Image] = {}
    for image in found:
        before = merged.get(image.config, image)
        names = tuple(dict.fromkeys([*before.names, *image.names]))
        merged[image.config] = Image(image.config, image.layers, names, image.platform)
        if len(merged) > MOST_IMAGES:
            raise Broken(f"it holds more than {MOST_IMAGES} images")
    return list(merged.values())


def blob_of(digest: Any) -> str:
    """Return where an OCI layout keeps the blob of a digest. Raises Broken for anything but SHA-256."""
    if not isinstance(digest, str) or not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise Broken(f"its manifest names {str(digest)[:100]!r}, which is no SHA-256 digest")
    return "blobs/sha256/" + digest.removeprefix("sha256:")


def diff_ids_of(config: Any, layers: int) -> list[str]:
    """Return the digests of the unpacked layers that an image's configuration lists. Raises Broken."""
    rootfs = config.get("rootfs") if isinstance(config, dict) else None
    found = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise Broken("its configuration lists no layers")
    if len(found) != layers:
        raise Broken(f"its manifest names {layers} layers, its configuration {len(found)}")
    return found
