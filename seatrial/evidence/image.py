"""The image: its configuration, history and layers, read once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seatrial.errors import Code, SeatrialError
from seatrial.evidence import filed_image
from seatrial.evidence.archive import Layer, read_image
from seatrial.evidence.base import SCRATCH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from seatrial.asked import AskedEngine
    from seatrial.engine import Engine
    from seatrial.evidence.archive.filed import ImageFile
    from seatrial.evidence.cache import LayerCache
    from seatrial.evidence.secrets import Wanted


@dataclass(frozen=True)
class Read:
    """The layers of an image, and its id when they were read."""

    image_id: str
    layers: tuple[Layer, ...]


def chain_id(diff_ids: Sequence[str]) -> str:
    """Return the digest that stands for all layers of an image together: the ChainID of the OCI image specification."""
    chain = ""
    for diff_id in diff_ids:
        chain = f"sha256:{hashlib.sha256(f'{chain} {diff_id}'.encode()).hexdigest()}" if chain else diff_id
    return chain


def read_ahead(engine: AskedEngine, reference: str, wanted: Wanted, cache: LayerCache) -> Read | None:
    """Return the layers of an image in the engine; None when that fails, and whoever gets nothing asks again."""
    try:
        # Who waits for more than the socket cannot be told to stop.
        inspected = engine.at_hand(reference)
        if inspected is None:
            return None
        diff_ids = list(inspected["RootFS"].get("Layers") or [])
        return Read(inspected["Id"], _layers(engine.save, inspected["Id"], diff_ids, wanted, cache))
    except (SeatrialError, ValueError, LookupError, TypeError):
        return None


def documents(  # noqa: PLR0913 - what is known already
    engine: Engine,
    reference: str,
    wanted: Wanted,
    cache: LayerCache | None = None,
    *,
    with_layers: bool = True,
    ahead: Future[Read | None] | None = None,
) -> dict[str, Any]:
    """Return the documents about an image in the engine.

    image.inspect, image.history: as Docker gave them. image.layers: a tuple of `Layer`, of which those in the cache are
    not read. Raises SeatrialError IMAGE_MISSING.
    """
    inspected = engine.image(reference)
    if inspected is None:
        raise SeatrialError(Code.IMAGE_MISSING, f"there is no image {reference}", hint="./invoke build")
    found: dict[str, Any] = {"image.inspect": inspected}
    if with_layers:
        # By its id: the name may mean another image by now.
        found["image.history"] = engine.history(inspected["Id"])
        # And `docker save NAME` gives every tag of that name.
        diff_ids = list(inspected["RootFS"].get("Layers") or [])
        read = ahead.result() if ahead is not None else None
        if read is not None and read.image_id == inspected["Id"]:
            found["image.layers"] = read.layers
        else:
            found["image.layers"] = _layers(engine.save, inspected["Id"], diff_ids, wanted, cache)
    return found


def documents_of_file(file: ImageFile, wanted: Wanted, cache: LayerCache) -> dict[str, Any]:
    """Return the same documents about an image in a file."""
    layers = file.layers(wanted, cache.find)
    _keep([layer for layer in layers if cache.lacks(layer.diff_id)], cache)
    size_bytes = sum(entry.size_bytes for layer in layers for entry in layer.entries)
    return {
        "image.inspect": filed_image.inspected(file, size_bytes),
        "image.history": filed_image.history(file),
        "image.layers": layers,
    }


def base_documents(engine: Engine | None, base: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what is known of the base image, and why something is missing.

    image.base: its name and id. image.base_layers: the digests of its layers, or nothing when it is not in the store.
    Neither is there when nobody knows the base.
    """
    if not base:
        return {}, {}
    if base == SCRATCH:
        return {"image.base": {"reference": base, "id": ""}, "image.base_layers": []}, {}
    file = filed_image.opened(base)
    if file is not None:
        with file:
            return {"image.base": {"reference": base, "id": file.id}, "image.base_layers": file.diff_ids}, {}
    if engine is None:
        reason = f"no Docker Engine answers, and {base} is no file: name the base image's archive with --base"
        return {"image.base": {"reference": base, "id": ""}}, {"image.base_layers": reason}
    inspected = engine.image(base)
    layers = list((inspected.get("RootFS") or {}).get("Layers") or []) if inspected else []
    return {"image.base": {"reference": base, "id": (inspected or {}).get("Id", "")}, "image.base_layers": layers}, {}


def _layers(
    save: Callable[[str], Iterator[bytes]], image_id: str, diff_ids: list[str], wanted: Wanted, cache: LayerCache | None
) -> tuple[Layer, ...]:
    # The engine begins at once, where it is sure that it will be asked.
    begun = save(image_id) if cache is None or any(map(cache.lacks, diff_ids)) else None
    kept = {diff_id: cache.find(diff_id) for diff_id in diff_ids} if cache is not None else {}
    known = {diff_id: entries for diff_id, entries in kept.items() if entries is not None}
    if diff_ids and len(known) == len(diff_ids):
        return tuple(Layer(diff_id, known[diff_id]) for diff_id in diff_ids)
    layers = read_image(begun or save(image_id), wanted, known)
    if cache is not None:
        _keep([layer for layer in layers if layer.diff_id not in known], cache)
    return layers


def _keep(layers: Iterable[Layer], cache: LayerCache) -> None:
    for layer in layers:
        cache.keep(layer.diff_id, layer.entries)
