"""The image: its configuration, history and layers, read once."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from seatrial.errors import Code, SeatrialError
from seatrial.evidence.archive import Layer, read_image
from seatrial.evidence.base import SCRATCH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatrial.engine import Engine
    from seatrial.evidence.cache import LayerCache
    from seatrial.evidence.secrets import Wanted


def chain_id(diff_ids: Sequence[str]) -> str:
    """Return the digest that stands for all layers of an image together: the ChainID of the OCI image specification."""
    chain = ""
    for diff_id in diff_ids:
        chain = f"sha256:{hashlib.sha256(f'{chain} {diff_id}'.encode()).hexdigest()}" if chain else diff_id
    return chain


def documents(
    engine: Engine, reference: str, base: str, wanted: Wanted, cache: LayerCache | None = None
) -> dict[str, Any]:
    """Return the documents about an image.

    image.inspect, image.history: as Docker gave them. image.base_layers: the digests of the base image's layers, or
    nothing when it is not in the store; image.base: its name and id; both are left out when nobody knows the base.
    image.layers: a tuple of `Layer`, of which those in the cache are not read.
    Raises SeatrialError IMAGE_MISSING.
    """
    inspected = engine.image(reference)
    if inspected is None:
        raise SeatrialError(Code.IMAGE_MISSING, f"there is no image {reference}", hint="./invoke build")
    base_inspected = engine.image(base) if base not in {"", SCRATCH} else None
    found = {
        "image.inspect": inspected,
        "image.history": engine.history(reference),
        "image.layers": _layers(engine, reference, list(inspected["RootFS"].get("Layers") or []), wanted, cache),
    }
    if base:
        found["image.base_layers"] = list(base_inspected["RootFS"].get("Layers") or []) if base_inspected else []
        found["image.base"] = {"reference": base, "id": (base_inspected or {}).get("Id", "")}
    return found


def _layers(
    engine: Engine, reference: str, diff_ids: list[str], wanted: Wanted, cache: LayerCache | None
) -> tuple[Layer, ...]:
    known = {diff_id: cache.find(diff_id) for diff_id in diff_ids} if cache is not None else {}
    found = tuple(Layer(diff_id, entries) for diff_id, entries in known.items() if entries is not None)
    if diff_ids and len(found) == len(diff_ids):
        return found
    layers = read_image(engine.save(reference), wanted)
    if cache is not None:
        for layer in layers:
            cache.keep(layer.diff_id, layer.entries)
    return layers
